"""What copies of an operand look like in memory: its own bytes, and those of each cast."""

from __future__ import annotations

import dataclasses
import warnings

import ml_dtypes
import numpy as np

from tests.contract.oracle import values

THRESHOLD = 4096
"""Bytes; a smaller buffer may hold the same numbers by chance, and is not looked for."""

CASTS = [
    np.dtype(name)
    for name in (
        *("f4", "f8", "i4", "i8", "f2", ml_dtypes.bfloat16, "c16", "c8", "u1", "i1"),
        *("u4", "u8", "i2", "u2", "?", ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2),
    )
]
"""The dtypes that a conversion may cast to; of two with the same bytes the first is named."""


@dataclasses.dataclass(frozen=True)
class Operand:
    """What of a name's data can cross: arrays of numbers, copied so that they stay.

    Attributes
    ----------
    arrays
        One for an array, a tensor or Python numbers; several for a container of these.
    """

    arrays: tuple[np.ndarray, ...]

    @property
    def nbytes(self) -> int | None:
        """Elements times item size; None for what is no numbers."""
        return sum(array.nbytes for array in self.arrays) if self.arrays else None

    @property
    def measurable(self) -> bool:
        """Whether each array is large enough to be found."""
        return bool(self.arrays) and all(array.nbytes >= THRESHOLD for array in self.arrays)


@dataclasses.dataclass(frozen=True)
class Needle:
    """Bytes that a copy of operands holds.

    Attributes
    ----------
    content
        The bytes, contiguous.
    dtype
        Name of the dtype that they are to be read as.
    layout
        `C` or `F` for one array; `packed` for several arrays one after the other.
    shares
        How many of the bytes belong to each operand, by name.
    cast
        Whether the dtype is another one than the operand's.
    """

    content: np.ndarray
    dtype: str
    layout: str
    shares: dict[str, int]
    cast: bool


def operand(value) -> Operand:
    """What of `value` can cross; of a table the one array that it is converted as."""
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        value = value.to_numpy()
    elif isinstance(value, (pd.Series, pd.Index)) and value.hasnans:
        return Operand(())  # what stands for a missing value changes with the dtype
    arrays = [np.array(view) for view in values.views(value)] or _python_numbers(value)
    return Operand(tuple(arrays))


def _python_numbers(value):
    """Numbers of Python as NumPy would read them; none for what it cannot."""
    if isinstance(value, (bytes, bytearray)):
        return [np.frombuffer(value, np.uint8).copy()]
    if not isinstance(value, (bool, int, float, complex, list, tuple, range)):
        return []
    try:
        array = np.array(value)
    except Exception:  # ragged, or symbolic tensors
        return []
    return [array] if array.dtype.kind in "biufc" else []


def needles(operands: dict[str, Operand]) -> list[Needle]:
    """All that is worth looking for, the likeliest first, each content once.

    Two operands with the same contents cannot be told apart: the first is taken.
    """
    found = [
        *_own(operands),
        *(cast for name, one in operands.items() for cast in _casts(name, one)),
        *_packed(operands),
    ]
    return _unique([one for one in found if one.content.nbytes >= THRESHOLD])


def _own(operands):
    for name, one in operands.items():
        for array in one.arrays:
            yield _needle(array, "C", name)
            if array.ndim > 1:
                yield _needle(array.T, "F", name)
            if array.dtype.itemsize > 1 and array.dtype.kind in "iufc":
                # In the other byte order it is the same dtype: a copy, and no cast.
                yield _needle(array.astype(array.dtype.newbyteorder()), "C", name)


def _casts(name, one):
    for array in one.arrays:
        for cast in _cast_arrays(array):
            yield _needle(cast, "C", name, cast=True)
            if array.ndim > 1 and not array.flags.c_contiguous:
                yield _needle(cast.T, "F", name, cast=True)


def _needle(array, layout, name, cast=False):
    content = np.ascontiguousarray(array)
    return Needle(content, array.dtype.name, layout, {name: content.nbytes}, cast)


def _cast_arrays(array):
    """`array` in every other dtype in which it is more than one number repeated."""
    for dtype in CASTS:
        if dtype.name == array.dtype.name:
            continue
        for path in _paths(array.dtype, dtype):
            cast = _cast(array, path)
            if cast is not None and cast.size and (cast != cast.flat[0]).any():
                yield cast


def _paths(from_dtype, to_dtype):
    """A cast to a short float may round twice, on its way through float32."""
    yield (to_dtype,)
    if from_dtype == np.float64 and to_dtype.itemsize < 4:
        yield (np.dtype("f4"), to_dtype)


def _cast(array, path):
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            for dtype in path:
                array = array.astype(dtype)
    except Exception:  # not every pair of ml_dtypes converts
        return None
    return array


def _packed(operands):
    """All operands in one buffer, as a list of arrays is converted."""
    owners = [(name, array) for name, one in operands.items() for array in one.arrays]
    if len(owners) < 2 or len({array.shape[1:] for _, array in owners}) > 1:
        return
    own = {array.dtype for _, array in owners}
    for dtype in [*own, *(cast for cast in CASTS if cast not in own)]:
        parts = [(name, _cast(array, (dtype,))) for name, array in owners]
        if all(part is not None for _, part in parts):
            content = np.concatenate([part.reshape(-1) for _, part in parts])
            if content.size and (content != content[0]).any():
                yield Needle(content, dtype.name, "packed", _shares(parts), own != {dtype})


def _shares(parts):
    shares: dict[str, int] = {}
    for name, array in parts:
        shares[name] = shares.get(name, 0) + array.nbytes
    return shares


def _unique(found):
    seen: set[bytes] = set()
    kept = []
    for one in found:
        content = one.content.tobytes()
        if content not in seen and any(content):
            seen.add(content)
            kept.append(one)
    return kept


def changes_values(arrays: tuple[np.ndarray, ...], dtype: str) -> bool:
    """Whether a cast to `dtype` and back gives other values than before."""
    return any(not _survives(array, np.dtype(dtype)) for array in arrays)


def _survives(array, dtype):
    back = _cast(array, (dtype, array.dtype))
    return back is not None and bool(((back == array) | (array != array) & (back != back)).all())
