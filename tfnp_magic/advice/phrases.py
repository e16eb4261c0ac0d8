"""What findings on several crossings say of their figures."""

from __future__ import annotations

from typing import TypedDict

from tfnp_magic.figures import bytes_text, known_sum, seconds_text
from tfnp_magic.model import Crossing, kind_of_move
from tfnp_magic.recording import Recording


class Sums(TypedDict):
    """The figures of a `Finding`, added up over crossings; None where a part is unknown."""

    count: int
    nbytes: int | None
    copied_bytes: int | None
    moved_bytes: int | None
    duration_ns: int | None
    waited_ns: int | None


def sums(group: list[Crossing]) -> Sums:
    """Add up the figures of crossings."""
    return {
        "count": sum(crossing.count for crossing in group),
        "nbytes": known_sum(crossing.nbytes for crossing in group),
        "copied_bytes": known_sum(crossing.copied_bytes for crossing in group),
        "moved_bytes": known_sum(crossing.moved_bytes for crossing in group),
        "duration_ns": known_sum(crossing.duration_ns for crossing in group),
        "waited_ns": known_sum(crossing.waited_ns for crossing in group),
    }


def size_text(group: list[Crossing]) -> str:
    """``96.0 MB``, and what of it moved: ``96.0 MB from GPU:0 to host``."""
    nbytes, moves = known_sum(crossing.nbytes for crossing in group), _moves(group)
    if list(moves.values()) == [nbytes]:
        return f"{bytes_text(nbytes)} from {next(iter(moves))}"
    parts = [f"{bytes_text(moved)} moved from {ends}" for ends, moved in moves.items()]
    return ", ".join([bytes_text(nbytes), *parts])


def _moves(group: list[Crossing]) -> dict[str, int]:
    """Bytes that moved, by ``GPU:0 to host``; by the kind of device where there were several."""
    ends: dict[str, set[str]] = {}
    moved: dict[str, int] = {}
    for crossing in group:
        kind = kind_of_move(crossing.device_from, crossing.device_to)
        if kind and crossing.moved_bytes:
            pair = f"{crossing.device_from} to {crossing.device_to}"
            ends.setdefault(kind, set()).add(pair)
            moved[kind] = moved.get(kind, 0) + crossing.moved_bytes
    return {
        next(iter(ends[kind])) if len(ends[kind]) == 1 else kind: nbytes
        for kind, nbytes in moved.items()
    }


def took_text(duration_ns: int | None, recording: Recording, waited_ns: int | None = 0) -> str:
    """``, 1.2 s of the cell's 1.4 s (1.1 s of it waiting)``; empty where that is not told."""
    if duration_ns is None:
        return ""
    waited = waited_ns or 0
    waiting = f" ({seconds_text(waited)} of it waiting)" if waited > duration_ns / 10 else ""
    return f", {seconds_text(duration_ns)}{_of_all(duration_ns, recording)}{waiting}"


def _of_all(duration_ns: int, recording: Recording) -> str:
    """The share of the whole, where it is worth a word: a tenth. Threads may add up to more."""
    whole = recording.duration_ns
    if not whole / 10 <= duration_ns <= whole or not whole:
        return ""
    return f" of the {'cell' if recording.source else 'trace'}'s {seconds_text(whole)}"
