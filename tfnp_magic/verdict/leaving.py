"""What became of the data of a tensor that was read."""

from __future__ import annotations

from tfnp_magic.facts import Span, buffers_of_size
from tfnp_magic.model import Storage
from tfnp_magic.verdict.claims import INFERRED, OBSERVED, copied, shared, unknown


def of_numpy_method(owns_data: bool, nbytes: int, is_array: bool) -> Storage:
    """``Tensor.numpy()`` returned an array that owns its memory, or a NumPy scalar."""
    if not is_array:
        return copied("a NumPy scalar holds its own value", nbytes, OBSERVED)
    if owns_data:
        reason = ".numpy() copies; np.asarray() would give a view"
        return copied(reason, nbytes, OBSERVED, copies=1 if nbytes else 0)
    return shared("the array does not own its memory", OBSERVED)


def of_string_read(nbytes: int | None = None) -> Storage:
    """String elements became Python bytes objects: one of so many bytes, or several."""
    if nbytes is None:
        return copied("each string became a Python object of its own", None, copies=None)
    return copied("the string became a Python object of its own", nbytes, OBSERVED)


def of_copying_read(nbytes: int, buffers: tuple[Span, ...] | None, cast: bool) -> Storage:
    """A reader that copies (``np.array(t)``, ``bytes(t)``, a dtype of its own) read a tensor.

    Parameters
    ----------
    nbytes
        Bytes of the copy.
    buffers
        Memory that NumPy took after the read; None where that was not seen.
    cast
        Whether the copy has another dtype.
    """
    return of_copied_read(nbytes, cast=cast, seen=was_taken(nbytes, buffers))


def of_copied_read(nbytes: int, *, cast: bool, seen: bool) -> Storage:
    """The same, once it is known whether the copy's memory was `seen` to be taken."""
    reason = "cast into a new array" if cast else "read in place, then copied by the reader"
    return copied(reason, nbytes, OBSERVED if seen else INFERRED, copies=1 if nbytes else 0)


def was_taken(nbytes: int, buffers: tuple[Span, ...] | None) -> bool:
    """Whether NumPy took memory of this size soon after a read."""
    return bool(buffers_of_size((buffers or ())[:_SOON], nbytes))


_SOON = 4
"""Allocations after a read among which a converting reader's own is: the first ones."""


def of_written() -> Storage:
    """A tensor was read into an array that was there before (``a[:] = t``, ``np.copyto``)."""
    return shared("read in place, and written into an array that was there before")


def of_kept_view(tensor_alive: bool, writable: bool) -> Storage:
    """An array over a tensor's memory was still alive after the line that made it.

    Parameters
    ----------
    tensor_alive
        Whether the tensor was, too.
    writable
        Whether NumPy would let the user write to the array.
    """
    if not tensor_alive:
        return shared("took over the memory of a tensor that is gone", OBSERVED)
    if writable:
        return shared("shares memory: writing to the array changes the tensor", OBSERVED)
    return shared("shares the tensor's memory, read-only", OBSERVED)


def of_kept_tensor() -> Storage:
    """A reader that keeps the tensor itself, as ``np.frombuffer`` does, handed out its memory."""
    return shared("shares the tensor's memory, read-only")


def of_dropped_view(
    may_have_copied: bool,
    nbytes: int,
    buffers: tuple[Span, ...] | None,
    *,
    went_on: bool = False,
) -> Storage:
    """Something looked at a tensor's memory through an array that is gone.

    Parameters
    ----------
    may_have_copied
        Whether the reader converts as it is told to (an order, ``copy=``), or asks
        another to: then a copy was made or the view was dropped.
    nbytes
        Bytes of the tensor's elements.
    buffers
        Memory that NumPy took after the read: a converting reader's copy is among the
        first. None where that was not seen.
    went_on
        Whether more was done with the array: memory of its size may be a result's.
    """
    if not may_have_copied:
        return shared("read in place; nothing kept the memory")
    if buffers is None:
        return unknown("read in place; the array made of it was copied or dropped")
    if not was_taken(nbytes, buffers):
        return shared("read in place; nothing kept the memory")
    if went_on:
        return unknown("read in place; what was made of that is a copy, or a result of its size")
    return copied("read in place, then copied by the reader", nbytes)
