"""Conversions for each turn of a loop, and models called for a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

from tfnp_magic.activity import ModelCalls, Pipeline
from tfnp_magic.advice.finding import Finding, where
from tfnp_magic.advice.loops import loop_around
from tfnp_magic.figures import bytes_text, counted, known_sum, seconds_text, times
from tfnp_magic.model import (
    NUMPY_TO_TENSORFLOW,
    READS,
    Crossing,
    Recording,
    Site,
    kind_of_move,
)

MANY = 100
"""Conversions at one place that are worth a finding."""

MANY_MOVES = 20
"""The same where each moves data between devices, and waits for what it moves."""

SMALL = 1024
"""Bytes up to which an array is small: converting costs more than what it holds."""

MANY_SMALL = 300
"""Conversions of small arrays into tensors that are worth a finding."""

FEW_ROWS, MANY_CALLS = 8, 10
"""Rows at a time that a model is called for, and how often, to be worth a finding."""

_OF_PIPELINES = (
    "tf.data.Dataset.from_generator", "tf.numpy_function", "tf.py_function",
    "NumpyIterator.__next__",
)  # fmt: skip
"""Routes that convert for each element because that is what they are for."""


def of_loops(recording: Recording) -> Iterator[Finding]:
    """Conversions that one place makes again and again, those that cost most first."""
    models = {(calls.site, calls.route) for calls in recording.models}
    groups: dict[tuple[Site, str, str], list[Crossing]] = {}
    for crossing in recording.ledger:
        if crossing.route not in _OF_PIPELINES and (crossing.site, crossing.route) not in models:
            key = crossing.site, crossing.route, crossing.direction
            groups.setdefault(key, []).append(crossing)
    many = [group for group in groups.values() if _is_many(group)]
    for group in sorted(many, key=_cost, reverse=True):
        yield _of_loop(group, recording)


def _is_many(group: list[Crossing]) -> bool:
    count = _count(group)
    if group[0].direction in READS:
        moves = any(c.moved_bytes and kind_of_move(c.device_from, c.device_to) for c in group)
        return count >= (MANY_MOVES if moves else MANY)
    if group[0].direction == NUMPY_TO_TENSORFLOW:
        return count >= MANY_SMALL and (_nbytes(group) or 0) <= SMALL * count
    return False


def _cost(group: list[Crossing]) -> tuple[int, int]:
    """Bytes that moved or were copied or read, then time."""
    moved = sum(crossing.moved_bytes or 0 for crossing in group)
    return moved + (_nbytes(group) or 0), sum(crossing.duration_ns or 0 for crossing in group)


def _of_loop(group: list[Crossing], recording: Recording) -> Finding:
    first, count, nbytes = group[0], _count(group), _nbytes(group)
    within = _within(first.site, recording.source)
    sentence = (
        f"{where(first.site)}{within}: {first.route} {_did(first)} {times(count)}, "
        f"{bytes_text(nbytes)}{_moved(group)}{_took(group)}. {_instead(first, recording)}"
    )
    return Finding("loop", first.site, sentence, count, nbytes)


def _within(site: Site, source: str) -> str:
    """``, in the loop of line 4``, where the line to change is the cell's own."""
    line, place = site.line, site.inner or site.line
    if line is None or place is None or place.source != line.source:
        return ""
    loop = loop_around(source, place.line)
    return "" if loop in (None, place.line) else f", in the loop of line {loop}"


def _did(crossing: Crossing) -> str:
    if crossing.direction == NUMPY_TO_TENSORFLOW:
        return "made tensors of small arrays"
    return "ran" if crossing.explicit or "." not in crossing.route else "read tensors"


def _moved(group: list[Crossing]) -> str:
    kinds: dict[str, int] = {}
    for crossing in group:
        kind = kind_of_move(crossing.device_from, crossing.device_to)
        if kind and crossing.moved_bytes:
            kinds[kind] = kinds.get(kind, 0) + crossing.moved_bytes
    return "".join(f", {bytes_text(nbytes)} from {kind}" for kind, nbytes in kinds.items())


def _took(group: list[Crossing]) -> str:
    """The time inside the conversions, and the share of it spent waiting, where told."""
    if any(crossing.duration_ns is None for crossing in group):
        return ""
    took = sum(crossing.duration_ns or 0 for crossing in group)
    waited = sum(crossing.waited_ns or 0 for crossing in group)
    waiting = f" ({seconds_text(waited)} of it waiting)" if waited > took / 10 else ""
    return f", {seconds_text(took)}{waiting}"


def _instead(crossing: Crossing, recording: Recording) -> str:
    route = crossing.route
    if crossing.direction == NUMPY_TO_TENSORFLOW:
        return "Convert the whole array once, before the loop, and index the tensor."
    if any(_is_read_there(crossing, pipeline.site) for pipeline in recording.pipelines):
        return "Iterate `dataset.as_numpy_iterator()`, whose elements are arrays without a copy."
    if any(_is_run_by(crossing, pipeline) for pipeline in recording.pipelines):
        return (
            "Do it in TensorFlow's own ops inside `map`, or for a whole batch at a time: `batch` "
            "before `map`."
        )
    own = _TENSORFLOWS_OWN.get(route)
    if own is not None:
        return f"Use `{own}`, which stays in TensorFlow, or convert once before the loop."
    if route.startswith(("np.", "operator")):
        return "Use TensorFlow's own function, or convert once before the loop."
    return (
        "Collect the tensors in a list and convert once, after the loop: `tf.stack(list).numpy()`."
    )


def _is_read_there(crossing: Crossing, site: Site) -> bool:
    """Whether a pipeline's loop is the one around the line: told by what it read of elements."""
    return crossing.route in ("Tensor.numpy", "np.asarray", "np.array") and crossing.site == site


def _is_run_by(crossing: Crossing, pipeline: Pipeline) -> bool:
    """Whether it stands in a Python function of a pipeline, which calls it for each element."""
    line, inner = crossing.site
    return bool(pipeline.python.count) and inner is not None and line == pipeline.site.line


_TENSORFLOWS_OWN = {
    "np.mean": "tf.reduce_mean", "np.sum": "tf.reduce_sum", "np.max": "tf.reduce_max",
    "np.min": "tf.reduce_min", "np.prod": "tf.reduce_prod", "np.std": "tf.math.reduce_std",
    "np.var": "tf.math.reduce_variance", "np.any": "tf.reduce_any", "np.all": "tf.reduce_all",
    "np.dot": "tf.tensordot", "np.matmul": "tf.matmul", "np.argmax": "tf.argmax",
    "np.argmin": "tf.argmin", "np.linalg.norm": "tf.norm", "np.concatenate": "tf.concat",
    "np.stack": "tf.stack", "np.transpose": "tf.transpose", "np.where": "tf.where",
    "np.clip": "tf.clip_by_value", "np.exp": "tf.exp", "np.log": "tf.math.log",
    "np.sqrt": "tf.sqrt", "np.abs": "tf.abs", "np.square": "tf.square", "np.tanh": "tf.tanh",
    "np.add": "tf.add", "np.subtract": "tf.subtract", "np.multiply": "tf.multiply",
    "np.divide": "tf.divide", "np.einsum": "tf.einsum", "np.reshape": "tf.reshape",
    "np.round": "tf.round", "np.sort": "tf.sort", "np.cumsum": "tf.cumsum",
    "np.isnan": "tf.math.is_nan", "np.maximum": "tf.maximum", "np.minimum": "tf.minimum",
}  # fmt: skip
"""What TensorFlow calls the function that NumPy ran on a tensor."""


def of_small_batches(recording: Recording) -> Iterator[Finding]:
    """Models that were called again and again for a few rows each, the slowest first."""
    small = [calls for calls in recording.models if _is_small(calls)]
    for calls in sorted(small, key=lambda calls: -calls.duration_ns):
        yield _of_small(calls, recording)


def _is_small(calls: ModelCalls) -> bool:
    predicts = calls.route.rpartition(".")[2] in ("predict", "evaluate")
    few = calls.rows is not None and calls.rows <= FEW_ROWS * calls.calls
    return predicts and few and calls.calls >= MANY_CALLS


def _of_small(calls: ModelCalls, recording: Recording) -> Finding:
    into = [
        crossing
        for crossing in recording.ledger
        if (crossing.site, crossing.direction) == (calls.site, NUMPY_TO_TENSORFLOW)
        and crossing.route == calls.route
    ]
    nbytes = _nbytes(into)
    size = f" ({bytes_text(nbytes)})" if into else ""
    sentence = (
        f"{where(calls.site)}: {calls.route} ran {times(calls.calls)} for "
        f"{counted(calls.rows or 0, 'row')} in all{size}, "
        f"{seconds_text(calls.duration_ns)}. Hand over all rows at once: "
        "`model.predict(np.stack(rows))`; for one row, call `model(row)`."
    )
    return Finding("small-batches", calls.site, sentence, calls.calls, nbytes)


def _count(group: list[Crossing]) -> int:
    return sum(crossing.count for crossing in group)


def _nbytes(group: list[Crossing]) -> int | None:
    return known_sum(crossing.nbytes for crossing in group)
