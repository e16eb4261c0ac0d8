"""Running a traced cell natively: it stays the cell that the user typed.

A typed ``%%interop_trace`` line is rewritten to one statement that begins the trace;
the rest of the cell stays where it is, so that line numbers, the last expression,
``await``, errors and other magics are IPython's own affair. The trace ends when IPython
says that the cell has ended. Where that cannot serve (another cell magic below ours, a
program that calls the magic), `run` compiles and runs the body itself.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import sys
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any

from IPython.core.inputtransformer2 import leading_indent
from IPython.display import display

from tfnp_magic.frames.site import is_library
from tfnp_magic.interrupts import insist, raised_by_signal

if TYPE_CHECKING:
    from tfnp_magic.guards import Guard
    from tfnp_magic.guards.rules import Rule
    from tfnp_magic.recording import Recording
    from tfnp_magic.tracing import Trace

MAGIC = "%%interop_trace"
BEGIN = "--begin"
"""The option that the typed line is rewritten to, with a blank body; not for users."""
_TYPED = re.compile(rf"{MAGIC}(?=\s|$)")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the user asked for on the magic's line."""

    output: str | None = None
    quiet: bool = False
    check_values: str = "sample"
    graph: bool = False
    annotate: bool = False
    rules: tuple[Rule, ...] = ()


@dataclasses.dataclass
class _Running:
    """A trace that ends with the cell that began it."""

    trace: Trace
    wanted: Wanted
    depth: int
    thread: int
    typed: str | None


@dataclasses.dataclass(frozen=True)
class _Ended:
    """What a trace left for the end of the cell: shown, and put behind the lines."""

    recording: Recording
    wanted: Wanted
    typed: str | None


class CellTracer:
    """Begins and ends the traces of one shell's cells, and shows their recordings.

    Parameters
    ----------
    shell
        An ``InteractiveShell``.

    Attributes
    ----------
    heard
        Called with each recording, once its trace has ended.
    met
        Called with the file of a line's code, ``%interop_trace f(x)``, before it runs.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self._typed: list[str] = []
        self._running: list[_Running] = []
        self._to_show: list[_Ended] = []
        self.heard: Callable[[Recording], None] | None = None
        self.met: Callable[[str], None] | None = None

    def rewrite(self, lines: list[str]) -> list[str]:
        """Transform the lines of a cell (an IPython input transformer)."""
        self._typed = []
        if not lines or not _TYPED.match(lines[0]) or lines[0].rstrip().endswith("?"):
            return lines
        above = blank_lines(lines[1:]) + 1
        body = lines[above:]
        if not body or body[0].startswith("%%"):
            return lines
        self._typed = lines
        options = f"{BEGIN} {lines[0][len(MAGIC) :].strip()}".rstrip()
        # `run_cell_magic`, as in any traceback of a cell magic; with `run_line_magic`,
        # IPython would leave a cell out of the history that has the word "paste" in it.
        begin = f"get_ipython().run_cell_magic('interop_trace', {options!r}, '\\n')\n"
        # An indented body is dedented, as it is without our line.
        return [begin, *lines[1:above], *leading_indent(body)]

    # IPython then skips it when it asks whether what was typed so far is complete: in a
    # terminal, a cell magic ends with a blank line, not with its first statement.
    rewrite.has_side_effects = True  # type: ignore[attr-defined]

    def begin(self, wanted: Wanted) -> None:
        """Begin the trace of the cell that is running."""
        depth, thread = len(self.cells()), threading.get_ident()
        if any(r.depth == depth and r.thread == thread for r in self._running):
            return  # `%%timeit` runs the cell's text, and so this statement, many times
        trace = self.trace_of({_calling_cell().f_code.co_filename: 0}, "".join(self._typed), wanted)
        wanted, text = self._or_silent(wanted), self._typed_cell()
        self._running.append(_Running(trace, wanted, depth, thread, text))
        start(trace)

    def before_execute(self) -> None:
        """End what an earlier cell left: an interrupt came before IPython told of its end."""
        if self._running:
            self._end_from(len(self.cells()), None)

    def after_execute(self) -> None:
        """End the traces whose cell has ended (``post_execute``; also of silent cells)."""
        if not self._running:
            return
        self._end_from(len(self.cells()) + 1, error_of(self.shell.last_execution_result))

    def after_cell(self, result: Any) -> None:
        """Show what the ended cell left (``post_run_cell``), below its own output."""
        self.after_execute()  # again: an interrupt may have cut it short
        while self._to_show:
            ended = self._to_show.pop(0)
            if not ended.wanted.quiet:
                display(ended.recording)
            if ended.wanted.annotate:
                # On demand: few cells ask for it.
                from tfnp_magic.shell.annotating import offer_copy

                offer_copy(self.shell, ended.typed, ended.recording)

    def finish(self) -> None:
        """End and show everything at once: the extension is being unloaded."""
        for running in reversed(self._running):
            self._end(running, None)
        self.after_cell(None)

    def run(self, text: str, wanted: Wanted, namespace: dict[str, Any] | None, padding: int) -> Any:
        """Compile and run `text` under a trace of its own; return its last expression's value.

        Parameters
        ----------
        text
            A cell's body, or one line.
        wanted
            Where the recording goes.
        namespace
            Local names, for a line in a function; None for the user's namespace.
        padding
            Lines above the body in the cell, so that line numbers are the cell's.
        """
        __tracebackhide__ = True
        wanted, typed = self._or_silent(wanted), self._typed_cell()
        name, tree = self._compiled(text, padding)
        files = {name: 0, **timed(text, padding)}
        if self.met is not None and not padding:
            self.met(name)
        trace = self.trace_of(files, (MAGIC + "\n") * padding + text, wanted)
        error: str | None = None
        try:
            start(trace)
            return self._execute(tree, name, namespace)
        except BaseException as exc:
            error = type(exc).__name__
            raise
        finally:
            try:
                self._keep(trace, wanted, error, typed)
            except BaseException:  # an interrupt: it may have come before the trace could end
                insist(trace.leave, error)
                self._keep(trace, wanted, error, typed)
                raise
            if not self.cells():
                self.after_cell(None)

    def label(self, filename: str) -> str | None:
        """``In[3]`` for the file name of a cell's code; None for any other file."""
        named = self.shell.compile.format_code_name(filename)
        return None if named is None else str(named[1])

    def trace_of(self, files: dict[str, int], typed: str, wanted: Wanted) -> Trace:
        """A trace of the cell whose code has these files, as it is wanted; not begun yet."""
        from tfnp_magic.cell_text.comments import without_comments
        from tfnp_magic.tracing import Trace  # on demand: it imports NumPy

        # Figures of an older run behind the lines would be read as this run's.
        typed = without_comments(typed)
        title = self.label(next(iter(files))) or f"In[{self.shell.displayhook.prompt_count}]"
        guard = _guard_of(wanted.rules, typed)
        return Trace(
            files,
            title,
            typed,
            self.label,
            wanted.check_values,
            graph=wanted.graph,
            guard=guard,
        )

    def _compiled(self, text: str, padding: int) -> tuple[str, ast.Module]:
        above = padding + blank_lines(text.splitlines())  # `transform_cell` strips them
        source = "\n" * above + self.shell.transform_cell(text)
        name = self.shell.compile.cache(source, self.shell.displayhook.prompt_count, raw_code=text)
        tree = self.shell.transform_ast(self.shell.compile.ast_parse(source, filename=name))
        return name, tree

    def _execute(self, tree: ast.Module, name: str, namespace: dict[str, Any] | None) -> Any:
        __tracebackhide__ = True
        compile_, names = self.shell.compile, self.shell.user_global_ns
        local = names if namespace is None else namespace
        last = tree.body[-1] if tree.body else None
        if not isinstance(last, ast.Expr):
            exec(compile_(tree, name, "exec"), names, local)
            return None
        del tree.body[-1]
        exec(compile_(tree, name, "exec"), names, local)
        if local is names:
            return eval(compile_(ast.Expression(last.value), name, "eval"), names)
        # Comprehensions and lambdas see a function's names, not a mapping of locals.
        given = {key: value for key, value in local.items() if key.isidentifier()}
        function = ast.Expression(_function_of(given, last.value))
        return eval(compile_(function, name, "eval"), names)(**given)

    def _end_from(self, depth: int, error: str | None) -> None:
        """End the traces of this thread's cells that are so many cells deep, or deeper."""
        thread = threading.get_ident()
        for running in reversed(self._running):
            if running.thread == thread and running.depth >= depth:
                self._end(running, error)

    def _end(self, running: _Running, error: str | None) -> None:
        self._keep(running.trace, running.wanted, error, running.typed)
        self._running.remove(running)

    def _keep(self, trace: Trace, wanted: Wanted, error: str | None, typed: str | None) -> None:
        """End the trace, store its recording, and show it when the cell ends; may be repeated."""
        stop(trace, error)
        if self.heard is not None:
            self.heard(trace.recording)
        if wanted.output:
            self.shell.user_ns[wanted.output] = trace.recording
        if wanted.quiet and not wanted.annotate:
            return
        # By identity: recordings compare by value, ledger and all.
        if all(ended.recording is not trace.recording for ended in self._to_show):
            self._to_show.append(_Ended(trace.recording, wanted, typed))

    def _or_silent(self, wanted: Wanted) -> Wanted:
        """The same, but quiet in a silent cell: of its end, IPython fires no `post_run_cell`."""
        cells = self.cells()
        if cells and cells[0].f_locals.get("silent"):
            return dataclasses.replace(wanted, quiet=True, annotate=False)
        return wanted

    def _typed_cell(self) -> str | None:
        """The text of the cell that the user runs, with all magics above ours; None without."""
        cells = self.cells()
        return cells[-1].f_locals.get("raw_cell") if cells else None

    def cells(self) -> list[FrameType]:
        """IPython's frames that run the cells of this thread, the innermost first."""
        code = type(self.shell).run_cell_async.__code__
        frames = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame.f_code is code:
                frames.append(frame)
            frame = frame.f_back
        return frames


def _guard_of(rules: tuple[Rule, ...], source: str) -> Guard | None:
    """What watches over them; None without any."""
    if not rules:
        return None
    from tfnp_magic.guards import Guard
    from tfnp_magic.guards.debugging import stop_at

    return Guard(rules, stop_at, source)


def start(trace: Trace) -> None:
    """Begin the trace; the user's code goes on without it if our own code fails."""
    try:
        trace.start()
    except Exception as error:
        if raised_by_signal(error):
            raise
        trace.recording.lost.append(f"the trace could not begin ({type(error).__name__}: {error})")


def stop(trace: Trace, error: str | None) -> None:
    """End the trace; the user's error stays the one that is raised if our own code fails."""
    try:
        trace.stop(error)
    except Exception as failure:
        if raised_by_signal(failure):
            raise
        text = f"the trace could not end ({type(failure).__name__}: {failure})"
        trace.recording.lost.append(text)


def error_of(result: Any) -> str | None:
    """Name of the exception that ended a cell, or None."""
    error = getattr(result, "error_in_exec", None)
    return None if error is None else type(error).__name__


def blank_lines(lines: list[str]) -> int:
    """How many blank lines stand above the first other one."""
    return next((above for above, line in enumerate(lines) if line.strip()), len(lines))


def _function_of(names: Iterable[str], value: ast.expr) -> ast.Lambda:
    """``lambda *, a, b: value``, at the place of the value."""
    lambda_ = ast.Lambda(
        ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, []), value
    )
    return ast.fix_missing_locations(ast.copy_location(lambda_, value))


def timed(text: str, padding: int) -> dict[str, int]:
    """Files of the code that ``%%time`` runs, where it is the body's own first line.

    IPython gives that code no file of its own (``ExecutionMagics.time``, 8.12 to 9.18).
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first.strip() != "%%time":
        return {}
    lines_above = padding + text.splitlines().index(first) + 1
    return dict.fromkeys(("<timed exec>", "<timed eval>"), lines_above)


def _calling_cell() -> FrameType:
    """The innermost frame that is no library's: the cell that the magic stands in."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return frame
