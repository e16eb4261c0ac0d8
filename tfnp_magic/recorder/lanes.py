"""What one thread converts again and again: counted, and not described anew each time.

A conversion that one line makes for the second time, of the same dtype and shape, differs
from the first in nothing but when it was and how long it took. The first is described in
full (`tfnp_magic.recorder.recorder`); its `Groove` then counts those that follow, and all else that
the recording holds of them is multiplied out at the end of a moment's slot, or of the cell.

What one more ``t.numpy()`` costs at depth 1 (CPython 3.11; ``python -m tests.benchmarks.shares``
measures it anew, and machines differ by half): 1.7 to 2.7 µs, of which 0.23 find out whose it is
(traces, context, thread, devices), 0.18 count it, and 0.35 more on average where a moment's slot
ends; 0.13 are the frame walk, 0.12 read dtype and shape and look them up, 0.05 the clock, and the
rest is calls of Python functions around TensorFlow's own. The walk takes about 0.07 µs for each
frame between the conversion and the cell, 3.5 µs for 50: the floor in pure Python, where a frame
that is still running cannot be told, without keeping it, from a new one of the same function at
the same address. What an op does to an array needs its layout and address, too (0.5 µs), and the
walk through TensorFlow's frames; a look by the buffer protocol, a way from machine code into
Python and two weak references.

Inside Keras the same steps cost three to five times as much: a batch of a millisecond leaves none
of our code in the processor's caches. There the number of functions that are called counts, and
what a library converts for itself (the number that it logs, the flag that it tests) takes the
same way, small or not.

Described in full each time: ``tf.constant(a)`` and all else whose copies depend on where memory
happens to be taken, casts that change values, and what a pipeline's Python functions are given
and return, for that memory is shared, and watched (`tfnp_magic.hazards`). Compiled code could go
further, with the same keys: a frame walk over the interpreter's own frames, and wrappers of the
chokepoints that ask Python only for what they have not met.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from tfnp_magic.frames.handed import was_handed_over
from tfnp_magic.frames.standing import Codes
from tfnp_magic.recorder.seen import Small, Told, Waits
from tfnp_magic.runtime import OnlyDevice
from tfnp_magic.scope import Audience, inner, lane_here, open_scopes, tokens_now

if TYPE_CHECKING:
    from tfnp_magic.recorder.recorder import Recorder, Unsettled
    from tfnp_magic.recorder.seen import Seen, Way

_MOST = 4096
"""Grooves of one lane; what is met beyond them is described each time."""

_OFTEN = 8
"""Looks that are described before others are taken to be like them."""

_REFUSED = -1

Key = tuple[Any, ...]
"""A standing, and what tells conversions apart that happen there."""


class Groove:
    """One crossing at one place, of one dtype and shape, and how often it came since last told.

    Attributes
    ----------
    seen, crossing, verdict
        How it was when it was described, and what it is counted into; no crossing if that is
        the recording's housekeeping.
    place
        The line that it is at.
    count, busy_ns
        How often it came, and how long that took in all, since it was last poured out.
    start_ns, stop_ns
        When the first of these began, and the last ended.
    until_ns
        Where the slot of moments ends in which they lie.
    """

    __slots__ = (
        "_codes", "busy_ns", "count", "crossing", "place", "seen", "start_ns", "stop_ns",
        "until_ns", "verdict",
    )  # fmt: skip

    def __init__(self, seen: Seen, told: Told | Small, codes: Codes = ()) -> None:
        self.crossing = self.verdict = None
        self.count = self.busy_ns = self.start_ns = self.stop_ns = self.until_ns = 0
        if isinstance(told, Told):
            self.crossing, self.verdict = told.crossing, told.verdict
        else:
            self.until_ns = sys.maxsize  # housekeeping has no moments
        self.place = told.spot.place
        self.seen, self._codes = seen, codes


class LookGroove:
    """The same for looks at a tensor's memory, which are judged later.

    Attributes
    ----------
    small
        What they are counted in at once, if they are housekeeping.
    way, outcomes
        How the others are judged, and how each outcome is counted.
    stack
        C stack pointer at the request: one that lies deeper may belong to another's.
    """

    __slots__ = ("_codes", "outcomes", "place", "seen", "small", "spot", "stack", "way")

    def __init__(self, seen: Seen, told: Small | Waits, codes: Codes, stack: int) -> None:
        self.spot, self.place = told.spot, told.spot.place
        self.seen, self._codes, self.stack = seen, codes, stack
        self.small = Groove(seen, told) if isinstance(told, Small) else None
        self.way = told.way if isinstance(told, Waits) else None
        self.outcomes: dict[Hashable, Groove] = {}


_G = TypeVar("_G", Groove, LookGroove)


class Either(Generic[_G]):
    """Two grooves: what the user handed over is told, and what a library made is not.

    Attributes
    ----------
    handed, other
        None until such a one was described.
    """

    __slots__ = ("handed", "other")

    def __init__(self) -> None:
        self.handed: _G | None = None
        self.other: _G | None = None

    def of(self, frame: FrameType, lane: Lane, identity: int) -> _G | None:
        """The one for this object."""
        callee = lane.recorder.standings.callee_of(frame)
        is_handed = callee is not None and was_handed_over(identity, callee)
        return self.handed if is_handed else self.other

    def put(self, groove: _G, *, handed: bool) -> None:
        """It has one now."""
        if handed:
            self.handed = groove
        else:
            self.other = groove


def _put(grooves: dict[Key, _G | Either[_G]], key: Key, groove: _G, handed: bool | None) -> None:
    """File a groove, beside the one for objects that were handed over or were not."""
    if handed is None:
        grooves[key] = groove
        return
    either = grooves.get(key)
    if not isinstance(either, Either):
        either = grooves[key] = Either()
    either.put(groove, handed=handed)


class AlikeLook(NamedTuple):
    """A look that waits, and is like others of its groove; `begun` as its way keeps it."""

    groove: LookGroove
    way: Way
    begun: Any
    start_ns: int
    stop_ns: int


class Lane:
    """What one thread converts for one trace, while that is the only one that hears it.

    Attributes
    ----------
    recorder, scopes, tokens, device
        What must still be so for `tfnp_magic.scope.lane_here` to give this lane.
    grooves, look_grooves
        By what tells conversions apart.
    standing
        Tells where a frame stands; see `tfnp_magic.frames.standing.Standings.of`.
    """

    __slots__ = (
        "_is_closed", "_met", "_unsettled", "device", "grooves", "look_grooves", "recorder",
        "scopes", "standing", "tokens",
    )  # fmt: skip

    def __init__(self, recorder: Recorder, unsettled: Unsettled) -> None:
        self.recorder, self._unsettled = recorder, unsettled
        self.grooves: dict[Key, Groove | Either[Groove]] = {}
        self.look_grooves: dict[Key, LookGroove | Either[LookGroove]] = {}
        self._is_closed = False
        self._met: dict[Key, int] = {}
        self.scopes, self.tokens = open_scopes(), tokens_now()
        self.device = OnlyDevice()
        self.standing = recorder.standings.of

    def is_in_use(self) -> bool:
        """Whether things still stand as they did when it was made; else it is never asked."""
        return self.scopes is open_scopes()

    def is_of(self, recorder: Recorder) -> bool:
        """Whether it is this recorder's, as things stand now."""
        return self.recorder is recorder and self.is_in_use() and self.tokens is tokens_now()

    def find(self, key: Key, frame: FrameType, identity: int) -> Groove | None:
        """The groove of a conversion of this object, by the instruction that `frame` is at."""
        groove = self.grooves.get(key)
        return groove.of(frame, self, identity) if isinstance(groove, Either) else groove

    def find_look(self, key: Key, frame: FrameType, identity: int) -> LookGroove | None:
        """The same of a look at this tensor's memory."""
        groove = self.look_grooves.get(key)
        return groove.of(frame, self, identity) if isinstance(groove, Either) else groove

    def count(
        self, groove: Groove, frame: FrameType, identity: int, start_ns: int, stop_ns: int
    ) -> None:
        """One conversion more, by the instruction that `frame` is at."""
        recorder = self.recorder
        if self._unsettled.looks:
            recorder.settle_before(self._unsettled, frame)
        recorder.hazards.pass_by(groove.place)
        recorder.tally(groove, start_ns, stop_ns)
        if recorder.observers:
            recorder.tell_observers(groove.seen, identity, small=groove.crossing is None)

    def look(
        self, groove: LookGroove, frame: FrameType, ends: tuple[Any, Any], moment: tuple[int, int]
    ) -> None:
        """One look more, by the instruction that `frame` is at; it waits to be judged.

        Parameters
        ----------
        ends
            The array over the memory, and the tensor.
        moment
            When it began, and ended.
        """
        array, tensor = ends
        small, way = groove.small, groove.way
        if small is not None:
            self.count(small, frame, id(tensor), *moment)
        if way is None:
            return
        recorder = self.recorder
        recorder.settle_before(self._unsettled, frame)
        recorder.hazards.pass_by(groove.place)
        waiting = AlikeLook(groove, way, way.begin(array, tensor), *moment)
        self._unsettled.looks.append(waiting)
        if recorder.observers:
            recorder.tell_observers(groove.seen, id(tensor), small=False)

    def has_met(self, key: Key) -> bool:
        """Whether looks with this key came so often that another would have shown, were it not so.

        Several requests of one instruction may be one conversion: `refuse` is told so then.
        """
        times = self._met.get(key, 0)
        if times != _REFUSED and len(self._met) < _MOST:
            self._met[key] = times + 1
        return times >= _OFTEN

    def refuse(self, frame: FrameType) -> None:
        """What this instruction looks at must be looked at each time."""
        standing = self.standing(frame)
        for key in [key for key in self._met if key[0] == standing]:
            self._met[key] = _REFUSED
            self.look_grooves.pop(key, None)

    def close(self) -> None:
        """Count no more: each conversion must be described from now on."""
        self._is_closed = True
        self.grooves.clear()
        self.look_grooves.clear()

    def has_room(self) -> bool:
        """Whether more can be told apart."""
        return not self._is_closed and len(self.grooves) + len(self.look_grooves) < _MOST


def refuse(frame: FrameType) -> None:
    """From now on, look at each of what an instruction looks at: several may be one conversion."""
    if inner.lane is not None:
        inner.lane.refuse(frame)


def learn(
    hearing: list[Recorder], frame: FrameType, facts: tuple[Any, ...], seen: Seen, stack: int = 0
) -> None:
    """Count what will be like this one from now on, if its recorder says that others will be.

    Parameters
    ----------
    hearing
        Who heard it.
    frame
        The frame that called the chokepoint.
    facts
        What tells it apart from others of its line.
    seen
        The one that was described.
    stack
        Of a look, the C stack pointer at the request.
    """
    told = seen.told
    if told is None or isinstance(hearing, Audience) or len(hearing) != 1:
        return
    if inner.lane is None or not inner.lane.is_of(hearing[0]):
        inner.lane = hearing[0].lane()
    lane = lane_here()
    standing = None if lane is None else lane.standing(frame)
    if lane is None or standing is None or not lane.has_room():
        return
    key, codes = (standing, *facts), (frame.f_code, *told.spot.codes)
    if stack and isinstance(told, Small | Waits):
        if lane.has_met(key):
            look = LookGroove(seen, told, codes, stack)
            _put(lane.look_grooves, key, look, told.handed)
            if look.small is not None:
                hearing[0].grooves.append(look.small)
    elif isinstance(told, Told | Small):
        groove = Groove(seen, told, codes)
        _put(lane.grooves, key, groove, told.handed)
        hearing[0].grooves.append(groove)
