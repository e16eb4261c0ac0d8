"""A recording as HTML: one section below the other, each of which also stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfnp_magic.recording import Recording
from tfnp_magic.views import markup
from tfnp_magic.views.activities import activities
from tfnp_magic.views.annotated.html import annotated_html
from tfnp_magic.views.summary import told_rows, untold_rows
from tfnp_magic.views.text import NUMBERS, joined
from tfnp_magic.views.timeline.html import timeline_html
from tfnp_magic.views.wording import cut, remarks, told_findings, totals

if TYPE_CHECKING:
    import pandas as pd


_WRAPPED = "text-align:left;vertical-align:top;padding:2px 8px;white-space:normal;min-width:"
_LEAST = {"code": "24em", "inner": "8em", "shape": "6em", "values": "28em", "reason": "48em"}
"""Widths that columns of long texts may shrink to; a table as wide as its texts hides most."""

_SECTION = "margin:12px 0"

_LONGEST = 400  # characters of a cell: a line of source may be a file of its own


def report(recording: Recording) -> str:
    """All sections: from the totals to what the recording lacks; those that say something."""
    told, more_findings = told_findings(recording)
    sections = [
        markup.paragraph(f"<b>{markup.text(totals(recording))}</b>"),
        *(markup.item("<b>!</b>", markup.prose(finding.sentence)) for finding in told),
        *map(_section, (annotated_html(recording), timeline_html(recording))),
        _section(table(recording.summary()) if recording.ledger else ""),
        *(markup.item("\u2013", markup.prose(sentence)) for sentence in activities(recording)),
        *(markup.paragraph(markup.prose(each)) for each in remarks(recording, more_findings)),
    ]
    return f'<div style="text-align:left">{"".join(sections)}</div>'


def _section(content: str) -> str:
    return f'<div style="{_SECTION}">{content}</div>' if content else ""


def table(summary: pd.DataFrame) -> str:
    """All columns of the summary; silent casts and writable sharing are marked."""
    columns = joined(told_rows(summary))
    head = "".join(f'<th scope="col" style="{_style(name)}">{name}</th>' for name in columns)
    rows = [
        _row(dict(zip(columns, texts, strict=True)))
        for texts in zip(*columns.values(), strict=True)
    ]
    more = untold_rows(summary)
    below = markup.paragraph(markup.prose(more)) if more else ""
    return markup.table(head, "".join(rows)) + below


def _row(texts: dict[str, str]) -> str:
    """One row; a hazard is marked where it stands and, in case that is out of sight, in front."""
    hazards = {name for name, text in texts.items() if _is_hazard(name, text)}
    marked = hazards | {"line"} if hazards else hazards
    cells = (_cell(name, text, name in marked) for name, text in texts.items())
    return f"<tr>{''.join(cells)}</tr>"


def _is_hazard(name: str, text: str) -> bool:
    return (name == "cast" and text == "silent") or (name == "reason" and "writing" in text)


def _cell(name: str, text: str, marked: bool) -> str:
    content = (markup.code if name in ("code", "route") else markup.text)(cut(text, _LONGEST))
    return f'<td style="{_style(name)}{markup.MARKED if marked else ""}">{content}</td>'


def _style(name: str) -> str:
    if name in NUMBERS:
        return markup.NUMBER_CELL
    return _WRAPPED + _LEAST[name] if name in _LEAST else markup.TEXT_CELL
