"""What TensorFlow's runtime knows of a tensor and no Python attribute tells.

A tensor's handle keeps *mirrors*: copies on other devices, made when an op or a reader
first needs them there, and served from then on. Whether there is one decides whether data
moves. The functions asked here are exported by the wheel's own libraries; each answers from
memory, runs no op, waits for none and copies nothing. Where one is missing, all answers are
None: unknown; where only one of those for addresses is, addresses alone are.

Sources (checked on 2.16 and 2.21): ``TensorHandle::HasLocalMirror``, ``IsReady`` and
``TensorFromDevice`` (tensorflow/core/common_runtime/eager/tensor_handle.h), ``Tensor::data``
(tensorflow/core/framework/tensor.h), ``EagerContext::FindDeviceFromName``
(context.h), ``EagerTensor_Handle`` (tensorflow/python/eager/pywrap_tensor.h),
``TFE_TensorHandleCache::Lookup`` (pywrap_tensor_conversion.h), ``TFE_DeleteTensorHandle``
(tensorflow/c/eager/c_api.h).
"""

from __future__ import annotations

import ctypes
import functools
import pathlib
import sys
from typing import Any, NamedTuple

_LIBRARIES = (
    "python/lib_pywrap_tensorflow_common.so",  # 2.18 and later
    "python/_pywrap_tensorflow_internal.so",
    "libtensorflow_cc.so.2",
    "libtensorflow_framework.so.2",
)

_HANDLE = "_Z18EagerTensor_HandlePK7_object"
_HAS_MIRROR = "_ZNK10tensorflow12TensorHandle14HasLocalMirrorEPKNS_6DeviceE"
_IS_READY = "_ZNK10tensorflow12TensorHandle7IsReadyEv"
_FIND_DEVICE = "_ZNK10tensorflow12EagerContext18FindDeviceFromNameEPKcPPNS_6DeviceE"
_CACHE = "_ZN10tensorflow21TFE_TensorHandleCache3GetEv"
_LOOK_UP = (
    "_ZNK10tensorflow21TFE_TensorHandleCache6LookupEP7_objectNS_8DataTypeEP11TFE_Context"
    "St17basic_string_viewIcSt11char_traitsIcEE"
)
_DELETE = "TFE_DeleteTensorHandle"
_ON_DEVICE = "_ZNK10tensorflow12TensorHandle16TensorFromDeviceEPKNS_6DeviceEPPKNS_6TensorE"
_DATA = "_ZNK10tensorflow6Tensor4dataEv"

_POINTER, _OBJECT = ctypes.c_void_p, ctypes.py_object
_Signature = tuple[Any, tuple[Any, ...]]
_SIGNATURES: dict[str, _Signature] = {
    _HANDLE: (_POINTER, (_OBJECT,)),
    _HAS_MIRROR: (ctypes.c_bool, (_POINTER, _POINTER)),
    _IS_READY: (ctypes.c_bool, (_POINTER,)),
    # Returns a Status in memory of the caller's, whose address comes first.
    _FIND_DEVICE: (_POINTER, (_POINTER, _POINTER, ctypes.c_char_p, _POINTER)),
    _CACHE: (_POINTER, ()),
    # A string_view travels as its length and its address.
    _LOOK_UP: (
        _POINTER,
        (_POINTER, _OBJECT, ctypes.c_int, _POINTER, ctypes.c_size_t, ctypes.c_char_p),
    ),
    _DELETE: (None, (_POINTER,)),
}
_SIGNATURES_FOR_ADDRESSES: dict[str, _Signature] = {
    # Returns a Status in memory of the caller's, whose address comes first.
    _ON_DEVICE: (_POINTER, (_POINTER, _POINTER, _POINTER, _POINTER)),
    _DATA: (_POINTER, (_POINTER,)),
}


class _Functions(NamedTuple):
    """The exported functions, called with the GIL held."""

    handle: Any
    has_mirror: Any
    is_ready: Any
    find_device: Any
    cache: Any
    look_up: Any
    delete: Any


class _AddressFunctions(NamedTuple):
    """Those for addresses, called without the GIL: should one wait, ops that need it go on."""

    on_device: Any
    data: Any


@functools.cache
def _functions() -> _Functions | None:
    """All of them; None where a library or one of them is missing."""
    found = _found(_SIGNATURES, ctypes.PyDLL)
    return None if None in found else _Functions(*found)


@functools.cache
def _address_functions() -> _AddressFunctions | None:
    found = _found(_SIGNATURES_FOR_ADDRESSES, ctypes.CDLL)
    return None if None in found else _AddressFunctions(*found)


def _found(signatures: dict[str, _Signature], load: type[ctypes.CDLL]) -> list[Any]:
    """Each function, or None where it is missing."""
    if sys.platform != "linux" or sys.maxsize < 2**32:  # the C++ names and calls of that ABI
        return [None]
    package = pathlib.Path(sys.modules["tensorflow"].__file__ or "").parent
    paths = [package / name for name in _LIBRARIES]
    libraries = [load(str(path)) for path in paths if path.exists()]
    return [_function(symbol, signature, libraries) for symbol, signature in signatures.items()]


def _function(symbol: str, signature: _Signature, libraries: list[ctypes.CDLL]) -> Any:
    for library in libraries:
        found = getattr(library, symbol, None)
        if found is not None:
            found.restype, found.argtypes = signature
            return found
    return None


def is_known() -> bool:
    """Whether this TensorFlow's runtime can be asked at all."""
    return _functions() is not None


class Device(NamedTuple):
    """One of TensorFlow's devices: its name (``XPU:0``), and its address in the runtime.

    The first CPU's memory is the host's, and its mirrors are kept under no device.
    """

    name: str
    address: int | None


def context() -> Any:
    """TensorFlow's own context; call it only when TensorFlow is loaded."""
    return sys.modules["tensorflow.python.eager.context"].context()


def devices() -> tuple[Device, ...]:
    """This process's devices; empty before TensorFlow's first op, which is what sets them up.

    Source: ``Context._logical_devices`` and ``_context_handle``
    (tensorflow/python/eager/context.py, 2.16 to 2.21), which asking does not set up.
    """
    listed = _listed("_logical_devices")
    # Joining a cluster makes the list anew.
    return _devices_of(id(listed), len(listed)) if listed else ()


def _listed(name: str) -> list[Any]:
    """A list of the context's; empty before it is set up, when it may lack the attribute."""
    now = context()
    if getattr(now, "_context_handle", None) is None:
        return []
    return getattr(now, name, None) or []


@functools.lru_cache(maxsize=4)
def _devices_of(*_: int) -> tuple[Device, ...]:
    now = context()
    here = ("/device:", f"{now.host_address_space()}/device:")
    names = [device.name for device in now._logical_devices]
    mine = [name for name in names if name.startswith(here)]
    return tuple(Device(name.rsplit("device:", 1)[-1], _address(name)) for name in mine)


def _address(name: str) -> int | None:
    functions = _functions()
    if functions is None or name.endswith("device:CPU:0"):
        return None
    status, found = ctypes.c_uint64(), ctypes.c_void_p()
    where = ctypes.byref(found)
    functions.find_device(ctypes.byref(status), _context_address(), name.encode(), where)
    return found.value


def _context_address() -> int:
    capsule = context()._context_handle
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, (_OBJECT,)
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = _POINTER, (_OBJECT, ctypes.c_char_p)
    return int(pointer(capsule, name(capsule)))


def has_several_devices() -> bool:
    """Whether data can move at all: to another device, or to another process of a cluster."""
    return len(_listed("_logical_devices")) > 1


class OnlyDevice:
    """Whether this process has one device alone.

    Quicker to ask than `has_several_devices`: no list is looked at twice, only whether it is
    the same. Source: ``_context`` and ``Context._logical_devices``
    (tensorflow/python/eager/context.py, 2.16 to 2.21).
    """

    __slots__ = ("_context", "_listed", "_module")

    def __init__(self) -> None:
        self._module: Any = sys.modules.get("tensorflow.python.eager.context")
        self._context: Any = None
        self._listed: Any = None

    def is_alone(self) -> bool:
        """Whether there is no other device, nor another process of a cluster, that is known."""
        context = self._context
        if context is None:
            return self._look()
        is_same = self._module._context is context and context._logical_devices is self._listed
        return is_same or self._look()

    def _look(self) -> bool:
        """Look again: TensorFlow sets its devices up at its first op, and may do so anew."""
        now = getattr(self._module, "_context", None)
        listed = _listed("_logical_devices") if now is not None else []
        is_alone = len(listed) == 1
        self._context, self._listed = (now, listed) if is_alone else (None, None)
        return is_alone


class _Handle(NamedTuple):
    """The address of a tensor's handle, and what can be asked of it."""

    address: int
    functions: _Functions


def _handle(tensor: Any) -> _Handle | None:
    """A tensor's handle; None where nothing can be asked of it.

    A custom device's handles (``ParallelDevice``, DTensor) are of another class: asked the same,
    they would end the process. Such a device is not among TensorFlow's own.
    """
    functions = _functions()
    if functions is None or not _is_own(tensor.backing_device):
        return None
    return _Handle(functions.handle(tensor), functions)


def _is_own(device: str | None) -> bool:
    """Whether a device, by its full name, is one of TensorFlow's own."""
    listed = _listed("_context_devices")
    return bool(listed) and device in _names_of(id(listed), len(listed))


@functools.lru_cache(maxsize=4)
def _names_of(*_: int) -> frozenset[str]:
    return frozenset(context()._context_devices)


def handle_of(tensor: Any) -> int:
    """What identifies an eager tensor's data: two tensors may share one handle.

    Where the runtime cannot be asked, the tensor's own ``id()``.
    """
    handle = _handle(tensor)
    return id(tensor) if handle is None else handle.address


def is_ready(tensor: Any) -> bool | None:
    """Whether an eager tensor is computed, as far as its op has run; None if unknown.

    On an accelerator, kernels may still be at work on it.
    """
    handle = _handle(tensor)
    return None if handle is None else bool(handle.functions.is_ready(handle.address))


def mirrors_of(tensor: Any) -> frozenset[str] | None:
    """Names of the devices that hold a copy of an eager tensor, beside its own; None if unknown."""
    handle = _handle(tensor)
    return None if handle is None else _mirrors(handle)


_NONE: frozenset[str] = frozenset()


def _mirrors(handle: _Handle) -> frozenset[str]:
    has_mirror, found = handle.functions.has_mirror, _NONE
    for name, address in devices():
        if has_mirror(handle.address, address):
            found |= {name}
    return found


def is_mirrored_on_host(tensor: Any) -> bool | None:
    """Whether host memory holds a copy of a tensor that lives elsewhere; None if unknown."""
    handle = _handle(tensor)
    return None if handle is None else bool(handle.functions.has_mirror(handle.address, None))


def mirrors_of_number(value: Any, dtype: int, device: str) -> frozenset[str] | None:
    """The same of a Python number that TensorFlow keeps as a tensor once it has converted it.

    Parameters
    ----------
    value
        A Python number.
    dtype
        TensorFlow's number of the dtype that was asked for; 0 if none was.
    device
        ``Context.device_name``, as TensorFlow has it.

    Returns
    -------
    frozenset of str, or None
        None where it keeps no such tensor, or where that is unknown.
    """
    functions = _functions()
    if functions is None or not (device == "" or _is_own(device)):
        return None
    name, address = device.encode(), _context_address()
    handle = functions.look_up(functions.cache(), value, dtype, address, len(name), name)
    if not handle:
        return None
    try:
        return _mirrors(_Handle(handle, functions))
    finally:
        functions.delete(handle)


def address_on(tensor: Any, device: str) -> int | None:
    """Where the elements of an eager tensor begin in the memory of a device that holds them.

    Parameters
    ----------
    tensor
        Computed (`is_ready`), and its mirrors with it, which only asynchronous execution
        leaves to be made later: it would be waited for.
    device
        Its own (``XPU:0``), or that of a mirror.

    Returns
    -------
    int, or None
        None for what has no elements, what the device does not hold, or where it is unknown.

    Raises
    ------
    Exception
        What the tensor's op failed with.
    """
    handle, addresses = _handle(tensor), _address_functions()
    if handle is None or addresses is None:
        return None
    tensor._shape_tuple()  # raises for an op that failed: the Status of an error would leak
    has_mirror = handle.functions.has_mirror
    for name, where in devices():
        # Nor is a device asked that holds nothing: that is an error, too.
        if name == device and (_is_at(tensor, name) or has_mirror(handle.address, where)):
            return _data(addresses, handle.address, where)
    return None


def _is_at(tensor: Any, name: str) -> bool:
    """Whether a device of this process is the tensor's own."""
    return tensor.backing_device == f"{context().host_address_space()}/device:{name}"


def _data(addresses: _AddressFunctions, handle: int, where: int | None) -> int | None:
    status, found = ctypes.c_uint64(), ctypes.c_void_p()
    addresses.on_device(ctypes.byref(status), handle, where, ctypes.byref(found))
    return addresses.data(found) if found.value else None
