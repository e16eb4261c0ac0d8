"""Memory handed over by DLPack, in both directions.

Chokepoints: ``pywrap_tfe.TFE_ToDlpackCapsule(tensor)`` and
``pywrap_tfe.TFE_FromDlpackCapsule(capsule, context)`` (tensorflow/c/eager/dlpack.cc, 2.21).
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from tfnp_magic.facts import HOST, shape_of_tensor, short_device, span_of_tensor, tensor_nbytes
from tfnp_magic.hazards import shared_with
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, TENSORFLOW_TO_NUMPY, Storage
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import report
from tfnp_magic.recorder.seen import Seen, clock
from tfnp_magic.scope import listeners
from tfnp_magic.verdict import OBSERVED, VIEW, copied, shared, unknown

NAME = "DLPack"


def patches() -> list[AttributePatch]:
    """Both module attributes; ``Tensor.__dlpack__`` and ``tf.experimental.dlpack`` use them."""
    module = sys.modules["tensorflow.python.pywrap_tfe"]
    return [
        AttributePatch(module, "TFE_ToDlpackCapsule", _around_export),
        AttributePatch(module, "TFE_FromDlpackCapsule", _around_import),
    ]


def _around_export(original: Any) -> Any:
    def to_dlpack_capsule(tensor: Any) -> Any:
        started = clock()
        try:
            capsule = original(tensor)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if hearing := listeners():
            duration = clock() - started
            report(NAME, hearing, sys._getframe(1), _describe_export, tensor, duration)
        return capsule

    return to_dlpack_capsule


def _around_import(original: Any) -> Any:
    def from_dlpack_capsule(capsule: Any, context: Any) -> Any:
        hearing = listeners()
        address = _address_in(capsule) if hearing else None
        started = clock()
        try:
            tensor = original(capsule, context)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if hearing:
            duration = clock() - started
            report(NAME, hearing, sys._getframe(1), _describe_import, tensor, address, duration)
        return tensor

    return from_dlpack_capsule


def _describe_export(tensor: Any, duration_ns: int) -> Seen:
    storage = shared("DLPack shares the tensor's memory")
    return _seen(tensor, "Tensor.__dlpack__", TENSORFLOW_TO_NUMPY, storage, duration_ns)


def _describe_import(tensor: Any, address: int | None, duration_ns: int) -> Seen:
    route = "tf.experimental.dlpack.from_dlpack"
    storage = _judge(tensor, address)
    seen = _seen(tensor, route, NUMPY_TO_TENSORFLOW, storage, duration_ns)
    if storage.kind == VIEW:
        seen.shared = shared_with(None, tensor)
    return seen


def _judge(tensor: Any, address: int | None) -> Storage:
    span = span_of_tensor(tensor)
    if span is None or address is None:
        return unknown("the memory could not be looked at")
    if span.start == address:
        return shared("shares memory: writing to what exported it changes the tensor", OBSERVED)
    return copied("TensorFlow copied it", tensor_nbytes(tensor), OBSERVED)


def _seen(
    tensor: Any, route: str, direction: str, storage: Storage, duration_ns: int | None
) -> Seen:
    device, dtype = short_device(tensor.backing_device), tensor.dtype.name
    leaving = direction == TENSORFLOW_TO_NUMPY
    return Seen(
        route,
        direction,
        shape_of_tensor(tensor),
        dtype,
        dtype,
        device if leaving else HOST,
        HOST if leaving else device,
        tensor_nbytes(tensor),
        storage,
        duration_ns,
    )


def _address_in(capsule: Any) -> int | None:
    """Address of the data that a capsule holds, if it has not been consumed yet.

    ``DLTensor`` begins with ``void *data`` and ends with ``uint64_t byte_offset``
    (dlpack.h, all versions): 40 bytes between them on 64-bit machines.
    """
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    try:
        tensor = get(capsule, b"dltensor")
    except ValueError:
        return None
    data = ctypes.c_void_p.from_address(tensor).value
    offset = ctypes.c_uint64.from_address(tensor + 40).value
    return data + offset if data else None
