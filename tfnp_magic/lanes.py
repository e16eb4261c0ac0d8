"""What one thread converts again and again: counted, and not described anew each time.

A conversion that one line makes for the second time, of the same dtype and shape, differs
from the first in nothing but when it was and how long it took. The first is described in
full (`tfnp_magic.recorder`); its `Groove` then counts those that follow, and all else that
the recording holds of them is multiplied out at the end of a moment's slot, or of the cell.

What one more ``t.numpy()`` costs at depth 1 (CPython 3.11; ``python -m tests.benchmarks.shares``
measures it anew): 1.7 to 1.9 µs, of which 0.23 find out whose it is (traces, context, thread,
devices), 0.18 count it, and 0.35 more on average where a moment's slot ends; 0.13 are the frame
walk, 0.12 read dtype and shape and look them up, 0.05 the clock, and the rest is calls of Python
functions around TensorFlow's own. The walk takes about 0.07 µs for each frame between the
conversion and the cell, 3.5 µs for 50: the floor in pure Python, where a frame that is still
running cannot be told, without keeping it, from a new one of the same function at the same
address. What an op does to an array needs its layout and address, too (0.5 µs), and the walk
through TensorFlow's frames; a look by the buffer protocol, a way from machine code into Python
and two weak references.

Described in full each time: ``tf.constant(a)`` and all else whose copies depend on where memory
happens to be taken, casts that change values, what Keras and pipelines convert. Compiled code
could go further, with the same keys: a frame walk over the interpreter's own frames, and wrappers
of the chokepoints that ask Python only for what they have not met.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from tfnp_magic.runtime import OnlyDevice
from tfnp_magic.scope import Audience, inner, lane_here, open_scopes, tokens_now
from tfnp_magic.seen import Told
from tfnp_magic.site import is_library

if TYPE_CHECKING:
    from tfnp_magic.recorder import Recorder, Unsettled
    from tfnp_magic.seen import Seen
    from tfnp_magic.spots import Spot

_MOST = 4096
"""Grooves of one lane; what is met beyond them is described each time."""

_OFTEN = 8
"""Looks that are described before others are taken to be like them."""

_REFUSED = -1

_MOST_FILES = 65536
"""Files of code whose kind a lane remembers."""

_LIBRARYS, _USERS, _CELLS = range(3)
"""Whose code a file holds."""

Standing = tuple[int, ...]
"""Where a frame stands, by ``id()`` of code objects and their instructions."""


Key = tuple[Any, ...]
"""A standing, and what tells conversions apart that happen there."""

Codes = tuple["CodeType | None", ...]
"""Those of a key: as long as they are kept, their numbers are not given to others."""


class Groove:
    """One crossing at one place, of one dtype and shape, and how often it came since last told.

    Attributes
    ----------
    seen, crossing, verdict
        How it was when it was described, and what it is counted into.
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

    def __init__(self, seen: Seen, told: Told, codes: Codes = ()) -> None:
        spot, self.crossing, self.verdict = told
        self.place = spot.place
        self.seen, self._codes = seen, codes
        self.count = self.busy_ns = self.start_ns = self.stop_ns = self.until_ns = 0


class LookGroove:
    """The same for looks at a tensor's memory, which are judged later, by what is alive then.

    Attributes
    ----------
    outcomes
        How those that were judged are counted: whether the array over the memory was alive,
        and whether the tensor was.
    stack
        C stack pointer at the request: one that lies deeper may belong to another's.
    """

    __slots__ = ("_codes", "outcomes", "place", "seen", "spot", "stack")

    def __init__(self, seen: Seen, spot: Spot, codes: Codes, stack: int) -> None:
        self.spot, self.place = spot, spot.place
        self.seen, self._codes, self.stack = seen, codes, stack
        self.outcomes: dict[tuple[bool, bool], Groove] = {}


class AlikeLook(NamedTuple):
    """A look that waits, and is like others of its groove."""

    groove: LookGroove
    array: weakref.ref[Any]
    tensor: weakref.ref[Any]
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
    """

    __slots__ = (
        "_cell_files", "_is_closed", "_kinds", "_met", "_unsettled", "device", "grooves",
        "look_grooves", "recorder", "scopes", "tokens",
    )  # fmt: skip

    def __init__(self, recorder: Recorder, unsettled: Unsettled) -> None:
        self.recorder, self._unsettled = recorder, unsettled
        self.grooves: dict[Key, Groove] = {}
        self.look_grooves: dict[Key, LookGroove] = {}
        self._is_closed = False
        self._met: dict[Key, int] = {}
        self.scopes, self.tokens = open_scopes(), tokens_now()
        self.device = OnlyDevice()
        self._cell_files: Collection[str] = recorder.cell_files
        self._kinds = dict.fromkeys(recorder.cell_files, _CELLS)

    def is_in_use(self) -> bool:
        """Whether things still stand as they did when it was made; else it is never asked."""
        return self.scopes is open_scopes()

    def is_of(self, recorder: Recorder) -> bool:
        """Whether it is this recorder's, as things stand now."""
        return self.recorder is recorder and self.is_in_use() and self.tokens is tokens_now()

    def standing(self, frame: FrameType) -> Standing | None:
        """Where a frame stands; None where that is below no line of the cell.

        What is told of it depends on the frame itself, on the user's innermost one, on what
        that called, and on the cell's innermost one: on their code, and their instructions.
        """
        kinds = self._kinds
        code = frame.f_code
        kind = kinds.get(code.co_filename)
        if kind == _CELLS:
            return id(code), frame.f_lasti
        bottom, instruction, below = id(code), frame.f_lasti, 0
        walk: FrameType | None = frame
        while kind == _LIBRARYS:
            below = id(code)
            walk = walk.f_back  # type: ignore[union-attr]
            if walk is None:
                return None
            code = walk.f_code
            kind = kinds.get(code.co_filename)
        if walk is None or kind is None:
            return self._look_at(frame)
        inmost, at = id(code), walk.f_lasti
        while kind != _CELLS:
            walk = walk.f_back
            if walk is None:
                return None
            code = walk.f_code
            kind = kinds.get(code.co_filename)
            if kind is None:
                return self._look_at(frame)
        return bottom, instruction, below, inmost, at, id(code), walk.f_lasti

    def _look_at(self, frame: FrameType) -> Standing | None:
        """The same, where some of the files are not known yet."""
        walk: FrameType | None = frame
        while walk is not None:
            filename = walk.f_code.co_filename
            if len(self._kinds) >= _MOST_FILES:
                return None
            is_cells = filename in self._cell_files
            kind = _CELLS if is_cells else _LIBRARYS if is_library(filename) else _USERS
            self._kinds[filename] = kind
            walk = walk.f_back
        return self.standing(frame)

    def count(self, groove: Groove, frame: FrameType, start_ns: int, stop_ns: int) -> None:
        """One conversion more, by the instruction that `frame` is at."""
        if self._unsettled.looks:
            self.recorder.settle_before(self._unsettled, frame)
        self.recorder.hazards.pass_by(groove.place)
        self.recorder.tally(groove, start_ns, stop_ns)

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
        recorder = self.recorder
        recorder.settle_before(self._unsettled, frame)
        recorder.hazards.pass_by(groove.place)
        array, tensor = ends
        waiting = AlikeLook(groove, weakref.ref(array), weakref.ref(tensor), *moment)
        self._unsettled.looks.append(waiting)

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
    if seen.told is None or isinstance(hearing, Audience) or len(hearing) != 1:
        return
    if inner.lane is None or not inner.lane.is_of(hearing[0]):
        inner.lane = hearing[0].lane()
    lane = lane_here()  # where a recording has observers, for one, nobody would ask it
    standing = None if lane is None else lane.standing(frame)
    if lane is None or standing is None or not lane.has_room():
        return
    key = (standing, *facts)
    told, code = seen.told, frame.f_code
    if isinstance(told, Told):
        groove = lane.grooves[key] = Groove(seen, told, (code, *told.spot.codes))
        hearing[0].grooves.append(groove)
    elif lane.has_met(key):
        lane.look_grooves[key] = LookGroove(seen, told, (code, *told.codes), stack)
