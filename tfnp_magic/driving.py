"""Which line of which trace drives what TensorFlow runs on threads of its own."""

from __future__ import annotations

import contextlib
import itertools
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfnp_magic.scope import inner, tokens_here

if TYPE_CHECKING:
    from types import FrameType

    from tfnp_magic.model import Place
    from tfnp_magic.recorder import Recorder

_numbers = itertools.count(1)


class Driver:
    """A graph call, or the iteration over a pipeline, with the line of the cell that made it.

    It outlives both the line and the trace: nothing of the user's is kept, nor a recording.

    Parameters
    ----------
    frame
        The frame that drives, while it runs.
    hearing
        Who hears it; see `tfnp_magic.scope.listeners`.
    """

    def __init__(self, frame: FrameType | None, hearing: list[Recorder]) -> None:
        self.number = next(_numbers)
        self.tokens = tokens_here()
        self._lines: weakref.WeakKeyDictionary[Recorder, Place | None] = weakref.WeakKeyDictionary()
        for recorder in hearing:
            self._lines[recorder] = recorder.line_of(frame)

    def line_for(self, recorder: Recorder) -> Place | None:
        """The line of this recorder's cell; None where it is another trace's."""
        return self._lines.get(recorder)


@contextlib.contextmanager
def working_for(driver: Driver | None) -> Iterator[None]:
    """What this thread converts from here on belongs to the driver's traces, and to its line."""
    if driver is None:
        yield
        return
    before = inner.owners, inner.driver
    inner.owners, inner.driver = driver.tokens, driver
    try:
        yield
    finally:
        inner.owners, inner.driver = before
