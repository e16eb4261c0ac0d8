"""Merged recordings as HTML: the sections of the text, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfnp_magic.views import markup
from tfnp_magic.views.merged.wording import (
    closing,
    engine_table,
    line_tables,
    opening,
    shared_findings,
    warnings,
)
from tfnp_magic.views.tables import Table, html_of

if TYPE_CHECKING:
    from tfnp_magic.merging import Merged

_SECTION = "margin:12px 0"


def report(merged: Merged) -> str:
    """Totals, who is missing, findings, lines and engines with their spread, and remarks."""
    told, more = shared_findings(merged)
    tables, notes = line_tables(merged)
    engines = engine_table(merged)
    several = len(tables) > 1
    sections = [
        markup.paragraph(f"<b>{markup.text(opening(merged))}</b>"),
        *(markup.item("<b>!</b>", markup.prose(text)) for text in warnings(merged)),
        *(markup.item("<b>!</b>", markup.prose(each.sentence)) for each in told),
        *(_section(table, name if several else "") for name, table in tables),
        *(markup.item("\u2013", markup.prose(text)) for text in notes),
        *([_section(engines, "")] if engines else []),
        *(markup.paragraph(markup.prose(text)) for text in closing(merged, more)),
    ]
    return f'<div style="text-align:left">{"".join(sections)}</div>'


def _section(table: Table, heading: str) -> str:
    above = markup.paragraph(f"<b>{markup.text(heading)}</b>") if heading else ""
    return f'<div style="{_SECTION}">{above}{html_of(table)}</div>'
