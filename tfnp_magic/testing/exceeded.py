"""Limits and a recording: which were exceeded, and of which that cannot be said. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tfnp_magic.recording import Recording
from tfnp_magic.testing.measured import Part, measured, parts_of
from tfnp_magic.views.lines import Amount


class Excess(NamedTuple):
    """One limit that was exceeded, or may have been.

    Attributes
    ----------
    limit
        Its name.
    allowed
        What it allows.
    amount
        What was measured: what is known of it, and of how many conversions it is not known.
    parts
        Those that add to it.
    """

    limit: str
    allowed: int
    amount: Amount
    parts: list[Part]


class Outcome(NamedTuple):
    """What became of the limits; those that are in neither list were kept.

    Attributes
    ----------
    exceeded
        What is known is more than is allowed.
    unsure
        What is known is not, but of some conversions it is not known.
    """

    exceeded: list[Excess]
    unsure: list[Excess]


def outcome_of(recording: Recording, limits: Mapping[str, int]) -> Outcome:
    """Compare; a limit is exceeded only where that is known, and kept only where that is known.

    Parameters
    ----------
    recording
        A complete recording.
    limits
        As `tfnp_magic.testing.limits.limits_of` reads them.
    """
    outcome = Outcome([], [])
    for limit, allowed in limits.items():
        amount = measured(recording, limit)
        if amount.known > allowed or amount.unknown:
            excess = Excess(limit, allowed, amount, parts_of(recording, limit))
            (outcome.exceeded if amount.known > allowed else outcome.unsure).append(excess)
    return outcome
