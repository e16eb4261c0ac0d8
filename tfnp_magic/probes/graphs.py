"""How often a graph ran: what happens inside one is not seen, and the report says so.

Chokepoint: ``Context.call_function`` (tensorflow/python/eager/context.py, 2.21), through
which a ``tf.function`` runs its graph.
"""

from __future__ import annotations

import sys
from typing import Any

from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.scope import listeners

NAME = "graph call"


def patches() -> list[AttributePatch]:
    """The context's method."""
    context = sys.modules["tensorflow.python.eager.context"]
    return [AttributePatch(context.Context, "call_function", _around)]


def _around(original: Any) -> Any:
    def call_function(self: Any, *args: Any, **kwargs: Any) -> Any:
        for recorder in listeners():
            recorder.recording.graph_calls += 1
        try:
            return original(self, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise

    return call_function
