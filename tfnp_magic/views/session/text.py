"""A session's report as text."""

from __future__ import annotations

from tfnp_magic.shell.session_runs import CellRuns, SessionReport
from tfnp_magic.views.session.lines import table_of
from tfnp_magic.views.session.wording import (
    comparison,
    heading,
    opening,
    remarks,
    told_cells,
)
from tfnp_magic.views.tables import Table
from tfnp_magic.views.wording import cut, folded, page_width, plain, width_of

_GAP = "  "
_NARROWEST = 24
"""Columns that the last column has at least, if it needs so many."""


def report(session: SessionReport, width: int | None = None) -> str:
    """Totals, then the cells with their lines, then what is not shown.

    Parameters
    ----------
    session
        What `tfnp_magic.shell.session_runs.SessionRuns.report` returned.
    width
        Columns that it is folded to; by default the terminal's, and no less than 80.
    """
    width = page_width(width)
    sections = [
        folded(plain(opening(session)), width),
        *(_cell(cell, width) for cell in told_cells(session)),
        "\n".join(folded(plain(text), width) for text in remarks(session)),
    ]
    return "\n\n".join(filter(None, sections))


def _cell(cell: CellRuns, width: int) -> str:
    table, more = table_of(cell)
    parts = [
        folded(plain(f"{heading(cell)}."), width),
        *(folded(plain(text), width, "  - ", "    ") for text in comparison(cell)),
        *([_table(table, width)] if table.rows else []),
        plain(more),
    ]
    return "\n".join(filter(None, parts))


def _table(table: Table, width: int) -> str:
    columns = [list(map(plain, column)) for column in zip(table.head, *table.rows, strict=True)]
    widths = [max(map(width_of, column)) for column in columns]
    numbers = len(columns) - table.words
    lines = []
    for row in range(len(table.rows) + 1):
        cells = [
            _padded(column[row], widths[at], right=at < numbers)
            for at, column in enumerate(columns)
        ]
        room = width - sum(widths[:-1]) - len(_GAP) * len(columns)
        cells[-1] = cut(columns[-1][row], max(room, _NARROWEST))
        lines.append((_GAP + _GAP.join(cells)).rstrip())
    return "\n".join(lines)


def _padded(text: str, columns: int, *, right: bool) -> str:
    blanks = " " * (columns - width_of(text))
    return blanks + text if right else text + blanks
