"""Public names of what was called: by the objects that an expression names, and by frames."""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterator
from types import FrameType
from typing import Any

from tfnp_magic.driving.function_calls import LAMBDA, code_of, name_of
from tfnp_magic.frames.into import named
from tfnp_magic.frames.site import forget_snapshot, is_library

_MODULE_ALIASES = {
    "tensorflow": "tf",
    "numpy": "np",
    "pandas": "pd",
    "keras.src": "keras",
    "tensorflow.experimental.numpy": "tnp",
}


_TYPE_NAMES = {
    "EagerTensor": "Tensor", "_EagerTensorBase": "Tensor", "SymbolicTensor": "Tensor",
    "ResourceVariable": "Variable", "BaseResourceVariable": "Variable",
}  # fmt: skip


_DATASET = "tf.data.Dataset"


def name_of_call(func: ast.expr, frame: FrameType) -> str | None:
    """Name the callee of a call expression, evaluating names only, never properties."""
    parts, found = base_of(func, frame)
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
        own = _own_dict(value)
        if attribute in own:  # `self.convert(t)`, `self.model.predict(a)`
            value = own[attribute]
            continue
        if position < len(parts) - 1:
            return None
        compiled = _of_class(type(value), attribute)
        if isinstance(compiled, types.BuiltinFunctionType):  # it is bound to no instance
            return _name_of_object(compiled, parts)
        return f"{_type_name(type(value))}.{attribute}"
    name = _name_of_object(value, parts)
    return None if name is not None and _LOCALS in name else name


_LOCALS = "<locals>"
"""In the name of a function that another one made: nobody calls it by that."""


def _of_class(kind: type[Any], attribute: str) -> Any:
    found = (vars(base)[attribute] for base in type.mro(kind) if attribute in vars(base))
    value = next(found, None)
    return value.__func__ if isinstance(value, staticmethod) else value


def stands_for_compiled(func: ast.expr, frame: FrameType) -> bool:
    """Whether what is called is compiled and has another name than ``f`` of ``f(t)``.

    Functions of Python show by their frames; these do not.
    """
    parts, found = base_of(func, frame)
    for attribute in parts[1:]:
        if found is None or isinstance(found[0], types.ModuleType | type):
            return False
        own = _own_dict(found[0])
        found = (own[attribute],) if attribute in own else None
    if found is None:
        return False
    value = found[0]
    called = _of_class(type(value), "__call__")
    pythons = types.FunctionType, types.MethodType
    is_pythons = isinstance(value, pythons) or isinstance(called, pythons)
    if is_pythons or not _may_be_asked(value):
        return False
    return getattr(value, "__name__", parts[-1]) != parts[-1]


def base_of(func: ast.expr, frame: FrameType) -> tuple[list[str], tuple[Any] | None]:
    """The names of ``layers[i].weights.append``, and in a tuple what the first, or its item, is.

    None where there is no such name, or where asking for the item may run code of the user's.
    """
    parts = dotted(func)
    if parts:
        return parts, named(frame, parts[0])
    attributes: list[str] = []
    while isinstance(func, ast.Attribute):
        attributes.insert(0, func.attr)
        func = func.value
    if not isinstance(func, ast.Subscript) or not isinstance(func.value, ast.Name):
        return [], None
    items, index = named(frame, func.value.id), _value_of(func.slice, frame)
    found = _item_of(items[0], index[0]) if items and index else None
    return [func.value.id, *attributes], found


def _value_of(node: ast.expr, frame: FrameType) -> tuple[Any] | None:
    if isinstance(node, ast.Name):
        return named(frame, node.id)
    return (node.value,) if isinstance(node, ast.Constant) else None


_MOST_KEYS = 1024


def _item_of(items: Any, index: Any) -> tuple[Any] | None:
    if type(items) in (list, tuple) and type(index) is int:
        return (items[index],) if -len(items) <= index < len(items) else None
    if type(items) is not dict or type(index) not in (str, int) or len(items) > _MOST_KEYS:
        return None
    # Another key may have the same hash, and be asked whether it is equal.
    is_plain = {type(key) for key in list(items)} <= {str, int}
    return (items[index],) if is_plain and index in items else None


def dotted(node: ast.expr) -> list[str]:
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


_FEEDERS = "keras/src/trainers/data_adapters/"
"""Where Keras hands a model its data, on TensorFlow's threads: nobody called that by name."""


def name_of_frame(frame: FrameType) -> str | None:
    """Name of the library's function that a frame runs; None where it has no public one."""
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
