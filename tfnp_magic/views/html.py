"""A recording as HTML that keeps its looks in a notebook that is not trusted.

Jupyter's sanitiser strips ``<style>``, scripts, ``role`` and ``aria-*``, and any style
with ``var()``: every style is inline, no colour is set for text, and what is marked is
marked by weight, too.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tfnp_magic.model import Recording
from tfnp_magic.views.text import joined
from tfnp_magic.views.wording import plain, remarks, totals

if TYPE_CHECKING:
    import pandas as pd

_CELL = "text-align:left;vertical-align:top;padding:2px 8px;white-space:nowrap"
_WIDE = "text-align:left;vertical-align:top;padding:2px 8px;min-width:16em;white-space:normal"
_NUMBER = "text-align:right;vertical-align:top;padding:2px 8px;white-space:nowrap"
_MARKED = ";font-weight:bold;background:rgba(255,80,0,0.25)"
_NUMBERS = ("line", "count", "bytes", "copied bytes", "seconds")


def report(recording: Recording) -> str:
    """Totals in one sentence, the summary table, and what the table does not hold."""
    parts = [f'<p style="margin:4px 0"><b>{_text(totals(recording))}</b></p>']
    if recording.ledger:
        parts.append(table(recording.summary()))
    parts += [f'<p style="margin:4px 0">{_text(remark)}</p>' for remark in remarks(recording)]
    return f'<div style="text-align:left">{"".join(parts)}</div>'


def table(summary: pd.DataFrame) -> str:
    """All columns of the summary; silent casts and writable sharing are marked."""
    shown = joined(summary)
    if not shown["inner"].any():
        shown = shown.drop(columns="inner")
    head = "".join(f'<th scope="col" style="{_style(name)}">{_text(name)}</th>' for name in shown)
    rows = [
        "<tr>" + "".join(_cell(name, value) for name, value in row.items()) + "</tr>"
        for row in shown.to_dict("records")
    ]
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(name: object, value: object) -> str:
    missing = value is None or value != value or str(value) == "<NA>"
    content = "?" if missing else _text(str(value))
    if name in ("code", "route"):
        content = f"<code>{content}</code>"
    marked = _MARKED if (name == "cast" and value == "silent") or "writing" in content else ""
    return f'<td style="{_style(name)}{marked}">{content}</td>'


def _style(name: object) -> str:
    if name in _NUMBERS:
        return _NUMBER
    return _WIDE if name == "reason" else _CELL


def _text(text: object) -> str:
    return escape(plain(str(text)))
