"""Array to tensor by way of ``EagerTensor(value, device, dtype)``.

Chokepoints: ``EagerTensor.__init__`` (C, tensorflow/python/eager/pywrap_tensor.cc
``EagerTensor_init``) and, for who and which array, ``convert_to_eager_tensor``
(tensorflow/python/framework/constant_op.py), which copies an ndarray before it hands
it on. Checked on 2.21.
"""

from __future__ import annotations

import functools
import sys
import weakref
from types import FrameType
from typing import Any, Final

import numpy as np

from tfnp_magic import runtime
from tfnp_magic.facts import (
    HOST,
    Span,
    eager_tensor_type,
    host_view,
    itemsize_of,
    lives_on_host,
    shape_of_tensor,
    short_device,
    span_of_array,
    span_of_tensor,
    tensor_nbytes,
)
from tfnp_magic.hazards import shared_with
from tfnp_magic.interrupts import MOST_TRIES, covered_from_entry
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, Storage, is_host
from tfnp_magic.probes.allocations import Taken, ring
from tfnp_magic.probes.dtype_hints import default_of
from tfnp_magic.probes.patch import AttributePatch, CodePatch, without_our_frame
from tfnp_magic.probes.python_values import form_of, is_kept, is_number, python_value
from tfnp_magic.probes.reporting import (
    array_facts,
    ask,
    fail,
    report,
    scalar_facts,
)
from tfnp_magic.probes.sources import (
    arrays_within,
    dtype_name,
    is_array_like,
    labels_may_be_taken_for_data,
    numpy_memory,
    parts_of,
)
from tfnp_magic.probes.waits import wait_before_placing
from tfnp_magic.recorder.comparing import cast_values
from tfnp_magic.recorder.lanes import Lane, learn
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import Seen, clock
from tfnp_magic.scope import inner, lane_here, listeners
from tfnp_magic.tracebacks import call_from
from tfnp_magic.values import ValueChange, merge
from tfnp_magic.verdict import (
    MIXED,
    VIEW,
    ArrayFacts,
    is_cast,
    of_constructor,
    of_gathered,
    of_lent,
    of_other_device,
    of_placing,
    of_scalar,
    of_string_read,
)

NAME = "tensor constructor"

_MISSING: Final = object()


def patches() -> list[AttributePatch | CodePatch]:
    """The constructor, and the function that says whose array it was."""
    constant_op = sys.modules["tensorflow.python.framework.constant_op"]
    return [
        AttributePatch(eager_tensor_type(), "__init__", _around_init),
        CodePatch(constant_op.convert_to_eager_tensor, _around_convert),
    ]


def _around_convert(original: Any) -> Any:
    needs_room = sys.modules["tensorflow"].__version__.startswith("2.16.")

    def convert_to_eager_tensor(value: Any, *args: Any, **kwargs: Any) -> Any:
        if needs_room:
            _go_down(_FRAMES_BELOW)
        outer, inner.handed = (inner.handed, inner.handed_at), value
        inner.handed_at = ring.enter()
        try:
            return original(value, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            inner.handed, inner.handed_at = outer

    return convert_to_eager_tensor


def _go_down(frames: int) -> None:
    """Meet the recursion limit here, if it is so near, and not where a tensor is initialised.

    On 2.16, ``EagerTensor_dealloc`` ends the process on a tensor that its ``EagerTensor_init``
    never saw (2.17 to 2.21 do not mind); untraced, nothing can come between the two. So a
    tensor is initialised even if an interrupt, or the limit, came before TensorFlow's code ran;
    what is wrong with the arguments does not matter then.
    """
    if frames:
        _go_down(frames - 1)


_FRAMES_BELOW = 16
"""More than stand between `convert_to_eager_tensor` and what initialises a tensor."""


def _around_init(original: Any) -> Any:
    @covered_from_entry
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        try:
            lane = lane_here()
            form = form_of(args[0]) if lane is not None and args and not kwargs else None
            hearing = listeners() if lane is None else [lane.recorder]
            if lane is not None and form is not None:
                _make_of_numbers(original, lane, form, sys._getframe(1), self, *args)
            elif hearing:
                _make(original, hearing, sys._getframe(1), self, *args, **kwargs)
            else:
                original(self, *args, **kwargs)
        except BaseException as exc:
            for _ in range(MOST_TRIES):  # see `_go_down`; another interrupt may come here
                try:
                    if self._id:
                        break
                    original(self, *args, **kwargs)
                except Exception:
                    break
                except BaseException:
                    continue
            without_our_frame(exc)
            raise

    return __init__


def _make_of_numbers(
    original: Any, lane: Lane, form: tuple[Any, ...], frame: FrameType, tensor: Any, *args: Any
) -> None:
    """Make a tensor of a few Python numbers, where nothing can move; no code is run by that."""
    started = clock()
    try:
        original(tensor, *args)
    except BaseException as exc:
        without_our_frame(exc)
        raise
    stopped, hearing, value = clock(), [lane.recorder], args[0]
    facts = *form, tensor._datatype_enum()
    try:
        groove = lane.find((lane.standing(frame), *facts), frame, id(value))
        if groove is not None:
            lane.count(groove, frame, id(value), started, stopped)
            return
    except Exception as error:
        fail(NAME, hearing, error)
    made = (tensor, value, None, (), stopped - started, False)
    seen = report(NAME, hearing, frame, _describe_made, 0, *made)
    if seen is not None and seen.told is not None:
        ask(NAME, hearing, learn, hearing, frame, facts, seen)


def _make(
    original: Any,
    hearing: list[Recorder],
    frame: FrameType,
    tensor: Any,
    value: Any = _MISSING,
    *args: Any,
    **kwargs: Any,
) -> None:
    if value is _MISSING:  # by keyword, as TensorFlow never does it
        original(tensor, *args, **kwargs)
        return
    given = inner.handed
    kept = is_number(value) and bool(ask(NAME, hearing, is_kept, value, *args))
    mark = ring.enter() if given is None else inner.handed_at
    waited = 0 if kept else ask(NAME, hearing, _wait, value, *args)
    started = clock()
    inner.absorbing += 1
    try:
        call_from(frame)(original, (tensor, value, *args), kwargs)
    except BaseException as exc:
        without_our_frame(exc)
        without_our_frame(exc)  # the one that calls the original
        raise
    finally:
        inner.absorbing -= 1
    duration, taken = clock() - started + (waited or 0), ring.since(mark)
    made = (tensor, value, given, taken, duration, kept)
    report(NAME, hearing, frame, _describe_made, waited, *made)


def _wait(value: Any, device: Any = None, dtype: int | None = None) -> int | None:
    """Wait for the device that the tensor will be copied to; see `wait_before_placing`."""
    if not runtime.has_several_devices():
        return 0
    if dtype:
        wanted = sys.modules["tensorflow"].as_dtype(dtype).name
    elif isinstance(value, np.ndarray | np.generic):
        wanted = "string" if value.dtype.kind in "OSU" else value.dtype.name
    else:
        wanted = default_of(value)
    return None if wanted is None else wait_before_placing(wanted)


def _describe_made(waited_ns: int | None, tensor: Any, *made: Any) -> Seen | None:
    seen = _describe(tensor, *made)
    if seen is None or not runtime.has_several_devices():
        return seen
    seen.waited_ns = waited_ns
    claimed = short_device(tensor.device)
    if claimed != seen.device_to and isinstance(seen.storage, Storage):
        where = f"{seen.dtype_to} stays in host memory, though it says {claimed}"
        seen.storage = seen.storage._replace(reason=f"{seen.storage.reason}; {where}")
    return seen


def _describe(
    tensor: Any, value: Any, given: Any, taken: Taken, duration_ns: int, kept: bool
) -> Seen | None:
    if isinstance(value, eager_tensor_type()):
        return None
    if isinstance(value, np.ndarray):
        return _of_array(tensor, value, given, taken, duration_ns)
    if isinstance(value, np.generic):
        return _of_scalar(tensor, value, duration_ns, kept)
    if is_array_like(value):
        memory = numpy_memory(value)
        if memory is None:
            return _of_parts(tensor, value, dtype_name(value), taken, duration_ns)
        return _of_series(tensor, value, memory, taken, duration_ns)
    dtype_within = arrays_within(value)
    if dtype_within is not None:
        return _of_parts(tensor, value, dtype_within, taken, duration_ns)
    seen = python_value(value, tensor, "tf.constant", duration_ns, kept=kept)
    seen.made = weakref.ref(tensor)
    return seen


def _of_array(
    tensor: Any, value: np.ndarray[Any, Any], given: Any, taken: Taken, duration_ns: int
) -> Seen:
    copied = _is_copy_of(value, given)
    mine = given if copied else value
    facts = array_facts(mine)
    storage = _storage(tensor, facts, taken, copied, span_of_array(value))
    return _seen(tensor, mine, facts, storage, duration_ns, id(mine))


def _of_series(
    tensor: Any, value: Any, memory: np.ndarray[Any, Any], taken: Taken, duration_ns: int
) -> Seen:
    # NumPy may call it read-only; through the pandas object it can be written to.
    facts = array_facts(memory)._replace(writable=True)
    storage = _storage(tensor, facts, taken, False, facts.span)
    if storage.copies is not None and storage.copies > 1 and labels_may_be_taken_for_data(value):
        storage = storage._replace(copied_bytes=None, copies=None)
    seen = _seen(tensor, memory, facts, storage, duration_ns, id(value))
    if not isinstance(getattr(value, "dtype", memory.dtype), np.dtype):
        seen.values = None  # of a nullable dtype, what is missing is not in these values
    return seen


def _of_scalar(tensor: Any, value: np.generic, duration_ns: int, kept: bool) -> Seen:
    facts, nbytes = scalar_facts(value), tensor_nbytes(tensor)
    storage = of_string_read() if nbytes is None else of_scalar(nbytes, kept=kept)
    seen = _seen(tensor, np.asarray(value), facts, storage, duration_ns, id(value))
    seen.move = of_placing(seen.device_to, nbytes, kept=kept)
    return seen


def _of_parts(tensor: Any, value: Any, dtype: str, taken: Taken, duration_ns: int) -> Seen:
    """Several arrays, or an object that makes its array on demand: one tensor of them."""
    to_nbytes = tensor_nbytes(tensor)
    is_list = isinstance(value, list | tuple)
    judge = of_gathered if is_list or to_nbytes is None else of_lent
    storage = judge(to_nbytes, span_of_tensor(tensor), taken)
    nbytes = to_nbytes
    if is_list and to_nbytes:
        dtype, nbytes = _of_list(value, dtype, tensor.dtype.name, to_nbytes // tensor.dtype.size)
    elif to_nbytes and dtype != MIXED and (itemsize := itemsize_of(dtype)):
        nbytes = itemsize * (to_nbytes // tensor.dtype.size)
    seen = _of(tensor, dtype, nbytes, storage, duration_ns, id(value))
    seen.made = weakref.ref(tensor)
    if is_cast(dtype, seen.dtype_to):
        seen.values = _values_of_parts(value, seen.dtype_to)
    return seen


def _of_list(value: Any, dtype: str, dtype_to: str, elements: int) -> tuple[str, int | None]:
    """Dtype and bytes of the arrays in a list: the dtype of one that was cast, if one was."""
    parts = list(parts_of(value))
    cast = next((str(p.dtype) for p in parts if is_cast(str(p.dtype), dtype_to)), dtype)
    if sum(part.size for part in parts) == elements:
        return cast, sum(part.nbytes for part in parts)
    itemsize = itemsize_of(dtype)
    return cast, itemsize * elements if itemsize else None


def _values_of_parts(value: Any, dtype_to: str) -> ValueChange | None:
    """What a cast did to the values of a list of arrays; None for anything else."""
    if not isinstance(value, list | tuple):
        return None
    parts = [np.asarray(part) for part in parts_of(value)]
    changes = [cast_values(part, None, dtype_to) for part in parts]
    known = [change for change in changes if change is not None]
    return functools.reduce(merge, known) if known and len(known) == len(parts) else None


def _is_copy_of(value: np.ndarray[Any, Any], given: Any) -> bool:
    return (
        isinstance(given, np.ndarray)
        and given is not value
        and given.shape == value.shape
        and given.dtype == value.dtype
    )


def _storage(
    tensor: Any, source: ArrayFacts, taken: Taken, copied_before: bool, handed: Span | None
) -> Storage:
    nbytes = tensor_nbytes(tensor)
    if nbytes is not None and not lives_on_host(tensor):
        return of_other_device(source, nbytes, taken)
    return of_constructor(
        source,
        span_of_tensor(tensor),
        taken,
        tensor.dtype.name,
        nbytes,
        copied_before=copied_before,
        handed=handed,
    )


def _seen(
    tensor: Any,
    array: np.ndarray[Any, Any],
    source: ArrayFacts,
    storage: Storage,
    duration_ns: int,
    identity: int,
) -> Seen:
    seen = _of(tensor, source.dtype, source.nbytes, storage, duration_ns, identity)
    seen.made = weakref.ref(tensor)
    if is_cast(source.dtype, seen.dtype_to):
        seen.values = cast_values(array, host_view(tensor), seen.dtype_to)
    if storage.kind == VIEW:
        seen.shared = shared_with(array, tensor)
    return seen


def _of(
    tensor: Any, dtype: str, nbytes: int | None, storage: Storage, duration_ns: int, identity: int
) -> Seen:
    device = short_device(tensor.backing_device)
    return Seen(
        "tf.constant",
        NUMPY_TO_TENSORFLOW,
        shape_of_tensor(tensor),
        dtype,
        tensor.dtype.name,
        HOST,
        device,
        nbytes,
        storage,
        duration_ns,
        identity,
        move=None if is_host(device) else of_placing(device, tensor_nbytes(tensor)),
    )
