"""Merged recordings as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfnp_magic.views.merged.wording import (
    closing,
    engine_table,
    line_tables,
    opening,
    shared_findings,
    warnings,
)
from tfnp_magic.views.tables import Table
from tfnp_magic.views.wording import cut, folded, page_width, plain, width_of

if TYPE_CHECKING:
    from tfnp_magic.merging import Merged

_GAP = "  "
_NARROWEST = 24
"""Columns that code has at least, if it needs so many."""


def report(merged: Merged, width: int | None = None) -> str:
    """Totals, who is missing, findings, lines and engines with their spread, and remarks.

    Parameters
    ----------
    merged
        What `tfnp_magic.merge` returned.
    width
        Columns that it is folded to; by default the terminal's, and no less than 80.
    """
    width = page_width(width)
    told, more = shared_findings(merged)
    tables, notes = line_tables(merged)
    engines = engine_table(merged)
    several = len(tables) > 1
    sections = [
        folded(plain(opening(merged)), width),
        "\n".join(_item(text, width) for text in warnings(merged)),
        "\n".join(_item(each.sentence, width) for each in told),
        "\n\n".join(_table(table, width, plain(name) if several else "") for name, table in tables),
        "\n".join(_item(text, width, "-") for text in notes),
        _table(engines, width, "") if engines else "",
        "\n".join(folded(plain(text), width) for text in closing(merged, more)),
    ]
    return "\n\n".join(filter(None, sections))


def _item(sentence: str, width: int, mark: str = "!") -> str:
    return folded(plain(sentence), width, f"  {mark} ", "    ")


def _table(table: Table, width: int, heading: str) -> str:
    """All columns, in blocks that fit the width, each of which begins with the first column."""
    columns = [list(map(plain, column)) for column in zip(table.head, *table.rows, strict=True)]
    widths = [max(map(width_of, column)) for column in columns]
    first_left = len(columns) - table.words
    blocks = [
        _block(columns, widths, at, first_left, width) for at in _folded(widths, first_left, width)
    ]
    return "\n\n".join(
        filter(None, ["\n".join(filter(None, [cut(heading, width), blocks[0]])), *blocks[1:]])
    )


def _folded(widths: list[int], first_left: int, width: int) -> list[list[int]]:
    """Positions of the columns of each block."""
    blocks, taken = [[0]], widths[0]
    for position, columns in enumerate(widths[1:], 1):
        needed = len(_GAP) + (columns if position < first_left else min(columns, _NARROWEST))
        if taken + needed > width and len(blocks[-1]) > 1:
            blocks.append([0])
            taken = widths[0]
        blocks[-1].append(position)
        taken += needed
    return blocks


def _block(
    columns: list[list[str]], widths: list[int], at: list[int], first_left: int, width: int
) -> str:
    room = width - sum(widths[position] + len(_GAP) for position in at if position < first_left)
    lines = []
    for row in range(len(columns[0])):
        cells = [
            cut(columns[position][row], max(room, _NARROWEST))
            if position >= first_left
            else _padded(columns[position][row], widths[position])
            for position in at
        ]
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join(lines)


def _padded(text: str, columns: int) -> str:
    return " " * (columns - width_of(text)) + text
