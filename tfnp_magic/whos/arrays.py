"""NumPy arrays and pandas objects, read without converting them."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tfnp_magic import facts
from tfnp_magic.whos.look import Holding, Look, Part, Reader, Shape, ask, bases_of, is_a


def _array_part(owner: object, data: np.ndarray[Any, Any]) -> Part:
    return Part(id(owner), data.nbytes, data)


def _plain(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Give the same memory as a base-class array, so that no subclass's code runs."""
    return np.ndarray.view(array, np.ndarray)


def _look_at_array(array: np.ndarray[Any, Any]) -> Look:
    data = _plain(array)
    parts = [_array_part(array, data)]
    if np.ma.MaskedArray in bases_of(type(array)):
        mask = ask(lambda: np.ma.getmask(array))
        if isinstance(mask, np.ndarray):
            parts.append(_array_part(mask, _plain(mask)))
    found = Holding(
        shape=data.shape,
        dtype=facts.name_of_dtype(data.dtype),
        device=facts.HOST,
        backing_device=facts.HOST,
        contiguous=data.flags.c_contiguous,
        aligned=facts.is_aligned(data),
        writable=data.flags.writeable,
        note="" if type(array) is np.ndarray else type(array).__name__,
        writable_below=not data.flags.writeable and _is_writable_below(data),
    )
    return Look(found, parts)


def _is_writable_below(view: np.ndarray[Any, Any]) -> bool:
    """Whether an array that it is a view of can be written, and it with that."""
    below = view.base
    while isinstance(below, np.ndarray):
        if below.flags.writeable:
            return True
        below = below.base
    return False


def _look_at_frame(frame: Any) -> Look:
    """Look at a DataFrame or a Series by its blocks, which no public property shows as they are.

    Source: ``BlockManager.blocks``, pandas/core/internals/managers.py; 2.2 and 3.1.
    """
    blocks = frame._mgr.blocks
    dtypes = ", ".join(sorted({str(block.dtype) for block in blocks}))
    return _look_at_columns(frame, frame.shape, dtypes, [block.values for block in blocks])


def _look_at_index(index: Any) -> Look:
    shape, arrays = (len(index),), list(_index_arrays(index))
    look = _look_at_columns(index, shape, str(index.dtype), arrays)
    note = "" if type(index) is sys.modules["pandas"].Index else type(index).__name__
    return look._replace(facts=dataclasses.replace(look.facts, writable=False, note=note))


def _index_arrays(index: Any) -> Iterator[Any]:
    """Find an Index's arrays; a `RangeIndex` has none, and would make one if asked."""
    if is_a(index, "pandas.MultiIndex"):
        yield from index._codes
        for level in index._levels:
            yield from _index_arrays(level)
    elif not is_a(index, "pandas.RangeIndex"):
        yield index._data


def _look_at_columns(owner: object, shape: Shape, dtype: str, arrays: Sequence[Any]) -> Look:
    """Look at pandas data; flags are unknown where an extension array is all there is."""
    parts = [_pandas_part(array) for array in arrays]
    views = [part.view for part in parts if part.view is not None]
    seen = bool(views) and len(views) == len(parts)
    writable = any(view.flags.writeable for view in views)
    found = Holding(
        shape=shape,
        dtype=dtype,
        device=facts.HOST,
        backing_device=facts.HOST,
        # A block of a DataFrame has its columns as rows.
        contiguous=len(views) == 1 and views[0].T.flags.c_contiguous if seen else None,
        aligned=all(map(facts.is_aligned, views)) if seen else None,
        writable=writable if writable or seen else None,
    )
    return Look(found, parts or [Part(id(owner), 0)])


def _pandas_part(values: Any) -> Part:
    """Memory of a block that is NumPy's; of another extension array, the bytes alone.

    ``Categorical``, ``DatetimeArray`` and their like keep one array in ``_ndarray``
    (pandas/_libs/arrays.pyx ``NDArrayBacked``; pandas 2.2 and 3.1).
    """
    if isinstance(values, np.ndarray):
        return _array_part(values, _plain(values))
    if is_a(values, "pandas._libs.arrays.NDArrayBacked"):
        return _array_part(values, _plain(values._ndarray))
    return Part(id(values), ask(lambda: int(values.nbytes)))


READERS: dict[str, tuple[str, Reader]] = {
    "numpy.ndarray": ("ndarray", _look_at_array),
    "pandas.Series": ("Series", _look_at_frame),
    "pandas.DataFrame": ("DataFrame", _look_at_frame),
    "pandas.Index": ("Index", _look_at_index),
}
"""Kind and reader of each type, by the type's own path."""
