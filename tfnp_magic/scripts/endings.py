"""What ended a program, printed as Python would print it if we were not there.

CPython does that in C, in Python/pythonrun.c: by ``sys.excepthook``, with the traceback from the
program's own first frame on.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tfnp_magic.scripts import programs


def let_python_print(then: Callable[[], None]) -> None:
    """Have Python print the exception that is on its way as it would without us, and go on."""
    hook = getattr(sys, "excepthook", _without_a_hook)

    def print_and_go_on(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        sys.excepthook = hook
        traceback = _without_ours(traceback)
        error.__traceback__ = sys.last_traceback = traceback
        try:
            _call(hook, kind, error, traceback)
        finally:
            then()
            if kind is KeyboardInterrupt:
                _note_interrupt()

    sys.excepthook = print_and_go_on


def _call(hook: Any, kind: Any, error: BaseException, traceback: TracebackType | None) -> None:
    """Call the hook, and print what it raises itself as Python would."""
    try:
        hook(kind, error, traceback)
    except SystemExit:
        raise
    except BaseException as failure:
        write_to_stderr("Error in sys.excepthook:\n")
        failure.__traceback__ = _without_ours(failure.__traceback__)
        sys.__excepthook__(type(failure), failure, failure.__traceback__)
        write_to_stderr("\nOriginal exception was:\n")
        sys.__excepthook__(kind, error, traceback)


def _without_a_hook(kind: Any, error: BaseException, traceback: TracebackType | None) -> None:
    write_to_stderr("sys.excepthook is missing\n")
    sys.__excepthook__(kind, error, traceback)


def _note_interrupt() -> None:
    """Have Python end by SIGINT, as it does where the last code that it ran was interrupted.

    It notes that in ``run_eval_code_obj`` (CPython's Python/pythonrun.c, 3.10 to 3.13), and
    any ``exec`` of the report's would be a later one.
    """
    with contextlib.suppress(KeyboardInterrupt):
        exec("raise KeyboardInterrupt")


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    """The part below the frames that run the program, without those of probes in it."""
    from tfnp_magic.frames.site import is_own

    parts: list[TracebackType] = []
    walk = traceback
    while walk is not None:
        file = walk.tb_frame.f_code.co_filename
        if file == programs.__file__:
            parts.clear()
        elif not is_own(file):
            parts.append(walk)
        walk = walk.tb_next
    below: TracebackType | None = None
    for part in reversed(parts):
        part.tb_next = below
        below = part
    return below


def write_to_stderr(text: str) -> None:
    """Write as Python itself does while it ends: where it can."""
    if sys.stderr is not None:
        with contextlib.suppress(Exception):
            sys.stderr.write(text)
