"""The names that every row's setup may use."""

from __future__ import annotations

import threading

import ml_dtypes
import numpy as np

N = 263
"""Side of the square arrays: 553,352 bytes in float64, large for malloc, and odd."""


def F(dtype="f8", shape=(N, N), seed=0):
    """Random normal numbers, none of them exact in a smaller float type."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def I(dtype="i8", shape=(N, N), seed=0):  # noqa: E743 - the rows are read side by side
    """Random integers from 0 to 99."""
    return np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)


def V(dtype, shape=(N, N), seed=0):
    """Values that every dtype can hold: small integers, half of them 0 for bool."""
    values = np.random.default_rng(seed).integers(0, 8, shape)
    return (values % 2 == 0) if np.dtype(dtype) == bool else values.astype(dtype)


def T(dtype="f8", shape=(N, N), seed=0):
    """A tensor of `F`."""
    import tensorflow as tf

    return tf.constant(F(dtype, shape, seed))


def al(array):
    """A writable copy at an address that is a multiple of 64."""
    return placed(array)


def mis(array):
    """A writable copy at an address that is 16 past a multiple of 64."""
    return placed(array, 16)


def placed(array, offset=0):
    """A writable copy, so many bytes past a multiple of 64."""
    memory = np.empty(array.nbytes + 128, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    place = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    place[...] = array
    return place


def in_thread(call):
    """Run a call on a new thread, and give its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join()
    return results[0]


def namespace():
    """A fresh namespace for one row."""
    import keras
    import pandas as pd
    import tensorflow as tf
    import tensorflow.experimental.numpy as tnp

    return {
        "np": np, "tf": tf, "pd": pd, "keras": keras, "tnp": tnp, "ml_dtypes": ml_dtypes,
        "F": F, "I": I, "V": V, "T": T, "al": al, "mis": mis, "n": N, "in_thread": in_thread,
    }  # fmt: skip
