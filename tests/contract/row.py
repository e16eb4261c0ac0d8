"""What a row of the contract suite is: a user's call, and which of its names cross."""

from __future__ import annotations

import dataclasses

TO_TF, TO_NP = "numpy → tensorflow", "tensorflow → numpy"
TO_PY, FROM_PY = "tensorflow → python", "python → tensorflow"
MOVE = "device → device"


@dataclasses.dataclass(frozen=True)
class Row:
    """One user-facing call. What it does with the data is not written here: an oracle measures it.

    Attributes
    ----------
    name
        Unique, lower case with underscores.
    setup
        Python statements that make the names that `code` uses; run untraced. `F`, `T` and
        the other names of `tests.contract.rows.names` are at hand.
    code
        What the user writes: an expression, or statements that leave their result in `r`.
    crosses
        Which names of `setup` hold data that crosses, and which way each goes. Python
        values cross, too. Empty where nothing does. A name that `setup` does not make stands
        for data that the oracle cannot look for, as what a file holds.
    counts
        How often a name crosses, where that is not once.
    works
        Whether the call also works on the data, so that what it copies of data that is at
        home already is its own doing; then a control is measured, too.
    asked
        Whether the user's line names the dtype, so that a cast is explicit.
    line
        The line of `code` that converts.
    needs_first
        Whether the call behaves differently the first time (a `tf.function` traces); then
        it is run once before it is measured.
    blind
        The blind spot that hides it from our probes; see `tfnp_magic.blind_spots`. Empty
        where it must be seen.
    """

    name: str
    setup: str
    code: str
    crosses: dict[str, str]
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    asked: bool = False
    works: bool = False
    line: int = 1
    needs_first: bool = False
    blind: str = ""
