"""The lanes of a timeline: what each holds, and how busy it was from bar to bar.

A crossing is in one lane: that of the move between host and device, if its data moved; else
that of the casts; else that of the copies of arrays and tensors; else in the rest, which are
views, reads in place, Python values, and moves from device to device.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from tfnp_magic import model
from tfnp_magic.model import (
    IN_GRAPH,
    NUMPY_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    Crossing,
    Moment,
    kind_of_move,
)
from tfnp_magic.recording import Recording
from tfnp_magic.views.lines import NOTHING, Amount

TO_DEVICE, TO_HOST = "host → device", "device → host"
COPIES, CASTS, REST = "copies", "casts", "the rest"

LANES = (TO_DEVICE, TO_HOST, COPIES, CASTS, REST)
"""In the order in which they are shown."""

_OF_MOVES = {"host to device": TO_DEVICE, "device to host": TO_HOST}


def lane_of(crossing: Crossing) -> str:
    """Which of `LANES` a crossing is in: a move's, else a cast's, else a copy's, else the rest."""
    kind = kind_of_move(crossing.device_from, crossing.device_to)
    if kind in _OF_MOVES and crossing.moved_bytes != 0:
        return _OF_MOVES[kind]
    if crossing.cast in model.CASTS:
        return CASTS
    is_array = crossing.direction in (NUMPY_TO_TENSORFLOW, TENSORFLOW_TO_NUMPY)
    return COPIES if is_array and crossing.storage == "copy" else REST


@dataclasses.dataclass(slots=True)
class Lane:
    """What one lane holds.

    Attributes
    ----------
    name
        One of `LANES`.
    count
        How many conversions.
    nbytes
        Bytes that moved, that were written to make copies, or else that crossed.
    duration
        Nanoseconds inside the converting calls.
    crossings
        Those in it; what took longest first.
    moments
        When they happened.
    """

    name: str
    count: int = 0
    nbytes: Amount = NOTHING
    duration: Amount = NOTHING
    crossings: list[Crossing] = dataclasses.field(default_factory=list)
    moments: list[Moment] = dataclasses.field(default_factory=list)

    def add(self, crossing: Crossing) -> None:
        """Count one crossing more."""
        self.count += crossing.count
        self.nbytes = self.nbytes.plus(getattr(crossing, _BYTES.get(self.name, "nbytes")))
        self.duration = self.duration.plus(crossing.duration_ns)
        self.crossings.append(crossing)


_BYTES = {TO_DEVICE: "moved_bytes", TO_HOST: "moved_bytes", COPIES: "copied_bytes"}


def lanes_of(recording: Recording) -> list[Lane]:
    """The lanes that hold anything; none where the recording has no moments.

    What graphs did is in none: when that was, nobody saw.
    """
    if not recording.moments:
        return []
    lanes = {name: Lane(name) for name in LANES}
    names = [lane_of(crossing) for crossing in recording.ledger]
    for name, crossing in zip(names, recording.ledger, strict=True):
        if crossing.direction != IN_GRAPH:
            lanes[name].add(crossing)
    for moment in recording.moments:
        lanes[names[moment.crossing]].moments.append(moment)
    for lane in lanes.values():
        lane.crossings.sort(key=lambda crossing: (-(crossing.duration_ns or 0), -crossing.count))
    return [lane for lane in lanes.values() if lane.count]


class Span(NamedTuple):
    """The part of the traced time that is drawn, in nanoseconds from its start."""

    start_ns: int
    stop_ns: int

    @property
    def duration_ns(self) -> int:
        """How long that is."""
        return self.stop_ns - self.start_ns


def span_of(recording: Recording) -> Span:
    """All of the traced time; only when it happened, if it all did in a small part of that."""
    # Also of moments that nobody recorded: a file may have been changed by hand.
    first = max(min(moment.start_ns for moment in recording.moments), 0)
    last = max(first, *(moment.stop_ns for moment in recording.moments))
    whole = max(recording.duration_ns, last, 1)
    if len(recording.moments) == 1 or (last - first) * _SMALL_PART > whole:
        return Span(0, whole)
    margin = max((last - first) // 40, 500)
    return Span(max(first - margin, 0), min(last + margin, whole))


_SMALL_PART = 50
"""A part of this many of the time is too small to see what comes after what."""


@dataclasses.dataclass(slots=True)
class Bars:
    """How busy one lane was in each of some equal parts of a span.

    Attributes
    ----------
    heights
        0 where nothing happened; else above 0, and 1 in the busiest part.
    peak
        What that is: the share of its time spent converting, or how many conversions; a
        share is above 1 where several threads converted at once.
    is_time
        Whether heights tell shares of time; else, where for most conversions that is not
        known, how many there were.
    """

    heights: list[float]
    peak: float
    is_time: bool


def bars_of(moments: Sequence[Moment], span: Span, number: int) -> Bars:
    """So many bars of these moments."""
    known = sum(moment.count for moment in moments if moment.busy_ns is not None)
    is_time = 2 * known >= sum(moment.count for moment in moments)
    width = span.duration_ns / number
    amounts = (
        (moment.busy_ns or 0) / width if is_time else float(moment.count) for moment in moments
    )
    places = [_place(moment, span.start_ns, width, number) for moment in moments]
    values = _spread(zip(places, amounts, strict=True), number)
    peak = max(values, default=0.0)
    seen = _touched(places, number)
    heights = [
        (max(value / peak, _LOWEST) if peak > 0 else _LOWEST) if touched else 0.0
        for value, touched in zip(values, seen, strict=True)
    ]
    return Bars(heights, peak, is_time)


_LOWEST = 0.08
"""Height of a bar where something happened that is next to nothing, or of unknown time."""


class _Place(NamedTuple):
    """Where a moment is, in bars: from `start` to `stop`, which are in `first` and `last`."""

    start: float
    stop: float
    first: int
    last: int


def _place(moment: Moment, origin_ns: int, width: float, number: int) -> _Place:
    start = min(max((moment.start_ns - origin_ns) / width, 0.0), float(number))
    stop = min(max((moment.stop_ns - origin_ns) / width, start), float(number))
    first = min(int(start), number - 1)
    return _Place(start, stop, first, max(first, math.ceil(stop) - 1))


def _spread(amounts: Iterable[tuple[_Place, float]], number: int) -> list[float]:
    """What is in each bar, if each amount is spread evenly over its place.

    In a time that does not depend on how many bars a place goes over.
    """
    within, rates = [0.0] * number, [0.0] * (number + 1)
    for (start, stop, first, last), amount in amounts:
        if first == last:
            within[first] += amount
            continue
        rate = amount / (stop - start)
        within[first] += rate * (first + 1 - start)
        within[last] += rate * (stop - last)
        rates[first + 1] += rate
        rates[last] -= rate
    # What is left of rates that ended is rounding.
    return [max(part + rate, 0.0) for part, rate in zip(within, accumulate(rates), strict=False)]


def _touched(places: Iterable[_Place], number: int) -> list[bool]:
    changes = [0] * (number + 1)
    for place in places:
        changes[place.first] += 1
        changes[place.last + 1] -= 1
    return [open_ > 0 for open_ in accumulate(changes[:-1])]
