"""The timeline as text, for terminals and logs."""

from __future__ import annotations

import math

from tfnp_magic.recording import Recording
from tfnp_magic.views.timeline.axis import Tick, ticks_of
from tfnp_magic.views.timeline.lanes import Lane, Span, lanes_of, span_of
from tfnp_magic.views.timeline.rows import LINES, NUMBERS, Row, places_of, remarks_of, rows_of
from tfnp_magic.views.wording import folded, width_of

_LEVELS = " ▁▂▃▄▅▆▇█"
_MARK = "╵"
_GAP = "  "
_FEWEST = 10
"""Bars of a lane, at least."""


def timeline_text(recording: Recording, width: int) -> str:
    """A line of bars per lane, and an axis below; empty where there are no moments.

    Parameters
    ----------
    recording
        A complete recording.
    width
        Columns of the terminal, 80 at least.
    """
    lanes = lanes_of(recording)
    if not lanes:
        return ""
    span = span_of(recording)
    rows = _fitting(lanes, span, width)
    widths, number = _widths(rows), len(rows[0].bars.heights)
    room = width - sum(widths) - number - len(_GAP) * (len(widths) + 1)
    places = [places_of(lane, max(room, len(LINES))) for lane in lanes]
    page = [_line(["", *NUMBERS, LINES], "timeline", widths, number)]
    page += [_lane(row, place, widths) for row, place in zip(rows, places, strict=True)]
    page.append(" " * (widths[0] + len(_GAP)) + _axis(ticks_of(span, max(number // 14, 1)), number))
    remarks = folded(" ".join(remarks_of(recording, rows, span)), width)
    return "\n".join(line.rstrip() for line in [*page, remarks])


def _fitting(lanes: list[Lane], span: Span, width: int) -> list[Row]:
    """The lanes with as many bars as there is room for; with fewer, a peak may get wider."""
    lines = max(width_of(places_of(lane, width // 6)) for lane in lanes)
    room = width - max(lines, len(LINES))
    number = room
    while True:
        rows = rows_of(lanes, span, number)
        widths = _widths(rows)
        excess = number + sum(widths) + len(_GAP) * (len(widths) + 1) - room
        if excess <= 0 or number <= _FEWEST:
            return rows
        number = max(number - excess, _FEWEST)


def _lane(row: Row, places: str, widths: list[int]) -> str:
    bars = "".join(_LEVELS[math.ceil(height * 8 - 1e-9)] for height in row.bars.heights)
    return _line([*_texts(row), places], bars, widths, len(bars))


def _texts(row: Row) -> list[str]:
    return [row.lane.name, *(row.cells[name] for name in NUMBERS)]


def _widths(rows: list[Row]) -> list[int]:
    """Of the lanes' names and the numbers."""
    texts = [["", *NUMBERS], *map(_texts, rows)]
    return [max(map(width_of, column)) for column in zip(*texts, strict=True)]


def _line(texts: list[str], bars: str, widths: list[int], number: int) -> str:
    name, *numbers, places = texts
    columns = zip(numbers, widths[1:], strict=True)
    cells = (" " * (width - width_of(text)) + text for text, width in columns)
    return _GAP.join([name.ljust(widths[0]), bars.ljust(number), *cells, places])


def _axis(ticks: list[Tick], number: int) -> str:
    """Labels behind marks where their times are; that of the end before its mark."""
    end = f"{ticks[-1].label}{_MARK}"
    axis = ""
    for tick in ticks[:-1]:
        label = f"{_MARK}{tick.label}"
        at = round(tick.share * number)
        if len(axis) < at or not at:
            if at + len(label) + 1 > number - len(end):
                break
            axis = axis.ljust(at) + label
    return axis + " " * (number - len(axis) - len(end)) + end
