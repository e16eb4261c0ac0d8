"""What a row of the device suite is: what a user writes on a machine with accelerators."""

from __future__ import annotations

import dataclasses

IN_GRAPHS = "casts and moves inside graphs without `--graph`"
"""The blind spot that hides moves; see `tfnp_magic.blind_spots`."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One user-facing call. What it moves is not written here: an oracle measures it.

    Attributes
    ----------
    name
        Unique, lower case with underscores.
    setup
        Python statements; run untraced and unmeasured. The names of `tests.device.names`
        are at hand.
    code
        What the user writes: an expression, or statements that may leave a result in `r`.
    fact
        The known fact that it shows; see `tests.device.test_moves`.
    moves
        What the fact says: bytes to the device, to the host, and between devices, on the
        fake accelerator. None where that is only measured.
    accelerators
        How many it needs.
    raises
        Name of the exception in which the code may end.
    blind
        The blind spot that hides its moves from our probes. Empty where they must be seen.
    """

    name: str
    setup: str
    code: str
    fact: str = ""
    moves: tuple[int, int, int] | None = None
    accelerators: int = 1
    raises: str = ""
    blind: str = ""
