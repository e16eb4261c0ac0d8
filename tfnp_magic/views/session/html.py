"""A session's report as HTML: the sections of the text, one below the other."""

from __future__ import annotations

from tfnp_magic.shell.session_runs import CellRuns, SessionReport
from tfnp_magic.views import markup
from tfnp_magic.views.session.lines import table_of
from tfnp_magic.views.session.wording import (
    comparison,
    heading,
    opening,
    remarks,
    told_cells,
)
from tfnp_magic.views.tables import html_of


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
        *([html_of(table)] if table.rows else []),
        *([markup.paragraph(markup.text(more))] if more else []),
    ]
    return f'<div style="margin:12px 0">{"".join(parts)}</div>'
