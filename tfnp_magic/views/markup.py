"""HTML that keeps its looks in a notebook that is not trusted.

Jupyter's sanitiser strips ``<style>``, scripts, inline ``<svg>``, ``role`` and ``aria-*``, and
any style with ``var()``: every style is inline, no colour is set for text, and what is marked
is marked by weight or by a number, too. It keeps ``details``, ``title`` and images as
``data:`` URIs.
"""

from __future__ import annotations

from html import escape

from tfnp_magic.views.wording import plain

TEXT_CELL = "text-align:left;vertical-align:top;padding:2px 8px;white-space:nowrap"
"""Style of a table's cell; JupyterLab's own would align it to the right."""

NUMBER_CELL = "text-align:right;vertical-align:top;padding:2px 8px;white-space:nowrap"

MARKED = ";font-weight:bold;background:rgba(255,80,0,0.25)"
"""What a cell's style has besides where it holds what can hurt."""

_STRONGEST = 0.6
"""Opacity up to which text on it has a contrast of 4.5, on white and on #111 alike."""


def text(content: str) -> str:
    """The text as markup shows it: escaped, without control characters."""
    return escape(plain(content))


def code(content: str, style: str = "") -> str:
    """The text as code, without the notebook's own background; in a style of its own besides."""
    return f'<code style="background:none;padding:0{style}">{text(content)}</code>'


def heat(share: float) -> str:
    """Declare a background for a share from 0 to 1; empty for 0. The number must stand on it."""
    opacity = round(min(share, 1.0) * _STRONGEST, 2)
    return f";background:rgba(255,80,0,{opacity})" if opacity > 0 else ""


def paragraph(content: str) -> str:
    """Markup as a paragraph."""
    return f'<p style="margin:4px 0">{content}</p>'


def item(mark: str, content: str) -> str:
    """Markup as an item of a list, behind a mark."""
    return f'<p style="margin:4px 0;padding-left:1em;text-indent:-0.7em">{mark} {content}</p>'


def table(head: str, body: str, style: str = "", around: str = "") -> str:
    """A table of a row of headings and rows, which scrolls by itself where it is too wide.

    Parameters
    ----------
    head, body
        Cells of the one, and whole rows.
    style, around
        What the table's style, and that of the box around it, have besides.
    """
    return (
        f'<div style="overflow-x:auto{around}"><table style="border-collapse:collapse;margin:0'
        f'{style}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def prose(sentence: str) -> str:
    """A sentence as markup, with what stands between backticks as code."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:  # one without its twin is a backtick
        return text(sentence)
    return "".join(code(part) if odd % 2 else text(part) for odd, part in enumerate(parts))
