"""Saying how far long work has come; of work that takes less than a second nothing is said.

Where it is said is for the shell to tell, through `show_through`: this module knows no IPython.
Until then nothing is said anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from tfnp_magic.interrupts import raised_by_signal

PATIENCE_SECONDS = 1.0
"""How long work may take before anything is said of it."""

PAUSE_SECONDS = 0.5
"""How long what is said stands before it is renewed."""

_MOST_STEPS = 16
"""Steps between two looks at the clock at most: a look costs as much as a cheap step."""

_FAST_SECONDS = 0.01
"""A step that takes longer has the next one look at the clock."""


class Outlet(Protocol):
    """A place where one text is shown at a time."""

    def show(self, text: str) -> None:
        """Show the text instead of the one before it."""

    def clear(self) -> None:
        """Leave nothing of it to be seen."""


Opener = Callable[[], Outlet | None]
"""Gives a fresh place for one piece of work, or None where nothing can be shown."""


class _Shell:
    """How the shell shows progress, if one does."""

    opener: Opener | None = None


def show_through(opener: Opener) -> None:
    """Show progress from here on in the places that this opens."""
    _Shell.opener = opener


def show_no_more(opener: Opener) -> None:
    """Show nothing any more, if it is this that opens places now."""
    if _Shell.opener is opener:
        _Shell.opener = None


@contextmanager
def of(
    what: str,
    total: int | None = None,
    *,
    at_once: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[int], None]]:
    """Say how far the work of a block has come, once it takes longer than a second.

    Parameters
    ----------
    what
        What is being done: ``Looking at names``.
    total
        How many there are to do, if that is known.
    at_once
        Whether to say at the beginning that it is being done: for work that takes no steps.
    clock
        Seconds since some moment.

    Yields
    ------
    callable
        To be called at each step with how many are done by now; cheap. What fails in showing it
        is not the work's failure. Whatever ends the work, an interrupt too, passes as it is, and
        what is shown is cleared.
    """
    progress = _Progress(what, total, clock)
    try:
        if at_once:
            progress.show("")
        yield progress.step
    finally:
        progress.clear()


class _Progress:
    """How far one piece of work has come."""

    def __init__(self, what: str, total: int | None, clock: Callable[[], float]) -> None:
        self._what, self._clock = what, clock
        self._of_total = "" if total is None else f" of {total:,}"
        self._until_look, self._stride = 1, 1
        self._looked = clock()
        self._due = self._looked + PATIENCE_SECONDS
        self._outlet: Outlet | None = None
        self._is_mute = False

    def step(self, done: int) -> None:
        self._until_look -= 1
        if self._until_look <= 0:
            self._look(done)

    def _look(self, done: int) -> None:
        now = self._clock()
        is_fast = now - self._looked < _FAST_SECONDS * self._stride
        self._stride = min(2 * self._stride, _MOST_STEPS) if is_fast else 1
        self._looked, self._until_look = now, self._stride
        if now >= self._due:
            self._due = now + PAUSE_SECONDS
            self.show(f": {done:,}{self._of_total}")

    def show(self, how_far: str) -> None:
        """Say what is being done and how far it has come."""
        if not self._is_mute:
            self._attempt(lambda: self._open().show(f"{self._what}{how_far}"))

    def clear(self) -> None:
        """Take back what is shown."""
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            self._attempt(outlet.clear)

    def _open(self) -> Outlet:
        if self._outlet is None:
            opened = None if _Shell.opener is None else _Shell.opener()
            if opened is None:
                raise _Nowhere
            self._outlet = opened  # before it shows anything: an interrupt may come right after
        return self._outlet

    def _attempt(self, deed: Callable[[], None]) -> None:
        try:
            deed()
        except Exception as error:
            if raised_by_signal(error):
                raise
            self._is_mute = True


class _Nowhere(Exception):
    """There is no place to show anything."""
