"""The annotated cell as rows, before they become text or HTML.

First the traced cell, line by line; then, a block for each cell or file, the lines of functions
that it called. Shares are parts of what the whole recording copied, moved, took and counted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from tfnp_magic.cell_text.syntax import END
from tfnp_magic.figures import counted
from tfnp_magic.recording import Recording
from tfnp_magic.views.amounts import AT_LEAST, COLUMNS, UNKNOWN, cells_of, shares_of
from tfnp_magic.views.lines import Figures, Line, figures_of, lines_of
from tfnp_magic.views.wording import plain, width_of

WHOLE = 60
"""Lines up to which a cell is shown whole; of a longer one, those with figures and `AROUND`."""

AROUND = 2
"""Lines of a long cell that are shown above and below each one with figures."""

MOST_LINES = 120
"""Lines with figures that a report shows, the hottest; the DataFrame has them all."""

ELSEWHERE, NO_LINE = "elsewhere", "(no line known)"
"""Heading and code of what is on no line."""

CALLED, IN_CALLS = "↳", "(in functions it calls)"
"""Stands before the count of conversions that count at other lines; their row, below its line."""

_TAB = 4
_LONGEST = 2000  # characters of a line: it may be a file of its own


class Row(NamedTuple):
    """One line of the annotated cell.

    Attributes
    ----------
    number
        The line's number; None where the row belongs to the one above, or to no line.
    code
        The line's text: tabs expanded, no control characters.
    line
        Where the figures are from; None for a line without any.
    cells
        The figures as text, by the names in `COLUMNS`.
    shares
        Parts of the recording's totals, from 0 to 1, by the same names; empty where the
        figures count at other lines.
    is_called
        Whether they do: a call from this line led to the conversions.
    """

    number: int | None
    code: str
    line: Line | None = None
    cells: dict[str, str] = {}
    shares: dict[str, float] = {}
    is_called: bool = False

    @property
    def figures(self) -> Figures:
        """The figures themselves."""
        if self.line is None:
            return Figures()
        return self.line.called if self.is_called else self.line.own

    @property
    def heat(self) -> float:
        """The largest share."""
        return max(self.shares.values(), default=0.0)


class Gap(NamedTuple):
    """Lines that are not shown, and how many of them have figures."""

    lines: int
    converting: int

    def __str__(self) -> str:
        text = f"… {counted(self.lines, 'line')}"
        if self.converting == self.lines:
            return f"{text} with conversions"
        return f"{text}, {self.converting:,} with conversions" if self.converting else text


class Block(NamedTuple):
    """Rows of one cell or file."""

    heading: str
    rows: list[Row | Gap]


def blocks_of(recording: Recording) -> list[Block]:
    """The traced cell, then other cells by number, files by name, and what is on no line."""
    lines, totals = lines_of(recording), figures_of(recording.ledger)
    shown = _hottest(lines, totals)
    blocks = []
    for source, group in itertools.groupby(lines, key=_source):
        is_cell = source == recording.title and bool(recording.source)
        texts = _texts(recording.source) if is_cell else []
        rows = _Page(list(group), texts, totals, shown).rows()
        blocks.append(Block(plain(source) or ELSEWHERE, rows))
    return blocks


def columns_of(blocks: list[Block]) -> list[str]:
    """The figures that the blocks show: not what moved or was cast, where nothing was."""
    return [name for name in COLUMNS if any(row.cells.get(name) for row in rows_of(blocks))]


def rows_of(blocks: list[Block]) -> list[Row]:
    """All rows of all blocks, without the gaps."""
    return [row for block in blocks for row in block.rows if isinstance(row, Row)]


def number_of(row: Row) -> str:
    """The line's number as it is shown: below its own line, a row of called figures has none."""
    if row.number is not None:
        return str(row.number)
    return "" if row.is_called else UNKNOWN


def signs_of(blocks: list[Block]) -> list[str]:
    """What the signs among the figures mean: those that occur."""
    rows = rows_of(blocks)
    texts = [text for row in rows for text in row.cells.values()]
    occur = {
        f"{CALLED} in functions that the line calls, counted there": any(
            row.is_called for row in rows
        ),
        f"{AT_LEAST} at least": any(text.startswith(AT_LEAST) for text in texts),
        f"{UNKNOWN} unknown": UNKNOWN in texts,
    }
    return [sign for sign, occurs in occur.items() if occurs]


def _source(line: Line) -> str:
    return line.place.source if line.place else ""


def _texts(source: str) -> list[str]:
    """The cell's lines as Python counts them: no form feed and no U+2028 ends one."""
    texts = END.split(source)
    return texts if texts[-1] else texts[:-1]


def _hottest(lines: list[Line], totals: Figures) -> set[int]:
    """Lines that are shown, by ``id()``."""

    def heat(line: Line) -> float:
        return max(*shares_of(line.own, totals).values(), *shares_of(line.called, totals).values())

    return set(map(id, sorted(lines, key=heat, reverse=True)[:MOST_LINES]))


class _Page:
    """The lines of one cell or file.

    Parameters
    ----------
    lines
        Those with figures, in order.
    texts
        All lines of the cell; empty for another cell or a file, whose text is not at hand.
    totals
        The figures of the whole recording.
    shown
        The ``id()`` of each line whose figures are shown.
    """

    def __init__(
        self, lines: list[Line], texts: list[str], totals: Figures, shown: set[int]
    ) -> None:
        self._lines = {line.place.line if line.place else None: line for line in lines}
        self._texts: dict[int | None, str] = dict(enumerate(texts, 1))
        self._totals = totals
        self._wanted = {number for number, line in self._lines.items() if id(line) in shown}

    def rows(self) -> list[Row | Gap]:
        """All rows, or those of a long cell that matter and what lies between them as gaps."""
        rows: list[Row | Gap] = []
        numbers = dict.fromkeys([*self._texts, *self._lines])
        for is_shown, group in itertools.groupby(numbers, key=self._is_shown):
            run = list(group)
            if is_shown or (len(run) == 1 and run[0] not in self._lines):
                rows += itertools.chain.from_iterable(map(self._rows_of, run))
            else:
                rows.append(Gap(len(run), sum(number in self._lines for number in run)))
        return rows

    def _is_shown(self, number: int | None) -> bool:
        if number in self._wanted or (number in self._texts and len(self._texts) <= WHOLE):
            return True
        if number is None or number not in self._texts:
            return False
        return any(near in self._wanted for near in range(number - AROUND, number + AROUND + 1))

    def _rows_of(self, number: int | None) -> Iterator[Row]:
        line = self._lines.get(number)
        code = self._code(number, line)
        if line is None:
            yield Row(number, code)
            return
        if line.crossings:
            shares = shares_of(line.own, self._totals)
            yield Row(number, code, line, cells_of(line.own), shares)
        if line.calls:
            of_line = (None, IN_CALLS) if line.crossings else (number, code)
            yield Row(*of_line, line, cells_of(line.called), {}, is_called=True)

    def _code(self, number: int | None, line: Line | None) -> str:
        if number in self._texts:
            return code_text(self._texts[number])
        return code_text(line.place.code) if line and line.place else NO_LINE


def code_text(text: str) -> str:
    """A line of source as it is shown: tabs expanded to stops, without control characters."""
    whole = len(text) <= _LONGEST
    shown, *parts = text.rstrip()[:_LONGEST].split("\t")
    column = width_of(shown)
    for part in parts:
        blanks = _TAB - column % _TAB
        shown += " " * blanks + part
        column += blanks + width_of(part)
    return plain(shown if whole else shown + "…")
