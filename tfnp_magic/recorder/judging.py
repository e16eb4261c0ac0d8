"""What is to be said of one conversion: whether it is small, or asked for; the verdict on it."""

from __future__ import annotations

from types import FrameType

from tfnp_magic import model
from tfnp_magic.frames.handed import was_handed_over
from tfnp_magic.frames.into import dtype_in, names_dtype
from tfnp_magic.frames.rebound import is_of_some_class
from tfnp_magic.frames.route import BYTES_LIKE, PYTHON_READERS, Reader, Route, outside_of_tensor
from tfnp_magic.frames.site import Standpoint
from tfnp_magic.frames.spots import Spot
from tfnp_magic.model import HOUSEKEEPING_ARRAY, HOUSEKEEPING_PYTHON, Storage, Verdict
from tfnp_magic.recorder.cast_before import is_from_elsewhere
from tfnp_magic.recorder.seen import Seen
from tfnp_magic.verdict import UNKNOWN, cast_of, is_cast

_BETWEEN_LIBRARIES = (model.NUMPY_TO_TENSORFLOW, model.TENSORFLOW_TO_NUMPY)


def is_alike(seen: Seen, where: Standpoint) -> bool:
    """Whether each conversion here, of that dtype and shape, is told in the same words.

    Not what is looked into: values, shared memory.
    """
    is_plain = seen.values is None and seen.shared is None and seen.made is None
    return (
        where.cell is not None
        and is_plain
        and not is_cast(seen.dtype_from, seen.dtype_to)
        and not seen.is_corrected
        and seen.waited_ns == 0
        and not (seen.direction == model.NUMPY_TO_TENSORFLOW and is_from_elsewhere(where))
    )


def is_always_small(spot: Spot) -> bool:
    """Whether what is housekeeping here stays so, whatever the instruction calls next.

    What converts on purpose is no housekeeping (`tf.constant`); objects' methods, by which
    nothing but their class may change, do not.
    """
    return not spot.may_change or is_of_some_class(spot.route.name)


def reads_for_python(spot: Spot, seen: Seen) -> bool:
    """Whether Python, not NumPy, gets what was read: as bytes, or by a route of its own."""
    if spot.route.name in PYTHON_READERS:
        return True
    # NumPy's own readers of bytes have its name: `np.frombuffer`.
    return seen.lowest == BYTES_LIKE and not spot.reader.name.startswith("np.")


def call_of(where: Standpoint) -> tuple[int, int]:
    """Which call of the user's is running: the innermost frame of theirs, and its instruction."""
    return (id(where.inner), where.inner.f_lasti) if where.inner else (0, 0)


def target_of(frame: FrameType | None, where: Standpoint, reader: Reader, seen: Seen) -> str | None:
    """Dtype that a reader makes of a tensor, where its syntax tells; `seen` learns of it.

    Now, while the tensor is alive: what the cast does to the values is computed on it.
    """
    at = where.inner if reader.into_is_users else outside_of_tensor(frame)
    if at is None or isinstance(seen.storage, Storage):
        return None
    target = reader.given or None
    if target is None and reader.into is not None:
        target = dtype_in(at, reader.into, seen.identity)
    seen.untold = not reader.known or (target is None and reader.names_dtype)
    if target and is_cast(seen.dtype_from, target):
        seen.dtype_to, seen.both_ends = target, False
        seen.values = seen.storage.values_as(target)
        into = reader.into
        seen.asked = into is not None and reader.into_is_users and not into.is_array
    return target


def is_asked_for(seen: Seen, spot: Spot, where: Standpoint) -> bool:
    """Whether the user's own call, no converter by name, names the dtype of the cast."""
    if spot.route.explicit or where.inner is None or not is_cast(seen.dtype_from, seen.dtype_to):
        return False
    return names_dtype(where.inner, spot.reader.written, seen.dtype_to, seen.identity)


def verdict_on(spot: Spot, seen: Seen, storage: Storage) -> Verdict:
    """What is claimed of a conversion whose data came to lie there."""
    if seen.untold and storage.kind == UNKNOWN:
        return Verdict(storage, model.Cast("unknown", "", None), seen.moved())
    cast = model.Cast("none", "", None)
    # A Python number has no dtype to be cast from, unless it became another number.
    if seen.direction in _BETWEEN_LIBRARIES or seen.values is not None:
        asked = seen.asked or (spot.route.explicit and spot.reader.asks)
        cast = cast_of(
            seen.dtype_from, seen.dtype_to, asked=asked, observed=seen.both_ends, values=seen.values
        )
    return Verdict(storage, cast, seen.moved())


def is_housekeeping(seen: Seen, route: Route, where: Standpoint, *, depends: bool) -> bool:
    """Whether it is small, nobody asked for it, and it is no array that the user handed over.

    Parameters
    ----------
    depends
        What `depends_on_object` says of it.
    """
    if not depends:
        is_small = seen.nbytes is not None and seen.nbytes <= HOUSEKEEPING_PYTHON
        return is_small and not route.explicit and seen.direction == model.PYTHON_TO_TENSORFLOW
    assert where.callee is not None
    return not was_handed_over(seen.identity, where.callee)


def depends_on_object(seen: Seen, route: Route, where: Standpoint) -> bool:
    """Whether it is small, and nobody asked for it; no more is asked of a Python value."""
    return (
        not route.explicit
        and seen.nbytes is not None
        and seen.nbytes <= HOUSEKEEPING_ARRAY
        and where.callee is not None
        and seen.direction != model.PYTHON_TO_TENSORFLOW
    )
