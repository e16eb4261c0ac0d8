"""What a session remembers of its cells: sums over all runs, and the latest two of each cell."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any

from tfnp_magic.cell_text.syntax import END
from tfnp_magic.model import IN_GRAPH
from tfnp_magic.recording import Recording
from tfnp_magic.views.edited import SIMILAR, bare
from tfnp_magic.views.lines import Figures

MAX_CELLS = 500
"""Cells of which runs are kept; those that ran longest ago are forgotten, but for their sums."""

MAX_KEPT = 200_000
"""Crossings, moments and hazards that the kept runs hold in all, but for the latest cell's."""

_FEWEST_LINES = 3
"""Lines from which on a cell is known again by most of them; of fewer, all must be the same."""

_MOST_COMPARED = 50
"""Cells that a text is compared with, those that ran last: a shell has thousands of inputs."""


@dataclasses.dataclass
class Sums:
    """What several runs come to.

    Attributes
    ----------
    runs
        How many.
    figures
        Of all their conversions.
    in_graphs
        How many of these are casts and moves inside graphs.
    left_out
        How many conversions were of threads or tasks that the cell then running did not start.
    """

    runs: int = 0
    figures: Figures = dataclasses.field(default_factory=Figures)
    in_graphs: int = 0
    left_out: int = 0

    def add(self, recording: Recording) -> None:
        """Count one run more."""
        self.runs += 1
        self.left_out += recording.left_out
        for crossing in recording.ledger:
            self.figures.add(crossing)
            self.in_graphs += crossing.count * (crossing.direction == IN_GRAPH)

    def copy(self) -> Sums:
        """The same, which further runs do not change."""
        figures = dataclasses.replace(self.figures, moves=dict(self.figures.moves))
        return dataclasses.replace(self, figures=figures)


@dataclasses.dataclass
class CellRuns:
    """One cell of a session.

    Attributes
    ----------
    cell_id
        The notebook's id of it; None where the frontend gives none.
    lines
        What stood in it when it ran last: bare lines, without blank ones.
    sums
        Over all its runs.
    latest, previous
        Its latest run, and the one before; `previous` is None after the first.
    was_edited
        Whether other lines stood in it in the run before.
    """

    cell_id: str | None
    lines: list[str]
    sums: Sums
    latest: Recording
    previous: Recording | None = None
    was_edited: bool = False

    @property
    def converts(self) -> bool:
        """Whether there is something to say of its latest two runs."""
        return any(map(_says_something, filter(None, (self.latest, self.previous))))


class SessionRuns:
    """The cells of one session, and what they converted.

    Attributes
    ----------
    cells
        Those that are kept, in the order of their latest runs.
    total
        Sums over all runs of all cells.
    forgotten
        How many cells are no longer kept; their runs are in `total`.
    lost
        What our own failures cost, a sentence each.
    """

    def __init__(self) -> None:
        self.cells: list[CellRuns] = []
        self.total = Sums()
        self.forgotten = 0
        self.lost: list[str] = []

    def add(self, recording: Recording, text: str, cell_id: str | None) -> CellRuns:
        """Count one run of a cell, and keep it.

        Parameters
        ----------
        recording
            Complete.
        text
            The cell as it was typed.
        cell_id
            The notebook's id of it, or None: then it is known again by its text.
        """
        self.total.add(recording)
        lines = [line for line in map(bare, END.split(text)) if line]
        cell = self._known(lines, cell_id)
        if cell is None:
            cell = CellRuns(cell_id, lines, Sums(), recording)
        else:
            self.cells = [other for other in self.cells if other is not cell]
            cell.was_edited = cell.lines != lines
            cell.lines, cell.latest, cell.previous = lines, recording, cell.latest
        cell.sums.add(recording)
        self.cells.append(cell)
        self._forget()
        return cell

    def _known(self, lines: list[str], cell_id: str | None) -> CellRuns | None:
        if cell_id is not None:
            return next((cell for cell in self.cells if cell.cell_id == cell_id), None)
        unnamed = [cell for cell in reversed(self.cells) if cell.cell_id is None]
        same = (cell for cell in unnamed if cell.lines == lines)
        edited = (cell for cell in unnamed[:_MOST_COMPARED] if _is_edited(cell.lines, lines))
        return next(same, None) or next(edited, None)

    def _forget(self) -> None:
        kept = sum(map(_size, self.cells))
        while len(self.cells) > 1 and (len(self.cells) > MAX_CELLS or kept > MAX_KEPT):
            kept -= _size(self.cells.pop(0))
            self.forgotten += 1

    def report(self) -> SessionReport:
        """What there is now; what runs later does not change it."""
        cells = [dataclasses.replace(cell, sums=cell.sums.copy()) for cell in self.cells]
        return SessionReport(cells, self.total.copy(), self.forgotten, list(self.lost))


@dataclasses.dataclass
class SessionReport:
    """What the cells of a session converted, by cell and line, and what changed.

    Attributes
    ----------
    cells
        In the order of their latest runs; each has its `latest` and `previous` `Recording`.
    total
        Sums over all runs of all cells, forgotten ones included.
    forgotten
        How many cells are no longer kept: there were more than `MAX_CELLS`, or their runs held
        more than `MAX_KEPT`.
    lost
        What our own failures cost, a sentence each.
    """

    cells: list[CellRuns]
    total: Sums
    forgotten: int = 0
    lost: list[str] = dataclasses.field(default_factory=list)

    def recording(self, title: str) -> Recording:
        """The recording of a kept run, as in ``report.recording("In[7]")``.

        Raises
        ------
        KeyError
            Where no run that is kept has this title.
        """
        runs = [run for cell in self.cells for run in (cell.previous, cell.latest) if run]
        for run in reversed(runs):
            if run.title == title:
                return run
        known = ", ".join(run.title for run in runs) or "none"
        raise KeyError(f"no run {title!r} is kept; there are {known}")

    def summary(self) -> Any:
        """Return one row per cell: its latest run, the run before, and all its runs.

        Returns
        -------
        pandas.DataFrame
            The columns of `tfnp_magic.views.session.frames.COLUMNS`.
        """
        from tfnp_magic.views.session.frames import summary_frame

        return summary_frame(self)

    def by_line(self) -> Any:
        """Return the lines of each cell's latest run: `Recording.by_line`, behind ``cell``."""
        from tfnp_magic.views.session.frames import by_line_frame

        return by_line_frame(self)

    def changes(self) -> Any:
        """Return each cell's latest run against the one before: `diff`, behind ``cell``."""
        from tfnp_magic.views.session.frames import changes_frame

        return changes_frame(self)

    def __str__(self) -> str:
        from tfnp_magic.views.session.text import report

        return report(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from tfnp_magic.views.session.html import report

        return report(self)


def _is_edited(before: list[str], after: list[str]) -> bool:
    """Whether most lines are the same. Of short texts that says little: they have to be equal."""
    if min(len(before), len(after)) < _FEWEST_LINES:
        return False
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return matcher.real_quick_ratio() >= SIMILAR and matcher.ratio() >= SIMILAR


def _says_something(run: Recording) -> bool:
    return bool(run.ledger or run.lost or run.forbidden)


def _size(cell: CellRuns) -> int:
    runs = filter(None, (cell.latest, cell.previous))
    return sum(len(run.ledger) + len(run.moments) + len(run.hazards) for run in runs)
