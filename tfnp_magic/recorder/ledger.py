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
    from tfnp_magic.values import ValueChange


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
    """Count one conversion more: all of it, or, if an interrupt comes first, nothing."""
    values = verdict.cast.values
    if values is not None and crossing.values is not None:
        values = merge(crossing.values, values)
    _count(crossing, seen, verdict, 1, seen.duration_ns, seen.waited_ns, values)


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
    _count(crossing, seen, verdict, times, busy_ns, 0, None)


def _count(
    crossing: Crossing,
    seen: Seen,
    verdict: Verdict,
    times: int,
    busy_ns: int | None,
    waited_ns: int | None,
    values: ValueChange | None,
) -> None:
    nbytes = plus(crossing.nbytes, product(seen.nbytes, times))
    copied = plus(crossing.copied_bytes, product(verdict.storage.copied_bytes, times))
    copies = plus(crossing.copies, product(verdict.storage.copies, times))
    moved = plus(crossing.moved_bytes, product(verdict.move.nbytes, times))
    duration_ns = plus(crossing.duration_ns, busy_ns)
    waited_ns = plus(crossing.waited_ns, waited_ns)
    shapes, shape = crossing.shapes, seen.shape
    has_room = shape in shapes or len(shapes) < MAX_SHAPES
    of_shape = shapes.get(shape, 0) + times
    # From here on nothing is called, and so no signal is handled.
    crossing.count += times
    crossing.nbytes, crossing.copied_bytes, crossing.copies = nbytes, copied, copies
    crossing.moved_bytes = moved
    crossing.duration_ns, crossing.waited_ns = duration_ns, waited_ns
    if values is not None:
        crossing.values = values
    if has_room:
        shapes[shape] = of_shape
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
