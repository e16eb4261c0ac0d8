"""Which line of which trace drives what TensorFlow runs on threads of its own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfnp_magic.lifetimes import WhileAlive
from tfnp_magic.scope import inner, tokens_here

if TYPE_CHECKING:
    from types import FrameType

    from tfnp_magic.activity import Pipeline
    from tfnp_magic.frames.spots import Spots
    from tfnp_magic.model import Place
    from tfnp_magic.recorder.recorder import Recorder

_numbers = itertools.count(1)


class Driver:
    """A graph call, or the iteration over a pipeline, with the line of the cell that made it.

    It outlives both the line and the trace: nothing of the user's is kept, nor a recording.
    Made inside something that is driven itself, it is of that one's line.

    Parameters
    ----------
    frame
        The frame that drives, while it runs.
    hearing
        Who hears it; see `tfnp_magic.scope.listeners`.
    tokens
        Tokens of the traces that it belongs to; those of here and now, if not told.

    Attributes
    ----------
    pipelines
        What the conversions that it drives are told with, for each recorder.
    """

    def __init__(
        self,
        frame: FrameType | None,
        hearing: Sequence[Recorder],
        tokens: tuple[int, ...] | None = None,
    ) -> None:
        self.number = next(_numbers)
        self.tokens = tokens_here() if tokens is None else tokens
        self.pipelines: WhileAlive[Recorder, Pipeline] = WhileAlive()
        self._lines: WhileAlive[Spots, Place | None] = WhileAlive()
        for recorder in hearing:
            self._lines[recorder] = recorder.line_of(frame)

    def line_for(self, recorder: Spots) -> Place | None:
        """The line of this recorder's cell; None where it is another trace's."""
        return self._lines.get(recorder)

    def knows(self, recorder: Spots) -> bool:
        """Whether this recorder's trace was told of it."""
        return recorder in self._lines

    def joined_by(self, other: Driver) -> Driver:
        """One that is also of the other's traces, at the other's lines where it had none."""
        tokens = dict.fromkeys((*self.tokens, *other.tokens))
        both = Driver(None, (), tuple(tokens)[-_MOST_TRACES:])
        for one in (other, self):
            both._lines.update(one._lines)
            both.pipelines.update(one.pipelines)
        return both


_MOST_TRACES = 16
"""Traces whose tokens are kept: those of an iterator that goes on for cells pile up."""


NOBODY = Driver(None, (), ())
"""Drives what began while no trace was open: whatever it converts is no trace's."""


def either_of(drivers: Sequence[Driver]) -> Driver:
    """A driver for what one of these drives, if it is not known which.

    It belongs to the traces of all of them, and has only the lines and pipelines that are
    the same for all.
    """
    first = drivers[0]
    if all(driver is first for driver in drivers):
        return first
    one = Driver(None, (), tuple(dict.fromkeys(t for driver in drivers for t in driver.tokens)))
    for recorder in {recorder for driver in drivers for recorder in driver._lines}:
        lines = {driver.line_for(recorder) for driver in drivers}
        one._lines[recorder] = lines.pop() if len(lines) == 1 else None
    for recorder, pipeline in list(first.pipelines.items()):
        if all(driver.pipelines.get(recorder) is pipeline for driver in drivers):
            one.pipelines[recorder] = pipeline
    return one


Work = tuple["tuple[int, ...] | None", "Driver | None"]


def work_here() -> Work:
    """What this thread works for at the moment; `end_work` goes back to it."""
    return inner.owners, inner.driver


def begin_work_for(driver: Driver | None) -> None:
    """What this thread converts from here on is the driver's; nothing changes without one."""
    if driver is not None:
        inner.owners, inner.driver = driver.tokens, driver


def end_work(before: Work) -> None:
    """What this thread converts belongs to whom it did before."""
    inner.owners, inner.driver = before
