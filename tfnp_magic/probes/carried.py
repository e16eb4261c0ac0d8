"""Which of the copies of memory that were noted carried a constant. Pure.

A copy of just the constant's size is recognised by its content, at 124 places. A larger
one, of a message that holds the constant, is recognised by where it came from: the constant
was written into that place before; what the note holds of the content must agree. When
a constant is made, NumPy may cast the array or put it in order, which is no copy of memory:
what was taken for that, and held the constant then, is one copy more.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from tfnp_magic.facts import Span
from tfnp_magic.probes.memory_copies import Entries

_WORD = 8
_LEAST_HEAD = 8 * _WORD
"""Bytes of a constant that must be seen where its place in a larger copy has to be found."""

_DISTINCT = 3
"""Words that must differ in what is known of a constant, for nothing else to be taken for it."""


@dataclasses.dataclass(frozen=True)
class Print:
    """What is known of a constant's content; facts only.

    Attributes
    ----------
    nbytes
        Of the whole content.
    head, samples
        As in `memory_copies.ENTRY`.
    """

    nbytes: int
    head: bytes
    samples: bytes

    @property
    def is_distinct(self) -> bool:
        """Whether other data is unlikely to look like it."""
        words = np.frombuffer(self.head + self.samples, "u8")
        return len(set(words.tolist())) >= _DISTINCT


def print_of(entries: Entries, thread: int, nbytes: int) -> Print | None:
    """What the last copy of just this size, on this thread, held; None without one."""
    for entry in entries[(entries["thread"] == thread) & (entries["nbytes"] == nbytes)][::-1]:
        return Print(nbytes, entry["head"].tobytes(), entry["samples"].tobytes())
    return None


class Beginning(NamedTuple):
    """How a constant was made, before TensorFlow copied it on.

    Attributes
    ----------
    source
        Where the first copy that was noted took it from; None if there was none.
    unnoted
        Copies before that, made in other ways.
    """

    source: int | None
    unnoted: int


def beginning_of(
    look: Print, entries: Entries, origin: int | None, buffers: tuple[Span, ...]
) -> Beginning:
    """Tell it from the copies that were noted while the constant was made.

    Parameters
    ----------
    look, entries
        The constant, and the copies.
    origin
        Address of the array that it was made of; None if that is not known.
    buffers
        What NumPy took for arrays of the constant's size meanwhile; if none was copied into,
        it was filled by a cast, or by putting elements in order.
    """
    places = Places(look, set())
    places.follow(entries)
    starts = {buffer.start for buffer in buffers}
    # Neither NumPy's nor the user's: bytes that the elements were written to one by one.
    wrote_bytes = origin is not None and places.source not in (None, origin, *starts)
    return Beginning(places.source, len(starts - places.written) + wrote_bytes)


@dataclasses.dataclass
class Places:
    """Where a constant lies, as copy follows copy; addresses of its first byte.

    Attributes
    ----------
    print
        What it looks like.
    known
        Where it lay before.
    written
        Where it was copied to.
    source
        Where the first copy took it from.
    copies
        How often it was copied.
    """

    print: Print
    known: set[int]
    written: set[int] = dataclasses.field(default_factory=set)
    source: int | None = None
    copies: int = 0

    def follow(self, entries: Entries) -> None:
        """Count the copies among these, in their order."""
        for entry in entries[entries["nbytes"] >= self.print.nbytes]:
            start, to, nbytes = int(entry["from"]), int(entry["to"]), int(entry["nbytes"])
            offsets = self._offsets(entry, start, nbytes)
            self._overwritten(to, nbytes)
            for offset in offsets:
                self._is_copied(start + offset, to + offset)

    def _is_copied(self, start: int, to: int) -> None:
        if self.source is None:
            self.source = start
        self.copies += 1
        self.known |= {start, to}
        self.written.add(to)

    def _offsets(self, entry: np.void, start: int, nbytes: int) -> list[int]:
        """Where in what was copied the constant begins; it may be there twice."""
        mine = self.print
        head = entry["head"].tobytes()
        if nbytes == mine.nbytes:
            return [0] if (head, entry["samples"].tobytes()) == (mine.head, mine.samples) else []
        last = start + nbytes - mine.nbytes
        offsets = [place - start for place in self.known if start <= place <= last]
        offsets = [offset for offset in offsets if mine.head.startswith(head[offset:])]
        if offsets or not mine.is_distinct:
            return offsets
        found = head.find(mine.head[:_LEAST_HEAD])
        fits = 0 <= found <= nbytes - mine.nbytes and mine.head.startswith(head[found:])
        return [found] if fits else []

    def _overwritten(self, to: int, nbytes: int) -> None:
        stop = to + nbytes
        gone = [at for at in self.known if at < stop and to < at + self.print.nbytes]
        self.known.difference_update(gone)
