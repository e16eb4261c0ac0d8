"""What the user handed to the library's function that converts: this array, or another."""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from tfnp_magic.frames.site import forget_snapshot


def was_handed_over(identity: int, callee: FrameType) -> bool:
    """Whether an object is among the arguments of the library's function that the user called.

    Looks into lists, tuples and dicts one level deep. The frame is the library's: its
    snapshot of locals is emptied at once, so that it keeps nothing of the user's alive.
    """
    names, arguments = callee.f_locals, _arguments_of(callee.f_code)
    try:
        return any(_holds(names.get(name), identity) for name in arguments)
    finally:
        forget_snapshot(callee, names)


def _arguments_of(code: CodeType) -> tuple[str, ...]:
    """Names of a function's arguments, and of those that take the rest."""
    count = code.co_argcount + code.co_kwonlyargcount
    flags = code.co_flags
    count += bool(flags & inspect.CO_VARARGS) + bool(flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[:count]


def was_handed_as_argument(identity: int, callee: FrameType) -> bool:
    """Whether an object is an argument itself; `was_handed_over` also looks into them."""
    names = callee.f_locals
    try:
        return identity in [id(names.get(name)) for name in _arguments_of(callee.f_code)]
    finally:
        forget_snapshot(callee, names)


def handed_instead(
    identity: int,
    shape: tuple[int, ...],
    dtype: str,
    callee: FrameType,
    may_be: Callable[[np.ndarray[Any, Any]], bool] = lambda array: True,
) -> np.ndarray[Any, Any] | None:
    """An array of this shape and another dtype that the user handed over in place of this one.

    Parameters
    ----------
    identity, shape, dtype
        Of what was converted.
    callee
        The library's function that the user called.
    may_be
        Whether it may be this one: several of a shape may be handed over.

    Returns
    -------
    ndarray or None
        Use it at once; do not keep it. None when the array itself was handed over, or one
        of its shape and dtype that it may be a copy of.
    """
    names = callee.f_locals
    try:
        others = list(_arrays(tuple(names.values())))
        if any(id(each) == identity or _is_like(each, shape, dtype) for each in others):
            return None
        alike = (e for e in others if e.shape == shape and e.dtype.kind in "biufc")
        return next(filter(may_be, alike), None)
    finally:
        forget_snapshot(callee, names)


class Frame(NamedTuple):
    """pandas data that the user handed over.

    Attributes
    ----------
    dtype
        Name of its dtype; None where its columns differ.
    blocks
        The arrays that it consists of; use them at once, and do not keep them.
    column
        Which column the first row of the first of them is.
    """

    dtype: str | None
    blocks: tuple[np.ndarray[Any, Any], ...]
    column: int


def frame_instead(shape: tuple[int, ...], callee: FrameType) -> Frame | None:
    """A DataFrame or Series of numbers, of this shape, that the user handed over.

    Keras gives a Series a second axis.
    """
    names = callee.f_locals
    try:
        for value in _frames(tuple(names.values())):
            if shape in (value.shape, (*value.shape, 1)):
                return _frame(value)
        return None
    finally:
        forget_snapshot(callee, names)


def _frame(value: Any) -> Frame | None:
    """Source: ``BlockManager.blocks``, pandas/core/internals/managers.py; 2.2 and 3.1."""
    blocks = tuple(block.values for block in value._mgr.blocks)
    if not blocks or not all(type(each) is np.ndarray for each in blocks):
        return None
    if any(block.dtype.kind not in "biufc" for block in blocks):
        return None
    dtypes = {str(block.dtype) for block in blocks}
    column = int(value._mgr.blocks[0].mgr_locs.as_array[0]) if blocks[0].ndim > 1 else 0
    return Frame(dtypes.pop() if len(dtypes) == 1 else None, blocks, column)


def _frames(value: object, depth: int = 3) -> Iterator[Any]:
    pandas = sys.modules.get("pandas")
    if pandas is not None and issubclass(type(value), pandas.DataFrame | pandas.Series):
        yield value
    elif depth and type(value) in (tuple, list, dict):
        parts = value.values() if isinstance(value, dict) else value
        for part in itertools.islice(parts, _MOST_PARTS):  # type: ignore[call-overload]
            yield from _frames(part, depth - 1)


def _is_like(array: np.ndarray[Any, Any], shape: tuple[int, ...], dtype: str) -> bool:
    return array.shape == shape and str(array.dtype) == dtype


def _arrays(value: object, depth: int = 3) -> Iterator[np.ndarray[Any, Any]]:
    if issubclass(type(value), np.ndarray):  # asks no `__class__` of the user's
        yield value  # type: ignore[misc]
    elif depth and type(value) in (tuple, list, dict):
        parts = value.values() if isinstance(value, dict) else value
        for part in itertools.islice(parts, _MOST_PARTS):  # type: ignore[call-overload]
            yield from _arrays(part, depth - 1)


_MOST_PARTS = 32
"""Elements of a list that are looked at for an array."""


def _holds(value: object, identity: int, depth: int = 2) -> bool:
    if id(value) == identity:
        return True
    if depth and type(value) in (tuple, list, dict):
        for part in value.values() if isinstance(value, dict) else value:  # type: ignore[attr-defined]
            if id(part) == identity or _holds(part, identity, depth - 1):
                return True
    return False
