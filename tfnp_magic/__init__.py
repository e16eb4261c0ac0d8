"""See every conversion between TensorFlow tensors and NumPy arrays that a cell makes.

``%load_ext tfnp_magic`` registers ``%%interop_trace`` and ``%tfnp_whos``; outside
IPython there is ``with tfnp_magic.trace() as rec:``.

How it is built
---------------
Data goes one way: call → probe → recorder → recording → views.

===================  ========================================================
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

__version__ = "0.8.0"
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
