"""What a v1 session is fed, and what it returns.

Chokepoints: ``TF_SessionRun_wrapper`` and ``TF_SessionPRun_wrapper``, attributes of
tensorflow/python/client/pywrap_tf_session.py through which ``BaseSession._run``
(tensorflow/python/client/session.py) and the callables of ``make_callable`` run a graph
(tensorflow/python/client/tf_session_helper.cc; 2.21).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from tfnp_magic.comparing import cast_values
from tfnp_magic.facts import ALIGNMENT, HOST, Span, name_of_dtype, span_of_array
from tfnp_magic.model import (
    NUMPY_TO_TENSORFLOW,
    PYTHON_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    TENSORFLOW_TO_PYTHON,
    Storage,
)
from tfnp_magic.probes.allocations import buffers_of_size, ring
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import array_facts, report
from tfnp_magic.probes.sources import arrays_within, dtype_name, is_array_like, numpy_memory
from tfnp_magic.recorder import Recorder, Seen
from tfnp_magic.scope import listeners
from tfnp_magic.site import forget_snapshot
from tfnp_magic.verdict import (
    OBSERVED,
    ArrayFacts,
    copied,
    is_cast,
    may_be_shared,
    of_string_read,
    shared,
)

NAME = "v1 session"

DEVICE = "CPU:0"
"""Where these conversions are made; a graph moves data on from there unseen."""


def patches() -> list[AttributePatch]:
    """Both functions, which the session looks up at each call."""
    module = sys.modules["tensorflow.python.client.pywrap_tf_session"]
    return [
        AttributePatch(module, "TF_SessionRun_wrapper", _around),
        AttributePatch(module, "TF_SessionPRun_wrapper", _around),
    ]


def _around(original: Any) -> Any:
    # Both take the feeds third: (session, options or handle, feeds, fetches, …).
    def run(session: Any, options: Any, feeds: Any, *args: Any) -> Any:
        hearing = listeners()
        mark = ring.mark()
        try:
            results = original(session, options, feeds, *args)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if hearing:
            frame, taken = sys._getframe(1), _Taken(ring.since(mark))
            report(NAME, hearing, frame, _tell_feeds, hearing, frame, feeds, taken)
            for result in results:
                report(NAME, hearing, frame, out_of_tensor, result, "Session.run", None)
        return results

    return run


def _tell_feeds(
    hearing: list[Recorder], frame: FrameType, feeds: dict[Any, Any], taken: _Taken
) -> None:
    for given, array in _fed(feeds, frame):
        report(NAME, hearing, frame, into_tensor, given, array, "Session.run", taken)


def _fed(feeds: dict[Any, Any], frame: FrameType) -> Iterator[tuple[Any, Any]]:
    """Each array that was fed, with what the user gave for it; TensorFlow's handles left out."""
    arrays = list(feeds.values())
    given = _given(frame)
    if len(given) != len(arrays):  # not called by way of `_run`: the array is all that is known
        given = arrays
    handle = sys.modules["tensorflow.python.ops.session_ops"].TensorHandle
    for value, array in zip(given, arrays, strict=True):
        if not isinstance(value, handle) and isinstance(array, np.ndarray):
            yield value, array


def _given(frame: FrameType | None) -> list[Any]:
    """Values of the feeds as the user gave them, in their order (``_run``'s ``feed_map``)."""
    for _ in range(_DEPTH):
        if frame is None:
            break
        code = frame.f_code
        if code.co_name == "_run" and "feed_map" in code.co_varnames:
            names = frame.f_locals
            try:
                return [value for _, value in names.get("feed_map", {}).values()]
            finally:
                forget_snapshot(frame, names)
        frame = frame.f_back
    return []


_DEPTH = 8
"""Frames between the chokepoint and ``_run``: five in 2.21."""


class _Taken:
    """Buffers that NumPy took while the graph ran, in order; each was for one of the feeds."""

    def __init__(self, buffers: tuple[Span, ...] | None) -> None:
        self._left = None if buffers is None else list(buffers)

    def next_of(self, nbytes: int) -> Span | None:
        """The first of this size that is left."""
        found = buffers_of_size(None if self._left is None else tuple(self._left), nbytes)
        if not found or self._left is None:
            return None
        self._left.remove(found[0])
        return found[0]


class _Origin(NamedTuple):
    """What became an array on its way into a tensor."""

    direction: str
    dtype: str
    array: np.ndarray[Any, Any] | None


def into_tensor(
    given: Any, array: np.ndarray[Any, Any], route: str, taken: _Taken | None = None
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
    taken
        What NumPy allocated while the graph ran; None where the tensor outlives the call.

    Notes
    -----
    The rule, checked on 2.21: NumPy puts the array in C order first if it is not; the
    tensor then uses that memory if it is aligned to 64 bytes, and is a copy otherwise
    (tensorflow/python/lib/core/ndarray_tensor.cc). Byte order is not looked at.
    """
    origin = _origin_of(given)
    dtype = _public(array.dtype)
    cast = is_cast(origin.dtype, dtype) and origin.direction == NUMPY_TO_TENSORFLOW
    return Seen(
        route,
        origin.direction,
        array.shape,
        origin.dtype,
        dtype,
        HOST,
        DEVICE,
        _nbytes(array) if origin.array is None else _nbytes(origin.array),
        _storage_in_tensor(given, origin, array, taken),
        None,
        id(given),
        values=cast_values(origin.array, array, dtype) if cast else None,
    )


def _origin_of(given: Any) -> _Origin:
    if isinstance(given, np.ndarray):
        return _Origin(NUMPY_TO_TENSORFLOW, _public(given.dtype), given)
    if isinstance(given, np.generic):
        return _Origin(NUMPY_TO_TENSORFLOW, _public(given.dtype), np.asarray(given))
    if hasattr(type(given), "backing_device"):  # a tensor, read through NumPy: seen elsewhere
        return _Origin(NUMPY_TO_TENSORFLOW, given.dtype.name, None)
    if is_array_like(given):
        return _Origin(NUMPY_TO_TENSORFLOW, dtype_name(given), numpy_memory(given))
    within = arrays_within(given)
    if within is not None:
        return _Origin(NUMPY_TO_TENSORFLOW, within, None)
    return _Origin(PYTHON_TO_TENSORFLOW, type(given).__name__, None)


def _storage_in_tensor(
    given: Any, origin: _Origin, array: np.ndarray[Any, Any], taken: _Taken | None
) -> Storage:
    nbytes = _nbytes(array)
    if nbytes is None:
        return copied("strings are copied one by one into TensorFlow's own", None, copies=None)
    if not nbytes:
        return copied("no elements: there is nothing to copy or to share", 0, copies=0)
    if isinstance(given, np.generic):
        return copied("a scalar has no memory to share", nbytes)
    done = []
    if not _is_in(array, given, origin):
        done.append(_why_made(origin, array))
    facts = _facts(array)
    if not facts.contiguous:
        buffer = taken.next_of(nbytes) if taken is not None else None
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
    if taken is not None:
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
    if is_cast(origin.dtype, _public(array.dtype)):
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
    is_numpy = isinstance(result, np.ndarray | np.generic)
    dtype = _public(result.dtype) if is_numpy else "string"
    return Seen(
        route,
        TENSORFLOW_TO_NUMPY if is_numpy else TENSORFLOW_TO_PYTHON,
        tuple(result.shape) if is_numpy else (),
        dtype,
        dtype,
        DEVICE,
        HOST,
        _nbytes(result) if is_numpy else None,
        _storage_out_of_tensor(result),
        duration_ns,
    )


def _storage_out_of_tensor(result: Any) -> Storage:
    if not isinstance(result, np.ndarray | np.generic) or result.dtype.kind in "OSU":
        return of_string_read()
    if isinstance(result, np.generic):
        return copied("a NumPy scalar holds its own value", result.nbytes, OBSERVED)
    if result.flags.owndata:
        reason = "something else holds the tensor, so it was copied"
        return copied(reason, result.nbytes, OBSERVED, copies=1 if result.nbytes else 0)
    return shared("the array took over the tensor's memory: nothing else holds it")


def _public(dtype: np.dtype[Any]) -> str:
    """TensorFlow's word for NumPy's ways to hold text, NumPy's for the rest."""
    return "string" if dtype.kind in "OSU" else name_of_dtype(dtype)


def _nbytes(array: Any) -> int | None:
    return None if array.dtype.kind in "OSU" else int(array.nbytes)
