"""Session mode: every cell is traced from its first line, with a line of figures below it.

A cell is begun where IPython transforms its syntax tree, and ended by the same callbacks as a
cell with ``%%interop_trace``. Of the ways to get in front of a cell this is the most native:
the cell's text stays what it is, and so do its lines, its history, and what ``await``, other
magics and the last expression make of it; IPython has compiled nothing yet, so that the trace
is there from the first line on, but has parsed the cell, so that one with a SyntaxError never
gets here; and it has given the cell its file name, which its own frame tells. In
``pre_run_cell`` there is no such name: it would have to be computed as each version of IPython
does, of a transformed text that versions before 9 do not tell.

The transformer is in the shell while the session is on, and hands each tree on as it is.
Between cells no trace runs.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from IPython.display import display

from tfnp_magic.interrupts import raised_by_signal
from tfnp_magic.scope import recorders_of, tokens_here
from tfnp_magic.shell.cell import CellTracer, Wanted, blank_lines, error_of, start, stop, timed

if TYPE_CHECKING:
    from tfnp_magic.recording import Recording
    from tfnp_magic.shell.session_runs import SessionReport, SessionRuns
    from tfnp_magic.tracing import Trace

_OWN = "get_ipython().run_cell_magic('interop_trace'"
"""What IPython makes of a cell that begins with our magic."""


@dataclasses.dataclass
class _Open:
    """A cell of the session that is running, or has ended and is not shown yet.

    Attributes
    ----------
    thread, depth
        Which cell it is: that many cells deep, on that thread.
    text
        What was typed, without blank lines above.
    cell_id
        The notebook's id of it.
    has_footer
        Whether it gets one, if it converts.
    runs
        Where it will be counted: a new session may begin in it.
    trace
        None for a cell with ``%%interop_trace`` of its own.
    files
        Those of the trace; see `tfnp_magic.frames.site.Sources`.
    recording
        What the cell's own magic recorded.
    """

    thread: int
    depth: int
    text: str
    cell_id: str | None
    has_footer: bool
    runs: SessionRuns
    trace: Trace | None = None
    files: dict[str, int] = dataclasses.field(default_factory=dict)
    recording: Recording | None = None


class Session:
    """The session mode of one shell.

    Parameters
    ----------
    shell
        An ``InteractiveShell``.
    tracer
        Traces the cells with ``%%interop_trace`` of their own.
    has_footer
        Whether a cell gets a footer now, apart from what was asked for as the session began.
    """

    def __init__(self, shell: Any, tracer: CellTracer, has_footer: Callable[[], bool]) -> None:
        self.shell = shell
        self._tracer = tracer
        self._has_footer = has_footer
        self._wanted: Callable[[], Wanted] = Wanted
        self._open: list[_Open] = []
        self._ended: list[_Open] = []
        self._runs: SessionRuns | None = None
        tracer.heard, tracer.met = self._hear, self._meet_line

    @property
    def is_on(self) -> bool:
        """Whether the next cell will be traced."""
        return any(each is self for each in self.shell.ast_transformers)

    def on(self, wanted: Callable[[], Wanted]) -> None:
        """Trace each cell that begins from now on; sums begin anew.

        Parameters
        ----------
        wanted
            Asked before each cell for what applies to it.
        """
        from tfnp_magic.shell.session_runs import SessionRuns  # on demand: it imports NumPy

        self._wanted, self._runs = wanted, SessionRuns()
        if not self.is_on:
            self.shell.ast_transformers.append(self)

    def off(self) -> None:
        """Trace no further cell. The one that runs is traced to its end; the sums stay."""
        transformers = self.shell.ast_transformers
        transformers[:] = [each for each in transformers if each is not self]

    def report(self) -> SessionReport | None:
        """What the session's ended cells converted; None if there was no session."""
        return None if self._runs is None else self._runs.report()

    def finish(self) -> None:
        """End everything at once: the extension is being unloaded."""
        if self.is_on:
            print("Session mode has ended with the extension.")
        self.off()
        for cell in reversed(self._open):
            self._end(cell, None)
        self._show_ended(None)

    def visit(self, tree: Any) -> Any:
        """Begin the trace of the cell that IPython is about to run (an AST transformer)."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_name == "transform_ast":
            frame = frame.f_back
        cells = self._tracer.cells()
        # `%time` and others transform trees of their own.
        if cells and frame is cells[0]:
            try:
                self._meet(cells)
            except Exception as error:
                if raised_by_signal(error):
                    raise
                self._lose("a cell was not traced", error)
        return tree

    def after_execute(self) -> None:
        """End the trace of the cell that has ended (``post_execute``)."""
        if not self._open:
            return
        depth, thread = len(self._tracer.cells()), threading.get_ident()
        error = error_of(self.shell.last_execution_result)
        for cell in reversed(self._open):
            if cell.thread == thread and cell.depth > depth:
                self._end(cell, error)

    def after_cell(self, result: Any) -> None:
        """Count what the ended cell left, and show its footer (``post_run_cell``)."""
        self.after_execute()  # again: an interrupt may have cut it short
        if self._ended:
            self._show_ended(result)

    def _meet(self, cells: list[FrameType]) -> None:
        """Begin a cell that a person runs; within one, learn whose lines the inner cell has."""
        names, thread = cells[0].f_locals, threading.get_ident()
        for stale in [each for each in self._open_here() if each.depth >= len(cells)]:
            self._end(stale, None)  # an interrupt came before IPython could tell of its end
        for outer in self._open_here():
            _add_inner(outer, names["raw_cell"], names["cell_name"])
            return
        info = names["info"]
        if info.silent or not info.store_history or len(cells) > 1:
            return
        if self._runs is None or self._is_heard():
            return
        above = blank_lines(info.raw_cell.splitlines())
        text = "".join(info.raw_cell.splitlines(keepends=True)[above:])
        wanted = self._wanted()
        has_footer = self._has_footer() and not wanted.quiet
        cell_id = getattr(info, "cell_id", None)
        cell = _Open(thread, len(cells), text, cell_id, has_footer, self._runs)
        if not names["cell"].startswith(_OWN):
            cell.files = {names["cell_name"]: 0, **timed(text, 0)}
            cell.trace = self._tracer.trace_of(cell.files, text, wanted)
        self._open.append(cell)
        if cell.trace is not None:
            start(cell.trace)

    def _is_heard(self) -> bool:
        """Whether a cell of the session started this thread, and its trace hears it already."""
        heard = [id(recorder.recording) for recorder in recorders_of(tokens_here())]
        return any(cell.trace and id(cell.trace.recording) in heard for cell in self._open)

    def _open_here(self) -> list[_Open]:
        thread = threading.get_ident()
        return [cell for cell in self._open if cell.thread == thread]

    def _meet_line(self, filename: str) -> None:
        """Learn the file of ``%interop_trace f(x)``: its line is the one that it stands in."""
        for cell in self._open_here():
            frame: FrameType | None = sys._getframe(1)
            while frame is not None and frame.f_code.co_filename not in cell.files:
                frame = frame.f_back
            if frame is not None:
                above = cell.files[frame.f_code.co_filename]
                cell.files[filename] = above + frame.f_lineno - 1

    def _hear(self, recording: Recording) -> None:
        """Learn what ``%%interop_trace`` recorded; of traces in one another, the outermost last."""
        for cell in self._open_here():
            cell.recording = recording

    def _end(self, cell: _Open, error: str | None) -> None:
        if cell.trace is not None:
            stop(cell.trace, error)
        if all(other is not cell for other in self._ended):
            self._ended.append(cell)
        self._open = [other for other in self._open if other is not cell]

    def _show_ended(self, result: Any) -> None:
        never_ran = getattr(result, "error_before_exec", None) is not None
        while self._ended:
            cell = self._ended.pop(0)
            try:
                if not never_ran:
                    self._show(cell)
            except Exception as error:
                if raised_by_signal(error):
                    raise
                self._lose("a cell was not counted", error)

    def _show(self, cell: _Open) -> None:
        recording = cell.trace.recording if cell.trace else cell.recording
        if recording is None:
            return  # a magic that was refused
        cell.runs.add(recording, cell.text, cell.cell_id)
        if cell.trace is not None and cell.has_footer:
            from tfnp_magic.views.session.wording import Footer, footer_text

            if footer_text(recording):
                display(Footer(recording))

    def _lose(self, what: str, error: Exception) -> None:
        if self._runs is not None:
            self._runs.lost.append(f"{what} ({type(error).__name__}: {error})")


def _add_inner(outer: _Open, text: str, filename: str) -> None:
    """Say which of the cell's lines an inner cell has: the body of a ``%%capture``, for one."""
    whole, part = outer.text.rstrip(), text.rstrip()
    if outer.trace is not None and part and whole.endswith("\n" + part):
        above = whole[: len(whole) - len(part)].count("\n")
        outer.files[filename] = above + blank_lines(text.splitlines())
