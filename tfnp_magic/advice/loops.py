"""Conversions that one place makes again and again."""

from __future__ import annotations

from collections.abc import Iterator

from tfnp_magic.advice.around import loop_around
from tfnp_magic.advice.finding import Finding, to_change, where
from tfnp_magic.advice.instead import in_a_loop
from tfnp_magic.advice.phrases import size_text, sums, took_text
from tfnp_magic.figures import known_sum, times
from tfnp_magic.model import (
    NUMPY_TO_TENSORFLOW,
    OTHER_LINES,
    READS,
    Crossing,
    Site,
    kind_of_move,
)
from tfnp_magic.recording import Recording

MANY = 100
"""Conversions at one place that are worth a finding."""

MANY_MOVES = 20
"""The same where each moves data between devices, and waits for what it moves."""

SMALL = 1024
"""Bytes up to which an array is small: converting costs more than what it holds."""

MANY_SMALL = 300
"""Conversions of small arrays into tensors that are worth a finding."""

NEGLIGIBLE = 100
"""Part of the time below which reads are worth no word, unless they copied a lot."""

MUCH = 10_000_000
"""Bytes copied that are a lot."""

_OF_PIPELINES = (
    "tf.data.Dataset.from_generator", "tf.numpy_function", "tf.py_function",
    "NumpyIterator.__next__", "iteration", "list", "tuple",
)  # fmt: skip
"""Routes that convert for each element because that is what they are for.

Python's own iteration reads only what `Dataset.as_numpy_iterator` gives, without a copy; of a
tensor, it gives tensors.
"""


def of_loops(recording: Recording) -> Iterator[Finding]:
    """Conversions that one place makes again and again."""
    for group in by_place(recording):
        if is_many(group) and not _is_negligible(group, recording):
            yield _of_loop(group, recording)


def by_place(recording: Recording) -> list[list[Crossing]]:
    """Crossings by place, route and direction, without those of models and pipelines.

    Nor with those whose lines were not told apart: they are of no one place.
    """
    models = {(calls.site, calls.route) for calls in recording.models}
    groups: dict[tuple[Site, str, str], list[Crossing]] = {}
    for crossing in recording.ledger:
        if crossing.site == OTHER_LINES or crossing.route in _OF_PIPELINES:
            continue
        if (crossing.site, crossing.route) not in models:
            key = crossing.site, crossing.route, crossing.direction
            groups.setdefault(key, []).append(crossing)
    return list(groups.values())


def is_many(group: list[Crossing]) -> bool:
    """Whether crossings of one place are so many that converting them one by one costs."""
    count = sum(crossing.count for crossing in group)
    if group[0].direction in READS:
        return count >= (MANY_MOVES if _any_moves(group) else MANY)
    if group[0].direction == NUMPY_TO_TENSORFLOW:
        nbytes = known_sum(crossing.nbytes for crossing in group) or 0
        return count >= MANY_SMALL and nbytes <= SMALL * count
    return False


def _any_moves(group: list[Crossing]) -> bool:
    return any(c.moved_bytes and kind_of_move(c.device_from, c.device_to) for c in group)


def _is_negligible(group: list[Crossing], recording: Recording) -> bool:
    """Whether they took next to nothing of the time, and neither moved nor copied much.

    As a loss of each step does that the CPU computed: to collect it would gain nothing.
    """
    took = known_sum(crossing.duration_ns for crossing in group)
    copied = known_sum(crossing.copied_bytes for crossing in group)
    if took is None or copied is None or _any_moves(group):
        return False
    return took * NEGLIGIBLE < recording.duration_ns and copied < MUCH


def _of_loop(group: list[Crossing], recording: Recording) -> Finding:
    first, figures = group[0], sums(group)
    took = took_text(figures["duration_ns"], recording, figures["waited_ns"])
    what = (
        f"{where(first.site)}{within(first.site, recording)}: {first.route} {_did(first)} "
        f"{times(figures['count'])}, {size_text(group)}{took}."
    )
    return Finding("loop", first.site, what, in_a_loop(group, recording), **figures)


def within(site: Site, recording: Recording) -> str:
    """``, in the loop of line 4``, where the line to change is the cell's own."""
    line, place = site.line, to_change(site)
    if line is None or place is None or place.source != line.source:
        return ""
    loop = loop_around(recording.source, place.line)
    return "" if loop in (None, place.line) else f", in the loop of line {loop}"


def _did(crossing: Crossing) -> str:
    if crossing.direction == NUMPY_TO_TENSORFLOW:
        return "made tensors of small arrays"
    return "ran" if crossing.explicit or "." not in crossing.route else "read tensors"
