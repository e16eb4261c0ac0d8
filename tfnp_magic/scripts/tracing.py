"""Tracing a whole script: ``python -m tfnp_magic script.py`` does what ``python script.py`` does.

The trace begins with the script's own first import of NumPy, which TensorFlow's import needs,
too: before that nothing can be converted, and until then this package imports nothing that would
keep a setting of the script's (``OMP_NUM_THREADS``) from being heard, or stand in ``sys.modules``
in place of a module beside the script.

It ends with the script's last line, or, where threads of the script's go on, when Python ends.
Python itself prints what the script raised, and finds the exit status.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tfnp_magic.importing import ImportWatch
from tfnp_magic.scripts.endings import let_python_print, write_to_stderr
from tfnp_magic.scripts.programs import Program

if TYPE_CHECKING:
    from tfnp_magic.recording import Recording
    from tfnp_magic.tracing import Trace


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the user asked for in front of the script.

    Attributes
    ----------
    output, report, html
        Files for the recording, the report as text and as a page; empty for none.
    quiet
        Whether no report is printed.
    check_values, graph
        See `tfnp_magic.tracing.Trace`.
    """

    output: str = ""
    report: str = ""
    html: str = ""
    quiet: bool = False
    check_values: str = "sample"
    graph: bool = False


def run(program: Program, wanted: Wanted) -> None:
    """Run a program traced; what ends it goes on to Python, the report follows on stderr.

    Raises
    ------
    BaseException
        What the program raises: Python prints it without our frames, and exits by it.
    """
    traced = _Traced(program, wanted)
    # Registered first, it runs last: after the script's own, and after its threads.
    atexit.register(traced.finish)
    try:
        traced.begin()
        program.begin()
    except SystemExit as ended:
        traced.ended_by(ended)
        if ended.code is None or isinstance(ended.code, int):
            traced.finish_unless_threads_go_on()
            raise
        write_to_stderr(f"{ended.code}\n")  # as Python would, at its very end
    except BaseException as error:
        traced.ended_by(error)
        let_python_print(traced.finish_unless_threads_go_on)
        raise
    else:
        traced.finish_unless_threads_go_on()
        return
    traced.finish_unless_threads_go_on()
    raise SystemExit(1)


class _Traced:
    """The trace of a program, from its first import of NumPy to the report."""

    def __init__(self, program: Program, wanted: Wanted) -> None:
        self._program, self._wanted = program, wanted
        self._trace: Trace | None = None
        self._failure = ""
        self._error: str | None = None
        self._process = os.getpid()
        self._is_finished = False
        self._watch = _Watch(self._start)

    def begin(self) -> None:
        """Trace from here on, or from the first import of NumPy on."""
        if "numpy" in sys.modules:
            self._start()
        else:
            self._watch.on()

    def ended_by(self, error: BaseException) -> None:
        """Remember what ended the program, if it did not end as it should."""
        if not isinstance(error, SystemExit) or error.code not in (None, 0):
            self._error = type(error).__name__

    def finish_unless_threads_go_on(self) -> None:
        """End the trace now; what threads of the program still convert is waited for."""
        me = threading.current_thread()
        if all(each is me or each.daemon for each in threading.enumerate()):
            self.finish()

    def finish(self) -> None:
        """End the trace, print the report and write the files: once, in one process."""
        if self._is_finished or os.getpid() != self._process:  # a child that `os.fork` made
            return
        self._is_finished = True
        try:
            with _room():
                self._tell()
        except KeyboardInterrupt:
            _print("tfnp_magic: interrupted, so the report is not complete.")
        except Exception as error:
            _print(f"tfnp_magic: the report failed ({type(error).__name__}: {error}).")

    def _start(self) -> None:
        """Begin the trace; the program goes on without it if our own code fails."""
        from tfnp_magic.interrupts import raised_by_signal

        try:
            self._trace = self._new_trace()
            self._trace.start()
        except Exception as error:
            if raised_by_signal(error):
                raise
            self._failure = f"the trace could not begin ({type(error).__name__}: {error})"

    def _new_trace(self) -> Trace:
        from tfnp_magic.tracing import Trace  # on demand: it imports NumPy

        program, wanted = self._program, self._wanted
        names = {program.file: program.title} if program.file else {}
        return Trace(
            dict.fromkeys(names, 0), program.title, program.source(), names.get,
            wanted.check_values, graph=wanted.graph,
        )  # fmt: skip

    def _end(self) -> Recording:
        self._watch.off()
        trace = self._trace or self._new_trace()
        try:
            trace.stop(self._error)
        except Exception as error:
            self._failure = f"the trace could not end ({type(error).__name__}: {error})"
        trace.recording.error = self._error
        if self._failure:
            trace.recording.lost.append(self._failure)
        return trace.recording

    def _tell(self) -> None:
        wanted = self._wanted
        files = wanted.output, wanted.report, wanted.html
        if self._trace is None and not self._failure and not any(files):
            self._watch.off()
            if not wanted.quiet:
                _print(f"\n{self._program.title}: {_NOTHING}")
            return
        recording = self._end()
        if not wanted.quiet:
            _print(f"\n{recording}")
        _unless_it_fails(wanted.output, recording.save)
        _unless_it_fails(wanted.report, lambda path: _write(path, f"{_report(recording)}\n"))
        _unless_it_fails(wanted.html, lambda path: _write(path, _page(recording)))


_NOTHING = (
    "no conversions between TensorFlow and NumPy: neither was imported by what ran in this process."
)


class _Watch(ImportWatch):
    """Calls back once NumPy's first import is complete."""

    def __init__(self, ready: Callable[[], None]) -> None:
        super().__init__(ready, "numpy")

    def loaded(self) -> None:
        """NumPy is complete: tell, once."""
        self.off()
        self._ready()


# Telling.


@contextlib.contextmanager
def _room() -> Iterator[None]:
    """Give our own calls room, where the program made the limit of recursion a low one."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _CALLS))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


_CALLS = 1_000
"""Python's own limit."""


def _report(recording: Recording) -> str:
    from tfnp_magic.views.text import report

    return report(recording, _PAGE)


_PAGE = 120
"""Columns of a report in a file."""


def _page(recording: Recording) -> str:
    from tfnp_magic.views.markup import text

    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{text(recording.title)}'
        f"</title></head><body>{recording._repr_html_()}</body></html>\n"
    )


def _write(path: str, content: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def _unless_it_fails(path: str, write: Callable[[str], None]) -> None:
    """Write a file, if one is asked for, or say why that failed: the status is the program's."""
    if not path:
        return
    try:
        write(path)
    except (OSError, ValueError) as error:
        _print(f"tfnp_magic: {path!r} could not be written: {error}.")


def _print(text: str) -> None:
    """Print on the process's stderr, behind what the program printed; never fail.

    Past its buffer: what could not be written would stay there, and Python's last attempt at
    it would change the exit status.
    """
    stream = sys.__stderr__
    for each in (sys.stdout, sys.stderr, stream):
        with contextlib.suppress(Exception):
            each.flush()  # type: ignore[union-attr]
    with contextlib.suppress(Exception), _no_death_by_pipe():
        raw: Any = getattr(stream.buffer, "raw", stream.buffer)  # type: ignore[union-attr]
        content = f"{text}\n".encode(stream.encoding, "backslashreplace")  # type: ignore[union-attr]
        while content and (written := raw.write(content)):
            content = content[written:]


@contextlib.contextmanager
def _no_death_by_pipe() -> Iterator[None]:
    """Ignore SIGPIPE, which a program may have set to end it: it did not write this."""
    pipe = getattr(signal, "SIGPIPE", None)
    if pipe is None or signal.getsignal(pipe) is not signal.SIG_DFL:
        yield
        return
    before = signal.signal(pipe, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(pipe, before)
