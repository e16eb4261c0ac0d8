"""Whose work a thread does: it belongs to the trace whose code started it, or handed it on.

Chokepoints, all of Python's standard library (3.10 to 3.13), in from the trace's begin on,
also before TensorFlow is imported:

- ``threading.Thread.start`` and ``_set_ident``, the new thread's first call of its own
  (Lib/threading.py): a thread begins with what its starter belongs to. Timers,
  ``MirroredStrategy``'s replicas and Keras's workers are such threads, too.
- ``_WorkItem`` (Lib/concurrent/futures/thread.py): what `ThreadPoolExecutor.submit` puts
  into its queue, `map` and ``loop.run_in_executor`` as well; and what
  ``Future.add_done_callback`` registers (Lib/concurrent/futures/_base.py).
- ``Pool.apply_async`` and ``_guarded_task_generation``, through which all of `map` and
  `imap` go, and the callbacks of ``ApplyResult`` (Lib/multiprocessing/pool.py). A
  `ThreadPool` is such a pool, and so is joblib's with threads.

A pool's thread may be older than the trace, or made by it and used by others: while it does
a piece of work, it belongs to whoever handed that piece over, and to nobody if that was
before the trace. Work that goes through a queue of the user's own cannot be told.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tfnp_magic.driving.driver import Driver
from tfnp_magic.probes.machine_code import Unsupported
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import ask
from tfnp_magic.scope import hand_back, recorders_of, take_over, tokens_here

NAME = "thread"

_STARTER = "_tfnp_magic_starter"
"""Attribute of a piece of work that waits in a `ThreadPoolExecutor`: whose it is."""


def patches() -> list[AttributePatch]:
    """What starts a thread, and what hands work to one."""
    from concurrent.futures import Future
    from concurrent.futures.thread import _WorkItem
    from multiprocessing import pool

    if hasattr(_WorkItem, "__slots__"):
        raise Unsupported("work for a ThreadPoolExecutor cannot be marked")
    return [
        AttributePatch(threading.Thread, "start", _around_start),
        AttributePatch(threading.Thread, "_set_ident", _around_set_ident),
        AttributePatch(_WorkItem, "__init__", _around_work_item),
        AttributePatch(_WorkItem, "run", _around_run),
        AttributePatch(Future, "add_done_callback", _around_add_done_callback),
        AttributePatch(pool.Pool, "apply_async", _around_apply_async),
        AttributePatch(pool.Pool, "_guarded_task_generation", _around_tasks),
        AttributePatch(pool.ApplyResult, "__init__", _around_apply_result),
    ]


_starting: dict[int, Driver] = {}
"""Threads that are being started, by ``id()``, and whom they belong to."""


def _starter() -> Driver | None:
    """Who hands work over here and now, and at which line; None if no trace does."""
    tokens = tokens_here()
    if not tokens:
        return None
    hearing = recorders_of(tokens)
    starter = ask(NAME, hearing, Driver, sys._getframe(1), hearing, tokens)
    return starter or Driver(None, (), tokens)  # whose it is matters more than the line


def _around_start(original: Any) -> Any:
    @functools.wraps(original)
    def start(self: Any, *args: Any, **kwargs: Any) -> Any:
        if (starter := _starter()) is not None:
            _starting[id(self)] = starter
        try:
            return original(self, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            _starting.pop(id(self), None)

    return start


def _around_set_ident(original: Any) -> Any:
    @functools.wraps(original)
    def _set_ident(self: Any) -> Any:
        if (starter := _starting.get(id(self))) is not None:
            take_over(starter)  # in the thread's own context: for as long as it lives
        return original(self)

    return _set_ident


def _around_work_item(original: Any) -> Any:
    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        original(self, *args, **kwargs)
        setattr(self, _STARTER, _starter())

    return __init__


def _around_run(original: Any) -> Any:
    @functools.wraps(original)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        taken = take_over(vars(self).get(_STARTER))
        try:
            return original(self, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            hand_back(taken)

    return run


def _around_add_done_callback(original: Any) -> Any:
    @functools.wraps(original)
    def add_done_callback(self: Any, fn: Any) -> Any:
        return original(self, _Carried(fn))

    return add_done_callback


def _around_apply_async(original: Any) -> Any:
    @functools.wraps(original)
    def apply_async(self: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self, _for_thread(self, func), *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise

    return apply_async


def _around_tasks(original: Any) -> Any:
    @functools.wraps(original)
    def _guarded_task_generation(self: Any, job: Any, func: Any, iterable: Any) -> Any:
        # The pool's own thread takes the items, of a generator of the user's, too.
        return original(self, job, _for_thread(self, func), _CarriedItems(iterable))

    return _guarded_task_generation


def _around_apply_result(original: Any) -> Any:
    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        original(self, *args, **kwargs)
        for name in ("_callback", "_error_callback"):
            if (callback := vars(self).get(name)) is not None:
                setattr(self, name, _Carried(callback))

    return __init__


def _for_thread(pool: Any, function: Any) -> Any:
    """The function with whom it belongs to, unless another process is to call it."""
    from multiprocessing.pool import ThreadPool

    return _Carried(function) if isinstance(pool, ThreadPool) else function


class _Carried:
    """A function that belongs to whoever handed it over, whichever thread calls it."""

    __slots__ = ("__weakref__", "_function", "_starter")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self._starter = function, _starter()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        taken = take_over(self._starter)
        try:
            return self._function(*args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            hand_back(taken)

    def __repr__(self) -> str:
        return repr(self._function)


class _CarriedItems(Iterator[Any]):
    """Items that are made one by one, as work of whoever handed the iterable over."""

    def __init__(self, items: Any) -> None:
        self._starter, self._items = _starter(), items
        self._begun = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        taken = take_over(self._starter)
        try:
            if not self._begun:
                self._items, self._begun = iter(self._items), True
            return next(self._items)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            hand_back(taken)
