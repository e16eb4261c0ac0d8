"""Large tensors that moved to the host to be printed."""

from __future__ import annotations

from collections.abc import Iterator

from tfnp_magic.advice.expressions import read_by
from tfnp_magic.advice.finding import Finding, to_change, where
from tfnp_magic.advice.instead import PRINTS
from tfnp_magic.advice.loops import by_place, is_many
from tfnp_magic.advice.phrases import size_text, sums, took_text
from tfnp_magic.figures import times
from tfnp_magic.model import Crossing, kind_of_move
from tfnp_magic.recording import Recording

LARGE_PRINT = 10_000_000
"""Bytes that moved to be printed, of which a reader sees a few numbers."""


def of_printed(recording: Recording) -> Iterator[Finding]:
    """Large tensors that moved to the host only to be printed."""
    for group in by_place(recording):
        if group[0].route in PRINTS and _moved(group) >= LARGE_PRINT and not is_many(group):
            yield _of_printed(group, recording)


def _moved(group: list[Crossing]) -> int:
    return sum(
        crossing.moved_bytes or 0
        for crossing in group
        if kind_of_move(crossing.device_from, crossing.device_to) == "device to host"
    )


def _of_printed(group: list[Crossing], recording: Recording) -> Finding:
    first, figures = group[0], sums(group)
    place = to_change(first.site)
    name = read_by(place.code, first.route) if place else ""
    often = f", {times(figures['count'])}" if figures["count"] > 1 else ""
    took = took_text(figures["duration_ns"], recording, figures["waited_ns"])
    part = f"{name if name.isidentifier() else 'tensor'}[:5]"
    shown = f"`{first.route}({part})`" if first.route in ("print", "repr", "str") else f"`{part}`"
    return Finding(
        "printed",
        first.site,
        f"{where(first.site)}: {first.route} read a whole tensor to show it{often}, "
        f"{size_text(group)}{took}.",
        f"Show a part of it, and only that moves: {shown}.",
        **figures,
    )
