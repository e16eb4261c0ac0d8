"""A tensor copied to a device on request: ``.cpu()``, ``.gpu()``, ``tf.identity`` elsewhere.

Chokepoint: ``EagerTensor._copy_to_device(name)``
(C, tensorflow/python/eager/pywrap_tensor.cc, 2.21).
"""

from __future__ import annotations

import sys
from typing import Any

from tfnp_magic.facts import (
    eager_tensor_type,
    shape_of_tensor,
    short_device,
    span_of_tensor,
    tensor_nbytes,
)
from tfnp_magic.model import DEVICE_TO_DEVICE, Storage
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import report
from tfnp_magic.recorder import Seen, clock
from tfnp_magic.scope import listeners
from tfnp_magic.verdict import OBSERVED, copied, shared, unknown

NAME = "device copy"


def patches() -> list[AttributePatch]:
    """The C method, set on the type."""
    return [AttributePatch(eager_tensor_type(), "_copy_to_device", _around)]


def _around(original: Any) -> Any:
    def _copy_to_device(self: Any, *args: Any, **kwargs: Any) -> Any:
        started = clock()
        try:
            result = original(self, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if hearing := listeners():
            duration = clock() - started
            report(NAME, hearing, sys._getframe(1), _describe, self, result, duration)
        return result

    return _copy_to_device


def _describe(tensor: Any, result: Any, duration_ns: int) -> Seen:
    storage = _judge(tensor, result)
    return Seen(
        "Tensor._copy_to_device",
        DEVICE_TO_DEVICE,
        shape_of_tensor(tensor),
        tensor.dtype.name,
        result.dtype.name,
        short_device(tensor.backing_device),
        short_device(result.backing_device),
        tensor_nbytes(tensor),
        storage,
        duration_ns,
    )


def _judge(tensor: Any, result: Any) -> Storage:
    before, after = span_of_tensor(tensor), span_of_tensor(result)
    if before is not None and before == after:
        return shared("both are host memory: the buffer is shared", OBSERVED)
    nbytes = tensor_nbytes(tensor)
    if tensor.backing_device != result.backing_device:
        return copied("moved to another device's memory", nbytes)
    if before is not None and after is not None:
        return copied("copied on the same device", nbytes, OBSERVED)
    return unknown("the memory could not be looked at")
