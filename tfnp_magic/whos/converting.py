"""What converting a listed tensor or array would do here and now, told without doing it.

Told from the facts that looking has read: nothing is converted, moved, run or waited for.
Each rule is one that the tracer's verdicts hold what happens against, turned round: those
say what a conversion did, from both of its ends; these have one end, so where NumPy's own
memory will lie, they have bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfnp_magic import facts, runtime
from tfnp_magic.model import HOST_DEVICE, is_custom, is_remote
from tfnp_magic.placement import HANDLES
from tfnp_magic.verdict import COPY, INFERRED, OBSERVED, VIEW
from tfnp_magic.whos.entering import Here, is_foreign, of_array, of_frame, of_series
from tfnp_magic.whos.look import MOVE, Conversion, Holding, Look, Part, ask, is_a, refused, unknown

__all__ = ["Here", "conversions_of"]

ASARRAY, NUMPY = "np.asarray", ".numpy()"

_TEXT = "string"
_WEAK = "tensorflow.python.framework.weak_tensor.WeakTensor"


def conversions_of(thing: Any, kind: str, look: Look, here: Here) -> tuple[Conversion, ...]:
    """Tell what the usual ways of converting an object would do, the most usual first.

    Parameters
    ----------
    thing
        The tensor or array; of it no more is read than its type.
    kind
        Its kind, as in `Holding.kind`.
    look
        What was read of it.
    here
        Where TensorFlow places tensors now: one `Here` serves a whole inventory.

    Returns
    -------
    tuple of Conversion
        Empty where TensorFlow is not loaded: then there is nothing to convert into.
    """
    told = _TOLD.get(kind)
    if told is None or not here.is_loaded:
        return ()
    return ask(lambda: told(thing, look, here)) or ()


def _copied(route: str, reason: str) -> Conversion:
    return Conversion(route, COPY, None, 0, INFERRED, reason)


def _both(tell: Callable[[str, str], Conversion], reason: str) -> tuple[Conversion, ...]:
    return tell(ASARRAY, reason), tell(NUMPY, reason)


# ---- eager tensors ----------------------------------------------------------------------


def _of_tensor(tensor: Any, look: Look, _: Here) -> tuple[Conversion, ...]:
    found, part = look.facts, look.parts[0]
    if found.dtype in HANDLES:
        return _both(refused, f"a {found.dtype} stands for data elsewhere: NumPy cannot have it")
    if found.computed is not True:
        return _both(unknown, "its op may not have run yet")
    if found.dtype == _TEXT:
        return _both(_copied, "each string becomes a Python object of its own")
    if part.nbytes is None:
        return _both(unknown, "its size is not known")
    return _in_place(tensor, found, part) if part.place == facts.HOST else _elsewhere(look, part)


_COPIES = "`.numpy()` always copies"


def _in_place(tensor: Any, found: Holding, part: Part) -> tuple[Conversion, ...]:
    """A tensor in host memory: the buffer protocol lends it, for the dtypes that it knows."""
    if not part.nbytes:
        reason = "no elements"
        return (
            Conversion(ASARRAY, VIEW, 0, 0, OBSERVED, reason),
            Conversion(NUMPY, COPY, 0, 0, OBSERVED, reason),
        )
    if found.shape == ():
        return _scalar(tensor, found, part.nbytes)
    if _is_lent_writable(tensor, found):
        reason = "host memory, lent as a writable array: writing to it changes the tensor"
    else:
        reason = "host memory, read in place; the array is read-only"
    return (
        Conversion(ASARRAY, VIEW, 0, 0, OBSERVED, reason),
        Conversion(NUMPY, COPY, part.nbytes, 0, INFERRED, _COPIES),
    )


def _is_lent_writable(tensor: Any, found: Holding) -> bool:
    """Whether NumPy falls back to ``__array__``, which hands out the memory as it is.

    So it does for what has no buffer protocol of its own, and for the dtypes of ml_dtypes.
    """
    return is_a(tensor, _WEAK) or _has_no_buffer(found.dtype)


def _scalar(tensor: Any, found: Holding, nbytes: int) -> tuple[Conversion, ...]:
    numpy = Conversion(NUMPY, COPY, nbytes, 0, INFERRED, "becomes a NumPy scalar")
    if _has_no_buffer(found.dtype):
        return (refused(ASARRAY, f"NumPy cannot read a {found.dtype} scalar in place"), numpy)
    if is_a(tensor, _WEAK):
        return (refused(ASARRAY, "NumPy cannot read a weak scalar in place"), numpy)
    reason = "host memory, read in place; the array is read-only"
    return Conversion(ASARRAY, VIEW, 0, 0, OBSERVED, reason), numpy


def _has_no_buffer(dtype: str | None) -> bool:
    """Whether a dtype is one of ml_dtypes', by TensorFlow's name."""
    return dtype is not None and dtype.startswith(_ML_DTYPES)


_ML_DTYPES = ("bfloat16", "float8", "float4", "int4", "uint4", "int2", "uint2")


def _elsewhere(look: Look, part: Part) -> tuple[Conversion, ...]:
    """A tensor in another device's memory: its mirror in host memory serves, once it has one."""
    nbytes, place = part.nbytes or 0, part.place
    if is_custom(place):
        return _both(unknown, "its device is of a program's own: what it does is not known")
    if is_remote(place):
        return _both(unknown, "another process has it: a read would fetch it from there")
    if look.facts.shape == () and _has_no_buffer(look.facts.dtype):
        return _both(unknown, "a scalar on another device that NumPy has no dtype for")
    if not nbytes:
        return _both(unknown, f"no elements to move from {place}")
    mirrored = _has_host_mirror(look, part)
    if mirrored is None:
        return _both(unknown, "whether host memory has a mirror of it is not known")
    if mirrored:
        reason = "its mirror in host memory serves it"
        return (
            Conversion(ASARRAY, VIEW, 0, 0, OBSERVED, f"{reason}, read in place"),
            Conversion(NUMPY, COPY, nbytes, 0, OBSERVED, f"{reason}; {_COPIES}"),
        )
    moved = f"moved from {place}; its mirror in host memory serves later reads"
    return (
        Conversion(ASARRAY, MOVE, nbytes, nbytes, OBSERVED, moved),
        Conversion(NUMPY, MOVE, 2 * nbytes, nbytes, OBSERVED, f"{moved}; {_COPIES}"),
    )


def _has_host_mirror(look: Look, part: Part) -> bool | None:
    if not runtime.is_known():
        return None
    return (part.key, HOST_DEVICE) in {mirror.key for mirror in look.mirrors}


# ---- Variables --------------------------------------------------------------------------


def _of_variable(_: Any, look: Look, here: Here) -> tuple[Conversion, ...]:
    """Both ways call ``numpy()``: an op reads the Variable, and NumPy copies what it gave.

    The op's result is the Variable's memory, or a copy of it after a sparse update. It is then
    passed on by ``tf.identity`` (``read_value``, tensorflow/python/ops/resource_variable_ops.py)
    on the device where TensorFlow puts what it makes, not on the Variable's.
    """
    found, parts = look.facts, look.parts
    if found.backing_device is None:
        return _both(unknown, "it is not built yet, or another library has its values")
    if len(parts) > 1:
        return _both(unknown, f"which of its {len(parts)} replicas is read, its strategy decides")
    if found.dtype in HANDLES:
        return _both(refused, f"a {found.dtype} stands for data elsewhere: NumPy cannot have it")
    if found.dtype == _TEXT:
        return _both(_copied, "each string becomes a Python object of its own")
    (part,), device = parts, here.placed(found.dtype or "")
    if device is None or is_foreign(device) or is_foreign(part.place):
        return _both(unknown, "its device, or the one that reads it, is not this process's own")
    by = facts.HOST if device == HOST_DEVICE else device
    moves = (part.place != by) + (by != facts.HOST)
    return _of_read(part, moves, _why_read(part.place, by))


def _why_read(place: str, by: str) -> str:
    """Say where a Variable's data goes on its way into an array."""
    if (place, by) == (facts.HOST, facts.HOST):
        return "read into a new array; after a sparse update copied before that, too"
    if place == facts.HOST:
        return f"read by way of {by}, where TensorFlow puts tensors now: moved there and back"
    if by in (place, facts.HOST):
        return f"moved from {place} by every read: a Variable keeps no mirror"
    return f"moved from {place} to {by}, where TensorFlow puts tensors now, and from there"


def _of_read(part: Part, moves: int, reason: str) -> tuple[Conversion, ...]:
    if part.nbytes is None:
        moved, bounds = None if moves else 0, None
        reason = f"{reason}; its shape is not fixed"
    else:
        moved = moves * part.nbytes
        bounds = (moved + part.nbytes, moved + 2 * part.nbytes)
    outcome = MOVE if moves else COPY
    numpy = Conversion(NUMPY, outcome, None, moved, INFERRED, reason, bounds)
    return numpy._replace(route=ASARRAY), numpy


# ---- composites -------------------------------------------------------------------------


def _of_ragged(_: Any, look: Look, __: Here) -> tuple[Conversion, ...]:
    """Its values and splits are read by ``.numpy()`` each, and its rows made of them."""
    found = look.facts
    if found.computed is not True:
        return (unknown(NUMPY, "its ops may not have run yet"),)
    if found.dtype == _TEXT:
        return (_copied(NUMPY, "each string becomes a Python object of its own"),)
    moved, sizes = _moved_in_parts(look), [part.nbytes for part in look.parts]
    if moved is None or None in sizes:
        return (unknown(NUMPY, "not all of its parts are known to be at hand"),)
    reason = "copies values and row splits; rows of one length are put together once more"
    if moved:
        reason = f"its parts are moved first; then it {reason}"
    bounds = (sum(filter(None, sizes)) + moved, None)
    return (Conversion(NUMPY, MOVE if moved else COPY, None, moved, INFERRED, reason, bounds),)


def _moved_in_parts(look: Look) -> int | None:
    """Bytes of the parts that a read moves into host memory; None where that is not known."""
    total = 0
    for part in look.parts:
        if part.place == facts.HOST:
            continue
        mirrored = _has_host_mirror(look, part)
        if mirrored is None or part.nbytes is None or is_foreign(part.place):
            return None
        total += 0 if mirrored else part.nbytes
    return total


def _of_sparse(_: Any, __: Look, ___: Here) -> tuple[Conversion, ...]:
    reason = "NumPy makes an array of one object of it; tf.sparse.to_dense gives a Tensor"
    return (refused(ASARRAY, reason),)


def _of_slices(_: Any, __: Look, ___: Here) -> tuple[Conversion, ...]:
    reason = "NumPy makes an array of one object of it; tf.convert_to_tensor gives a Tensor"
    return (refused(ASARRAY, reason),)


def _of_tensor_array(_: Any, __: Look, ___: Here) -> tuple[Conversion, ...]:
    reason = "NumPy makes an array of one object of it; its stack() gives a Tensor"
    return (refused(ASARRAY, reason),)


def _of_symbol(_: Any, __: Look, ___: Here) -> tuple[Conversion, ...]:
    return (refused(ASARRAY, "it has no values: it stands for a tensor of a graph"),)


_TOLD: dict[str, Callable[[Any, Look, Here], tuple[Conversion, ...]]] = {
    "Tensor": _of_tensor,
    "Variable": _of_variable,
    "RaggedTensor": _of_ragged,
    "SparseTensor": _of_sparse,
    "IndexedSlices": _of_slices,
    "TensorArray": _of_tensor_array,
    "SymbolicTensor": _of_symbol,
    "ndarray": of_array,
    "Series": of_series,
    "Index": of_series,
    "DataFrame": of_frame,
}
