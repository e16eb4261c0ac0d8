"""Arrays handed straight to an op, which converts them in C++.

Chokepoint: ``pywrap_tfe.TFE_Py_FastPathExecute(context, op, name, *inputs, *attributes)``
(tensorflow/python/eager/pywrap_tfe_src.cc). A call that fails converts nothing: the
slow path then comes by way of the constructor. Checked on 2.21.
"""

from __future__ import annotations

import math
import sys
from types import FrameType
from typing import Any

import numpy as np

from tfnp_magic import runtime
from tfnp_magic.facts import (
    HOST,
    Span,
    eager_tensor_type,
    host_view,
    itemsize_of,
    span_of_tensor,
)
from tfnp_magic.guards.guard import InteropError
from tfnp_magic.hazards import Shared, shared_with
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, PYTHON_TO_TENSORFLOW, Storage, is_host
from tfnp_magic.placement import placed_on
from tfnp_magic.probes.allocations import Taken, ring, take
from tfnp_magic.probes.arithmetic import (
    COMPUTING,
    can_read_addresses,
    facts_of,
    is_first,
    is_taken_as_it_is,
)
from tfnp_magic.probes.dtype_hints import Call, default_of, inputs_of, wanted_dtype
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import array_facts, ask, fail, report, scalar_facts
from tfnp_magic.probes.sources import dtype_name, is_array_like, numpy_memory
from tfnp_magic.probes.transfers import Transfers, watch
from tfnp_magic.recorder.comparing import cast_values
from tfnp_magic.recorder.lanes import Lane, learn
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import Seen, clock
from tfnp_magic.scope import lane_here, listeners
from tfnp_magic.tracebacks import call_from
from tfnp_magic.values import ValueChange
from tfnp_magic.verdict import (
    INFERRED,
    VIEW,
    ArrayFacts,
    copied,
    is_cast,
    may_be_shared,
    of_op_argument,
    of_other_device,
    of_placing,
    of_python,
)

NAME = "op argument"

TAPE = "a GradientTape"
"""Who holds an array's memory that an op read in place, until the gradient is computed."""


def patches() -> list[AttributePatch]:
    """The module's attribute, which every generated op looks up at each call."""
    module = sys.modules["tensorflow.python.pywrap_tfe"]
    return [AttributePatch(module, "TFE_Py_FastPathExecute", _around)]


def _around(original: Any) -> Any:
    tensor_type = eager_tensor_type()
    # Neither an array nor a Python value that became a tensor.
    settled = (tensor_type, sys.modules["tensorflow"].Variable, str, type(None))

    device = runtime.OnlyDevice()
    computing = COMPUTING if can_read_addresses() else frozenset()
    tape_is_off = sys.modules["tensorflow.python.pywrap_tfe"].TFE_Py_TapeSetIsEmpty
    ends: dict[Any, int] = {}
    """Where the inputs end among the arguments, by op."""

    def fast_path_execute(*called: Any) -> Any:
        op = called[1]
        end = ends.get(op)
        if end is None:
            end = ends[op] = 3 + inputs_of(op).number
        inputs = called[3:end]
        if op != "Cast" and device.is_alone():
            for value in inputs:
                if type(value) is not tensor_type:
                    break
            else:  # tensors alone, of which none can move: as most ops are
                try:
                    return original(*called)
                except BaseException as exc:
                    without_our_frame(exc)
                    raise
        lane = lane_here() if op in computing and tape_is_off() else None
        if lane is not None and (facts := facts_of(inputs, tensor_type)) is not None:
            try:
                return _compute(original, called, inputs, lane, (op, *facts))
            except BaseException as exc:
                without_our_frame(exc)
                raise
        others = [value for value in inputs if type(value) is not tensor_type]
        converts = bool(others) and not all(isinstance(value, settled) for value in others)
        before = _references(others) if converts else ()
        transfers = watch(op, inputs, called[end:])
        mark = ring.enter()
        try:
            result = call_from(sys._getframe(1))(original, called, _NO_KEYWORDS)
        except BaseException as exc:
            without_our_frame(exc)
            without_our_frame(exc)  # the one that calls the original
            if transfers is not None and isinstance(exc, Exception):
                transfers.tell(sys._getframe(1), failed=True)
            raise
        try:
            if transfers is not None:
                transfers.tell(sys._getframe(1), result)
            if converts:
                hearing = listeners()
                if hearing:
                    held = _held(others, before)
                    call = Call(inputs, called[end:], held)
                    taken = ring.since(mark)
                    _tell(hearing, op, call, result, taken, transfers, sys._getframe(1))
            elif op == "Cast" and (hearing := listeners()):
                frame = sys._getframe(1)
                report(NAME, hearing, frame, _tell_cast, hearing, frame, inputs[0], result)
        except InteropError as exc:
            without_our_frame(exc)
            raise
        return result

    return fast_path_execute


_NO_KEYWORDS: dict[str, Any] = {}


def _compute(
    original: Any, called: tuple[Any, ...], inputs: tuple[Any, ...], lane: Lane, key: Any
) -> Any:
    """Call an op of `COMPUTING` with an array and a tensor, heard by one trace alone."""
    mark, frame = ring.enter(), sys._getframe(2)
    try:
        result = call_from(frame)(original, called, _NO_KEYWORDS)
    except BaseException as exc:
        without_our_frame(exc)
        without_our_frame(exc)  # the one that calls the original
        raise
    hearing, now = [lane.recorder], clock()
    try:
        identity = id(inputs[0] if is_first(key[1:]) else inputs[1])
        groove = lane.find((lane.standing(frame), *key), frame, identity)
        if groove is not None:
            lane.count(groove, frame, identity, now, now)
            return result
    except Exception as error:
        fail(NAME, hearing, error)
    call = Call(inputs, called[3 + len(inputs) :])
    for seen in _tell(hearing, called[1], call, result, ring.since(mark), None, frame):
        if is_taken_as_it_is(*inputs):
            ask(NAME, hearing, learn, hearing, frame, key, seen)
    return result


def _references(values: list[Any]) -> tuple[int, ...]:
    """How often each array is referred to; empty where no tape could hold one."""
    if sys.modules["tensorflow.python.pywrap_tfe"].TFE_Py_TapeSetIsEmpty():
        return ()
    return tuple(sys.getrefcount(value) for value in values)


def _held(values: list[Any], before: tuple[int, ...]) -> frozenset[int]:
    """``id()`` of the arrays that something kept a reference to during the call."""
    after = _references(values) if before else ()
    grown = zip(values, before, after, strict=False)
    return frozenset(id(value) for value, one, other in grown if other > one)


def _tell_cast(hearing: list[Recorder], frame: FrameType, tensor: Any, result: Any) -> None:
    """An op cast a tensor: part of the conversion if the same call made it of an array."""
    dtype_to = result.dtype.name

    def values() -> ValueChange | None:
        return cast_values(host_view(tensor), host_view(result), dtype_to)

    for recorder in hearing:
        recorder.see_cast(frame, tensor, dtype_to, values)


def _tell(
    hearing: list[Recorder],
    op: str,
    call: Call,
    result: Any,
    taken: Taken,
    transfers: Transfers | None,
    frame: FrameType,
) -> list[Seen]:
    left, all_told = list(taken or ()), []
    for position, value in enumerate(call.inputs):
        kept = transfers is not None and transfers.is_kept(position)
        told = [
            report(NAME, hearing, frame, _describe, op, position, call, source, result, left, kept)
            for source in _sources(value)
        ]
        if _is_python_value(value):
            told.append(
                report(NAME, hearing, frame, _describe_python, op, position, call, value, kept)
            )
        for seen in filter(None, told):
            all_told.append(seen)
            if transfers is not None:
                report(NAME, hearing, frame, transfers.of_value, position, seen)
    return all_told


def _sources(value: Any) -> list[Any]:
    """Arrays that an input consists of; a list input holds one tensor each."""
    if isinstance(value, np.ndarray | np.generic) or is_numpy_backed(value):
        return [value]
    if isinstance(value, list | tuple):
        return [item for item in value if isinstance(item, np.ndarray | np.generic)]
    return []


def is_numpy_backed(value: Any) -> bool:
    """Whether it is no tensor of any kind, but has an array to give."""
    kind = type(value)
    return is_array_like(value) and not kind.__module__.startswith(("tensorflow.", "keras."))


def _is_python_value(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and not hasattr(value[0], "dtype")
    # Two of NumPy's scalars are Python numbers, too.
    return isinstance(value, bool | int | float | complex) and not isinstance(value, np.generic)


def _describe_python(op: str, position: int, call: Call, value: Any, kept: bool) -> Seen:
    """A Python number or sequence: its tensor is never seen, its bytes are TensorFlow's default."""
    dtype_to = wanted_dtype(op, position, call) or default_of(value) or "float32"
    shape = np.shape(value) if isinstance(value, list | tuple) else ()
    nbytes = math.prod(shape) * (itemsize_of(dtype_to) or 0)
    storage, device = of_python(nbytes, kept=kept), placed_on(dtype_to)
    return Seen(
        f"tf.raw_ops.{op}",
        PYTHON_TO_TENSORFLOW,
        shape,
        type(value).__name__,
        dtype_to,
        HOST,
        device,
        nbytes,
        storage,
        None,
        both_ends=False,
        move=of_placing(device, nbytes, INFERRED, kept=kept),
    )


def _describe(
    op: str,
    position: int,
    call: Call,
    source: Any,
    result: Any,
    left: list[Span],
    kept: bool,
) -> Seen:
    facts, shape = _facts(source)
    dtype_to = wanted_dtype(op, position, call) or facts.dtype
    results, device = _tensors(result), placed_on(dtype_to)
    storage = _storage(facts, dtype_to, shape, results, left)
    nbytes = _nbytes_as(dtype_to, shape, facts)
    seen = Seen(
        f"tf.raw_ops.{op}",
        NUMPY_TO_TENSORFLOW,
        shape,
        facts.dtype,
        dtype_to,
        HOST,
        device,
        facts.nbytes,
        storage,
        None,
        id(source),
        both_ends=False,
        move=of_placing(device, nbytes, INFERRED, kept=kept),
    )
    array = _as_array(source)
    if is_cast(facts.dtype, dtype_to):
        seen.values = cast_values(array, None, dtype_to)
    elif storage.kind == VIEW and array is not None and not isinstance(source, np.generic):
        seen.shared = _shared(array, facts, results, id(source) in call.held)
    return seen


def _as_array(source: Any) -> np.ndarray[Any, Any] | None:
    if isinstance(source, np.generic):
        return np.asarray(source)
    return source if isinstance(source, np.ndarray) else numpy_memory(source)


def _shared(
    array: np.ndarray[Any, Any], facts: ArrayFacts, results: list[Any], held: bool
) -> Shared | None:
    """What to watch: a result in the array's memory, or a tape that holds on to it."""
    for tensor in results:
        span = span_of_tensor(tensor)
        if span is not None and facts.span is not None and span.overlaps(facts.span):
            return shared_with(array, tensor)
    return shared_with(array, None, TAPE) if held else None


def _facts(source: Any) -> tuple[ArrayFacts, tuple[int, ...]]:
    if isinstance(source, np.ndarray):
        return array_facts(source), source.shape
    if isinstance(source, np.generic):
        return scalar_facts(source), ()
    memory = numpy_memory(source)
    if memory is not None:
        return array_facts(memory)._replace(writable=True), memory.shape
    nbytes = int(getattr(source, "nbytes", 0) or 0)
    shape = tuple(getattr(source, "shape", ()))
    return ArrayFacts(dtype_name(source), nbytes, None, False, False), shape


def _tensors(result: Any) -> list[Any]:
    values = result if isinstance(result, list | tuple) else [result]
    return [value for value in values if isinstance(value, eager_tensor_type())]


def _storage(
    facts: ArrayFacts, dtype_to: str, shape: tuple[int, ...], results: list[Any], left: list[Span]
) -> Storage:
    if facts.dtype.startswith(("<U", "|S", "object")):
        return copied("strings are copied one by one", None, copies=None)
    to_nbytes = _nbytes_as(dtype_to, shape, facts)
    if not is_host(placed_on(dtype_to)):
        return of_other_device(facts, to_nbytes, tuple(left))
    spans: tuple[Span, ...] = ()
    if may_be_shared(facts, dtype_to):  # else no result can lie in the array's memory
        spans = tuple(span for tensor in results if (span := span_of_tensor(tensor)) is not None)
    buffer = take(left, to_nbytes) if _is_converted(facts, dtype_to) else None
    return of_op_argument(facts, dtype_to, to_nbytes, spans, buffer)


def _is_converted(facts: ArrayFacts, dtype_to: str) -> bool:
    """Whether NumPy puts the argument into another array before TensorFlow takes it."""
    return not facts.contiguous or is_cast(facts.dtype, dtype_to)


def _nbytes_as(dtype: str, shape: tuple[int, ...], facts: ArrayFacts) -> int:
    if dtype == facts.dtype:
        return facts.nbytes
    return math.prod(shape) * (itemsize_of(dtype) or 0)
