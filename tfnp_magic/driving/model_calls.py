"""Calls of Keras models while they run: which batch and epoch a conversion belongs to."""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from tfnp_magic.activity import MAX_EPOCHS, ModelCalls, Share
from tfnp_magic.locks import new_lock
from tfnp_magic.model import MAX_SITES
from tfnp_magic.scope import inner

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from tfnp_magic.model import Site
    from tfnp_magic.recorder.recorder import Recorder
    from tfnp_magic.recorder.seen import Seen
    from tfnp_magic.recording import Recording

Shares = dict["Counter", tuple[Share, ...]]
"""For each who counts, the shares that one conversion more belongs to."""


class RunningCall:
    """One call of a model's method, told by the model's callbacks how far it is.

    Parameters
    ----------
    model
        ``id()`` of the model, which lives as long as the call.
    stride
        How many batches the model runs at a time: its ``steps_per_execution``.
    entries
        What it is counted in, for each who counts.
    is_batch
        Whether the call as a whole is one batch.
    """

    def __init__(
        self, model: int, stride: int, entries: dict[Counter, ModelCalls], *, is_batch: bool
    ) -> None:
        self.model, self.stride = model, stride
        self.entries = entries
        self.shares: Shares = {}
        self._is_batch = self._in_batch = is_batch
        self._validation: Validation | None = None
        self._first = 0
        self._epoch: dict[Counter, Share] = {}
        self._known: dict[str, Shares] = {}
        self._started = self._depth = 0
        self._divide()

    def begin(self) -> None:
        """What this thread converts from here on is the call's."""
        for counter in self.entries:
            counter.begin(self)
        self._depth = len(_here.stack)
        _here.stack.append(self)
        self._started = time.perf_counter_ns()

    def end(self, *, done: bool) -> None:
        """The call is over; `done` if it returned."""
        duration_ns = time.perf_counter_ns() - self._started
        del _here.stack[self._depth :]
        if done and self._is_batch:
            self._count_batches(1)
        for counter, calls in self.entries.items():
            calls.duration_ns += duration_ns
            counter.end(self)

    def begin_epoch(self) -> None:
        """An epoch begins, with its callbacks."""
        for counter, calls in self.entries.items():
            self._epoch[counter] = _next_epoch(calls)
        self._known.clear()
        self._divide()

    def end_epoch(self) -> None:
        """The epoch is over, and so are its callbacks."""
        self._epoch = {}
        self._known.clear()
        self._divide()

    def begin_batch(self, number: int) -> None:
        """A batch begins, or several: the first of them has this number."""
        self._in_batch, self._first = True, number
        self._divide()

    def end_batch(self, of_all: int | None) -> None:
        """They are over; `of_all` is how many there are, if that is known."""
        if self._validation is not None:
            of_all = self._validation.batches
        left = self.stride if of_all is None else of_all - self._first
        self._count_batches(max(1, min(self.stride, left)))
        self.break_off()

    def break_off(self) -> None:
        """No batch runs: the last one ended, or found no more data."""
        if self._in_batch:
            self._in_batch = False
            self._divide()

    def _count_batches(self, number: int) -> None:
        for calls in self.entries.values():
            if self._validation is not None:
                calls.validation_batches += number
            else:
                calls.batches += number

    def validate(self, validation: Validation | None) -> None:
        """From here on, it evaluates validation data; None when that is over."""
        self._validation, self._in_batch = validation, False
        self._divide()

    def _divide(self) -> None:
        """Find out whose shares the next conversions are."""
        part = "in_batches" if self._in_batch else "outside"
        part = part if self._validation is None else "validation"
        shares = self._known.get(part)
        if shares is None:
            shares = self._known[part] = {}
            for counter, calls in self.entries.items():
                share, epoch = getattr(calls, part), self._epoch.get(counter)
                shares[counter] = (share,) if epoch is None else (share, epoch)
        self.shares = shares


class Validation:
    """The evaluation of validation data, as part of a call.

    Parameters
    ----------
    call
        What it is part of.
    batches
        How many there are; None if Keras does not know yet.
    """

    def __init__(self, call: RunningCall, batches: int | None) -> None:
        self.batches = batches
        self._call = call

    def begin(self) -> None:
        """From here on, what is converted is the validation's."""
        self._call.validate(self)

    def end(self, *, done: bool) -> None:
        """It is over."""
        self._call.validate(None)


def _next_epoch(calls: ModelCalls) -> Share:
    calls.epochs += 1
    if len(calls.per_epoch) >= MAX_EPOCHS:
        return calls.later_epochs
    calls.per_epoch.append(Share())
    return calls.per_epoch[-1]


class Counter:
    """Counts a recorder's conversions to the model's call that runs; see `seen.Observer`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = weakref.ref(recorder)
        self._recording: Recording = recorder.recording
        self._known: dict[tuple[Site, str], ModelCalls] = {}
        # The codes keep their numbers in the keys from being reused.
        self._at: dict[tuple[Any, str], tuple[ModelCalls, tuple[CodeType | None, ...]]] = {}
        self._running: list[RunningCall] = []
        self._lock = new_lock()

    def entry(self, frame: FrameType, lowest: str) -> ModelCalls:
        """The calls from where a frame stands, by what the user calls it; `lowest` if nothing."""
        recorder = self._recorder()
        assert recorder is not None  # it hears the call
        key = recorder.standing(frame)
        with self._lock:
            if (key, lowest) not in self._at:
                site, route = recorder.whereabouts(frame, lowest)
                calls = self._known.get((site, route.name))
                if calls is None:
                    calls = self._known[site, route.name] = ModelCalls(site, route.name)
                    self._recording.models.append(calls)
                if len(self._at) >= MAX_SITES:
                    self._at.clear()
                self._at[key, lowest] = calls, recorder.codes_at(frame)
            return self._at[key, lowest][0]

    def begin(self, call: RunningCall) -> None:
        """A call begins, on whatever thread."""
        with self._lock:
            self._running.append(call)

    def end(self, call: RunningCall) -> None:
        """It is over."""
        with self._lock:
            self._running = [each for each in self._running if each is not call]

    def observe(self, seen: Seen, identity: int, *, small: bool) -> None:
        """One conversion more: by the call that this thread is in, else by what it works for."""
        if not self._running:
            return
        call = call_here()
        shares = self._fed() if call is None else call.shares.get(self, ())
        with self._lock:
            for share in shares:
                share.add(seen.nbytes, small=small)

    def _fed(self) -> tuple[Share, ...]:
        """What another thread converts is for the one call that runs, or for its driver's line."""
        running = self._running
        recorder = self._recorder()
        if len(running) > 1 and inner.driver is not None and recorder is not None:
            line = inner.driver.line_for(recorder)
            running = [call for call in running if call.entries[self].site.line == line]
        return (running[0].entries[self].feeding,) if len(running) == 1 else ()


class _PerThread(threading.local):
    """The calls that one thread is in, the innermost last."""

    def __init__(self) -> None:
        self.stack: list[RunningCall] = []


_here = _PerThread()


def call_here() -> RunningCall | None:
    """The innermost call that runs on this thread."""
    return _here.stack[-1] if _here.stack else None


def counter_of(recorder: Recorder) -> Counter:
    """The one that counts for this recorder."""
    return recorder.observer(Counter)
