"""Looking at what a cast did to the values, as far as the trace wants and time allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfnp_magic.scope import inner
from tfnp_magic.values import ValueChange, compare, emulate, unchecked

if TYPE_CHECKING:
    from tfnp_magic.recorder.recorder import Recorder


def compare_for(recorders: list[Recorder]) -> None:
    """From now on, on this thread, compare as much as these want, within their time."""
    limits = [recorder.values_limit for recorder in recorders]
    is_bounded = None not in limits
    inner.values_limit = max((limit or 0 for limit in limits), default=0) if is_bounded else None
    inner.budget = recorders[0].budget if recorders and is_bounded else None


def cast_values(
    source: np.ndarray[Any, Any] | None, result: np.ndarray[Any, Any] | None, dtype_to: str
) -> ValueChange | None:
    """What a cast did to the values: both ends compared, or the cast made again of a sample.

    Parameters
    ----------
    source
        The array before the cast; None if it cannot be looked at.
    result
        The array after it; None where only its dtype is known.
    dtype_to
        NumPy's name of that dtype.
    """
    limit, budget = inner.values_limit, inner.budget
    if source is None or limit == 0:
        return None
    if budget is None:
        return _compared(source, result, dtype_to, limit)
    if not budget.allows():
        return unchecked(source)
    with budget.look():
        return _compared(source, result, dtype_to, limit)


def _compared(
    source: np.ndarray[Any, Any],
    result: np.ndarray[Any, Any] | None,
    dtype_to: str,
    limit: int | None,
) -> ValueChange | None:
    if result is not None and result.shape == source.shape:
        return compare(source, result, limit)
    return emulate(source, dtype_to, limit)
