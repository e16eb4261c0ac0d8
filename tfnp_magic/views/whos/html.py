"""An inventory as HTML that survives in a notebook that is not trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfnp_magic.views import markup
from tfnp_magic.views.whos.cells import (
    HEADINGS,
    Cells,
    brief,
    cells_of,
    rows_shown,
    signs_meant,
)
from tfnp_magic.views.whos.converting import told
from tfnp_magic.views.whos.text import fitted, legend
from tfnp_magic.views.whos.words import NOTHING, hidden, remarks, totals, warnings

if TYPE_CHECKING:
    from tfnp_magic.whos import Inventory
    from tfnp_magic.whos.look import Conversion, Holding

_LINE = ";border-bottom:1px solid #888888"
_LIST = "margin:4px 0;padding-left:1.2em;white-space:normal;min-width:24em"
_WIDEST = {"name": 48, "shape": 40, "shares": 60}


def html(inventory: Inventory) -> str:
    """Totals, table and sentences; what converting would do unfolds in its row."""
    if not inventory.rows:
        return "".join(f"<p>{markup.prose(each)}</p>" for each in (NOTHING, *inventory.remarks))
    shown = rows_shown(inventory)
    cells = cells_of(shown, inventory.groups)
    parts = [
        markup.paragraph(f"<b>{markup.text(totals(inventory))}</b>"),
        *(markup.item("<b>!</b>", markup.prose(each)) for each in warnings(inventory)),
        _table(shown, cells),
        *map(_paragraph, filter(None, (legend(cells), hidden(inventory)))),
        *(markup.item("\u2013", markup.prose(each)) for each in remarks(inventory)),
    ]
    return f'<div style="text-align:left">{"".join(parts)}</div>'


def _paragraph(sentence: str) -> str:
    return markup.paragraph(markup.prose(sentence))


def _table(rows: Sequence[Holding], cells: Sequence[Cells]) -> str:
    fields = [field for field in HEADINGS if any(getattr(row, field) for row in cells)]
    head = "".join(
        f'<th scope="col" style="{_style(field)}{_LINE}">{HEADINGS[field]}</th>' for field in fields
    )
    body = "".join(_row(*each, fields) for each in zip(rows, cells, strict=True))
    return markup.table(head, body, around=";margin:8px 0")


def _row(row: Holding, cells: Cells, fields: Sequence[str]) -> str:
    first = (
        f'<th scope="row" style="{_style("name")}"{_title(_whole(row, cells, "name"))}>'
        f"{markup.text(fitted(cells.name, _WIDEST['name'], 'name'))}</th>"
    )
    return f"<tr>{first}{''.join(_cell(row, cells, field) for field in fields[1:])}</tr>"


def _cell(row: Holding, cells: Cells, field: str) -> str:
    marked = markup.MARKED if field == "layout" and cells.is_marked else ""
    if field == "converting":
        content = _conversions(row.conversions)
    else:
        content = markup.text(fitted(getattr(cells, field), _WIDEST.get(field, 100), field))
    title = _title(_whole(row, cells, field))
    return f'<td style="{_style(field)}{marked}"{title}>{content}</td>'


def _style(field: str) -> str:
    return markup.NUMBER_CELL if field == "size" else markup.TEXT_CELL


def _title(content: str) -> str:
    return f' title="{markup.text(content)}"' if content else ""


def _whole(row: Holding, cells: Cells, field: str) -> str:
    """What a cell says in full, for who points at it; empty where it does already."""
    if field == "size":
        return "" if row.nbytes is None else f"{row.nbytes:,} bytes"
    if field == "layout":
        return signs_meant(cells.layout)
    content: str = getattr(cells, field)
    return content if len(content) > _WIDEST.get(field, len(content)) else ""


def _conversions(conversions: Sequence[Conversion]) -> str:
    """The ways in a word each; unfolded, the bytes and reasons."""
    if not conversions:
        return ""
    items = "".join(f"<li>{markup.prose(_with_evidence(each))}</li>" for each in conversions)
    return (
        f"<details><summary>{markup.text('; '.join(map(brief, conversions)))}</summary>"
        f'<ul style="{_LIST}">{items}</ul></details>'
    )


def _with_evidence(conversion: Conversion) -> str:
    evidence = f" ({conversion.evidence})" if conversion.evidence else ""
    return f"{told(conversion).removesuffix('.')}{evidence}."
