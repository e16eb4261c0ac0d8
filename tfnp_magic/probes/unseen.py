"""Arrays that become tensors which Python never sees, and the other way round.

TensorFlow makes such tensors for v1 sessions, for Python functions in graphs, and for what
it reads from checkpoints and TFLite's interpreters: only the arrays can be looked at.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfnp_magic.facts import ALIGNMENT, HOST, Span, name_of_dtype, span_of_array
from tfnp_magic.model import (
    NUMPY_TO_TENSORFLOW,
    PYTHON_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    TENSORFLOW_TO_PYTHON,
    Storage,
)
from tfnp_magic.probes.allocations import take
from tfnp_magic.probes.reporting import array_facts
from tfnp_magic.probes.sources import arrays_within, dtype_name, is_array_like, numpy_memory
from tfnp_magic.recorder.comparing import cast_values
from tfnp_magic.recorder.seen import Seen
from tfnp_magic.verdict import (
    NOTHING,
    OBSERVED,
    STRINGS,
    ArrayFacts,
    copied,
    is_cast,
    may_be_shared,
    of_numpy_method,
    of_scalar,
    of_string_read,
    shared,
)

DEVICE = "CPU:0"
"""Where these conversions are made; a graph moves data on from there unseen."""


class _Origin(NamedTuple):
    """What became an array on its way into a tensor."""

    direction: str
    dtype: str
    array: np.ndarray[Any, Any] | None


def into_tensor(
    given: Any, array: np.ndarray[Any, Any], route: str, left: list[Span] | None = None
) -> Seen:
    """An array became a tensor that Python never sees (``NdarrayToTensor``).

    Parameters
    ----------
    given
        What the user handed over; `array` itself, or what it was made of.
    array
        What the tensor was made of.
    route
        Public name of the call.
    left
        Buffers that NumPy took while the graph ran and no other feed has used; what this
        one used leaves the list. None where the tensor outlives the call.

    Notes
    -----
    The rule, checked on 2.21: NumPy puts the array in C order first if it is not; the
    tensor then uses that memory if it is aligned to 64 bytes, and is a copy otherwise
    (tensorflow/python/lib/core/ndarray_tensor.cc). Byte order is not looked at.
    """
    origin = _origin_of(given)
    dtype = public_dtype(array.dtype)
    cast = is_cast(origin.dtype, dtype) and origin.direction == NUMPY_TO_TENSORFLOW
    return Seen(
        route,
        origin.direction,
        array.shape,
        origin.dtype,
        dtype,
        HOST,
        DEVICE,
        nbytes_of(array) if origin.array is None else nbytes_of(origin.array),
        _storage_in_tensor(given, origin, array, left),
        None,
        id(given),
        values=cast_values(origin.array, array, dtype) if cast else None,
    )


def _origin_of(given: Any) -> _Origin:
    if isinstance(given, np.ndarray):
        return _Origin(NUMPY_TO_TENSORFLOW, public_dtype(given.dtype), given)
    if isinstance(given, np.generic):
        return _Origin(NUMPY_TO_TENSORFLOW, public_dtype(given.dtype), np.asarray(given))
    if hasattr(type(given), "backing_device"):  # a tensor, read through NumPy: seen elsewhere
        return _Origin(NUMPY_TO_TENSORFLOW, given.dtype.name, None)
    if is_array_like(given):
        return _Origin(NUMPY_TO_TENSORFLOW, dtype_name(given), numpy_memory(given))
    within = arrays_within(given)
    if within is not None:
        return _Origin(NUMPY_TO_TENSORFLOW, within, None)
    return _Origin(PYTHON_TO_TENSORFLOW, type(given).__name__, None)


def _storage_in_tensor(
    given: Any, origin: _Origin, array: np.ndarray[Any, Any], left: list[Span] | None
) -> Storage:
    nbytes = nbytes_of(array)
    if nbytes is None:
        return STRINGS
    if not nbytes:
        return NOTHING
    if isinstance(given, np.generic):
        return of_scalar(nbytes)
    done = []
    if not _is_in(array, given, origin):
        done.append(_why_made(origin, array))
    facts = _facts(array)
    if not facts.contiguous:
        buffer = None if left is None else take(left, nbytes)
        done.append("put in C order by NumPy")
        if buffer is None:
            reason = f"{', '.join(done)}; whether by one more copy was not seen"
            return copied(reason, nbytes * len(done), copies=None)
        facts = ArrayFacts(facts.dtype, nbytes, buffer, True, True)
    if not may_be_shared(facts, facts.dtype):
        done.append(f"not {ALIGNMENT}-byte aligned, so TensorFlow copied it")
    swapped = "" if array.dtype.isnative else _SWAPPED
    if done:
        return copied("; ".join(done) + swapped, nbytes * len(done), copies=len(done))
    if left is not None:
        return shared(f"{ALIGNMENT}-byte aligned, so the graph read it in place{swapped}")
    also = ": writing to the array changes the tensor" if facts.writable else ""
    return shared(f"{ALIGNMENT}-byte aligned, so the tensor uses the array's memory{also}{swapped}")


def _facts(array: np.ndarray[Any, Any]) -> ArrayFacts:
    """The same as of any array, but for byte order, which nothing looks at on this way."""
    flags = array.flags
    in_order = bool(flags.c_contiguous and flags.aligned)
    return array_facts(array)._replace(contiguous=in_order)


_SWAPPED = "; its other byte order was not swapped, so the values differ"


def _is_in(array: np.ndarray[Any, Any], given: Any, origin: _Origin) -> bool:
    """Whether the array lies in the memory of what the user gave."""
    if array is given:
        return True
    if origin.array is None:
        return not array.flags.owndata
    return span_of_array(array).start == span_of_array(origin.array).start


def _why_made(origin: _Origin, array: np.ndarray[Any, Any]) -> str:
    if origin.direction == PYTHON_TO_TENSORFLOW:
        return "Python objects have no memory to share"
    if is_cast(origin.dtype, public_dtype(array.dtype)):
        return "cast by NumPy into a new array"
    return "NumPy made an array of it"


def out_of_tensor(result: Any, route: str, duration_ns: int | None) -> Seen:
    """A tensor that Python never saw became an array (``TensorToNdarray``).

    Parameters
    ----------
    result
        The array, or the NumPy scalar or bytes object that stands for one.
    route
        Public name of the call.
    duration_ns
        Nanoseconds that it took; None if not measured.
    """
    return leaving(result, route, _storage_out_of_tensor(result), duration_ns)


def leaving(result: Any, route: str, storage: Storage, duration_ns: int | None) -> Seen:
    """The same with a verdict of the caller's."""
    is_numpy = isinstance(result, np.ndarray | np.generic)
    dtype = public_dtype(result.dtype) if is_numpy else "string"
    return Seen(
        route,
        TENSORFLOW_TO_NUMPY if is_numpy else TENSORFLOW_TO_PYTHON,
        tuple(result.shape) if is_numpy else (),
        dtype,
        dtype,
        DEVICE,
        HOST,
        nbytes_of(result),
        storage,
        duration_ns,
    )


def _storage_out_of_tensor(result: Any) -> Storage:
    if not isinstance(result, np.ndarray | np.generic) or result.dtype.kind in "OSU":
        return of_string_read()
    if isinstance(result, np.generic):
        return of_numpy_method(False, result.nbytes, is_array=False)
    if result.flags.owndata:
        reason = "something else holds the tensor, so it was copied"
        return copied(reason, result.nbytes, OBSERVED, copies=1 if result.nbytes else 0)
    return shared("the array took over the tensor's memory: nothing else holds it")


def public_dtype(dtype: np.dtype[Any]) -> str:
    """TensorFlow's word for NumPy's ways to hold text, NumPy's for the rest."""
    return "string" if dtype.kind in "OSU" else name_of_dtype(dtype)


def nbytes_of(result: Any) -> int | None:
    """Bytes of an array's elements; None for text, and for what is no array."""
    if not isinstance(result, np.ndarray | np.generic) or result.dtype.kind in "OSU":
        return None
    return int(result.nbytes)
