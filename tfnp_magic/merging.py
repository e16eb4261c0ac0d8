"""Recordings of one cell from several engines, as one: `merge`.

Engines count their cells on their own: what is ``In[3]`` on one is ``In[5]`` on another. A cell
is known by its text here, and a line by its cell and number; another cell's function, by its own
line. Where the engines ran different cells, each text stands by itself.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tfnp_magic.model import Place
from tfnp_magic.recording import Recording

if TYPE_CHECKING:
    import pandas as pd

Engine = Any
"""What an engine is known by: a number, or a name."""


@dataclasses.dataclass(frozen=True)
class Absence:
    """Why there is no recording from an engine.

    Attributes
    ----------
    kind
        Class of the exception that came instead; empty where nothing came.
    text
        The first line of what it says.
    """

    kind: str = ""
    text: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}".removesuffix(": ") if self.kind else "sent nothing"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One text that engines ran.

    Attributes
    ----------
    name
        What it is called for all of them: as on the first of these, by number or file.
    engines
        Those that ran it.
    titles
        What it is called on each.
    """

    name: str
    engines: list[Engine]
    titles: dict[Engine, str]


@dataclasses.dataclass(eq=False)
class Merged:
    """What several engines recorded: printed, a report; and tables of it.

    Attributes
    ----------
    recordings
        As each engine left it.
    absent
        Engines of which there is none, and why.
    """

    recordings: dict[Engine, Recording]
    absent: dict[Engine, Absence]

    @functools.cached_property
    def cells(self) -> list[Cell]:
        """The texts that the engines ran: one, as a rule; the one that most ran comes first."""
        groups: dict[tuple[str, str], list[Engine]] = {}
        for engine, recording in self.recordings.items():
            title = "" if recording.source else recording.title
            groups.setdefault((title, recording.source), []).append(engine)
        cells: list[Cell] = []
        for engines in sorted(groups.values(), key=len, reverse=True):
            titles = {engine: self.recordings[engine].title for engine in engines}
            name = titles[engines[0]]
            if any(cell.name == name for cell in cells):
                name += f" of engine {engines[0]}"
            cells.append(Cell(name, engines, titles))
        return cells

    @functools.cached_property
    def aligned(self) -> dict[Engine, Recording]:
        """The recordings with the same names for the same cells, without moments."""
        names = _Names()
        by_engine = {
            engine: names.aligned(self.recordings[engine], cell.name)
            for cell in self.cells
            for engine in cell.engines
        }
        return {engine: by_engine[engine] for engine in self.recordings}

    def summary(self) -> pd.DataFrame:
        """Return one row per line, route and outcome, summed over all engines.

        Returns
        -------
        pandas.DataFrame
            The columns of `Recording.summary`, then ``engines`` (int64), on how many of these
            that happened, and ``cell``, the cell's name.
        """
        from tfnp_magic.views.merged.frames import summary_frame

        return summary_frame(self)

    def by_engine(self) -> pd.DataFrame:
        """Return one row per engine, also for those that sent no recording.

        Returns
        -------
        pandas.DataFrame
            The columns of `tfnp_magic.views.merged.frames.ENGINE_COLUMNS`.
        """
        from tfnp_magic.views.merged.frames import engines_frame

        return engines_frame(self)

    def crossings(self) -> pd.DataFrame:
        """Return the ledgers in full, as the engines left them.

        Returns
        -------
        pandas.DataFrame
            ``engine``, then the columns of `Recording.crossings`.
        """
        from tfnp_magic.views.merged.frames import ledgers_frame

        return ledgers_frame(self)

    def findings(self) -> pd.DataFrame:
        """Return what each engine's report would say first; a report tells what they share once.

        Returns
        -------
        pandas.DataFrame
            ``engine``, then the columns of `Recording.findings`.
        """
        from tfnp_magic.views.merged.frames import all_findings_frame

        return all_findings_frame(self)

    def __str__(self) -> str:
        from tfnp_magic.views.merged.text import report

        return report(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from tfnp_magic.views.merged.html import report

        return report(self)


def merge(recordings: Any, *, engines: Iterable[Engine] = ()) -> Merged:
    """Put together what several engines recorded of one cell: print it for the report.

    Parameters
    ----------
    recordings
        A mapping from engines to recordings; or an iterable of these, whose engines are 0, 1, …;
        or ipyparallel's `AsyncResult` of pulling them, which is waited for. An exception stands
        for an engine that failed, and None for one that sent nothing: both are named in the
        report.
    engines
        Those that there should be. Any of these that is not among `recordings`, such as one
        that has died, counts as one that sent nothing.

    Raises
    ------
    TypeError
        Where something else is among them.
    ValueError
        Where there is nothing at all.

    Examples
    --------
    >>> import tfnp_magic
    >>> rec = tfnp_magic.Recording(title="In[3]")
    >>> merged = tfnp_magic.merge({"left": rec, "right": OSError("lost")})
    >>> list(merged.recordings), merged.absent["right"].kind
    (['left'], 'OSError')
    """
    found: dict[Engine, Recording] = {}
    absent: dict[Engine, Absence] = {}
    for engine, value in {**dict.fromkeys(engines), **_by_engine(recordings)}.items():
        if isinstance(value, Recording):
            found[engine] = value
        elif value is None or isinstance(value, BaseException):
            absent[engine] = _absence(value)
        else:
            raise TypeError(
                f"merge takes recordings, exceptions and None, and engine {engine} has "
                f"{type(value).__name__}: files are read with `tfnp_magic.load`"
            )
    if not found and not absent:
        raise ValueError("there is no recording to merge: give one for each engine")
    return Merged(found, absent)


def _by_engine(recordings: Any) -> Mapping[Engine, Any]:
    if isinstance(recordings, Mapping):
        return recordings
    if hasattr(recordings, "engine_id") and hasattr(recordings, "get"):  # an AsyncResult
        values, engines = recordings.get(return_exceptions=True), recordings.engine_id
        if isinstance(engines, list):
            return dict(zip(engines, values, strict=True))
        return {engines: values}
    if isinstance(recordings, Iterable) and not isinstance(recordings, str | bytes):
        return dict(enumerate(recordings))
    raise TypeError(
        "merge takes a mapping from engines to recordings, or a list of recordings, and not "
        f"{type(recordings).__name__}"
    )


def _absence(error: BaseException | None) -> Absence:
    """Of ipyparallel's `RemoteError`, what was raised on the engine."""
    if error is None:
        return Absence()
    kind, text = getattr(error, "ename", None), getattr(error, "evalue", None)
    if not isinstance(kind, str) or not isinstance(text, str):
        kind, text = type(error).__name__, str(error)
    lines = text.strip().splitlines()
    return Absence(kind, lines[0] if lines else "")


# The same names for the same lines.

_CELL = re.compile(r"In\[\d+\]")


class _Names:
    """What the lines of cells are called, for all engines."""

    def __init__(self) -> None:
        self._sources: dict[tuple[int, str, str], list[str]] = {}

    def aligned(self, recording: Recording, name: str) -> Recording:
        """The recording with these names; the traced cell has this one."""
        renamed = functools.partial(self._renamed, name, recording.title)
        without = dataclasses.replace(recording, moments=[])
        aligned: Recording = _with_places(without, functools.lru_cache(maxsize=None)(renamed))
        aligned.title = name
        return aligned

    def _renamed(self, name: str, title: str, place: Place) -> Place:
        if place.source == title:
            return place._replace(source=name)
        if not _CELL.fullmatch(place.source):
            return place
        key = place.line, place.function, place.code
        sources = self._sources.setdefault(key, [place.source])
        return place if place.source in sources else place._replace(source=sources[0])


def _with_places(value: Any, renamed: Any) -> Any:
    """A copy of plain data with its places renamed."""
    again = functools.partial(_with_places, renamed=renamed)
    if isinstance(value, Place):
        return renamed(value)
    if isinstance(value, list):
        return list(map(again, value))
    if isinstance(value, tuple):
        parts = list(map(again, value))
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (field.name for field in dataclasses.fields(value))
        return dataclasses.replace(value, **{name: again(getattr(value, name)) for name in fields})
    return value
