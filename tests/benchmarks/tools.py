"""What a cell is run under, in this process: a context manager for each tool.

Each yields the function to be timed. Going in and coming out are timed apart: the ratios are
those of the cell's own code.
"""

from __future__ import annotations

import contextlib
import cProfile
import functools
import importlib.util
import pathlib
import sys
import tempfile
import types
from collections.abc import Callable, Iterator

import tensorflow as tf
from IPython.core.interactiveshell import InteractiveShell

from tests.benchmarks import cells, names
from tests.benchmarks.cells import Body, Cell
from tests.benchmarks.hooks import hooks_in_place

Tool = Callable[[Cell], contextlib.AbstractContextManager[Body]]


def is_installed(name: str) -> bool:
    return name not in names.PACKAGES or importlib.util.find_spec(name) is not None


@functools.cache
def _shell() -> InteractiveShell:
    return InteractiveShell()


@contextlib.contextmanager
def _loaded(cell: Cell) -> Iterator[Body]:
    shell = _shell()
    shell.run_line_magic("load_ext", "tfnp_magic")
    assert hooks_in_place() == 0
    try:
        yield cell.body
    finally:
        shell.run_line_magic("unload_ext", "tfnp_magic")


@contextlib.contextmanager
def _setprofile(cell: Cell) -> Iterator[Body]:
    def nothing(frame, event, argument):
        pass

    sys.setprofile(nothing)
    try:
        yield cell.body
    finally:
        sys.setprofile(None)


@contextlib.contextmanager
def _cprofile(cell: Cell) -> Iterator[Body]:
    with cProfile.Profile():
        yield cell.body


@contextlib.contextmanager
def _viztracer(cell: Cell) -> Iterator[Body]:
    import viztracer

    tracer = viztracer.VizTracer(verbose=0)
    tracer.start()
    try:
        yield cell.body
    finally:
        tracer.stop()
        tracer.clear()
        tracer.terminate()


@contextlib.contextmanager
def _pyinstrument(cell: Cell) -> Iterator[Body]:
    import pyinstrument

    profiler = pyinstrument.Profiler()
    profiler.start()
    try:
        yield cell.body
    finally:
        profiler.stop()


@contextlib.contextmanager
def _line_profiler(cell: Cell) -> Iterator[Body]:
    """It looks at the functions that it is told of: at the cell, as ``%lprun -f cell`` would."""
    import line_profiler

    body = cell.body
    assert isinstance(body, types.FunctionType)
    # A copy: it changes the function's code for good.
    own = types.FunctionType(
        body.__code__, body.__globals__, body.__name__, body.__defaults__, body.__closure__
    )
    profiler = line_profiler.LineProfiler()
    profiler.add_function(own)
    profiler.enable_by_count()
    try:
        yield own
    finally:
        profiler.disable_by_count()


@contextlib.contextmanager
def _memray(cell: Cell) -> Iterator[Body]:
    import memray

    with (
        tempfile.TemporaryDirectory() as folder,
        memray.Tracker(pathlib.Path(folder) / "allocations.bin"),
    ):
        yield cell.body


@contextlib.contextmanager
def _tf_profiler(cell: Cell) -> Iterator[Body]:
    options = tf.profiler.experimental.ProfilerOptions(python_tracer_level=1)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder, options=options)
        try:
            yield cell.body
        finally:
            tf.profiler.experimental.stop(save=False)


def tf_profiler_sees_python() -> bool:
    """Whether a profile of TensorFlow's holds Python calls: some builds leave its tracer out."""

    def a_function_of_ours() -> None:
        tf.ones(1)

    options = tf.profiler.experimental.ProfilerOptions(python_tracer_level=1)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder, options=options):
            a_function_of_ours()
        profiles = pathlib.Path(folder).rglob("*.xplane.pb")
        return any(b"a_function_of_ours" in profile.read_bytes() for profile in profiles)


TOOLS: dict[str, Tool] = {
    "loaded": _loaded,
    "tfnp_magic": cells.traced,
    "setprofile": _setprofile,
    "cProfile": _cprofile,
    "viztracer": _viztracer,
    "pyinstrument": _pyinstrument,
    "line_profiler": _line_profiler,
    "memray": _memray,
    "tf_profiler": _tf_profiler,
}
