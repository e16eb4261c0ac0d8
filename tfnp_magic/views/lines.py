"""What each line converted: a recording's figures by line, and as a DataFrame.

A conversion counts at the innermost line that the user wrote. The line of the cell whose call
led to it has the same figures as *called* ones, apart: added up over all lines, the lines' own
figures are the ledger's, and nothing is counted twice.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from tfnp_magic.model import CASTS, KINDS_OF_MOVE, Crossing, Place, kind_of_move
from tfnp_magic.recording import Recording
from tfnp_magic.views.dataframes import frame_of, seconds

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "source", "line", "code", "count", "bytes", "copied_bytes", "moved_bytes", "seconds",
    "casts", "silent_casts", "called", "called_bytes", "called_copied_bytes",
    "called_moved_bytes", "called_seconds", "called_casts", "called_silent_casts",
    "host_to_device_bytes", "device_to_host_bytes", "device_to_device_bytes",
)  # fmt: skip
"""Stable; new ones may be added behind. See `by_line_frame`."""


class Amount(NamedTuple):
    """A sum of which parts may be unknown.

    Attributes
    ----------
    known
        The sum of the parts that are known.
    unknown
        How many parts are not.
    """

    known: int = 0
    unknown: int = 0

    @property
    def exact(self) -> int | None:
        """The sum; None where a part is not known."""
        return None if self.unknown else self.known

    def plus(self, part: int | None) -> Amount:
        """The sum with one part more; None is one that is not known."""
        if part is None:
            return Amount(self.known, self.unknown + 1)
        return Amount(self.known + part, self.unknown)


NOTHING = Amount()


@dataclasses.dataclass(slots=True)
class Figures:
    """What some crossings come to.

    Attributes
    ----------
    count
        How many conversions; moves between devices, and casts and moves in graphs, included.
    nbytes, copied
        Bytes of what crossed, and bytes written to make copies.
    moves
        Bytes that moved, by `kind_of_move`, also where a mirror served and none did; empty
        where neither end was on a device.
    duration
        Nanoseconds inside the converting calls.
    casts, silent_casts
        How many conversions changed the dtype, and how many of these nobody asked for.
    """

    count: int = 0
    nbytes: Amount = NOTHING
    copied: Amount = NOTHING
    moves: dict[str, Amount] = dataclasses.field(default_factory=dict)
    duration: Amount = NOTHING
    casts: int = 0
    silent_casts: int = 0

    @property
    def moved(self) -> Amount:
        """Bytes that moved, in any direction."""
        parts = self.moves.values()
        return Amount(sum(part.known for part in parts), sum(part.unknown for part in parts))

    def add(self, crossing: Crossing) -> None:
        """Count one crossing more."""
        self.count += crossing.count
        self.nbytes = self.nbytes.plus(crossing.nbytes)
        self.copied = self.copied.plus(crossing.copied_bytes)
        self.duration = self.duration.plus(crossing.duration_ns)
        self.casts += crossing.count * (crossing.cast in CASTS)
        self.silent_casts += crossing.count * (crossing.cast == "silent")
        if kind := kind_of_move(crossing.device_from, crossing.device_to):
            self.moves[kind] = self.moves.get(kind, NOTHING).plus(crossing.moved_bytes)


@dataclasses.dataclass(slots=True)
class Line:
    """One line, and what it converted.

    Attributes
    ----------
    place
        Where it is; None for what happened on no line that is known.
    own
        Figures of the conversions that count here.
    called
        Figures of those that count at other lines, to which a call from this one led.
    crossings, calls
        The crossings that these are figures of.
    """

    place: Place | None
    own: Figures = dataclasses.field(default_factory=Figures)
    called: Figures = dataclasses.field(default_factory=Figures)
    crossings: list[Crossing] = dataclasses.field(default_factory=list)
    calls: list[Crossing] = dataclasses.field(default_factory=list)


def figures_of(ledger: Iterable[Crossing]) -> Figures:
    """What the crossings come to in all."""
    figures = Figures()
    for crossing in ledger:
        figures.add(crossing)
    return figures


def lines_of(recording: Recording) -> list[Line]:
    """Every line with figures: the traced code's, other cells', files'; at the end, no line's."""
    lines: dict[tuple[str, int] | None, Line] = {}
    for crossing in recording.ledger:
        place, caller = crossing.site.inner or crossing.site.line, crossing.site.line
        line = _at(lines, place)
        line.own.add(crossing)
        line.crossings.append(crossing)
        if _key(caller) not in (None, _key(place)):
            line = _at(lines, caller)
            line.called.add(crossing)
            line.calls.append(crossing)
    traced = traced_sources(recording)
    return sorted(lines.values(), key=lambda line: _order(line.place, traced))


def traced_sources(recording: Recording) -> set[str]:
    """What the traced code is called in places: a cell's title; a file's may be relative there."""
    if recording.source:
        return {recording.title}
    return {line.source for line in (c.site.line for c in recording.ledger) if line}


def _at(lines: dict[tuple[str, int] | None, Line], place: Place | None) -> Line:
    return lines.setdefault(_key(place), Line(place))


def _key(place: Place | None) -> tuple[str, int] | None:
    return None if place is None else (place.source, place.line)


def _order(place: Place | None, traced: set[str]) -> tuple[int, float, str, int]:
    if place is None:
        return 2, 0, "", 0
    cell = _CELL.fullmatch(place.source)
    number = int(cell[1]) if cell else float("inf")
    return int(place.source not in traced), number, place.source, place.line


_CELL = re.compile(r"In\[(\d+)\]")


def by_line_frame(recording: Recording) -> pd.DataFrame:
    """One row per line that converted, or that called a function which did.

    Returns
    -------
    DataFrame
        ``source`` (``In[3]`` or a file), ``line`` (Int64) and ``code``; of the conversions that
        count at this line: ``count`` (int64), ``bytes`` that crossed, ``copied_bytes``,
        ``moved_bytes`` (Int64), ``seconds`` (float64), ``casts``, ``silent_casts`` (int64);
        ``called`` and ``called_bytes`` and its like are of the conversions at other lines to
        which a call from this one led; then ``moved_bytes`` by direction. Bytes are missing and
        seconds NaN where a part is unknown; ``line`` is missing for what happened on no line
        that is known. The columns of the first kind add up to the ledger's totals.
    """
    rows = list(map(_row, lines_of(recording)))
    return frame_of(rows, {name: _dtype(name) for name in COLUMNS})


def _row(line: Line) -> dict[str, Any]:
    place, own, called = line.place, figures_row(line.own), figures_row(line.called)
    moves = {kind: line.own.moves.get(kind, NOTHING).exact for kind in KINDS_OF_MOVE}
    return {
        "source": place.source if place else "",
        "line": (place.line or None) if place else None,
        "code": place.code if place else "",
        **own,
        **{f"called_{name}": value for name, value in called.items()},
        "called": line.called.count,
        **{f"{kind.replace(' ', '_')}_bytes": nbytes for kind, nbytes in moves.items()},
    }


def figures_row(figures: Figures) -> dict[str, Any]:
    """The figures as a DataFrame has them; None where a part is not known."""
    return {
        "count": figures.count,
        "bytes": figures.nbytes.exact,
        "copied_bytes": figures.copied.exact,
        "moved_bytes": figures.moved.exact,
        "seconds": seconds(figures.duration.exact),
        "casts": figures.casts,
        "silent_casts": figures.silent_casts,
    }


def _dtype(name: str) -> str:
    if name in ("source", "code"):
        return "str"
    if name.endswith("seconds"):
        return "float64"
    return "Int64" if name == "line" or name.endswith("bytes") else "int64"
