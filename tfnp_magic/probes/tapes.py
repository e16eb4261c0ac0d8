"""When a GradientTape has used what it holds: until then a write to it spoils the gradient.

Chokepoint: ``pywrap_tfe.TFE_Py_TapeGradient(tape, target, sources, ...)``
(tensorflow/python/eager/imperative_grad.py, 2.16 to 2.21).
"""

from __future__ import annotations

import sys
from typing import Any

from tfnp_magic.probes.fast_path import TAPE
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.scope import listeners

NAME = "gradient"


def patches() -> list[AttributePatch]:
    """The module's attribute, looked up at each gradient."""
    module = sys.modules["tensorflow.python.pywrap_tfe"]
    return [AttributePatch(module, "TFE_Py_TapeGradient", _around)]


def _around(original: Any) -> Any:
    def tape_gradient(*args: Any, **kwargs: Any) -> Any:
        for recorder in listeners():
            recorder.hazards.end_of(TAPE)
        try:
            return original(*args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise

    return tape_gradient
