"""The dtype that an expression converts to, where its syntax names it: ``np.asarray(t, "f4")``.

NumPy casts what it read from a tensor after the border, in C: nothing but the expression
tells the dtype. Names are looked up, never properties, and nothing of the user's is called.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from types import CodeType, FrameType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from tfnp_magic.frames.site import forget_snapshot

CONVERTERS = frozenset(
    {"np.array", "np.asarray", "np.asanyarray", "np.ascontiguousarray", "np.asfortranarray",
     "np.asarray_chkfinite", "np.require", "np.ma.array", "np.ma.asarray", "np.matrix",
     "np.asmatrix", "pd.DataFrame", "pd.Series", "pd.Index"}
)  # fmt: skip
"""Functions that make an array of what they are given, cast to ``dtype=`` if it is there."""

WRITERS = frozenset({"np.copyto", "np.put", "np.place", "np.putmask"})
"""NumPy's functions that write into their first argument, casting to its dtype."""


class Into(NamedTuple):
    """What names the dtype.

    Attributes
    ----------
    expression
        The syntax of a dtype, or of the array that is written to.
    is_array
        Which of the two.
    beside
        Other operands of the same expression (an index, a mask), which may be tensors, too:
        what reads them does not write them into the array.
    """

    expression: ast.expr
    is_array: bool
    beside: tuple[ast.expr, ...] = ()


def into_of(node: ast.AST | None, name: str) -> Into | None:
    """What an expression that reads a tensor converts it into; None where it says nothing.

    Parameters
    ----------
    node
        The expression that is running.
    name
        Public name of what it calls.
    """
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        return Into(node.value, True, (node.slice,))
    if not isinstance(node, ast.Call):
        return None
    if name in WRITERS and node.args:
        return Into(node.args[0], True, tuple(node.args[1:-1]))
    if name.startswith("np.") and isinstance(getattr(np, name[3:], None), type):
        # `np.float32(t)` casts to the type that is called; `np.matrix(t)` does not.
        kind = getattr(np, name[3:])
        if issubclass(kind, np.generic):
            return Into(node.func, False)
    is_method = isinstance(node.func, ast.Attribute) and node.func.attr == "__array__"
    if name not in CONVERTERS and not is_method:
        return None
    for keyword in node.keywords:
        if keyword.arg == "dtype":
            return Into(keyword.value, False)
    position = 0 if is_method else 1
    second = len(node.args) > position and not name.startswith("pd.")
    return Into(node.args[position], False) if second else None


def dtype_in(frame: FrameType, into: Into, identity: int = 0) -> str | None:
    """NumPy's name of the dtype that the expression has in this frame; None if it can't be told.

    Empty if it is None, which is no dtype: ``np.asarray(t, dtype=None)``.

    Parameters
    ----------
    identity
        ``id()`` of what was read: an index of the expression is not what is written.
    """
    if any(_mentions(frame, each, identity) for each in into.beside):
        return None
    found = _value(frame, into.expression)
    if found is None:
        return None
    value = found[0]
    if into.is_array:
        return str(value.dtype) if issubclass(type(value), np.ndarray) else None
    return "" if value is None else name_of_dtype_like(value)


def _mentions(frame: FrameType, node: ast.expr, identity: int) -> bool:
    """Whether a name in the expression stands for the object."""
    names = (each for each in ast.walk(node) if isinstance(each, ast.Name))
    found = (named(frame, each.id) for each in names)
    return any(value is not None and id(value[0]) == identity for value in found)


def name_of_dtype_like(value: Any) -> str | None:
    """Name of a dtype, or of what NumPy takes for one; None for one with fields, or none at all."""
    if not issubclass(type(value), np.dtype | str) and not _is_dtype_class(value):
        return None
    try:
        dtype = np.dtype(value)
    except (TypeError, ValueError, SyntaxError):
        return None
    return None if dtype.names or dtype.subdtype else str(dtype)


def _is_dtype_class(value: Any) -> bool:
    # By identity and by type: what is compared or asked otherwise may run code of the user's.
    if not issubclass(type(value), type):
        return False
    if any(value is kind for kind in (float, int, bool, complex)):
        return True
    return any(kind is np.generic for kind in type.mro(value))


def copies_in(frame: FrameType, call: ast.Call, default: bool) -> bool | None:
    """Whether NumPy copies, by what ``copy=`` and ``order=`` say; None where that depends.

    Parameters
    ----------
    call
        A call of `np.array`, `np.asarray` or another such, of a tensor: in C order.
    default
        Whether the function copies if nothing is said.
    """
    keywords = {each.arg: each.value for each in call.keywords}
    said = _value(frame, keywords["copy"]) if "copy" in keywords else (default,)
    if said is None or type(said[0]) not in (bool, type(None)):
        return None
    if said[0]:
        return True
    order = _value(frame, keywords["order"]) if "order" in keywords else (None,)
    keeps_order = order is not None and _is_order_of_rows(order[0])
    known = {"copy", "order", "dtype", "subok", "ndmin", "device", "like", "a", "object"}
    is_told = keywords.keys() <= known and len(call.args) <= 2
    return False if keeps_order and is_told else None


def _is_order_of_rows(order: Any) -> bool:
    return order is None or (type(order) is str and order in ("A", "C", "K"))


def names_dtype(frame: FrameType, node: ast.AST | None, dtype: str, identity: int) -> bool:
    """Whether a call is handed an object together with the dtype that it became.

    Parameters
    ----------
    dtype
        NumPy's name of it.
    identity
        ``id()`` of the object.
    """
    if not isinstance(node, ast.Call):
        return False
    values = [*node.args, *(keyword.value for keyword in node.keywords)]
    found = [found[0] for each in values if (found := _value(frame, each)) is not None]
    return any(id(value) == identity for value in found) and any(
        name_of_dtype_like(_numpy_dtype(value)) == dtype for value in found
    )


def _numpy_dtype(value: Any) -> Any:
    """NumPy's type for TensorFlow's dtype; anything else as it is."""
    kind = type(value)
    if kind.__name__ == "DType" and kind.__module__.startswith("tensorflow."):
        return value.as_numpy_dtype
    return value


def _value(frame: FrameType, node: ast.expr) -> tuple[Any] | None:
    """Value of a constant, a name, a module's attribute, an array's dtype; None for anything else.

    In a tuple. What ``np.dtype(...)`` is called with stands for the dtype.
    """
    if isinstance(node, ast.Constant):
        return (node.value,)
    if isinstance(node, ast.Name):
        return named(frame, node.id)
    if isinstance(node, ast.Attribute):
        owner = _value(frame, node.value)
        if owner is not None and type(owner[0]) is np.ndarray and node.attr == "dtype":
            return (owner[0].dtype,)
        if owner is not None and issubclass(type(owner[0]), ModuleType):
            known = vars(owner[0])
            return (known[node.attr],) if node.attr in known else None
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        function = _value(frame, node.func)
        return _value(frame, node.args[0]) if function and function[0] is np.dtype else None
    return None


def named(frame: FrameType, name: str) -> tuple[Any] | None:
    """What a name stands for in a frame, in a tuple; None for an unknown one."""
    code = frame.f_code
    if is_local(code, name):
        return _of_local(frame, name)
    if not code.co_flags & inspect.CO_OPTIMIZED and name in frame.f_locals:  # a class's body
        return (frame.f_locals[name],)
    for space in (frame.f_globals, vars(builtins)):
        if name in space:
            return (space[name],)
    return None


def is_local(code: CodeType, name: str) -> bool:
    """Whether a name is a function's own, an argument, or an outer function's."""
    return name in code.co_varnames or name in code.co_cellvars or name in code.co_freevars


_LOOKS_AT_ITSELF = frozenset({"locals", "vars", "dir", "eval", "exec", "f_locals", "_getframe"})
"""Names by which code may come to hold the snapshot of its locals."""


def _of_local(frame: FrameType, name: str) -> tuple[Any] | None:
    """A function's local.

    Before Python 3.13 that takes a snapshot, which is emptied at once; where the function
    itself may hold it, the local is left alone.
    """
    if sys.version_info < (3, 13) and _LOOKS_AT_ITSELF.intersection(frame.f_code.co_names):
        return None
    local = frame.f_locals
    try:
        return (local[name],) if name in local else None
    finally:
        forget_snapshot(frame, local)
