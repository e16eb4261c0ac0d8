"""What to write in place of a conversion for each turn of a loop."""

from __future__ import annotations

from tfnp_magic.activity import Pipeline
from tfnp_magic.advice.around import keeps_contents, keeps_name
from tfnp_magic.advice.expressions import in_tensorflow, operands_of, read_by, reduction_of
from tfnp_magic.advice.finding import to_change
from tfnp_magic.model import (
    CASTS,
    NUMPY_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    TENSORFLOW_TO_PYTHON,
    Crossing,
    Site,
)
from tfnp_magic.recording import Recording

PRINTS = ("print", "repr", "str", "format", "f-string", "display")
"""Routes that read a tensor to show it."""

_WHOLE_READS = (
    "np.asarray", "np.array", "np.asanyarray", "np.copy", "np.ascontiguousarray", "operator []=",
)  # fmt: skip
"""What does nothing with a tensor but make it an array, or a part of one."""

_TOO_MUCH = 1_000_000_000
"""Bytes that nobody should be told to collect in a list."""


def in_a_loop(group: list[Crossing], recording: Recording) -> str:
    """What to write instead of conversions at one place, alike but for how they went."""
    first = group[0]
    if first.direction == NUMPY_TO_TENSORFLOW:
        return once(first, recording) or _of_rows()
    if any(_is_read_there(first, pipeline.site) for pipeline in recording.pipelines):
        return "Iterate `dataset.as_numpy_iterator()`, whose elements are arrays without a copy."
    if any(_is_run_by(first, pipeline) for pipeline in recording.pipelines):
        return (
            "Do it in TensorFlow's own ops inside `map`, or for a whole batch at a time: `batch` "
            "before `map`."
        )
    if first.route in PRINTS:
        return "Print or format it less often: each time, the tensor is read."
    if first.direction == TENSORFLOW_TO_PYTHON and first.dtype_from == "bool":
        return (
            "Ask less often, or choose in TensorFlow: `tf.where(condition, a, b)`; in a "
            "`tf.function`, `if` and `while` stay there."
        )
    if first.route.startswith(("np.", "operator")) and first.route not in _WHOLE_READS:
        return _of_function(group)
    return _of_reads(group, recording)


def _of_rows() -> str:
    """Of small arrays made tensors: one op gives them all.

    Not an index into a tensor for each: on the CPU, that takes ten times as long as to convert
    each row, and `tf.unstack` a tenth (1,000 rows of 64, TensorFlow 2.21).
    """
    return (
        "If they are rows of one array, convert it once, before the loop: "
        "`tf.unstack(tf.constant(array))` gives all rows as tensors."
    )


def once(crossing: Crossing, recording: Recording) -> str:
    """What to write before the loop, if the loop converts the same data in all turns.

    Empty unless the text of a loop in the cell leaves no doubt of it.
    """
    names = _kept(crossing, recording)
    if not names:
        return ""
    name = names[0] if len(names) == 1 else ""
    if crossing.direction == TENSORFLOW_TO_NUMPY:
        return f"Convert it once, before the loop: `array = {name}.numpy()`."
    dtype = f", tf.{crossing.dtype_to}" if crossing.cast in CASTS else ""
    return f"Convert it once, before the loop: `tensor = tf.constant({name or 'array'}{dtype})`."


def _kept(crossing: Crossing, recording: Recording) -> tuple[str, ...]:
    """Names of what was converted, of which one is; empty unless the loop keeps them all.

    A Variable's name may stand for other values in each turn, so only tensors count.
    """
    line, place = crossing.site.line, to_change(crossing.site)
    if line is None or place is None or place.source != line.source:
        return ()
    if crossing.direction == NUMPY_TO_TENSORFLOW:
        names, keeps = operands_of(place.code, crossing.route), keeps_contents
    elif (crossing.direction, crossing.route) == (TENSORFLOW_TO_NUMPY, "Tensor.numpy"):
        name = read_by(place.code, crossing.route)
        names, keeps = (name,) if name.isidentifier() else (), keeps_name
    else:
        return ()
    return names if all(keeps(recording.source, place.line, name) for name in names) else ()


def _of_function(group: list[Crossing]) -> str:
    """Of a function of NumPy's that read tensors."""
    first = group[0]
    name = _own(first)
    place = to_change(first.site)
    own = in_tensorflow(place.code, first.route, lambda _: name) if place and name else ""
    if not name:
        return "Use a function of TensorFlow's own, or convert once, before the loop or after it."
    if _stayed(group):
        return (
            f"Here the tensors were read in place; on a GPU each read would be a move: "
            f"`{own or name}` stays in TensorFlow."
        )
    return f"Use `{own or name}`, which stays in TensorFlow, or convert once before the loop."


def _stayed(group: list[Crossing]) -> bool:
    """Whether nothing was copied and nothing moved."""
    return all(crossing.copied_bytes == 0 and crossing.moved_bytes == 0 for crossing in group)


def _of_reads(group: list[Crossing], recording: Recording) -> str:
    """Of `.numpy()`, `float()` and other calls that read one tensor."""
    first = group[0]
    place = to_change(first.site)
    code = place.code if place else ""
    if before := once(first, recording):
        return before
    own = in_tensorflow(code, first.route, lambda name: own_name(name, first.dtype_from))
    if own:
        return _of_reduction(code, own, group)
    if sum(crossing.nbytes or 0 for crossing in group) > _TOO_MUCH:
        return "Compute on in TensorFlow, and convert only what comes out, after the loop."
    operand = read_by(code, first.route)
    what = f"Append `{operand}` to a list" if operand else "Collect the tensors in a list"
    return f"{what} and convert once, after the loop{_joined(group)}."


def _of_reduction(code: str, own: str, group: list[Crossing]) -> str:
    """Of ``x.numpy().sum()``: what it reads is only read, so that a view would do."""
    later = f"`{own}` and convert the results once, after the loop"
    moved = any(crossing.moved_bytes != 0 for crossing in group)
    if moved or group[0].route != "Tensor.numpy":
        return f"Use {later}: `tf.stack(results).numpy()`."
    return f"`{reduction_of(code)}` reads it without a copy; on a GPU, use {later}."


def _joined(group: list[Crossing]) -> str:
    """How tensors of these shapes become one; empty where they do not."""
    shapes = {shape for crossing in group for shape in crossing.shapes}
    others = any(crossing.other_shapes for crossing in group)
    if len(shapes) <= 1 and not others:
        return ": `tf.stack(tensors).numpy()`"
    if () not in shapes and len({shape[1:] for shape in shapes}) == 1 and not others:
        return ": `tf.concat(tensors, 0).numpy()`"
    return ""


def _is_read_there(crossing: Crossing, site: Site) -> bool:
    """Whether a pipeline's loop is the one around the line: told by what it read of elements."""
    return crossing.route in ("Tensor.numpy", "np.asarray", "np.array") and crossing.site == site


def _is_run_by(crossing: Crossing, pipeline: Pipeline) -> bool:
    """Whether it stands in a Python function of a pipeline, which calls it for each element."""
    line, inner = crossing.site
    return bool(pipeline.python.count) and inner is not None and line == pipeline.site.line


def _own(crossing: Crossing) -> str:
    return own_name(crossing.route, crossing.dtype_from)


def own_name(route: str, dtype: str) -> str:
    """What TensorFlow calls a function of NumPy's that gives the same for tensors of a dtype.

    Empty where there is none: `np.mean` of integers is a fraction, `np.sum` of them does not
    overflow, `np.any` takes more than bools.
    """
    tables = [_OF_ANY]
    if dtype == "bool":
        tables.append(_OF_BOOLS)
    if dtype.startswith(("float", "bfloat")):
        tables.append(_OF_FLOATS)
    if dtype.startswith(("float", "bfloat", "int")):
        tables.append(_OF_NUMBERS)
    return next((table[route] for table in tables if route in table), "")


_OF_FLOATS = {
    "np.mean": "tf.reduce_mean", "np.sum": "tf.reduce_sum", "np.prod": "tf.reduce_prod",
    "np.std": "tf.math.reduce_std", "np.var": "tf.math.reduce_variance",
    "np.linalg.norm": "tf.norm", "np.exp": "tf.exp", "np.log": "tf.math.log",
    "np.sqrt": "tf.sqrt", "np.tanh": "tf.tanh", "np.divide": "tf.divide",
    "np.cumsum": "tf.cumsum", "np.isnan": "tf.math.is_nan", "np.dot": "tf.tensordot",
    "np.einsum": "tf.einsum", "np.round": "tf.round",
}  # fmt: skip
_OF_NUMBERS = {
    "np.max": "tf.reduce_max", "np.min": "tf.reduce_min", "np.amax": "tf.reduce_max",
    "np.amin": "tf.reduce_min", "np.argmax": "tf.argmax", "np.argmin": "tf.argmin",
    "np.abs": "tf.abs", "np.square": "tf.square", "np.add": "tf.add",
    "np.subtract": "tf.subtract", "np.multiply": "tf.multiply", "np.matmul": "tf.matmul",
    "np.maximum": "tf.maximum", "np.minimum": "tf.minimum", "np.clip": "tf.clip_by_value",
    "np.sort": "tf.sort",
}  # fmt: skip
_OF_BOOLS = {"np.any": "tf.reduce_any", "np.all": "tf.reduce_all"}
_OF_ANY = {
    "np.concatenate": "tf.concat", "np.stack": "tf.stack", "np.transpose": "tf.transpose",
    "np.where": "tf.where", "np.reshape": "tf.reshape",
}  # fmt: skip
