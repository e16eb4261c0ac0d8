"""Whose crossing is it: which open traces hear what happens on this thread, in this task."""

from __future__ import annotations

import itertools
import threading
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfnp_magic.budget import Budget
    from tfnp_magic.driving import Driver
    from tfnp_magic.recorder import Recorder

# Tokens, not recorders: a context that outlives its trace must not keep a recording alive.
_tokens: ContextVar[tuple[int, ...]] = ContextVar("tfnp_magic_traces", default=())
_open: tuple[Scope, ...] = ()
_lock = threading.Lock()
_numbers = itertools.count(1)


class Scope:
    """What belongs to one trace: its own context, what inherits it, and threads born meanwhile.

    A crossing on the tracing thread belongs to it only under a context that came from
    the traced code (another asyncio task of the same thread does not). On other threads
    it belongs when the context was handed over, or when the thread did not exist when
    the trace began: TensorFlow's own threads that call back, and pools that the cell made.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.token = next(_numbers)
        self._thread = threading.get_ident()
        self._older = {
            thread.ident: weakref.ref(thread)
            for thread in threading.enumerate()
            # Python's stand-in for a thread of C++'s, made when somebody asks for the current
            # one there (logging does): TensorFlow's own threads call back for any trace.
            if not isinstance(thread, threading._DummyThread)
        }

    def enter(self) -> None:
        """Begin hearing, in the caller's context."""
        global _open
        with _lock:
            _open = (*_open, self)
        _tokens.set((*_tokens.get(), self.token))

    def leave(self) -> None:
        """Stop hearing, everywhere; the context may be another than `enter`'s."""
        global _open
        with _lock:
            _open = tuple(scope for scope in _open if scope is not self)
        _tokens.set(tuple(token for token in _tokens.get() if token != self.token))

    def covers(self, tokens: tuple[int, ...]) -> bool:
        """Whether what happens on this thread, under these tokens, belongs to the trace."""
        if self.token in tokens:
            return True
        if inner.owners is not None:
            return False
        ident = threading.get_ident()
        if ident == self._thread:
            return False
        older = self._older.get(ident)
        thread = None if older is None else older()
        # A new thread may have the number of one that ended.
        return thread is None or not thread.is_alive()


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
        does not tell; None otherwise. See `tfnp_magic.driving.working_for`.
    driver
        What drives it then.
    """

    absorbing = 0
    handed: object = None
    handed_at: int = 0
    values_limit: int | None = 0
    budget: Budget | None = None
    owners: tuple[int, ...] | None = None
    driver: Driver | None = None


inner = _PerThread()


def is_tracing() -> bool:
    """Whether any trace is open in the process."""
    return bool(_open)


def newest() -> int:
    """Token of the trace that began last among those that are open; 0 without any."""
    return _open[-1].token if _open else 0


def listeners() -> list[Recorder]:
    """Recorders that a crossing, here and now, belongs to; the others count it as left out."""
    scopes = _open
    if not scopes or inner.absorbing:
        return []
    tokens = _tokens_now()
    if len(scopes) == 1 and scopes[0].token in tokens:
        return [scopes[0].recorder]
    mine = []
    for scope in scopes:
        if scope.covers(tokens):
            mine.append(scope.recorder)
        else:
            scope.recorder.left_out += 1
    return mine


def tokens_here() -> tuple[int, ...]:
    """Tokens of the open traces that what happens here and now belongs to."""
    tokens = _tokens_now()
    return tuple(scope.token for scope in _open if scope.covers(tokens))


def _tokens_now() -> tuple[int, ...]:
    return _tokens.get() if inner.owners is None else inner.owners


def overhearing() -> list[Recorder]:
    """The same, ahead of a crossing that will be told to `listeners`: nothing is counted."""
    if inner.absorbing:
        return []
    tokens = _tokens_now()
    return [scope.recorder for scope in _open if scope.covers(tokens)]
