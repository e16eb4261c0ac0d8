"""From the facts of both ends of a conversion to what it did with the data. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfnp_magic.facts import Span
from tfnp_magic.model import Cast, Move, Storage, kind_of_move

if TYPE_CHECKING:
    from tfnp_magic.values import ValueChange

OBSERVED, INFERRED = "observed", "inferred"
MIXED = "mixed"
"""Dtype of a DataFrame whose columns differ: what is cast then is not known."""

COPY, VIEW, UNKNOWN = "copy", "view", "unknown"


def copied(
    reason: str, nbytes: int | None, evidence: str = INFERRED, copies: int | None = 1
) -> Storage:
    """The data was written to new memory: `nbytes` in all, in that many copies."""
    return Storage(COPY, evidence, reason, nbytes, copies)


def shared(reason: str, evidence: str = INFERRED) -> Storage:
    """Both ends lie in the same memory, or one was read in place by the other's library."""
    return Storage(VIEW, evidence, reason, 0, 0)


def unknown(reason: str) -> Storage:
    """Neither was seen, and no rule tells."""
    return Storage(UNKNOWN, "", reason, None, None)


class ArrayFacts(NamedTuple):
    """What a verdict needs of the array end, read while the array lived.

    Attributes
    ----------
    dtype
        NumPy's name of the dtype as stored (``float64``, ``>f8``).
    nbytes
        Bytes of the elements.
    span
        Where they lie; None when unknown.
    contiguous
        True when they lie in C order without gaps, in the machine's byte order.
    writable
        Whether NumPy would let the user write to it.
    """

    dtype: str
    nbytes: int
    span: Span | None
    contiguous: bool
    writable: bool


NOTHING = copied("no elements: there is nothing to copy or to share", 0, copies=0)
"""The storage of what is empty."""

STRINGS = copied("strings are copied one by one into TensorFlow's own", None, copies=None)
"""The storage of text that became a tensor."""


def is_cast(dtype_from: str, dtype_to: str) -> bool:
    """Whether two dtype names mean different values: not for byte order, not for strings."""
    if "string" in (dtype_from, dtype_to):
        return False
    return dtype_from not in (dtype_to, MIXED) and _native(dtype_from) != _native(dtype_to)


_QUANTIZED = {"qint8": "int8", "quint8": "uint8", "qint16": "int16", "quint16": "uint16",
              "qint32": "int32"}  # fmt: skip
"""TensorFlow's names for integers that stand for other numbers; NumPy has them as they are."""


def _native(dtype: str) -> str:
    """``float64`` for ``>f8``, ``int64`` for pandas' ``Int64``; any other name as it is."""
    if dtype[:1] in "<>":
        return np.dtype(dtype).newbyteorder("=").name
    return _QUANTIZED.get(dtype, dtype.lower())


def cast_of(
    dtype_from: str,
    dtype_to: str,
    *,
    asked: bool,
    observed: bool = True,
    values: ValueChange | None = None,
) -> Cast:
    """Whether a conversion between the libraries changed the dtype, and who wanted it.

    Parameters
    ----------
    dtype_from, dtype_to
        Names of the dtypes at both ends.
    asked
        Whether the user's line is a call whose purpose is to convert, and names a dtype.
    observed
        Whether both ends were looked at; otherwise one of them follows from a rule.
    values
        What became of the values, if that was looked at.
    """
    if not is_cast(dtype_from, dtype_to):
        return Cast("none", "", None)
    return Cast("explicit" if asked else "silent", OBSERVED if observed else INFERRED, values)


def move_of(device_from: str, device_to: str, nbytes: int | None) -> Move:
    """Whether the data went from one device's memory to another's.

    Parameters
    ----------
    device_from, device_to
        Where each end lies (backing devices, ``host`` or ``graph``), not where it claims to be.
    nbytes
        Bytes that a move between them takes.
    """
    if not kind_of_move(device_from, device_to):
        return Move(device_from, device_to, 0, "")
    return Move(device_from, device_to, nbytes, OBSERVED)


def once_more(before: Storage, nbytes: int, what: str, *, seen: bool = True) -> Storage:
    """A copy was made of what a conversion had made, as part of it.

    Parameters
    ----------
    before
        The verdict on what was made first.
    nbytes
        Bytes that the next step wrote.
    what
        That step, in words.
    seen
        Whether what it wrote was seen; otherwise it follows from a rule.
    """
    if before.copied_bytes is None:
        return before
    copies = None if before.copies is None else before.copies + 1
    reason = f"{before.reason}; then {what}"
    evidence = before.evidence if seen and before.evidence else INFERRED
    return copied(reason, before.copied_bytes + nbytes, evidence, copies)


def after_cast(then: Storage, nbytes: int) -> Storage:
    """A library cast the array into another, of this many bytes, and converted that."""
    storage = once_more(then, nbytes, "", seen=False)
    return storage._replace(reason=f"cast into another array first; then {then.reason}")


def after_joining(then: Storage) -> Storage:
    """A library joined columns to an array, by so many steps as they need, and converted that."""
    reason = f"joined out of columns first; then {then.reason}"
    return copied(reason, None, copies=None)
