"""Tracing one test, and judging it: what the marker asks for."""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any

import pytest

from tfnp_magic.interrupts import covered_from_entry, insist
from tfnp_magic.testing.exceeded import Outcome, outcome_of
from tfnp_magic.testing.telling import failure_text, unsure_texts

if TYPE_CHECKING:
    from tfnp_magic.recording import Recording
    from tfnp_magic.tracing import Trace


class BudgetWarning(UserWarning):
    """A limit that cannot be said to be kept, as some figures are not known."""


class Watch:
    """One test: what it is allowed, and what it did. A context manager around its call.

    Parameters
    ----------
    item
        The test.
    limits
        From `tfnp_magic.testing.limits.limits_of`; None without a marker.

    Attributes
    ----------
    recording
        What the test did, once its call is over; None before that, and without a marker.
    untold
        Texts on limits that were exceeded where another exception is what ended the test.
    """

    def __init__(self, item: pytest.Item, limits: Mapping[str, int] | None) -> None:
        self.limits = limits
        self.title = item.nodeid
        self._code = getattr(_function_of(item), "__code__", None)
        self.files = _files_of(item, self._code)
        self.recording: Recording | None = None
        self.untold: list[str] = []
        self._at = str(item.path), (item.location[1] or 0) + 1
        self._is_async = inspect.iscoroutinefunction(_function_of(item))
        self._span: Span | None = None

    def __enter__(self) -> None:
        self._span = Span(self.files, self.title, self._code, whole_thread=self._is_async)
        self._span.start()

    @covered_from_entry
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        try:
            assert self._span is not None
            self.recording = self._span.stop(kind)
        except BaseException:  # an interrupt: it may have come before the span could end
            if self._span is not None:
                insist(self._span.leave)
            raise
        self._span = None
        self.judge(self.recording, self.limits or {}, self._at, over=kind is None)

    def judge(
        self,
        recording: Recording,
        limits: Mapping[str, int],
        at: tuple[str, int],
        *,
        over: bool,
        where: str = "",
    ) -> None:
        """Fail the test where a limit was exceeded; warn where that cannot be said.

        Parameters
        ----------
        recording
            Of the test, or of a block.
        limits
            What it is allowed.
        at
            File and line for warnings.
        over
            Whether it came to its end: if not, an exception is on its way, which stays
            what ends the test.
        where
            What the limits are of, if not of the whole test.
        """
        __tracebackhide__ = True
        outcome = outcome_of(recording, limits)
        if over:
            _warn(recording, outcome, at)
        if not outcome.exceeded:
            return
        text = failure_text(outcome, where)
        if not over:
            self.untold.append(text)
            return
        pytest.fail(text, pytrace=False)

    def around(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method of a `unittest.TestCase`, watched: ``setUp`` and ``tearDown`` are not."""

        @functools.wraps(method)
        def watched(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            with self:
                return method(*args, **kwargs)

        return watched

    def suits_method(self, item: pytest.Item) -> bool:
        """Whether the test is a `unittest.TestCase`'s method, and can be watched alone."""
        case = getattr(sys.modules.get("unittest"), "TestCase", None)
        cls = getattr(item, "cls", None)
        return case is not None and cls is not None and issubclass(cls, case) and not self._is_async


class Span:
    """One traced run, in the files that are the test's.

    Parameters
    ----------
    files
        File names that the test's code objects carry.
    title
        What a report calls it.
    code
        That of the function whose names are still to hold what they do when it is looked at.
    whole_thread
        Whether all that this thread does is the test's, in whatever context: a plugin may run
        a coroutine in one that it made before the test began.
    """

    def __init__(
        self,
        files: Iterable[str],
        title: str,
        code: CodeType | None = None,
        *,
        whole_thread: bool = False,
    ) -> None:
        # Only now: a run of tests without a marker should not wait for NumPy.
        from tfnp_magic.testing.holding import Holding
        from tfnp_magic.tracing import Trace

        self.trace: Trace = Trace(dict.fromkeys(files, 0), title)
        self._holding = None if code is None else Holding(code)
        self._whole_thread = whole_thread
        self._owners: tuple[int, ...] | None = None

    def start(self) -> None:
        """Begin."""
        from tfnp_magic.scope import inner, tokens_here

        self._owners = inner.owners
        try:
            self.trace.start()
            if self._holding is not None:
                self._holding.begin()
            if self._whole_thread:
                inner.owners = tokens_here()
        except BaseException:  # an interrupt
            insist(self.leave)
            raise

    @covered_from_entry
    def stop(self, kind: type[BaseException] | None) -> Recording:
        """End; the recording is complete."""
        try:
            recording = self.trace.stop(None if kind is None else kind.__name__)
            self.leave()
            return recording
        except BaseException:  # an interrupt: nothing of ours may stay in
            insist(self.leave, None if kind is None else kind.__name__)
            self.trace.stop(None if kind is None else kind.__name__)
            raise

    def leave(self, error: str | None = None) -> None:
        """End, and no more; may be repeated."""
        from tfnp_magic.scope import inner

        try:
            self.trace.leave(error)
        finally:
            if self._holding is not None:
                self._holding.end()
            if self._whole_thread:
                inner.owners = self._owners


def _warn(recording: Recording, outcome: Outcome, at: tuple[str, int]) -> None:
    for text in unsure_texts(recording, outcome):
        warnings.warn_explicit(text, BudgetWarning, *at)


def _function_of(item: pytest.Item) -> Any:
    return inspect.unwrap(getattr(item, "obj", None) or (lambda: None))


def _files_of(item: pytest.Item, code: CodeType | None) -> tuple[str, ...]:
    """The test function's file, and its module's: a method may be inherited from elsewhere."""
    files = [code.co_filename] if code is not None else []
    return tuple(dict.fromkeys([*files, str(item.path)]))
