"""What all probes share: facts of arrays and tensors, and the way to the recorders."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

import numpy as np

from tfnp_magic.facts import HOST, name_of_dtype, shape_of_tensor, short_device, span_of_array
from tfnp_magic.guards.guard import InteropError
from tfnp_magic.hazards import shared_with
from tfnp_magic.interrupts import carriers, raised_by_signal
from tfnp_magic.model import (
    TENSORFLOW_TO_NUMPY,
    TENSORFLOW_TO_PYTHON,
    Storage,
)
from tfnp_magic.probes.memory_looks import MemoryLook
from tfnp_magic.probes.waits import Arrival
from tfnp_magic.recorder.comparing import compare_for
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import Seen
from tfnp_magic.scope import Audience, overhearing
from tfnp_magic.verdict import (
    ArrayFacts,
    of_numpy_method,
    of_reading,
    of_string_read,
    with_move,
)

_T = TypeVar("_T")


def report(
    probe: str,
    hearing: list[Recorder],
    frame: FrameType | None,
    describe: Callable[..., Seen | None],
    *args: Any,
) -> Seen | None:
    """Describe a conversion that has succeeded, tell the recorders, and return what was seen.

    The user's call is done: whatever goes wrong in here costs the recording, which
    says so, and never the user's cell.

    Parameters
    ----------
    probe
        The probe's name, for the report of its own failure.
    hearing
        From `tfnp_magic.scope.listeners`; an `Audience` has others, who count what they
        leave out.
    frame
        The frame that called the chokepoint.
    describe, args
        Makes what was seen; None means that it was no conversion.

    Raises
    ------
    InteropError
        If the trace forbids it.
    """
    __tracebackhide__ = True
    outside = hearing.outside if isinstance(hearing, Audience) else ()
    hearing = [recorder for recorder in hearing if recorder.hears(probe)]
    seen = None
    try:
        compare_for(hearing)
        seen = describe(*args) if hearing or outside else None
        if seen is not None:
            for recorder in outside:
                recorder.leave_out(frame, seen)
            _tell_all(hearing, frame, seen)
    except Exception as error:
        fail(probe, hearing, error)
    return seen


def _tell_all(hearing: list[Recorder], frame: FrameType | None, seen: Seen) -> None:
    """All of them see it, also where one forbids it."""
    if len(hearing) == 1:
        hearing[0].see(frame, seen)
        return
    forbidden = []
    for recorder in hearing:
        try:
            recorder.see(frame, seen)
        except InteropError as error:  # noqa: PERF203
            forbidden.append(error)
    if forbidden:
        raise forbidden[0]


def ask(probe: str, hearing: list[Recorder], question: Callable[..., _T], *args: Any) -> _T | None:
    """Ask something before the user's call runs; None where the question itself fails.

    A failure of ours costs the recording, which says so, and never the user's call.
    """
    try:
        return question(*args)
    except Exception as error:
        fail(probe, hearing, error)
        return None


def attempt(probe: str, question: Callable[..., _T], *args: Any) -> _T | None:
    """As `ask`, by a hot path that need not know who hears it, unless it fails."""
    try:
        return question(*args)
    except Exception as error:
        fail(probe, overhearing(), error)
        return None


def fail(probe: str, hearing: list[Recorder], error: Exception) -> None:
    """Let a failure of ours cost the recording; what a signal's handler raised goes on its way."""
    __tracebackhide__ = True
    if isinstance(error, InteropError):
        error.__traceback__ = None  # not through what of ours it was found
    elif not raised_by_signal(error):
        for recorder in hearing:
            recorder.silence(probe, error)
        return
    raise error


carriers.add(fail.__code__)


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


def read_of(
    tensor: Any,
    lowest: str,
    remnant: Any,
    duration_ns: int | None,
    *,
    to_python: bool = False,
    exported: bool = False,
    handed_out: bool = False,
    arrival: Arrival | None = None,
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
    arrival
        How the tensor stood before, if it lives elsewhere than in host memory.
    """
    dtype = tensor.dtype.name
    nbytes = _nbytes_of(remnant, dtype)
    is_array = isinstance(remnant, np.ndarray)
    storage: Storage | MemoryLook
    shared = None
    device = short_device(tensor.backing_device)
    move = of_reading(device, nbytes, None if arrival is None else arrival.mirrored)
    if dtype == "string":
        storage = of_string_read(nbytes)
    elif is_array and not handed_out:
        storage = MemoryLook(tensor, remnant, nbytes or 0, exported, move)
        if not exported and remnant.flags.writeable and not to_python:
            shared = shared_with(remnant, tensor)
            if shared is not None:
                shared.look()  # what was kept shows, and so is told, only later
    else:
        storage = of_numpy_method(is_array and bool(remnant.flags.owndata), nbytes or 0, is_array)
        storage = with_move(storage, move)
    waited_ns = 0 if arrival is None else arrival.waited_ns
    return Seen(
        lowest,
        TENSORFLOW_TO_PYTHON if to_python else TENSORFLOW_TO_NUMPY,
        shape_of_tensor(tensor),
        dtype,
        dtype if to_python else _dtype_of(remnant, dtype),
        device,
        HOST,
        nbytes,
        storage,
        None if duration_ns is None else duration_ns + (waited_ns or 0),
        id(tensor),
        shared=shared,
        move=move,
        waited_ns=waited_ns,
    )


def _nbytes_of(remnant: Any, dtype: str) -> int | None:
    """Bytes of what was read; None for several strings."""
    if dtype != "string":
        return int(getattr(remnant, "nbytes", 0))
    return len(remnant) if isinstance(remnant, bytes) else None


def _dtype_of(array: Any, of_tensor: str) -> str:
    dtype = getattr(array, "dtype", None)
    return of_tensor if of_tensor == "string" or dtype is None else name_of_dtype(dtype)
