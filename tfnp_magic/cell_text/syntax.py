"""A cell as Python reads it: what is IPython's own in it stands for nothing.

Text in, syntax out: neither IPython nor TensorFlow is imported.
"""

from __future__ import annotations

import ast
import functools
import re
from bisect import bisect_right
from collections.abc import Iterator

END = re.compile(r"\r\n|\r|\n")
"""What ends a line in Python; ``str.splitlines`` knows more, such as form feeds."""

_PIECE = re.compile(
    r"""
    (?P<string>(?:\b[A-Za-z]{1,3})?(?:
        '''(?:\\.|[^\\])*?(?:'''|\Z) | \"{3}(?:\\.|[^\\])*?(?:\"{3}|\Z)
      | '(?:\\(?:\r\n|.)|[^\\'\r\n])*'? | "(?:\\(?:\r\n|.)|[^\\"\r\n])*"?))
  | (?P<nothing>\#[^\r\n]* | [ \t\f]+ | \\(?:\r\n|\r|\n))
  | (?P<end>\r\n|\r|\n)
  | (?P<word>\w+)
  | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REST_OF_MAGIC = re.compile(r"(?:[^\r\n\\]|\\(?:\r\n|\r|\n|(?=.)))*", re.DOTALL)
_BEGIN_A_MAGIC = {"": "%!?,;/", "=": "%!"}
"""Signs that begin IPython's own syntax, behind what stands before them in the statement."""

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = "\r\n\\'\"abfnrtv01234567x"


def magics_of(cell: str) -> list[range]:
    """The rows, from 0, of each statement that is IPython's: ``%x``, ``y = !x``, ``x?``."""
    starts = [0, *(end.end() for end in END.finditer(cell))]
    return [
        range(bisect_right(starts, first) - 1, bisect_right(starts, last))
        for first, last in _magics(cell)
    ]


def as_python(cell: str) -> str:
    """The cell with ``pass`` in place of IPython's statements; each line keeps its number."""
    lines = END.split(cell)
    for rows in magics_of(cell):
        first = lines[rows[0]]
        indent = first[: len(first) - len(first.lstrip())]
        lines[rows[0] : rows[-1] + 1] = [indent + "pass"] + [""] * (len(rows) - 1)
    return "\n".join(lines)


@functools.lru_cache(maxsize=16)
def tree_of(cell: str) -> ast.Module | None:
    """The cell's syntax, which is not to be changed; None where Python does not understand it."""
    return parsed(as_python(cell))


def parsed(python: str) -> ast.Module | None:
    r"""The syntax of Python's text, columns aside; None where Python does not understand it.

    The user's code was compiled before: what Python warns of then is not said again. From 3.12
    on, it shows everybody such a warning of a backslash that escapes nothing, as in ``"\d"``.
    """
    try:
        return ast.parse(_PIECE.sub(_escaped, python) if "\\" in python else python)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _escaped(piece: re.Match[str]) -> str:
    """A string with two backslashes in place of one that escapes nothing, which is the same."""
    text = piece[0]
    prefix = re.split("[\"']", text, maxsplit=1)[0].lower()
    if piece.lastgroup != "string" or "r" in prefix:
        return text
    known = _ESCAPED if "b" in prefix else f"{_ESCAPED}NuU"
    return _ESCAPE.sub(lambda pair: pair[0] if pair[1] in known else f"\\{pair[0]}", text)


def _magics(cell: str) -> Iterator[tuple[int, int]]:
    """Positions where these statements begin and end.

    As IPython finds them (``inputtransformer2``, 8.12 to 9.18): not within brackets or
    strings, and with all that follows up to the end of the line.
    """
    position = begin = depth = 0
    before = ""
    while piece := _PIECE.match(cell, position):
        kind, text = piece.lastgroup, piece[0]
        position = piece.end()
        if kind == "end" and not depth:
            begin, before = position, ""
        elif kind == "sign" and not depth and _is_magic(before, text):
            position = _end_of(_REST_OF_MAGIC, cell, position)
            yield begin, position
        elif kind in ("string", "word", "sign"):
            before = text[-1]
            if kind == "sign":
                depth = max(0, depth + (text in "([{") - (text in ")]}"))


def _is_magic(before: str, sign: str) -> bool:
    return sign == "?" or sign in _BEGIN_A_MAGIC.get(before, "")


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position
