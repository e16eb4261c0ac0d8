"""A recording as HTML that keeps its looks in a notebook that is not trusted.

Jupyter's sanitiser strips ``<style>``, scripts, ``role`` and ``aria-*``, and any style
with ``var()``: every style is inline, no colour is set for text, and what is marked is
marked by weight, too.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tfnp_magic.model import Recording
from tfnp_magic.views.activities import activities
from tfnp_magic.views.text import NUMBERS, joined
from tfnp_magic.views.wording import cut, plain, remarks, told_findings, totals

if TYPE_CHECKING:
    import pandas as pd

_CELL = "text-align:left;vertical-align:top;padding:2px 8px;white-space:nowrap"
_NUMBER = "text-align:right;vertical-align:top;padding:2px 8px;white-space:nowrap"
_WRAPPED = "text-align:left;vertical-align:top;padding:2px 8px;white-space:normal;min-width:"
_LEAST = {"code": "24em", "inner": "8em", "shape": "6em", "values": "16em", "reason": "24em"}
"""Widths that columns of long texts may shrink to; a table as wide as its texts hides most."""

_FINDING = "margin:4px 0;padding-left:1em;text-indent:-0.7em"

_LONGEST = 400  # characters of a cell: a line of source may be a file of its own
_MARKED = ";font-weight:bold;background:rgba(255,80,0,0.25)"


def report(recording: Recording) -> str:
    """Totals in one sentence, the findings, the table, what drove it, and what it does not hold."""
    parts = [f'<p style="margin:4px 0"><b>{_text(totals(recording))}</b></p>']
    parts += [
        f'<p style="{_FINDING}"><b>!</b> {_text(finding.sentence)}</p>'
        for finding in told_findings(recording)
    ]
    if recording.ledger:
        parts.append(table(recording.summary()))
    parts += [
        f'<p style="{_FINDING}">\u2013 {_text(sentence)}</p>' for sentence in activities(recording)
    ]
    parts += [f'<p style="margin:4px 0">{_text(remark)}</p>' for remark in remarks(recording)]
    return f'<div style="text-align:left">{"".join(parts)}</div>'


def table(summary: pd.DataFrame) -> str:
    """All columns of the summary; silent casts and writable sharing are marked."""
    columns = joined(summary)
    head = "".join(f'<th scope="col" style="{_style(name)}">{name}</th>' for name in columns)
    rows = [
        _row(dict(zip(columns, texts, strict=True)))
        for texts in zip(*columns.values(), strict=True)
    ]
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(texts: dict[str, str]) -> str:
    """One row; a hazard is marked where it stands and, in case that is out of sight, in front."""
    hazards = {name for name, text in texts.items() if _is_hazard(name, text)}
    marked = hazards | {"line"} if hazards else hazards
    cells = (_cell(name, text, name in marked) for name, text in texts.items())
    return f"<tr>{''.join(cells)}</tr>"


def _is_hazard(name: str, text: str) -> bool:
    return (name == "cast" and text == "silent") or (name == "reason" and "writing" in text)


def _cell(name: str, text: str, marked: bool) -> str:
    content = _text(cut(text, _LONGEST))
    if name in ("code", "route"):
        content = f'<code style="background:none;padding:0">{content}</code>'
    return f'<td style="{_style(name)}{_MARKED if marked else ""}">{content}</td>'


def _style(name: str) -> str:
    if name in NUMBERS:
        return _NUMBER
    return _WRAPPED + _LEAST[name] if name in _LEAST else _CELL


def _text(text: str) -> str:
    return escape(plain(text))
