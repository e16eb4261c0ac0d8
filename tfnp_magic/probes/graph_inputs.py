"""Arrays that become tensors of one dtype, and which the graph then casts to another.

Chokepoint: ``Context.call_function(name, tensor_inputs, num_outputs)``
(tensorflow/python/eager/context.py, 2.21), called by ``AtomicFunction.call_flat``
(tensorflow/python/eager/polymorphic_function/atomic_function.py), which knows the graph.
What a graph does is not seen: that it casts an input, and uses it in no other way, is read
off the graph itself, as Keras's ``train_on_batch`` has it for float64.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Set
from types import FrameType
from typing import Any

from tfnp_magic.facts import host_view
from tfnp_magic.frames.route import is_wrapper
from tfnp_magic.frames.site import forget_snapshot, is_library, is_own
from tfnp_magic.guards.guard import InteropError
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import report
from tfnp_magic.recorder.comparing import cast_values
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import GraphCast
from tfnp_magic.scope import overhearing
from tfnp_magic.values import ValueChange

NAME = "graph input"


def patches() -> list[AttributePatch]:
    """The context's method."""
    context = sys.modules["tensorflow.python.eager.context"]
    return [AttributePatch(context.Context, "call_function", _around)]


_Known = dict[tuple[Any, int], "GraphCast | None"]
"""What a function, by its name, does to one of its inputs."""

_NOT_YET = GraphCast("", False, False)
"""Stands for an input that was not looked at."""

_MOST_KNOWN = 4096


def _around(original: Any) -> Any:
    known: _Known = {}  # no longer than the patch is in: a name may stand for another graph then

    def call_function(self: Any, name: Any, tensor_inputs: Any, *args: Any, **kwargs: Any) -> Any:
        hearing = overhearing()
        for recorder in hearing:
            recorder.recording.graph_calls += 1
        try:
            result = original(self, name, tensor_inputs, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        made = _lately_made(hearing)
        inputs = made and [
            (position, tensor)
            for position, tensor in enumerate(tensor_inputs)
            if id(tensor) in made and known.get((name, position), _NOT_YET) is not None
        ]
        if inputs:
            frame = sys._getframe(1)
            try:
                report(NAME, hearing, frame, _tell, known, hearing, frame, name, inputs)
            except InteropError as exc:
                without_our_frame(exc)
                raise
        return result

    return call_function


def _lately_made(hearing: list[Recorder]) -> Set[int]:
    if len(hearing) == 1:  # mostly, and once a call
        return hearing[0].lately_made()
    return {number for recorder in hearing for number in recorder.lately_made()}


def _tell(
    known: _Known,
    hearing: list[Recorder],
    frame: FrameType,
    name: Any,
    inputs: list[tuple[int, Any]],
) -> None:
    for position, tensor in inputs:
        if (name, position) not in known:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[name, position] = _cast_of_input(_function_of(frame), position, tensor.dtype)
        cast = known[name, position]
        if cast is not None:
            values = functools.partial(_values, tensor, cast.dtype)
            for recorder in hearing:
                recorder.see_cast(frame, tensor, cast.dtype, values, cast)


def _values(tensor: Any, dtype: str) -> ValueChange | None:
    return cast_values(host_view(tensor), None, dtype)


def _function_of(frame: FrameType) -> Any:
    """The function that is called; None where another TensorFlow calls it from elsewhere."""
    if frame.f_code.co_name != "call_flat":
        return None
    names = frame.f_locals
    try:
        return names.get("self")
    finally:
        forget_snapshot(frame, names)


def _graph_of(function: Any) -> Any:
    """The graph that Python built; None for one that was loaded, which has no traceback."""
    return getattr(function, "_cached_graph", None)


def _cast_of_input(function: Any, position: int, dtype: Any) -> GraphCast | None:
    """What the graph casts an input to; None where it uses it as it is, or that is not told."""
    graph = _graph_of(function)
    if graph is None or position >= len(graph.inputs) or graph.inputs[position].dtype != dtype:
        return None
    is_compiled = _is_compiled(function)
    casts = _casts_of(graph, graph.inputs[position], is_compiled, _DEPTH)
    # The optimizer makes one of several that are alike.
    return casts[0] if casts and all(cast == casts[0] for cast in casts) else None


_DEPTH = 16
"""Ops and functions, one within the other, that an input is followed through."""

_HAND_ON = frozenset({"Identity", "StopGradient", "PreventGradient", "EnsureShape", "Snapshot"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_OF_SHAPE = frozenset({"Shape", "ShapeN", "Rank", "Size"})


def _casts_of(graph: Any, tensor: Any, is_compiled: bool, depth: int) -> list[GraphCast] | None:
    """The casts that a tensor goes into; None if it goes anywhere else, too."""
    if not depth or any(output.name == tensor.name for output in graph.outputs):
        return None
    found: list[GraphCast] = []
    for op in tensor.consumers():
        if op.type in _OF_SHAPE:
            continue
        for casts in _casts_by(graph, op, tensor, is_compiled, depth):
            if casts is None:
                return None
            found += casts
    return found


def _casts_by(
    graph: Any, op: Any, tensor: Any, is_compiled: bool, depth: int
) -> Iterator[list[GraphCast] | None]:
    if op.type == "Cast":
        asked = _is_asked_for(op)
        dtype = op.outputs[0].dtype.name
        yield None if asked is None else [GraphCast(dtype, asked, is_compiled)]
    elif op.type in _HAND_ON:
        yield _casts_of(graph, op.outputs[0], is_compiled, depth - 1)
    elif op.type in _CALLS:
        function = graph._get_function(op.get_attr("f").name)
        inner = _graph_of(function)
        for position, each in enumerate(op.inputs):
            if each.name == tensor.name:
                compiled = is_compiled or (inner is not None and _is_compiled(function))
                yield inner and _casts_of(inner, inner.inputs[position], compiled, depth - 1)
    else:
        yield None


def _is_compiled(function: Any) -> bool:
    """Whether XLA makes one kernel of it, in which a cast need not fill a buffer."""
    attribute = function.cached_definition.attr.get("_XlaMustCompile")
    return attribute is not None and attribute.b


_CASTS = frozenset({"cast", "saturate_cast", "astype"})
"""Functions of TensorFlow's and Keras's by which a user asks for a cast."""


def _is_asked_for(op: Any) -> bool | None:
    """Whether the user wrote the cast: called for it, where the op was put into the graph."""
    called = ""
    for frame in reversed(list(op.traceback or ())):
        if not is_library(frame.filename):
            return called in _CASTS
        if not is_own(frame.filename) and not is_wrapper(frame.filename):
            called = frame.name
    return None
