"""Casts that changed values."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from tfnp_magic.advice.finding import Finding, where
from tfnp_magic.figures import bytes_text, known_sum, times
from tfnp_magic.model import PYTHON_TO_TENSORFLOW, Crossing
from tfnp_magic.values import ValueChange, in_words, merge


def of_casts(ledger: list[Crossing]) -> Iterator[Finding]:
    """Silent casts that changed values, and asked-for ones that lost more than precision.

    Crossings that differ only in how the data was copied are one finding.
    """
    groups: dict[tuple[object, ...], list[Crossing]] = {}
    for crossing in ledger:
        if crossing.values is not None and crossing.cast != "none":
            key = tuple(getattr(crossing, name) for name in _ALIKE)
            groups.setdefault(key, []).append(crossing)
    for group in groups.values():
        values = functools.reduce(merge, (c.values for c in group if c.values is not None))
        if values.changed and (group[0].cast == "silent" or _is_broken(values)):
            yield _of(group, values)


_ALIKE = ("site", "route", "direction", "dtype_from", "dtype_to", "cast")


def _of(group: list[Crossing], values: ValueChange) -> Finding:
    first = group[0]
    count = sum(crossing.count for crossing in group)
    nbytes = known_sum(crossing.nbytes for crossing in group)
    asked = "silently " if first.cast == "silent" else ""
    size = bytes_text(nbytes)
    often = f", {times(count)} ({size})" if count > 1 else f" ({size})" if nbytes else ""
    return Finding(
        "cast",
        first.site,
        f"{where(first.site)}: {first.route} {asked}cast {first.dtype_from} to "
        f"{first.dtype_to}{often}: {in_words(values)}. {_instead(first)}",
        count,
        nbytes,
    )


def _is_broken(values: ValueChange) -> bool:
    """Whether values became something else altogether: infinite, wrapped around, invented."""
    return bool(values.became_nonfinite or values.became_finite or values.out_of_range)


def _instead(crossing: Crossing) -> str:
    if crossing.direction == PYTHON_TO_TENSORFLOW:
        return "Use a dtype that holds them."
    if crossing.cast == "explicit":
        return f"Use a dtype that holds them, such as {crossing.dtype_from}."
    if crossing.direction.startswith("numpy"):
        return _INSTEAD.get(crossing.route.rpartition(".")[2], _CONVERT).format(
            dtype=crossing.dtype_to, before=crossing.dtype_from
        )
    return f"Say so, if it is meant: `np.asarray(tensor, {crossing.dtype_to!r})`."


_CONVERT = (
    "Convert first, on purpose: `tf.constant(array, tf.{dtype})`, or keep the tensor in {before}."
)
_ASTYPE = (
    "Convert once, on purpose: `array.astype({dtype!r})`, or give the model `dtype={before!r}`."
)
_INSTEAD = {
    "from_generator": "Yield {dtype} (`array.astype({dtype!r})`, once, before the generator "
    "begins), or declare {before} in `output_signature`.",
    **dict.fromkeys(
        ("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch",
         "__call__"),
        _ASTYPE,
    ),
}  # fmt: skip
"""What to write instead, by the last name of the route."""
