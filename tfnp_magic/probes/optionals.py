"""What moves when a program looks into a ``tf.experimental.Optional``, as Keras's ``fit`` does.

An optional is a tensor of dtype variant with other tensors in it. Where its op has no kernel
on the device that it is on, TensorFlow moves it, with all that is in it, and keeps a mirror.

Chokepoints: ``_OptionalImpl.has_value`` and ``get_value``
(tensorflow/python/data/ops/optional_ops.py, 2.16 to 2.21).
"""

from __future__ import annotations

import importlib
import math
import sys
from types import FrameType
from typing import Any

from tfnp_magic import runtime
from tfnp_magic.facts import eager_tensor_type, short_device
from tfnp_magic.model import DEVICE_TO_DEVICE, is_host
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import attempt, report
from tfnp_magic.recorder.seen import Seen
from tfnp_magic.scope import listeners
from tfnp_magic.verdict import of_input

NAME = "optional"


def patches() -> list[AttributePatch]:
    """The methods that look into one; none where nothing can move."""
    if runtime.devices() and not runtime.has_several_devices():
        return []
    module = importlib.import_module("tensorflow.python.data.ops.optional_ops")
    names = ("has_value", "get_value")
    return [AttributePatch(module._OptionalImpl, name, _around) for name in names]


def _around(original: Any) -> Any:
    def look(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = attempt(NAME, _mirrors_before, self)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if before is not None:
            _tell(self, before, sys._getframe(1))
        return result

    return look


def _mirrors_before(optional: Any) -> frozenset[str] | None:
    """Devices that hold a copy of it; None where it is in host memory, or is part of a graph."""
    tensor = optional._variant_tensor
    if not isinstance(tensor, eager_tensor_type()):
        return None
    return None if is_host(short_device(tensor.backing_device)) else runtime.mirrors_of(tensor)


def _tell(optional: Any, before: frozenset[str], frame: FrameType) -> None:
    now = attempt(NAME, runtime.mirrors_of, optional._variant_tensor)
    for device in sorted((now or frozenset()) - before):
        report(NAME, listeners(), frame, _seen, optional, device)


def _seen(optional: Any, device_to: str) -> Seen:
    tensor = optional._variant_tensor
    device_from, nbytes = short_device(tensor.backing_device), _nbytes_in(optional._element_spec)
    why = f"an optional is looked into on {device_to}, and all in it goes there"
    storage, move = of_input(device_from, device_to, nbytes, False, why)
    return Seen(
        "tf.experimental.Optional",
        DEVICE_TO_DEVICE,
        (),
        "variant",
        "variant",
        device_from,
        device_to,
        nbytes,
        storage,
        None,
        id(tensor),
        move=move,
    )


_IN_HOST_MEMORY = ("int32", "string")
"""Dtypes that TensorFlow leaves in host memory on a device, in an optional too."""


def _nbytes_in(spec: Any) -> int | None:
    """Bytes of what is in an optional; None where a shape or a dtype does not tell."""
    nest = sys.modules["tensorflow.python.util.nest"]
    total = 0
    for part in nest.flatten(spec, expand_composites=True):
        if part.dtype.name in _IN_HOST_MEMORY:
            continue
        if not part.shape.is_fully_defined() or not part.dtype.size:
            return None
        total += math.prod(part.shape.as_list()) * part.dtype.size
    return total
