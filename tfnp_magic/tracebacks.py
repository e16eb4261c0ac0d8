"""An exception goes on with the traceback that it would have without us."""

from __future__ import annotations

import ctypes
import sys
from types import TracebackType


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
