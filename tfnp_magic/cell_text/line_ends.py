"""Where behind the lines of a cell comments can stand, IPython's magics and all.

Text in, positions out: neither IPython nor TensorFlow is imported.
"""

from __future__ import annotations

import io
import tokenize
from typing import NamedTuple

from tfnp_magic.cell_text.syntax import END, as_python, magics_of

_NO_CODE = (tokenize.COMMENT, tokenize.NL)


class UnreadableCell(ValueError):
    """The text cannot be split into Python's tokens."""


class LineEnds(NamedTuple):
    """A cell's lines, and what may be done behind each; rows count from 0.

    Attributes
    ----------
    lines, ends
        Text of each line, and what ends it; the last has no end.
    stands_at
        The row at whose end a comment on a row's code can stand: that row's own, or the
        next of the same statement that does not end in a string or with a backslash. Rows
        of magics are not in it.
    comments
        The column at which a row's comment begins.
    tokens
        Kind and text of all tokens that are code; magics are a word each.
    long_magic
        The first row of a magic that goes over several lines, which IPython makes one
        line of; or None.
    """

    lines: list[str]
    ends: list[str]
    stands_at: dict[int, int]
    comments: dict[int, int]
    tokens: list[tuple[int, str]]
    long_magic: int | None


def line_ends(cell: str) -> LineEnds:
    """Read a cell as it was typed.

    Raises
    ------
    UnreadableCell
        Where that is neither Python nor a magic.
    """
    magics = magics_of(cell)
    tokens = _tokens(as_python(cell) + "\n")
    no_python = {row for rows in magics for row in rows}
    stands_at, comments = _places(tokens, no_python)
    return LineEnds(
        END.split(cell),
        [*END.findall(cell), ""],
        stands_at,
        comments,
        [(token.type, token.string) for token in tokens if token.type not in _NO_CODE],
        next((rows[0] for rows in magics if len(rows) > 1), None),
    )


def _tokens(python: str) -> list[tokenize.TokenInfo]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(python).readline))
    except (SyntaxError, tokenize.TokenError, UnicodeError) as error:
        raise UnreadableCell(str(error.args[0])) from None
    for token in tokens:
        if token.type == tokenize.ERRORTOKEN:
            raise UnreadableCell(f"{token.string!r} is no Python")
    return tokens


def _places(
    tokens: list[tokenize.TokenInfo], no_python: set[int]
) -> tuple[dict[int, int], dict[int, int]]:
    """Where comments on each row's code can stand, and where those begin that are there."""
    stands_at: dict[int, int] = {}
    comments: dict[int, int] = {}
    waiting = depth_of_strings = 0  # the first row that has no place yet
    for token in tokens:
        row = token.start[0] - 1
        kind = tokenize.tok_name[token.type]
        # From Python 3.12 on, an f-string (3.14: a t-string) is several tokens, and what
        # stands behind a line in it may be its text.
        if kind in ("FSTRING_START", "TSTRING_START"):
            depth_of_strings += 1
        elif kind in ("FSTRING_END", "TSTRING_END"):
            depth_of_strings -= 1
        elif kind == "COMMENT" and not depth_of_strings:
            comments[row] = token.start[1]
        elif kind in ("NL", "NEWLINE") and not depth_of_strings:
            if row not in no_python:
                stands_at.update(dict.fromkeys(range(waiting, row + 1), row))
            waiting = row + 1
    return stands_at, comments
