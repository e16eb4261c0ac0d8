"""See every conversion between TensorFlow tensors and NumPy arrays that a cell makes.

``%load_ext tfnp_magic`` registers ``%%interop_trace`` and ``%tfnp_whos``; outside
IPython there is ``with tfnp_magic.trace() as rec:``.

How it is built
---------------
Data goes one way: call → probe → recorder → recording → views.

===================  ===============================================================
``tracing``          `trace`: the one place where probes go on and off
``scope``            which thread's and task's conversions belong to which trace
``importing``        waiting for the cell's own first ``import tensorflow``
``interrupts``       none is lost in our code, and none keeps it from cleaning up
``tracebacks``       an exception goes on as if we had not been there
``probes``           one module per chokepoint family, and their catalogue
``facts``            what can be read of an array or a tensor without moving it
``runtime``,         mirrors, where kernels read, and where TensorFlow puts what it makes,
``kernels``,         as TensorFlow itself knows them
``placement``
``verdict``          facts of both ends → copy or view, cast, move, and why
``values``           what a cast did to the values
``recorder``         what was seen → crossings: settling, counting, when it was
``frames``           running frame → line, public name of what converted there
``driving``          functions, pipelines and models that drive conversions
``in_graphs``        what graphs do (``--graph``), by TensorFlow's own profiler
``hazards``          shared memory, watched
``blind_spots``      what no probe sees
``guards``           what is forbidden, warned of, or stopped at in the debugger
``model``,           `Crossing`, `Hazard`, …; `FunctionCalls`, `Pipeline`, `ModelCalls`:
``activity``         plain data
``recording``        `Recording`: all that one trace left
``saved``,           a recording in a file, and back: `load`; records as what JSON can hold
``plain_data``
``merging``          recordings of several engines as one: `merge`
``advice``           a recording → findings, ranked
``views``            a recording as DataFrame, text, HTML and timeline file
``figures``,         numbers as a reader wants them; numbers of bytes as people write them
``sizes``
``locks``,           locks that a fork leaves open; what is known of an object while it
``lifetimes``        lives
``cell_text``        where comments can stand in a cell, and which lines write to an array
``whos``             a namespace as a list of tensors and arrays: ``%tfnp_whos``
``shell``            the two magics, running a cell natively, sessions (IPython is only here)
``progress``         how far long work has come
``__main__``,        ``python -m tfnp_magic script.py``: a script runs and ends as without us
``scripts``
``testing``,         budgets for tests; the marker and the fixture that pytest finds
``pytest_plugin``
===================  ===============================================================

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

__version__ = "0.9.0"
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
    from tfnp_magic.shell import extension

    extension.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take everything out of the shell again (``%unload_ext tfnp_magic``)."""
    from tfnp_magic.shell import extension

    extension.unload(shell)
