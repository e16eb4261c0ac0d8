"""What a recording came to, in the figures that can be limited, and which parts made it up. Pure.

The figures are those of the recording's report: bytes that crossed and conversions are counted
as in its first sentence, bytes that moved as by `Recording.moves`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tfnp_magic.activity import FunctionCalls, Retrace
from tfnp_magic.model import (
    CASTS,
    DEVICE_TO_DEVICE,
    IN_GRAPH,
    KINDS_OF_MOVE,
    Crossing,
    Hazard,
    Site,
    kind_of_move,
)
from tfnp_magic.recording import Recording
from tfnp_magic.views.lines import NOTHING, Amount
from tfnp_magic.views.summary import grouped


class Rebuilt(NamedTuple):
    """Graphs that one function built again, for one reason."""

    calls: FunctionCalls
    retrace: Retrace


class Part(NamedTuple):
    """What one row of the ledger, one hazard or one reason for a retrace adds to a figure.

    Attributes
    ----------
    site
        Where.
    amount
        How much; in `unknown`, how many conversions this is not known of.
    of
        The crossings, alike but for details, or the one other thing.
    """

    site: Site
    amount: Amount
    of: tuple[Crossing, ...] | Hazard | Rebuilt


def measured(recording: Recording, limit: str) -> Amount:
    """What the recording came to in all.

    Parameters
    ----------
    recording
        A complete recording.
    limit
        One of `tfnp_magic.testing.limits.LIMITS`.
    """
    amounts = [part.amount for part in parts_of(recording, limit)]
    known = sum(amount.known for amount in amounts) + _not_listed(recording, limit)
    unknown = sum(amount.unknown for amount in amounts)
    if limit in ("max_hazards", "max_written"):
        unknown += recording.hazards_unwatched
    return Amount(known, unknown)


def parts_of(recording: Recording, limit: str) -> list[Part]:
    """The parts that this is made up of, without those that add nothing."""
    return [part for part in _parts(recording, limit) if part.amount != NOTHING]


def _parts(recording: Recording, limit: str) -> Iterator[Part]:
    if limit == "max_retraces":
        for calls in recording.functions:
            for retrace in calls.retraces:
                yield Part(calls.site, Amount(retrace.count), Rebuilt(calls, retrace))
    elif limit in ("max_hazards", "max_written"):
        for hazard in recording.hazards:
            if hazard.written or limit == "max_hazards":
                yield Part(hazard.site, Amount(1), hazard)
    else:
        for group in grouped(recording.ledger):
            yield Part(group[0].site, _sum(group, _FIGURES[limit]), tuple(group))


Figure = Callable[[Crossing], "int | None"]


def _sum(group: list[Crossing], figure: Figure) -> Amount:
    known = unknown = 0
    for crossing in group:
        value = figure(crossing)
        if value is None:
            unknown += crossing.count
        else:
            known += value
    return Amount(known, unknown)


def _not_listed(recording: Recording, limit: str) -> int:
    """Bytes moved by what is too small to be in the ledger."""
    moves = recording.housekeeping_moves
    return sum(moves.values()) if limit == "max_moved" else moves.get(_DIRECTIONS.get(limit, ""), 0)


_DIRECTIONS = {f"max_{kind.replace(' ', '_')}": kind for kind in KINDS_OF_MOVE}


def _crosses(crossing: Crossing) -> bool:
    return crossing.direction not in (DEVICE_TO_DEVICE, IN_GRAPH)


def _copied(crossing: Crossing) -> int | None:
    return crossing.copied_bytes if crossing.direction != IN_GRAPH else 0


def _copies(crossing: Crossing) -> int | None:
    return crossing.copies if crossing.direction != IN_GRAPH else 0


def _casts(crossing: Crossing, kinds: tuple[str, ...]) -> int | None:
    if crossing.cast in kinds:
        return crossing.count
    return None if crossing.cast == "unknown" else 0


def _moved(crossing: Crossing) -> int | None:
    return crossing.moved_bytes if _kind(crossing) else 0


def _moved_in(kind: str) -> Figure:
    return lambda crossing: crossing.moved_bytes if _kind(crossing) == kind else 0


def _moves(crossing: Crossing) -> int | None:
    """How many moves; not known where a mirror may have served."""
    if not _kind(crossing) or crossing.moved_bytes == 0:
        return 0
    if crossing.moved_bytes is None and not crossing.move_evidence:
        return None
    return crossing.count


def _kind(crossing: Crossing) -> str:
    return kind_of_move(crossing.device_from, crossing.device_to)


_FIGURES: dict[str, Figure] = {
    "max_crossed": lambda crossing: crossing.nbytes if _crosses(crossing) else 0,
    "max_copied": _copied,
    "max_moved": _moved,
    **{limit: _moved_in(kind) for limit, kind in _DIRECTIONS.items()},
    "max_conversions": lambda crossing: crossing.count if _crosses(crossing) else 0,
    "max_copies": _copies,
    "max_moves": _moves,
    "max_casts": lambda crossing: _casts(crossing, CASTS),
    "max_silent_casts": lambda crossing: _casts(crossing, ("silent",)),
}
