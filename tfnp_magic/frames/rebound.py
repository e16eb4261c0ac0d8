"""Whether a call may, the next time, be one of something else: ``for layer in …: layer(x)``."""

from __future__ import annotations

import ast
import functools
import sys
import types
from types import FrameType
from typing import Any

import numpy as np

from tfnp_magic.facts import eager_tensor_type
from tfnp_magic.frames.executed import node_of
from tfnp_magic.frames.into import is_local, named
from tfnp_magic.frames.names import dotted, stands_for_compiled
from tfnp_magic.frames.site import Standpoint

_LOOPS = (
    ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def may_change_route(where: Standpoint, name: str = "") -> bool:
    """Whether the route of what happens there, now of this name, may have another the next time.

    The library's frames below an instruction may be the same for objects of several classes:
    ``Layer.__call__`` is that of all layers; below compiled functions there are none.
    """
    frame = where.inner
    node = node_of(frame) if frame is not None else None
    if frame is None or node is None:  # named by what frames run
        return is_of_some_class(name)
    if not isinstance(node, ast.Call):
        return False
    func, parts = node.func, dotted(node.func)
    is_of_data = isinstance(func, ast.Attribute) and func.attr in _methods_of_data()
    found = named(frame, parts[0]) if parts else None
    if found is None:  # `layers[0](x)`, and where names must not be asked
        return not is_of_data
    if stands_for_compiled(func, frame):
        return True
    if is_of_data and not _is_module(found[0]):
        return False
    return _may_stand_for_another(parts, found[0], where)


def is_of_some_class(name: str) -> bool:
    """Whether it is a method's, ``Dense.__call__``, and by its class alone that."""
    owner, _, method = name.rpartition(".")
    is_class = owner[:1].isupper() and "." not in owner
    return is_class and owner not in _DATA and method not in _methods_of_data()


_DATA = ("Tensor", "Variable")


def is_argument(identity: int, frame: FrameType) -> bool:
    """Whether an object has a name by which it is handed to what a frame calls."""
    node = node_of(frame)
    names = [each.id for each in getattr(node, "args", ()) if isinstance(each, ast.Name)]
    found = [named(frame, name) for name in names]
    return identity in [id(value[0]) for value in found if value is not None]


def _may_stand_for_another(names: list[str], value: Any, where: Standpoint) -> bool:
    """Whether what the user's innermost frame calls by names may be something else next."""
    frame = where.inner
    assert frame is not None
    name = names[0]
    if is_local(frame.f_code, name):
        # Functions import modules; what they are given differs from call to call.
        arguments = frame.f_code.co_varnames[: _number_of_arguments(frame.f_code)]
        if name in arguments or not _is_module(value):
            return True
    for each in (frame, where.cell):
        root = _root_of(node_of(each)) if each is not None else None
        if root is not None and not _rebound_in(root).isdisjoint(names):
            return True
    return False


@functools.lru_cache(maxsize=32)
def _rebound_in(tree: ast.AST) -> frozenset[str]:
    """Names, and attributes, to which a module's text assigns again and again.

    To names in loops, and to globals in functions; to attributes in either.
    """
    names: set[str] = set()
    again = {id(tree): (False, False)}
    for node in ast.walk(tree):  # a node before what it is made of
        in_loop, in_function = again[id(node)]
        if isinstance(node, ast.Global):
            names.update(node.names)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node, ast.Attribute) and (in_loop or in_function):
                names.add(node.attr)
            elif isinstance(node, ast.Name) and in_loop:
                names.add(node.id)
        inside = in_loop or isinstance(node, _LOOPS), in_function or isinstance(node, _FUNCTIONS)
        again.update([(id(each), inside) for each in ast.iter_child_nodes(node)])
    return frozenset(names)


def _root_of(node: ast.AST | None) -> ast.AST | None:
    while node is not None and not isinstance(node, ast.Module):
        node = getattr(node, "parent", None)  # `executing` gives each node its parent
    return node


def _is_module(value: Any) -> bool:
    return isinstance(value, types.ModuleType)


def _number_of_arguments(code: types.CodeType) -> int:
    return code.co_argcount + code.co_kwonlyargcount


@functools.cache
def _methods_of_data() -> frozenset[str]:
    """Names of what tensors, Variables and arrays do, whose class shows: ``numpy``, ``assign``."""
    kinds = eager_tensor_type(), sys.modules["tensorflow"].Variable, np.ndarray
    return frozenset([name for kind in kinds for name in dir(kind) if not name.startswith("__")])
