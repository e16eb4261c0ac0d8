"""The user's own Python functions, behind those that TensorFlow registers for its graphs.

The registry (``FuncRegistry``, tensorflow/python/ops/script_ops.py) has functions and
``EagerFunc`` objects; around a generator there are three functions of TensorFlow's own
(tensorflow/python/data/ops/from_generator_op.py). 2.21.
"""

from __future__ import annotations

import functools
import sys
import types
import weakref
from types import CodeType
from typing import Any, NamedTuple

from tfnp_magic.frames.site import is_library

FUNCTION, GENERATOR = "tf.numpy_function", "tf.data.Dataset.from_generator"
EAGER = "tf.py_function"


class Callee(NamedTuple):
    """What the graph calls.

    Attributes
    ----------
    route
        Public name of what put it into the graph; empty for what TensorFlow added itself.
    code, names
        Code and globals of the user's function, or of TensorFlow's that took it.
    generators
        TensorFlow's table of the user's running generators, if it is one of those.
    """

    route: str
    code: CodeType
    names: dict[str, Any]
    generators: Any = None

    @property
    def is_library(self) -> bool:
        """Whether no code of the user's stands for it."""
        return is_library(self.code.co_filename)


def callee_of(function: Any) -> Callee | None:
    """Find out what a registered function stands for; None if that is nothing known."""
    script_ops = sys.modules["tensorflow.python.ops.script_ops"]
    is_eager = isinstance(function, script_ops.EagerFunc)
    inner = python_function(function._func if is_eager else function)
    if inner is not None and is_of_dataset(inner):
        return _of_dataset(inner)
    if inner is None or is_library(inner.__code__.co_filename):
        inner = python_function(script_ops.numpy_function)
    if inner is None:
        return None
    return Callee(EAGER if is_eager else FUNCTION, inner.__code__, inner.__globals__)


def _of_dataset(inner: types.FunctionType) -> Callee:
    """One of the three functions of a generator's data set: only one hands on elements."""
    code, names = inner.__code__, inner.__globals__
    state = closure(inner).get("generator_state")
    if code.co_name != "generator_py_func" or state is None:
        return Callee("", code, names)
    generator = python_function(state._generator)
    if generator is not None and not is_library(generator.__code__.co_filename):
        code, names = generator.__code__, generator.__globals__
    return Callee(GENERATOR, code, names, state)


def is_of_dataset(function: types.FunctionType) -> bool:
    """Whether it is one of ``tf.data``'s own."""
    return "/data/ops/" in function.__code__.co_filename.replace("\\", "/")


def generators_of(function: Any) -> Any:
    """TensorFlow's table of running generators, if the function is one of those around it."""
    inner = python_function(getattr(function, "_func", function))
    if inner is None or not is_of_dataset(inner):
        return None
    if inner.__code__.co_name == "get_next_id":
        return getattr(vars(function).get("__wrapped__"), "__self__", None)
    return closure(inner).get("generator_state")


def role_of(function: Any) -> str:
    """Which of the functions around a generator it is."""
    inner = python_function(getattr(function, "_func", function))
    return "" if inner is None else inner.__code__.co_name


def closure(function: types.FunctionType) -> dict[str, Any]:
    """What the function has from around it."""
    cells = function.__closure__ or ()
    names = function.__code__.co_freevars
    return {name: cell.cell_contents for name, cell in zip(names, cells, strict=True)}


_WRAPPED_IN_CLOSURE = "do_not_convert.<locals>.wrapper"
"""AutoGraph's wrapper, which does not name what it wraps if that is no function."""


def python_function(function: Any) -> types.FunctionType | None:
    """The plain function inside decorators, methods, partials and callable objects."""
    for _ in range(8):
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, types.MethodType):
            function = function.__func__
        elif not isinstance(function, types.FunctionType):
            function = vars(type(function)).get("__call__")
        elif "__wrapped__" in vars(function):
            function = vars(function)["__wrapped__"]
        elif function.__qualname__ == _WRAPPED_IN_CLOSURE:
            function = closure(function).get("func")
        else:
            return function
    return None


class PlainFunctions:
    """What is called by registered functions that stand around no generator; found out once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[weakref.ref[Any], Callee | None]] = {}

    def has(self, token: str, function: Any) -> bool:
        """Whether it was found to be one."""
        known = self._known.get(token)
        return known is not None and known[0]() is function

    def callee_of(self, token: str, function: Any) -> Callee | None:
        """As `python_functions.callee_of`."""
        known = self._known.get(token)
        if known is not None and known[0]() is function:
            return known[1]
        callee = callee_of(function)
        if generators_of(function) is None:
            if len(self._known) >= _MOST_PLAIN:
                self._known.clear()
            self._known[token] = weakref.ref(function), callee
        return callee


_MOST_PLAIN = 1024
