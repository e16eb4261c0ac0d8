"""What all probes share: facts of arrays and tensors, and the way to the recorders."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from tfnp_magic.facts import HOST, name_of_dtype, shape_of_tensor, short_device, span_of_array
from tfnp_magic.interrupts import raised_by_signal
from tfnp_magic.model import (
    PYTHON_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    TENSORFLOW_TO_PYTHON,
    Verdict,
)
from tfnp_magic.recorder import Recorder, Seen
from tfnp_magic.route import Reader
from tfnp_magic.verdict import (
    ArrayFacts,
    of_copying_read,
    of_dropped_view,
    of_kept_view,
    of_numpy_method,
    of_string_read,
)


def report(
    probe: str,
    hearing: list[Recorder],
    frame: FrameType | None,
    describe: Callable[..., Seen | None],
    *args: Any,
) -> None:
    """Describe a conversion that has succeeded, and tell the recorders.

    The user's call is done: whatever goes wrong in here costs the recording, which
    says so, and never the user's cell.

    Parameters
    ----------
    probe
        The probe's name, for the report of its own failure.
    hearing
        From `tfnp_magic.scope.listeners`.
    frame
        The frame that called the chokepoint.
    describe, args
        Makes what was seen; None means that it was no conversion.
    """
    hearing = [recorder for recorder in hearing if recorder.hears(probe)]
    try:
        seen = describe(*args) if hearing else None
        if seen is not None:
            for recorder in hearing:
                recorder.see(frame, seen)
    except Exception as error:
        if raised_by_signal(error):
            raise
        for recorder in hearing:
            recorder.silence(probe, error)


def array_facts(array: np.ndarray[Any, Any]) -> ArrayFacts:
    """Read what a verdict needs of an array; its elements are not touched."""
    flags = array.flags
    contiguous = flags.c_contiguous and flags.aligned and array.dtype.isnative
    return ArrayFacts(
        name_of_dtype(array.dtype),
        array.nbytes,
        span_of_array(array),
        bool(contiguous),
        flags.writeable,
    )


def scalar_facts(value: np.generic) -> ArrayFacts:
    """The same of a NumPy scalar, which has no memory that could be shared."""
    return ArrayFacts(name_of_dtype(value.dtype), value.nbytes, None, True, False)


PYTHON_READS = frozenset(
    {"__repr__", "__str__", "__format__", "__bool__", "__float__", "__int__", "__index__",
     "__complex__", "__reduce__"}
)  # fmt: skip
"""Methods of a tensor that read its value to give Python something else than an array."""

# Documented to return an array (or bytes) of its own, if called with nothing but the tensor.
_COPYING = frozenset({"np.array", "np.copy", "np.asfortranarray", "bytes", "bytearray"})
# Return a view, if called with nothing but the tensor.
_RETURNING = frozenset(
    {"np.asarray", "np.asanyarray", "np.ascontiguousarray", "np.require", "np.asmatrix",
     "np.matrix", "np.ma.array", "np.ma.asarray", "np.frombuffer", "pd.DataFrame", "pd.Series",
     "pd.Index"}
)  # fmt: skip


class _Look:
    """See `tfnp_magic.recorder.Look`; holds weak references and facts only."""

    __slots__ = ("_exported", "_nbytes", "_remnant", "_tensor")

    def __init__(
        self, tensor: Any, remnant: np.ndarray[Any, Any], nbytes: int, exported: bool
    ) -> None:
        self._tensor, self._remnant = weakref.ref(tensor), weakref.ref(remnant)
        self._nbytes, self._exported = nbytes, exported

    def judge(self, reader: Reader) -> Verdict:
        """Judge by what is alive now: the array over the tensor's memory, and the tensor."""
        if reader.plain and reader.name in _COPYING:
            return of_copying_read(self._nbytes)
        array = self._remnant()
        if array is not None:
            # TensorFlow's own array behind an exported buffer may be writable; what the
            # consumer gets of it is not.
            writable = bool(array.flags.writeable) and not self._exported
            return of_kept_view(self._tensor() is not None, writable)
        converts = reader.name in _COPYING or reader.name in _RETURNING
        return of_dropped_view(reader.within or (converts and not reader.plain))


def read_of(
    tensor: Any,
    lowest: str,
    remnant: Any,
    duration_ns: int | None,
    *,
    to_python: bool = False,
    exported: bool = False,
    handed_out: bool = False,
) -> Seen:
    """A read of a tensor; of a look at its memory, the verdict waits for whether it was kept.

    Parameters
    ----------
    tensor
        The ``EagerTensor`` that was read.
    lowest
        The chokepoint's public name.
    remnant
        The array over the tensor's memory, or what else the read returned.
    duration_ns
        Nanoseconds that the read took; None if not measured.
    to_python
        Whether Python, not NumPy, gets the value.
    exported
        Whether `remnant` is what stands behind a buffer that was asked for, read-only.
    handed_out
        Whether `remnant` is what the user got (``.numpy()``), so that nothing need be waited for.
    """
    dtype = tensor.dtype.name
    nbytes = None if dtype == "string" else int(getattr(remnant, "nbytes", 0))
    is_array = isinstance(remnant, np.ndarray)
    verdict: Verdict | _Look
    if nbytes is None:
        verdict = of_string_read()
    elif is_array and not handed_out:
        verdict = _Look(tensor, remnant, nbytes, exported)
    else:
        verdict = of_numpy_method(is_array and bool(remnant.flags.owndata), nbytes, is_array)
    return Seen(
        lowest,
        TENSORFLOW_TO_PYTHON if to_python else TENSORFLOW_TO_NUMPY,
        shape_of_tensor(tensor),
        dtype,
        dtype if to_python else _dtype_of(remnant, dtype),
        short_device(tensor.backing_device),
        HOST,
        nbytes,
        verdict,
        duration_ns,
        id(tensor),
    )


def _dtype_of(array: Any, of_tensor: str) -> str:
    dtype = getattr(array, "dtype", None)
    return of_tensor if of_tensor == "string" or dtype is None else name_of_dtype(dtype)


def python_value(value: Any, tensor: Any, lowest: str, duration_ns: int | None) -> Seen:
    """A Python number, string or sequence became a tensor."""
    nbytes = None if tensor.dtype.name == "string" else tensor.dtype.size * _elements(tensor)
    verdict = Verdict("copy", "inferred", "Python objects have no memory to share", nbytes)
    return Seen(
        lowest,
        PYTHON_TO_TENSORFLOW,
        shape_of_tensor(tensor),
        type(value).__name__,
        tensor.dtype.name,
        HOST,
        short_device(tensor.backing_device),
        nbytes,
        verdict,
        duration_ns,
    )


def _elements(tensor: Any) -> int:
    count = 1
    for length in tensor.shape:
        count *= length
    return count
