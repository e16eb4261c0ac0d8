"""When conversions happened, in a number of moments that does not grow with their number.

Time is divided into slots, and conversions of one crossing, on one thread, that begin in the
same slot are one `Moment`. Slots are narrow at first, so that nearly each conversion is a moment
of its own. Whenever there would be too many, slots become wider by a power of two, and moments
that are now in one slot become one: nothing is lost but when exactly within it something was.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfnp_magic.figures import plus
from tfnp_magic.model import MAX_MOMENTS, Crossing, Moment

if TYPE_CHECKING:
    from tfnp_magic.recorder.seen import Seen

_NARROWEST = 10
"""Slots of 2 ** 10 ns, a microsecond: one thread does not convert twice in so short a time."""

_Key = tuple[int, int, int]
"""``id()`` of the crossing, which lives in the ledger; the thread's ident; number of the slot."""


class MomentLog:
    """The moments of one trace while it runs. Not safe for threads: its user holds a lock.

    Parameters
    ----------
    began_ns
        Where the first slot begins, by the clock of `Seen.ended_ns`.
    most
        Moments that it keeps at most.

    Attributes
    ----------
    dropped
        Conversions that are in no moment: there are too many crossings for one each.
    """

    def __init__(self, began_ns: int, most: int = MAX_MOMENTS) -> None:
        self.dropped = 0
        self._most = most
        self._moments: dict[_Key, Moment] = {}
        self._width = _NARROWEST  # of the slots, as a power of two
        self._began_ns = self._latest_ns = began_ns
        self._threads = {threading.get_ident(): 0}

    def add(self, crossing: Crossing, seen: Seen) -> None:
        """One conversion more of this crossing; where and when it was is in `seen`."""
        stop, busy = seen.ended_ns, seen.duration_ns
        start = stop - (busy or 0)
        key = id(crossing), seen.thread, (start - self._began_ns) >> self._width
        moment = self._moments.get(key)
        if moment is None:
            self._begin(key, Moment(-1, start, stop, 1, busy, seen.nbytes))
            return
        moment.count += 1
        if stop > moment.stop_ns:
            moment.stop_ns = stop
        if start < moment.start_ns:
            moment.start_ns = start
        # Not by `plus`: this is what each conversion costs.
        if moment.busy_ns is not None:
            moment.busy_ns = None if busy is None else moment.busy_ns + busy
        nbytes = seen.nbytes
        if moment.nbytes is not None:
            moment.nbytes = None if nbytes is None else moment.nbytes + nbytes

    def end_of_slot(self, start_ns: int) -> int:
        """Where the slot ends that something belongs to that begins then."""
        slot = (start_ns - self._began_ns) >> self._width
        return self._began_ns + ((slot + 1) << self._width)

    def add_alike(
        self,
        crossing: Crossing,
        thread: int,
        span: tuple[int, int],
        count: int,
        busy_ns: int | None,
        nbytes: int | None,
    ) -> None:
        """So many conversions more of this crossing, that all began in one slot.

        Parameters
        ----------
        thread
            Ident of their thread.
        span
            When the first began, and the last ended.
        busy_ns, nbytes
            Of all together.
        """
        start, stop = span
        key = id(crossing), thread, (start - self._began_ns) >> self._width
        more = Moment(-1, start, stop, count, busy_ns, nbytes)
        moment = self._moments.get(key)
        if moment is None:
            self._begin(key, more)
        else:
            _join(moment, more)

    def take_back(self, crossing: Crossing, seen: Seen) -> None:
        """One conversion that was added turned out to be of another crossing.

        The moment's beginning and end stay: they are in the same slot, or nearly.
        """
        start = seen.ended_ns - (seen.duration_ns or 0)
        key = id(crossing), seen.thread, (start - self._began_ns) >> self._width
        moment = self._moments.get(key)
        if moment is None:
            self.dropped -= 1
            return
        moment.count -= 1
        moment.busy_ns = _less(moment.busy_ns, seen.duration_ns)
        moment.nbytes = _less(moment.nbytes, seen.nbytes)
        if not moment.count:
            del self._moments[key]

    def told(self, ledger: Sequence[Crossing], started_ns: int) -> list[Moment]:
        """The moments, in the order of their beginnings; the log stays as it is.

        Parameters
        ----------
        ledger
            The crossings that the moments' indices refer to.
        started_ns
            When the trace began, by the clock of `Seen.ended_ns`.
        """
        numbers = {id(crossing): number for number, crossing in enumerate(ledger)}
        moments = [
            dataclasses.replace(
                moment,
                crossing=numbers[crossing],
                start_ns=max(moment.start_ns - started_ns, 0),
                stop_ns=max(moment.stop_ns - started_ns, 0),
            )
            for (crossing, _, _), moment in self._moments.items()
            if crossing in numbers
        ]
        return sorted(
            moments, key=lambda moment: (moment.start_ns, moment.stop_ns, moment.crossing)
        )

    def _begin(self, key: _Key, moment: Moment) -> None:
        crossing, thread, _ = key
        self._latest_ns = max(self._latest_ns, moment.start_ns)
        moment.thread = self._threads.setdefault(thread, len(self._threads))
        if len(self._moments) >= self._most:
            self._widen()
            key = crossing, thread, (moment.start_ns - self._began_ns) >> self._width
            before = self._moments.get(key)
            if before is not None:
                _join(before, moment)
                return
        if len(self._moments) < self._most:
            self._moments[key] = moment
        else:
            self.dropped += moment.count

    def _widen(self) -> None:
        """Make slots so wide that there is room, or as wide as all of the time so far."""
        lasted = (self._latest_ns - self._began_ns) >> self._width
        if not lasted:
            return
        by, least = 1, len({key[:2] for key in self._moments})
        goal = least + (self._most - least) // 4
        while lasted >> by and self._number_if(by) > goal:
            by += 1
        moments: dict[_Key, Moment] = {}
        for (crossing, thread, slot), moment in self._moments.items():
            before = moments.setdefault((crossing, thread, slot >> by), moment)
            if before is not moment:
                _join(before, moment)
        self._moments, self._width = moments, self._width + by

    def _number_if(self, by: int) -> int:
        """How many moments there are left if slots become wider by this power of two."""
        return len({(crossing, thread, slot >> by) for crossing, thread, slot in self._moments})


def _join(moment: Moment, other: Moment) -> None:
    moment.start_ns = min(moment.start_ns, other.start_ns)
    moment.stop_ns = max(moment.stop_ns, other.stop_ns)
    moment.count += other.count
    moment.busy_ns = plus(moment.busy_ns, other.busy_ns)
    moment.nbytes = plus(moment.nbytes, other.nbytes)


def _less(total: int | None, part: int | None) -> int | None:
    return None if total is None or part is None else max(total - part, 0)
