"""What TensorFlow's profiler wrote down, as stretches of time that lie within each other.

A profile is an ``XSpace`` (tensorflow/tsl/profiler/protobuf/xplane.proto): planes, with a line
for each thread, with what ran there and when. Nowhere but in the source of what writes it is
told what the names mean: ``OpKernel::TraceString`` (tensorflow/core/framework/op_kernel.cc),
``ExecutorState::Process`` (common_runtime/executor.cc), ``SendOp::TraceString``
(kernels/sendrecv_ops.cc), ``FunctionRun`` (common_runtime/process_function_library_runtime.cc),
``DatasetBaseIterator::BuildTraceMeName`` (framework/dataset.h), ``MemoryAllocation``
(tsl/framework/bfc_allocator.cc). Seen on 2.16 and 2.21.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

CALL = "call"
EAGER = "eager op"
ITERATOR = "iterator"
ASKED = "element asked for"
PRODUCE = "element made"
RUN = "function run"
PROCESS = "graph"
DONE = "received"
CAST = "Cast"
SEND, RECEIVE = "send", "receive"
MEMORY = "allocation"
COMPILED = "compiled"
OP = "op"

MARKER = "tfnp_magic graph call"
"""What our own probe puts around whatever may run a graph; its ``call`` tells which it was."""

CAPTURED = "InstantiatedCapturedFunction::"
"""What the names of a pipeline's own functions begin with."""

_HANDED_ON = "ExecutorPropagateOutputs"
_HOST_PLANE = "/host:CPU"
_EXACT = {
    MARKER: CALL,
    "FunctionRun": RUN,
    "ExecutorState::Process": PROCESS,
    "ExecutorState::ProcessAsync::Done": DONE,
    "MemoryAllocation": MEMORY,
}
_BEGINNINGS = (
    ("EagerExecute", EAGER),
    (CAPTURED, RUN),
    ("Iterator::", ITERATOR),
    ("ReduceIterator::", ITERATOR),
    ("IteratorGetNextOp::", ASKED),
    ("IteratorGetNextAsOptionalOp::", ASKED),
    ("CpuExecutable::", COMPILED),
    ("GpuExecutable::", COMPILED),
    ("XlaLaunch", COMPILED),
)
_OPS = {
    "Cast": CAST, "_Send": SEND, "_HostSend": SEND, "_Recv": RECEIVE, "_HostRecv": RECEIVE,
}  # fmt: skip
_OP_NAME = re.compile(r"(?P<node>[^:]+):(?P<op>\w+)")


@dataclasses.dataclass(slots=True, eq=False)
class Stretch:
    """Something that ran on a thread, from one moment to another.

    Attributes
    ----------
    kind
        One of this module's constants.
    name, op
        Its name; of an op, the node's name, and the op's type.
    begin, end
        Picoseconds since the profile began.
    told
        What is told of it: shapes, devices, numbers.
    outer
        The stretch around it on its thread; None for none that is kept.
    """

    kind: str
    name: str
    op: str
    begin: int
    end: int
    told: dict[str, Any]
    outer: Stretch | None = None

    def around(self) -> Iterator[Stretch]:
        """What it lies in, the innermost first."""
        stretch = self.outer
        while stretch is not None:
            yield stretch
            stretch = stretch.outer


class Timeline:
    """The stretches of a profile, by kind, each kind in the order of time on each thread.

    Parameters
    ----------
    space
        An ``XSpace``.
    """

    def __init__(self, space: Any) -> None:
        self._by_kind: dict[str, list[Stretch]] = {}
        for plane in space.planes:
            if plane.name == _HOST_PLANE:
                self._read(plane)

    def all(self, kind: str) -> list[Stretch]:
        """All stretches of a kind."""
        return self._by_kind.get(kind, [])

    def _read(self, plane: Any) -> None:
        kinds = _kinds(plane)
        for line in plane.lines:
            found = [
                _stretch(plane, line, event, *kinds[event.metadata_id])
                for event in line.events
                if event.metadata_id in kinds
            ]
            found.sort(key=lambda stretch: (stretch.begin, -stretch.end))
            _nest(found)
            _tell_steps(plane, line, found)
            for stretch in found:
                self._by_kind.setdefault(stretch.kind, []).append(stretch)


_Kind = tuple[str, str, str]


def _kinds(plane: Any) -> dict[int, _Kind]:
    """Kind, name and op of what is kept, by its number in the plane."""
    names = {number: meta.name for number, meta in plane.event_metadata.items()}
    kinds = {number: kind for number, name in names.items() if (kind := _kind_of(name))}
    wanted = _receivers(plane, kinds)
    for number, name in names.items():
        op = _OP_NAME.fullmatch(name)
        if number not in kinds and op is not None and op["node"] in wanted:
            kinds[number] = OP, op["node"], op["op"]
    return kinds


def _kind_of(name: str) -> _Kind | None:
    op = _OP_NAME.fullmatch(name)
    if op is not None and op["op"] in _OPS:
        return _OPS[op["op"]], op["node"], op["op"]
    if name in _EXACT:
        return _EXACT[name], name, ""
    for beginning, kind in _BEGINNINGS:
        if name.startswith(beginning):
            return kind, name, ""
    return (PRODUCE, name, "") if name.endswith("Produce") else None


def _receivers(plane: Any, kinds: dict[int, _Kind]) -> set[str]:
    """Names of the ops that something is sent to: they tell its shape."""
    unread = {number for number, kind in kinds.items() if kind[0] in (SEND, RECEIVE)}
    found = set()
    for line in plane.lines:
        for event in line.events:
            if event.metadata_id in unread:
                unread.discard(event.metadata_id)  # it is the same each time
                found.add(receiving_op(_told(plane, event).get("to", "")))
    return found


def receiving_op(node: str) -> str:
    """An op's name as it runs: the results of a graph are renamed when it is split by device."""
    return f"{node.removesuffix('_RetVal')}_retval_RetVal" if node.endswith("_RetVal") else node


def _stretch(plane: Any, line: Any, event: Any, kind: str, name: str, op: str) -> Stretch:
    begin = line.timestamp_ns * 1000 + event.offset_ps
    return Stretch(kind, name, op, begin, begin + event.duration_ps, _told(plane, event))


def _told(plane: Any, event: Any) -> dict[str, Any]:
    return {plane.stat_metadata[stat.metadata_id].name: _value(plane, stat) for stat in event.stats}


def _value(plane: Any, stat: Any) -> Any:
    which = stat.WhichOneof("value")
    if which == "ref_value":
        return plane.stat_metadata[stat.ref_value].name
    return None if which is None else getattr(stat, which)


def _tell_steps(plane: Any, line: Any, stretches: list[Stretch]) -> None:
    """Tell the ops their steps that lie in no graph's stretch.

    The profile may have ended in between: a graph is done, and has said so, before the thread
    that ran its last op is through. What an op hands on is told in time, with the step.
    """
    lost = [op for op in stretches if op.op and all(o.kind != PROCESS for o in op.around())]
    if not lost:
        return
    handed_on = {number for number, meta in plane.event_metadata.items() if meta.name == _HANDED_ON}
    steps: dict[str, list[tuple[int, int]]] = {}
    for event in line.events:
        if event.metadata_id in handed_on:
            told = _told(plane, event)
            moment = line.timestamp_ns * 1000 + event.offset_ps
            steps.setdefault(told.get("kernel_name", ""), []).append((moment, told["id"]))
    for op in lost:
        after = [told for told in steps.get(op.name, ()) if told[0] >= op.begin]
        if after:
            op.told["step"] = min(after)[1]


def _nest(stretches: list[Stretch]) -> None:
    """Tell each what it lies in; they are in the order in which they began."""
    open_: list[Stretch] = []
    for stretch in stretches:
        while open_ and (open_[-1].end < stretch.end or open_[-1].end <= stretch.begin):
            open_.pop()
        stretch.outer = open_[-1] if open_ else None
        open_.append(stretch)
