"""Plain data that a traced run leaves: no arrays, no tensors, no frames; picklable."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tfnp_magic.values import ValueChange

NUMPY_TO_TENSORFLOW = "numpy → tensorflow"
TENSORFLOW_TO_NUMPY = "tensorflow → numpy"
PYTHON_TO_TENSORFLOW = "python → tensorflow"
TENSORFLOW_TO_PYTHON = "tensorflow → python"
DEVICE_TO_DEVICE = "device → device"

READS = (TENSORFLOW_TO_NUMPY, TENSORFLOW_TO_PYTHON)
"""Directions in which a tensor is read."""
IN_GRAPH = "in graph"

GRAPH = "graph"
"""Stands in place of a device for a constant that became part of a graph."""

HOST_DEVICE = "CPU:0"
"""The device whose memory is the host's."""

_CPU_MEMORY = ("host", GRAPH)
_KINDS_OF_MOVE = {
    (True, False): "host to device",
    (False, True): "device to host",
    (False, False): "device to device",
}


OF_PROCESS = " of "
"""Stands between a device's name and the other process's that has it."""


def is_host(device: str) -> bool:
    """Whether the device's memory is this process's own: logical CPU devices share it."""
    is_cpu = device in _CPU_MEMORY or device.upper().startswith("CPU")
    return is_cpu and not is_remote(device)


def is_remote(device: str) -> bool:
    """Whether another process of a cluster has the device."""
    return OF_PROCESS in device


def is_custom(device: str) -> bool:
    """Whether a program registered the device itself: what it does with data is its own."""
    return device.upper().startswith("CUSTOM")


@functools.lru_cache(maxsize=1024)
def kind_of_move(device_from: str, device_to: str) -> str:
    """``host to device``, ``device to host``, ``device to device``; empty where nothing moves."""
    if device_from == device_to:
        return ""
    return _KINDS_OF_MOVE.get((is_host(device_from), is_host(device_to)), "")


KINDS_OF_MOVE = tuple(_KINDS_OF_MOVE.values())
"""What `kind_of_move` can say, in the order of `Moves`."""


class Moves(NamedTuple):
    """Bytes that went from one device's memory to another's; None where not all are known."""

    host_to_device: int | None
    device_to_host: int | None
    device_to_device: int | None


class Storage(NamedTuple):
    """Where the data of one conversion came to lie.

    Attributes
    ----------
    kind
        ``copy``, ``view`` (memory shared, or read in place) or ``unknown``.
    evidence
        ``observed`` (addresses compared) or ``inferred`` (a rule of TensorFlow's or
        NumPy's); empty where the kind is unknown.
    reason
        Why, in a user's words.
    copied_bytes
        Bytes written to make the copies; None when unknown.
    copies
        Buffers that were filled with all of the data; None when unknown.
    """

    kind: str
    evidence: str
    reason: str
    copied_bytes: int | None
    copies: int | None


class Cast(NamedTuple):
    """Whether one conversion changed the dtype, and with it the values.

    Attributes
    ----------
    kind
        ``none``, ``explicit`` (asked for on that line), ``silent``, or ``unknown`` where the
        line does not tell what reads a tensor, or into which dtype.
    evidence
        ``observed`` (the dtypes of both ends were read), ``inferred`` (the end in between
        was not seen), or empty for ``none`` and ``unknown``.
    values
        What became of the values; None where that was not looked at.
    """

    kind: str
    evidence: str
    values: ValueChange | None


CASTS: tuple[str, ...] = ("explicit", "silent")
"""The kinds that are casts."""


class Move(NamedTuple):
    """Whether the data of one conversion went to another device's memory.

    Attributes
    ----------
    device_from, device_to
        ``host`` for arrays; ``CPU:0``, ``GPU:0`` for tensors; ``graph`` for a constant.
    nbytes
        Bytes that moved; 0 where both ends are host memory, None when unknown.
    evidence
        ``observed`` (backing devices and mirrors read), ``inferred``, or empty where nothing
        moved.
    mirror
        Whether nothing moved because TensorFlow had kept a copy there: its *mirror*.
    """

    device_from: str
    device_to: str
    nbytes: int | None
    evidence: str
    mirror: bool = False


class Verdict(NamedTuple):
    """What one conversion did with the data: three claims, each with its evidence."""

    storage: Storage
    cast: Cast
    move: Move


class Place(NamedTuple):
    """One line of source that the user can look up.

    Attributes
    ----------
    source
        Where the line is: ``In[3]`` for a cell, else the file's path.
    line
        Line number, from 1; in a cell, the ``%%interop_trace`` line is line 1.
    function
        Qualified name of the function around it; ``<module>`` at the top level.
    code
        The line's text, stripped; empty where the source is not at hand.
    """

    source: str
    line: int
    function: str
    code: str


class Site(NamedTuple):
    """Where a crossing happened.

    Attributes
    ----------
    line
        The innermost line of the traced cell (or of the file that holds the ``with``
        statement); None when the crossing came from a thread below no such line.
    inner
        The innermost line that the user wrote, where it is another one: a function
        from an earlier cell, or a module. None where it is `line` itself.
    """

    line: Place | None
    inner: Place | None


@dataclasses.dataclass(slots=True)
class Crossing:
    """All conversions that went one way, alike, at one site.

    Attributes
    ----------
    site, route, direction
        Where, by which public name, and which way.
    explicit
        True when the user asked for the conversion on that line, False when a
        library did it on the way.
    dtype_from, dtype_to
        Names as NumPy and TensorFlow print them; Python's type names for Python values.
    cast
        ``none``, ``explicit`` (asked for on that line), ``silent`` or ``unknown``.
    device_from, device_to
        ``host`` for arrays; ``CPU:0``, ``GPU:0`` for tensors.
    storage, evidence, reason
        See `Storage`.
    count
        How many conversions.
    nbytes
        Bytes of the data that crossed, summed; None when not all have a fixed size.
    copied_bytes, copies
        Bytes written to make the copies, and buffers filled, summed; None when unknown.
    duration_ns
        Nanoseconds inside the converting calls; None where they cannot be told from
        the op around them.
    shapes
        How often each shape was seen; at most `MAX_SHAPES` of them.
    other_shapes
        Conversions whose shape is not among `shapes`.
    cast_evidence, values
        See `Cast`; `values` is merged over all conversions, and None where no cast's
        values were looked at.
    moved_bytes
        Bytes that went from one device's memory to another's, summed; None when unknown.
    move_evidence, mirror
        See `Move`.
    waited_ns
        Nanoseconds of `duration_ns` that were spent waiting for the ops before; None when
        not told apart.
    """

    site: Site
    route: str
    direction: str
    explicit: bool
    dtype_from: str
    dtype_to: str
    cast: str
    device_from: str
    device_to: str
    storage: str
    evidence: str
    reason: str
    count: int = 0
    nbytes: int | None = 0
    copied_bytes: int | None = 0
    duration_ns: int | None = 0
    shapes: dict[tuple[int, ...], int] = dataclasses.field(default_factory=dict)
    other_shapes: int = 0
    copies: int | None = 0
    cast_evidence: str = ""
    values: ValueChange | None = None
    moved_bytes: int | None = 0
    move_evidence: str = ""
    mirror: bool = False
    waited_ns: int | None = 0


@dataclasses.dataclass(slots=True)
class Hazard:
    """Memory that an array that can be written to shared with a tensor.

    Attributes
    ----------
    site, route, direction
        Where, how and by a conversion which way they came to share it.
    nbytes
        Bytes of the shared memory.
    count
        How often that happened at this site, with this memory.
    array, tensor
        Names of both ends; empty where they have none.
    holder
        What holds the memory where that is no tensor of the user's, such as a tape.
    made_at
        The line of the cell that made the array; None where that is not told.
    written
        Whether the memory was seen to hold something else while it was shared.
    intact_at, written_before
        The lines between which that happened; None where the trace began or ended.
    written_at
        The one line between them whose text writes to the array (inferred), or None.
    sampled
        Whether only parts of the memory were compared.
    """

    site: Site
    route: str
    direction: str
    nbytes: int
    count: int = 1
    array: str = ""
    tensor: str = ""
    holder: str = ""
    made_at: Place | None = None
    written: bool = False
    intact_at: Place | None = None
    written_before: Place | None = None
    written_at: Place | None = None
    sampled: bool = False


OTHER_LINES = Site(None, Place("(other lines)", 0, "", ""))
"""Where conversions are counted that one trace has no further site for; see `MAX_SITES`."""

MAX_SITES = 10_000
"""Sites, by each route, that one trace tells apart; what is converted elsewhere counts together.

Each takes about 2 kB of memory, and twice as much in `executing`, which reads its syntax.
"""

MAX_SHAPES = 16
"""Distinct shapes that one `Crossing` keeps; memory grows with sites, not with data."""


HOUSEKEEPING_PYTHON = 64
"""Bytes up to which a Python value that nobody asked to convert is only counted."""

HOUSEKEEPING_ARRAY = 8
"""The same for a library's own arrays and tensors: one number."""


@dataclasses.dataclass(slots=True)
class Moment:
    """Conversions of one crossing, on one thread, that began shortly after one another.

    Attributes
    ----------
    crossing
        Its index in the recording's ledger.
    start_ns, stop_ns
        Nanoseconds from the start of the trace to the beginning of the first conversion and to
        the end of the last.
    count
        How many conversions.
    busy_ns
        Nanoseconds inside the converting calls, summed; None where an op ran around one.
    nbytes
        Bytes of what crossed, summed; None when not all are known.
    thread
        Which of the trace's threads: 0 is the one that it began on; 1, 2, … are the others,
        in the order in which they first converted.
    """

    crossing: int
    start_ns: int
    stop_ns: int
    count: int = 1
    busy_ns: int | None = 0
    nbytes: int | None = 0
    thread: int = 0


MAX_MOMENTS = 4_096
"""Moments that one recording keeps: the more conversions, the more are told as one."""
