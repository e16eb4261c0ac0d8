"""Inputs that an op moves on the slow way, and at the edge of a graph.

Chokepoints: ``pywrap_tfe.TFE_Py_Execute(context, device, op, inputs, attributes, outputs)``
and ``TFE_Py_ExecuteCancelable`` (tensorflow/python/eager/execute.py, 2.16 to 2.21), by which
ops run whose arguments the fast path could not take, and graphs of ``tf.function``.
"""

from __future__ import annotations

import sys
from typing import Any

from tfnp_magic import runtime
from tfnp_magic.probes import transfers
from tfnp_magic.probes.patch import AttributePatch, without_our_frame

NAME = transfers.NAME


def patches() -> list[AttributePatch]:
    """The module's attributes, looked up at each call; none where nothing can move."""
    if runtime.devices() and not runtime.has_several_devices():
        return []
    module = sys.modules["tensorflow.python.pywrap_tfe"]
    return [
        AttributePatch(module, "TFE_Py_Execute", _around),
        AttributePatch(module, "TFE_Py_ExecuteCancelable", _around),
    ]


def _around(original: Any) -> Any:
    def execute(context: Any, device: Any, op: str, inputs: Any, *rest: Any) -> Any:
        watched = transfers.watch(op, inputs)
        try:
            result = original(context, device, op, inputs, *rest)
        except BaseException as exc:
            without_our_frame(exc)
            if watched is not None and isinstance(exc, Exception):
                watched.tell(sys._getframe(1), failed=True)
            raise
        if watched is not None:
            watched.tell(sys._getframe(1), result)
        return result

    execute.__wrapped__ = original  # type: ignore[attr-defined]
    return execute
