"""Looks at a tensor's memory, judged once it shows what became of what was read."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from tfnp_magic.facts import name_of_dtype
from tfnp_magic.model import Move, Storage
from tfnp_magic.probes.allocations import Taken, ring
from tfnp_magic.recorder.comparing import cast_values
from tfnp_magic.verdict import (
    is_cast,
    of_copied_read,
    of_copying_read,
    of_dropped_view,
    of_kept_tensor,
    of_kept_view,
    of_written,
    once_more,
    unknown,
    was_taken,
    with_move,
)

if TYPE_CHECKING:
    from tfnp_magic.frames.route import Reader
    from tfnp_magic.recorder.seen import Way
    from tfnp_magic.values import ValueChange

# Documented to return an array (or bytes) of its own, if called with nothing but the tensor.
_COPYING = frozenset({"np.array", "np.copy", "np.asfortranarray", "bytes", "bytearray"})
# Return a view, if called with nothing but the tensor.
_RETURNING = frozenset(
    {"np.asarray", "np.asanyarray", "np.ascontiguousarray", "np.require", "np.asmatrix",
     "np.matrix", "np.ma.array", "np.ma.asarray", "np.frombuffer", "pd.DataFrame", "pd.Series",
     "pd.Index"}
)  # fmt: skip


_ASKS_FOR_A_COPY = np.__version__.startswith("2.0.")
"""Whether NumPy wants a copy of what it assigns to an array, as 2.0 does.

``__array__`` of tensors and Variables takes no such keyword, so NumPy copies what they return;
since 2.1 it does not ask (measured with 1.26, 2.0, 2.1, 2.2, 2.3, 2.4).
"""


class _Waiting:
    """What looks have in common: the array that was read, and when; see `seen.Look`.

    Holds weak references and facts only.
    """

    __slots__ = ("_array", "_dtype", "_elements", "_mark", "_nbytes", "_thread")

    def __init__(self, array: np.ndarray[Any, Any], nbytes: int) -> None:
        self._array, self._nbytes = weakref.ref(array), nbytes
        self._elements, self._dtype = array.size, name_of_dtype(array.dtype)
        self._mark, self._thread = ring.read()

    def values_as(self, dtype: str) -> ValueChange | None:
        """What a cast to this dtype does to the values."""
        array = self._array()
        return None if array is None else cast_values(array, None, dtype)

    def wait(self) -> None:
        """Leave out what our own comparing allocated."""
        self._mark, self._thread = ring.read()

    def _taken(self) -> Taken:
        """What the thread that read took since; another one may ask, once the trace ends."""
        return ring.after_read(self._mark, self._thread)

    def _nbytes_cast(self, target: str | None) -> int | None:
        """Bytes of the elements in another dtype; None where it is no other."""
        if not target or not is_cast(self._dtype, target):
            return None
        return self._elements * np.dtype(target).itemsize


class MemoryLook(_Waiting):
    """A look at a tensor's memory through an array over it."""

    __slots__ = ("_exported", "_is_fortran", "_move", "_tensor")

    def __init__(
        self,
        tensor: Any,
        remnant: np.ndarray[Any, Any],
        nbytes: int,
        exported: bool,
        move: Move,
    ) -> None:
        super().__init__(remnant, nbytes)
        self._tensor, self._exported, self._move = weakref.ref(tensor), exported, move
        self._is_fortran = remnant.flags.f_contiguous

    def judge(self, reader: Reader, target: str | None) -> Storage:
        """Judge by what is alive now: the array over the tensor's memory, and the tensor."""
        return with_move(self._in_host_memory(reader, target), self._move)

    def way(self, reader: Reader) -> Way | None:
        """By what lives, or by what was taken, if the reader only looks, or copies at once."""
        if not self._exported or reader.into is not None:
            return None
        if self._is_copied_by(reader):
            return ByWhatWasTaken(self._nbytes)
        if not reader.known:
            return ByWhatLives(known=False)
        return None if _may_copy(reader) or _keeps_tensor(reader) else ByWhatLives()

    def _in_host_memory(self, reader: Reader, target: str | None) -> Storage:
        buffers = self._taken()
        if reader.given:
            return self._given_away(reader, buffers)
        writes = reader.into is not None and reader.into.is_array
        nbytes = None if writes else self._nbytes_cast(target)
        if nbytes is not None:
            return of_copying_read(nbytes, buffers, cast=True)
        if not writes and target and not np.dtype(target).isnative:
            return of_copying_read(self._nbytes, buffers, cast=False)
        if self._is_copied_by(reader):
            return of_copying_read(self._nbytes, buffers, cast=False)
        if writes:
            return of_written()
        array = self._array()
        if array is not None:
            # TensorFlow's own array behind an exported buffer may be writable; what the
            # consumer gets of it is not.
            writable = bool(array.flags.writeable) and not self._exported
            return of_kept_view(self._tensor() is not None, writable)
        if target is None and reader.names_dtype:
            return unknown("read in place; into which dtype cannot be told from the line")
        if _keeps_tensor(reader):
            return of_kept_tensor()
        if not reader.known:
            return unknown(_NOT_KNOWN)
        may_copy = _may_copy(reader)
        return of_dropped_view(may_copy, self._nbytes, buffers, went_on=reader.goes_on)

    def _given_away(self, reader: Reader, buffers: Taken) -> Storage:
        """What ``__array__`` makes, asked for a dtype: a copy, be it of the same dtype."""
        cast = is_cast(self._dtype, reader.given)
        nbytes = self._elements * np.dtype(reader.given).itemsize
        storage = of_copying_read(nbytes, buffers, cast=cast)
        if not reader.copies and not (reader.assigns and _ASKS_FOR_A_COPY):
            return storage
        # NumPy does not know that this array is nobody else's.
        return once_more(storage, nbytes, "NumPy copied that once more", seen=False)

    def _is_copied_by(self, reader: Reader) -> bool:
        """Whether the reader copies: what has one axis is in Fortran's order as it is."""
        if reader.name == "np.asfortranarray" and self._is_fortran:
            return reader.copied
        return _is_copying(reader)


class CopiedLook(_Waiting):
    """What ``.numpy()`` copied for ``__array__``: NumPy may copy or cast that once more."""

    __slots__ = ("_before",)

    def __init__(self, array: np.ndarray[Any, Any], before: Storage) -> None:
        super().__init__(array, array.nbytes)
        self._before = before

    def way(self, reader: Reader) -> Way | None:
        """None: what NumPy's function does with it is asked for."""
        return None

    def judge(self, reader: Reader, target: str | None) -> Storage:
        """Judge by what NumPy's function does with the array that it was given."""
        storage = self._read_by(reader, target)
        if reader.assigns and _ASKS_FOR_A_COPY:
            nbytes = self._nbytes_cast(target) or self._nbytes
            return once_more(storage, nbytes, "NumPy copied that once more", seen=False)
        return storage

    def _read_by(self, reader: Reader, target: str | None) -> Storage:
        nbytes = self._nbytes_cast(target)
        if nbytes is not None:
            return self._once_more(nbytes, "NumPy cast that into another")
        if _is_copying(reader):
            return self._once_more(self._nbytes, "NumPy copied that once more")
        if target is None and reader.names_dtype:
            return unknown("copied by .numpy(); into which dtype then cannot be told from the line")
        if not reader.known:
            return unknown("copied by .numpy(); what reads it cannot be told from the line")
        return self._before

    def _once_more(self, nbytes: int, what: str) -> Storage:
        seen = was_taken(nbytes, self._taken())
        return once_more(self._before, nbytes, what, seen=seen)


def _is_copying(reader: Reader) -> bool:
    if reader.copies is not None:
        return reader.copies or reader.copied
    return (reader.plain and reader.name in _COPYING) or reader.copied


def _may_copy(reader: Reader) -> bool:
    """Whether that shows only by what was taken: further arguments, or what is around, decide."""
    is_told = reader.plain or reader.copies is not None
    converts = reader.name in _COPYING or reader.name in _RETURNING
    return reader.within or not reader.known or (converts and not is_told)


def _keeps_tensor(reader: Reader) -> bool:
    """Whether the reader lets go of the buffer and keeps the tensor, whose memory it hands out."""
    return reader.name == "np.frombuffer" and not reader.within


_NOT_KNOWN = "read in place; what reads it cannot be told from the line"


class ByWhatLives:
    """The way of looks by readers that only look, or hand out the view as it is.

    Parameters
    ----------
    known
        Whether it is known that they do no more than that.
    """

    __slots__ = ("_known",)

    def __init__(self, *, known: bool = True) -> None:
        self._known = known

    def begin(self, array: np.ndarray[Any, Any], tensor: Any) -> tuple[weakref.ref[Any], ...]:
        """Both, without keeping them."""
        return weakref.ref(array), weakref.ref(tensor)

    def outcome(self, begun: tuple[weakref.ref[Any], ...]) -> tuple[bool, bool]:
        """Whether the array over the memory is alive, and whether the tensor is."""
        array, tensor = begun
        return array() is not None, tensor() is not None

    def storage(self, outcome: tuple[bool, bool]) -> Storage:
        """A view that was kept, or was not."""
        is_kept, has_tensor = outcome
        if not is_kept and not self._known:
            return unknown(_NOT_KNOWN)
        return of_kept_view(has_tensor, False) if is_kept else of_dropped_view(False, 0, None)

    def expected(self) -> Storage:
        """A view, kept or not."""
        return self.storage((True, True))


class ByWhatWasTaken:
    """The way of looks by readers that copy what they read, of so many bytes, at once."""

    __slots__ = ("_nbytes",)

    def __init__(self, nbytes: int) -> None:
        self._nbytes = nbytes

    def begin(self, array: np.ndarray[Any, Any], tensor: Any) -> tuple[int, int]:
        """The present, and the thread; see `tfnp_magic.probes.allocations`."""
        return ring.read()

    def outcome(self, begun: tuple[int, int]) -> bool:
        """Whether memory for the copy was seen to be taken."""
        return was_taken(self._nbytes, ring.after_read(*begun))

    def storage(self, outcome: bool) -> Storage:
        """A copy, observed or inferred."""
        return of_copied_read(self._nbytes, cast=False, seen=outcome)

    def expected(self) -> Storage:
        """A copy, which is not made yet."""
        return self.storage(False)
