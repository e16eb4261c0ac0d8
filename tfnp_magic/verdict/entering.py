"""Where the data of what became a tensor came to lie."""

from __future__ import annotations

from tfnp_magic.facts import ALIGNMENT, Span, buffers_of_size
from tfnp_magic.model import Storage
from tfnp_magic.verdict.claims import (
    NOTHING,
    OBSERVED,
    STRINGS,
    ArrayFacts,
    copied,
    is_cast,
    shared,
    unknown,
)

_SCALAR = "a scalar has no memory to share"


def of_constructor(
    source: ArrayFacts,
    result: Span | None,
    buffers: tuple[Span, ...] | None,
    dtype_to: str,
    result_nbytes: int | None,
    *,
    copied_before: bool,
    handed: Span | None = None,
) -> Storage:
    """An array became a tensor by way of ``EagerTensor.__init__``.

    Parameters
    ----------
    source
        The user's array.
    result
        Bytes of the tensor; None when they cannot be looked at.
    buffers
        Memory that NumPy took for arrays meanwhile, in order; None where that was not seen.
    dtype_to, result_nbytes
        The tensor's dtype by NumPy's name, and the bytes of its elements.
    copied_before
        Whether TensorFlow was handed a copy of the array, as by ``convert_to_eager_tensor``.
    handed
        Bytes of what it was handed.
    """
    if source.span is not None and not source.nbytes:
        return NOTHING
    if result_nbytes is None:
        return STRINGS
    if result and source.span and source.contiguous and result.start == source.span.start:
        return shared(_shared(source), OBSERVED)
    cast = is_cast(source.dtype, dtype_to)
    if buffers is None:
        return _of_constructor_unwatched(source, result, handed, copied_before, cast, result_nbytes)
    taken = buffers_of_size(buffers, source.nbytes, result_nbytes)
    if result is None:
        return _of_unseen(source, taken, result_nbytes, cast)
    return _of_buffers(source, taken, result, result_nbytes, cast)


def _of_buffers(
    source: ArrayFacts, taken: tuple[Span, ...], result: Span, nbytes: int, cast: bool
) -> Storage:
    """Every buffer was seen: NumPy's, and the tensor's own if it lies in none of them."""
    in_numpys = any(buffer.start == result.start for buffer in taken)
    total = sum(buffer.nbytes for buffer in taken) + (0 if in_numpys else nbytes)
    copies = len(taken) + (not in_numpys)
    return copied(_why(source, len(taken), in_numpys, cast), total, OBSERVED, copies)


_NUMBERS = ("no", "one", "two", "three", "four", "five")


def _why(source: ArrayFacts, taken: int, in_numpys: bool, cast: bool) -> str:
    """Say how many buffers were filled, and why not fewer."""
    copies = taken + (not in_numpys)
    number = _NUMBERS[copies] if copies < len(_NUMBERS) else str(copies)
    count = f"{number} {'copy' if copies == 1 else 'copies'}"
    last = "the cast's" if cast else "NumPy's"
    if in_numpys:
        if taken == 1:
            return f"{count}: {last}, which is aligned, so the tensor uses it"
        return f"{count} by NumPy; the tensor uses {last}, which is aligned"
    if taken:
        also = " and cast" if cast else ""
        if taken == 1:
            return f"{count}: {last} was not {ALIGNMENT}-byte aligned, so TensorFlow made another"
        return (
            f"{count}: NumPy copied{also}, and since that was not {ALIGNMENT}-byte aligned, "
            "TensorFlow made another"
        )
    if cast:
        return "cast into a new buffer"
    return _why_not_shared(source)


def _why_not_shared(source: ArrayFacts) -> str:
    if not source.contiguous:
        return "not contiguous in C order, so it was copied"
    return f"not {ALIGNMENT}-byte aligned, so TensorFlow copied it"


def _of_constructor_unwatched(
    source: ArrayFacts,
    result: Span | None,
    handed: Span | None,
    copied_before: bool,
    cast: bool,
    result_nbytes: int,
) -> Storage:
    """The same where NumPy's allocations were not seen: a cast's own buffer may be missed."""
    taken = (handed,) if copied_before and handed else ()
    if result is None:
        return _of_unseen(source, taken, result_nbytes, cast)
    if not cast:
        return _of_buffers(source, taken, result, result_nbytes, cast)
    least = sum(buffer.nbytes for buffer in taken) + result_nbytes
    return copied(
        "cast into a new buffer; whether by one more copy was not seen", least, copies=None
    )


def _of_unseen(
    source: ArrayFacts, taken: tuple[Span, ...], result_nbytes: int, cast: bool
) -> Storage:
    """The same without a look at the tensor's memory: another device's, or a scalar's."""
    known = sum(buffer.nbytes for buffer in taken)
    if taken:
        return copied("NumPy copied it; what followed could not be seen", known, copies=None)
    if cast:
        reason = "cast into a new buffer; what followed could not be seen"
        return copied(reason, result_nbytes, copies=None)
    if may_be_shared(source, source.dtype):
        return unknown("the tensor's memory could not be looked at")
    return copied(_why_not_shared(source), result_nbytes)


_KEPT = "TensorFlow had kept the tensor of this number"


def of_python(nbytes: int | None, *, is_text: bool = False, kept: bool = False) -> Storage:
    """A Python number, string or sequence became a tensor, or was one that TensorFlow kept."""
    if kept:
        return shared(_KEPT)
    if is_text:
        return copied("a Python string is copied into TensorFlow's own", None, copies=None)
    copies = None if nbytes is None else int(nbytes > 0)
    return copied("Python objects have no memory to share", nbytes, copies=copies)


def of_scalar(nbytes: int, *, kept: bool = False) -> Storage:
    """A NumPy scalar became a tensor, or was a number that TensorFlow kept."""
    return shared(_KEPT) if kept else copied(_SCALAR, nbytes)


def of_other_device(source: ArrayFacts, nbytes: int, taken: tuple[Span, ...] | None) -> Storage:
    """An array became a tensor in another device's memory, by way of one in host memory.

    Parameters
    ----------
    source
        The user's array.
    nbytes
        Bytes of the tensor's elements.
    taken
        Memory that NumPy took for arrays meanwhile; None where that was not seen.
    """
    if not nbytes:
        return NOTHING
    reason = "copied to another device's memory"
    if taken is None:
        return copied(f"{reason}; copies on the way were not seen", nbytes, copies=None)
    before = list(buffers_of_size(taken, source.nbytes, nbytes))
    last = before[-1].start if before else source.span.start if source.span else 0
    # The tensor on the way uses an aligned buffer, and is a copy of any other.
    total = nbytes + sum(buffer.nbytes for buffer in before) + (nbytes if last % ALIGNMENT else 0)
    copies = 1 + len(before) + bool(last % ALIGNMENT)
    if copies > 1:
        on_the_way = _NUMBERS[copies - 1] if copies <= len(_NUMBERS) else str(copies - 1)
        reason += f", after {on_the_way} in host memory on the way"
    return copied(reason, total, copies=copies)


PUT_TOGETHER = "its arrays were put together"
"""How the reason begins where a list of arrays became one tensor."""


def of_gathered(
    nbytes: int | None, result: Span | None, buffers: tuple[Span, ...] | None
) -> Storage:
    """Several arrays, or an object that makes its array on demand, became one tensor.

    Parameters
    ----------
    nbytes
        Bytes of the tensor's elements; None for strings.
    result
        Where they lie; None when that cannot be looked at.
    buffers
        Memory that NumPy took meanwhile; of the tensor's size it held all of the data.
    """
    reason = f"{PUT_TOGETHER} into a new buffer"
    if nbytes is None or not nbytes:
        return copied(reason, nbytes, copies=None if nbytes is None else 0)
    if buffers is None or result is None:
        return copied(reason, nbytes, copies=None)
    taken = buffers_of_size(buffers, nbytes)
    if not taken:
        return copied(reason, nbytes, OBSERVED)
    if any(buffer.start == result.start for buffer in taken):
        total = nbytes * len(taken)
        return copied(
            "NumPy made an array of it, which the tensor uses", total, OBSERVED, len(taken)
        )
    reason = f"NumPy made an array of it, not {ALIGNMENT}-byte aligned, so TensorFlow copied that"
    return copied(reason, nbytes * (1 + len(taken)), OBSERVED, 1 + len(taken))


def of_lent(nbytes: int | None, result: Span | None, buffers: tuple[Span, ...] | None) -> Storage:
    """An object with ``__array__`` of its own became a tensor; its array was not seen.

    It may be a new one, which NumPy's allocations show, or the object's own memory, which
    the tensor may then share.
    """
    taken = buffers_of_size(buffers, nbytes) if nbytes else ()
    if taken:
        return of_gathered(nbytes, result, buffers)
    return unknown("the object gave an array that was not seen: the tensor may share its memory")


def of_proto(
    nbytes: int | None, to_nbytes: int | None, buffers: tuple[Span, ...] | None
) -> Storage:
    """An array was written into a ``TensorProto``: as ``bytes``, which the message copies.

    Source: ``make_tensor_proto`` (tensorflow/python/framework/tensor_util.py, 2.21), which
    calls ``astype`` first where it is given a dtype.
    """
    if nbytes is None or to_nbytes is None:
        return copied("strings are copied one by one into a TensorProto", None, copies=None)
    before = buffers_of_size(buffers, to_nbytes)
    copies = (2 if to_nbytes else 0) + len(before)
    reason = "made bytes of, which the TensorProto copies"
    return copied(reason, copies * to_nbytes, copies=copies)


def _shared(source: ArrayFacts) -> str:
    if source.writable:
        return "shares memory: writing to the array changes the tensor"
    return f"{ALIGNMENT}-byte aligned, so the tensor shares the array's memory"


def may_be_shared(source: ArrayFacts, dtype_to: str) -> bool:
    """Whether TensorFlow could use the array's own memory, by its dtype, layout and address."""
    span = source.span
    fits = source.contiguous and not is_cast(source.dtype, dtype_to)
    return fits and span is not None and span.start % ALIGNMENT == 0


def of_op_argument(
    source: ArrayFacts,
    dtype_to: str,
    to_nbytes: int,
    results: tuple[Span, ...],
    buffer: Span | None = None,
) -> Storage:
    """An array was handed to an op, which converted it in C++ (the fast path).

    The tensor in between is never seen: only a result that lies in the array's own
    memory can be observed. The rest follows from TensorFlow's rule
    (``ConvertToEagerTensor`` and ``NdarrayToTensor``, checked on 2.21): what is not of
    the dtype wanted or not contiguous, NumPy converts first; what is aligned to 64 bytes
    then is read in place, and what is not is copied.

    Parameters
    ----------
    source
        The user's array.
    dtype_to, to_nbytes
        The dtype that the op wanted, and the elements' bytes in it.
    results
        Bytes of those results that could be looked at.
    buffer
        What NumPy took for the converted array; None where none was seen.
    """
    if source.span and not source.nbytes:
        return NOTHING
    # Only an array without gaps is read in place; another one's gaps may hold a result.
    span = source.span if source.contiguous else None
    if span and any(span.overlaps(result) for result in results):
        return shared("the result shares memory: " + _writing(source), OBSERVED)
    if buffer is not None:
        return _of_converted(source, dtype_to, to_nbytes, buffer)
    if is_cast(source.dtype, dtype_to):
        reason = "cast into a new buffer to match the op's tensor"
        return copied(reason, to_nbytes, copies=None)
    if not source.contiguous:
        return copied("not contiguous in C order, so it was copied", to_nbytes, copies=None)
    if source.span is None:
        return copied(_SCALAR, to_nbytes)
    if source.span.start % ALIGNMENT:
        return copied(f"not {ALIGNMENT}-byte aligned, so TensorFlow copied it", to_nbytes)
    return shared(f"{ALIGNMENT}-byte aligned, so the op read it in place")


def _of_converted(source: ArrayFacts, dtype_to: str, to_nbytes: int, buffer: Span) -> Storage:
    """NumPy converted the argument first, into a buffer whose address was seen."""
    why = (
        "cast to match the op's tensor"
        if is_cast(source.dtype, dtype_to)
        else "put in C order by NumPy"
    )
    if buffer.start % ALIGNMENT:
        reason = f"{why}; that was not {ALIGNMENT}-byte aligned, so TensorFlow made another copy"
        return copied(reason, 2 * to_nbytes, copies=2)
    return copied(f"{why}, into a new buffer", to_nbytes)


def _writing(source: ArrayFacts) -> str:
    return "writing to the array changes the tensor" if source.writable else "both are read-only"
