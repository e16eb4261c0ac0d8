"""Python functions that a graph calls: ``tf.numpy_function`` and ``Dataset.from_generator``.

Chokepoints: ``FuncRegistry.__call__``, which TensorFlow's threads call with arrays over
its tensors' memory, and ``FuncRegistry._convert``, which makes arrays of what the
function returned (tensorflow/python/ops/script_ops.py and
tensorflow/python/lib/core/py_func.cc; 2.21). ``tf.py_function`` passes here, too, but
with tensors: what becomes of those, the other probes see. What its function returned is
converted by ``EagerFunc._convert``, which is not called by any code of the user's.
"""

from __future__ import annotations

import functools
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TypeVar

import numpy as np

from tfnp_magic.driving.callers import callers
from tfnp_magic.driving.driver import NOBODY, Driver, begin_work_for, end_work, work_here
from tfnp_magic.facts import eager_tensor_type, raw_value
from tfnp_magic.hazards import shared_with
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.python_functions import (
    EAGER,
    FUNCTION,
    GENERATOR,
    Callee,
    PlainFunctions,
    generators_of,
    role_of,
)
from tfnp_magic.probes.reporting import ask, attempt, report
from tfnp_magic.probes.stands import Stands
from tfnp_magic.probes.unseen import into_tensor, out_of_tensor
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import Seen
from tfnp_magic.scope import listeners
from tfnp_magic.verdict import VIEW, shared

NAME = "Python function in a graph"

HOLDER = "a graph's tensor"
"""What changes when the function writes to its argument."""

_T = TypeVar("_T")


def patches() -> list[AttributePatch]:
    """Both methods of the class, and the one that converts what ``tf.py_function`` got."""
    registry, stands = _script_ops().FuncRegistry, Stands()
    return [
        AttributePatch(registry, "_convert", functools.partial(_around_convert, stands)),
        AttributePatch(registry, "__call__", functools.partial(_around_call, stands)),
        AttributePatch(
            _script_ops().EagerFunc, "_convert", functools.partial(_around_eager_convert, stands)
        ),
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
    callee, args
        What is called, and with what; None when nobody hears.
    is_foreign
        Whether the thread is TensorFlow's, so that no frames are below the call's.
    """

    converted: dict[int, tuple[Any, Any]] | None = None
    callee: Callee | None = None
    args: Any = ()
    is_foreign: bool = False


_running = _Running()


def _around_convert(stands: Stands, original: Any) -> Any:
    def _convert(value: Any, dtype: Any = None) -> Any:
        as_if = attempt(NAME, _place_of_conversion, stands, value) if _running.is_foreign else None
        as_if = as_if or _call
        try:
            result = as_if(original, value, dtype)
        except BaseException as exc:
            without_our_frame(exc)
            without_our_frame(exc)  # the one that calls the original
            raise
        if _running.converted is not None and result is not value:
            _running.converted[id(result)] = value, result
        return result

    return staticmethod(_convert)


def _place_of_conversion(stands: Stands, value: Any) -> Callable[..., Any]:
    """What calls the conversion as if the user's function did, if that reads tensors."""
    callee = _running.callee
    if callee is None or callee.is_library or not isinstance(value, _kinds_that_are_read()):
        return _call
    frame = _frame_of_generator(callee.generators, _running.args)
    return stands.of(callee, 0 if frame is None else frame.f_lineno)


def _kinds_that_are_read() -> tuple[type[Any], ...]:
    return eager_tensor_type(), list, tuple


def _call(called: Callable[..., _T], *args: Any) -> _T:
    return called(*args)


def _around_call(stands: Stands, original: Any) -> Any:
    lent, plain = _Lent(), PlainFunctions()

    def __call__(self: Any, token: Any, device: Any, args: Any) -> Any:  # noqa: N807
        function = self.get(token)
        driver, before = attempt(NAME, _driver_of, plain, token, function, args), work_here()
        outer = _running.converted, _running.callee, _running.args, _running.is_foreign
        try:
            begin_work_for(driver)
            hearing = listeners()
            _running.converted, _running.args = {} if hearing else None, args
            _running.is_foreign = sys._getframe().f_back is None
            callee = attempt(NAME, plain.callee_of, token, function) if hearing else None
            _running.callee = callee
            if callee is not None:
                ask(NAME, hearing, _tell_arguments, stands, callee, hearing, args)
            results = original(self, token, device, args)
            attempt(NAME, _note_generator, plain, token, function, args, results)
            if callee is not None:
                made = results, _running.converted or {}
                ask(NAME, hearing, _tell_results, stands, lent, callee, hearing, args, made)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            _running.converted, _running.callee, _running.args, _running.is_foreign = outer
            end_work(before)
        return results

    return __call__


def _around_eager_convert(stands: Stands, original: Any) -> Any:
    """Give what ``tf.py_function``'s function returned a place, while it is converted."""

    def _convert(self: Any, value: Any, dtype: Any) -> Any:
        callee = _running.callee
        if callee is None or callee.is_library or not _running.is_foreign:
            return original(self, value, dtype)
        as_if = attempt(NAME, stands.of, callee) or _call
        try:
            return as_if(original, self, value, dtype)
        except BaseException as exc:
            without_our_frame(exc)
            without_our_frame(exc)  # the one that calls the original
            raise

    return _convert


def _driver_of(plain: PlainFunctions, token: str, function: Any, args: Any) -> Driver | None:
    """What drives this call; None where that cannot be told.

    A generator's number tells it for certain, once it was seen to begin.
    """
    state = None if plain.has(token, function) else generators_of(function)
    if state is None:
        return callers.driver_of(callers.may_call(token))
    if role_of(function) == "get_next_id":
        return callers.driver_of(callers.may_begin(token))
    began = callers.began(state, _number(args[0]))
    if began is None:
        return callers.driver_of(callers.begun_before(token)) or NOBODY
    return callers.driver_of(began)


def _number(value: Any) -> int:
    """The number of a generator, which is an array or, for some elements, a tensor."""
    return int(value if isinstance(value, np.ndarray | np.generic) else raw_value(value))


def _note_generator(
    plain: PlainFunctions, token: str, function: Any, args: Any, results: Any
) -> None:
    """A generator begins, or is done with."""
    if plain.has(token, function):
        return
    state, role = generators_of(function), role_of(function)
    if state is not None and role == "get_next_id":
        callers.begins(state, _number(results), token)
    elif state is not None and role == "finalize_py_func":
        callers.finishes(state, _number(args[0]))


def _tell_arguments(stands: Stands, callee: Callee, hearing: list[Recorder], args: Any) -> None:
    """Before the function runs, which may write to them."""
    if callee.route == FUNCTION:
        for array in args:
            _tell(stands, callee, hearing, _describe_argument, array)
    elif callee.route != EAGER:
        for recorder in hearing:  # the generator's number, TensorFlow's own
            recorder.recording.housekeeping += len(args)
            recorder.recording.housekeeping_bytes += sum(getattr(arg, "nbytes", 0) for arg in args)


def _describe_argument(array: Any) -> Seen:
    seen = out_of_tensor(array, FUNCTION, None)
    if isinstance(array, np.ndarray) and array.flags.writeable and not array.flags.owndata:
        reason = "lies in the tensor's memory: writing to the array changes the tensor"
        seen.storage = shared(reason)
        seen.shared = shared_with(array, None, HOLDER)
    return seen


_Made = tuple[Any, dict[int, tuple[Any, Any]]]
"""What the call returned, and what was converted on the way."""


def _tell_results(
    stands: Stands,
    lent: _Lent,
    callee: Callee,
    hearing: list[Recorder],
    args: Any,
    made: _Made,
) -> None:
    """After it; what `tf.py_function` returned is converted before, and seen there."""
    results, converted = made
    if callee.route not in (FUNCTION, GENERATOR) or _are_tensors(results):
        return
    frame = _frame_of_generator(callee.generators, args)
    for given, array in _origins(results, converted):
        if frame is not None:
            report(NAME, hearing, frame, lent.describe, given, array, callee.route)
        else:
            _tell(stands, callee, hearing, lent.describe, given, array, callee.route)


def _are_tensors(results: Any) -> bool:
    """Elements that are no plain tensors (ragged ones) are made tensors, not arrays."""
    first = results[0] if isinstance(results, list) and results else results
    return not isinstance(first, np.ndarray | np.generic)


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
    iterator = generators._iterators.get(_number(args[0]))
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


def _tell(
    stands: Stands,
    callee: Callee,
    hearing: list[Recorder],
    describe: Callable[..., Seen],
    *args: Any,
) -> None:
    """Report a conversion as made by this function."""
    stands.of(callee)(_report_from_caller, hearing, describe, *args)


def _report_from_caller(hearing: list[Recorder], describe: Callable[..., Seen], *args: Any) -> None:
    report(NAME, hearing, sys._getframe(1), describe, *args)
