"""From a recording to what its reader should know first, ranked by harm. Pure."""

from __future__ import annotations

from tfnp_magic.advice.casts import of_casts
from tfnp_magic.advice.finding import Finding
from tfnp_magic.advice.graphs import of_baked_constants, of_retraces
from tfnp_magic.advice.memory import of_shared, of_written
from tfnp_magic.advice.repeats import of_loops, of_small_batches
from tfnp_magic.model import Hazard, Recording

__all__ = ["Finding", "findings", "of_written"]


def findings(recording: Recording) -> list[Finding]:
    """What to know first: wrong values, then what costs most, then what may become wrong."""
    hazards = recording.hazards
    return [
        *(_of(hazard, "written", of_written(hazard)) for hazard in hazards if hazard.written),
        *of_casts(recording.ledger),
        *of_retraces(recording),
        *of_baked_constants(recording),
        *of_small_batches(recording),
        *of_loops(recording),
        *(_of(hazard, "shared", of_shared(hazard)) for hazard in hazards if not hazard.written),
    ]


def _of(hazard: Hazard, kind: str, sentence: str) -> Finding:
    return Finding(kind, hazard.site, sentence, hazard.count, hazard.nbytes)
