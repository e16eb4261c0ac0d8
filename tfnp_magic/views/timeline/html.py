"""The timeline as HTML: a picture per lane, which survives in a notebook that is not trusted.

The pictures hold no text: an SVG in an image does not have the page's colours. All that is to be
read stands in the table around them.
"""

from __future__ import annotations

from tfnp_magic.recording import Recording
from tfnp_magic.views import markup
from tfnp_magic.views.timeline.axis import Tick, ticks_of
from tfnp_magic.views.timeline.lanes import Lane, Span, lanes_of, span_of
from tfnp_magic.views.timeline.rows import LINES, NUMBERS, Row, places_of, remarks_of, rows_of
from tfnp_magic.views.timeline.strip import image

BARS = 400
"""Bars of a picture."""

_CELL = "padding:1px 8px;vertical-align:middle;white-space:nowrap"
_LEFT, _RIGHT = f"text-align:left;{_CELL}", f"text-align:right;{_CELL}"
_NARROWEST, _PER_CHARACTER = 320, 7  # pixels
_STRIP = f"padding:1px 0;vertical-align:middle;width:100%;min-width:{_NARROWEST}px"
_WIDE = ";table-layout:auto;width:100%;max-width:1200px"
_AXIS = "position:relative;height:1.4em;font-size:90%"
_TICK = "position:absolute;white-space:nowrap;"

_LONGEST = 40  # columns of the lines' numbers


def timeline_html(recording: Recording) -> str:
    """A table with a picture per lane; empty where there are no moments."""
    lanes = lanes_of(recording)
    if not lanes:
        return ""
    span = span_of(recording)
    rows = rows_of(lanes, span, BARS)
    ticks = ticks_of(span, 4)
    body = "".join(_table_row(row, span) for row in rows)
    remarks = markup.text(" ".join(remarks_of(recording, rows, span)))
    table = markup.table(_head(), f"{body}{_axis(ticks)}", _WIDE)
    return table + markup.paragraph(remarks)


def _head() -> str:
    columns = [("", _LEFT), ("timeline", "text-align:left;padding:1px 0"),
               *((name, _RIGHT) for name in NUMBERS), (LINES, _LEFT)]  # fmt: skip
    return "".join(f'<th scope="col" style="{style}">{name}</th>' for name, style in columns)


def _table_row(row: Row, span: Span) -> str:
    numbers = "".join(
        f'<td style="{_RIGHT}">{markup.text(row.cells[name])}</td>' for name in NUMBERS
    )
    return (
        f'<tr><th scope="row" style="{_LEFT}">{markup.text(row.lane.name)}</th>'
        f'<td style="{_STRIP}">{image(row.bars.heights, _told(row.lane))}</td>{numbers}'
        f'<td style="{_LEFT}">{markup.text(places_of(row.lane, _LONGEST))}</td></tr>'
    )


def _told(lane: Lane) -> str:
    """The picture in words."""
    if not lane.moments:
        return "when is not known"
    first = min(moment.start_ns for moment in lane.moments)
    last = max(moment.stop_ns for moment in lane.moments)
    begin, end = (ticks_of(Span(0, max(time, 1)), 4)[-1].label for time in (first, last))
    return f"between {begin} and {end}"


def _axis(ticks: list[Tick]) -> str:
    *before, end = ticks
    shown = [tick for tick in before if tick.share + _room(tick) + _room(end) <= 1]
    labels = " ".join(map(_tick, [*shown, end]))
    rest = f'<td colspan="{len(NUMBERS) + 1}"></td>'
    strip = f'<td style="{_STRIP}"><div style="{_AXIS}">{labels}</div></td>'
    return f"<tr><td></td>{strip}{rest}</tr>"


def _room(tick: Tick) -> float:
    """The part of a strip that its label takes, where the strip is as narrow as it gets."""
    return (len(tick.label) + 1) * _PER_CHARACTER / _NARROWEST


def _tick(tick: Tick) -> str:
    if tick.share == 1:
        style = f"{_TICK}right:0;border-right:1px solid #808080;padding-right:3px"
    else:
        left = f"left:{100 * tick.share:.2f}%"
        style = f"{_TICK}{left};border-left:1px solid #808080;padding-left:3px"
    return f'<span style="{style}">{markup.text(tick.label)}</span>'
