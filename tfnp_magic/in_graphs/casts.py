"""Casts inside graphs: the ``Cast`` ops that ran, with the dtypes of both ends."""

from __future__ import annotations

from tfnp_magic.in_graphs.nodes import Node, Nodes
from tfnp_magic.in_graphs.ran import CAST, Ran
from tfnp_magic.in_graphs.shapes import UNKNOWN, Tensor, inputs_in
from tfnp_magic.in_graphs.steps import Steps
from tfnp_magic.in_graphs.timeline import CAST as CAST_OP
from tfnp_magic.in_graphs.timeline import Timeline


def casts_in(timeline: Timeline, steps: Steps, nodes: Nodes) -> list[Ran]:
    """All casts that graphs made.

    Parameters
    ----------
    timeline, steps
        The profile, and the calls behind its steps.
    nodes
        Knows what a node casts into: the profile tells only what went in.
    """
    casts = []
    for stretch in sorted(timeline.all(CAST_OP), key=lambda stretch: stretch.begin):
        if not steps.ran_in_graph(stretch):
            continue
        call = steps.call_of(stretch)
        (tensor, *_) = inputs_in(stretch.told.get("shape", "")) or [UNKNOWN]
        functions = steps.functions_of(stretch)
        dtype = _dtype_after(nodes_of_cast(nodes, functions, stretch.name, tensor.dtype))
        result = Tensor(dtype, tensor.shape)
        duration = stretch.end - stretch.begin
        casts.append(Ran(CAST, call, functions, stretch.name, tensor, result, duration_ps=duration))
    return casts


def nodes_of_cast(
    nodes: Nodes, functions: tuple[str, ...], path: str, dtype_from: str
) -> list[Node]:
    """The nodes that a cast may have been: those that cast from its dtype."""
    return [node for node in nodes.find(functions, path) if node.dtype("SrcT") in ("", dtype_from)]


def _dtype_after(nodes: list[Node]) -> str:
    """What they all cast into; empty where that differs, or is not known."""
    dtypes = {node.dtype("DstT") for node in nodes}
    return dtypes.pop() if len(dtypes) == 1 else ""
