"""What stands in a statement: names of the cell, by kind, and what makes new ones."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager.polymorphic_function.polymorphic_function import Function

from tests.fuzz.genes import Picks
from tests.fuzz.prelude import dtype_of

LARGEST = 400_000
"""Bytes; larger values are not converted any more."""

_SMALL = 64

SHAPES = ((72, 72), (5184,), (6, 12, 72))
"""Each of as many elements: enough for the oracle in every dtype."""
_OTHER_SHAPES = ((3,), (), (2, 3), (0, 5), (1, 1), (72,), (36, 72))

NUMBERS = (
    *("f4", "f8", "f4", "f8", "i4", "i8", "f2", "u1", "i1", "bool", "c8", "c16", "i2", "u2"),
    *("u4", "u8", "bfloat16", "float8_e5m2", "float8_e4m3fn", "int4", ">f4", ">i8"),
)
STRANGE = ("U", "S", "O", "g", "M8[s]", "record", "G", "O")
TENSORFLOWS = (
    *("float32", "float64", "int32", "int64", "float16", "int16", "bool", "complex64"),
    *("bfloat16", "int8", "string", "complex128"),
)
NUMPYS = ("f4", "f8", "i4", "i8", "f2", "u1", "bool", "c8", "O", "U", ">f8")

_LAYOUTS = (
    "{}", "placed({})", "placed({}, 16)", "{}", "placed({})", "{}[::-1]", "placed({}).T.copy().T",
    "np.asfortranarray({})", "placed({}, 1)", "{}.view(Kind)", "np.ma.masked_array({})",
    "np.broadcast_to({}, {}.shape)",
)  # fmt: skip
_VALUES = ("plain", "plain", "plain", "odd", "wide")


SHORT = "x"
"""Stands for the kind of numbers of 4 and 8 bits that NumPy lacks: most ops do, too."""
BRAIN = "h"
"""Stands for the kind of bfloat16, which is a number to most ops, and no number to NumPy."""


def kind_of(dtype: np.dtype) -> str:
    """NumPy's letter, or what ml_dtypes' dtypes would have."""
    if dtype.type.__module__ == "ml_dtypes":
        return SHORT if dtype.name != "bfloat16" else BRAIN
    return dtype.kind


def letter_of(value: Any) -> str:
    """The letter of `tests.fuzz.calls` that a value can stand for; empty without any."""
    if isinstance(value, np.ndarray):
        shared = kind_of(value.dtype) in "biufcxh" and value.dtype.char not in "gG"
        return "a" if shared and value.nbytes <= LARGEST else "o" if not shared else ""
    if isinstance(value, tf.Variable):
        return "v"
    if isinstance(value, tf.Tensor):
        ours = value.dtype.is_numpy_compatible and value.dtype not in (tf.string, tf.resource)
        ours = ours and value.dtype is not tf.variant
        return "t" if ours and value.shape.num_elements() * value.dtype.size <= LARGEST else ""
    if isinstance(value, Function):
        return "f"
    if isinstance(value, tf.data.Dataset):
        return "q"
    return "r" if isinstance(value, weakref.ref) else ""


def fits(letter: str, value: Any, kinds: str, small: bool) -> bool:
    """Whether a value can stand for this letter."""
    theirs = letter_of(value)
    if letter == "n":
        return theirs in ("a", "t", "v")
    if theirs != {"b": "a", "w": "a", "k": "a", "u": "t", "s": "t"}.get(letter, letter):
        return False
    if theirs not in ("a", "t", "v"):
        return True
    size = int(np.prod(value.shape, dtype=int))
    if letter == "s":
        return size == 1 and kind_of(_dtype(value)) in "biufh"
    if letter == "w" and not value.flags.writeable:
        return False
    wanted = "b" if letter == "k" else kinds
    fits_kind = not wanted or kind_of(_dtype(value)) in wanted
    return fits_kind and (not small or size <= _SMALL)


def _dtype(value: Any) -> np.dtype:
    return np.dtype(getattr(value.dtype, "as_numpy_dtype", value.dtype))


def alike(value: Any, other: Any, with_dtype: bool) -> bool:
    """Whether two arrays or tensors have one shape, and one dtype."""
    same = tuple(value.shape) == tuple(other.shape)
    return same and (not with_dtype or _dtype(value) == _dtype(other))


def made(
    letter: str, like: Any, shape: tuple[int, ...], kinds: str, small: bool, seed: int, picks: Picks
) -> str:
    """An expression that makes a value for this letter.

    Parameters
    ----------
    like
        A value whose shape, and mostly whose dtype, it should have; None for any.
    shape
        The shape that most others have.
    kinds, small
        As in `tests.fuzz.calls.Call`.
    seed
        Of its random numbers.
    """
    if letter == "f":
        return "tf.function(lambda x: x * 2, autograph=False)"
    if letter == "q":
        return f"tf.data.Dataset.from_tensor_slices(F('f4', (36, 72), {seed})).batch(9)"
    if letter == "r":
        return "weakref.ref(Kind(3))"
    if letter == "o":
        return f"F({picks.one(STRANGE)!r}, {picks.one(_OTHER_SHAPES)}, {seed})"
    numbers = _numbers(letter, like, shape, kinds, small, seed, picks)
    if letter in "tus":
        return f"tf.constant({numbers})"
    if letter in "vn":
        return f"tf.Variable({numbers})"
    if letter == "w":
        return f"placed({numbers}, {picks.one((0, 16, 0))})"
    return picks.one(_LAYOUTS).format(numbers, numbers)


def _numbers(letter, like, shape, kinds, small, seed, picks) -> str:
    wanted = "b" if letter == "k" else "if" if letter == "s" else kinds
    dtypes = [name for name in NUMBERS if not wanted or _kind_of_name(name) in wanted]
    dtype = picks.one(dtypes)
    if like is not None:
        shape = tuple(like.shape)
        if letter != "k" and not picks.once_in(3):
            dtype = _name_of(_dtype(like))
    elif letter == "s":
        shape = ()
    elif small:
        shape = picks.one(((3,), (2, 3), ()))
    elif picks.once_in(4):
        shape = picks.one(_OTHER_SHAPES)
    values = picks.one(_VALUES)
    last = "" if values == "plain" else f", {values!r}"
    return f"F({dtype!r}, {shape}, {seed}{last})"


def _kind_of_name(name: str) -> str:
    return kind_of(dtype_of(name))


def _name_of(dtype: np.dtype) -> str:
    is_named = dtype.kind == "b" or dtype.type.__module__ == "ml_dtypes"
    return dtype.name if is_named else dtype.str.lstrip("<|=")
