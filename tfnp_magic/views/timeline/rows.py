"""When a recording's conversions happened: what the text and the HTML view share.

A bar is as high as the share of its time that was spent converting, compared with the lane's
busiest bar: that one's share is printed behind the lane, and with it how many conversions there
were, their bytes and their time. Conversions whose time is not known, for an op ran around them,
have the lowest bar; a lane that has more of these than others tells how many there were.
"""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import NamedTuple

from tfnp_magic.figures import counted
from tfnp_magic.model import IN_GRAPH, Crossing
from tfnp_magic.recording import Recording
from tfnp_magic.views.amounts import amount_text, number_text, time_text
from tfnp_magic.views.timeline.axis import ticks_of
from tfnp_magic.views.timeline.lanes import REST, Bars, Lane, Span, bars_of
from tfnp_magic.views.wording import cut, plain, width_of

NUMBERS = ("count", "bytes", "time", "peak")
"""The figures behind a lane; bytes are those that moved, were written as copies, or crossed."""

LINES = "lines"
"""Heads the column of the lines that a lane came from."""


class Row(NamedTuple):
    """One lane, ready to be shown.

    Attributes
    ----------
    lane, bars
        What it holds, and how busy it was.
    cells
        Its figures as text, by `NUMBERS`.
    """

    lane: Lane
    bars: Bars
    cells: dict[str, str]


def rows_of(lanes: list[Lane], span: Span, number: int) -> list[Row]:
    """The lanes with so many bars each."""
    return [_row(lane, bars_of(lane.moments, span, number)) for lane in lanes]


def _row(lane: Lane, bars: Bars) -> Row:
    cells = {
        "count": number_text(lane.count),
        "bytes": amount_text(lane.nbytes),
        "time": time_text(lane.duration),
        "peak": _peak(bars) if lane.moments else "",
    }
    return Row(lane, bars, cells)


def _peak(bars: Bars) -> str:
    """``85 %`` of its time, or ``12 x``."""
    if not bars.is_time:
        return f"{number_text(math.ceil(bars.peak - 1e-9))} x"
    return f"{number_text(round(100 * bars.peak))} %" if bars.peak >= 0.01 else "<1 %"


def places_of(lane: Lane, room: int) -> str:
    """``4, 7, …``: the lines that took longest first, as many as there is room for."""
    names = list(dict.fromkeys(map(_place, lane.crossings)))
    # Each takes a digit, a comma and a blank at least: of thousands, most need no try.
    for number in range(min(len(names), room // 3 + 1), 0, -1):
        text = ", ".join(names[:number]) + (", …" if number < len(names) else "")
        if width_of(text) <= room:
            return text
    return cut(names[0], room)


def _place(crossing: Crossing) -> str:
    """The cell's line; where it is none of the cell's, another file's; ``?`` if unknown."""
    if crossing.site.line:
        return str(crossing.site.line.line)
    inner = crossing.site.inner
    if inner and not inner.line:
        return plain(inner.source)
    return plain(f"{PurePath(inner.source).name}:{inner.line}") if inner else "?"


def remarks_of(recording: Recording, rows: list[Row], span: Span) -> list[str]:
    """How to read it, and what is not in it."""
    sentences = []
    if any(row.bars.is_time for row in rows):
        sentences.append("Bars: the share of their time spent converting, up to the lane's peak.")
    if not all(row.bars.is_time for row in rows):
        sentences.append("Where a peak has an x: how many conversions, as times are not known.")
    if rows[-1].lane.name == REST:
        sentences.append("The rest: views, reads in place, Python values, moves between devices.")
    sentences += _limits(recording, span)
    return sentences


def _limits(recording: Recording, span: Span) -> list[str]:
    sentences = []
    if span.start_ns > 0 or span.stop_ns < recording.duration_ns:
        whole = ticks_of(Span(0, max(recording.duration_ns, span.stop_ns)), 4)[-1].label
        sentences.append(f"Only the part of the {whole} in which it happened is drawn.")
    if any(crossing.direction == IN_GRAPH for crossing in recording.ledger):
        sentences.append("What happened inside graphs is not drawn.")
    if recording.moments_dropped:
        number = counted(recording.moments_dropped, "conversion")
        sentences.append(f"When {number} happened was not kept: there were too many kinds.")
    return sentences
