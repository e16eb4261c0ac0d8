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

from tfnp_magic.facts import HOST, buffers_of_size
from tfnp_magic.model import (
    NUMPY_TO_TENSORFLOW,
    PYTHON_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    Storage,
)
from tfnp_magic.probes.allocations import Taken, ring
from tfnp_magic.probes.machine_code import Unsupported
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import report
from tfnp_magic.probes.sources import is_array_like
from tfnp_magic.probes.unseen import DEVICE, leaving, nbytes_of, public_dtype
from tfnp_magic.recorder.seen import Seen, clock
from tfnp_magic.scope import inner, listeners
from tfnp_magic.verdict import NOTHING, OBSERVED, copied, of_string_read, shared, unknown

NAME = "TFLite interpreter"

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
            report(NAME, hearing, sys._getframe(1), _describe_set, value, where, taken, took)
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


def _describe_set(value: Any, where: tuple[Any, ...], taken: Taken, duration_ns: int) -> Seen:
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
        DEVICE,
        nbytes,
        _storage_of_set(value, nbytes, taken),
        duration_ns,
        id(value),
    )


def _of_slot(wrapper: Any, index: int, subgraph: int) -> tuple[tuple[int, ...], str]:
    """Shape and dtype of the interpreter's own tensor."""
    shape = tuple(int(length) for length in wrapper.TensorSize(index, subgraph))
    return shape, public_dtype(np.dtype(wrapper.TensorType(index, subgraph)))


def _origin(value: Any, dtype_to: str) -> tuple[str, str]:
    """Direction, and dtype before: a tensor of TensorFlow's leaves it for the interpreter."""
    if isinstance(value, np.ndarray | np.generic):
        return NUMPY_TO_TENSORFLOW, public_dtype(value.dtype)
    if hasattr(type(value), "backing_device"):
        return TENSORFLOW_TO_NUMPY, value.dtype.name
    if is_array_like(value):
        return NUMPY_TO_TENSORFLOW, dtype_to
    return PYTHON_TO_TENSORFLOW, type(value).__name__


def _storage_of_set(value: Any, nbytes: int | None, taken: Taken) -> Storage:
    """Where the data came to lie: in memory that was there before, so that is no new copy."""
    if nbytes is None:
        return copied("strings are copied one by one into the interpreter", None, copies=None)
    if not nbytes:
        return NOTHING
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
    made = f"NumPy made an array in C order of it, which was {reason}"
    return copied(made, nbytes * before, copies=before)


def _describe_get(result: Any, duration_ns: int) -> Seen:
    if not isinstance(result, np.ndarray):
        storage = copied("a NumPy scalar holds its own value", nbytes_of(result))
    elif nbytes_of(result) is None:
        storage = of_string_read()
    elif result.flags.owndata:
        reason = "get_tensor() copies; tensor() would give a view"
        storage = copied(reason, result.nbytes, OBSERVED, copies=1 if result.nbytes else 0)
    else:
        storage = shared("the array does not own its memory")
    return leaving(result, "Interpreter.get_tensor", storage, duration_ns)


def _describe_view(result: Any, duration_ns: int) -> Seen:
    reason = "shares the interpreter's memory"
    if isinstance(result, np.ndarray) and result.flags.writeable:
        reason += ": writing to the array changes its tensor"
    return leaving(result, "Interpreter.tensor", shared(reason), duration_ns)
