"""Moves inside graphs: a send and its receive, and constants that go to a device.

Where a graph was split between devices, a ``_Send`` hands a tensor over and a ``_Recv`` of the
same key takes it; the later of the two copies it (``IntraProcessRecvAsyncImpl``,
tensorflow/core/common_runtime/rendezvous_mgr.cc). ``_HostSend`` and ``_HostRecv`` have
their tensor in host memory, whatever their device.

The bytes are those of the buffer that was allocated on the way, where the profile has it: host
memory's allocator tells nothing. There they follow from the shape that the op told which got
the tensor.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tfnp_magic.facts import short_device
from tfnp_magic.in_graphs.nodes import Nodes
from tfnp_magic.in_graphs.ran import CONSTANT, MOVE, Ran
from tfnp_magic.in_graphs.shapes import UNKNOWN, Tensor, dtype_named, inputs_in, shape_in
from tfnp_magic.in_graphs.steps import Steps, step_of
from tfnp_magic.in_graphs.timeline import (
    DONE,
    MEMORY,
    OP,
    RECEIVE,
    SEND,
    Stretch,
    Timeline,
    receiving_op,
)
from tfnp_magic.model import HOST_DEVICE, is_host

NOTHING = Tensor("float32", (0,))
"""What is sent to an op that only waits for another (``AddDummyConst``, graph_partition.cc)."""

_ON_THE_WAY = "SameWorkerRecvDone"
"""What the buffer is allocated for that a tensor is received in."""


class _Pair(NamedTuple):
    """A send and the receive of the same key, in the same step."""

    send: Stretch
    receive: Stretch


def moves_in(timeline: Timeline, steps: Steps, nodes: Nodes) -> list[Ran]:
    """All moves that graphs made while they ran.

    Parameters
    ----------
    timeline, steps
        The profile, and the calls behind its steps.
    nodes
        Knows which input of an op a tensor is.
    """
    found = _Receivers(timeline, nodes)
    moves = []
    for pair in _pairs(timeline):
        ends = _ends(pair)
        if ends[0] != ends[1] and steps.ran_in_graph(pair.send):
            call = steps.call_of(pair.send)
            moves.append(found.move(pair, call, ends, steps.functions_of(pair.send)))
    return moves


def _pairs(timeline: Timeline) -> Iterator[_Pair]:
    """Sends with their receives, in the order in which they ran.

    The profile may have ended before a send was through whose tensor had arrived: what got it
    stands for both.
    """
    receives: dict[tuple[int, str], list[Stretch]] = {}
    for receive in timeline.all(RECEIVE):
        receives.setdefault((step_of(receive), receive.told.get("key", "")), []).append(receive)
    for send in sorted(timeline.all(SEND), key=lambda stretch: stretch.begin):
        waiting = receives.get((step_of(send), send.told.get("key", "")))
        if waiting:
            yield _Pair(send, waiting.pop(0))
    arrived = {done.told.get("name") for done in timeline.all(DONE)}
    for receive in itertools.chain.from_iterable(receives.values()):
        if receive.name in arrived:
            yield _Pair(receive, receive)


def _ends(pair: _Pair) -> tuple[str, str]:
    """The devices in whose memory the tensor is before and after."""
    device_from, _, device_to = pair.send.told.get("key", ";;").split(";")[:3]
    if pair.send.op.startswith("_Host"):
        device_from = _host_of(device_from)
    if pair.receive.op.startswith("_Host"):
        device_to = _host_of(device_to)
    return device_from, device_to


def _host_of(device: str) -> str:
    task, _, _ = device.rpartition("device:")
    return f"{task}device:{HOST_DEVICE}"


class _Receivers:
    """Finds out what was sent, by the ops that got it."""

    def __init__(self, timeline: Timeline, nodes: Nodes) -> None:
        self._nodes = nodes
        self._ops: dict[tuple[int, str], list[Stretch]] = {}
        for op in timeline.all(OP):
            self._ops.setdefault((step_of(op), op.name), []).append(op)
        self._buffers: dict[Stretch, list[Stretch]] = {}
        self._outputs: dict[tuple[int, str], set[Tensor]] = {}
        for buffer in timeline.all(MEMORY):
            self._take(buffer)
        self._done: dict[tuple[int, str], list[Stretch]] = {}
        for done in sorted(timeline.all(DONE), key=lambda stretch: stretch.begin):
            key = done.told.get("step_id", 0), done.told.get("name", "")
            self._done.setdefault(key, []).append(done)

    def _take(self, buffer: Stretch) -> None:
        told = buffer.told
        if told.get("tf_op") == _ON_THE_WAY:
            for outer in buffer.around():
                if outer.kind in (SEND, RECEIVE):
                    self._buffers.setdefault(outer, []).append(buffer)
                    return
        elif told.get("region_type") == "output":
            key = told.get("id", 0), told.get("tf_op", "")
            self._outputs.setdefault(key, set()).add(_tensor_of(buffer))

    def move(
        self, pair: _Pair, call: int | None, ends: tuple[str, str], functions: tuple[str, ...]
    ) -> Ran:
        """A move as it is told."""
        tensor, nbytes = self._what(pair, functions)
        if is_host(short_device(ends[0])) and is_host(short_device(ends[1])):
            nbytes = 0  # logical devices of the CPU share their memory
        if (
            pair.send is pair.receive
            and not is_host(short_device(ends[0]))
            and (tensor.dtype in ("", "int32"))
        ):
            nbytes = None  # it may have been in host memory: how it was sent is not told
        duration = self._duration(pair)
        node = pair.send.told.get("from", pair.send.name)
        return Ran(MOVE, call, functions, node, tensor, tensor, *ends, nbytes, duration)

    def _what(self, pair: _Pair, functions: tuple[str, ...]) -> tuple[Tensor, int | None]:
        buffers = [b for end in pair for b in self._buffers.get(end, ())]
        if not buffers and self._only_waits(pair, functions):
            return NOTHING, 0
        if buffers:
            nbytes = sum(buffer.told.get("requested_bytes", 0) for buffer in buffers)
            return _tensor_of(buffers[0]) if len(buffers) == 1 else UNKNOWN, nbytes
        tensor = self._received(pair, functions)
        return tensor, tensor.nbytes

    def _only_waits(self, pair: _Pair, functions: tuple[str, ...]) -> bool:
        """Whether the receiver gets nothing but the word that the sender is through."""
        receiver, name = pair.send.told.get("to", ""), pair.send.told.get("from", "")
        nodes = self._nodes.find(functions, receiver)
        if nodes and all(node.waits_for(name) for node in nodes):
            return True
        ops = self._ops.get((step_of(pair.send), receiving_op(receiver)), [])
        return bool(ops) and not any(op.told.get("shape") for op in ops)

    def _received(self, pair: _Pair, functions: tuple[str, ...]) -> Tensor:
        """What the op says that got it, or what was allocated for it where it was made."""
        inputs = self._inputs_of_receiver(pair)
        name = pair.send.told.get("from", "")
        at = self._position(pair.send.told.get("to", ""), name, functions)
        if at is not None and at < len(inputs):
            return inputs[at]
        made = self._outputs.get((step_of(pair.send), name), set())
        return _one_of(made) or _one_of(inputs) or UNKNOWN

    def _inputs_of_receiver(self, pair: _Pair) -> list[Tensor]:
        ops = self._ops.get((step_of(pair.send), receiving_op(pair.send.told.get("to", ""))), [])
        later = [op for op in ops if op.begin >= pair.send.begin]
        if not later:
            return []
        first = min(later, key=lambda op: op.begin)
        return inputs_in(first.told.get("shape", ""))

    def _position(self, receiver: str, producer: str, functions: tuple[str, ...]) -> int | None:
        places = {n.position_of(producer) for n in self._nodes.find(functions, receiver)}
        return places.pop() if len(places) == 1 else None

    def _duration(self, pair: _Pair) -> int:
        """From when both were ready until it was there: a device may be busy with other work."""
        begin = max(pair.send.begin, pair.receive.begin)
        waiting = self._done.get((step_of(pair.receive), pair.receive.name), [])
        end = next((done for done in waiting if done.begin >= begin), None)
        if end is None:
            return max(pair.send.end, pair.receive.end) - begin
        waiting.remove(end)
        return end.begin - begin


def _tensor_of(buffer: Stretch) -> Tensor:
    dtype = dtype_named(buffer.told.get("data_type", 0))
    return Tensor(dtype, shape_in(buffer.told["shape"]) if "shape" in buffer.told else None)


def _one_of(tensors: Iterable[Tensor]) -> Tensor | None:
    """The one tensor that all of them are; None where they differ."""
    distinct = set(tensors)
    return distinct.pop() if len(distinct) == 1 else None


def constants_in(timeline: Timeline, steps: Steps) -> list[Ran]:
    """Constants that were copied to a device when the graph was made ready to run there.

    They are made in host memory first (``MakeTensorFromProto`` and ``MaybeCopyTensorToGPU``,
    tensorflow/core/common_runtime/gpu/gpu_device.cc; pluggable_device.cc, 2.21): two buffers of
    a size, for one node, and for none of its inputs or outputs.
    """
    buffers = sorted(timeline.all(MEMORY), key=lambda stretch: stretch.begin)
    unasked = [
        b for b in buffers if b.told.get("region_type") in _NO_REGION and b.told.get("tf_op")
    ]
    found = []
    for before, after in itertools.pairwise(unasked):
        if _is_copied(before, after):
            device = _device_of(after.told["allocator_name"])
            nbytes = after.told.get("requested_bytes")
            found.append(
                Ran(CONSTANT, steps.call_of(after), steps.functions_of(after), after.told["tf_op"],
                    device_from=HOST_DEVICE, device_to=device, moved_bytes=nbytes)
            )  # fmt: skip
    return found


_NO_REGION = (None, "(null)")
"""What is told of memory that is none of an op's inputs or outputs; the latter by 2.16."""


def _is_copied(before: Stretch, after: Stretch) -> bool:
    same = all(before.told.get(k) == after.told.get(k) for k in ("tf_op", "requested_bytes"))
    return same and _is_of_host(before) and not _is_of_host(after)


def _is_of_host(buffer: Stretch) -> bool:
    return "host" in str(buffer.told.get("allocator_name", "")).lower()


def _device_of(allocator: str) -> str:
    """``PluggableDevice:0`` for ``PluggableDevice_0_bfc``."""
    kind, _, rest = allocator.partition("_")
    return f"{kind}:{rest.partition('_')[0]}"
