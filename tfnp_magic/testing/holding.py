"""What a test's own names hold, kept until its trace is over."""

from __future__ import annotations

import sys
import threading
from types import CodeType, FrameType
from typing import TYPE_CHECKING

from tfnp_magic.scope import newest, recorders_of

if TYPE_CHECKING:
    from tfnp_magic.recorder.seen import Seen


class Holding:
    """The frame of the test function, from the first conversion below it to the trace's end.

    What its names hold would be gone as soon as it returns, and with it all memory that was
    shared: a trace looks at that once more at its end, as long as both ends are alive. It is
    found when something is converted, by an `Observer`, as there is no hook for its call.

    Parameters
    ----------
    code
        The test function's.
    """

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self._thread = threading.get_ident()
        self._frame: FrameType | None = None

    def begin(self) -> None:
        """Hear what the trace that has just begun hears."""
        for recorder in recorders_of((newest(),)):
            recorder.observers.append(self)

    def observe(self, seen: Seen, identity: int, *, small: bool) -> None:
        """Look whether the test function runs above the conversion; see `Observer`."""
        if self._frame is not None or threading.get_ident() != self._thread:
            return
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code is not self._code:
            frame = frame.f_back
        self._frame = frame

    def end(self) -> None:
        """Let go."""
        self._frame = None
