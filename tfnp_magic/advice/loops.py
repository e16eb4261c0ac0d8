"""The loop of a cell that a line stands in."""

from __future__ import annotations

import ast
import functools
import re

_NOT_PYTHON = re.compile(r"^\s*(%|!)", re.MULTILINE)


def loop_around(source: str, line: int) -> int | None:
    """Line of the innermost loop around a line of a cell; None where it stands in none.

    Parameters
    ----------
    source
        The cell as it was typed, magics included.
    line
        Counted from 1.
    """
    return next((first for first, last in _loops(source) if first <= line <= last), None)


@functools.lru_cache(maxsize=16)
def _loops(source: str) -> tuple[tuple[int, int], ...]:
    """First and last lines of all loops and comprehensions, the shortest first."""
    lines = [_blanked(line) for line in source.split("\n")]
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a magic's own syntax
        return ()
    found = (
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, _LOOPS)
    )
    return tuple(sorted(found, key=lambda pair: pair[1] - pair[0]))


_LOOPS = (
    ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip


def _blanked(line: str) -> str:
    """The line, or a statement in place of a magic: it may be all that a block holds."""
    if not _NOT_PYTHON.match(line):
        return line
    if line.startswith("%%"):
        return ""
    return line[: len(line) - len(line.lstrip())] + "pass"
