"""``%interop_trace on``, ``off`` and ``report``: which line is one, and what it does."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable

from IPython.core.error import UsageError
from IPython.display import display

from tfnp_magic.shell.cell import Wanted
from tfnp_magic.shell.session import Session

_COMMANDS = ("on", "off", "report")
_COMMAND = re.compile(rf"({'|'.join(_COMMANDS)})(\s+-{{1,2}}[A-Za-z].*)?")


def command_of(line: str, options: str, expression: str) -> tuple[str, str] | None:
    """A command with its options, which may stand on either side; None for an expression.

    Parameters
    ----------
    line
        What stands behind ``%interop_trace``.
    options, expression
        The same, as it is split for an expression. Behind ``--`` stands one in any case.
    """
    line = line.strip()
    if found := _COMMAND.fullmatch(line):
        return found[1], (found[2] or "").strip()
    if expression in _COMMANDS and not re.search(r"(^|\s)--\s", line):
        return expression, options
    return None


def carry_out(
    command: str, args: Namespace, session: Session, wanted: Callable[[], Wanted]
) -> None:
    """Begin or end the session, or show or store its report.

    Parameters
    ----------
    command
        ``on``, ``off`` or ``report``.
    args
        The options given with it.
    session
        The shell's.
    wanted
        What is to apply to a cell that begins, as the session asks before each.

    Raises
    ------
    UsageError
        For options that the command cannot heed, and where there is nothing to report.
    """
    _refuse(command, args)
    if command == "report":
        _report(session, args.output)
    elif command == "off":
        print("Session mode is off." if session.is_on else "Session mode is off already.")
        session.off()
    elif session.is_on:
        further = "" if _given(args) == [] else (
            " To change its options, end it with `%interop_trace off` first."
        )  # fmt: skip
        print(f"Session mode is on already.{further}")
    else:
        session.on(wanted)
        print(
            "Session mode is on, from the next cell: `%interop_trace report` sums it up, "
            "`%interop_trace off` ends it."
        )


def _report(session: Session, name: str | None) -> None:
    report = session.report()
    if report is None:
        raise UsageError("there is no session to report yet: begin one with `%interop_trace on`")
    if name:
        session.shell.user_ns[name] = report
    else:
        display(report)  # wherever in the cell it stands


def _given(args: Namespace) -> list[str]:
    return [name for name, value in vars(args).items() if value not in (None, [])]


def _refuse(command: str, args: Namespace) -> None:
    given = _given(args)
    if command == "on" and args.output:
        raise UsageError(
            "`%interop_trace on` has no recording to store: `%interop_trace report "
            f"-o {args.output}` stores what the session's cells converted"
        )
    if command == "on" and args.annotate:
        raise UsageError(
            "session mode makes no copies of cells: begin a cell with %%interop_trace --annotate"
        )
    if command == "report" and given not in ([], ["output"]):
        raise UsageError("`%interop_trace report` takes -o (--output) only")
    if command == "off" and given:
        raise UsageError("`%interop_trace off` takes no options")
