"""Python numbers, strings and sequences that became tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfnp_magic import runtime
from tfnp_magic.facts import HOST, raw_value, shape_of_tensor, short_device, tensor_nbytes
from tfnp_magic.model import PYTHON_TO_TENSORFLOW
from tfnp_magic.recorder.seen import Seen
from tfnp_magic.scope import inner
from tfnp_magic.values import SAMPLE, ValueChange, compare
from tfnp_magic.verdict import of_placing, of_python

_EXACT = 2**11
"""Integers up to here are exact in every float type from float16 on, and in int16."""

_LONGEST_TEXT = 1 << 20
"""Characters up to which a string's bytes are counted; that encodes it."""


def is_number(value: Any) -> bool:
    """Whether it is one of the numbers whose tensors TensorFlow keeps.

    Python's, and the two of NumPy's that are Python's, too. Of these types alone: looking
    for what is kept asks a subclass's own methods.
    """
    return type(value) in (bool, int, float, complex, np.float64, np.complex128)


def is_kept(number: Any, device: str | None = None, dtype: int | None = None) -> bool:
    """Whether TensorFlow has a tensor of a Python number already, so that none is made.

    Parameters
    ----------
    number
        A Python number.
    device, dtype
        What the constructor of eager tensors is given: the device's name, and the dtype's
        number; None for its own choice.
    """
    if not runtime.has_several_devices():  # then nothing moves either way
        return False
    return runtime.mirrors_of_number(number, dtype or 0, device or "") is not None


def python_value(
    value: Any, tensor: Any, lowest: str, duration_ns: int | None, *, kept: bool = False
) -> Seen:
    """A Python number, string or sequence became a tensor, or TensorFlow had kept that tensor."""
    is_text = tensor.dtype.name == "string"
    nbytes = _bytes_of_text(value) if is_text else tensor_nbytes(tensor)
    return Seen(
        lowest,
        PYTHON_TO_TENSORFLOW,
        shape_of_tensor(tensor),
        type(value).__name__,
        tensor.dtype.name,
        HOST,
        short_device(tensor.backing_device),
        nbytes,
        of_python(nbytes, is_text=is_text, kept=kept),
        duration_ns,
        values=None if is_text else _lost(value, tensor),
        move=of_placing(short_device(tensor.backing_device), nbytes, kept=kept),
    )


def _bytes_of_text(value: Any) -> int | None:
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        return len(value.encode(errors="surrogatepass"))
    return None


def _lost(value: Any, tensor: Any) -> ValueChange | None:
    """What became of numbers that the tensor's dtype cannot hold; None where all went well.

    That a float is rounded to float32 is what Python's numbers always meet; an integer
    that wraps around, or a fraction that is cut off, is not.
    """
    if inner.values_limit == 0 or _is_harmless(value) or _is_held(value, tensor.dtype.name):
        return None
    try:
        numbers = np.asarray(value)
    except (ValueError, OverflowError):  # of unequal lengths, or too large for NumPy
        return None
    found = raw_value(tensor) if numbers.dtype.kind in "iufc" else None
    change = None if found is None else compare(numbers, np.asarray(found), inner.values_limit)
    return change if change is not None and _is_loss(change) else None


def _is_harmless(value: Any) -> bool:
    """Whether it is a small number, which every dtype holds, or too many to look at."""
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return abs(value) <= _EXACT
    if isinstance(value, float):
        return not math.isfinite(value) or abs(value) <= _EXACT
    return not isinstance(value, list | tuple) or len(value) > SAMPLE


_HELD: dict[str, dict[type, float]] = {
    "int32": {int: 2**31 - 1},
    "int64": {int: 2**63 - 1},
    "float32": {float: float(np.finfo(np.float32).max)},
    "float64": {float: math.inf},
}
"""The largest number of a type that each dtype holds, but for rounding."""

_FEW = 8
"""Numbers that are quicker looked at one by one than compared as arrays."""


def _is_held(value: Any, dtype: str) -> bool:
    """Whether the dtype surely holds a number, or each of a few in a list: batches' indices."""
    numbers = value if type(value) in (list, tuple) else (value,)
    limits = _HELD.get(dtype, {})
    return len(numbers) <= _FEW and all(
        type(number) in limits and abs(number) <= limits[type(number)] for number in numbers
    )


def form_of(value: Any) -> tuple[Any, ...] | None:
    """What a few Python numbers have in common with others whose tensor is as large.

    Returns
    -------
    tuple or None
        Types and length. None for anything else: what is no number may run the user's code
        when it is converted.
    """
    kind = type(value)
    if kind in _PLAIN:
        return (kind,)
    if kind in (list, tuple) and 0 < len(value) <= _FEW:
        first = type(value[0])
        if first in _PLAIN and all(type(each) is first for each in value):
            return kind, first, len(value)
    return None


_PLAIN = (int, float, bool)


def _is_loss(change: ValueChange) -> bool:
    return bool(
        change.became_nonfinite
        or change.became_finite
        or change.out_of_range
        or change.fraction_lost
        or change.imaginary_lost
        or change.inexact_integers
    )
