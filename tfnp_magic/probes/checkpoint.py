"""Values read out of a checkpoint's files as arrays: ``tf.train.load_variable`` and below.

Chokepoint: ``CheckpointReader.get_tensor``, a Python function set on a compiled class
(tensorflow/python/training/py_checkpoint_reader.py, 2.21). The tensor that was read is
let go at once, and the array takes over its memory (``TensorToNdarray``).
"""

from __future__ import annotations

import sys
from typing import Any

from tfnp_magic.frames.site import is_library
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import report
from tfnp_magic.probes.unseen import out_of_tensor
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import Seen, clock
from tfnp_magic.scope import listeners

NAME = "checkpoint reader"

_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""What TensorFlow reads for itself at each ``Checkpoint.restore`` (``trackable.base``)."""


def patches() -> list[AttributePatch]:
    """The class's attribute; ``tf.train.load_variable`` and `list_variables` use it."""
    module = sys.modules["tensorflow.python.training.py_checkpoint_reader"]
    return [AttributePatch(module.CheckpointReader, "get_tensor", _around)]


def _around(original: Any) -> Any:
    def get_tensor(self: Any, tensor_str: Any) -> Any:
        started = clock()
        try:
            result = original(self, tensor_str)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if hearing := listeners():
            took, frame = clock() - started, sys._getframe(1)
            if tensor_str == _OBJECT_GRAPH and is_library(frame.f_code.co_filename):
                _count_as_housekeeping(hearing, result)
            else:
                report(NAME, hearing, frame, _describe, result, took)
        return result

    return get_tensor


def _count_as_housekeeping(hearing: list[Recorder], result: Any) -> None:
    for recorder in hearing:
        recorder.recording.housekeeping += 1
        recorder.recording.housekeeping_bytes += len(result) if isinstance(result, bytes) else 0


def _describe(result: Any, duration_ns: int) -> Seen:
    return out_of_tensor(result, "CheckpointReader.get_tensor", duration_ns)
