"""Who shares memory with whom, and how much all hold together."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfnp_magic import facts
from tfnp_magic.whos.look import Part

PAIRS_COMPARED = 500_000
"""Pairs of strided views that one inventory compares exactly; about half a second."""

EXACT_WORK: Any = 10_000
"""``max_work`` of `numpy.shares_memory`, which solves a Diophantine problem per pair.

``Any``, for NumPy's type stubs know only 0 and -1.
"""


class Partition:
    """Numbered owners, joined into groups."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self.unsure: set[int] = set()

    def find(self, owner: int) -> int:
        """Give the number that stands for the owner's group."""
        parent = self._parent
        while parent[owner] != owner:
            parent[owner] = owner = parent[parent[owner]]
        return owner

    def join(self, one: int, other: int, *, sure: bool = True) -> None:
        """Make one group of two; not `sure` marks it, unless they were one already."""
        if not sure and self.find(one) != self.find(other):
            self.unsure.update((one, other))
        self._parent[self.find(one)] = self.find(other)


class _Extent(NamedTuple):
    place: str
    start: int
    stop: int
    owner: int
    view: np.ndarray[Any, Any] | None
    dense: bool


def partition_of(parts: Sequence[Sequence[Part]]) -> Partition:
    """Join the owners whose parts are the same object or have a byte in common."""
    partition = Partition(len(parts))
    first: dict[Hashable, int] = {}
    for owner, its_parts in enumerate(parts):
        for part in its_parts:
            if part.nbytes != 0:
                partition.join(owner, first.setdefault(part.key, owner))
    extents = sorted(_extents(parts), key=lambda extent: (extent.place, extent.start))
    for _, in_one_place in itertools.groupby(extents, key=lambda extent: extent.place):
        _join_overlapping(in_one_place, partition)
    _join_shown(parts, extents, partition)
    return partition


def _join_shown(
    parts: Sequence[Sequence[Part]], extents: Sequence[_Extent], partition: Partition
) -> None:
    """Join private maps with what they show of a file, not for sure: see `maps`."""
    shown = [(part.shows, owner) for owner, its in enumerate(parts) for part in its if part.shows]
    first = min((span.start for span, _ in shown), default=0)
    in_files = [one for one in extents if shown and one.place == facts.HOST and one.stop > first]
    for (start, stop), owner in shown:
        for other in in_files:
            if other.start < stop and start < other.stop:
                partition.join(owner, other.owner, sure=False)


def _extents(parts: Sequence[Sequence[Part]]) -> Iterator[_Extent]:
    for owner, its_parts in enumerate(parts):
        for part in its_parts:
            span = part.span
            if span is not None and span.nbytes:
                yield _Extent(part.place, *span, owner, part.view, _is_dense(part.view))


def _is_gapless(view: np.ndarray[Any, Any] | None) -> bool:
    """Whether the elements fill their span in C order; a tensor's do."""
    return view is None or view.flags.c_contiguous


def _is_dense(view: np.ndarray[Any, Any] | None) -> bool:
    """Whether the elements fill their span, in whatever order of the axes."""
    if view is None or _is_gapless(view):
        return True
    expected = view.itemsize
    steps = zip(view.strides, view.shape, strict=True)
    for stride, length in sorted((abs(stride), length) for stride, length in steps if length > 1):
        if stride != expected:
            return False
        expected *= length
    return True


def _join_overlapping(extents: Iterable[_Extent], partition: Partition) -> None:
    """Sweep the extents from the lowest start.

    An extent that starts inside a dense one shares its own first byte with it: so of all
    dense ones only that with the highest stop, the front, is kept, and of the others
    those that reach beyond it. Those are compared pair by pair, up to `PAIRS_COMPARED`;
    after that, all extents are taken for dense, and the groups so found for uncertain.
    """
    front: _Extent | None = None
    gapped: list[_Extent] = []
    pairs_left = PAIRS_COMPARED
    for extent in extents:
        if front is not None and front.stop > extent.start:
            partition.join(extent.owner, front.owner, sure=front.dense)
        gapped = [other for other in gapped if other.stop > extent.start]
        pairs_left -= len(gapped)
        for other in gapped:
            if partition.find(other.owner) != partition.find(extent.owner):
                shared = _share(extent.view, other.view) if pairs_left > 0 else None
                if shared is not False:
                    partition.join(extent.owner, other.owner, sure=shared is not None)
        rivals = [extent] if extent.dense else []
        if pairs_left <= 0:
            rivals, gapped = [extent, *gapped], []
        front = max(rivals if front is None else [front, *rivals], key=_stop, default=None)
        if not extent.dense and (front is None or extent.stop > front.stop):
            gapped.append(extent)


def _stop(extent: _Extent) -> int:
    return extent.stop


def _share(one: Any, other: Any) -> bool | None:
    """Whether two arrays have a byte in common; None when that is too hard to tell."""
    try:
        return np.shares_memory(one, other, max_work=EXACT_WORK)
    except np.exceptions.TooHardError:
        return None


def bytes_by_place(parts: Iterable[Part]) -> dict[str, int]:
    """Bytes of one group's parts in each place, no byte twice; at most the union of their spans."""
    once = list({part.key: part for part in parts}.values())
    if len(once) == 1 and _is_gapless(once[0].view):  # most names, and there may be very many
        return {once[0].place: once[0].nbytes or 0}
    places = {part.place for part in once}
    return {place: _held_bytes([part for part in once if part.place == place]) for place in places}


def _held_bytes(once: Sequence[Part]) -> int:
    spans = [(part.span, part.nbytes or 0) for part in once]
    elsewhere = sum(nbytes for span, nbytes in spans if span is None)
    own = union = reached = 0
    located = sorted((span, nbytes) for span, nbytes in spans if span is not None)
    for (start, stop), nbytes in located:
        own += nbytes
        union += max(0, stop - max(start, reached))
        reached = max(reached, stop)
    return elsewhere + min(own, union)
