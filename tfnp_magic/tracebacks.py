"""What an exception's traceback and a warning's line would be without us."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any

from tfnp_magic.frames.site import is_library


def raise_again_from(exc: BaseException, traceback: TracebackType | None) -> None:
    """Let a bare ``raise`` in the clause that handles the exception go on with this traceback.

    From Python 3.11 on it takes the exception's own. Before, it takes what was caught beside the
    exception, which only C can replace: ``PyErr_SetExcInfo``, which takes over its arguments.
    """
    exc.__traceback__ = traceback
    if sys.version_info >= (3, 11) or sys.exc_info()[1] is not exc:
        return
    if sys.implementation.name != "cpython":
        return
    parts = [ctypes.py_object(part) for part in (type(exc), exc, traceback)]
    for part in parts:
        ctypes.pythonapi.Py_IncRef(part)
    ctypes.pythonapi.PyErr_SetExcInfo(*parts)


Call = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Calls a function with these arguments."""

_MOST_CALLS = 4096
_calls: dict[tuple[int, int], tuple[Call, CodeType]] = {}
"""By code object, which is kept so that its number is not given to another, and instruction."""


def call_from(frame: FrameType) -> Call:
    """A way to call compiled code so that its warnings are of the line that a frame is at.

    NumPy warns of what a cast did to values, in C, at the innermost line of Python. That must
    not be ours: by default, Python shows a warning once for each line.
    """
    key = id(frame.f_code), frame.f_lasti
    known = _calls.get(key)
    if known is not None:
        return known[0]
    code = frame.f_code
    if not is_library(code.co_filename):  # its namespace is the user's: nothing of it is kept
        return _call
    call = FunctionType(_code_at(code.co_filename, frame.f_lineno or 1), frame.f_globals)
    if len(_calls) >= _MOST_CALLS:
        _calls.clear()
    _calls[key] = call, code
    return call


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*args, **kwargs)


def _code_at(filename: str, line: int) -> CodeType:
    """Code of `_call`, as if it stood on that line."""
    source = "\n" * (line - 1) + "lambda function, args, kwargs: function(*args, **kwargs)"
    whole = compile(source, filename, "eval")
    return next(each for each in whole.co_consts if isinstance(each, CodeType))
