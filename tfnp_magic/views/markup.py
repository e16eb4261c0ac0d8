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

_STRONGEST = 0.6
"""Opacity up to which text on it has a contrast of 4.5, on white and on #111 alike."""


def text(content: str) -> str:
    """The text as markup shows it: escaped, without control characters."""
    return escape(plain(content))


def code(content: str) -> str:
    """The text as code, without the notebook's own background."""
    return f'<code style="background:none;padding:0">{text(content)}</code>'


def heat(share: float) -> str:
    """Declare a background for a share from 0 to 1; empty for 0. The number must stand on it."""
    opacity = round(min(share, 1.0) * _STRONGEST, 2)
    return f";background:rgba(255,80,0,{opacity})" if opacity > 0 else ""


def prose(sentence: str) -> str:
    """A sentence as markup, with what stands between backticks as code."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:  # one without its twin is a backtick
        return text(sentence)
    return "".join(code(part) if odd % 2 else text(part) for odd, part in enumerate(parts))
