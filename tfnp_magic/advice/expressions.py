"""The expression in a user's line that was converted, where the line's text leaves no doubt."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator

from tfnp_magic.cell_text.syntax import parsed

MAX_WIDTH = 40
"""Characters of an expression that a sentence can hold."""


def read_by(code: str, route: str) -> str:
    """The text of what a route read on a line: ``loss`` of ``total += float(loss)``.

    Parameters
    ----------
    code
        The line.
    route
        ``Tensor.numpy``, ``float``, ``np.mean``: a call with one thing that it can read.

    Returns
    -------
    str
        Empty where there is no such call, where there are several, or where it is long.
    """
    found = [_operand(call, route) for call in _calls(code) if _is_of(call, route)]
    return _text(found[0]) if len(found) == 1 else ""


def in_tensorflow(code: str, route: str, own: Callable[[str], str]) -> str:
    """What a line computed of what it read, as TensorFlow writes it; empty where not certain.

    Of ``x.numpy().sum()``: ``tf.reduce_sum(x)``; of ``np.mean(x, axis=0)``:
    ``tf.reduce_mean(x, axis=0)``.

    Parameters
    ----------
    own
        Gives TensorFlow's name of a function of NumPy's, or an empty text.
    """
    operand = read_by(code, route)
    if not operand:
        return ""
    if route.startswith("np."):
        (call,) = (call for call in _calls(code) if _is_of(call, route))
        return _spelled(own(route), operand, call.keywords)
    reductions = [call for call in _calls(code) if _reduces(call, route)]
    if len(reductions) != 1:
        return ""
    assert isinstance(reductions[0].func, ast.Attribute)
    return _spelled(own(f"np.{reductions[0].func.attr}"), operand, reductions[0].keywords)


def reduction_of(code: str) -> str:
    """The same by a view: ``np.asarray(x).sum()`` of ``x.numpy().sum()``."""
    calls = [call for call in _calls(code) if _reduces(call, "Tensor.numpy")]
    operand = read_by(code, "Tensor.numpy")
    if len(calls) != 1 or not operand:
        return ""
    assert isinstance(calls[0].func, ast.Attribute)
    keywords = ", ".join(map(ast.unparse, calls[0].keywords))
    return f"np.asarray({operand}).{calls[0].func.attr}({keywords})"


def operands_of(code: str, route: str) -> tuple[str, ...]:
    """Names that an operator or a function of TensorFlow's on a line took; empty if not certain.

    Only where the line has one such expression, and all that it takes are names and constants.
    """
    found = [operands for node in _walk(code) if (operands := _taken(node, route)) is not None]
    if len(found) != 1 or not all(isinstance(operand, ast.Name) for operand in found[0]):
        return ()
    return tuple(operand.id for operand in found[0] if isinstance(operand, ast.Name))


def handed_to(code: str, method: str) -> str:
    """The name that is all the data handed to a method: ``x`` of ``model.predict(x)``."""
    calls = [
        call
        for call in _calls(code)
        if isinstance(call.func, ast.Attribute) and call.func.attr == method
    ]
    if len(calls) != 1 or len(calls[0].args) != 1 or not isinstance(calls[0].args[0], ast.Name):
        return ""
    others = {keyword.arg for keyword in calls[0].keywords}
    return calls[0].args[0].id if others <= _NO_DATA else ""


_NO_DATA = {"verbose", "batch_size", "epochs", "steps", "shuffle", "callbacks"}
"""Arguments of Keras's methods that hold no data."""


def filled_by(code: str) -> str:
    """The name of the array that a line fills: ``out`` of ``out[i] = t``."""
    for node in _walk(code):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                return target.value.id
    return ""


@functools.lru_cache(maxsize=64)
def _tree(code: str) -> ast.AST:
    """The line's tree; a header's as well, of which the line is only the beginning."""
    texts = (code, f"{code} pass", f"{code.removeprefix('el')} pass")
    return next(filter(None, map(parsed, texts)), ast.Module([], []))


def _walk(code: str) -> Iterator[ast.AST]:
    return ast.walk(_tree(code))


def _calls(code: str) -> Iterator[ast.Call]:
    return (node for node in _walk(code) if isinstance(node, ast.Call))


def _is_of(call: ast.Call, route: str) -> bool:
    """Whether a call is of the route, as far as its text tells."""
    if route == "Tensor.numpy":
        return isinstance(call.func, ast.Attribute) and call.func.attr == "numpy"
    return _is_named(call.func, route)


def _is_named(function: ast.expr, route: str) -> bool:
    if not isinstance(function, (ast.Name, ast.Attribute)):
        return False
    full = route.replace("np.", "numpy.", 1).replace("tf.", "tensorflow.", 1)
    return ast.unparse(function) in (route, full)


def _operand(call: ast.Call, route: str) -> ast.expr | None:
    """What the call reads; None where it takes several things that could be it."""
    if route == "Tensor.numpy":
        return call.func.value if isinstance(call.func, ast.Attribute) else None
    if len(call.args) != 1 or isinstance(call.args[0], ast.Starred):
        return None
    return call.args[0]


def _reduces(call: ast.Call, route: str) -> bool:
    """Whether it is a method of what the route gave: ``x.numpy().sum()``."""
    function = call.func
    return (
        not call.args
        and isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Call)
        and _is_of(function.value, route)
    )


def _spelled(function: str, operand: str, keywords: list[ast.keyword]) -> str:
    """The call in TensorFlow's words; both have ``axis`` and ``keepdims``, of reductions."""
    allowed = {"axis", "keepdims"} if "reduce_" in function else set()
    if not function or not {keyword.arg for keyword in keywords} <= allowed:
        return ""
    text = ", ".join([operand, *map(ast.unparse, keywords)])
    return f"{function}({text})" if len(text) <= MAX_WIDTH else ""


def _taken(node: ast.AST, route: str) -> list[ast.expr] | None:
    """What an expression of the route takes, without constants and dtypes."""
    if isinstance(node, ast.BinOp) and route == f"operator {_SYMBOLS.get(type(node.op))}":
        taken = [node.left, node.right]
    elif isinstance(node, ast.Call) and route.startswith("tf.") and _is_named(node.func, route):
        taken = [*node.args, *(keyword.value for keyword in node.keywords)]
    else:
        return None
    return [part for part in taken if not isinstance(part, ast.Constant) and not _is_dtype(part)]


def _is_dtype(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("tf", "np")


_SYMBOLS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@",
}  # fmt: skip


def _text(node: ast.expr | None) -> str:
    text = "" if node is None else ast.unparse(node)
    return text if len(text) <= MAX_WIDTH and "`" not in text and "\n" not in text else ""
