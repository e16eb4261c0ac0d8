"""Casts that changed values."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from tfnp_magic.advice.expressions import filled_by, handed_to
from tfnp_magic.advice.finding import Finding, to_change, where
from tfnp_magic.advice.phrases import sums
from tfnp_magic.advice.rank import broken
from tfnp_magic.figures import bytes_text, times
from tfnp_magic.model import CASTS, PYTHON_TO_TENSORFLOW, Crossing
from tfnp_magic.recording import Recording
from tfnp_magic.values import ValueChange, in_words, merge


def of_casts(recording: Recording) -> Iterator[Finding]:
    """Silent casts that changed values, and asked-for ones that lost more than precision.

    Crossings that differ only in how the data was copied are one finding.
    """
    groups: dict[tuple[object, ...], list[Crossing]] = {}
    for crossing in recording.ledger:
        if crossing.values is not None and crossing.cast in CASTS:
            key = tuple(getattr(crossing, name) for name in _ALIKE)
            groups.setdefault(key, []).append(crossing)
    for group in groups.values():
        values = functools.reduce(merge, (c.values for c in group if c.values is not None))
        if values.changed and (group[0].cast == "silent" or _is_surprising(values)):
            yield _of(group, values)


_ALIKE = ("site", "route", "direction", "dtype_from", "dtype_to", "cast")


def _of(group: list[Crossing], values: ValueChange) -> Finding:
    first, figures = group[0], sums(group)
    count, nbytes = figures["count"], figures["nbytes"]
    asked = "silently " if first.cast == "silent" else ""
    size = bytes_text(nbytes)
    often = f", {times(count)} ({size})" if count > 1 else f" ({size})" if nbytes else ""
    what = (
        f"{where(first.site)}: {first.route} {asked}cast {first.dtype_from} to "
        f"{first.dtype_to}{often}: {in_words(values)}."
    )
    return Finding("cast", first.site, what, _instead(first, values), **figures, values=values)


def _is_surprising(values: ValueChange) -> bool:
    """Whether a cast that was asked for did what nobody asks for.

    A fraction is dropped by whoever casts to integers, and digits by whoever casts to a
    smaller float; but not so that a number becomes infinite, or another one altogether.
    """
    return bool(values.became_nonfinite or values.became_finite or values.out_of_range)


def _instead(crossing: Crossing, values: ValueChange) -> str:
    if crossing.direction == PYTHON_TO_TENSORFLOW:
        return "Use a dtype that holds them."
    if crossing.cast == "explicit":
        return f"Use a dtype that holds them, such as {crossing.dtype_from}."
    if not crossing.direction.startswith("numpy"):
        return _instead_of_reading(crossing, values)
    method = crossing.route.rpartition(".")[2]
    if method in _OF_MODELS:
        return _instead_of_feeding(crossing, method, values)
    if method == "from_generator":
        instead = _DECLARE if broken(values) else _YIELD
        return instead.format(dtype=crossing.dtype_to, before=crossing.dtype_from)
    return _instead_of_mixing(crossing, values)


_OF_MODELS = (
    "fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch", "__call__",
)  # fmt: skip
_YIELD = (
    "Yield {dtype} (`array.astype({dtype!r})`, once, before the generator begins), or declare "
    "{before} in `output_signature`."
)
_DECLARE = "Declare {before} in `output_signature`, or yield values that {dtype} holds."


def _instead_of_feeding(crossing: Crossing, method: str, values: ValueChange) -> str:
    """Of data that a model cast: named where it is all that the line hands over."""
    float_type = crossing.dtype_from if crossing.dtype_from.startswith("float") else "float64"
    model = f"give the model `dtype={float_type!r}`"
    if broken(values):
        return f"Hand over values that {crossing.dtype_to} holds, or {model}."
    place = to_change(crossing.site)
    name = handed_to(place.code, method) if place and len(crossing.shapes) == 1 else ""
    return (
        f"Convert once, on purpose: `{name or 'array'}.astype({crossing.dtype_to!r})`, or {model}."
    )


def _instead_of_mixing(crossing: Crossing, values: ValueChange) -> str:
    """Of an array that was cast to the dtype of the tensor beside it."""
    on_purpose = f"`tf.constant(array, tf.{crossing.dtype_to})`"
    if values.inexact_integers and crossing.dtype_to != "float64":
        return (
            "Keep the tensor in float64, which is exact up to 2^53: `tf.cast(tensor, tf.float64)`."
        )
    if broken(values):
        return (
            f"Keep the tensor in {crossing.dtype_from}: `tf.cast(tensor, tf.{crossing.dtype_from})`"
            f"; or, if it is meant, convert first: {on_purpose}."
        )
    return f"Convert first, on purpose: {on_purpose}, or keep the tensor in {crossing.dtype_from}."


def _instead_of_reading(crossing: Crossing, values: ValueChange) -> str:
    """Of an array that a tensor was written into, and whose dtype it took on."""
    if not broken(values):
        return f"Say so, if it is meant: `np.asarray(tensor, {crossing.dtype_to!r})`."
    place = to_change(crossing.site)
    name = filled_by(place.code) if place and crossing.route == "operator []=" else ""
    array = f"`{name}`" if name else "the array"
    return (
        f"Make {array} {crossing.dtype_from}; or say so, if it is meant: "
        f"`np.asarray(tensor, {crossing.dtype_to!r})`."
    )
