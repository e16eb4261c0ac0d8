"""What was seen becomes crossings: attribution, settling, aggregation."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tfnp_magic import model
from tfnp_magic.budget import Budget
from tfnp_magic.cast_before import look_for_cast_before
from tfnp_magic.facts import itemsize_of
from tfnp_magic.handed import was_handed_over
from tfnp_magic.hazards import Hazards, Shared
from tfnp_magic.into import dtype_in, names_dtype
from tfnp_magic.ledger import count, crossing_of, keep_house, uncount
from tfnp_magic.model import (
    HOUSEKEEPING_ARRAY,
    HOUSEKEEPING_PYTHON,
    Crossing,
    Move,
    Place,
    Recording,
    Site,
    Storage,
    Verdict,
)
from tfnp_magic.route import (
    BYTES_LIKE,
    PYTHON_READERS,
    Reader,
    Route,
    outside_of_tensor,
    reader_of,
    route_of,
)
from tfnp_magic.scope import inner, starter_here
from tfnp_magic.site import Label, Sources, Standpoint, stand
from tfnp_magic.values import SAMPLE, ValueChange
from tfnp_magic.verdict import VIEW, cast_of, is_cast, move_of, once_more, unknown

if TYPE_CHECKING:
    from tfnp_magic.driving import Driver

clock = time.perf_counter_ns

Values = Callable[[], "ValueChange | None"]


class Observer(Protocol):
    """Somebody who counts what goes into a recording, by something longer than a line."""

    def observe(self, seen: Seen, site: Site, *, small: bool) -> None:
        """One conversion more, on this thread; `small` if it is only counted."""


class Look(Protocol):
    """A look at a tensor's memory, judged when it shows whether somebody kept it."""

    def values_as(self, dtype: str) -> ValueChange | None:
        """What a cast to this dtype does to the tensor's values."""

    def wait(self) -> None:
        """From now on, what NumPy allocates is the reader's and no longer ours."""

    def judge(self, reader: Reader, target: str | None) -> Storage:
        """Judge it now; `reader` is what looked, `target` the dtype of what it made."""


@dataclasses.dataclass(slots=True)
class Seen:
    """One conversion as a probe saw it: facts only, no array and no tensor.

    Attributes
    ----------
    lowest
        The chokepoint's own public name, used where the route has no better one.
    direction, shape, dtype_from, dtype_to, device_from, device_to, nbytes
        As in `Crossing`.
    storage
        Where the data came to lie; a `Look` where that shows only afterwards.
    duration_ns
        Nanoseconds inside the converting call; None where an op ran around it.
    identity
        ``id()`` of the user's array or tensor, for as long as the call runs; 0 if unknown.
    values
        What a cast did to the values; None without one, or where that was not looked at.
    both_ends
        Whether the dtypes at both ends were read, not one of them inferred.
    asked
        Whether the user's call names the dtype of a cast.
    shared
        What to watch where both ends share memory and one can be written to.
    made
        The tensor that came of it: a library may cast it at once, in the same call.
    move
        Whether data moved between devices; None where that follows from the devices and
        `nbytes` alone.
    waited_ns
        Nanoseconds of `duration_ns` spent waiting for the device; None if not told apart.
    is_corrected
        Whether `Recorder.correct` may tell another storage, once it shows.
    """

    lowest: str
    direction: str
    shape: tuple[int, ...]
    dtype_from: str
    dtype_to: str
    device_from: str
    device_to: str
    nbytes: int | None
    storage: Storage | Look
    duration_ns: int | None
    identity: int = 0
    values: ValueChange | None = None
    both_ends: bool = True
    asked: bool = False
    shared: Shared | None = None
    made: weakref.ref[Any] | None = None
    move: Move | None = None
    waited_ns: int | None = 0
    is_corrected: bool = False

    def moved(self) -> Move:
        """Whether data moved between devices."""
        if self.move is not None:
            return self.move
        return move_of(self.device_from, self.device_to, self.nbytes)


_BETWEEN_LIBRARIES = (model.NUMPY_TO_TENSORFLOW, model.TENSORFLOW_TO_NUMPY)

# Identity, not value: hashing a code object reads all of it.
_Key = tuple[int, int, int, int, int]


@dataclasses.dataclass(slots=True)
class _Spot:
    """A site with its route and reader, and the namespace of its code.

    `codes` keeps its key's code objects from being reused.
    """

    number: int
    site: Site
    route: Route
    reader: Reader
    codes: tuple[CodeType | None, ...]
    names: dict[str, Any]


class _Made(NamedTuple):
    """A tensor that was just made of an array, in which call of the user's, and its crossing."""

    tensor: weakref.ref[Any]
    call: tuple[int, int]
    spot: _Spot
    seen: Seen
    storage: Storage
    crossing: Crossing


class GraphCast(NamedTuple):
    """What a graph does to an input, as read off the graph.

    Attributes
    ----------
    dtype
        What it casts it to.
    asked
        Whether the user wrote that cast.
    is_compiled
        Whether XLA compiled the graph: what it fills then is not known.
    """

    dtype: str
    asked: bool
    is_compiled: bool

    def storage(self, before: Storage, nbytes: int) -> Storage:
        """What becomes of a conversion whose tensor the graph casts, into this many bytes."""
        if self.is_compiled:
            return unknown(f"{before.reason}; then compiled code casts it")
        return once_more(before, nbytes, "the graph casts it into another", seen=False)


GraphCastKey = tuple["Place | None", tuple[int, ...], str, str]
"""The line whose call of a graph cast a tensor, its shape, and the dtypes before and after."""

_MOST_CASTS = 1024
"""Kinds of casts by graphs that are known as part of conversions."""

_MOST_MADE = 32
"""Tensors whose casts by the same call are looked for."""

_MOST_UNSETTLED = 64
"""Looks by one instruction that wait; in a loop of one line, the oldest are judged."""


_Waiting = tuple[_Spot, Seen, "str | None"]
"""A look, and the dtype of what the reader made of the memory, if its syntax tells."""


class _Unsettled:
    """One thread's looks that wait to be judged, all by the same instruction."""

    def __init__(self) -> None:
        self.instruction = (0, 0)
        self.looks: deque[_Waiting] = deque()


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
    values_limit
        Elements of a cast array that are compared at most; None for all.
    """

    def __init__(
        self,
        recording: Recording,
        cell_files: Mapping[str, int],
        label: Label,
        values_limit: int | None = SAMPLE,
    ) -> None:
        self.recording = recording
        self.values_limit = values_limit
        self.left_out = 0
        self._cell_files = cell_files
        self._sources = Sources(label, cell_files, recording.source)
        self._spots: dict[_Key, _Spot] = {}
        # Routes of what is left out; the codes keep their numbers in the keys from being reused.
        self._elsewhere: dict[tuple[Any, ...], tuple[Route, tuple[CodeType | None, ...]]] = {}
        self._numbers: dict[tuple[Site, Route], int] = {}
        self._lines: dict[Place, Place] = {}
        self._ledger: dict[tuple[Any, ...], Crossing] = {}
        self._unsettled: dict[int, _Unsettled] = {}
        self._made: dict[int, deque[_Made]] = {}
        self._corrected: dict[int, tuple[_Spot, Seen, Storage, Crossing]] = {}
        self.observers: list[Observer] = []
        self.casts_in_graphs: Counter[GraphCastKey] = Counter()
        self.hazards = Hazards(recording)
        # What was asked for in full is not bounded.
        self.budget = None if values_limit is None else Budget()
        self._silenced: set[str] = set()
        self._lock = threading.Lock()

    def see(self, frame: FrameType | None, seen: Seen) -> None:
        """Record a conversion made by `frame`, the caller of the chokepoint."""
        unsettled = self._at(frame)
        where = stand(frame, self._cell_files)
        spot = self._spot(where, frame, seen)
        self.hazards.pass_by(spot.site.inner or spot.site.line)
        small = _is_housekeeping(seen, spot.route, where)
        if small:
            keep_house(self.recording, seen)
        elif isinstance(seen.storage, Storage):
            look_for_cast_before(seen, where, self)
            seen.asked = _is_asked_for(seen, spot, where)
            crossing = self._add(spot, seen, seen.storage)
            if seen.is_corrected:
                self._corrected[id(seen)] = spot, seen, seen.storage, crossing
            if seen.made is not None:
                made = self._made.setdefault(threading.get_ident(), deque(maxlen=_MOST_MADE))
                made.append(_Made(seen.made, _call(where), spot, seen, seen.storage, crossing))
        else:
            target = _target(frame, where, spot.reader, seen)
            unsettled.append((spot, seen, target))
            seen.storage.wait()
        for observer in self.observers:
            observer.observe(seen, spot.site, small=small)

    def leave_out(self, frame: FrameType | None, seen: Seen) -> None:
        """Count a conversion of a thread or task of somebody else's, as `see` would count it."""
        where = stand(frame, self._cell_files)
        key = *_key(where, seen.lowest)[:3], seen.lowest
        known = self._elsewhere.get(key)
        if known is None:
            codes = tuple(f.f_code if f else None for f in where)
            known = self._elsewhere[key] = _route(where, frame, seen.lowest), codes
        if not _is_housekeeping(seen, known[0], where):
            with self._lock:
                self.left_out += 1

    def correct(self, seen: Seen, storage: Storage) -> None:
        """What was seen turned out to lie elsewhere, or to be copied more: count that instead."""
        told = self._corrected.pop(id(seen), None)
        if told is not None:
            spot, _, before, crossing = told
            with self._lock:
                uncount(crossing, seen, _verdict(spot, seen, before))
            self._add(spot, seen, storage)

    def whereabouts(self, frame: FrameType | None, lowest: str) -> tuple[Site, Route]:
        """Where a frame stands for the user, and by which public name it came there."""
        where = stand(frame, self._cell_files)
        return self._site(where), _route(where, frame, lowest)

    def standing(self, frame: FrameType | None) -> tuple[_Key, tuple[CodeType | None, ...]]:
        """Where a frame stands, as a key: quicker than `whereabouts`, while its codes live."""
        where = stand(frame, self._cell_files)
        return _key(where, ""), tuple(f.f_code if f else None for f in where)

    def definition_of(self, code: CodeType) -> Place | None:
        """The line where a function of the user's begins; None for a library's."""
        return self._sources.definition_of(code)

    def line_of(self, frame: FrameType | None) -> Place | None:
        """The line of the traced cell that a frame stands below, or its driver's.

        The same object for the same line: a driver's line is known by its ``id()``.
        """
        line = self._site(stand(frame, self._cell_files)).line
        return None if line is None else self._lines.setdefault(line, line)

    def place_at(self, filename: str, line: int, function: str) -> Place:
        """A line that no frame is at any more."""
        return self._sources.place_at(filename, line, function)

    def see_cast(
        self,
        frame: FrameType | None,
        tensor: Any,
        dtype_to: str,
        values: Values,
        in_graph: GraphCast | None = None,
    ) -> None:
        """A library cast a tensor; part of the conversion if the same call made it of an array.

        Parameters
        ----------
        frame
            The caller of the op.
        tensor
            What was cast.
        dtype_to
            The new dtype.
        values
            Gives what became of the values, if it is asked.
        in_graph
            What is known of a cast that was not seen, for it happens inside a graph.
        """
        for made in self._made.get(threading.get_ident(), ()):
            if made.tensor() is tensor:
                where = stand(frame, self._cell_files)
                if made.call == _call(where):
                    seen = dataclasses.replace(made.seen, dtype_to=dtype_to, made=None)
                    seen.values = values()
                    nbytes = math.prod(seen.shape) * (itemsize_of(dtype_to) or 0)
                    if in_graph is None:
                        seen.asked = _is_asked_for(seen, made.spot, where)
                        storage = once_more(made.storage, nbytes, "TensorFlow cast it into another")
                    else:
                        seen.asked, seen.both_ends = in_graph.asked, False
                        storage = in_graph.storage(made.storage, nbytes)
                        self._know_of_cast(made, dtype_to)
                    self._amend(made, seen, storage)
                return

    def _know_of_cast(self, made: _Made, dtype_to: str) -> None:
        """The profiler, if it runs, sees the same cast: it is told once."""
        key = made.spot.site.line, made.seen.shape, made.seen.dtype_to, dtype_to
        if key in self.casts_in_graphs or len(self.casts_in_graphs) < _MOST_CASTS:
            self.casts_in_graphs[key] += 1

    def lately_made(self) -> set[int]:
        """``id()`` of tensors that this thread lately made of arrays, and that are alive."""
        made = self._made.get(threading.get_ident(), ())
        return {id(tensor) for each in made if (tensor := each.tensor()) is not None}

    def _amend(self, made: _Made, seen: Seen, storage: Storage) -> None:
        before = _verdict(made.spot, made.seen, made.storage)
        uncount(made.crossing, made.seen, before)
        self._add(made.spot, seen, storage)
        recent = self._made[threading.get_ident()]
        # By identity: equal would be asked of the tensors, which is an op.
        kept = [other for other in recent if other is not made]
        recent.clear()
        recent.extend(kept)

    def _at(self, frame: FrameType | None) -> deque[_Waiting]:
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
        self._made.clear()
        self._corrected.clear()
        # What turned out to be another conversion, a cast one, left nothing here.
        self.recording.ledger[:] = [c for c in self.recording.ledger if c.count]
        self.recording.left_out = self.left_out
        self.hazards.finish()
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

    def _settle(self, looks: deque[_Waiting], down_to: int) -> None:
        while len(looks) > down_to:
            spot, seen, target = looks.popleft()
            look = seen.storage
            if not isinstance(look, Storage):
                look = look.judge(spot.reader, target)
            self._add(spot, seen, look)

    def _spot(self, where: Standpoint, frame: FrameType | None, seen: Seen) -> _Spot:
        lowest = seen.lowest
        key = _key(where, lowest, self._driven(where))
        spot = self._spots.get(key)
        if spot is None:
            codes = tuple(f.f_code if f else None for f in where)
            site, route = self._site(where), _route(where, frame, lowest)
            number = self._numbers.setdefault((site, route), len(self._numbers))
            # What reads matters to a look alone; a library's file may take a second to parse.
            is_look = not isinstance(seen.storage, Storage)
            reader = reader_of(frame if is_look else None, where, route)
            home = where.cell or where.inner or frame
            names = home.f_globals if home is not None else {}
            spot = self._spots[key] = _Spot(number, site, route, reader, codes, names)
        return spot

    def _site(self, where: Standpoint) -> Site:
        driver = self._driver()
        if driver is not None:
            return self._driven_site(where, driver.line_for(self))
        if where.cell is None:
            starter = starter_here()
            return self._driven_site(where, starter.line_for(self) if starter else None)
        line = self._sources.place_of(where.cell)
        deeper = where.inner if where.inner is not where.cell else None
        return Site(line, self._sources.place_of(deeper) if deeper else None)

    def _driven(self, where: Standpoint) -> int:
        """What the line is known by that drives, or handed over, what no line of the cell called.

        Such lines are kept: see `line_of`.
        """
        driver = self._driver() or (starter_here() if where.cell is None else None)
        return 0 if driver is None else id(driver.line_for(self))

    def _driver(self) -> Driver | None:
        """What this thread works for; a trace that began on it since is nearer."""
        driver = inner.driver
        return driver if driver is not None and driver.knows(self) else None

    def _driven_site(self, where: Standpoint, line: Place | None) -> Site:
        """On a thread that works for a line, the frames show only the function that it runs."""
        deeper = self._sources.place_of(where.inner) if where.inner else None
        return Site(line, None if deeper == line else deeper)

    def _add(self, spot: _Spot, seen: Seen, storage: Storage) -> Crossing:
        if seen.direction == model.TENSORFLOW_TO_NUMPY and _reads_for_python(spot, seen):
            seen.direction = model.TENSORFLOW_TO_PYTHON
        verdict = _verdict(spot, seen, storage)
        key = (
            spot.number, seen.direction, seen.dtype_from, seen.dtype_to,
            verdict.move[:2], verdict.move.mirror, verdict.cast[:2], storage[:3],
        )  # fmt: skip
        with self._lock:
            crossing = self._ledger.get(key)
            if crossing is None:
                crossing = self._ledger[key] = crossing_of(spot.site, spot.route, seen, verdict)
                self.recording.ledger.append(crossing)
            count(crossing, seen, verdict)
        if seen.shared is not None and storage.kind == VIEW and not seen.shared.is_over():
            route, direction = spot.route.name, seen.direction
            self.hazards.add(seen.shared, spot.site, route, direction, spot.names)
        return crossing


def _key(where: Standpoint, lowest: str, driven: int = 0) -> _Key:
    """What a spot is known by; `driven` stands for the line that drives, if one does."""
    innermost, callee, cell = where
    return (
        id(innermost.f_code) if innermost else 0,
        innermost.f_lasti if innermost else 0,
        id(callee.f_code) if callee else 0,
        driven or (cell.f_lasti if cell else -1),
        hash(lowest) ^ (id(cell.f_code) if cell else 0),
    )


def _route(where: Standpoint, frame: FrameType | None, lowest: str) -> Route:
    return route_of(where, frame, lowest) if frame else Route(lowest, False)


def _reads_for_python(spot: _Spot, seen: Seen) -> bool:
    """Whether Python, not NumPy, gets what was read: as bytes, or by a route of its own."""
    if spot.route.name in PYTHON_READERS:
        return True
    # NumPy's own readers of bytes have its name: `np.frombuffer`.
    return seen.lowest == BYTES_LIKE and not spot.reader.name.startswith("np.")


def _call(where: Standpoint) -> tuple[int, int]:
    """Which call of the user's is running: the innermost frame of theirs, and its instruction."""
    return (id(where.inner), where.inner.f_lasti) if where.inner else (0, 0)


def _target(frame: FrameType | None, where: Standpoint, reader: Reader, seen: Seen) -> str | None:
    """Dtype that a reader makes of a tensor, where its syntax tells; `seen` learns of it.

    Now, while the tensor is alive: what the cast does to the values is computed on it.
    """
    at = where.inner if reader.into_is_users else outside_of_tensor(frame)
    if at is None or reader.into is None or isinstance(seen.storage, Storage):
        return None
    target = dtype_in(at, reader.into, seen.identity)
    if target is not None and is_cast(seen.dtype_from, target):
        seen.dtype_to, seen.both_ends = target, False
        seen.values = seen.storage.values_as(target)
        seen.asked = reader.into_is_users and not reader.into.is_array
    return target


def _is_asked_for(seen: Seen, spot: _Spot, where: Standpoint) -> bool:
    """Whether the user's own call, no converter by name, names the dtype of the cast."""
    if spot.route.explicit or where.inner is None or not is_cast(seen.dtype_from, seen.dtype_to):
        return False
    return names_dtype(where.inner, spot.reader.written, seen.dtype_to, seen.identity)


def _verdict(spot: _Spot, seen: Seen, storage: Storage) -> Verdict:
    cast = model.Cast("none", "", None)
    # A Python number has no dtype to be cast from, unless it became another number.
    if seen.direction in _BETWEEN_LIBRARIES or seen.values is not None:
        asked = seen.asked or (spot.route.explicit and spot.reader.asks)
        cast = cast_of(
            seen.dtype_from, seen.dtype_to, asked=asked, observed=seen.both_ends, values=seen.values
        )
    return Verdict(storage, cast, seen.moved())


def _is_housekeeping(seen: Seen, route: Route, where: Standpoint) -> bool:
    """Whether it is small, nobody asked for it, and it is no array that the user handed over."""
    if route.explicit or seen.nbytes is None or seen.nbytes > HOUSEKEEPING_PYTHON:
        return False
    if seen.direction == model.PYTHON_TO_TENSORFLOW:
        return True
    if seen.nbytes > HOUSEKEEPING_ARRAY or where.callee is None:
        return False
    return not was_handed_over(seen.identity, where.callee)
