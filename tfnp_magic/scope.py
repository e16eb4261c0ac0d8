"""Whose crossing is it: which open traces hear what happens on this thread, in this task."""

from __future__ import annotations

import itertools
import threading
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

from tfnp_magic.locks import new_lock

if TYPE_CHECKING:
    from tfnp_magic.driving.driver import Driver
    from tfnp_magic.recorder.budget import Budget
    from tfnp_magic.recorder.lanes import Lane
    from tfnp_magic.recorder.recorder import Recorder

    Before = tuple[Token[tuple[int, ...]], Token[Driver | None], tuple[int, ...] | None]

# Tokens, not recorders: a context that outlives its trace must not keep a recording alive.
_tokens: ContextVar[tuple[int, ...]] = ContextVar("tfnp_magic_traces", default=())
# The line that handed over what runs under this context, where that was on another thread.
_starter: ContextVar[Driver | None] = ContextVar("tfnp_magic_starter", default=None)
_open: tuple[Scope, ...] = ()
_lock = new_lock()
_numbers = itertools.count(1)


class Scope:
    """What belongs to one trace: what runs under a context that came from the traced code.

    Tasks and callbacks inherit their context. Threads, and work handed to a pool's thread,
    do so by `tfnp_magic.probes.threads` while a trace is open: they belong to whom their
    starter belonged to. A thread that Python did not start (TensorFlow's own, which call
    back) has no context to tell; it works for the open trace, if it can only be that one.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.token = next(_numbers)
        self.thread = threading.get_ident()
        self.within: tuple[int, ...] = ()

    def enter(self) -> None:
        """Begin hearing, in the caller's context."""
        global _open
        # Only now: the probes ask this module who hears.
        from tfnp_magic.probes import carriers

        carriers.acquire(self.token)
        known = {scope.token for scope in _open}
        # Those of traces that ended in another context would pile up.
        self.within = tuple(token for token in _tokens_now() if token in known)
        with _lock:
            _open = (*_open, self)
        _tokens.set((*self.within, self.token))
        if inner.owners is not None:
            inner.owners = (*inner.owners, self.token)

    def leave(self) -> None:
        """Stop hearing, everywhere; the context may be another than `enter`'s."""
        global _open
        from tfnp_magic.probes import carriers

        with _lock:
            _open = tuple(scope for scope in _open if scope is not self)
        _tokens.set(tuple(token for token in _tokens.get() if token != self.token))
        inner.lane = None
        if inner.owners is not None:
            inner.owners = tuple(token for token in inner.owners if token != self.token)
        carriers.release(self.token)


class _PerThread(threading.local):
    """What a probe further out tells the probes further in, on one thread.

    Attributes
    ----------
    absorbing
        Above 0 while a conversion runs whose inner conversions are part of it.
    handed
        The value given to ``convert_to_eager_tensor``, which hands on a copy.
    handed_at
        The moment of that, in NumPy's allocations; see `tfnp_magic.probes.allocations`.
    values_limit
        How many elements of a cast array to compare, for those who hear; None for all.
    budget
        The time that this may take; None without a bound.
    owners
        Tokens of the traces that this thread works for at the moment, where its own context
        does not tell; None otherwise. See `tfnp_magic.driving.driver.begin_work_for`.
    driver
        What drives it then.
    lane
        What this thread converted last, for a trace that may be over; see `lane_here`.
    """

    absorbing = 0
    handed: object = None
    handed_at: int = 0
    values_limit: int | None = 0
    budget: Budget | None = None
    owners: tuple[int, ...] | None = None
    driver: Driver | None = None
    lane: Lane | None = None


inner = _PerThread()


def is_tracing() -> bool:
    """Whether any trace is open in the process."""
    return bool(_open)


def newest() -> int:
    """Token of the trace that began last among those that are open; 0 without any."""
    return _open[-1].token if _open else 0


class Audience(list["Recorder"]):
    """The recorders that hear a conversion; those that only count it stand outside.

    True as long as anybody must be told: whoever finds nobody at all need not look whether
    the call is a conversion.

    Attributes
    ----------
    outside
        Recorders of open traces that it does not belong to.
    """

    outside: tuple[Recorder, ...] = ()

    def __bool__(self) -> bool:
        return bool(len(self) or self.outside)


def listeners() -> list[Recorder]:
    """Recorders that a crossing, here and now, belongs to; an `Audience` if not all do."""
    scopes = _open
    if not scopes or inner.absorbing:
        return []
    tokens = _tokens_now()
    if len(scopes) == 1 and scopes[0].token in tokens:
        return [scopes[0].recorder]
    mine = _belonging(scopes, tokens)
    audience = Audience(scope.recorder for scope in mine)
    audience.outside = tuple(scope.recorder for scope in scopes if scope not in mine)
    return audience


def open_scopes() -> tuple[Scope, ...]:
    """All traces that are open; the same object as long as none begins or ends."""
    return _open


def tokens_now() -> tuple[int, ...]:
    """Tokens of the traces of this context; the same object as long as none begins or ends."""
    return _tokens.get()


def lane_here() -> Lane | None:
    """This thread's lane, where what happens now belongs to its trace and to no other.

    Returns
    -------
    Lane or None
        None where that must be found out by `listeners`: nothing is wrong then.
    """
    lane = inner.lane
    if (
        lane is None
        or lane.scopes is not _open
        or lane.tokens is not _tokens.get()
        or inner.absorbing
        or inner.owners is not None
        or inner.driver is not None
        or not lane.device.is_alone()
    ):
        return None
    return lane


def overhearing() -> list[Recorder]:
    """The same, ahead of a crossing that will be told to `listeners`: only who hears it."""
    if inner.absorbing:
        return []
    scopes, tokens = _open, _tokens_now()
    if len(scopes) == 1 and scopes[0].token in tokens:
        return [scopes[0].recorder]
    return [scope.recorder for scope in _belonging(scopes, tokens)]


def tokens_here() -> tuple[int, ...]:
    """Tokens of the open traces that what happens here and now belongs to."""
    return tuple(scope.token for scope in _belonging(_open, _tokens_now()))


def recorders_of(tokens: tuple[int, ...]) -> list[Recorder]:
    """The recorders of these traces, as far as they are open."""
    return [scope.recorder for scope in _open if scope.token in tokens]


def take_over(starter: Driver | None) -> Before:
    """From here on, what this thread does in this context belongs to the starter's traces only.

    Parameters
    ----------
    starter
        The line that handed the work over; None where that was nobody's.

    Returns
    -------
    tuple
        For `hand_back`, in the same context.
    """
    tokens = () if starter is None else starter.tokens
    before = _tokens.set(tokens), _starter.set(starter), inner.owners
    inner.owners = None
    return before


def hand_back(before: Before) -> None:
    """What this thread does belongs to whom it did before `take_over`."""
    _tokens.reset(before[0])
    _starter.reset(before[1])
    inner.owners = before[2]


def starter_here() -> Driver | None:
    """The line that handed over what this thread does; None on the thread that runs the cell."""
    return _starter.get()


def _tokens_now() -> tuple[int, ...]:
    return _tokens.get() if inner.owners is None else inner.owners


def _belonging(scopes: tuple[Scope, ...], tokens: tuple[int, ...]) -> tuple[Scope, ...]:
    """Scopes that what happens on this thread, under these tokens, belongs to."""
    mine = tuple(scope for scope in scopes if scope.token in tokens)
    if mine or inner.owners is not None or not _is_foreign(scopes):
        return mine
    return scopes if _are_nested(scopes) else ()


def _is_foreign(scopes: tuple[Scope, ...]) -> bool:
    """Whether Python did not start this thread, so that its context says nothing."""
    ident = threading.get_ident()
    if any(scope.thread == ident for scope in scopes):
        return False
    # `current_thread` would make a stand-in, as others do there: logging, for one.
    thread = threading._active.get(ident)  # type: ignore[attr-defined]
    return thread is None or isinstance(thread, threading._DummyThread)


def _are_nested(scopes: tuple[Scope, ...]) -> bool:
    """Whether each began inside the one before: all of them wait for what the last one does."""
    return all(outer.token in nested.within for outer, nested in itertools.pairwise(scopes))
