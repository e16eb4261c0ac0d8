"""What a test is allowed: the limits by name, and how the user's values for them are read."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tfnp_magic.sizes import SizeError, nbytes_of

BYTES, COUNT = "bytes", "count"
"""What a limit is a number of."""


class Limit(NamedTuple):
    """One thing that can be limited.

    Attributes
    ----------
    unit
        `BYTES` or `COUNT`.
    noun
        How a sentence calls it: behind the bytes, or behind the number.
    plural
        The noun behind other numbers than 1; empty for bytes.
    """

    unit: str
    noun: str
    plural: str = ""


LIMITS = {
    "max_crossed": Limit(BYTES, "crossed between TensorFlow and NumPy"),
    "max_copied": Limit(BYTES, "copied"),
    "max_moved": Limit(BYTES, "moved between host and devices"),
    "max_host_to_device": Limit(BYTES, "moved from host to device"),
    "max_device_to_host": Limit(BYTES, "moved from device to host"),
    "max_device_to_device": Limit(BYTES, "moved from device to device"),
    "max_conversions": Limit(COUNT, "conversion", "conversions"),
    "max_copies": Limit(COUNT, "copy", "copies"),
    "max_moves": Limit(COUNT, "move", "moves"),
    "max_casts": Limit(COUNT, "cast", "casts"),
    "max_silent_casts": Limit(COUNT, "silent cast", "silent casts"),
    "max_retraces": Limit(COUNT, "retrace", "retraces"),
    "max_hazards": Limit(
        COUNT,
        "writable array sharing a tensor's memory",
        "writable arrays sharing a tensor's memory",
    ),
    "max_written": Limit(
        COUNT,
        "array written to while it shared a tensor's memory",
        "arrays written to while they shared a tensor's memory",
    ),
}
"""What can be limited. Each limit is the most that is allowed; ``None`` is no limit.

Bytes, as an int or as a text like ``"10MB"`` (`tfnp_magic.sizes`):

``max_crossed``
    Of the data that was converted, either way.
``max_copied``
    Written to make copies: a conversion that copies twice counts twice.
``max_moved``
    That went from one device's memory to another's, in any direction. What TensorFlow serves
    from a mirror moves nothing, and counts as nothing.
``max_host_to_device``, ``max_device_to_host``, ``max_device_to_device``
    The same in one direction.

Counts:

``max_conversions``
    Conversions between TensorFlow and NumPy, without moves between devices.
``max_copies``
    Buffers that were filled with a copy of all of the data.
``max_moves``
    Conversions, and copies between devices, that moved bytes.
``max_casts``
    Conversions with another dtype at the end, asked for or not.
``max_silent_casts``
    Those that nobody asked for.
``max_retraces``
    Graphs that a ``tf.function`` built after its first.
``max_hazards``
    Writable arrays that came to share memory with a tensor, as in `Recording.hazards`.
``max_written``
    Those that were written to while they shared it.

All but the bytes that moved are of what a report lists; what is too small for that
(`Recording.housekeeping`) is allowed.
"""


class LimitError(ValueError):
    """Limits that cannot be read; the message is one sentence for the user."""


def limits_of(where: str, positional: Iterable[Any], named: Mapping[str, Any]) -> dict[str, int]:
    """Read the limits that a marker or a block was given.

    Parameters
    ----------
    where
        What holds them, for the message: ``@pytest.mark.interop``.
    positional
        Arguments without a name, of which there may be none.
    named
        Bytes or counts by the name of the limit; None is no limit.

    Raises
    ------
    LimitError
        For an unknown name, an argument without a name, and what is no number or below 0.
    """
    for value in positional:
        raise LimitError(f"{where}: {value!r} has no name. {_KNOWN}")
    return {
        name: _value(where, name, value)
        for name, value in named.items()
        if _known(where, name) and value is not None
    }


def _known(where: str, name: str) -> bool:
    if name not in LIMITS:
        raise LimitError(f"{where}: {name!r} is no limit. {_KNOWN}")
    return True


def _value(where: str, name: str, value: Any) -> int:
    unit = LIMITS[name].unit
    try:
        number = _number(value, unit)
    except (SizeError, TypeError):
        number = -1
    if number < 0:
        means = "a number, 0 or more" if unit == COUNT else 'bytes, as in 4096 or "10MB"'
        raise LimitError(f"{where}: {name} is {means}, and not {value!r}. {_KNOWN}")
    return number


def _number(value: Any, unit: str) -> int:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, str) and unit == BYTES:
        return nbytes_of(value)
    return operator.index(value)


def _names(unit: str) -> str:
    return ", ".join(name for name, limit in LIMITS.items() if limit.unit == unit)


_KNOWN = (
    f'Limits are given by name: as bytes (4096, "10MB") {_names(BYTES)}; as counts {_names(COUNT)}.'
)
