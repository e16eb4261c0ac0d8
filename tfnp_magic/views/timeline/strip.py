"""A lane of bars as a picture that can stand in any notebook: an SVG in an ``img``.

It has no text, no script and no style sheet, refers to nothing, and is as wide as the room that
it is given: what it is drawn in are bars, not pixels. Its two colours stand out on white and on
black alike.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import groupby

from tfnp_magic.views import markup

BAR = "#d9480f"
BASELINE = "#808080"

HEIGHT = 24
"""Units of height, and pixels of the picture."""

_NARROWEST = 2
"""Bars of 1 in a picture of 400 may be less than a pixel wide."""


def image(heights: Sequence[float], alternative: str) -> str:
    """An ``img`` of these bars.

    Parameters
    ----------
    heights
        From 0, for nothing, to 1.
    alternative
        What it shows, in words.
    """
    packed = base64.b64encode(svg(heights).encode()).decode()
    style = f"display:block;width:100%;height:{HEIGHT}px;margin:0;max-width:none"
    source = f"data:image/svg+xml;base64,{packed}"
    return f'<img src="{source}" alt="{markup.text(alternative)}" style="{style}">'


def svg(heights: Sequence[float]) -> str:
    """The picture: a path of the bars, above a line along all of it."""
    width = len(heights)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
        f'width="{width}" height="{HEIGHT}" preserveAspectRatio="none">'
        f'<path fill="{BASELINE}" d="M0 {HEIGHT - 1}h{width}v1h-{width}z"/>'
        f'<path fill="{BAR}" d="{_outlines(heights)}"/></svg>'
    )


def _outlines(heights: Sequence[float]) -> str:
    """A rectangle for each run of bars of one height; one bar all by itself is made wider."""
    rounded = [0.0, *(round(height * (HEIGHT - 1), 1) for height in heights), 0.0]
    outlines, at = [], 1
    for height, run in groupby(rounded[1:-1]):
        number = len(list(run))
        if height:
            alone = number == 1 and not rounded[at - 1] and not rounded[at + 1]
            wide = _NARROWEST if alone else number
            left = min(at - 1, len(heights) - wide)
            outlines.append(f"M{left} {HEIGHT - 1}v-{height:g}h{wide}v{height:g}z")
        at += number
    return "".join(outlines)
