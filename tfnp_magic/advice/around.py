"""The loop of a cell that a line stands in, and what stays the same while it runs."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from typing import NamedTuple

from tfnp_magic.cell_text.syntax import tree_of


def loop_around(source: str, line: int) -> int | None:
    """Line of the innermost loop around a line of a cell; None where it stands in none.

    Parameters
    ----------
    source
        The cell as it was typed, magics included.
    line
        Counted from 1.
    """
    loop = _loop(source, line)
    return loop.first if loop else None


def keeps_name(source: str, line: int, name: str) -> bool:
    """Whether a name stands for one object in all turns of the innermost loop around a line.

    True only where that is certain of the text: nothing in the loop binds the name, and no
    function of the cell declares it ``global`` or ``nonlocal``.
    """
    loop = _loop(source, line)
    return loop is not None and name not in _uses(source, loop).bound


def keeps_contents(source: str, line: int, name: str) -> bool:
    """Whether an array of that name also keeps its values, as far as the loop's text tells.

    Only where each use in the loop computes with it: operands, items that are read, and what
    is handed to functions of TensorFlow's. Any other function might write to it.
    """
    loop = _loop(source, line)
    if loop is None:
        return False
    uses = _uses(source, loop)
    return name not in uses.bound and name not in uses.not_only_read


class _Uses(NamedTuple):
    """Names that a loop may bind, and those that it does more with than compute."""

    bound: frozenset[str]
    not_only_read: frozenset[str]


@functools.lru_cache(maxsize=64)
def _uses(source: str, loop: _Loop) -> _Uses:
    """Of all names at once: a cell may have many lines that ask."""
    bound = {name for node in ast.walk(loop.node) for name in _bound(node)}
    read = {id(node) for parent in ast.walk(loop.node) for node in _only_read(parent)}
    names = (node for node in ast.walk(loop.node) if isinstance(node, ast.Name))
    others = frozenset(node.id for node in names if id(node) not in read)
    return _Uses(frozenset(bound) | _declared(source), others)


class _Loop(NamedTuple):
    first: int
    last: int
    node: ast.AST


def _loop(source: str, line: int) -> _Loop | None:
    return next((loop for loop in _loops(source) if loop.first <= line <= loop.last), None)


@functools.lru_cache(maxsize=16)
def _loops(source: str) -> tuple[_Loop, ...]:
    """All loops and comprehensions of a cell, the shortest first."""
    found = (
        _Loop(node.lineno, node.end_lineno or node.lineno, node)
        for node in ast.walk(_tree_of(source))
        if isinstance(node, _LOOPS)
    )
    return tuple(sorted(found, key=lambda loop: loop.last - loop.first))


def _tree_of(source: str) -> ast.AST:
    return tree_of(source) or ast.Module([], [])


_LOOPS = (
    ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip


@functools.lru_cache(maxsize=16)
def _declared(source: str) -> frozenset[str]:
    """Names that functions of the cell may bind outside of themselves."""
    nodes = ast.walk(_tree_of(source))
    return frozenset(
        name
        for node in nodes
        if isinstance(node, (ast.Global, ast.Nonlocal))
        for name in node.names
    )


def _bound(node: ast.AST) -> Iterator[str]:
    """Names that a node may bind: a target, a parameter, an import, a pattern, a ``def``."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif not isinstance(node, (ast.Attribute, ast.keyword, ast.Constant)):
        # The names that any other node has are of what it binds.
        for _, value in ast.iter_fields(node):
            if isinstance(value, str):
                yield value.partition(".")[0]


def _only_read(parent: ast.AST) -> Iterator[ast.AST]:
    """Names below a node that it only reads."""
    if isinstance(parent, ast.BinOp):
        yield from (parent.left, parent.right)
    elif isinstance(parent, ast.UnaryOp):
        yield parent.operand
    elif isinstance(parent, ast.AugAssign):
        yield parent.value
    elif isinstance(parent, ast.Compare):
        yield from (parent.left, *parent.comparators)
    elif isinstance(parent, ast.Call) and _is_tensorflows(parent.func):
        yield from parent.args
        yield from (keyword.value for keyword in parent.keywords)


def _is_tensorflows(function: ast.expr) -> bool:
    return ast.unparse(function).startswith(("tf.", "tensorflow."))
