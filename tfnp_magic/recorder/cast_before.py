"""Casts that a library makes with NumPy or pandas before it converts, as Keras does."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfnp_magic.facts import host_view
from tfnp_magic.frames.handed import (
    Frame,
    frame_instead,
    handed_instead,
    was_handed_as_argument,
    was_handed_over,
)
from tfnp_magic.frames.site import is_own
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, Storage
from tfnp_magic.recorder.comparing import cast_values, compare_for
from tfnp_magic.values import merge
from tfnp_magic.verdict import MIXED, after_cast, after_joining, is_cast

if TYPE_CHECKING:
    from tfnp_magic.frames.site import Standpoint
    from tfnp_magic.recorder.recorder import Recorder
    from tfnp_magic.recorder.seen import Seen

_TENSORFLOW = f"{os.sep}tensorflow{os.sep}python{os.sep}"
"""Part of the file names of TensorFlow's own Python code."""


def look_for_cast_before(seen: Seen, where: Standpoint, recorder: Recorder) -> None:
    """Find out whether a library cast the user's array with NumPy before it converted it.

    Keras casts float64 in that way: what crosses is another array than the user handed
    over, of the same shape and of another dtype. `seen` learns of it.
    """
    if seen.direction != NUMPY_TO_TENSORFLOW or where.callee is None or not seen.shape:
        return
    if not is_from_elsewhere(where) or was_handed_as_argument(seen.identity, where.callee):
        return
    made = _made(seen)
    handed = handed_instead(
        seen.identity,
        seen.shape,
        seen.dtype_from,
        where.callee,
        lambda array: _may_have_become(array, made),
    )
    if handed is not None:
        if is_cast(str(handed.dtype), seen.dtype_to):
            _change(seen, after_cast, seen.nbytes or 0)
            _was_cast(seen, str(handed.dtype), [handed], recorder)
    elif not was_handed_over(seen.identity, where.callee):
        frame = frame_instead(seen.shape, where.callee)
        if frame is not None and _may_have_become(*_first_column(frame, made)):
            _was_a_frame(seen, frame, recorder)


def is_from_elsewhere(where: Standpoint) -> bool:
    """Whether another library than TensorFlow converts, which may have cast the array before."""
    if where.callee is None:
        return False
    file = where.callee.f_code.co_filename
    # TensorFlow's own code converts first, and casts then.
    return _TENSORFLOW not in file or is_own(file)


def _was_a_frame(seen: Seen, frame: Frame, recorder: Recorder) -> None:
    dtype = frame.dtype or MIXED
    if len(frame.blocks) > 1:
        _change(seen, after_joining)
    elif dtype != seen.dtype_from:
        _change(seen, after_cast, seen.nbytes or 0)
    if dtype != seen.dtype_from:
        _was_cast(seen, dtype, frame.blocks, recorder)


def _change(seen: Seen, before: Callable[..., Storage], *args: int) -> None:
    if isinstance(seen.storage, Storage):
        seen.storage = before(seen.storage, *args)


def _was_cast(
    seen: Seen, dtype: str, parts: Sequence[np.ndarray[Any, Any]], recorder: Recorder
) -> None:
    """What it consisted of had this dtype, or several."""
    seen.dtype_from, seen.nbytes = dtype, sum(part.nbytes for part in parts)
    seen.both_ends = False
    compare_for([recorder])
    changes = [cast_values(part, None, seen.dtype_to) for part in parts] if dtype != MIXED else []
    known = [change for change in changes if change is not None]
    seen.values = functools.reduce(merge, known) if known else None


def _made(seen: Seen) -> np.ndarray[Any, Any] | None:
    """The memory of the tensor that was made; None where it cannot be looked at."""
    tensor = None if seen.made is None else seen.made()
    return None if tensor is None else host_view(tensor)


def _first_column(
    frame: Frame, made: np.ndarray[Any, Any] | None
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
    """One column of the data, and of the tensor."""
    first = frame.blocks[0]
    column = first if first.ndim == 1 else first[0]
    return column, made if made is None or made.ndim != 2 else made[:, frame.column]


_LOOKED_AT = 32
"""Elements that are compared, to tell an array's cast from another array of its shape."""


def _may_have_become(array: np.ndarray[Any, Any], made: np.ndarray[Any, Any] | None) -> bool:
    """Whether a tensor may hold this array's elements: Keras also makes weights of labels."""
    if made is None or made.size != array.size or made.dtype.kind not in "biufc":
        return True
    step = max(1, array.size // _LOOKED_AT)
    before, after = array.flat[::step][:_LOOKED_AT], made.flat[::step][:_LOOKED_AT]
    with np.errstate(all="ignore"):
        return np.array_equal(before.astype(made.dtype), after, equal_nan=made.dtype.kind in "fc")
