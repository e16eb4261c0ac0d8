"""The annotated cell as text, for terminals and logs."""

from __future__ import annotations

import math

from tfnp_magic.recording import Recording
from tfnp_magic.views.annotated.rows import (
    CALLED,
    Block,
    Gap,
    Row,
    blocks_of,
    columns_of,
    number_of,
    rows_of,
    signs_of,
)
from tfnp_magic.views.wording import cut, folded, width_of

MARKS = " ░▒▓█"
"""How hot a line is: nothing, then up to a quarter, a half, three quarters, and all."""

_GAP = "  "


def annotated_text(recording: Recording, width: int) -> str:
    """The cell with figures at each line that converted; empty where none did.

    Parameters
    ----------
    recording
        A complete recording.
    width
        Columns of a terminal, at least 80, that no line exceeds: code is cut.
    """
    blocks = blocks_of(recording)
    if not blocks:
        return ""
    columns = columns_of(blocks)
    parts = []
    table = _Table(blocks, columns, width)
    for block in blocks:
        heading = [_end_of(block.heading, width)] if block.heading and len(blocks) > 1 else []
        parts.append("\n".join([*heading, *map(table.line, block.rows)]))
    return "\n\n".join([f"{table.header()}\n{parts[0]}", *parts[1:], _legend(blocks, width)])


def _end_of(heading: str, width: int) -> str:
    """Of a path that is too long, the file's name is at its end."""
    return cut(heading[::-1], width)[::-1]


class _Table:
    """What the lines have in common: how wide each column is."""

    def __init__(self, blocks: list[Block], columns: list[str], width: int) -> None:
        rows = rows_of(blocks)
        numbers = ["line", *map(number_of, rows)]
        self._number_width = max(map(len, numbers))
        self._widths = {
            name: max(width_of(text) for text in [name, *(_cell(row, name) for row in rows)])
            for name in columns
        }
        taken = self._number_width + 2 + sum(self._widths.values()) + len(_GAP) * len(columns)
        self._room = max(width - taken - len(_GAP), 1)

    def header(self) -> str:
        cells = {name: name for name in self._widths}
        return self._joined("line", " ", cells, "code")

    def line(self, row: Row | Gap) -> str:
        if isinstance(row, Gap):
            return self._joined("", " ", {}, str(row))
        cells = {name: _cell(row, name) for name in self._widths}
        return self._joined(number_of(row), mark_of(row.heat), cells, row.code)

    def _joined(self, number: str, mark: str, cells: dict[str, str], code: str) -> str:
        texts = [f"{number:>{self._number_width}} {mark}"]
        for name, width in self._widths.items():
            text = cells.get(name, "")
            blanks = " " * (width - width_of(text))
            texts.append(text + blanks if name == "casts" else blanks + text)
        return _GAP.join([*texts, cut(code, self._room)]).rstrip()


def mark_of(heat: float) -> str:
    """The mark for a share from 0 to 1."""
    steps = len(MARKS) - 1
    return MARKS[min(math.ceil(heat * steps), steps)]


def _cell(row: Row, name: str) -> str:
    text = row.cells.get(name, "")
    return f"{CALLED} {text}" if name == "count" and row.is_called else text


def _legend(blocks: list[Block], width: int) -> str:
    """What the signs mean."""
    marks = f"{MARKS[1:]} largest share of count, copied, moved or time: up to 25, 50, 75, 100 %"
    signs = [sign.replace(" ", _UNBROKEN) for sign in (marks, *signs_of(blocks))]
    return folded("; ".join(signs), width).replace(_UNBROKEN, " ")


_UNBROKEN = "\N{NO-BREAK SPACE}"
"""Keeps a sign and what it means on one line."""
