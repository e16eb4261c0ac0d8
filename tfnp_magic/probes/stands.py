"""Frames that stand for a user's function, while TensorFlow converts what it gets and returns."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from types import CodeType
from typing import Any

from tfnp_magic.probes.python_functions import Callee


class Stands:
    """Frames that stand for functions that are not running yet, or any more.

    Whoever asks where a conversion happened walks up from a frame. While TensorFlow
    converts a function's arguments and results, no frame of that function exists: so one
    is made, of a function that has its file, name and first line, and calls what tells.
    """

    def __init__(self) -> None:
        # By identity, which holds while the code object is kept: hashing one reads all of it.
        self._known: dict[tuple[int, int], tuple[CodeType, Callable[..., Any]]] = {}

    def of(self, callee: Callee, line: int = 0) -> Callable[..., Any]:
        """What calls its argument as if this function did, at this line or its first."""
        key = id(callee.code), line
        known = self._known.get(key)
        if known is None:
            known = callee.code, stand_for(callee.code, callee.names, line)
            self._known[key] = known
        return known[1]


_CALLS = (lambda call, *args: call(*args)).__code__


def stand_for(code: CodeType, names: dict[str, Any], line: int = 0) -> types.FunctionType:
    """Make a function that calls its argument from a line of the given code, or its first."""
    changed: dict[str, Any] = {
        "co_filename": code.co_filename,
        "co_name": code.co_name,
        "co_firstlineno": line or code.co_firstlineno,
    }
    if sys.version_info >= (3, 11):
        changed["co_qualname"] = code.co_qualname
        changed["co_linetable"] = _lines_without_columns(len(_CALLS.co_code) // 2)
    return types.FunctionType(_CALLS.replace(**changed), names)


def _lines_without_columns(units: int) -> bytes:
    """Say that all code is of the first line, and no columns: no expression is named by them.

    Entries of code 13, for up to eight code units each, and a line's change of 0; see
    CPython's Objects/locations.md.
    """
    table = b""
    while units:
        covered = min(units, 8)
        table += bytes([0x80 | 13 << 3 | covered - 1, 0])
        units -= covered
    return table
