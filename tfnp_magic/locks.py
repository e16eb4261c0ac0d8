"""Locks of ours and of what we call, which a forked process finds open: it has no holder."""

from __future__ import annotations

import os
import threading
from typing import Any

from tfnp_magic.lifetimes import WhileAlive

_all: WhileAlive[Any, None] = WhileAlive()


def new_lock() -> threading.Lock:
    """A lock that is open in a forked process, whoever held it in the parent."""
    return opened_by_forks(threading.Lock())


def new_rlock() -> Any:
    """The same, for a lock that its holder may take again."""
    return opened_by_forks(threading.RLock())


def opened_by_forks(lock: Any) -> Any:
    """This lock, which a forked process now finds open; nothing is done where it is None."""
    if lock is not None:
        _all[lock] = None
    return lock


def _open_all() -> None:
    """What stood under a lock may be half done: a figure too few, in a process of its own."""
    for lock in list(_all):
        lock._at_fork_reinit()  # as `threading` does with its own (Lib/threading.py)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_all)
