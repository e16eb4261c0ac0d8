"""Telling the exceptions of the user's signal handlers from our own failures."""

from __future__ import annotations

import signal
import types
from types import CodeType
from typing import Any

carriers: set[CodeType] = set()
"""Code of ours that raises, later, what a handler raised where it could not be let out."""


def _code_of(handler: Any) -> CodeType | None:
    """Code that a handler runs: a function's, a method's, or that of a class's ``__call__``."""
    if not isinstance(handler, types.FunctionType | types.MethodType):
        handler = getattr(type(handler), "__call__", None)  # noqa: B004
    return getattr(handler, "__code__", None)


def raised_by_signal(error: BaseException) -> bool:
    """Whether the exception came out of a Python signal handler, not out of our code.

    A handler may raise inside a probe as anywhere else (an alarm's timeout); that
    exception is the user's and must reach them.
    """
    handlers = carriers | {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    walk = error.__traceback__
    while walk is not None:
        if walk.tb_frame.f_code in handlers:
            return True
        walk = walk.tb_next
    return False
