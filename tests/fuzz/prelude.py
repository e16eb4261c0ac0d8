"""What a random cell may use: all of it prints, and runs anywhere in a checkout."""

from __future__ import annotations

import random
import sys
import threading
import warnings
import weakref

import ml_dtypes
import numpy as np
import tensorflow as tf

from tests.contract.rows.names import placed
from tests.unit.frames import LIBRARY, run

__all__ = [
    "F", "Kind", "dtype_of", "fs", "in_thread", "ml_dtypes", "np", "placed", "random",
    "read_twice", "sys", "tf", "warnings", "weakref",
]  # fmt: skip

fs = [np.asarray, np.array]
read_twice = run(
    LIBRARY,
    "def read_twice(like):\n    first = np.asarray(like)\n    return first, np.array(like)\n",
    name="fakelib.core",
    np=np,
)["read_twice"]
"""A library's function, which reads what it is given in two ways."""

RECORD = np.dtype([("x", "f4"), ("y", "i4")])
_RECORDS, _TEXTS, _TIMES = "V", "SU", "M"


class Kind(np.ndarray):
    """An array of a user's own class."""


def dtype_of(name):
    """A dtype by NumPy's name, or by that of ml_dtypes."""
    return RECORD if name == "record" else np.dtype(getattr(ml_dtypes, str(name), name))


def F(dtype, shape, seed=0, values="plain"):
    """An array of random values: `plain` ones, `wide` ones that few dtypes hold, or `odd` ones."""
    dtype, rng = dtype_of(dtype), np.random.default_rng(seed)
    if dtype.kind in "biu" or dtype.name in ("int4", "uint4"):
        high = {"plain": 7, "odd": 100}.get(values, 2**40)
        numbers = rng.integers(0, high, shape)
    elif dtype.kind == "c":
        numbers = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    else:
        numbers = rng.standard_normal(shape) * (1e39 if values == "wide" else 1)
    if values == "odd" and numbers.dtype.kind == "f" and numbers.size:
        numbers.flat[0], numbers.flat[-1] = np.nan, -np.inf
    if dtype.kind in _TEXTS:
        return np.array([f"s{x:.2f}" for x in numbers.ravel()]).astype(dtype).reshape(shape)
    if dtype.kind in _TIMES:
        return (numbers * 1e6).astype("i8").astype(dtype)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dtype.kind == _RECORDS and dtype.names:
            array = np.zeros(shape, dtype)
            array["x"], array["y"] = numbers, numbers
            return array
        if dtype.kind == "b":
            return numbers % 2 == 0
        return numbers.astype(dtype)


def in_thread(call):
    """Run a call on a new thread, and give its result, or raise its error."""
    results, errors = [], []

    def run():
        try:
            results.append(call())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors.pop()
    return results[0]
