"""What a cell's text says of the names of an array: where it was made, and where written to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfnp_magic.cell_text.syntax import END, tree_of
from tfnp_magic.model import Hazard, Place

_WRITING_METHODS = frozenset(
    {"fill", "sort", "partition", "put", "itemset", "resize", "setfield", "update"}
)
"""Methods of an array, or of a pandas object, that write to it."""

_WRITING_FUNCTIONS = frozenset(
    {"copyto", "put", "place", "putmask", "put_along_axis", "fill_diagonal", "shuffle", "at",
     "readinto"}
)  # fmt: skip
"""Functions that write to their first argument; ``at`` is a ufunc's."""

_NOT_MEMORY = frozenset({"shape", "strides", "dtype", "flags", "attrs", "name", "index", "columns"})
"""Attributes of an array or a pandas object that are set without a write to its memory."""


def names_of(
    names: dict[str, Any], array: np.ndarray[Any, Any] | None, tensor: Any
) -> tuple[str, str]:
    """What the user calls the array (or a view or the owner of its memory) and the tensor."""
    of_array, of_tensor = "", ""
    for name, value in list(names.items()):
        if name.startswith("_"):
            continue
        if tensor is not None and value is tensor:
            of_tensor = of_tensor or name
        elif array is not None and (value is array or (not of_array and _holds(value, array))):
            of_array = name
    return of_array, of_tensor


def _holds(value: Any, array: np.ndarray[Any, Any]) -> bool:
    """Whether it is another array over the same memory, or a pandas object around it."""
    kind = type(value)  # `isinstance` asks an object for its class, which may be a proxy's answer
    if issubclass(kind, np.ndarray):
        return np.may_share_memory(value, array)
    if str(kind.__module__).partition(".")[0] != "pandas" or not hasattr(kind, "array"):
        return False
    memory = getattr(value.array, "_ndarray", None)  # what stands behind its values, uncopied
    return isinstance(memory, np.ndarray) and np.may_share_memory(memory, array)


def lines_that_write(source: str, hazard: Hazard, title: str) -> tuple[Place | None, Place | None]:
    """Where the cell made the array, and where it wrote to it while its memory was shared.

    Parameters
    ----------
    source
        Text of the cell, its magic's line first.
    hazard
        With the array's name, its site, and the places between which it was written to.
    title
        What the user calls the cell.

    Returns
    -------
    made_at, written_at
        None where the text does not tell: made elsewhere, or written through another name.
    """
    tree = tree_of(source)
    line = hazard.site.line
    if tree is None or line is None or not hazard.array:
        return None, None
    lines = END.split(source)

    def place(number: int) -> Place:
        return Place(title, number, "<module>", lines[number - 1].strip())

    made = [n for n in _assignments(tree, hazard.array) if n <= line.line]
    first, last = _bounds(hazard, title, _comes_again(tree, line.line))
    written = [n for n in _writes(tree, hazard.array) if first <= n and (not last or n <= last)]
    return (
        place(made[-1]) if made else None,
        place(written[0]) if hazard.written and len(written) == 1 else None,
    )


def _bounds(hazard: Hazard, title: str, again: bool) -> tuple[int, int | None]:
    """First and last line that may have run between the two looks; None for the cell's end.

    Parameters
    ----------
    again
        Whether the line where the memory came to be shared may run more than once.
    """
    after, before, here = hazard.intact_at, hazard.written_before, hazard.site.line
    first = 1 if again or here is None else here.line
    if after is not None and after.source == title:
        first = after.line
    last = before.line if before is not None and before.source == title else None
    if last is not None and last <= first:  # in a loop, lines come again
        return 1, None
    return first, last


def _comes_again(tree: ast.Module, number: int) -> bool:
    kinds = ast.For | ast.AsyncFor | ast.While | ast.FunctionDef | ast.AsyncFunctionDef
    return any(
        isinstance(node, kinds) and node.lineno <= number <= (node.end_lineno or 0)
        for node in ast.walk(tree)
    )


def _assignments(tree: ast.Module, name: str) -> list[int]:
    """Lines that bind the name, in order; ``a += 1`` writes to what it is bound to."""
    augmented = {id(node.target) for node in ast.walk(tree) if isinstance(node, ast.AugAssign)}
    return sorted(
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        and id(node) not in augmented
    )  # fmt: skip


def _writes(tree: ast.Module, name: str) -> list[int]:
    """Lines that write into what the name is bound to, in order."""
    return sorted({
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.AugAssign | ast.Assign | ast.Call)
        and any(_base(written) == name for written in _written_by(node))
    })  # fmt: skip


def _written_by(node: ast.AugAssign | ast.Assign | ast.Call) -> Iterator[ast.expr]:
    """Expressions whose memory a statement or a call writes to."""
    if isinstance(node, ast.AugAssign):
        yield node.target
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            yield from (part for part in _parts(target) if not isinstance(part, ast.Name))
    else:
        yield from _written_by_call(node)


def _written_by_call(node: ast.Call) -> Iterator[ast.expr]:
    function, owner = node.func, None
    if isinstance(function, ast.Attribute):
        owner = function.value
    called = function.attr if isinstance(function, ast.Attribute) else _base(function)
    if owner is not None and called in _WRITING_METHODS:
        yield owner
    if called in _WRITING_FUNCTIONS and node.args:
        yield node.args[0]
    for keyword in node.keywords:
        if keyword.arg == "out":
            yield from _parts(keyword.value)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """Elements of a tuple or list that is written out; else the expression itself."""
    if isinstance(node, ast.Tuple | ast.List):
        for element in node.elts:
            yield from _parts(element)
    elif isinstance(node, ast.Starred):
        yield from _parts(node.value)
    else:
        yield node


def _base(node: ast.AST) -> str:
    """``a`` for ``a[0]``, ``a.flat[1:]``, ``a.values``; empty for anything else."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        if isinstance(node, ast.Attribute) and node.attr in _NOT_MEMORY:
            return ""
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
