"""Running a cell, untraced or traced, from the same state."""

from __future__ import annotations

import ast
import contextlib
import gc
import io
import linecache
import random
import types
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import executing
import numpy as np
import tensorflow as tf

from tests.fuzz import outcome, prelude
from tests.fuzz.program import FILE, Program
from tfnp_magic.recording import Recording
from tfnp_magic.tracing import Trace

_VALUE = "_"


class Ran(NamedTuple):
    """What can be seen of a run, and what a trace recorded of it."""

    outcome: outcome.Outcome
    recording: Recording | None


def namespace() -> dict[str, Any]:
    """What a cell finds: the prelude."""
    return {"__name__": "__main__", **{name: getattr(prelude, name) for name in prelude.__all__}}


@contextlib.contextmanager
def fresh() -> Iterator[None]:
    """The same state before each run: random numbers, NumPy's and TensorFlow's settings."""
    np.random.seed(0)
    random.seed(0)
    tf.random.set_seed(0)
    gc.disable()
    try:
        with np.errstate(all="warn"):
            yield
    finally:
        gc.enable()


def compiled(statements: str, cell: str, line: int = 1) -> types.CodeType:
    """The code of statements that stand at this line of the cell."""
    linecache.cache[FILE] = (len(cell), None, f"{cell}\n".splitlines(True), FILE)
    return compile("\n" * (line - 1) + statements, FILE, "exec", dont_inherit=True)


def run(program: Program, *, traced: bool) -> Ran:
    """Run a cell from a fresh state."""
    space = namespace()
    codes = _as_ipython(program.text)
    trace = Trace({FILE: 0}, "fuzzed", program.text) if traced else None
    out, error = io.StringIO(), None
    with fresh(), warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(out):
        warnings.simplefilter(program.filter)
        try:
            _execute(codes, space, trace)
        except Exception as raised:
            error = raised
        seen = outcome.seen(space, error, caught, out.getvalue())
    del error, caught
    return Ran(seen, trace.recording if trace else None)


def _execute(codes: list[types.CodeType], space: dict[str, Any], trace: Trace | None) -> None:
    if trace is not None:
        trace.start()
    try:
        for code in codes:
            value = eval(code, space)
            if value is not None:
                space[_VALUE] = value
    finally:
        if trace is not None:
            trace.stop()


def _as_ipython(text: str) -> list[types.CodeType]:
    """The statements, and the last of them apart if it is an expression: a cell's value."""
    tree = compiled_tree(text)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        return [compile(tree, FILE, "exec", dont_inherit=True)]
    del tree.body[-1]
    expression = ast.Expression(last.value)
    return [
        compile(tree, FILE, "exec", dont_inherit=True),
        compile(expression, FILE, "eval", dont_inherit=True),
    ]


def compiled_tree(text: str) -> ast.Module:
    """The cell's syntax; its lines can be looked up from now on."""
    linecache.cache[FILE] = (len(text), None, f"{text}\n".splitlines(True), FILE)
    return ast.parse(text, FILE)


def forget() -> None:
    """Let go of what libraries keep of cells that were run."""
    executing.Source._class_local("__source_cache_with_lines", {}).clear()
    gc.collect()
    gc.freeze()  # a collection after each run need not walk all of TensorFlow
