"""The public name of what the user wrote that led to a conversion, and what reads memory there."""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterator
from types import FrameType
from typing import NamedTuple

from tfnp_magic.driving.function_calls import LAMBDA
from tfnp_magic.frames.executed import node_of
from tfnp_magic.frames.into import (
    CONVERTERS,
    WRITERS,
    Into,
    copies_in,
    into_of,
    name_of_dtype_like,
    named,
)
from tfnp_magic.frames.names import dotted, name_of_call, name_of_frame, stands_for_compiled
from tfnp_magic.frames.site import Standpoint, is_library, is_own


class Route(NamedTuple):
    """How a conversion came about.

    Attributes
    ----------
    name
        ``tf.constant``, ``operator -``, ``np.sum``, ``Tensor.numpy``, ``Dense.__call__``.
    explicit
        Whether that is a call whose purpose is to convert.
    """

    name: str
    explicit: bool


_EXPLICIT = frozenset(
    {
        "tf.constant", "tf.convert_to_tensor", "tf.Variable", "tf.cast", "tf.identity",
        "tf.make_tensor_proto", "tf.make_ndarray", "tf.ragged.constant",
        "tf.data.Dataset.from_tensors", "tf.data.Dataset.from_tensor_slices",
        "tf.experimental.dlpack.from_dlpack", "tf.experimental.dlpack.to_dlpack",
        "keras.ops.convert_to_tensor", "keras.ops.convert_to_numpy", "keras.Variable",
        "Tensor.numpy", "Variable.numpy", "Tensor.cpu", "Tensor.gpu", "Tensor.__dlpack__",
        "Tensor.__array__", "Tensor._numpy", "Tensor._copy_to_device", "IndexedSlices.numpy",
        "RaggedTensor.numpy", "Interpreter.set_tensor", "Interpreter.get_tensor",
        "Interpreter.tensor", "CheckpointReader.get_tensor", "tf.train.load_variable",
        "np.array", "np.asarray", "np.asanyarray", "np.ascontiguousarray", "np.asfortranarray",
        "np.asarray_chkfinite", "np.require", "np.frombuffer", "np.from_dlpack", "np.copy",
        "np.asmatrix", "np.matrix", "np.ma.array", "np.ma.asarray",
        "memoryview", "bytes", "bytearray", "float", "int", "bool", "complex",
        "pd.DataFrame", "pd.Series", "pd.Index",
    }
)  # fmt: skip
"""Calls whose purpose is to convert; everything else converts on the way."""


_EXPLICIT_METHODS = frozenset({"numpy", "get_weights", "set_weights", "as_numpy_iterator"})
"""The same for methods, whatever the class."""


_READS = {
    "Tensor.__bool__": "bool", "Tensor.__float__": "float", "Tensor.__int__": "int",
    "Tensor.__index__": "operator.index", "Tensor.__complex__": "complex",
    "Tensor.__repr__": "repr", "Tensor.__str__": "str", "Tensor.__format__": "f-string",
    "Tensor.__iter__": "iteration", "Tensor.__reduce__": "pickle",
    "tf.data.Dataset.__iter__": "iteration", "NumpyIterator.__next__": "iteration",
}  # fmt: skip
"""What Python calls the methods that it calls by itself."""


PYTHON_READERS = frozenset(
    {"memoryview", "bytes", "bytearray", "print", "repr", "str", "format", "f-string", "display"}
)
"""Routes by which Python itself, not NumPy, gets at a tensor's memory."""


BYTES_LIKE = "bytes-like object"
"""A tensor read as bytes without shape or dtype, for want of a better name of the route."""


_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>", ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<",
    ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in", ast.NotIn: "in",
    ast.USub: "unary -", ast.UAdd: "unary +", ast.Invert: "~", ast.Not: "not",
}  # fmt: skip


# TensorFlow's and Keras's decorators: frames between the user and the function called.
_WRAPPER_FILES = (
    "traceback_utils.py", "dispatch.py", "weak_tensor_ops.py", "profiler/trace.py",
    "deprecation.py", "override_binary_operator.py", "tf_decorator.py", "variables.py",
    "autograph_util.py", "flexible_dtypes.py", "doc_controls.py", "variable_scope.py",
    "autograph/impl/api.py", "autograph/operators/py_builtins.py",
)  # fmt: skip


def is_wrapper(filename: str) -> bool:
    """Whether code of this file only stands between the user and the function called."""
    return filename.replace("\\", "/").endswith(_WRAPPER_FILES)


def route_of(where: Standpoint, frame: FrameType, lowest: str) -> Route:
    """Name the route of a conversion, by the user's expression, else by what it called.

    Parameters
    ----------
    where
        The standpoint of the conversion.
    frame
        The converting frame, innermost; the walk from it ends at ``where.inner``.
    lowest
        The chokepoint's own public name, for want of a better one.
    """
    name = name_here(where.inner) if where.inner else None
    if name is None:
        name = _by_callee(where, frame) or lowest
        if where.inner is None:  # a library's thread: nobody wrote that
            return Route(name, False)
        if name in _READS:  # `if tensor:` asks for a bool; nobody wrote `bool(tensor)`
            return Route(_READS[name], False)
    return Route(name, name in _EXPLICIT or name.rpartition(".")[2] in _EXPLICIT_METHODS)


class Reader(NamedTuple):
    """What reads a tensor's memory: the call in the converting frame, be it a library's.

    Attributes
    ----------
    name
        ``np.array`` inside ``pd.DataFrame(t)`` or ``tf.numpy_function``; empty where
        that cannot be told.
    plain
        Whether it was called with one argument: ``np.asarray(t)``, not with a dtype.
    within
        Whether it is one step of a conversion that the user asked a library for.
    copied
        Whether the user's own expression copies what it makes: ``np.asarray(t).copy()``.
    into
        What names the dtype of the array that it makes or writes to; None where nothing does.
    into_is_users
        Whether `into` stands in the user's own call, not in what reads.
    written
        The expression that the user wrote; None where its syntax is not at hand.
    copies
        Whether NumPy copies, by what the call says; None where that is not known.
    goes_on
        Whether a library's function asked for no copy, and does with the array what it will.
    call
        The call that says so, if it must be asked each time: ``np.array(t, copy=each)``.
    given
        The dtype that NumPy handed to the tensor's own ``__array__``, which then copies.
    known
        Whether it is known what reads: not where a call hands on to another (``map``), and
        where what is called has no name that the syntax tells (``functions[0](t)``).
    """

    name: str
    plain: bool
    within: bool
    copied: bool = False
    into: Into | None = None
    into_is_users: bool = True
    written: ast.AST | None = None
    copies: bool | None = None
    goes_on: bool = False
    call: ast.Call | None = None
    given: str = ""
    known: bool = True

    @property
    def names_dtype(self) -> bool:
        """Whether the call names the dtype of the array that it makes."""
        return self.into is not None and not self.into.is_array

    @property
    def assigns(self) -> bool:
        """Whether an array is assigned to: ``a[...] = t``."""
        return self.into is not None and self.into.is_array and self.name not in WRITERS

    @property
    def asks(self) -> bool:
        """Whether the user's own call says more than what to convert, such as a dtype."""
        call = self.written
        return not isinstance(call, ast.Call) or len(call.args) + len(call.keywords) > 1


_HANDING_ON = ("functools.", "itertools.", "operator.", "partial.", "methodcaller.")
_BUILTIN = PYTHON_READERS | {"iteration", "float", "int", "bool", "complex", "divmod", "abs", "pow"}

_COPIES_BY_DEFAULT = {"np.array": True, "np.asarray": False, "np.asanyarray": False}


def reader_of(frame: FrameType | None, where: Standpoint, route: Route) -> Reader:
    """Name what reads the memory in a frame: the innermost that is not the tensor's own."""
    within = route.explicit and frame is not where.inner
    written = node_of(where.inner) if where.inner else None
    if frame is None:
        return Reader("", False, within, written=written)
    node = written if frame is where.inner else node_of(frame)
    plain = isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords
    name = name_here(frame) or ""
    is_librarys = frame is not where.inner
    if is_librarys and isinstance(node, ast.Call) and stands_for_compiled(node.func, frame):
        name = ""  # a library's function that calls what it is given
    into, into_frame = into_of(node, name), frame
    if into is None and within and where.inner is not None:
        into, into_frame = into_of(written, route.name), where.inner
    # A library's function that copies what it is given does so of an array, too.
    copied = frame is where.inner and _is_copied(node)
    is_users = into_frame is where.inner
    reader = Reader(
        name, plain, within, copied, into, is_users, written,
        known=_is_known(name, node) or _is_numeric(frame),
    )  # fmt: skip
    if isinstance(node, ast.Call) and not plain and name in _COPIES_BY_DEFAULT:
        asked = [each.value for each in node.keywords if each.arg in ("copy", "order")]
        if any(not isinstance(each, ast.Constant) for each in asked):
            return reader._replace(call=node)
        copies = copies_in(frame, node, _COPIES_BY_DEFAULT[name])
        if frame is not where.inner and copies is False:
            return reader._replace(goes_on=True)
        return reader._replace(copies=copies)
    return reader


def _is_known(name: str, node: ast.AST | None) -> bool:
    if "." in name:
        return not name.startswith(_HANDING_ON)
    if name:
        return name.startswith("operator ") or name in _BUILTIN
    # A method of what has no name, `generator().permutation(t)`, only looks, as others do.
    func = node.func if isinstance(node, ast.Call) else None
    return isinstance(func, ast.Attribute) and func.attr not in _CONVERTING


_CONVERTING = {name.rpartition(".")[2] for name in CONVERTERS} | {"copy", "__array__"}


def _is_numeric(frame: FrameType) -> bool:
    """Whether it is a library's, other than Python's own, which calls what it is handed."""
    return is_library(frame.f_code.co_filename) and not _is_pythons(frame)


def reader_now(reader: Reader, frame: FrameType | None) -> Reader:
    """The same, with what the call says in the frame that converts now."""
    given = _given_to_tensor(frame)
    if given:
        reader = reader._replace(given=given)
    frame = outside_of_tensor(frame) if reader.call is not None else None
    if frame is None or reader.call is None:
        return reader
    return reader._replace(copies=copies_in(frame, reader.call, _COPIES_BY_DEFAULT[reader.name]))


def _given_to_tensor(frame: FrameType | None) -> str | None:
    """Name of the dtype that a tensor's ``__array__`` was called with; None if with none."""
    while frame is not None and frame.f_code.co_filename.replace("\\", "/").endswith(_TENSORS):
        if frame.f_code.co_name == "__array__":
            found = named(frame, "dtype")
            return name_of_dtype_like(found[0]) if found else None
        frame = frame.f_back
    return None


_TENSORS = "tensorflow/python/framework/ops.py"
_TENSORS_OWN = (
    _TENSORS, "tensorflow/python/ops/resource_variable_ops.py",
)  # fmt: skip
"""Where ``__array__`` and ``numpy`` of tensors and Variables stand; NumPy calls them."""


def outside_of_tensor(frame: FrameType | None) -> FrameType | None:
    """The frame itself, or the one that called the methods of tensors in which it is.

    ``__array__`` of any library's object is one of them, as Keras's Variables have it.
    """
    while frame is not None and (_is_tensors_own(frame.f_code) or _is_protocol(frame.f_code)):
        frame = frame.f_back
    return frame


def _is_tensors_own(code: types.CodeType) -> bool:
    return code.co_filename.replace("\\", "/").endswith(_TENSORS_OWN)


def _is_protocol(code: types.CodeType) -> bool:
    return code.co_name == "__array__" and is_library(code.co_filename)


def _is_copied(node: ast.AST | None) -> bool:
    """Whether the node's value is the object of a call of its ``copy``."""
    attribute = getattr(node, "parent", None)  # `executing` gives each node its parent
    return (
        isinstance(attribute, ast.Attribute)
        and attribute.attr == "copy"
        and isinstance(getattr(attribute, "parent", None), ast.Call)
    )


def name_here(frame: FrameType) -> str | None:
    """Name it by the syntax that a frame is executing."""
    node = node_of(frame)
    if isinstance(node, ast.Call):
        return name_of_call(node.func, frame)
    if isinstance(node, ast.BinOp | ast.AugAssign):
        suffix = "=" if isinstance(node, ast.AugAssign) else ""
        return f"operator {_OPERATORS[type(node.op)]}{suffix}"
    if isinstance(node, ast.UnaryOp):
        return f"operator {_OPERATORS[type(node.op)]}"
    if isinstance(node, ast.Compare):
        return f"operator {_OPERATORS[type(node.ops[0])]}"
    if isinstance(node, ast.Subscript):
        return "operator []" if isinstance(node.ctx, ast.Load) else "operator []="
    if isinstance(node, ast.FormattedValue | ast.JoinedStr):
        return "f-string"
    if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension | ast.ListComp):
        return "iteration"
    return None


def _by_callee(where: Standpoint, frame: FrameType) -> str | None:
    """Name it by the outermost library function below the user's line that has a public name."""
    for called in _frames_below(where.inner, frame):
        if not is_wrapper(called.f_code.co_filename):
            name = name_of_frame(called)
            if name is not None:
                return _as_written(where.inner) if name == LAMBDA else name
    return None


def _as_written(frame: FrameType | None) -> str:
    """What the user calls a function that has no name: ``f`` of ``f(a)``."""
    node = node_of(frame) if frame is not None else None
    return ".".join(dotted(node.func)) or LAMBDA if isinstance(node, ast.Call) else LAMBDA


def _frames_below(inner: FrameType | None, frame: FrameType) -> Iterator[FrameType]:
    """The library's frames from the one that the user called, inwards."""
    below = []
    walk: FrameType | None = frame
    while walk is not None and walk is not inner:
        below.append(walk)
        walk = walk.f_back
    if inner is None:  # a library's thread: name the innermost, not the thread's start
        return iter([called for called in below[:1] if not _is_pythons(called)])
    files = [(called, called.f_code.co_filename) for called in reversed(below)]
    return iter([called for called, file in files if is_library(file) and not is_own(file)])


def _is_pythons(frame: FrameType) -> bool:
    """Whether it is of the standard library: a pool's thread, which was handed what converts."""
    module = str(frame.f_globals.get("__name__", ""))
    return module.partition(".")[0] in sys.stdlib_module_names
