"""Tensor to array by way of the tensor's own methods.

Chokepoints (tensorflow/python/framework/ops.py and pywrap_tensor.cc; 2.21):
``EagerTensor._numpy_internal``, a C method that shares the tensor's memory for every
dtype but strings, and above it ``_EagerTensorBase.numpy``, which copies.
"""

from __future__ import annotations

import functools
import sys
from types import FrameType
from typing import Any

import numpy as np

from tfnp_magic.facts import eager_tensor_type, name_of_dtype
from tfnp_magic.frames.into import name_of_dtype_like, named
from tfnp_magic.frames.route import outside_of_tensor
from tfnp_magic.guards.guard import InteropError
from tfnp_magic.model import Storage
from tfnp_magic.probes.buffer import stood
from tfnp_magic.probes.looks import belongs_to_last_look, has_no_look
from tfnp_magic.probes.memory_looks import CopiedLook
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import PYTHON_READS, ask, fail, read_of, report
from tfnp_magic.probes.waits import Arrival
from tfnp_magic.recorder.lanes import Lane, learn, refuse
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import Seen, clock
from tfnp_magic.scope import inner, is_tracing, lane_here, listeners
from tfnp_magic.verdict import once_more

NAME = "Tensor.numpy"


def patches() -> list[AttributePatch]:
    """Both levels: the method that copies, and the one below that shares."""
    tensor = eager_tensor_type()
    base = next(kind for kind in tensor.__mro__ if "numpy" in vars(kind))
    return [
        AttributePatch(tensor, "_numpy_internal", _around_numpy_internal),
        AttributePatch(base, "numpy", _around_numpy),
    ]


def _around_numpy(original: Any) -> Any:
    def numpy(self: Any) -> Any:
        lane = lane_here()
        if lane is None and not is_tracing():
            return original(self)
        hearing = listeners() if lane is None else [lane.recorder]
        arrival = stood(NAME, hearing, self) if lane is None and hearing else None
        started = clock()
        # Also when nobody hears: what is left out is one conversion, too.
        inner.absorbing += 1
        try:
            result = original(self)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            inner.absorbing -= 1
        if hearing:
            stopped, frame = clock(), sys._getframe(1)
            try:
                if lane is not None and type(result) is np.ndarray and result.flags.owndata:
                    key = lane.standing(frame), result.dtype, result.shape
                    groove = lane.find(key, frame, id(self))
                    if groove is not None:
                        lane.count(groove, frame, id(self), started, stopped)
                        return result
            except Exception as error:
                fail(NAME, hearing, error)
            took = stopped - started
            try:
                seen = report(
                    NAME, hearing, frame, _describe_numpy, self, result, took, frame, arrival
                )
            except InteropError as exc:
                without_our_frame(exc)
                raise
            if seen is not None and seen.told is not None:
                ask(NAME, hearing, _learn, hearing, frame, result, seen)
        return result

    numpy.__wrapped__ = original  # type: ignore[attr-defined]
    numpy.__doc__ = original.__doc__
    return numpy


def _learn(hearing: list[Recorder], frame: FrameType, result: Any, seen: Seen) -> None:
    """All others are like it that are copies of this dtype and shape: nothing can move here."""
    if type(result) is np.ndarray and result.flags.owndata and not result.dtype.hasobject:
        learn(hearing, frame, (result.dtype, result.shape), seen)


def _describe_numpy(
    tensor: Any, result: Any, duration_ns: int, frame: FrameType, arrival: Arrival | None
) -> Seen:
    seen = read_of(tensor, NAME, result, duration_ns, handed_out=True, arrival=arrival)
    asked = _array_method(frame)
    if isinstance(result, np.ndarray) and isinstance(seen.storage, Storage) and asked is not None:
        storage = seen.storage
        if _copies_what_has_that_dtype() and _is_asked_for(asked, result.dtype):
            what = "TensorFlow copied that once more"
            storage = once_more(storage, result.nbytes, what, seen=False)
        seen.storage = CopiedLook(result, storage)
    return seen


def _array_method(frame: FrameType | None) -> FrameType | None:
    """The frame of ``__array__``, by which NumPy asks Variables: it may copy once more."""
    outside = outside_of_tensor(frame)
    while frame is not None and frame is not outside:
        if frame.f_code.co_name == "__array__":
            return frame
        frame = frame.f_back
    return None


def _is_asked_for(frame: FrameType, dtype: np.dtype[Any]) -> bool:
    """Whether ``__array__`` was called with the dtype that the array of numbers has anyway."""
    found = named(frame, "dtype")
    is_same = found is not None and name_of_dtype_like(found[0]) == name_of_dtype(dtype)
    return is_same and np.issubdtype(dtype, np.number)


@functools.cache
def _copies_what_has_that_dtype() -> bool:
    """Whether TensorFlow copies an array to give it the dtype that it has.

    `np_asarray` of tensorflow/python/util/numpy_compat.py does with NumPy 2 on 2.18, and does
    not on 2.21; Variables' ``__array__`` calls it.
    """
    compat = sys.modules.get("tensorflow.python.util.numpy_compat")
    if compat is None:
        return False
    array = np.zeros(1)
    return not np.may_share_memory(compat.np_asarray(array, dtype=array.dtype), array)


def _around_numpy_internal(original: Any) -> Any:
    def _numpy_internal(self: Any) -> Any:
        if inner.absorbing:
            return original(self)
        lane = lane_here()
        hearing = listeners() if lane is None else [lane.recorder]
        if not hearing:
            return original(self)
        arrival = stood("tensor value", hearing, self) if lane is None else None
        started = clock()
        try:
            result = original(self)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        stopped, frame = clock(), sys._getframe(1)
        facts = None
        if isinstance(result, np.number | np.bool_):
            facts = ask(NAME, hearing, _facts_of_scalar, result, frame)
            if lane is not None and facts is not None:
                span = started, stopped
                if ask(NAME, hearing, _count_scalar, lane, facts, frame, self, span):
                    return result
        took = stopped - started
        try:
            seen = report(
                "tensor value", hearing, frame, _describe_read, self, result, frame, took, arrival
            )
        except InteropError as exc:
            without_our_frame(exc)
            raise
        if seen is not None and seen.told is not None and facts is not None:
            ask(NAME, hearing, learn, hearing, frame, facts, seen)
        return result

    _numpy_internal.__wrapped__ = original  # type: ignore[attr-defined]
    return _numpy_internal


def _facts_of_scalar(result: Any, frame: FrameType) -> tuple[Any, ...]:
    """What tells reads of numbers apart: by which method, and of what dtype."""
    return _method_of_tensor(frame)[0], result.dtype


def _count_scalar(
    lane: Lane, facts: tuple[Any, ...], frame: FrameType, tensor: Any, span: tuple[int, int]
) -> bool:
    """Count a read of a number that is like others; False if it must be described."""
    groove = lane.find((lane.standing(frame), *facts), frame, id(tensor))
    if groove is None or not has_no_look(tensor):
        return False
    lane.count(groove, frame, id(tensor), *span)
    return True


def _describe_read(
    tensor: Any, result: Any, frame: FrameType, duration_ns: int, arrival: Arrival | None
) -> Seen | None:
    method, caller = _method_of_tensor(frame)
    if method == "__index__" and not isinstance(result, np.integer | np.bool_):
        return None  # `bytes(t)` asks first whether it is a number; no conversion comes of it
    if method in PYTHON_READS and belongs_to_last_look(tensor, caller):
        if caller is not None:
            refuse(caller)
        return None
    to_python = method in PYTHON_READS
    lowest = f"Tensor.{method}"
    return read_of(tensor, lowest, result, duration_ns, to_python=to_python, arrival=arrival)


def _method_of_tensor(frame: FrameType) -> tuple[str, FrameType | None]:
    """Name of the outermost method of the tensor that led here, and the frame that called it."""
    ops_file, name = frame.f_code.co_filename, frame.f_code.co_name
    walk = frame.f_back
    while walk is not None and walk.f_code.co_filename == ops_file:
        name = walk.f_code.co_name
        walk = walk.f_back
    return name, walk
