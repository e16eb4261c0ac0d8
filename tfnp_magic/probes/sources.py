"""What kind of value was handed to TensorFlow: an array, a holder of arrays, or Python's own."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tfnp_magic.verdict import MIXED

_PLAIN = frozenset({int, float, complex, bool, str, bytes, type(None), range})
_DEPTH = 4


def is_array_like(value: Any) -> bool:
    """Whether TensorFlow converts it through NumPy: pandas objects, and what has ``__array__``."""
    kind = type(value)
    return kind not in _PLAIN and not issubclass(kind, list | tuple) and hasattr(kind, "__array__")


def numpy_memory(value: Any) -> np.ndarray[Any, Any] | None:
    """The array behind a pandas Series or Index that NumPy stores; None for anything else.

    Taking it neither copies nor converts. A DataFrame's array is put together on
    demand, an extension dtype's is converted: those are None.
    """
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, pandas.Series | pandas.Index):
        return None
    if isinstance(value, pandas.RangeIndex) or not isinstance(value.dtype, np.dtype):
        return None
    memory = value.array.to_numpy()
    return memory if isinstance(memory, np.ndarray) else None


def dtype_name(value: Any) -> str:
    """Dtype of what has one; of a DataFrame's columns if they agree, else `MIXED`."""
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        pandas = sys.modules.get("pandas")
        if pandas is None or not isinstance(value, pandas.DataFrame):
            return MIXED
        kinds = {str(kind) for kind in value.dtypes}
        return kinds.pop() if len(kinds) == 1 else MIXED
    return str(dtype)


def arrays_within(value: Any, depth: int = _DEPTH) -> str | None:
    """Dtype name of the first array or NumPy scalar in nested lists; None if there is none.

    Looks at first elements only: a list that TensorFlow can convert is homogeneous.
    """
    if isinstance(value, np.ndarray | np.generic):
        return str(value.dtype)
    if depth and isinstance(value, list | tuple) and value:
        return arrays_within(value[0], depth - 1)
    return None
