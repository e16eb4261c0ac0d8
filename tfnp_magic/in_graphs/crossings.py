"""What graphs did becomes crossings of a recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tfnp_magic import runtime
from tfnp_magic.facts import short_device
from tfnp_magic.in_graphs.asked import asks_for_cast, innermost_in_graph
from tfnp_magic.in_graphs.casts import nodes_of_cast
from tfnp_magic.in_graphs.nodes import Line, Node, Nodes, short_name
from tfnp_magic.in_graphs.ran import CAST, CONSTANT, Ran
from tfnp_magic.model import HOST_DEVICE, IN_GRAPH, MAX_SHAPES, Crossing, Place, Site, is_host
from tfnp_magic.verdict import is_cast

if TYPE_CHECKING:
    from tfnp_magic.in_graphs.calls import Call
    from tfnp_magic.recorder.recorder import Recorder

PROFILED = "profiled"
"""The evidence of TensorFlow's profiler."""

SOMEWHERE = "graph"
"""The device of an op whose device is not told."""

_ROUTES = {CAST: "Cast", CONSTANT: "constant"}
_MOVE = "_Send"
"""What a move is called in a profile: the op that hands the tensor over."""


class Crossings:
    """Makes crossings for one recorder.

    Parameters
    ----------
    recorder
        Whose they are.
    calls
        The calls by their numbers.
    nodes
        Knows what is written of a cast.
    """

    def __init__(self, recorder: Recorder, calls: list[Call], nodes: Nodes) -> None:
        self._recorder, self._calls, self._nodes = recorder, calls, nodes
        self._found: dict[tuple[object, ...], Crossing] = {}
        self._left = Counter(recorder.casts_in_graphs)

    def of(self, ran: Iterable[Ran]) -> list[Crossing]:
        """The crossings of all that ran for this recorder."""
        times: Counter[Ran] = Counter()
        durations: dict[Ran, int | None] = {}
        for each in ran:
            times[each] += 1
            durations[each] = _sum(durations.get(each, 0), each.duration_ps, 1)
        for what, count in times.items():
            if what.call is None or id(self._recorder) in self._calls[what.call].sites:
                fresh = count - self._told_before(what, count)
                if fresh:
                    self._add(what, fresh, durations[what])
        return list(self._found.values())

    def _told_before(self, ran: Ran, count: int) -> int:
        """How many are part of a conversion of the ledger: an array whose tensor the graph cast."""
        if ran.what != CAST or ran.call is None or ran.tensor.shape is None:
            return 0
        line = self._calls[ran.call].sites[id(self._recorder)][0]
        key = line, ran.tensor.shape, ran.tensor.dtype or "", ran.result.dtype or ""
        told = min(self._left[key], count)
        self._left[key] -= told
        return told

    def _add(self, ran: Ran, times: int, duration_ps: int | None) -> None:
        fresh = self._cast(ran) if ran.what == CAST else self._move(ran)
        key = (
            fresh.site, fresh.route, fresh.dtype_from, fresh.dtype_to, fresh.cast,
            fresh.device_from, fresh.device_to,
        )  # fmt: skip
        crossing = self._found.setdefault(key, fresh)
        _count(crossing, ran, times, duration_ps)

    def _cast(self, ran: Ran) -> Crossing:
        nodes = nodes_of_cast(self._nodes, ran.functions, ran.node, ran.tensor.dtype)
        lines = self._lines(nodes)
        asked = asks_for_cast(lines)
        device = SOMEWHERE if runtime.has_several_devices() else HOST_DEVICE
        name = self._name(ran) or (short_name(nodes[0].function) if len(nodes) == 1 else "")
        reason = "TensorFlow's Cast op wrote the elements into a new tensor"
        dtypes = ran.tensor.dtype or "unknown", ran.result.dtype or "unknown"
        kind = ("explicit" if asked else "silent") if is_cast(*dtypes) else "none"
        return Crossing(
            self._site(ran, lines), f"Cast in {name}" if name else "Cast", IN_GRAPH, asked,
            *dtypes, kind, device, device, "copy", PROFILED, reason, cast_evidence=PROFILED,
        )  # fmt: skip

    def _name(self, ran: Ran) -> str:
        """The function that was called, as the user calls it; empty where several may be."""
        return short_name(ran.functions[0]) if len(ran.functions) == 1 else ""

    def _lines(self, nodes: list[Node]) -> list[Line]:
        if len(nodes) != 1:
            return []
        return self._nodes.library.lines(nodes[0].function, nodes[0].definition.name)

    def _move(self, ran: Ran) -> Crossing:
        name = self._name(ran)
        what = _ROUTES.get(ran.what, _MOVE)
        device_from, device_to = _short_name(ran.device_from), _short_name(ran.device_to)
        dtype = ran.tensor.dtype or "unknown"
        if ran.what == CONSTANT:
            reason = f"a constant of the graph was put on {device_to} before it ran"
        else:
            reason = f"the graph's ops were placed on {device_from} and {device_to}"
        return Crossing(
            self._site(ran, []), f"{what} in {name}" if name else what, IN_GRAPH, False,
            dtype, dtype, "none", device_from, device_to, "copy", PROFILED, reason,
            move_evidence=PROFILED,
        )  # fmt: skip

    def _site(self, ran: Ran, lines: list[Line]) -> Site:
        """The line that ran the graph, and the user's innermost one that made the op."""
        line = inner = None
        if ran.call is not None:
            line, inner = self._calls[ran.call].sites[id(self._recorder)]
        made_at = self._made_at(lines)
        inner = made_at or inner
        same = inner is not None and line is not None and inner[:2] == line[:2]
        return Site(line, None if same else inner)

    def _made_at(self, lines: list[Line]) -> Place | None:
        line = innermost_in_graph(lines)
        return None if line is None else self._recorder.place_at(*line)


def _short_name(device: str) -> str:
    """``XPU:0``; an allocator knows a plugin's device by its number alone."""
    name = short_device(device)
    kind, _, number = name.partition(":")
    if kind != _PLUGIN:
        return name
    kinds = {one.name.partition(":")[0] for one in runtime.devices() if not is_host(one.name)}
    return f"{kinds.pop()}:{number}" if len(kinds) == 1 else name


_PLUGIN = "PluggableDevice"


def _count(crossing: Crossing, ran: Ran, times: int, duration_ps: int | None) -> None:
    crossing.count += times
    crossing.nbytes = _sum(crossing.nbytes, ran.tensor.nbytes, times)
    written = ran.result.nbytes if ran.what == CAST else ran.moved_bytes
    crossing.copied_bytes = _sum(crossing.copied_bytes, written, times)
    crossing.copies = _sum(crossing.copies, 1 if written != 0 else 0, times)
    crossing.moved_bytes = _sum(crossing.moved_bytes, ran.moved_bytes, times)
    duration = None if duration_ps is None else duration_ps // 1000
    crossing.duration_ns = _sum(crossing.duration_ns, duration, 1)
    shape = ran.tensor.shape
    if shape is not None and (shape in crossing.shapes or len(crossing.shapes) < MAX_SHAPES):
        crossing.shapes[shape] = crossing.shapes.get(shape, 0) + times
    else:
        crossing.other_shapes += times


def _sum(total: int | None, part: int | None, times: int) -> int | None:
    return None if total is None or part is None else total + part * times
