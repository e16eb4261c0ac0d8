"""Memory handed over by DLPack, in both directions.

Chokepoints: ``pywrap_tfe.TFE_ToDlpackCapsule(tensor)`` and
``pywrap_tfe.TFE_FromDlpackCapsule(capsule, context)`` (tensorflow/c/eager/dlpack.cc, 2.21).
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from tfnp_magic.facts import HOST, shape_of_tensor, short_device, span_of_tensor, tensor_nbytes
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, TENSORFLOW_TO_NUMPY, Verdict
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import report
from tfnp_magic.recorder import Seen, clock
from tfnp_magic.scope import listeners

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
    verdict = Verdict("view", "inferred", "DLPack shares the tensor's memory", 0)
    return _seen(tensor, "Tensor.__dlpack__", TENSORFLOW_TO_NUMPY, verdict, duration_ns)


def _describe_import(tensor: Any, address: int | None, duration_ns: int) -> Seen:
    route = "tf.experimental.dlpack.from_dlpack"
    return _seen(tensor, route, NUMPY_TO_TENSORFLOW, _judge(tensor, address), duration_ns)


def _judge(tensor: Any, address: int | None) -> Verdict:
    span = span_of_tensor(tensor)
    if span is None or address is None:
        return Verdict("unknown", "", "the memory could not be looked at", None)
    if span.start == address:
        return Verdict("view", "observed", "shares memory with what exported it", 0)
    return Verdict("copy", "observed", "TensorFlow copied it", tensor_nbytes(tensor))


def _seen(
    tensor: Any, route: str, direction: str, verdict: Verdict, duration_ns: int | None
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
        verdict,
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
