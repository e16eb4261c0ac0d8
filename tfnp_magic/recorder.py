"""What was seen becomes crossings: attribution, settling, aggregation."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Mapping
from types import CodeType, FrameType
from typing import Any, Protocol

from tfnp_magic import model
from tfnp_magic.model import (
    HOUSEKEEPING_ARRAY,
    HOUSEKEEPING_PYTHON,
    MAX_SHAPES,
    Crossing,
    Recording,
    Site,
    Verdict,
)
from tfnp_magic.route import PYTHON_READERS, Reader, Route, reader_of, route_of
from tfnp_magic.site import Label, Sources, Standpoint, stand, was_handed_over
from tfnp_magic.verdict import is_cast

clock = time.perf_counter_ns


class Look(Protocol):
    """A look at a tensor's memory, judged when it shows whether somebody kept it."""

    def judge(self, reader: Reader) -> Verdict:
        """Judge it now; `reader` is what looked."""


@dataclasses.dataclass(slots=True)
class Seen:
    """One conversion as a probe saw it: facts only, no array and no tensor.

    Attributes
    ----------
    lowest
        The chokepoint's own public name, used where the route has no better one.
    direction, shape, dtype_from, dtype_to, device_from, device_to, nbytes
        As in `Crossing`.
    verdict
        What became of the data; a `Look` where that shows only afterwards.
    duration_ns
        Nanoseconds inside the converting call; None where an op ran around it.
    identity
        ``id()`` of the user's array or tensor, for as long as the call runs; 0 if unknown.
    """

    lowest: str
    direction: str
    shape: tuple[int, ...]
    dtype_from: str
    dtype_to: str
    device_from: str
    device_to: str
    nbytes: int | None
    verdict: Verdict | Look
    duration_ns: int | None
    identity: int = 0


# A Python number has no dtype to be cast from.
_BETWEEN_LIBRARIES = (model.NUMPY_TO_TENSORFLOW, model.TENSORFLOW_TO_NUMPY)

# Identity, not value: hashing a code object reads all of it.
_Key = tuple[int, int, int, int, int]


@dataclasses.dataclass(slots=True)
class _Spot:
    """A site with its route and reader; `codes` keeps its key's code objects from being reused."""

    number: int
    site: Site
    route: Route
    reader: Reader
    codes: tuple[CodeType | None, ...]


_MOST_UNSETTLED = 64
"""Looks by one instruction that wait; in a loop of one line, the oldest are judged."""


class _Unsettled:
    """One thread's looks that wait to be judged, all by the same instruction."""

    def __init__(self) -> None:
        self.instruction = (0, 0)
        self.looks: deque[tuple[_Spot, Seen]] = deque()


class Recorder:
    """Collects what the probes see into a `Recording`.

    Parameters
    ----------
    recording
        Filled as the trace goes; complete after `finish`. Its ``source`` is used for
        the texts of the cell's lines.
    cell_files
        File names of the traced code, as its code objects carry them, with the number
        of the cell's lines above each; see `tfnp_magic.site.Sources`.
    label
        Maps a file name to what the user calls it.
    """

    def __init__(self, recording: Recording, cell_files: Mapping[str, int], label: Label) -> None:
        self.recording = recording
        self.left_out = 0
        self._cell_files = cell_files
        self._sources = Sources(label, cell_files, recording.source)
        self._spots: dict[_Key, _Spot] = {}
        self._numbers: dict[tuple[Site, Route], int] = {}
        self._ledger: dict[tuple[Any, ...], Crossing] = {}
        self._unsettled: dict[int, _Unsettled] = {}
        self._silenced: set[str] = set()
        self._lock = threading.Lock()

    def see(self, frame: FrameType | None, seen: Seen) -> None:
        """Record a conversion made by `frame`, the caller of the chokepoint."""
        unsettled = self._at(frame)
        where = stand(frame, self._cell_files)
        spot = self._spot(where, frame, seen.lowest)
        if _is_housekeeping(seen, spot.route, where):
            self.recording.housekeeping += 1
            self.recording.housekeeping_bytes += seen.nbytes or 0
        elif isinstance(seen.verdict, Verdict):
            self._add(spot, seen, seen.verdict)
        else:
            unsettled.append((spot, seen))

    def _at(self, frame: FrameType | None) -> deque[tuple[_Spot, Seen]]:
        """This thread's looks by the instruction that is running; older ones are judged.

        One call may look at several tensors (`np.add(t, u)`), and holds what it made of
        the first until it has the last: only another instruction shows what was kept.
        """
        instruction = (id(frame), frame.f_lasti) if frame else (0, 0)
        unsettled = self._unsettled.setdefault(threading.get_ident(), _Unsettled())
        if unsettled.instruction != instruction:
            self._settle(unsettled.looks, 0)
            unsettled.instruction = instruction
        self._settle(unsettled.looks, _MOST_UNSETTLED)
        return unsettled.looks

    def finish(self) -> Recording:
        """Settle what waits, on every thread, and complete the recording."""
        for unsettled in list(self._unsettled.values()):
            self._settle(unsettled.looks, 0)
        self.recording.left_out = self.left_out
        return self.recording

    def silence(self, probe: str, error: Exception) -> None:
        """Our own failure in a probe: it goes quiet for this trace, and the report says so."""
        if probe not in self._silenced:
            self._silenced.add(probe)
            self.recording.lost.append(
                f"the {probe} probe failed ({type(error).__name__}: {error}); "
                "its conversions after that are missing"
            )

    def hears(self, probe: str) -> bool:
        """Whether this probe has not failed yet in this trace."""
        return probe not in self._silenced

    def _settle(self, looks: deque[tuple[_Spot, Seen]], down_to: int) -> None:
        while len(looks) > down_to:
            spot, seen = looks.popleft()
            look = seen.verdict
            self._add(spot, seen, look if isinstance(look, Verdict) else look.judge(spot.reader))

    def _spot(self, where: Standpoint, frame: FrameType | None, lowest: str) -> _Spot:
        key = _key(where, lowest)
        spot = self._spots.get(key)
        if spot is None:
            codes = tuple(f.f_code if f else None for f in where)
            site, route = self._site(where), _route(where, frame, lowest)
            number = self._numbers.setdefault((site, route), len(self._numbers))
            reader = reader_of(frame, where, route)
            spot = self._spots[key] = _Spot(number, site, route, reader, codes)
        return spot

    def _site(self, where: Standpoint) -> Site:
        line = self._sources.place_of(where.cell) if where.cell else None
        deeper = where.inner if where.inner is not where.cell else None
        return Site(line, self._sources.place_of(deeper) if deeper else None)

    def _add(self, spot: _Spot, seen: Seen, verdict: Verdict) -> None:
        if seen.direction == model.TENSORFLOW_TO_NUMPY and spot.route.name in PYTHON_READERS:
            seen.direction = model.TENSORFLOW_TO_PYTHON
        key = (
            spot.number, seen.direction, seen.dtype_from, seen.dtype_to,
            seen.device_from, seen.device_to, verdict[:3],
        )  # fmt: skip
        with self._lock:
            crossing = self._ledger.get(key)
            if crossing is None:
                crossing = self._ledger[key] = _crossing(spot, seen, verdict)
                self.recording.ledger.append(crossing)
            _count(crossing, seen, verdict)


def _key(where: Standpoint, lowest: str) -> _Key:
    inner, callee, cell = where
    return (
        id(inner.f_code) if inner else 0,
        inner.f_lasti if inner else 0,
        id(callee.f_code) if callee else 0,
        cell.f_lasti if cell else -1,
        hash(lowest) ^ (id(cell.f_code) if cell else 0),
    )


def _route(where: Standpoint, frame: FrameType | None, lowest: str) -> Route:
    return route_of(where, frame, lowest) if frame else Route(lowest, False)


def _crossing(spot: _Spot, seen: Seen, verdict: Verdict) -> Crossing:
    cast = "none"
    if is_cast(seen.dtype_from, seen.dtype_to) and seen.direction in _BETWEEN_LIBRARIES:
        cast = "explicit" if spot.route.explicit else "silent"
    return Crossing(
        spot.site, spot.route.name, seen.direction, spot.route.explicit,
        seen.dtype_from, seen.dtype_to, cast, seen.device_from, seen.device_to,
        verdict.storage, verdict.evidence, verdict.reason,
    )  # fmt: skip


def _count(crossing: Crossing, seen: Seen, verdict: Verdict) -> None:
    crossing.count += 1
    crossing.nbytes = _sum(crossing.nbytes, seen.nbytes)
    crossing.copied_bytes = _sum(crossing.copied_bytes, verdict.copied_bytes)
    crossing.duration_ns = _sum(crossing.duration_ns, seen.duration_ns)
    shapes = crossing.shapes
    if seen.shape in shapes or len(shapes) < MAX_SHAPES:
        shapes[seen.shape] = shapes.get(seen.shape, 0) + 1
    else:
        crossing.other_shapes += 1


def _sum(total: int | None, part: int | None) -> int | None:
    return None if total is None or part is None else total + part


def _is_housekeeping(seen: Seen, route: Route, where: Standpoint) -> bool:
    """Whether it is small, nobody asked for it, and it is no array that the user handed over."""
    if route.explicit or seen.nbytes is None or seen.nbytes > HOUSEKEEPING_PYTHON:
        return False
    if seen.direction == model.PYTHON_TO_TENSORFLOW:
        return True
    if seen.nbytes > HOUSEKEEPING_ARRAY or where.callee is None:
        return False
    return not was_handed_over(seen.identity, where.callee)
