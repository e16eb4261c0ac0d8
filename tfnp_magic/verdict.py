"""From the facts of both ends of a conversion to what it did with the data. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfnp_magic.facts import ALIGNMENT, Span
from tfnp_magic.model import Verdict

OBSERVED, INFERRED = "observed", "inferred"
MIXED = "mixed"
"""Dtype of a DataFrame whose columns differ: what is cast then is not known."""

COPY, VIEW, UNKNOWN = "copy", "view", "unknown"


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


_NOTHING = Verdict(COPY, INFERRED, "no elements: there is nothing to copy or to share", 0)


def is_cast(dtype_from: str, dtype_to: str) -> bool:
    """Whether two dtype names mean different values: not for byte order, not for strings."""
    if "string" in (dtype_from, dtype_to):
        return False
    return dtype_from not in (dtype_to, MIXED) and _native(dtype_from) != _native(dtype_to)


def _native(dtype: str) -> str:
    """``float64`` for ``>f8``, ``int64`` for pandas' ``Int64``; any other name as it is."""
    return np.dtype(dtype).newbyteorder("=").name if dtype[:1] in "<>" else dtype.lower()


def of_constructor(
    source: ArrayFacts,
    handed: Span | None,
    copied_before: bool,
    result: Span | None,
    dtype_to: str,
    result_nbytes: int | None,
) -> Verdict:
    """An array became a tensor by way of ``EagerTensor.__init__``.

    Parameters
    ----------
    source
        The user's array.
    handed
        Bytes of the array that TensorFlow was handed; another one than the user's
        after ``convert_to_eager_tensor``, which copies first.
    copied_before
        Whether that copy was made.
    result
        Bytes of the tensor; None when they cannot be looked at.
    dtype_to, result_nbytes
        The tensor's dtype by NumPy's name, and the bytes of its elements.
    """
    if not source.nbytes:
        return _NOTHING
    if result_nbytes is None:
        return Verdict(COPY, INFERRED, "strings are copied one by one into TensorFlow's own", None)
    before = source.nbytes if copied_before else 0
    cast = is_cast(source.dtype, dtype_to)
    if result is None or handed is None:
        return _of_unseen(source, before, result_nbytes, cast)
    if result.start == handed.start:
        if not copied_before:
            return Verdict(VIEW, OBSERVED, _shared(source), 0)
        return Verdict(
            COPY, OBSERVED, "one copy: NumPy's, which is aligned, so the tensor uses it", before
        )
    return Verdict(COPY, OBSERVED, _why_copied(source, copied_before, cast), before + result_nbytes)


def _of_unseen(source: ArrayFacts, before: int, result_nbytes: int, cast: bool) -> Verdict:
    """The same without a look at the tensor's memory: another device's, or a scalar's."""
    certain = before + (result_nbytes if cast else 0)
    if certain:
        reason = "NumPy copied it" if before else "cast into a new buffer"
        return Verdict(COPY, INFERRED, f"{reason}; what followed could not be seen", certain)
    if may_be_shared(source, source.dtype):
        return Verdict(UNKNOWN, "", "the tensor's memory could not be looked at", None)
    return Verdict(COPY, INFERRED, _why_copied(source, False, False), result_nbytes)


def _shared(source: ArrayFacts) -> str:
    if source.writable:
        return "shares memory: writing to the array changes the tensor"
    return f"{ALIGNMENT}-byte aligned, so the tensor shares the array's memory"


def _why_copied(source: ArrayFacts, copied_before: bool, cast: bool) -> str:
    if cast:
        return "copied by NumPy, then cast into a new buffer" if copied_before else "cast"
    if copied_before:
        return f"two copies: NumPy's was not {ALIGNMENT}-byte aligned, so TensorFlow made another"
    if not source.contiguous:
        return "not contiguous in C order, so it was copied"
    return f"not {ALIGNMENT}-byte aligned, so TensorFlow copied it"


def may_be_shared(source: ArrayFacts, dtype_to: str) -> bool:
    """Whether TensorFlow could use the array's own memory, by its dtype, layout and address."""
    span = source.span
    fits = source.contiguous and not is_cast(source.dtype, dtype_to)
    return fits and span is not None and span.start % ALIGNMENT == 0


def of_op_argument(
    source: ArrayFacts, dtype_to: str, to_nbytes: int, results: tuple[Span, ...]
) -> Verdict:
    """An array was handed to an op, which converted it in C++ (the fast path).

    The tensor in between is never seen: only a result that lies in the array's own
    memory can be observed. The rest follows from TensorFlow's rule
    (``ConvertToEagerTensor`` and ``NdarrayToTensor``, checked on 2.21): an array of
    the dtype wanted, contiguous and aligned to 64 bytes, is read in place.

    Parameters
    ----------
    source
        The user's array.
    dtype_to, to_nbytes
        The dtype that the op wanted, and the elements' bytes in it.
    results
        Bytes of those results that could be looked at.
    """
    if source.span and not source.nbytes:
        return _NOTHING
    # Only an array without gaps is read in place; another one's gaps may hold a result.
    span = source.span if source.contiguous else None
    if span and any(span.overlaps(result) for result in results):
        return Verdict(VIEW, OBSERVED, "the result shares memory: " + _writing(source), 0)
    if is_cast(source.dtype, dtype_to):
        return Verdict(COPY, INFERRED, "cast into a new buffer to match the op's tensor", to_nbytes)
    if not source.contiguous:
        return Verdict(COPY, INFERRED, "not contiguous in C order, so it was copied", to_nbytes)
    if source.span is None:
        return Verdict(COPY, INFERRED, "a scalar has no memory to share", to_nbytes)
    if source.span.start % ALIGNMENT:
        reason = f"not {ALIGNMENT}-byte aligned, so TensorFlow copied it"
        return Verdict(COPY, INFERRED, reason, to_nbytes)
    return Verdict(VIEW, INFERRED, f"{ALIGNMENT}-byte aligned, so the op read it in place", 0)


def _writing(source: ArrayFacts) -> str:
    return "writing to the array changes the tensor" if source.writable else "both are read-only"


def of_numpy_method(owns_data: bool, nbytes: int, is_array: bool) -> Verdict:
    """``Tensor.numpy()`` returned an array that owns its memory, or a NumPy scalar."""
    if not is_array:
        return Verdict(COPY, OBSERVED, "a NumPy scalar holds its own value", nbytes)
    if owns_data:
        return Verdict(COPY, OBSERVED, ".numpy() copies; np.asarray() would give a view", nbytes)
    return Verdict(VIEW, OBSERVED, "the array does not own its memory", 0)


def of_string_read() -> Verdict:
    """String elements became Python bytes objects."""
    return Verdict(COPY, INFERRED, "each string became a Python object of its own", None)


def of_copying_read(nbytes: int) -> Verdict:
    """A reader that is documented to copy (``np.array(t)``, ``bytes(t)``) read a tensor."""
    return Verdict(COPY, INFERRED, "read in place, then copied by the reader", nbytes)


def of_kept_view(tensor_alive: bool, writable: bool) -> Verdict:
    """An array over a tensor's memory was still alive after the line that made it.

    Parameters
    ----------
    tensor_alive
        Whether the tensor was, too.
    writable
        Whether NumPy would let the user write to the array.
    """
    if not tensor_alive:
        return Verdict(VIEW, OBSERVED, "took over the memory of a tensor that is gone", 0)
    if writable:
        return Verdict(VIEW, OBSERVED, "shares memory: writing to the array changes the tensor", 0)
    return Verdict(VIEW, OBSERVED, "shares the tensor's memory, read-only", 0)


def of_dropped_view(may_have_copied: bool) -> Verdict:
    """Something looked at a tensor's memory through an array that is gone.

    Parameters
    ----------
    may_have_copied
        Whether the reader converts as it is told to (a dtype, an order, ``copy=``): then
        a copy was made or the view was dropped, and nothing shows which.
    """
    if may_have_copied:
        reason = "read in place; the array made of it was copied or dropped"
        return Verdict(UNKNOWN, "", reason, None)
    return Verdict(VIEW, INFERRED, "read in place; nothing kept the memory", 0)
