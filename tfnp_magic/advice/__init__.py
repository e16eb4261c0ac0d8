"""From a recording to what its reader should know first, ranked by harm. Pure.

`finding` is what a finding is, `rank` says which is worse. `casts`, `graphs`, `loops`, `memory`,
`models`, `printing` and `repeated` each find one kind of trouble. `instead` is what to write, for
which `around` finds the loop that a line stands in and `expressions` what was converted; `phrases`
are words on figures.
"""

from __future__ import annotations

from tfnp_magic.advice.casts import of_casts
from tfnp_magic.advice.finding import KINDS, Finding
from tfnp_magic.advice.graphs import of_baked_constants, of_retraces
from tfnp_magic.advice.loops import of_loops
from tfnp_magic.advice.memory import of_hazards, of_written
from tfnp_magic.advice.models import of_small_batches
from tfnp_magic.advice.printing import of_printed
from tfnp_magic.advice.rank import rank
from tfnp_magic.advice.repeated import of_repeated
from tfnp_magic.recording import Recording

__all__ = ["KINDS", "Finding", "findings", "of_written"]


def findings(recording: Recording) -> list[Finding]:
    """What to know first: wrong values, then what costs most, then what may become wrong.

    The order is that of `tfnp_magic.advice.rank`; findings of the same harm are in the order
    of their lines.
    """
    found = [finding for rule in _RULES for finding in rule(recording)]
    return sorted(found, key=rank)


_RULES = (
    of_casts, of_hazards, of_retraces, of_baked_constants, of_small_batches, of_loops,
    of_repeated, of_printed,
)  # fmt: skip
