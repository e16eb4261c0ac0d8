"""What was seen, counted into the crossings of a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfnp_magic.figures import less, plus, product
from tfnp_magic.model import MAX_SHAPES, Crossing, Site, Verdict, kind_of_move
from tfnp_magic.recording import Recording
from tfnp_magic.values import merge

if TYPE_CHECKING:
    from tfnp_magic.frames.route import Route
    from tfnp_magic.recorder.seen import Seen


def crossing_of(site: Site, route: Route, seen: Seen, verdict: Verdict) -> Crossing:
    """A crossing that nothing is counted in yet."""
    storage, cast, move = verdict
    return Crossing(
        site, route.name, seen.direction, route.explicit,
        seen.dtype_from, seen.dtype_to, cast.kind, move.device_from, move.device_to,
        storage.kind, storage.evidence, storage.reason, cast_evidence=cast.evidence,
        move_evidence=move.evidence, mirror=move.mirror,
    )  # fmt: skip


def count(crossing: Crossing, seen: Seen, verdict: Verdict) -> None:
    """Count one conversion more."""
    count_alike(crossing, seen, verdict, 1, seen.duration_ns)
    crossing.waited_ns = plus(crossing.waited_ns, seen.waited_ns)
    values = verdict.cast.values
    if values is not None:
        crossing.values = values if crossing.values is None else merge(crossing.values, values)


def count_alike(
    crossing: Crossing, seen: Seen, verdict: Verdict, times: int, busy_ns: int | None
) -> None:
    """Count so many conversions more that are all like the one that was seen.

    Parameters
    ----------
    times
        How many.
    busy_ns
        Nanoseconds that they took in all, none of them waiting; None if not measured.
    """
    crossing.count += times
    crossing.nbytes = plus(crossing.nbytes, product(seen.nbytes, times))
    copied_bytes = product(verdict.storage.copied_bytes, times)
    crossing.copied_bytes = plus(crossing.copied_bytes, copied_bytes)
    crossing.copies = plus(crossing.copies, product(verdict.storage.copies, times))
    crossing.moved_bytes = plus(crossing.moved_bytes, product(verdict.move.nbytes, times))
    crossing.duration_ns = plus(crossing.duration_ns, busy_ns)
    shapes, shape = crossing.shapes, seen.shape
    if shape in shapes or len(shapes) < MAX_SHAPES:
        shapes[shape] = shapes.get(shape, 0) + times
    else:
        crossing.other_shapes += times


def uncount(crossing: Crossing, seen: Seen, verdict: Verdict) -> None:
    """Take one conversion out again: more was seen of it."""
    crossing.count -= 1
    crossing.nbytes = less(crossing.nbytes, seen.nbytes)
    crossing.copied_bytes = less(crossing.copied_bytes, verdict.storage.copied_bytes)
    crossing.copies = less(crossing.copies, verdict.storage.copies)
    crossing.moved_bytes = less(crossing.moved_bytes, verdict.move.nbytes)
    crossing.duration_ns = less(crossing.duration_ns, seen.duration_ns)
    crossing.waited_ns = less(crossing.waited_ns, seen.waited_ns)
    if crossing.shapes.get(seen.shape):
        crossing.shapes[seen.shape] -= 1
        if not crossing.shapes[seen.shape]:
            del crossing.shapes[seen.shape]
    else:
        crossing.other_shapes -= 1


def keep_house(recording: Recording, seen: Seen, times: int = 1) -> None:
    """Count what is too small to tell, and comes so many times."""
    recording.housekeeping += times
    recording.housekeeping_bytes += (seen.nbytes or 0) * times
    move = seen.moved()
    if move.nbytes:
        kind = kind_of_move(move.device_from, move.device_to)
        moves = recording.housekeeping_moves
        moves[kind] = moves.get(kind, 0) + move.nbytes * times
