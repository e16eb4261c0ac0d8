"""Arrays that go into TFLite's interpreter and come out of it.

Chokepoint: ``InterpreterWrapper.SetTensor``, ``GetTensor`` and ``tensor``, methods of the
compiled class below ``tf.lite.Interpreter`` and its signature runners
(tensorflow/lite/python/interpreter_wrapper/interpreter_wrapper.cc; called from
tensorflow/lite/python/interpreter.py, 2.21).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tfnp_magic.facts import HOST, Span, name_of_dtype
from tfnp_magic.model import (
    NUMPY_TO_TENSORFLOW,
    PYTHON_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    TENSORFLOW_TO_PYTHON,
    Storage,
)
from tfnp_magic.probes.allocations import buffers_of_size, ring
from tfnp_magic.probes.machine_code import Unsupported
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import report
from tfnp_magic.probes.sources import is_array_like
from tfnp_magic.recorder import Seen, clock
from tfnp_magic.scope import inner, listeners
from tfnp_magic.verdict import OBSERVED, copied, of_string_read, shared, unknown

NAME = "TFLite interpreter"

_DEVICE = "CPU:0"
"""The interpreter's tensors lie in this process's memory."""

_MODULES = ("tensorflow.lite.python.interpreter", "ai_edge_litert.interpreter")
"""TensorFlow's own interpreter, and the package that follows it, with the same class."""


def patches() -> list[AttributePatch]:
    """The methods of each interpreter that is loaded; none is loaded for this.

    Raises
    ------
    Unsupported
        When none is: one that is loaded later is not seen.
    """
    modules = [sys.modules[name] for name in _MODULES if name in sys.modules]
    if not modules:
        raise Unsupported("it was not loaded when the trace began")
    owners = dict.fromkeys(module._interpreter_wrapper.InterpreterWrapper for module in modules)
    around = {
        "SetTensor": _around_set,
        "GetTensor": _around_read(_describe_get),
        "tensor": _around_read(_describe_view),
    }
    return [AttributePatch(owner, name, make) for owner in owners for name, make in around.items()]


def _around_set(original: Any) -> Any:
    def set_tensor(self: Any, index: Any, value: Any, *subgraph: Any) -> Any:
        hearing = listeners()
        mark, started = ring.mark(), clock()
        inner.absorbing += 1  # a tensor is read by NumPy on the way
        try:
            result = original(self, index, value, *subgraph)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            inner.absorbing -= 1
        if hearing:
            took, taken = clock() - started, ring.since(mark)
            where = (self, index, *(subgraph or (0,)))
            report(
                NAME, hearing, sys._getframe(1), _describe_set, value, where, taken, took
            )  # fmt: skip
        return result

    return set_tensor


def _around_read(describe: Callable[[Any, int], Seen]) -> Callable[[Any], Any]:
    """What stands in place of a method that hands out an array."""

    def around(original: Any) -> Any:
        def read(self: Any, *args: Any) -> Any:
            started = clock()
            try:
                result = original(self, *args)
            except BaseException as exc:
                without_our_frame(exc)
                raise
            if hearing := listeners():
                took = clock() - started
                report(NAME, hearing, sys._getframe(1), describe, result, took)
            return result

        return read

    return around


def _describe_set(
    value: Any, where: tuple[Any, ...], taken: tuple[Span, ...] | None, duration_ns: int
) -> Seen:
    shape, dtype = _of_slot(*where)
    text = dtype == "string"
    nbytes = None if text else math.prod(shape) * np.dtype(dtype).itemsize
    direction, dtype_from = _origin(value, dtype)
    return Seen(
        "Interpreter.set_tensor",
        direction,
        shape,
        dtype_from,
        dtype,
        HOST,
        _DEVICE,
        nbytes,
        _storage_of_set(value, nbytes, taken),
        duration_ns,
        id(value),
    )


def _of_slot(wrapper: Any, index: int, subgraph: int) -> tuple[tuple[int, ...], str]:
    """Shape and dtype of the interpreter's own tensor."""
    shape = tuple(int(length) for length in wrapper.TensorSize(index, subgraph))
    dtype = name_of_dtype(np.dtype(wrapper.TensorType(index, subgraph)))
    return shape, _public(dtype)


def _public(dtype: str) -> str:
    """TensorFlow's word for NumPy's ways to hold text: object, ``|S3``, ``<U3``."""
    return "string" if dtype == "object" or dtype[1:2] in ("S", "U") else dtype


def _origin(value: Any, dtype_to: str) -> tuple[str, str]:
    """Direction, and dtype before: a tensor of TensorFlow's leaves it for the interpreter."""
    if isinstance(value, np.ndarray | np.generic):
        return NUMPY_TO_TENSORFLOW, _public(name_of_dtype(value.dtype))
    if hasattr(type(value), "backing_device"):
        return TENSORFLOW_TO_NUMPY, value.dtype.name
    if is_array_like(value):
        return NUMPY_TO_TENSORFLOW, dtype_to
    return PYTHON_TO_TENSORFLOW, type(value).__name__


def _storage_of_set(value: Any, nbytes: int | None, taken: tuple[Span, ...] | None) -> Storage:
    """Where the data came to lie: in memory that was there before, so that is no new copy."""
    if nbytes is None:
        return copied("strings are copied one by one into the interpreter", None, copies=None)
    if not nbytes:
        return copied("no elements: there is nothing to copy or to share", 0, copies=0)
    reason = "read in place, and written into the interpreter's own memory"
    if isinstance(value, np.ndarray) and not value.dtype.isnative:
        reason += "; its other byte order was not swapped, so the values differ"
    # NumPy hands on an array in C order that can be written to (NPY_ARRAY_CARRAY).
    if isinstance(value, np.ndarray) and value.flags.carray:
        return shared(reason)
    if taken is None:
        return unknown(f"{reason}; what NumPy copied before was not seen")
    before = len(buffers_of_size(taken, nbytes))
    if not before:
        return shared(reason)
    return copied(f"NumPy made an array in C order of it, which was {reason}", nbytes * before,
                  copies=before)  # fmt: skip


def _describe_get(result: Any, duration_ns: int) -> Seen:
    if not isinstance(result, np.ndarray):
        return _leaving(
            "Interpreter.get_tensor", result, copied(_SCALAR, _nbytes(result)), duration_ns
        )
    if _nbytes(result) is None:
        storage = of_string_read()
    elif result.flags.owndata:
        reason = "get_tensor() copies; tensor() would give a view"
        storage = copied(reason, result.nbytes, OBSERVED, copies=1 if result.nbytes else 0)
    else:
        storage = shared("the array does not own its memory")
    return _leaving("Interpreter.get_tensor", result, storage, duration_ns)


_SCALAR = "a NumPy scalar holds its own value"


def _describe_view(result: Any, duration_ns: int) -> Seen:
    reason = "shares the interpreter's memory"
    if isinstance(result, np.ndarray) and result.flags.writeable:
        reason += ": writing to the array changes its tensor"
    return _leaving("Interpreter.tensor", result, shared(reason), duration_ns)


def _leaving(route: str, result: Any, storage: Storage, duration_ns: int) -> Seen:
    is_numpy = isinstance(result, np.ndarray | np.generic)
    dtype = _public(name_of_dtype(result.dtype)) if is_numpy else "string"
    return Seen(
        route,
        TENSORFLOW_TO_NUMPY if is_numpy else TENSORFLOW_TO_PYTHON,
        np.shape(result) if is_numpy else (),
        dtype,
        dtype,
        _DEVICE,
        HOST,
        _nbytes(result),
        storage,
        duration_ns,
    )


def _nbytes(result: Any) -> int | None:
    if not isinstance(result, np.ndarray | np.generic) or result.dtype.kind in "OSU":
        return None
    return int(result.nbytes)
