"""What was seen becomes crossings: attribution, settling, aggregation."""

from __future__ import annotations

import dataclasses
import math
import threading
import weakref
from collections import Counter, deque
from collections.abc import Mapping, Set
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tfnp_magic import model
from tfnp_magic.facts import itemsize_of
from tfnp_magic.figures import product
from tfnp_magic.frames.route import Reader, Route, reader_now
from tfnp_magic.frames.site import Label, Standpoint, stand, users_frame
from tfnp_magic.frames.spots import Spot, Spots, key_of, route_at
from tfnp_magic.hazards import Hazards
from tfnp_magic.interrupts import raised_by_signal
from tfnp_magic.locks import new_lock
from tfnp_magic.model import Crossing, Place, Storage
from tfnp_magic.recorder.budget import Budget
from tfnp_magic.recorder.cast_before import look_for_cast_before
from tfnp_magic.recorder.judging import (
    call_of,
    depends_on_object,
    is_alike,
    is_always_small,
    is_asked_for,
    is_housekeeping,
    reads_for_python,
    target_of,
    verdict_on,
)
from tfnp_magic.recorder.lanes import AlikeLook, Groove, Lane
from tfnp_magic.recorder.ledger import count, count_alike, crossing_of, keep_house, uncount
from tfnp_magic.recorder.moments import MomentLog
from tfnp_magic.recorder.seen import GraphCast, Observer, Seen, Small, Told, Values, Waits, clock
from tfnp_magic.recording import Recording
from tfnp_magic.scope import inner, open_scopes
from tfnp_magic.values import SAMPLE
from tfnp_magic.verdict import VIEW, once_more, unknown, with_move

if TYPE_CHECKING:
    from tfnp_magic.guards import Guard

_Observer = TypeVar("_Observer", bound="Observer")


class _Made(NamedTuple):
    """A tensor that was just made of an array, in which call of the user's, and its crossing."""

    tensor: weakref.ref[Any]
    call: tuple[int, int]
    spot: Spot
    seen: Seen
    storage: Storage
    crossing: Crossing


GraphCastKey = tuple["Place | None", tuple[int, ...], str, str]
"""The line whose call of a graph cast a tensor, its shape, and the dtypes before and after."""

_MOST_CASTS = 1024
"""Kinds of casts by graphs that are known as part of conversions."""

_NONE: Set[int] = frozenset()

_NOT_YET = unknown("not told before the line has gone on")

_MOST_MADE = 32
"""Tensors whose casts by the same call are looked for."""

_MOST_UNSETTLED = 64
"""Looks by one instruction that wait; in a loop of one line, the oldest are judged."""


_Waiting = AlikeLook | tuple[Spot, Reader, Seen, "str | None"]
"""A look by a reader, and the dtype of what that made of the memory, if its syntax tells."""


class Unsettled:
    """One thread's looks that wait to be judged, all by the same instruction."""

    def __init__(self) -> None:
        self.instruction = (0, 0)
        self.looks: deque[_Waiting] = deque()


class Recorder(Spots):
    """Collects what the probes see into a `Recording`.

    Parameters
    ----------
    recording
        Filled as the trace goes; complete after `finish`. Its ``source`` is used for
        the texts of the cell's lines.
    cell_files
        File names of the traced code, as its code objects carry them, with the number
        of the cell's lines above each; see `tfnp_magic.frames.site.Sources`.
    label
        Maps a file name to what the user calls it.
    values_limit
        Elements of a cast array that are compared at most; None for all.
    guard
        Forbids, warns or stops, if the user wants that; then each conversion is described.

    Attributes
    ----------
    observers
        Who else is told of each conversion.
    attached
        What else counts for this recording, one of a class.
    started_ns
        When the trace began, by `clock`: what the recording's moments are relative to.
    """

    def __init__(
        self,
        recording: Recording,
        cell_files: Mapping[str, int],
        label: Label,
        values_limit: int | None = SAMPLE,
        guard: Guard | None = None,
    ) -> None:
        super().__init__(cell_files, label, recording.source)
        self.recording = recording
        self.values_limit = values_limit
        self.guard = guard
        self.left_out = 0
        self.started_ns = clock()
        self._moments = MomentLog(self.started_ns)
        # Routes of what is left out; the codes keep their numbers in the keys from being reused.
        self._elsewhere: dict[tuple[Any, ...], tuple[Route, tuple[CodeType | None, ...]]] = {}
        self._ledger: dict[tuple[Any, ...], Crossing] = {}
        self._unsettled: dict[int, Unsettled] = {}
        self._made: dict[int, deque[_Made]] = {}
        self._corrected: dict[int, tuple[Spot, Seen, Storage, Crossing]] = {}
        self.observers: list[Observer] = []
        self.attached: dict[type, Any] = {}
        self.cell_files = cell_files
        self.grooves: list[Groove] = []
        self._lanes: list[Lane] = []
        self.casts_in_graphs: Counter[GraphCastKey] = Counter()
        self.hazards = Hazards(recording)
        # What was asked for in full is not bounded.
        self.budget = None if values_limit is None else Budget()
        self._silenced: set[str] = set()
        self._lock = new_lock()
        self._is_over = False
        self._counted = 0

    def see(self, frame: FrameType | None, seen: Seen) -> None:
        """Record a conversion made by `frame`, the caller of the chokepoint.

        One that another thread began before the trace ended is not recorded any more.
        """
        if self._is_over:
            return
        unsettled = self._at(frame)
        where = stand(frame, self._cell_files)
        spot = self._spot(where, frame, seen)
        self.hazards.pass_by(spot.place)
        depends = depends_on_object(seen, spot.route, where)
        small = is_housekeeping(seen, spot.route, where, depends=depends)
        if small:
            keep_house(self.recording, seen)
            if where.cell is not None and seen.waited_ns == 0 and is_always_small(spot):
                seen.told = Small(spot, False if depends else None)
        elif isinstance(seen.storage, Storage):
            look_for_cast_before(seen, where, self)
            seen.asked = is_asked_for(seen, spot, where)
            told = self._add(spot, seen, seen.storage)
            if is_alike(seen, where) and not spot.may_change:
                seen.told = told._replace(handed=True) if depends else told
            if seen.is_corrected:
                self._corrected[id(seen)] = spot, seen, seen.storage, told.crossing
            if seen.made is not None:
                made = self._made.setdefault(threading.get_ident(), deque(maxlen=_MOST_MADE))
                made.append(
                    _Made(seen.made, call_of(where), spot, seen, seen.storage, told.crossing)
                )
        else:
            reader = reader_now(spot.reader, frame)
            target = target_of(frame, where, reader, seen)
            unsettled.append((spot, reader, seen, target))
            way = seen.storage.way(reader) if target is None and reader.call is None else None
            if way is not None and is_alike(seen, where) and not spot.may_change:
                seen.told = Waits(spot, way, True if depends else None)
            seen.storage.wait()
        self.tell_observers(seen, seen.identity, small=small)
        if self.guard is not None:
            self._guarded(self.guard, seen, spot, where, small=small)

    def _guarded(
        self, guard: Guard, seen: Seen, spot: Spot, where: Standpoint, *, small: bool = False
    ) -> None:
        """Raise what is forbidden, at the user's line; of a look, as far as it is told by now."""
        storage = seen.storage
        if not isinstance(storage, Storage):
            way = storage.way(spot.reader)
            storage = _NOT_YET if way is None else way.expected()
        frame, verdict = users_frame(where), verdict_on(spot, seen, storage)
        text = guard.meet(spot.site, spot.route, seen, verdict, frame, small=small)
        if text:
            self.recording.forbidden.append(text)

    def observer(self, kind: type[_Observer]) -> _Observer:
        """The one of this class, which is made for this recorder when it is first asked for."""
        known: _Observer | None = self.attached.get(kind)
        if known is None:
            made = kind(self)
            known = self.attached.setdefault(kind, made)
            if known is made:
                self.observers.append(made)
        return known

    def tell_observers(self, seen: Seen, identity: int, *, small: bool) -> None:
        """One conversion more; see `Observer.observe`."""
        for observer in self.observers:
            observer.observe(seen, identity, small=small)

    def leave_out(self, frame: FrameType | None, seen: Seen) -> None:
        """Count a conversion of a thread or task of somebody else's, as `see` would count it."""
        where = stand(frame, self._cell_files)
        key = *key_of(where, seen.lowest)[:3], seen.lowest
        known = self._elsewhere.get(key)
        if known is None:
            codes = tuple(f.f_code if f else None for f in where)
            if len(self._elsewhere) >= model.MAX_SITES:
                self._elsewhere.clear()
            known = self._elsewhere[key] = route_at(where, frame, seen.lowest), codes
        depends = depends_on_object(seen, known[0], where)
        if not is_housekeeping(seen, known[0], where, depends=depends):
            with self._lock:
                self.left_out += 1

    def correct(self, seen: Seen, storage: Storage) -> None:
        """What was seen turned out to lie elsewhere, or to be copied more: count that instead."""
        told = self._corrected.pop(id(seen), None)
        if told is not None:
            spot, _, before, crossing = told
            self._take_back(spot, seen, before, crossing)
            self._add(spot, seen, storage)

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
                if made.call == call_of(where):
                    seen = dataclasses.replace(made.seen, dtype_to=dtype_to, made=None)
                    seen.values = values()
                    nbytes = math.prod(seen.shape) * (itemsize_of(dtype_to) or 0)
                    if in_graph is None:
                        seen.asked = is_asked_for(seen, made.spot, where)
                        storage = once_more(made.storage, nbytes, "TensorFlow cast it into another")
                    else:
                        seen.asked, seen.both_ends = in_graph.asked, False
                        storage = in_graph.storage(made.storage, nbytes)
                        self._know_of_cast(made, dtype_to)
                    self._amend(made, seen, storage)
                    if self.guard is not None:
                        self._guarded(self.guard, seen, made.spot, where)
                return

    def _know_of_cast(self, made: _Made, dtype_to: str) -> None:
        """The profiler, if it runs, sees the same cast: it is told once."""
        key = made.spot.site.line, made.seen.shape, made.seen.dtype_to, dtype_to
        if key in self.casts_in_graphs or len(self.casts_in_graphs) < _MOST_CASTS:
            self.casts_in_graphs[key] += 1

    def lately_made(self) -> Set[int]:
        """``id()`` of tensors that this thread lately made of arrays, and that are alive."""
        made = self._made.get(threading.get_ident())
        if not made:
            return _NONE
        return {id(tensor) for each in made if (tensor := each.tensor()) is not None}

    def _amend(self, made: _Made, seen: Seen, storage: Storage) -> None:
        self._take_back(made.spot, made.seen, made.storage, made.crossing)
        seen.storage = storage
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
        unsettled = self._unsettled_here()
        self.settle_before(unsettled, frame)
        return unsettled.looks

    def lane(self) -> Lane | None:
        """A lane for this thread; None where others may hear what it does, or it is driven.

        None, too, where a guard must see each conversion.
        """
        if self.guard is not None or len(open_scopes()) != 1:
            return None
        if inner.owners is not None or inner.driver is not None:
            return None
        lane = Lane(self, self._unsettled_here())
        self._lanes = [each for each in self._lanes if each.is_in_use()]
        self._lanes.append(lane)
        return lane

    def settle_before(self, unsettled: Unsettled, frame: FrameType | None) -> None:
        """Judge looks that another instruction than the present one made."""
        instruction = (id(frame), frame.f_lasti) if frame else (0, 0)
        looks = unsettled.looks
        if unsettled.instruction != instruction:
            unsettled.instruction = instruction
            if looks:
                self._settle(looks, 0)
        elif len(looks) > _MOST_UNSETTLED:
            self._settle(looks, _MOST_UNSETTLED)

    def _unsettled_here(self) -> Unsettled:
        thread = threading.get_ident()
        known = self._unsettled.get(thread)
        return self._unsettled.setdefault(thread, Unsettled()) if known is None else known

    def pour(self, groove: Groove) -> None:
        """Put what a groove has counted into the recording."""
        times, seen = groove.count, groove.seen
        if not times:
            return
        if groove.crossing is None or groove.verdict is None:
            groove.count = 0
            keep_house(self.recording, seen, times)
            return
        busy_ns = None if seen.duration_ns is None else groove.busy_ns
        groove.count = groove.busy_ns = 0
        with self._lock:
            count_alike(groove.crossing, seen, groove.verdict, times, busy_ns)
            nbytes, span = product(seen.nbytes, times), (groove.start_ns, groove.stop_ns)
            self._moments.add_alike(groove.crossing, seen.thread, span, times, busy_ns, nbytes)

    def finish(self) -> Recording:
        """Settle what waits, on every thread, and complete the recording."""
        for unsettled in list(self._unsettled.values()):
            self._settle(unsettled.looks, 0)
        self._close_lanes()
        for groove in self.grooves:
            self.pour(groove)
        self._made.clear()
        self._corrected.clear()
        # What turned out to be another conversion, a cast one, left nothing here.
        with self._lock:
            ledger = [crossing for crossing in self.recording.ledger if crossing.count]
            self.recording.ledger[:] = ledger
            self.recording.moments[:] = self._moments.told(ledger, self.started_ns)
            self.recording.moments_dropped = self._moments.dropped
            self._is_over = True
        self.recording.left_out = self.left_out
        self.hazards.finish()
        return self.recording

    def silence(self, probe: str, error: Exception) -> None:
        """Our own failure in a probe: it goes quiet for this trace, and the report says so."""
        if probe not in self._silenced:
            self._silenced.add(probe)
            self._close_lanes()
            self.recording.lost.append(
                f"the {probe} probe failed ({type(error).__name__}: {error}); "
                "its conversions after that are missing"
            )

    def hears(self, probe: str) -> bool:
        """Whether this probe has not failed yet in this trace."""
        return probe not in self._silenced

    def _close_lanes(self) -> None:
        """From now on, let each conversion be described."""
        for lane in self._lanes:
            lane.close()

    def _settle(self, looks: deque[_Waiting], down_to: int) -> None:
        while len(looks) > down_to:
            waiting, counted = looks.popleft(), self._counted
            try:
                if isinstance(waiting, AlikeLook):
                    self._judge_alike(waiting)
                else:
                    self._judge(*waiting)
            except BaseException as error:
                # It was over before the interrupt came: it is judged when the trace ends.
                is_interrupt = not isinstance(error, Exception) or raised_by_signal(error)
                if is_interrupt and self._counted == counted:
                    looks.appendleft(waiting)
                raise

    def _judge(self, spot: Spot, reader: Reader, seen: Seen, target: str | None) -> None:
        look = seen.storage
        if isinstance(look, Storage):
            self._add(spot, seen, look)
            return
        told = self._add(spot, seen, look.judge(reader, target))
        if self.guard is not None and look.way(reader) is None:
            text = self.guard.meet_late(spot.site, spot.route, seen, told.verdict)
            self.recording.forbidden += text

    def _judge_alike(self, waiting: AlikeLook) -> None:
        groove, way, begun, start_ns, stop_ns = waiting
        outcome = way.outcome(begun)
        known = groove.outcomes.get(outcome)
        if known is not None:
            try:
                self.tally(known, start_ns, stop_ns)
            finally:
                if known.stop_ns == stop_ns:
                    self._counted += 1
            return
        seen = dataclasses.replace(
            groove.seen, duration_ns=stop_ns - start_ns, ended_ns=stop_ns, told=None
        )
        told = self._add(groove.spot, seen, with_move(way.storage(outcome), seen.moved()))
        known = groove.outcomes[outcome] = Groove(seen, told)
        self.grooves.append(known)

    def tally(self, groove: Groove, start_ns: int, stop_ns: int) -> None:
        """One conversion more in a groove; what it has counted is poured out slot by slot."""
        if start_ns >= groove.until_ns:
            self.pour(groove)
            groove.start_ns = start_ns
            groove.until_ns = self._moments.end_of_slot(start_ns)
        groove.count += 1
        groove.busy_ns += stop_ns - start_ns
        groove.stop_ns = stop_ns

    def _add(self, spot: Spot, seen: Seen, storage: Storage) -> Told:
        if seen.direction == model.TENSORFLOW_TO_NUMPY and reads_for_python(spot, seen):
            seen.direction = model.TENSORFLOW_TO_PYTHON
        verdict = verdict_on(spot, seen, storage)
        key = (
            spot.number, seen.direction, seen.dtype_from, seen.dtype_to,
            verdict.move[:2], verdict.move.mirror, verdict.cast[:2], storage[:3],
        )  # fmt: skip
        with self._lock:
            crossing = self._ledger.get(key)
            if self._is_over:  # on another thread, meanwhile: it is nobody's
                crossing = crossing_of(spot.site, spot.route, seen, verdict)
            elif crossing is None:
                crossing = self._ledger[key] = crossing_of(spot.site, spot.route, seen, verdict)
                self.recording.ledger.append(crossing)
            before = crossing.count
            try:
                count(crossing, seen, verdict)
            finally:  # an interrupt may come when it has returned
                if crossing.count != before:
                    self._counted += 1
            self._moments.add(crossing, seen)
        if seen.shared is not None and storage.kind == VIEW and not seen.shared.is_over():
            route, direction = spot.route.name, seen.direction
            self.hazards.add(seen.shared, spot.site, route, direction, spot.names)
        return Told(spot, crossing, verdict)

    def _take_back(self, spot: Spot, seen: Seen, storage: Storage, crossing: Crossing) -> None:
        """It will be counted as another crossing."""
        with self._lock:
            uncount(crossing, seen, verdict_on(spot, seen, storage))
            self._moments.take_back(crossing, seen)
