"""A tensor copied to a device on request: ``.cpu()``, ``.gpu()``, ``tf.identity`` elsewhere.

Chokepoint: ``EagerTensor._copy_to_device(name)``
(C, tensorflow/python/eager/pywrap_tensor.cc, 2.21).
"""

from __future__ import annotations

import sys
from typing import Any

from tfnp_magic.facts import (
    eager_tensor_type,
    is_computed,
    shape_of_tensor,
    short_device,
    span_of_tensor,
    tensor_nbytes,
)
from tfnp_magic.model import DEVICE_TO_DEVICE
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import ask, report
from tfnp_magic.probes.waits import wait_before_copy
from tfnp_magic.recorder.seen import Seen, clock
from tfnp_magic.scope import listeners
from tfnp_magic.verdict import of_device_copy

NAME = "device copy"


def patches() -> list[AttributePatch]:
    """The C method, set on the type."""
    return [AttributePatch(eager_tensor_type(), "_copy_to_device", _around)]


def _around(original: Any) -> Any:
    def _copy_to_device(self: Any, *args: Any, **kwargs: Any) -> Any:
        hearing = listeners()
        device = args[0] if args else kwargs.get("device_name")
        waited = ask(NAME, hearing, wait_before_copy, self, device) if hearing else 0
        started = clock()
        try:
            result = original(self, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if hearing:
            took = clock() - started
            report(NAME, hearing, sys._getframe(1), _describe, self, result, took, waited)
        return result

    return _copy_to_device


def _describe(tensor: Any, result: Any, duration_ns: int, waited_ns: int | None) -> Seen:
    nbytes = tensor_nbytes(tensor) if is_computed(tensor) else None
    source, target = short_device(tensor.backing_device), short_device(result.backing_device)
    storage, move = of_device_copy(source, target, nbytes, _in_one_buffer(tensor, result))
    return Seen(
        "Tensor._copy_to_device",
        DEVICE_TO_DEVICE,
        shape_of_tensor(tensor) if is_computed(tensor) else (),
        tensor.dtype.name,
        result.dtype.name,
        source,
        target,
        nbytes,
        storage,
        duration_ns + (waited_ns or 0),
        id(tensor),
        move=move,
        waited_ns=waited_ns,
    )


def _in_one_buffer(tensor: Any, result: Any) -> bool | None:
    """Whether both lie in the same memory; None where that cannot be looked at."""
    before, after = span_of_tensor(tensor), span_of_tensor(result)
    return None if before is None or after is None else before == after
