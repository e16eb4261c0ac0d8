"""What graphs cast and moved while they ran, as TensorFlow's own profiler saw it.

``timeline`` reads a profile; ``steps`` finds the call behind each run of a graph; ``casts`` and
``moves`` pick out what happened to data (a ``ran`` each), with the help of the functions' ``nodes``
and their ``shapes``; ``asked`` tells what the user wrote from what a library did; ``crossings``
adds it to a recording. ``calls`` and ``library`` are what our probes and TensorFlow's runtime know.
``profiling`` runs the profiler, ``hushed`` so that it writes nothing below a cell.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tfnp_magic.in_graphs.casts import casts_in
from tfnp_magic.in_graphs.crossings import Crossings
from tfnp_magic.in_graphs.moves import constants_in, moves_in
from tfnp_magic.in_graphs.nodes import Library, Nodes
from tfnp_magic.in_graphs.steps import Steps
from tfnp_magic.in_graphs.timeline import COMPILED, Timeline
from tfnp_magic.model import Crossing

if TYPE_CHECKING:
    from tfnp_magic.in_graphs.calls import Call
    from tfnp_magic.recorder.recorder import Recorder


@dataclasses.dataclass
class InGraphs:
    """What graphs did.

    Attributes
    ----------
    crossings
        Their casts and moves.
    compiled
        Whether something ran that XLA had compiled: its casts are part of larger kernels.
    """

    crossings: list[Crossing]
    compiled: bool


def look_into(
    profiles: list[bytes], recorder: Recorder, calls: list[Call], library: Library
) -> InGraphs:
    """Read what the profiler wrote down.

    Parameters
    ----------
    profiles
        Serialized ``XSpace`` protocol buffers.
    recorder
        Whose calls count.
    calls
        The calls of graphs by their numbers.
    library
        The functions behind the graphs.
    """
    called = {name for call in calls for name in call.functions}
    nodes = Nodes(library, called)
    ran, compiled = [], any(map(nodes.is_compiled, called))
    for profile in profiles:
        timeline = Timeline(_parsed(profile))
        steps = Steps(timeline, calls)
        ran += casts_in(timeline, steps, nodes)
        ran += moves_in(timeline, steps, nodes)
        ran += constants_in(timeline, steps)
        compiled = compiled or bool(timeline.all(COMPILED))
    return InGraphs(Crossings(recorder, calls, nodes).of(ran), compiled)


def _parsed(profile: bytes) -> Any:
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    return xplane_pb2.XSpace.FromString(profile)
