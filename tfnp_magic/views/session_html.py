"""A session's report as HTML: the sections of the text, one below the other."""

from __future__ import annotations

from tfnp_magic.session_runs import CellRuns, SessionReport
from tfnp_magic.views import markup
from tfnp_magic.views.session_lines import Table, table_of
from tfnp_magic.views.session_wording import (
    comparison,
    heading,
    opening,
    remarks,
    told_cells,
)
from tfnp_magic.views.wording import cut

_LONGEST = 400  # characters of a cell: a line of source may be a file of its own


def report(session: SessionReport) -> str:
    """Totals, then the cells with their lines, then what is not shown."""
    sections = [
        markup.paragraph(f"<b>{markup.text(opening(session))}</b>"),
        *map(_cell, told_cells(session)),
        *(markup.paragraph(markup.prose(text)) for text in remarks(session)),
    ]
    return f'<div style="text-align:left">{"".join(sections)}</div>'


def _cell(cell: CellRuns) -> str:
    table, more = table_of(cell)
    parts = [
        markup.paragraph(f"<b>{markup.prose(heading(cell))}</b>"),
        *(markup.item("\u2013", markup.prose(text)) for text in comparison(cell)),
        *([_table(table)] if table.rows else []),
        *([markup.paragraph(markup.text(more))] if more else []),
    ]
    return f'<div style="margin:12px 0">{"".join(parts)}</div>'


def _table(table: Table) -> str:
    head = "".join(
        f'<th scope="col" style="{_style(table, at)}">{markup.text(name)}</th>'
        for at, name in enumerate(table.head)
    )
    return markup.table(head, "".join(f"<tr>{_cells(table, row)}</tr>" for row in table.rows))


def _cells(table: Table, row: list[str]) -> str:
    cells = []
    for at, (name, text) in enumerate(zip(table.head, row, strict=True)):
        content = (markup.code if name == "code" else markup.text)(cut(text, _LONGEST))
        cells.append(f'<td style="{_style(table, at)}">{content}</td>')
    return "".join(cells)


def _style(table: Table, at: int) -> str:
    return markup.TEXT_CELL if at >= len(table.head) - table.words else markup.NUMBER_CELL
