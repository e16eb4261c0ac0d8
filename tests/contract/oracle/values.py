"""The arrays of numbers that a value is made of, seen without a copy."""

from __future__ import annotations

import numpy as np

LARGEST_CONTAINER = 1000
"""Longer lists hold numbers, not arrays: nobody looks into them."""


def views(value, with_variables=True) -> list[np.ndarray]:
    """The memory of every array and tensor in `value`, as arrays that share it.

    Parameters
    ----------
    value
        An array, tensor, variable, pandas object, memoryview, or a container of these.
    with_variables
        Whether a `tf.Variable` counts; its memory is its own.
    """
    import tensorflow as tf

    if isinstance(value, np.ma.MaskedArray):
        return _numbers(value.data)
    if isinstance(value, (np.ndarray, np.generic, memoryview)):
        return _numbers(np.asarray(value))
    if isinstance(value, tf.Variable):
        return _of_tensor(value.value()) if with_variables else []
    if isinstance(value, tf.Tensor):
        return _of_tensor(value)
    return [
        view for part in _parts(value) if part is not value for view in views(part, with_variables)
    ]


def _numbers(array):
    """Objects and strings are no numbers: nothing can be looked for."""
    return [] if array.dtype.hasobject or array.dtype.kind in "SUMm" else [array]


def _of_tensor(tensor):
    if not hasattr(tensor, "_numpy_internal") or not tensor.dtype.is_numpy_compatible:
        return []
    try:
        return _numbers(np.asarray(tensor._numpy_internal()))
    except Exception:  # a resource, a variant: no array
        return []


def _parts(value):
    """What a container is made of."""
    import keras
    import pandas as pd
    import tensorflow as tf

    if isinstance(value, pd.DataFrame):
        return _of_frame(value)
    if isinstance(value, (pd.Series, pd.Index)):
        return [value.to_numpy()]
    if isinstance(value, keras.Variable):
        return [value.value]
    if isinstance(value, tf.RaggedTensor):
        return [value.flat_values, *value.nested_row_splits]
    if isinstance(value, (tf.IndexedSlices, tf.SparseTensor)):
        return [value.values, value.indices]
    if isinstance(value, dict):
        return _short(list(value.values()))
    return _short(value) if isinstance(value, (list, tuple, set, frozenset)) else []


def _short(items):
    return items if len(items) <= LARGEST_CONTAINER else []


def _of_frame(frame):
    if len(set(frame.dtypes)) == 1:
        return [frame.to_numpy()]
    return [frame[name].to_numpy() for name in frame.columns]
