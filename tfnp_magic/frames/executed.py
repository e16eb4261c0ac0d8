"""The syntax that a frame is executing, by `executing` and by the instruction's position."""

from __future__ import annotations

import ast
import dis
import itertools
import sys
import types
from collections.abc import Iterable
from types import FrameType
from typing import Any, NamedTuple

import executing

from tfnp_magic.interrupts import raised_by_signal
from tfnp_magic.locks import opened_by_forks

# Before Python 3.11 it searches under a lock, which a forked process may find taken for good.
opened_by_forks(getattr(executing.executing, "lock", None))


def forget_syntax() -> None:
    """Drop the nodes that were found so far; the sources' trees stay with `executing`.

    It knows nodes by their code objects, which it keeps, and a cell has new ones each time that
    it runs.
    """
    of_class = getattr(executing.Source, "_class_local", None)
    if of_class is not None:
        of_class("__executing_cache", {}).clear()


def node_of(frame: FrameType) -> ast.AST | None:
    """The syntax node being executed; None where there is no source or no certainty.

    `executing` maps a frame's instruction to its node, on every Python we support.
    """
    try:
        found = executing.Source.executing(_seen_by_executing(frame))
        node = found.node or _node_at(frame, found.statements or ())
    except Exception as error:  # it parses the user's source, of which anything may be true
        if raised_by_signal(error):
            raise
        return None
    return node if isinstance(node, ast.AST) else None


class _Place(NamedTuple):
    """What `executing` asks of a frame, and nothing that the frame's names hold."""

    f_code: types.CodeType
    f_lasti: int
    f_lineno: int
    f_globals: dict[str, Any]


def _seen_by_executing(frame: FrameType) -> FrameType | _Place:
    """The frame itself from Python 3.11 on, where nothing of it is kept.

    Before that, a search leaves closures that refer to each other and to the frame: what the
    user's names held would live on until the garbage is collected.
    """
    if sys.version_info >= (3, 11):
        return frame
    loading = ("__name__", "__loader__", "__spec__")  # for the source of a module in an archive
    names = {name: frame.f_globals[name] for name in loading if name in frame.f_globals}
    return _Place(frame.f_code, frame.f_lasti, frame.f_lineno, names)


def _node_at(frame: FrameType, statements: Iterable[ast.AST]) -> ast.AST | None:
    """The one expression at the instruction's own position, which Python 3.11 and later know.

    `executing` compares bytecode beside that, and may then be unsure of a call that is not.
    """
    if sys.version_info < (3, 11):
        return _augmented_at(frame, statements)
    if _opname(frame) == "FOR_ITER":  # since 3.12 at what is iterated, and no call of it
        return None
    place = next(itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), None)
    if place is None or None in place:
        return None
    nodes = [
        node
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.expr) and _position(node) == place
    ]
    return nodes[0] if len(nodes) == 1 else None


def _augmented_at(frame: FrameType, statements: Iterable[ast.AST]) -> ast.AST | None:
    """The one ``t += 1`` there, which `executing` does not look for before Python 3.11."""
    if not _opname(frame).startswith("INPLACE_"):
        return None
    nodes = [node for node in statements if isinstance(node, ast.AugAssign)]
    return nodes[0] if len(nodes) == 1 else None


def _opname(frame: FrameType) -> str:
    return dis.opname[frame.f_code.co_code[frame.f_lasti]]


def _position(node: ast.expr) -> tuple[int | None, ...]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset
