"""The public name of what the user wrote that led to a conversion."""

from __future__ import annotations

import ast
import dis
import itertools
import sys
import types
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, NamedTuple

import executing

from tfnp_magic.function_calls import LAMBDA, code_of, name_of
from tfnp_magic.interrupts import raised_by_signal
from tfnp_magic.into import Into, global_named, into_of
from tfnp_magic.site import Standpoint, forget_snapshot, is_library, is_own


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


_MODULE_ALIASES = {
    "tensorflow": "tf",
    "numpy": "np",
    "pandas": "pd",
    "keras.src": "keras",
    "tensorflow.experimental.numpy": "tnp",
}

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

_TYPE_NAMES = {
    "EagerTensor": "Tensor", "_EagerTensorBase": "Tensor", "SymbolicTensor": "Tensor",
    "ResourceVariable": "Variable", "BaseResourceVariable": "Variable",
}  # fmt: skip

_DATASET = "tf.data.Dataset"

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
    name = _by_expression(where.inner) if where.inner else None
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
    """

    name: str
    plain: bool
    within: bool
    copied: bool = False
    into: Into | None = None
    into_is_users: bool = True
    written: ast.AST | None = None

    @property
    def asks(self) -> bool:
        """Whether the user's own call says more than what to convert, such as a dtype."""
        call = self.written
        return not isinstance(call, ast.Call) or len(call.args) + len(call.keywords) > 1


def reader_of(frame: FrameType | None, where: Standpoint, route: Route) -> Reader:
    """Name what reads the memory: the innermost frame that is not the tensor's own."""
    frame = outside_of_tensor(frame)
    within = route.explicit and frame is not where.inner
    written = _node(where.inner) if where.inner else None
    if frame is None:
        return Reader("", False, within, written=written)
    node = written if frame is where.inner else _node(frame)
    plain = isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords
    name = _by_expression(frame) or ""
    into, into_frame = into_of(node, name), frame
    if into is None and within and where.inner is not None:
        into, into_frame = into_of(written, route.name), where.inner
    # A library's function that copies what it is given does so of an array, too.
    copied = frame is where.inner and _is_copied(node)
    return Reader(name, plain, within, copied, into, into_frame is where.inner, written)


_TENSORS_OWN = (
    "tensorflow/python/framework/ops.py", "tensorflow/python/ops/resource_variable_ops.py",
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


def _by_expression(frame: FrameType) -> str | None:
    """Name it by the syntax that a frame is executing."""
    node = _node(frame)
    if isinstance(node, ast.Call):
        return _called(node.func, frame)
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


def forget_syntax() -> None:
    """Drop the nodes that were found so far; the sources' trees stay with `executing`.

    It knows nodes by their code objects, which it keeps, and a cell has new ones each time that
    it runs.
    """
    of_class = getattr(executing.Source, "_class_local", None)
    if of_class is not None:
        of_class("__executing_cache", {}).clear()


def _node(frame: FrameType) -> ast.AST | None:
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


def _called(func: ast.expr, frame: FrameType) -> str | None:
    """Name the callee of a call expression, evaluating names only, never properties."""
    parts = _dotted(func)
    found = global_named(frame, parts[0]) if parts else None
    if found is None:
        return None
    value = found[0]
    for position, attribute in enumerate(parts[1:], 1):
        if isinstance(value, type) and position == len(parts) - 1:
            return f"{_name_of_object(value, parts)}.{attribute}"
        if isinstance(value, types.ModuleType | type):
            known = vars(value).get(attribute)
            if known is not None:
                value = known
                continue
            return ".".join([_module_name(value) or parts[0], *parts[position:]])
        if position == len(parts) - 1:
            return f"{_type_name(type(value))}.{attribute}"
        return None
    return _name_of_object(value, parts)


def _dotted(node: ast.expr) -> list[str]:
    """``["np", "linalg", "norm"]``; empty for anything but names and attributes."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def _name_of_object(value: Any, written: list[str]) -> str | None:
    """Public name of a function, class or callable object that the user called."""
    exported = _tensorflow_name(value) or _keras_name(value)
    if exported:
        return exported
    module = getattr(value, "__module__", None) if _may_be_asked(value) else None
    if type(value).__module__ == _POLYMORPHIC and (made_of := _of_tf_function(value)):
        if made_of == LAMBDA:
            return ".".join(written)
        # Of a partial, or of an object that can be called.
        if module is None or not hasattr(value, "__name__"):
            return made_of
    if _is_librarys_method(value):
        return f"{_type_name(type(value.__self__))}.{value.__func__.__name__}"
    if not _may_be_asked(value) or not hasattr(value, "__name__"):
        return f"{_type_name(type(value))}.__call__"
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", written[-1])
    if module in ("builtins", "__main__") or str(module).startswith("IPython."):
        return str(name)
    return f"{_public_module(_home_of(value, str(module or 'numpy'), str(name)))}.{name}"


_POLYMORPHIC = "tensorflow.python.eager.polymorphic_function.polymorphic_function"


def _of_tf_function(function: Any) -> str | None:
    """Name of the Python function that a ``tf.function`` was made of, as the user wrote it."""
    code = code_of(function)
    return None if code is None or is_library(code.co_filename) else name_of(code)


def _tf_function_called(frame: FrameType) -> str | None:
    """The same of the one whose ``__call__`` runs; see `_owner` on the frame's locals."""
    names = frame.f_locals
    name = _of_tf_function(names.get("self"))
    forget_snapshot(frame, names)
    return name


def _is_librarys_method(value: Any) -> bool:
    """Whether it is bound to an object, which the user named before: ``predict = m.predict``."""
    if not isinstance(value, types.MethodType) or isinstance(value.__self__, type):
        return False
    code = getattr(value.__func__, "__code__", None)
    return code is not None and is_library(code.co_filename)


def _home_of(value: Any, module: str, name: str) -> str:
    """The outermost package that has the object under its name: ``pandas`` for a DataFrame."""
    parts = module.split(".")
    for length in range(1, len(parts)):
        package = ".".join(parts[:length])
        if _own_dict(sys.modules.get(package)).get(name) is value:
            return package
    return module


def _may_be_asked(value: Any) -> bool:
    """Whether reading an attribute runs no code of the user's: no property, no ``__getattr__``."""
    if isinstance(value, type):
        return type(value) is type or _may_be_asked(type(value))
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
        return True
    home = sys.modules.get(type(value).__module__)
    file = getattr(home, "__file__", None)
    return home is not None and (is_library(file) if file else home.__name__ != "__main__")


def _own_dict(value: Any) -> Any:
    """The object's ``__dict__``, not by way of a ``__getattr__`` of its class."""
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}


def _module_name(value: Any) -> str | None:
    return _public_module(value.__name__) if isinstance(value, types.ModuleType) else None


def _public_module(module: str) -> str:
    """``np.linalg`` for ``numpy.linalg``, ``np`` for ``numpy._core.fromnumeric``."""
    for prefix, alias in sorted(_MODULE_ALIASES.items(), key=lambda item: -len(item[0])):
        if module == prefix or module.startswith(prefix + "."):
            rest = module[len(prefix) :].split(".")[1:]
            public = [part for part in rest if not part.startswith("_")]
            return alias if len(public) < len(rest) else ".".join([alias, *public])
    return module.lstrip("_")  # `_pickle` is what stands behind `pickle`


def _tensorflow_name(value: Any) -> str | None:
    """``tf.constant``, from the names under which ``tf_export`` published a symbol."""
    for candidate in _unwrapped(value):
        names = _own_dict(candidate).get("_tf_api_names")
        if names:
            return "tf." + min(names, key=lambda n: (n.count("."), len(n)))
    return None


def _unwrapped(value: Any) -> Iterator[Any]:
    """A function and what its decorators wrap, outermost first."""
    for _ in range(8):
        yield value
        inner = _own_dict(value)
        decorator = inner.get("_tf_decorator")
        following = inner.get("__wrapped__") or getattr(decorator, "_decorated_target", None)
        if following is None or following is value:
            return
        value = following


def _keras_name(value: Any) -> str | None:
    """``keras.ops.sum``, from the path under which ``keras_export`` published a symbol."""
    path = _own_dict(value).get("_api_export_path")
    if isinstance(path, list | tuple):
        path = min(path, key=len) if path else None
    return path if isinstance(path, str) else None


def _type_name(kind: type[Any]) -> str:
    return _TYPE_NAMES.get(kind.__name__) or _dataset_name(kind) or kind.__name__


def _dataset_name(kind: type[Any]) -> str | None:
    """``tf.data.Dataset``, for the class that TensorFlow has for each step of a pipeline."""
    if not kind.__name__.startswith("_"):
        return None
    return next((_DATASET for base in kind.__mro__ if _tensorflow_name(base) == _DATASET), None)


def _by_callee(where: Standpoint, frame: FrameType) -> str | None:
    """Name it by the outermost library function below the user's line that has a public name."""
    for called in _frames_below(where.inner, frame):
        if not is_wrapper(called.f_code.co_filename):
            name = _name_of_frame(called)
            if name is not None:
                return _as_written(where.inner) if name == LAMBDA else name
    return None


def _as_written(frame: FrameType | None) -> str:
    """What the user calls a function that has no name: ``f`` of ``f(a)``."""
    node = _node(frame) if frame is not None else None
    return ".".join(_dotted(node.func)) or LAMBDA if isinstance(node, ast.Call) else LAMBDA


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


_FEEDERS = "keras/src/trainers/data_adapters/"
"""Where Keras hands a model its data, on TensorFlow's threads: nobody called that by name."""


def _name_of_frame(frame: FrameType) -> str | None:
    code = frame.f_code
    if _FEEDERS in code.co_filename.replace("\\", "/"):
        return None
    if code.co_filename.replace("\\", "/").endswith("IPython/core/displayhook.py"):
        return "display"  # the value of a cell's last line
    if code.co_name == "_convert" and _is_registry(frame):
        return _called_from_graph(frame)
    function = frame.f_globals.get(code.co_name)
    exported = _tensorflow_name(function) or _keras_name(function)
    if exported:
        return exported
    if frame.f_globals.get("__name__") == _POLYMORPHIC and code.co_name == "__call__":
        return _tf_function_called(frame)
    owner = _owner(frame)
    if owner:
        return f"{owner}.{code.co_name}"
    module = str(getattr(function, "__module__", None) or frame.f_globals.get("__name__", ""))
    if code.co_name.startswith(("<", "_")) or module.startswith("tensorflow."):
        return None  # TensorFlow publishes by `tf_export`; what lacks it has no public name
    return f"{_public_module(module)}.{code.co_name}"


def _is_registry(frame: FrameType) -> bool:
    file = frame.f_code.co_filename.replace("\\", "/")
    return file.endswith("tensorflow/python/ops/script_ops.py")


def _called_from_graph(frame: FrameType) -> str:
    """What put the Python function into its graph whose result is converted there.

    ``EagerFunc._convert`` has the object, ``FuncRegistry._convert`` has none; a generator's
    own function of TensorFlow's calls the latter, too.
    """
    if frame.f_code.co_varnames[0] == "self":
        return "tf.py_function"
    walk = frame.f_back
    while walk is not None and not _is_registry(walk):
        if walk.f_code.co_name == "generator_py_func":
            return "tf.data.Dataset.from_generator"
        walk = walk.f_back
    return "tf.numpy_function"


def _owner(frame: FrameType) -> str | None:
    """Class of the method that a library's frame runs, by the object it runs on.

    The library's own frame: its snapshot of locals is dropped at once, and no
    library frame that converts hands out ``locals()``.
    """
    code = frame.f_code
    first = code.co_varnames[0] if code.co_argcount else ""
    if first not in ("self", "cls"):
        return None
    names = frame.f_locals
    owner = names.get(first)
    kind = owner if first == "cls" and isinstance(owner, type) else type(owner)
    del owner
    forget_snapshot(frame, names)
    if kind is type(None) or (kind.__name__.startswith("_") and _type_name(kind) == kind.__name__):
        return None
    return (_tensorflow_name(kind) if first == "cls" else None) or _type_name(kind)
