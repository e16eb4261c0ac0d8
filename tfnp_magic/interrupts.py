"""Interrupts: none is lost in our code, and none keeps it from cleaning up."""

from __future__ import annotations

import signal
import types
from collections.abc import Callable
from types import CodeType
from typing import Any, TypeVar

carriers: set[CodeType] = set()
"""Code of ours that raises, later, what a handler raised where it could not be let out."""


Function = TypeVar("Function", bound=Callable[..., Any])


def covered_from_entry(function: Function) -> Function:
    """Let the function's first ``try`` cover its entry, too: a decorator.

    Signals that arrived while C code ran are handled when the next Python function is
    entered, at the RESUME instruction, which lies before its ``try`` (Python 3.11 and
    later; 3.10 does not handle signals in front of a ``try``). In a loop of conversions
    nearly every Ctrl-C arrives exactly there, in our callback; and one that arrives at
    the end of a ``with`` block would keep ``__exit__`` from running at all.

    The exception table's first entry is (start, length, target, depth), in units of
    two bytes; see CPython's Objects/exception_handling_notes.txt.
    """
    function.__code__ = with_entry_covered(function.__code__)
    return function


def with_entry_covered(code: CodeType) -> CodeType:
    """Return the code with its first ``try`` beginning at its first instruction."""
    table: bytes | None = getattr(code, "co_exceptiontable", None)
    if not table:
        return code
    start, at = _varint(table, 0)
    length, at = _varint(table, at)
    changed: Any = {
        "co_exceptiontable": _as_varint(0, first=True) + _as_varint(start + length) + table[at:]
    }
    return code.replace(**changed)


def _varint(table: bytes, at: int) -> tuple[int, int]:
    value = table[at] & 63
    while table[at] & 64:
        at += 1
        value = value << 6 | table[at] & 63
    return value, at + 1


def _as_varint(value: int, *, first: bool = False) -> bytes:
    digits = [value & 63]
    while value := value >> 6:
        digits.append(value & 63)
    digits = [digit | 64 for digit in digits[:0:-1]] + [digits[0]]
    digits[0] |= 128 if first else 0
    return bytes(digits)


MOST_TRIES = 20
"""How often cleaning up begins anew; nobody sends so many interrupts while it lasts."""


@covered_from_entry
def insist(deed: Callable[..., Any], *args: Any, tries: int = MOST_TRIES) -> None:
    """Do what can be repeated until it is done, however many interrupts come meanwhile.

    By recursion, and not by a loop: an interrupt that comes between two tries is met by the
    first ``try`` of the next one.

    Raises
    ------
    BaseException
        What interrupted it last, once it is done; or its own failure, if it fails each time.
    """
    try:
        deed(*args)
    except BaseException:
        if tries > 1:
            insist(deed, *args, tries=tries - 1)
        raise


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


def as_class(error: Exception) -> type[Exception]:
    """A class that gives this error whenever one is made.

    ``PyThreadState_SetAsyncExc``, which raises in a thread what was found by machine code, takes
    a class.
    """
    kind = type(error)

    def __new__(cls: type[Exception], *_: Any) -> Exception:  # noqa: N807
        return error

    return type(kind.__name__, (kind,), {"__new__": __new__, "__module__": kind.__module__})
