"""One tensor or array: its facts and its memory, read without converting or moving it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tfnp_magic import facts
from tfnp_magic.verdict import INFERRED, UNKNOWN

Shape = tuple[int | None, ...]
_T = TypeVar("_T")

MOVE, REFUSED = "move", "refused"
"""Outcomes of a `Conversion`, beside those of a verdict: ``copy``, ``view``, ``unknown``."""


class Conversion(NamedTuple):
    """What one way of converting an object would do here and now.

    Attributes
    ----------
    route
        As the user would write it: ``np.asarray``, ``.numpy()``, ``tf.constant``; ``t - a`` for
        an array that an op reads beside a tensor of its dtype.
    outcome
        ``view`` (memory shared, or read in place), ``copy``, ``move`` (to another device's
        memory; what is copied besides is part of it), ``refused`` (it raises, or makes an array
        of one object), or ``unknown``.
    copied_bytes, moved_bytes
        What it would write, on the way to another device and there, too, and what it would move;
        None where unknown. Empty and refused data count 0.
    evidence
        ``observed`` (addresses, flags, mirrors read) or ``inferred`` (a rule of TensorFlow's);
        empty where the outcome is unknown.
    reason
        Why, in a user's words.
    bounds
        Least and most that `copied_bytes` can be where it is None and they are known; the most
        is None where only the least is.
    """

    route: str
    outcome: str
    copied_bytes: int | None
    moved_bytes: int | None
    evidence: str
    reason: str
    bounds: tuple[int, int | None] | None = None


def refused(route: str, reason: str) -> Conversion:
    """A way that raises, or of which no array of the values comes."""
    return Conversion(route, REFUSED, 0, 0, INFERRED, reason)


def unknown(route: str, reason: str) -> Conversion:
    """A way of which nobody knows what it would do."""
    return Conversion(route, UNKNOWN, None, None, "", reason)


@dataclasses.dataclass(frozen=True, slots=True)
class Holding:
    """What one name holds; a fact that cannot be known without a conversion is None.

    Attributes
    ----------
    name, kind
        The user's name, and one of `KINDS`.
    shape, dtype
        A length that is not fixed is None; a DataFrame has all its dtypes, sorted.
    device, backing_device
        What TensorFlow says, and where the bytes are: ``GPU:0``; ``host`` for arrays.
    nbytes
        Bytes of the elements (a ragged tensor's with its row splits, a masked array's with
        its mask, pandas objects' without index and categories); None for strings. Mirrors
        have as many again, each.
    contiguous
        Whether the elements lie in C order without gaps.
    aligned
        Whether TensorFlow could share this memory, by its address.
    writable
        Whether it can be written in place: the array's flag, True for a Variable.
    group
        Number of its `Group`; None where it shares with no other name, as far as is known.
    note
        Name of the type where it is another than the kind: ``memmap``, ``RangeIndex``.
    mirrors
        Where TensorFlow keeps copies of it, or of a part of it, beside the place where it is:
        ``GPU:0``, ``host``. A Variable has none: each read of it is made anew.
    unlocated
        Where else than in host memory its own bytes or a mirror's are at no known address:
        whether they are another name's, too, is unknown.
    computed
        False for a tensor whose op has yet to run: to ask its shape would be to wait. None
        where that is unknown.
    conversions
        What converting it would do, the usual way first; empty without TensorFlow.
    writable_below
        Whether it cannot be written itself, but an array that it is a view of can.
    also
        What else can be typed for the very same object, where containers were looked into.
    """

    name: str = ""
    kind: str = ""
    shape: Shape | None = None
    dtype: str | None = None
    device: str | None = None
    backing_device: str | None = None
    nbytes: int | None = None
    contiguous: bool | None = None
    aligned: bool | None = None
    writable: bool | None = None
    group: int | None = None
    note: str = ""
    mirrors: tuple[str, ...] = ()
    unlocated: tuple[str, ...] = ()
    computed: bool | None = True
    conversions: tuple[Conversion, ...] = ()
    writable_below: bool = False
    also: tuple[str, ...] = ()


class Part(NamedTuple):
    """One stretch of memory of an object.

    Attributes
    ----------
    key
        The id of what owns it; of a mirror, with its device.
    nbytes
        None where unknown.
    view
        Transient; None for memory that has no address in this process.
    place
        ``host``, or the device.
    address
        Where it begins in the memory of an accelerator; None where unknown.
    shows
        Of a private map of a file, the bytes of the file that it shows until it is written to.
    """

    key: Hashable
    nbytes: int | None
    view: np.ndarray[Any, Any] | None = None
    place: str = facts.HOST
    address: int | None = None
    shows: facts.Span | None = None

    @property
    def span(self) -> facts.Span | None:
        """Bytes of its place that its elements lie in; None where unknown."""
        if self.view is not None:
            return facts.span_of_array(self.view)
        if self.address is None or self.nbytes is None:
            return None
        return facts.Span(self.address, self.address + self.nbytes)


class Look(NamedTuple):
    """Facts of one object, and the stretches of memory that it and its mirrors have."""

    facts: Holding
    parts: Sequence[Part] = ()
    mirrors: Sequence[Part] = ()


Reader = Callable[[Any], Look]

# The C getter: neither an object's `__class__` nor its metaclass has a say in it.
bases_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__


def ask(question: Callable[[], _T]) -> _T | None:
    """Give the answer, or None: a fact whose question raises is unknown."""
    try:
        return question()
    except Exception:
        return None


def filled(found: Holding, **more: Any) -> Holding:
    """Add facts to a `Holding` that nobody else has yet.

    `dataclasses.replace` would take longer for a hundred thousand names than all else.
    """
    for name, fact in more.items():
        object.__setattr__(found, name, fact)
    return found


def is_a(thing: Any, path: str) -> bool:
    """Whether the object's type descends from the one at this path, if that is imported."""
    module, name = path.rsplit(".", 1)
    known = getattr(sys.modules.get(module), name, None)
    return any(base is known for base in bases_of(type(thing)))  # a metaclass may compare


def dims(shape: Iterable[Any]) -> Shape:
    """Give the lengths as Python's own integers."""
    return tuple(None if length is None else int(length) for length in shape)
