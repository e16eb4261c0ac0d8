"""What the user handed to the library's function that converts: this array, or another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import FrameType
from typing import Any

import numpy as np

from tfnp_magic.site import forget_snapshot


def was_handed_over(identity: int, callee: FrameType) -> bool:
    """Whether an object is among the arguments of the library's function that the user called.

    Looks into lists, tuples and dicts one level deep. The frame is the library's: its
    snapshot of locals is emptied at once, so that it keeps nothing of the user's alive.
    """
    names = callee.f_locals
    try:
        return any(_holds(value, identity) for value in names.values())
    finally:
        forget_snapshot(callee, names)


def handed_instead(
    identity: int, shape: tuple[int, ...], dtype: str, callee: FrameType
) -> np.ndarray[Any, Any] | None:
    """An array of this shape and another dtype that the user handed over in place of this one.

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
        return next((e for e in others if e.shape == shape and e.dtype.kind in "biufc"), None)
    finally:
        forget_snapshot(callee, names)


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
        parts = value.values() if isinstance(value, dict) else value
        return any(_holds(part, identity, depth - 1) for part in parts)  # type: ignore[attr-defined]
    return False
