"""What a cell's text says of the names of an array: where it was made, and where written to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfnp_magic.model import Hazard, Place

_WRITING_METHODS = frozenset(
    {"fill", "sort", "partition", "put", "itemset", "resize", "setfield", "byteswap", "update",
     "iloc", "loc", "at", "iat"}
)  # fmt: skip
_WRITING_FUNCTIONS = frozenset({"copyto", "put", "place", "putmask", "put_along_axis", "shuffle"})


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
    if isinstance(value, np.ndarray):
        return np.may_share_memory(value, array)
    kind = type(value)
    if kind.__module__.partition(".")[0] != "pandas" or not hasattr(kind, "array"):
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
    tree = _parsed(source)
    line = hazard.site.line
    if tree is None or line is None or not hazard.array:
        return None, None
    lines = source.splitlines()

    def place(number: int) -> Place:
        return Place(title, number, "<module>", lines[number - 1].strip())

    made = [n for n in _assignments(tree, hazard.array) if n <= line.line]
    written = [n for n in _writes(tree, hazard.array) if _is_between(n, hazard, title)]
    return (
        place(made[-1]) if made else None,
        place(written[0]) if hazard.written and len(set(written)) == 1 else None,
    )


def _is_between(number: int, hazard: Hazard, title: str) -> bool:
    """Whether a line may have run between the two looks; in a loop, lines come again."""
    after, before = hazard.intact_at, hazard.written_before
    first = after.line if after is not None and after.source == title else 0
    last = before.line if before is not None and before.source == title else None
    if last is not None and last <= first:
        return True
    return first <= number and (last is None or number <= last)


def _parsed(source: str) -> ast.Module | None:
    """The cell's syntax; lines of magics and of the shell are left out."""
    magic = ("%", "!", "?")
    lines = ["pass" if t.lstrip().startswith(magic) else t for t in source.splitlines()]
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        return None


def _assignments(tree: ast.Module, name: str) -> list[int]:
    """Lines that bind the name, in order."""
    found = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        and not isinstance(node, ast.AugAssign)
    ]  # fmt: skip
    augmented = {n.lineno for n in ast.walk(tree) if isinstance(n, ast.AugAssign)}
    return sorted(line for line in found if line not in augmented)


def _writes(tree: ast.Module, name: str) -> list[int]:
    """Lines that write into what the name is bound to."""
    return sorted({line for node in ast.walk(tree) for line in _write(node, name)})


def _write(node: ast.AST, name: str) -> Iterator[int]:
    if isinstance(node, ast.AugAssign) and _base(node.target) == name:
        yield node.lineno
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            if not isinstance(target, ast.Name) and _base(target) == name:
                yield node.lineno
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            method = node.func.attr
            if method in _WRITING_METHODS and _base(node.func.value) == name:
                yield node.lineno
            if method in _WRITING_FUNCTIONS and node.args and _base(node.args[0]) == name:
                yield node.lineno
        if any(keyword.arg == "out" and _base(keyword.value) == name for keyword in node.keywords):
            yield node.lineno


def _base(node: ast.AST) -> str:
    """``a`` for ``a[0]``, ``a.flat[1:]``, ``a.values``; empty for anything else."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
