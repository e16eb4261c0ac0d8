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
from types import FrameType
from typing import TYPE_CHECKING, Any

from IPython.display import display

from tfnp_magic.site import is_library

if TYPE_CHECKING:
    from tfnp_magic.model import Recording
    from tfnp_magic.tracing import Trace

MAGIC = "%%interop_trace"
BEGIN = "--begin"
"""The line magic's option that a typed cell magic is rewritten to; not for users."""
_TYPED = re.compile(rf"{MAGIC}(?=\s|$)")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the user asked for on the magic's line."""

    output: str | None = None
    quiet: bool = False


@dataclasses.dataclass
class _Running:
    """A trace that ends with the cell that began it."""

    trace: Trace
    wanted: Wanted
    depth: int
    thread: int


class CellTracer:
    """Begins and ends the traces of one shell's cells, and shows their recordings.

    Parameters
    ----------
    shell
        An ``InteractiveShell``.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self._typed: list[str] = []
        self._running: list[_Running] = []
        self._to_show: list[Recording] = []

    def rewrite(self, lines: list[str]) -> list[str]:
        """Transform the lines of a cell (an IPython input transformer)."""
        if not lines or not _TYPED.match(lines[0]):
            return lines
        body = [line for line in lines[1:] if line.strip()]
        if not body or body[0].startswith("%%") or lines[0].rstrip().endswith("?"):
            return lines
        self._typed = lines
        options = f"{BEGIN} {lines[0][len(MAGIC) :].strip()}".rstrip()
        # It reads like any other magic in a traceback.
        return [f"get_ipython().run_line_magic('interop_trace', {options!r})\n", *lines[1:]]

    def begin(self, wanted: Wanted) -> None:
        """Begin the trace of the cell that is running."""
        frame = _calling_cell()
        depth, thread = self._depth(), threading.get_ident()
        if any(r.depth == depth and r.thread == thread for r in self._running):
            return  # `%%timeit` runs the cell's text, and so this statement, many times
        filename = frame.f_code.co_filename
        trace = self._trace({filename: 0}, "".join(self._typed))
        self._running.append(_Running(trace, wanted, depth, thread))
        trace.start()

    def after_execute(self) -> None:
        """End the traces whose cell has ended (``post_execute``; also of silent cells)."""
        depth, thread = self._depth(), threading.get_ident()
        while self._running and self._running[-1].thread == thread:
            if depth >= self._running[-1].depth:
                return
            running = self._running[-1]
            self._keep(running.trace, running.wanted)
            self._running.pop()

    def after_cell(self, result: Any) -> None:
        """Show what the ended cell left (``post_run_cell``), below its own output."""
        error = getattr(result, "error_in_exec", None)
        while self._to_show:
            recording = self._to_show.pop(0)
            if error is not None and recording.error is None:
                recording.error = type(error).__name__
            display(recording)

    def finish(self) -> None:
        """End and show everything at once: the extension is being unloaded."""
        while self._running:
            running = self._running[-1]
            self._keep(running.trace, running.wanted)
            self._running.pop()
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
        name, tree = self._compiled(text, padding)
        files = {name: 0, **_timed(text, padding)}
        trace = self._trace(files, (MAGIC + "\n") * padding + text)
        error: str | None = None
        trace.start()
        try:
            return self._execute(tree, name, namespace)
        except BaseException as exc:
            error = type(exc).__name__
            raise
        finally:
            self._keep(trace, wanted, error)
            if not self._depth():
                self.after_cell(None)

    def label(self, filename: str) -> str | None:
        """``In[3]`` for the file name of a cell's code; None for any other file."""
        named = self.shell.compile.format_code_name(filename)
        return None if named is None else str(named[1])

    def _trace(self, files: dict[str, int], typed: str) -> Trace:
        from tfnp_magic.tracing import Trace  # on demand: it imports NumPy

        title = self.label(next(iter(files))) or f"In[{self.shell.displayhook.prompt_count}]"
        return Trace(files, title, typed, self.label)

    def _compiled(self, text: str, padding: int) -> tuple[str, ast.Module]:
        blank = len(text) - len(text.lstrip("\n"))
        source = "\n" * (padding + blank) + self.shell.transform_cell(text)
        name = self.shell.compile.cache(source, self.shell.displayhook.prompt_count, raw_code=text)
        tree = self.shell.transform_ast(self.shell.compile.ast_parse(source, filename=name))
        return name, tree

    def _execute(self, tree: ast.Module, name: str, namespace: dict[str, Any] | None) -> Any:
        compile_, names = self.shell.compile, self.shell.user_global_ns
        local = names if namespace is None else namespace
        last = tree.body[-1] if tree.body else None
        if not isinstance(last, ast.Expr):
            exec(compile_(tree, name, "exec"), names, local)
            return None
        del tree.body[-1]
        exec(compile_(tree, name, "exec"), names, local)
        return eval(compile_(ast.Expression(last.value), name, "eval"), names, local)

    def _keep(self, trace: Trace, wanted: Wanted, error: str | None = None) -> None:
        """Store the recording under its name, and show it later unless it is to be quiet."""
        recording = trace.stop(error)
        if wanted.output:
            self.shell.user_ns[wanted.output] = recording
        if not wanted.quiet:
            self._to_show.append(recording)

    def _depth(self) -> int:
        """How many cells are being run on this thread, one inside another."""
        code = type(self.shell).run_cell_async.__code__
        count = 0
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            count += frame.f_code is code
            frame = frame.f_back
        return count


def _timed(text: str, padding: int) -> dict[str, int]:
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
