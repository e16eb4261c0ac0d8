"""What a graph did once: plain data, from the profile to the recording."""

from __future__ import annotations

import dataclasses

from tfnp_magic.in_graphs.shapes import UNKNOWN, Tensor

CAST, MOVE, CONSTANT = "cast", "move", "constant"


@dataclasses.dataclass(frozen=True, slots=True)
class Ran:
    """A cast, a move, or a constant that was put on a device when its graph was made ready.

    Attributes
    ----------
    what
        One of the constants above.
    call
        Number of the call that ran the graph; None where that is not certain.
    functions
        Names of the functions one of whose graphs it was; empty if none is known.
    node
        Name of the node that was cast, or that the data came from, as it ran.
    tensor
        What went in.
    result
        What came out; the same tensor of a move.
    device_from, device_to
        Full names of devices; empty where not known.
    moved_bytes
        Bytes that went from one device's memory to another's; None where not known.
    duration_ps
        Picoseconds: of a cast, in its kernel's call; of a move, from when both its ends were
        ready; None where not known. What ran alike ran for as long as it took.
    """

    what: str
    call: int | None
    functions: tuple[str, ...]
    node: str
    tensor: Tensor = UNKNOWN
    result: Tensor = UNKNOWN
    device_from: str = ""
    device_to: str = ""
    moved_bytes: int | None = 0
    duration_ps: int | None = dataclasses.field(default=None, compare=False)
