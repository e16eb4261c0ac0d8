"""The fixture's object: budgets for parts of a test, and the test's own recording."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from tfnp_magic.interrupts import covered_from_entry
from tfnp_magic.testing.limits import limits_of
from tfnp_magic.testing.watching import Span, Watch

if TYPE_CHECKING:
    from tfnp_magic.recording import Recording


class Interop:
    """What a test gets by the fixture ``interop``: call it to trace a block.

    Parameters
    ----------
    watch
        The test.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __call__(self, *positional: Any, **limits: Any) -> Block:
        """Trace a ``with`` block, and fail the test when it is left if a limit is exceeded.

        Parameters
        ----------
        **limits
            See `tfnp_magic.testing.limits.LIMITS`; without any, the block is only traced.

        Returns
        -------
        Block
            ``with interop(max_copied="1MB") as rec:`` binds the `Recording`, which is complete
            once the block is left.

        Raises
        ------
        LimitError
            For limits that cannot be read.
        """
        return Block(self._watch, limits_of("interop()", positional, limits))

    @property
    def recording(self) -> Recording:
        """What the whole test did: for fixtures, once they are torn down.

        Raises
        ------
        RuntimeError
            While the test runs, and where it has no marker: nothing is complete then.
        """
        if self._watch.recording is None:
            raise RuntimeError(
                "The recording of a test is complete when the test is over, and there is one where "
                "the test is marked `@pytest.mark.interop`; for a recording of a part of it, write "
                "`with interop() as rec:`."
            )
        return self._watch.recording


class Block:
    """One ``with`` block of a test, traced."""

    def __init__(self, watch: Watch, limits: Mapping[str, int]) -> None:
        self._watch, self._limits = watch, limits
        self._span: Span | None = None
        self._at = "", 0

    def __enter__(self) -> Recording:
        frame = _users(sys._getframe(1))
        self._at = frame.f_code.co_filename, frame.f_lineno
        files = dict.fromkeys([self._at[0], *self._watch.files])
        self._span = Span(files, self._name)
        self._span.start()
        return self._span.trace.recording

    @covered_from_entry
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        try:
            recording = self._end(kind)
        except BaseException:
            self._end(kind)
            raise
        over, where = kind is None, f"the block at {self._name}"
        self._watch.judge(recording, self._limits, self._at, over=over, where=where)

    @property
    def _name(self) -> str:
        from tfnp_magic.frames.site import Sources

        place = Sources(lambda filename: None, {}, "").place_at(*self._at, "")
        return f"{place.source}:{place.line}"

    def _end(self, kind: type[BaseException] | None) -> Recording:
        assert self._span is not None
        return self._span.stop(kind)


def _users(frame: FrameType) -> FrameType:
    """The frame of the ``with`` statement: an `ExitStack` may have entered the block for it."""
    from tfnp_magic.frames.site import is_library

    at: FrameType | None = frame
    while at is not None and is_library(at.f_code.co_filename):
        at = at.f_back
    return at or frame
