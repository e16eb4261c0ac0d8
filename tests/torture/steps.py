"""Interrupts at exact moments: where Python itself would look whether a signal has come.

That is at the first instruction of a Python function, and after a call of a C function. The
signal is marked as arrived from there by a profile function, in C and by an operator, so that
the interpreter's next look finds it: its handler then runs where it would run after a Ctrl-C,
and not in the profile function.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys

import tfnp_magic

OURS = tfnp_magic.__path__[0]
# From 3.12 on, a function's first look comes before the profile function is told of it.
_MOMENTS = ("call", "c_return") if sys.version_info < (3, 12) else ("c_return",)


class Alarm(KeyboardInterrupt):
    """An interrupt that a test sent itself."""


class _Ring:
    __add__ = _thread.interrupt_main


_ring = _Ring()


def _raise(number, frame):
    raise Alarm


@contextlib.contextmanager
def alarms():
    """SIGUSR1 raises an `Alarm` meanwhile."""
    before = signal.signal(signal.SIGUSR1, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


class Steps:
    """A profile function that counts such moments, and sends an interrupt at some of them.

    Attributes
    ----------
    number
        How many moments there were.
    places
        Where interrupts were sent.
    """

    def __init__(self, at, everywhere):
        self._at, self._everywhere = list(at), everywhere
        self.number, self.places = 0, []

    def __call__(self, frame, event, arg):
        if event not in _MOMENTS:
            return
        file = frame.f_code.co_filename
        if file == __file__ or not (self._everywhere or file.startswith(OURS)):
            return
        self.number += 1
        if self._at and self.number >= self._at[0]:
            self._at.pop(0)
            self.places.append(f"{file}:{frame.f_lineno} {frame.f_code.co_name} ({event})")
            _ring + signal.SIGUSR1


def interrupted(act, at, *, everywhere=False):
    """Run `act`, interrupted at moments of these numbers in our code, or in all that runs.

    Returns
    -------
    Steps, BaseException or None
        What was sent where, and what came out.
    """
    steps, raised = Steps(at, everywhere), None
    sys.setprofile(steps)
    try:
        act()
    except BaseException as error:
        raised = error
    finally:
        sys.setprofile(None)
    return steps, raised


def moments(act, *, everywhere=False):
    """How many such moments an act has."""
    steps, raised = interrupted(act, [], everywhere=everywhere)
    assert raised is None
    return steps.number
