"""Graphs built again and again, and data that became part of one."""

from __future__ import annotations

from collections.abc import Iterator

from tfnp_magic.activity import FunctionCalls, Retrace
from tfnp_magic.advice.finding import Finding, where
from tfnp_magic.advice.phrases import sums, took_text
from tfnp_magic.figures import bytes_text, counted, times
from tfnp_magic.model import GRAPH, Crossing
from tfnp_magic.recording import Recording

MANY_RETRACES = 3
"""Retraces of one function at one line, for one reason, that are worth a finding."""

LARGE_CONSTANT = 1_000_000
"""Bytes from which a constant in a graph is worth a finding."""


def of_retraces(recording: Recording) -> Iterator[Finding]:
    """Functions that were traced again and again."""
    for calls in recording.functions:
        for retrace in calls.retraces:
            if retrace.count >= MANY_RETRACES:
                yield _of_retrace(calls, retrace, recording)


def _of_retrace(calls: FunctionCalls, retrace: Retrace, recording: Recording) -> Finding:
    calls_text = f" in {counted(calls.calls, 'call')}" if calls.calls else ""
    because = f"because of argument `{retrace.argument}`: " if retrace.argument else ""
    what = (
        f"{where(calls.site)}: `{calls.name}` was traced again {times(retrace.count)}{calls_text}"
        f"{took_text(retrace.duration_ns, recording)}, {because}{retrace.cause}."
    )
    return Finding(
        "retrace",
        calls.site,
        what,
        instead_of_retracing(retrace),
        retrace.count,
        duration_ns=retrace.duration_ns,
    )


def instead_of_retracing(retrace: Retrace) -> str:
    """What to write in its place; empty where nothing in general is right."""
    if retrace.kind == "python value" and retrace.what in ("int", "float", "complex"):
        return f"Pass a tensor or a NumPy scalar: `tf.constant({_one(retrace.argument)})`."
    return _INSTEAD_OF_RETRACING.get(retrace.kind, "")


def _one(argument: str) -> str:
    """The argument's name; another text where there are several, or none."""
    return argument if argument.isidentifier() else "number"


_INSTEAD_OF_RETRACING = {
    "python value": "Such a value is part of the graph: pass one that seldom changes.",
    "shape": "Declare the shape once: `input_signature=[tf.TensorSpec([None, …], dtype)]` or "
    "`reduce_retracing=True`.",
    "dtype": "Convert to one dtype before the call.",
    "structure": "Pass a tensor with one more axis in place of a list that changes its length.",
    "other object": "Make the object once, before the loop.",
    "context": "Call it under one device or strategy.",
    "new function": "Make the `tf.function` once, outside of the loop.",
}


def of_baked_constants(recording: Recording) -> Iterator[Finding]:
    """Large data that became constants of graphs."""
    for crossing in recording.ledger:
        if crossing.device_to == GRAPH and (crossing.nbytes or 0) >= LARGE_CONSTANT:
            yield Finding(
                "baked-constant",
                crossing.site,
                _of_baked(crossing),
                "Pass it to the function as an argument, or make it a `tf.Variable` outside.",
                **sums([crossing]),
            )


def _of_baked(crossing: Crossing) -> str:
    inner = crossing.site.inner
    inside = f", in `{inner.function}`," if inner and not inner.function.startswith("<") else ""
    many = f", {times(crossing.count)}" if crossing.count > 1 else ""
    copies = ""
    if crossing.copies is not None and crossing.copied_bytes is not None:
        copies = (
            f", by {counted(crossing.copies, 'copy', 'copies')} of it "
            f"({bytes_text(crossing.copied_bytes)})"
        )
    return (
        f"{where(crossing.site)}: {crossing.route}{inside} baked {bytes_text(crossing.nbytes)} of "
        f"{crossing.dtype_from} into a graph as a constant{many}{copies}."
    )
