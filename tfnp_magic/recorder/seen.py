"""One conversion as a probe saw it: facts only."""

from __future__ import annotations

import dataclasses
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tfnp_magic.model import Crossing, Move, Storage, Verdict
from tfnp_magic.verdict import move_of, once_more, unknown

if TYPE_CHECKING:
    from tfnp_magic.frames.route import Reader
    from tfnp_magic.frames.spots import Spot
    from tfnp_magic.hazards import Shared
    from tfnp_magic.recorder.recorder import Recorder
    from tfnp_magic.values import ValueChange

clock = time.perf_counter_ns

Values = Callable[[], "ValueChange | None"]


class Observer(Protocol):
    """Somebody who counts what goes into a recording, by something longer than a line."""

    def __init__(self, recorder: Recorder) -> None: ...

    def observe(self, seen: Seen, identity: int, *, small: bool) -> None:
        """One conversion more, on this thread; `small` if it is only counted.

        Parameters
        ----------
        seen
            This one, or one that differs from it only in the object and the moment.
        identity
            ``id()`` of the user's array or tensor.
        """


class Told(NamedTuple):
    """Where a conversion happened, what it was counted into, and the verdict on it.

    Attributes
    ----------
    handed
        Whether the user handed over what was converted, if it is told for that reason; None
        if it is told in any case.
    """

    spot: Spot
    crossing: Crossing
    verdict: Verdict
    handed: bool | None = None


class Small(NamedTuple):
    """Where a conversion happened that is only counted.

    Attributes
    ----------
    handed
        False if it would be told, had the user handed over what was converted; else None.
    """

    spot: Spot
    handed: bool | None


class Waits(NamedTuple):
    """Where a look happened that waits to be judged, and how it is; `handed` as in `Told`."""

    spot: Spot
    way: Way
    handed: bool | None


class Way(Protocol):
    """How looks by one reader are judged, that differ only in what became of what was read."""

    def begin(self, array: Any, tensor: Any) -> Any:
        """What to keep until one is judged; the array lies over the tensor's memory."""

    def outcome(self, begun: Any) -> Hashable:
        """What became of it; told alike of all of which that is the same."""

    def storage(self, outcome: Any) -> Storage:
        """The verdict on those."""

    def expected(self) -> Storage:
        """The verdict, if all goes on as it must."""


class Look(Protocol):
    """A look at a tensor's memory, judged when it shows whether somebody kept it."""

    def way(self, reader: Reader) -> Way | None:
        """How all looks here, at memory of that dtype and shape, are judged; None if each anew."""

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
    untold
        Whether the line does not tell what reads a tensor, or into which dtype.
    is_corrected
        Whether `Recorder.correct` may tell another storage, once it shows.
    told
        What it was counted into, if all that `Seen` says but its moment is the same for each
        conversion that this line makes of the same dtype and shape.
    ended_ns, thread
        When it was over, by `clock`, and ``threading.get_ident()`` of its thread: it may be
        counted later, and by another.
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
    untold: bool = False
    is_corrected: bool = False
    told: Told | Small | Waits | None = None
    ended_ns: int = dataclasses.field(default_factory=clock, compare=False)
    thread: int = dataclasses.field(default_factory=threading.get_ident, compare=False)

    def moved(self) -> Move:
        """Whether data moved between devices."""
        if self.move is not None:
            return self.move
        return move_of(self.device_from, self.device_to, self.nbytes)


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
