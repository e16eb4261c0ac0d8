"""What kind of value was handed to TensorFlow: an array, a holder of arrays, or Python's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfnp_magic.verdict import MIXED

_PLAIN = frozenset({int, float, complex, bool, str, bytes, type(None), range})
_DEPTH = 4
_PROTOCOLS = ("__array__", "__array_interface__", "__array_struct__")
"""By which an object gives an array of itself (NumPy's interoperability protocols)."""


def is_array_like(value: Any) -> bool:
    """Whether TensorFlow converts it through NumPy: pandas objects, and what has ``__array__``."""
    kind = type(value)
    if kind in _PLAIN or issubclass(kind, list | tuple):
        return False
    return any(hasattr(kind, name) for name in _PROTOCOLS)


def numpy_memory(value: Any) -> np.ndarray[Any, Any] | None:
    """The array behind a pandas object, which a conversion may hand on; or None.

    Taking it neither copies nor converts. Of a nullable or sparse dtype it is the array
    of the values alone: a conversion hands it on where no value is missing. The array of a
    DataFrame of several blocks is put together on demand, and so is a RangeIndex's at first:
    None.
    """
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, pandas.Series | pandas.Index | pandas.DataFrame):
        return None
    if isinstance(value, pandas.DataFrame):
        memory = _only_block(value)
    elif isinstance(value, pandas.RangeIndex):
        memory = value._cache.get("_data")  # made when it was first asked for, and kept
    elif isinstance(value.dtype, np.dtype):
        memory = value.array.to_numpy()
    else:
        memory = next(filter(_is_array, map(value.array.__dict__.get, _WITHIN)), None)
    is_whole = isinstance(memory, np.ndarray) and memory.shape == value.shape
    return memory if is_whole else None


def _only_block(frame: Any) -> np.ndarray[Any, Any] | None:
    """The array of a DataFrame of one block; a block has the columns as its rows.

    Source: ``BlockManager.blocks``, pandas/core/internals/managers.py; 2.2 and 3.1.
    """
    blocks = list(getattr(getattr(frame, "_mgr", None), "blocks", ()))
    only = getattr(blocks[0], "values", None) if len(blocks) == 1 else None
    return only.T if isinstance(only, np.ndarray) else None


def labels_may_be_taken_for_data(value: Any) -> bool:
    """Whether labels that pandas makes on the way would be as large as all of the data.

    Of a DataFrame of one row or one column, the labels of the long axis are that.
    """
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame) and 1 in value.shape


_WITHIN = ("_data", "_sparse_values")
"""Where pandas' nullable and sparse arrays keep their values (pandas 2.2 to 3.1)."""


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def dtype_name(value: Any) -> str:
    """Dtype of what has one; of a DataFrame's columns if they agree, else `MIXED`."""
    dtype = getattr(value, "dtype", None)
    if dtype is not None:
        return _name_of(dtype)
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, pandas.DataFrame):
        return MIXED
    kinds = {_name_of(kind) for kind in value.dtypes}
    return kinds.pop() if len(kinds) == 1 else MIXED


def _name_of(dtype: Any) -> str:
    """Name of a dtype; of pandas' own ones that of the values (nullable, sparse, categories)."""
    if isinstance(dtype, np.dtype) or type(dtype).__module__.partition(".")[0] != "pandas":
        return str(dtype)
    if hasattr(dtype, "categories"):
        return MIXED if dtype.categories is None else _name_of(dtype.categories.dtype)
    return str(getattr(dtype, "numpy_dtype", None) or getattr(dtype, "subtype", None) or dtype)


def arrays_within(value: Any, depth: int = _DEPTH) -> str | None:
    """Dtype name of the first array or NumPy scalar in nested lists; None if there is none.

    Looks at first elements only: what has an array there has arrays everywhere.
    """
    if isinstance(value, np.ndarray | np.generic):
        return str(value.dtype)
    if depth and isinstance(value, list | tuple) and value:
        return arrays_within(value[0], depth - 1)
    return None


def parts_of(value: Any, depth: int = _DEPTH) -> Iterator[np.ndarray[Any, Any] | np.generic]:
    """The arrays and NumPy scalars in nested lists; the first `MOST_PARTS` of each list."""
    if isinstance(value, np.ndarray | np.generic):
        yield value
    elif depth and isinstance(value, list | tuple):
        for part in value[:MOST_PARTS]:
            yield from parts_of(part, depth - 1)


MOST_PARTS = 1024
"""Elements of a list that are looked at one by one."""
