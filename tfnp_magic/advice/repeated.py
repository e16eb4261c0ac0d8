"""The same large data, converted again for each turn of a loop."""

from __future__ import annotations

from collections.abc import Iterator

from tfnp_magic.advice.finding import Finding, where
from tfnp_magic.advice.instead import once
from tfnp_magic.advice.loops import by_place, is_many, within
from tfnp_magic.advice.phrases import Sums, size_text, sums, took_text
from tfnp_magic.figures import bytes_text, times
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, Crossing
from tfnp_magic.recording import Recording

AGAIN = 10
"""Turns that are worth a finding."""

LARGE = 100_000_000
"""Bytes that they must have copied, or moved, in all."""


def of_repeated(recording: Recording) -> Iterator[Finding]:
    """Large data of one shape that a loop converts each time, though no line of it changes it.

    That it is the same data is told by the loop's text, so only of a loop in the cell itself,
    and only where a name stands for the data.
    """
    for group in by_place(recording):
        if _is_large(group) and not is_many(group) and (instead := once(group[0], recording)):
            figures = sums(group)
            what = _what(group, figures, recording)
            yield Finding("repeated", group[0].site, what, instead, **figures)


def _is_large(group: list[Crossing]) -> bool:
    shapes = {shape for crossing in group for shape in crossing.shapes}
    if len(shapes) != 1 or any(crossing.other_shapes for crossing in group):
        return False
    copied = sum(crossing.copied_bytes or 0 for crossing in group)
    moved = sum(crossing.moved_bytes or 0 for crossing in group)
    return sum(crossing.count for crossing in group) >= AGAIN and max(copied, moved) >= LARGE


def _what(group: list[Crossing], figures: Sums, recording: Recording) -> str:
    first = group[0]
    data = "array" if first.direction == NUMPY_TO_TENSORFLOW else "tensor"
    copied = figures["copied_bytes"]
    copies = f", {bytes_text(copied)} copied" if copied else ""
    took = took_text(figures["duration_ns"], recording, figures["waited_ns"])
    return (
        f"{where(first.site)}{within(first.site, recording)}: {first.route} converted the same "
        f"{data} {times(figures['count'])}, {size_text(group)}{copies}{took}."
    )
