"""What can be read of an array or a tensor without converting or moving it.

Nothing here runs an op, waits for one, or copies data. What cannot be read
under that promise is ``None``: unknown.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tfnp_magic import runtime
from tfnp_magic.model import OF_PROCESS, is_host

ALIGNMENT = 64
"""Bytes: TensorFlow shares an array's memory only at a multiple of this.

Source: ``EIGEN_MAX_ALIGN_BYTES``, used by ``TF_TensorFromTensor`` and
``NdarrayToTensor`` (tensorflow/python/lib/core/ndarray_tensor.cc); measured on 2.21.
"""

HOST = "host"
"""Where NumPy arrays and Python values live."""


class Span(NamedTuple):
    """The bytes ``[start, stop)`` of host memory that an object's elements lie in."""

    start: int
    stop: int

    @property
    def nbytes(self) -> int:
        """Its length."""
        return self.stop - self.start

    def overlaps(self, other: Span) -> bool:
        """Whether the two have a byte in common; an empty span has none."""
        return max(self.start, other.start) < min(self.stop, other.stop)


def buffers_of_size(buffers: Iterable[Span] | None, *sizes: int | None) -> tuple[Span, ...]:
    """Those that can hold all of the data, as it was or cast: by their exact size."""
    return tuple(buffer for buffer in buffers or () if buffer.nbytes in sizes)


def tensorflow_is_loaded() -> bool:
    """Whether TensorFlow was imported in this process, completely."""
    module = sys.modules.get("tensorflow")
    return module is not None and hasattr(module, "Tensor")


def eager_tensor_type() -> type[Any]:
    """TensorFlow's ``EagerTensor``; call it only when TensorFlow is loaded.

    Source: tensorflow/python/framework/ops.py, checked on 2.21.
    """
    return sys.modules["tensorflow.python.framework.ops"].EagerTensor


def short_device(name: str | None) -> str:
    """``GPU:0`` for ``/job:localhost/replica:0/task:0/device:GPU:0``.

    ``GPU:0 of /job:worker/replica:0/task:1`` for one that another process of a cluster has.
    """
    if not name:
        return HOST
    task, device = _split_device(name)
    if not task or task == "/job:localhost/replica:0/task:0" or task == _own_address():
        return device
    return f"{device}{OF_PROCESS}{task}"


@functools.lru_cache(maxsize=256)
def _split_device(name: str) -> tuple[str, str]:
    """The process and the device in a device's name."""
    task, _, device = name.rpartition("device:")
    return task.rstrip("/"), device


@functools.lru_cache(maxsize=1024)
def name_of_dtype(dtype: np.dtype[Any]) -> str:
    """NumPy's name of a dtype as stored: ``float32``, ``>f8``, ``object``.

    Of ml_dtypes' dtypes in the other byte order NumPy would say ``>V2``, ``>f1``: less than the
    name, and nothing that it reads itself.
    """
    if dtype.type.__module__ == "ml_dtypes":
        return dtype.type.__name__
    return str(dtype)


@functools.lru_cache(maxsize=1024)
def itemsize_of(dtype: str) -> int | None:
    """Bytes of an element, by the dtype's name; None for what has no fixed size, or no name.

    TensorFlow's own dtypes (bfloat16, float8) are known once it is loaded.
    """
    try:
        return np.dtype(dtype).itemsize or None
    except TypeError:
        return _itemsize_in_tensorflow(dtype)


def _itemsize_in_tensorflow(dtype: str) -> int | None:
    try:
        return sys.modules["tensorflow"].as_dtype(dtype).size or None
    except (KeyError, TypeError):
        return None


def shape_of_tensor(tensor: Any) -> tuple[int, ...]:
    """Shape of an eager tensor; all lengths are known.

    Source: ``EagerTensor._shape_tuple`` (C, pywrap_tensor.cc, 2.21), which makes no
    ``TensorShape``.
    """
    return tuple(tensor._shape_tuple())


def lives_on_host(tensor: Any) -> bool:
    """Whether an eager tensor's buffer is memory of this process, whatever device it claims.

    A CPU tensor of another worker of a cluster is not: looking at it would fetch it.
    """
    return is_host(short_device(tensor.backing_device))


def _own_address() -> str:
    """``/job:worker/replica:0/task:1`` of this process (``Context.host_address_space``, 2.21)."""
    module = sys.modules.get("tensorflow.python.eager.context")
    return "" if module is None else str(module.context().host_address_space())


def runs_asynchronously() -> bool:
    """Whether ops of this thread may still be running when they return.

    Source: ``Context.is_async`` (tensorflow/python/eager/context.py, 2.16 to 2.21), without
    the ``Executor`` object that it makes: that one waits for its ops when it dies, and
    loses an interrupt that arrives then.
    """
    handle = runtime.context()._handle
    tfe = sys.modules["tensorflow.python.pywrap_tfe"]
    executor = tfe.TFE_ContextGetExecutorForThread(handle)
    try:
        return bool(tfe.TFE_ExecutorIsAsync(executor))
    finally:
        tfe.TFE_DeleteExecutor(executor)


def is_computed(tensor: Any) -> bool:
    """Whether an eager tensor's op has run, so that asking for its shape waits for nothing.

    On an accelerator, kernels may still be at work on it. Where the runtime cannot be asked,
    nothing that this thread made asynchronously counts as computed.
    """
    return not runs_asynchronously() or bool(runtime.is_ready(tensor))


def host_view(tensor: Any) -> np.ndarray[Any, Any] | None:
    """Look at an eager tensor's own memory as an array, if that costs nothing.

    Parameters
    ----------
    tensor
        An ``EagerTensor``.

    Returns
    -------
    ndarray of the tensor's shape and dtype, or None
        A view; drop it at once, and never write to it. None for a tensor that is
        elsewhere than in host memory, that may not be computed yet, or whose
        elements NumPy cannot see in place (string, resource, variant).

    Notes
    -----
    ``EagerTensor._numpy_internal`` shares memory for every dtype but string,
    resource and variant (tensorflow/python/lib/core/numpy.cc ``TensorHandleToNumpy``; 2.21).
    """
    view = raw_value(tensor)
    return view if isinstance(view, np.ndarray) else None


def raw_value(tensor: Any) -> Any:
    """The same, and a NumPy scalar for a tensor without axes; None where `host_view` is None."""
    if not lives_on_host(tensor) or not is_computed(tensor):
        return None
    if tensor.dtype.name in ("string", "resource", "variant"):
        return None
    return raw_read()(tensor)


def raw_read() -> Any:
    """``EagerTensor._numpy_internal`` as TensorFlow made it, below any probe."""
    method = eager_tensor_type().__dict__["_numpy_internal"]
    return getattr(method, "__wrapped__", method)


def span_of_array(array: np.ndarray[Any, Any]) -> Span:
    """Bytes that the array's elements lie in; empty for an empty array.

    Strides may be negative or leave gaps: the span is from the lowest byte to the
    highest, as ``numpy.lib.array_utils.byte_bounds`` gives it (NumPy 2 only).
    """
    start = stop = array.__array_interface__["data"][0]
    if array.flags.c_contiguous:  # empty arrays are, and most others
        return Span(start, start + array.nbytes)
    for length, stride in zip(array.shape, array.strides, strict=True):
        reach = (length - 1) * stride
        start, stop = (start + reach, stop) if reach < 0 else (start, stop + reach)
    return Span(start, stop + array.itemsize)


def span_of_tensor(tensor: Any) -> Span | None:
    """Bytes of host memory that an eager tensor lies in; None where `host_view` is None."""
    view = host_view(tensor)
    if view is None or not view.ndim:
        return None
    return span_of_array(view)


def is_aligned(array: np.ndarray[Any, Any]) -> bool:
    """Whether TensorFlow could share this array's memory, by its address."""
    return array.__array_interface__["data"][0] % ALIGNMENT == 0


def tensor_nbytes(tensor: Any) -> int | None:
    """Bytes of the elements by shape and dtype; None where the dtype has no fixed size."""
    size = tensor.dtype.size
    if not size:
        return None
    count = 1
    for length in tensor.shape:
        if length is None:
            return None
        count *= length
    return int(count * size)
