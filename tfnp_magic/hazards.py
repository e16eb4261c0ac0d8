"""Memory that a writable array and a tensor share, watched for as long as a trace runs.

Nothing is kept alive: both ends are held by weak references, and what is kept of the
memory is a checksum. Whether it was written to is looked at when the trace comes by
again and when it ends, within a budget of time.
"""

from __future__ import annotations

import collections
import dataclasses
import sys
import weakref
import zlib
from typing import Any

import numpy as np

from tfnp_magic.cell_text.writes import lines_that_write, names_of
from tfnp_magic.facts import Span, host_view, span_of_array
from tfnp_magic.interrupts import raised_by_signal
from tfnp_magic.locks import new_rlock
from tfnp_magic.model import Hazard, Place, Site
from tfnp_magic.recorder.budget import ALWAYS, Budget
from tfnp_magic.recording import Recording

Array = np.ndarray[Any, Any]

WHOLE = 4 << 20
"""Bytes up to which shared memory is read in full; of more, blocks that add up to this."""

_BLOCK = 4096
_MOST = 256
"""Pairs that one trace watches; more are counted."""

_MOST_PAIRS = 8
"""Tensors over one memory from one site that are told apart."""


class Shared:
    """An array and what shares its memory, as a probe met them.

    Parameters
    ----------
    array
        The array through which the memory can be written to; None for one that Python
        does not see (behind DLPack): then the memory is read through the tensor.
    tensor
        What changes with it; None for what Python does not see (a tape's, a graph's).
    holder
        What holds the memory, in words, where that is no tensor of the user's.

    Attributes
    ----------
    checksum
        Of the memory's content at the last `look`; None before the first.
    starts_anew
        Whether nobody holds the memory any more from the last time that it was shared.
    """

    __slots__ = ("array", "checksum", "holder", "sampled", "span", "starts_anew", "tensor")

    def __init__(self, array: Array | None, tensor: Any, holder: str = "") -> None:
        self.array = None if array is None else weakref.ref(array)
        self.tensor = None if tensor is None else weakref.ref(tensor)
        self.holder = holder
        self.starts_anew = False
        memory = self.memory()
        self.span = Span(0, 0) if memory is None else span_of_array(memory)
        self.checksum: int | None = None
        self.sampled = False

    def look(self) -> None:
        """What the memory holds now is what it is compared with later."""
        memory = self.memory()
        if memory is not None:
            self.checksum, self.sampled = checksum_of(memory)

    def memory(self) -> Array | None:
        """The shared memory as an array, to look at and drop; None when an end is gone."""
        tensor = self.tensor() if self.tensor else None
        if self.tensor and tensor is None:
            return None
        if self.array is not None:
            return self.array()
        return None if tensor is None else host_view(tensor)

    def ends(self) -> tuple[Array | None, Any]:
        """The array and the tensor, as far as Python sees them and they are alive."""
        return self.array() if self.array else None, self.tensor() if self.tensor else None

    def is_over(self) -> bool:
        """Whether one of the ends is gone, so that nothing can be changed any more."""
        return self.memory() is None

    def was_written(self) -> bool:
        """Whether the memory holds something else than it did; False when an end is gone."""
        memory = None if self.checksum is None else self.memory()
        return memory is not None and checksum_of(memory)[0] != self.checksum

    def can_be_written(self, tensors: int = 1) -> bool:
        """Whether somebody but TensorFlow holds the array, or the memory that it is a view of.

        Parameters
        ----------
        tensors
            How many tensors hold it.
        """
        array = self.array() if self.array is not None else None
        if array is None:
            return self.array is None and not self.is_over()
        # References: this name, the call's argument, and one of each tensor's own.
        if array.flags.writeable and sys.getrefcount(array) > 2 + tensors:
            return True
        root = root_of(array)
        # And here the view's, whoever holds the view.
        return root is not array and root.flags.writeable and sys.getrefcount(root) > 3


def shared_with(array: Array | None, tensor: Any, holder: str = "") -> Shared | None:
    """What to watch where a tensor lies in an array's memory; None if nobody can write to it.

    `Hazards.add` looks at the content, if there is time for it; where it is told only
    afterwards, that would be too late.
    """
    if array is not None:
        writable = array.flags.writeable or root_of(array).flags.writeable
        if not array.size or not writable or array.dtype.hasobject:
            return None
    shared = Shared(array, tensor, holder)
    return None if shared.is_over() else shared


def root_of(array: Array) -> Array:
    """The array that owns the memory, or the first in the chain that NumPy did not make."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def checksum_of(array: Array) -> tuple[int, bool]:
    """Checksum of an array's memory, and whether only blocks of it were read."""
    array = np.asarray(array)  # a matrix has two axes, whatever is asked for
    if not array.flags.c_contiguous:
        step = -(-array.nbytes // WHOLE)
        elements = array.flat[::step] if step > 1 else array.ravel()
        return zlib.crc32(elements.view(np.uint8).data), step > 1
    memory = array.reshape(-1).view(np.uint8)
    if memory.nbytes <= WHOLE:
        return zlib.crc32(memory.data), False
    step = memory.nbytes // (WHOLE // _BLOCK)
    checksum = zlib.crc32(memory[-_BLOCK:].data)
    for start in range(0, memory.nbytes - _BLOCK, step):
        checksum = zlib.crc32(memory[start : start + _BLOCK].data, checksum)
    return checksum, True


_Key = tuple[Site, str, Span]
"""What tells shared memory apart: where it came about, for whom, and which bytes they are."""


def _living(pairs: list[Shared]) -> Shared:
    """The latest pair of which both ends are alive; the latest of all where there is none."""
    return next((pair for pair in reversed(pairs) if not pair.is_over()), pairs[-1])


@dataclasses.dataclass(slots=True, eq=False)
class _Watched:
    """Memory that came to be shared at one site, and where it was last seen unchanged.

    One line may make several tensors of it (in a loop), and any of them may be the one that
    stays: all `pairs` began while the memory held the same.
    """

    pairs: list[Shared]
    key: _Key
    hazard: Hazard
    names: dict[str, Any]
    intact_at: Place | None

    @property
    def shared(self) -> Shared:
        return _living(self.pairs)

    def add(self, *pairs: Shared, count: int = 1) -> None:
        """The same happened again."""
        living = [pair for pair in (*self.pairs, *pairs) if not pair.is_over()]
        self.pairs = living[-_MOST_PAIRS:] or self.pairs
        self.hazard.count += count


class Hazards:
    """All pairs that one trace watches.

    Parameters
    ----------
    recording
        Its ``hazards`` are filled by `finish`.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._watched: list[_Watched] = []
        self._written: list[_Watched] = []
        self._unwatched = 0
        self._lock = new_rlock()  # TensorFlow's threads call back, too
        self._looks: dict[tuple[Site, str], int] = {}
        self._budget = Budget()

    def add(
        self, shared: Shared, site: Site, route: str, direction: str, names: dict[str, Any]
    ) -> None:
        """Watch a pair from now on.

        Parameters
        ----------
        site, route, direction
            Where, how and which way they came to share memory.
        names
            The namespace in which the user may call them by name.
        """
        with self._lock:
            self._add(shared, site, route, direction, names)

    def _add(
        self, shared: Shared, site: Site, route: str, direction: str, names: dict[str, Any]
    ) -> None:
        place = site.inner or site.line
        key = site, shared.holder, shared.span
        known = _find(self._watched, key)
        looks = self._looks[site, route] = self._looks.get((site, route), 0) + 1
        if looks > ALWAYS and not self._budget.has_time():
            self._add_unseen(known, shared)
            return
        self._look(shared)
        if known is not None and shared.starts_anew:
            known.pairs, known.intact_at = [shared], place
            known.hazard.count += 1
            return
        if known is not None:
            # Its checksum is the memory's present one: a look that costs nothing.
            if known.shared.checksum != shared.checksum and known.shared.was_written():
                self._tell_written(known, place)
            else:
                known.add(shared)
                return
        if len(self._watched) >= _MOST:
            self._drop_what_is_over()
        if len(self._watched) >= _MOST:
            self._unwatched += 1
            return
        hazard = Hazard(site, route, direction, shared.span.nbytes, holder=shared.holder)
        hazard.sampled = shared.sampled
        self._watched.append(_Watched([shared], key, hazard, names, place))

    def _add_unseen(self, known: _Watched | None, shared: Shared) -> None:
        """Without a look at the memory: it is watched if it was already."""
        if known is None or shared.starts_anew:
            self._unwatched += 1
            return
        shared.checksum, shared.sampled = known.shared.checksum, known.shared.sampled
        known.add(shared)

    def _look(self, shared: Shared) -> None:
        if shared.checksum is None:
            with self._budget.look():
                shared.look()

    def pass_by(self, place: Place | None) -> None:
        """Look whether something was written, if there is time for it.

        Parameters
        ----------
        place
            The line that the trace is at now.
        """
        if not self._watched or not self._budget.has_time():
            return
        with self._lock, self._budget.look():
            self._check(place)

    def end_of(self, holder: str) -> None:
        """What this holder held is not needed any more: a last look, and no further."""
        with self._lock:
            self._check(None, holder)
            self._watched = [w for w in self._watched if w.shared.holder != holder]

    def _check(self, place: Place | None, holder: str | None = None) -> None:
        for watched in list(self._watched):
            if holder is not None and watched.shared.holder != holder:
                continue
            if watched.shared.is_over():
                self._watched.remove(watched)
            elif watched.shared.was_written():
                self._tell_written(watched, place)
            else:
                watched.intact_at = place or watched.intact_at

    def _tell_written(self, watched: _Watched, place: Place | None) -> None:
        self._watched.remove(watched)
        if self._is_told(watched):
            return
        watched.hazard.written = True
        watched.hazard.written_before = place
        watched.hazard.intact_at = watched.intact_at
        self._name(watched)
        self._written.append(watched)

    def _is_told(self, watched: _Watched) -> bool:
        """Whether this memory was seen written to before, from the same site; then it is counted.

        Of very many, memory by memory, the first that was shared at that site stands for it.
        """
        told = _find(self._written, watched.key)
        if told is None and len(self._written) >= _MOST:
            site = watched.hazard.site
            told = next((each for each in self._written if each.hazard.site == site), None)
        if told is not None:
            told.add(*watched.pairs, count=watched.hazard.count)
        return told is not None

    def _drop_what_is_over(self) -> None:
        self._watched = [w for w in self._watched if not w.shared.is_over()]

    def finish(self) -> None:
        """Look once more, and complete the recording's ``hazards``: what was written to first.

        A failure of ours costs the recording, which says so.
        """
        try:
            with self._lock:
                self._finish()
        except Exception as error:
            if raised_by_signal(error):
                raise
            self._recording.lost.append(
                f"the look for shared memory failed ({type(error).__name__}: {error})"
            )
        self._watched, self._written = [], []

    def _finish(self) -> None:
        self._check(None)
        lasting = self._lasting()
        for watched in lasting:
            self._name(watched)
        found = [*self._written, *lasting]
        self._recording.hazards[:] = [watched.hazard for watched in found]
        self._recording.hazards_unwatched = self._unwatched
        title = self._recording.title
        _last[:] = [Remembered(watched.pairs, watched.hazard, title) for watched in found]

    def _lasting(self) -> list[_Watched]:
        """What somebody can still write to, and nobody has yet."""
        tensors = self._tensors_by_array()
        return [
            watched
            for watched in self._watched
            if not watched.hazard.holder
            and watched.shared.can_be_written(tensors[id(watched.shared.array)])
            and not self._is_told(watched)
        ]

    def _tensors_by_array(self) -> collections.Counter[int]:
        """How many tensors hold each array, by the reference to it: that is one for all pairs."""
        pairs = {
            (id(pair.array), id(pair.tensor))
            for watched in (*self._watched, *self._written)
            for pair in watched.pairs
            if pair.tensor is not None and not pair.is_over()
        }
        return collections.Counter(array for array, _ in pairs)

    def _name(self, watched: _Watched) -> None:
        hazard, shared = watched.hazard, watched.shared
        array, tensor = shared.ends()
        hazard.array, hazard.tensor = names_of(watched.names, array, tensor)
        source = self._recording.source
        here = hazard.site.line
        if source and here is not None:
            hazard.made_at, hazard.written_at = lines_that_write(source, hazard, here.source)


def _find(among: list[_Watched], key: _Key) -> _Watched | None:
    return next((watched for watched in among if watched.key == key), None)


@dataclasses.dataclass(slots=True)
class Remembered:
    """What the last trace found of one memory, for the next look at the namespace."""

    pairs: list[Shared]
    hazard: Hazard
    title: str

    @property
    def shared(self) -> Shared:
        """A pair that is alive, if there still is one."""
        return _living(self.pairs)


_last: list[Remembered] = []


def last_found() -> list[Remembered]:
    """What the last trace that ended found shared, and what of it still is."""
    return [each for each in _last if not each.shared.is_over()]
