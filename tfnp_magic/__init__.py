"""See every conversion between TensorFlow tensors and NumPy arrays that a cell makes.

``%load_ext tfnp_magic`` registers ``%%interop_trace`` and ``%tfnp_whos``; outside
IPython there is ``with tfnp_magic.trace() as rec:``.

How it is built
---------------
Data goes one way: call → probe → recorder → recording → views.

========================  ==========================================================
``magics``, ``cell``      the two magics; running a cell natively (IPython only here)
``annotating``,           a copy of the cell with its figures as comments behind the lines:
``comments``,             handing it out, writing it, where comments can stand
``line_ends``
``session``,              every cell traced, with a line of figures below it; its commands; what
``session_commands``,     it remembers of its cells; what ``%config InteropTrace`` sets
``session_runs``,
``defaults``
``extension``             loading into a shell, and leaving it without a trace
``tracing``               `trace`: the one place where probes go on and off
``importing``             waiting for the cell's own first ``import tensorflow``
``probes``                one module per chokepoint family, and their catalogue
``scope``                 which thread's and task's conversions belong to which trace
``driving``, ``callers``  the line that drives what TensorFlow runs on threads of its own
``function_calls``,       calls of a ``tf.function``, why it was traced again; elements of
``retraces``,             pipelines; batches and epochs of Keras models
``pipelines``,
``model_calls``
``profiling``,            TensorFlow's profiler, and what it says of casts and moves
``in_graphs``             inside graphs (``--graph``)
``seen``, ``recorder``,   what a probe saw; attribution, settling; counting into crossings
``ledger``, ``moments``   that add up; when that was
``lanes``, ``standing``   what one line converts again and again: counted, described once
``site``, ``spots``       frame → line; the places that one trace has come by
``tracebacks``            an exception goes on as if we had not been there
``handed``                what the user handed to the library
``cast_before``           what a library cast before it converted
``route``, ``into``       expression → public name; the dtype that it converts into
``facts``, ``verdict``    what can be read without moving; what it says of copy, cast, move
``runtime``, ``kernels``  mirrors, and where kernels read, as TensorFlow itself knows them
``placement``             where TensorFlow puts the tensors that it makes
``values``                what a cast did to the values
``comparing``             looking at that, as far as time allows (``budget``)
``hazards``, ``writes``   shared memory, watched; the lines that write to it
``model``, ``activity``   `Recording`, `Crossing`, `Hazard`, `FunctionCalls`…: plain data
``advice``, ``views``     findings, ranked; a recording as DataFrame, text and HTML
``saved``, ``plain``      a recording in a file, and back: `load`
``merging``               recordings of several engines as one: `merge`
``__main__``, ``scripts`` ``python -m tfnp_magic script.py``: tracing a script that runs, and
``programs``, ``endings`` ends, as Python runs and ends it
``blind_spots``           what no probe sees
``guards``                what is forbidden, warned of, or stopped at in the debugger
``sizes``                 numbers of bytes as people write them
``locks``                 locks that a fork leaves open
``testing``,              budgets for tests: limits, and what is said where one was exceeded;
``pytest_plugin``         the marker and the fixture that pytest finds
``whos``, ``whos_…``      a namespace, and what is inside of it, as a list of tensors and arrays
``progress``,             how far long work has come, and where a shell shows it
``showing``
========================  ==========================================================

Nothing is hooked while no trace runs, and importing this package imports neither
TensorFlow nor pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfnp_magic.guards import InteropError, InteropWarning, allow
    from tfnp_magic.merging import merge
    from tfnp_magic.model import Crossing
    from tfnp_magic.recording import Recording
    from tfnp_magic.saved import RecordingFileError, load
    from tfnp_magic.tracing import trace

__version__ = "0.7.0"
__all__ = [
    "Crossing", "InteropError", "InteropWarning", "Recording", "RecordingFileError", "allow",
    "load", "load_ipython_extension", "merge", "trace", "unload_ipython_extension",
]  # fmt: skip

_HOMES = {
    "Crossing": "tfnp_magic.model",
    "InteropError": "tfnp_magic.guards",
    "InteropWarning": "tfnp_magic.guards",
    "Recording": "tfnp_magic.recording",
    "RecordingFileError": "tfnp_magic.saved",
    "allow": "tfnp_magic.guards",
    "load": "tfnp_magic.saved",
    "merge": "tfnp_magic.merging",
    "trace": "tfnp_magic.tracing",
}


def __getattr__(name: str) -> Any:
    # On demand: `%load_ext` should not wait for NumPy.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """Register the magics with an IPython shell (``%load_ext tfnp_magic``)."""
    from tfnp_magic import extension

    extension.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take everything out of the shell again (``%unload_ext tfnp_magic``)."""
    from tfnp_magic import extension

    extension.unload(shell)
