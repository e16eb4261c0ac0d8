"""Python functions that a graph calls: ``tf.numpy_function`` and ``Dataset.from_generator``.

Chokepoints: ``FuncRegistry.__call__``, which TensorFlow's threads call with arrays over
its tensors' memory, and ``FuncRegistry._convert``, which makes arrays of what the
function returned (tensorflow/python/ops/script_ops.py and
tensorflow/python/lib/core/py_func.cc; 2.21). ``tf.py_function`` passes here, too, but
with tensors: what becomes of those, the other probes see.
"""

from __future__ import annotations

import functools
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from tfnp_magic.hazards import shared_with
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import report
from tfnp_magic.probes.unseen import into_tensor, out_of_tensor
from tfnp_magic.recorder import Recorder, Seen
from tfnp_magic.scope import listeners
from tfnp_magic.site import is_library
from tfnp_magic.verdict import VIEW, shared

NAME = "Python function in a graph"

HOLDER = "a graph's tensor"
"""What changes when the function writes to its argument."""

_FUNCTION, _GENERATOR = "tf.numpy_function", "tf.data.Dataset.from_generator"


def patches() -> list[AttributePatch]:
    """Both methods of the class."""
    registry = _script_ops().FuncRegistry
    return [
        AttributePatch(registry, "_convert", _around_convert),
        AttributePatch(registry, "__call__", _around_call),
    ]


def _script_ops() -> Any:
    return sys.modules["tensorflow.python.ops.script_ops"]


class _Running(threading.local):
    """The call that runs on this thread.

    Attributes
    ----------
    converted
        Each array that was made, with what it was made of, by the array's ``id()``; held
        while the call runs. None when nobody hears.
    """

    converted: dict[int, tuple[Any, Any]] | None = None


_running = _Running()


def _around_convert(original: Any) -> Any:
    def _convert(value: Any, dtype: Any = None) -> Any:
        try:
            result = original(value, dtype)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if _running.converted is not None and result is not value:
            _running.converted[id(result)] = value, result
        return result

    return staticmethod(_convert)


def _around_call(original: Any) -> Any:
    stands, lent = _Stands(), _Lent()

    def __call__(self: Any, token: Any, device: Any, args: Any) -> Any:  # noqa: N807
        hearing = listeners()
        function = self.get(token) if hearing else None
        outer, _running.converted = _running.converted, {} if hearing else None
        try:
            if function is not None:
                report(NAME, hearing, None, _tell_arguments, stands, function, hearing, args)
            results = original(self, token, device, args)
            if function is not None:
                made = results, _running.converted
                report(
                    NAME, hearing, None, _tell_results, stands, lent, function, hearing, args, made
                )
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            _running.converted = outer
        return results

    return __call__


class _Callee(NamedTuple):
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


def _callee_of(function: Any) -> _Callee | None:
    """Find out what a registered function stands for; None for ``tf.py_function``'s."""
    script_ops = _script_ops()
    if isinstance(function, script_ops.EagerFunc):
        return None
    inner = _python_function(function)
    if inner is None or is_library(inner.__code__.co_filename):
        if inner is not None and "/data/ops/" in inner.__code__.co_filename.replace("\\", "/"):
            return _of_dataset(inner)
        inner = _python_function(script_ops.numpy_function)
    if inner is None:
        return None
    return _Callee(_FUNCTION, inner.__code__, inner.__globals__)


def _of_dataset(inner: types.FunctionType) -> _Callee:
    """One of the three functions of a generator's data set: only one hands on elements."""
    code, names = inner.__code__, inner.__globals__
    state = _closure(inner).get("generator_state")
    if code.co_name != "generator_py_func" or state is None:
        return _Callee("", code, names)
    generator = _python_function(state._generator)
    if generator is not None and not is_library(generator.__code__.co_filename):
        code, names = generator.__code__, generator.__globals__
    return _Callee(_GENERATOR, code, names, state)


def _closure(function: types.FunctionType) -> dict[str, Any]:
    cells = function.__closure__ or ()
    names = function.__code__.co_freevars
    return {name: cell.cell_contents for name, cell in zip(names, cells, strict=True)}


def _python_function(function: Any) -> types.FunctionType | None:
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
        else:
            return function
    return None


def _tell_arguments(stands: _Stands, function: Any, hearing: list[Recorder], args: Any) -> None:
    """Before the function runs, which may write to them."""
    callee = _callee_of(function)
    if callee is None:
        return
    if callee.route == _FUNCTION:
        for array in args:
            stands.tell(callee, hearing, _describe_argument, array)
        return
    for recorder in hearing:  # the generator's number, TensorFlow's own
        recorder.recording.housekeeping += len(args)
        recorder.recording.housekeeping_bytes += sum(getattr(arg, "nbytes", 0) for arg in args)


def _describe_argument(array: Any) -> Seen:
    seen = out_of_tensor(array, _FUNCTION, None)
    if isinstance(array, np.ndarray) and array.flags.writeable and not array.flags.owndata:
        reason = "lies in the tensor's memory: writing to the array changes the tensor"
        seen.storage = shared(reason)
        seen.shared = shared_with(array, None, HOLDER)
    return seen


_Made = tuple[Any, dict[int, tuple[Any, Any]]]
"""What the call returned, and what was converted on the way."""


def _tell_results(
    stands: _Stands,
    lent: _Lent,
    function: Any,
    hearing: list[Recorder],
    args: Any,
    made: _Made,
) -> None:
    callee = _callee_of(function)
    if callee is None or not callee.route:
        return
    frame = _frame_of_generator(callee.generators, args)
    for given, array in _origins(*made):
        if frame is not None:
            report(NAME, hearing, frame, lent.describe, given, array, callee.route)
        else:
            stands.tell(callee, hearing, lent.describe, given, array, callee.route)


class _Lent:
    """Arrays that TensorFlow was given in place, and how often each was referred to before."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Any], int]] = {}

    def describe(self, given: Any, array: np.ndarray[Any, Any], route: str) -> Seen:
        """What became of a result, and what to watch where TensorFlow uses its memory."""
        seen = into_tensor(given, array, route)
        if seen.storage.kind == VIEW:  # type: ignore[union-attr]
            seen.shared = shared_with(array, None, HOLDER)
            if seen.shared is not None:
                seen.shared.starts_anew = not self._is_still_held(array)
        return seen

    def _is_still_held(self, array: np.ndarray[Any, Any]) -> bool:
        """Whether TensorFlow holds the array from the last time that it was given."""
        now = sys.getrefcount(array)
        known = self._known.get(id(array))
        if known is not None and known[0]() is array:
            return now > known[1]
        if len(self._known) > _MOST_LENT:
            self._known.clear()
        self._known[id(array)] = weakref.ref(array), now
        return False


_MOST_LENT = 1024


def _frame_of_generator(generators: Any, args: Any) -> FrameType | None:
    """The user's generator, which stands at its ``yield`` now."""
    if generators is None or not args:
        return None
    iterator = generators._iterators.get(generators._normalize_id(args[0]))
    return iterator.gi_frame if isinstance(iterator, types.GeneratorType) else None


def _origins(
    results: Any, converted: dict[int, tuple[Any, Any]]
) -> Iterator[tuple[Any, np.ndarray[Any, Any]]]:
    """Each array that goes back to TensorFlow, with what the function returned for it."""
    for array in results if isinstance(results, list) else [results]:
        if array.dtype == object and not array.ndim and array.item() is None:
            continue  # nothing was returned
        given = array
        while id(given) in converted:
            given = converted.pop(id(given))[0]
        yield given, array


class _Stands:
    """Frames that stand for functions that are not running yet, or any more.

    Whoever asks where a conversion happened walks up from a frame. While TensorFlow
    converts a function's arguments and results, no frame of that function exists: so one
    is made, of a function that has its file, name and first line, and calls what tells.
    """

    def __init__(self) -> None:
        # By identity, which holds while the code object is kept: hashing one reads all of it.
        self._known: dict[int, tuple[CodeType, Callable[..., None]]] = {}

    def tell(
        self, callee: _Callee, hearing: list[Recorder], describe: Callable[..., Seen], *args: Any
    ) -> None:
        """Report a conversion as made by this function."""
        known = self._known.get(id(callee.code))
        if known is None:
            known = callee.code, _stand_for(callee.code, callee.names)
            self._known[id(callee.code)] = known
        known[1](_report_from_caller, hearing, describe, *args)


def _report_from_caller(hearing: list[Recorder], describe: Callable[..., Seen], *args: Any) -> None:
    report(NAME, hearing, sys._getframe(1), describe, *args)


_CALLS = (lambda call, *args: call(*args)).__code__


def _stand_for(code: CodeType, names: dict[str, Any]) -> types.FunctionType:
    """Make a function that calls its argument from the first line of the given code."""
    changed: dict[str, Any] = {
        "co_filename": code.co_filename,
        "co_name": code.co_name,
        "co_firstlineno": code.co_firstlineno,
    }
    if sys.version_info >= (3, 11):
        changed["co_qualname"] = code.co_qualname
        changed["co_linetable"] = _lines_without_columns(len(_CALLS.co_code) // 2)
    return types.FunctionType(_CALLS.replace(**changed), names)


def _lines_without_columns(units: int) -> bytes:
    """Say that all code is of the first line, and no columns: no expression is named by them.

    Entries of code 13, for up to eight code units each, and a line's change of 0; see
    CPython's Objects/locations.md.
    """
    table = b""
    while units:
        covered = min(units, 8)
        table += bytes([0x80 | 13 << 3 | covered - 1, 0])
        units -= covered
    return table
