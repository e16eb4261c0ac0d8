"""Shapes and dtypes as TensorFlow writes them into a profile."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from tfnp_magic.facts import itemsize_of

_NUMPY_NAMES = {"float": "float32", "double": "float64", "half": "float16"}
"""Names of TensorFlow's that differ from NumPy's (``DataTypeString``, framework/types.cc)."""

_TENSOR = re.compile(r"(?P<dtype>\w+)\[(?P<shape>[\d,]*)\]")


class Tensor(NamedTuple):
    """What is known of a tensor in a graph; the shape is None, or the dtype empty, if unknown."""

    dtype: str
    shape: tuple[int, ...] | None

    @property
    def nbytes(self) -> int | None:
        """Bytes of its elements; None where the dtype has no fixed size, or it is not known."""
        size = itemsize_of(self.dtype) if self.dtype else None
        return None if size is None or self.shape is None else math.prod(self.shape) * size


UNKNOWN = Tensor("", None)


def numpy_name(dtype: str) -> str:
    """``float32`` for ``float``."""
    return _NUMPY_NAMES.get(dtype, dtype)


def inputs_in(text: str) -> list[Tensor]:
    """An op's inputs, as its stretch tells them: ``(float[30,4];int32[])``.

    Resources and variants are told by their place alone.
    """
    parts = text.strip("()").split(";") if text else []
    return [_tensor(part) for part in parts]


def _tensor(part: str) -> Tensor:
    found = _TENSOR.fullmatch(part)
    return (
        UNKNOWN if found is None else Tensor(numpy_name(found["dtype"]), shape_in(found["shape"]))
    )


def shape_in(text: str) -> tuple[int, ...]:
    """``(30, 4)`` for ``30,4`` or ``[30,4]``."""
    return tuple(int(length) for length in text.strip("[]").split(",") if length)


def dtype_named(number: int) -> str:
    """A dtype's name by TensorFlow's number (tensorflow/core/framework/types.proto)."""
    return _DTYPES.get(number, "")


_DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string",
    8: "complex64", 9: "int64", 10: "bool", 11: "qint8", 12: "quint8", 13: "qint32",
    14: "bfloat16", 15: "qint16", 16: "quint16", 17: "uint16", 18: "complex128", 19: "float16",
    20: "resource", 21: "variant", 22: "uint32", 23: "uint64", 24: "float8_e5m2",
    25: "float8_e4m3fn", 29: "int4", 30: "uint4",
}  # fmt: skip
