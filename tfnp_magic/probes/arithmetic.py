"""Ops that compute something of an array and a tensor: what tells one such call from another.

Their results never lie in the memory of an array that they were handed, so what becomes of
the array follows from its dtype, layout and alignment, and from the tensor's dtype, alone
(`tfnp_magic.verdict.of_op_argument`; the contract tests hold each against an oracle).
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

from tfnp_magic.facts import ALIGNMENT

COMPUTING = frozenset(
    {"Sub", "Mul", "RealDiv", "Div", "DivNoNan", "FloorDiv", "FloorMod", "Mod", "Pow",
     "Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual", "Maximum", "Minimum",
     "SquaredDifference", "LogicalAnd", "LogicalOr", "BitwiseAnd", "BitwiseOr", "BitwiseXor"}
)  # fmt: skip
"""Ops of two inputs of one dtype, element by element, by their names in C++."""

_WORD = ctypes.sizeof(ctypes.c_uint64)
_BASE = _WORD  # a pointer to 0 would be none
_words = ctypes.cast(_BASE, ctypes.POINTER(ctypes.c_uint64))


def _address(array: np.ndarray[Any, Any]) -> int:
    """Where an array's elements begin, ten times quicker than ``array.ctypes.data``.

    Source: ``PyArrayObject_fields.data``, behind the head that all objects have
    (numpy/_core/include/numpy/ndarraytypes.h, 1.26 to 2.4).
    """
    return _words[(id(array) + object.__basicsize__ - _BASE) // _WORD]


@functools.cache
def can_read_addresses() -> bool:
    """Whether the layout of arrays is the known one here."""
    probes = [np.zeros(3), np.zeros(8, "i1")[1:]]
    return object.__basicsize__ == 2 * _WORD and all(_address(a) == a.ctypes.data for a in probes)


def facts_of(inputs: tuple[Any, ...], tensor_type: type) -> tuple[Any, ...] | None:
    """What the verdict on a call's one array follows from; None for any other call.

    Parameters
    ----------
    inputs
        The two inputs of an op of `COMPUTING`.
    tensor_type
        The class of eager tensors.
    """
    first, second = inputs
    array: Any
    tensor: Any
    if type(second) is np.ndarray and type(first) is tensor_type:
        array, tensor = second, first
    elif type(first) is np.ndarray and type(second) is tensor_type:
        array, tensor = first, second
    else:
        return None
    return (
        array is first, array.dtype, tensor._datatype_enum(), array.shape, array.strides,
        array.flags.num, _address(array) % ALIGNMENT,
    )  # fmt: skip


def is_first(facts: tuple[Any, ...]) -> bool:
    """Whether the array is the first input, of a call with these `facts_of`."""
    return bool(facts[0])


def is_taken_as_it_is(*inputs: Any) -> bool:
    """Whether NumPy puts no array into another before TensorFlow takes it, wherever that lies."""
    arrays = [value for value in inputs if type(value) is np.ndarray]
    return all(
        array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative
        for array in arrays
    )
