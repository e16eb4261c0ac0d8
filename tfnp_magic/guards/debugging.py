"""Stopping in IPython's debugger at a line of the user's, with the conversion at hand."""

from __future__ import annotations

import bdb
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

from IPython.core.debugger import Pdb
from IPython.core.error import StdinNotImplementedError
from IPython.core.getipython import get_ipython

from tfnp_magic import interrupts
from tfnp_magic.scope import inner

if TYPE_CHECKING:
    from tfnp_magic.model import Crossing

NAME = "_crossing"
"""What the conversion is called in the debugger."""

_MISSING = object()


def stop_at(frame: FrameType, crossing: Crossing | None, text: str) -> None:
    """Open the debugger of the running shell at a frame, and come back when the user goes on.

    ``_crossing`` is the conversion there. ``n`` and ``s`` step on from that line; ``c`` goes
    on to the next such conversion; ``q`` ends the cell, as it does at a ``breakpoint()``.

    Raises
    ------
    bdb.BdbQuit
        If the user quits.
    """
    debugger = _debugger()
    names = frame.f_globals
    before = names.get(NAME, _MISSING)
    inner.absorbing += 1  # what is looked at there is no conversion of the cell's
    try:
        names[NAME] = crossing
        print(text)
        _interact(debugger, frame)
    finally:
        inner.absorbing -= 1
        if before is _MISSING:
            names.pop(NAME, None)
        else:
            names[NAME] = before


def _debugger() -> Any:
    shell = get_ipython()
    return Pdb() if shell is None else shell.debugger_cls()


def _interact(debugger: Any, frame: FrameType) -> None:
    """As `Pdb.set_trace` would, if its first stop could be right here."""
    debugger.reset()
    walk: FrameType | None = frame
    while walk is not None:
        walk.f_trace = debugger.trace_dispatch
        debugger.botframe = walk
        walk = walk.f_back
    debugger.set_step()
    try:
        debugger.interaction(frame, None)
    except StdinNotImplementedError:  # a notebook that is run by a program
        debugger.set_continue()
        print("Nobody can be asked here, so the cell goes on: run it where input can be typed.")
    if debugger.quitting:
        _quit(frame)
    if debugger.stoplineno != -1 or debugger.breaks:  # the user did not just go on
        sys.settrace(debugger.trace_dispatch)


def _quit(frame: FrameType) -> None:
    sys.settrace(None)
    walk: FrameType | None = frame
    while walk is not None:
        walk.f_trace = None
        walk = walk.f_back
    raise bdb.BdbQuit


interrupts.carriers.add(_quit.__code__)
