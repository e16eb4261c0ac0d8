"""Any result of a row as plain data that compares by value."""

from __future__ import annotations

import numpy as np

_AS_THEY_ARE = (bool, int, float, complex, str, bytes, type(None), np.dtype)


def plain(value: object) -> object:
    """Tensors and arrays as dtype, shape and bytes, in the containers that hold them."""
    import tensorflow as tf

    if isinstance(value, (tf.Tensor, tf.Variable)):
        if value.dtype in (tf.resource, tf.variant):
            return "tensor", value.dtype.name
        return "tensor", value.device, plain(value.numpy())
    if isinstance(value, (np.ndarray, np.generic)):
        data = value.tolist() if value.dtype == object else value.tobytes()
        return value.dtype.name, value.shape, data
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, tf.__internal__.CompositeTensor):
        return [plain(inner) for inner in tf.nest.flatten(value, expand_composites=True)]
    return repr(value) if isinstance(value, _AS_THEY_ARE) else type(value).__name__
