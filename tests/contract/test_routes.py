"""One row per call that a user writes: what the recording must say of it."""

from __future__ import annotations

import linecache
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.contract.arrays import aligned, misaligned
from tests.contract.cells import statement, traced_cell
from tfnp_magic.tracing import Trace

TO_TF, TO_NP = "numpy → tensorflow", "tensorflow → numpy"
TO_PY, FROM_PY = "tensorflow → python", "python → tensorflow"
MOVE = "device → device"

B32, B64 = 480, 960
"""Bytes of the (30, 4) array in float32 and in float64."""


FRAME = (B32, "copy") if pd.__version__ >= "3" else (0, "view")
"""pandas 3 copies what a DataFrame is made of; pandas 2 keeps the view."""


def namespace():
    """The names that a row's expression may use; made anew for each row."""
    base = np.arange(120, dtype=np.float64).reshape(30, 4) / 7
    dense = keras.layers.Dense(2)
    dense.build((None, 4))
    return {
        "np": np, "tf": tf, "pd": pd, "keras": keras, "dense": dense,
        "a": aligned(base.astype("f4")), "m": misaligned(base.astype("f4")),
        "d": misaligned(base), "big_endian": base.astype(">f8"),
        "i": misaligned(np.arange(120).reshape(30, 4)),
        "fortran": np.asfortranarray(base.astype("f4")), "empty": np.zeros((0, 4), "f4"),
        "strings": np.array(["one", "two"], dtype=object), "scalar": np.float64(0.1),
        "t": tf.constant(base.astype("f4")), "u": tf.constant(base.astype("f4") + 1),
        "square": tf.constant(base[:4, :4].astype("f4")), "s": tf.constant(2.5),
        "bf16": tf.cast(tf.constant(base), tf.bfloat16), "text": tf.constant(["a", "b"]),
        "v": tf.Variable(base.astype("f4")), "flags": tf.constant([True, False]),
        "series": pd.Series(aligned(base[:, 0].copy()), copy=False), "keep": [],
        "frame": pd.DataFrame(base), "f": tf.function(lambda x: x + 1),
    }  # fmt: skip


class Row(NamedTuple):
    expression: str
    route: str
    direction: str
    nbytes: int | None
    copied: int | tuple[int, ...] | None
    storage: str
    cast: str = "none"
    explicit: bool = False
    count: int = 1


ROWS = [
    # Creation: NumPy's copies always, TensorFlow's own by their alignment, which is the
    # allocator's choice: two numbers are one or the other.
    Row("tf.constant(d, tf.float32)", "tf.constant", TO_TF, B64, (B64 + B32, B64 + 2 * B32),
        "copy", "explicit", True),
    Row("tf.constant(scalar)", "tf.constant", TO_TF, 8, 8, "copy", explicit=True),
    Row("tf.constant(strings)", "tf.constant", TO_TF, 16, None, "copy", explicit=True),
    Row("tf.constant(series)", "tf.constant", TO_TF, 240, 0, "view", explicit=True),
    Row("tf.constant([a, m])", "tf.constant", TO_TF, 2 * B32, 2 * B32, "copy", explicit=True),
    Row("tf.constant([1.0, 2.0])", "tf.constant", FROM_PY, 8, 8, "copy", explicit=True),
    Row("tf.stack([a, m])", "tf.stack", TO_TF, 2 * B32, 2 * B32, "copy"),
    # Operators: `+ @ /` convert first, the others hand the array to the op.
    Row("t + d", "operator +", TO_TF, B64, (B64 + B32, B64 + 2 * B32), "copy", "silent"),
    Row("t / d", "operator /", TO_TF, B64, (B64 + B32, B64 + 2 * B32), "copy", "silent"),
    Row("t - a", "operator -", TO_TF, B32, 0, "view"),
    Row("t - m", "operator -", TO_TF, B32, B32, "copy"),
    Row("t - d", "operator -", TO_TF, B64, (B32, 2 * B32), "copy", "silent"),
    Row("t * fortran", "operator *", TO_TF, B32, (B32, 2 * B32), "copy"),
    Row("t ** a", "operator **", TO_TF, B32, 0, "view"),
    Row("t == m", "operator ==", TO_TF, B32, B32, "copy"),
    Row("t > a", "operator >", TO_TF, B32, 0, "view"),
    Row("scalar * t", "operator *", TO_TF, 8, 4, "copy", "silent"),
    # TensorFlow's functions on arrays.
    Row("tf.squeeze(a)", "tf.squeeze", TO_TF, B32, 0, "view"),
    Row("tf.squeeze(m)", "tf.squeeze", TO_TF, B32, B32, "copy"),
    Row("tf.exp(a)", "tf.exp", TO_TF, B32, 0, "view"),
    Row("tf.exp(fortran)", "tf.exp", TO_TF, B32, (B32, 2 * B32), "copy"),
    Row("tf.exp(big_endian)", "tf.exp", TO_TF, B64, (B64, 2 * B64), "copy"),
    Row("tf.concat([m, t], 0)", "tf.concat", TO_TF, B32, B32, "copy"),
    Row("tf.exp(empty)", "tf.exp", TO_TF, 0, 0, "copy"),
    # NumPy reading tensors: through the buffer protocol, without a copy.
    Row("keep.append(np.asarray(t))", "np.asarray", TO_NP, B32, 0, "view", explicit=True),
    Row("np.array(t)", "np.array", TO_NP, B32, B32, "copy", explicit=True),
    Row("np.array(t, dtype='f8')", "np.array", TO_NP, B32, B64, "copy", "explicit", True),
    Row("np.sum(t)", "np.sum", TO_NP, B32, 0, "view"),
    Row("np.linalg.norm(t)", "np.linalg.norm", TO_NP, B32, 0, "view"),
    Row("np.add(t, a)", "np.add", TO_NP, B32, 0, "view"),
    Row("np.add(t, t)", "np.add", TO_NP, 2 * B32, 0, "view", count=2),
    Row("np.add(t, u)", "np.add", TO_NP, 2 * B32, 0, "view", count=2),
    Row("np.dot(square, a[:4])", "np.dot", TO_NP, 64, 0, "view"),
    Row("np.dot(square, square)", "np.dot", TO_NP, 128, 0, "view", count=2),
    Row("[np.dot(square, a[:4]) for _ in range(5)]", "np.dot", TO_NP, 320, 0, "view", count=5),
    Row("[np.add(t, t) for _ in range(5)]", "np.add", TO_NP, 10 * B32, 0, "view", count=10),
    Row("np.concatenate([t, a])", "np.concatenate", TO_NP, B32, 0, "view"),
    Row("np.stack([t, u])", "np.stack", TO_NP, 2 * B32, 0, "view", count=2),
    Row("np.array([s, s, s])", "np.array", TO_NP, 12, 12, "copy", explicit=True, count=3),
    Row("a.__setitem__(slice(None), t)", "ndarray.__setitem__", TO_NP, B32, 0, "view"),
    Row("memoryview(t)", "memoryview", TO_PY, B32, 0, "view", explicit=True),
    Row("bytes(t)", "bytes", TO_PY, B32, B32, "copy", explicit=True),
    Row("np.array_equal(t, a)", "np.array_equal", TO_NP, B32, 0, "view"),
    Row("pd.DataFrame(t)", "pd.DataFrame", TO_NP, B32, *FRAME, explicit=True),
    # The tensor's own methods.
    Row("t.numpy()", "Tensor.numpy", TO_NP, B32, B32, "copy", explicit=True),
    Row("s.numpy()", "Tensor.numpy", TO_NP, 4, 4, "copy", explicit=True),
    Row("bf16.numpy()", "Tensor.numpy", TO_NP, 240, 240, "copy", explicit=True),
    Row("text.numpy()", "Tensor.numpy", TO_NP, None, None, "copy", explicit=True),
    Row("keep.append(t._numpy())", "Tensor._numpy", TO_NP, B32, 0, "view", explicit=True),
    Row("keep.append(np.asarray(bf16))", "np.asarray", TO_NP, 240, 0, "view", explicit=True),
    Row("repr(t)", "repr", TO_PY, B32, 0, "view"),
    Row("str(t)", "str", TO_PY, B32, 0, "view"),
    Row("f'{s}'", "f-string", TO_PY, 4, 4, "copy"),
    Row("float(s)", "float", TO_PY, 4, 4, "copy", explicit=True),
    Row("1 if s else 2", "bool", TO_PY, 4, 4, "copy"),
    # Variables.
    Row("v.numpy()", "Variable.numpy", TO_NP, B32, B32, "copy", explicit=True),
    Row("v - m", "operator -", TO_TF, B32, B32, "copy"),
    # Keras.
    Row("dense.get_weights()", "Dense.get_weights", TO_NP, 40, 40, "copy", explicit=True, count=2),
    # Devices, DLPack, protos.
    Row("tf.experimental.dlpack.to_dlpack(t)", "tf.experimental.dlpack.to_dlpack", TO_NP, B32, 0,
        "view", explicit=True),
    Row("tf.experimental.dlpack.from_dlpack(a.__dlpack__())",
        "tf.experimental.dlpack.from_dlpack", TO_TF, B32, 0, "view", explicit=True),
    Row("keep.append(np.from_dlpack(t))", "np.from_dlpack", TO_NP, B32, 0, "view", explicit=True),
    Row("t.cpu()", "Tensor.cpu", MOVE, B32, 0, "view", explicit=True),
    Row("tf.make_tensor_proto(m)", "tf.make_tensor_proto", TO_TF, B32, 2 * B32, "copy",
        explicit=True),
    Row("tf.make_tensor_proto(t)", "tf.make_tensor_proto", TO_PY, B32, 2 * B32, "copy",
        explicit=True),
    Row("tf.make_ndarray(tf.make_tensor_proto([1.0, 2.0]))", "tf.make_ndarray", TO_NP, 8, 8,
        "copy", explicit=True),
]  # fmt: skip


def traced(expression, names):
    """Run an expression under a trace of its own; return its value and the recording."""
    file, text = f"<row {expression}>", statement(expression)
    mode = "eval" if text == expression else "exec"
    code = compile(text, file, mode)
    with traced_cell(file, text) as recording:
        value = eval(code, names)
    return value if mode == "eval" else names.pop("r"), recording


def rows_of(recording, route):
    return [crossing for crossing in recording.ledger if crossing.route == route]


if not hasattr(tf.constant(0), "__dlpack__"):  # TensorFlow 2.16
    ROWS = [row for row in ROWS if "np.from_dlpack" not in row.expression]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.expression)
def test_route_is_recorded_as_it_happened(row):
    _, recording = traced(row.expression, namespace())
    found = rows_of(recording, row.route)
    assert found, f"no {row.route} in {recording}"
    assert {crossing.direction for crossing in found} == {row.direction}
    assert sum(crossing.count for crossing in found) == row.count
    assert _sum(crossing.nbytes for crossing in found) == row.nbytes
    copied = _sum(crossing.copied_bytes for crossing in found)
    assert copied in (row.copied if isinstance(row.copied, tuple) else (row.copied,))
    assert {crossing.storage for crossing in found} == {row.storage}
    assert {crossing.cast for crossing in found} == {row.cast}
    assert {crossing.explicit for crossing in found} == {row.explicit}
    assert all(crossing.reason for crossing in found)
    assert recording.lost == []


def _sum(values):
    values = list(values)
    return None if None in values else sum(values)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.expression)
def test_row_is_all_that_the_recording_lists(row):
    """One conversion is one crossing: nothing else is listed beside it."""
    _, recording = traced(row.expression, namespace())
    others = [c for c in recording.ledger if c.route != row.route]
    if "make_ndarray" in row.expression:  # it makes its own proto first, on request
        others = [c for c in others if c.route != "tf.make_tensor_proto"]
    assert others == []


@pytest.mark.parametrize("route", ["tf.constant(m)", "t + m", "v.assign(m)", "dense(m)", "f(m)"])
def test_copies_of_constant_follow_alignment(route):
    """One copy if NumPy's own copy came out 64-byte aligned, else two; never anything else."""
    names = namespace()
    _, recording = traced(route, names)
    (crossing,) = [c for c in recording.ledger if c.direction == TO_TF]
    assert crossing.nbytes == B32
    assert crossing.storage == "copy"
    assert crossing.evidence == "observed"
    one = "one copy" in crossing.reason
    assert crossing.copied_bytes == (B32 if one else 2 * B32)


def test_operands_of_one_call_are_judged_when_the_call_is_over():
    """While `np.add` waits for its second operand, it holds an array over the first."""
    _, recording = traced("np.add(t, u)", namespace())
    assert {c.reason for c in recording.ledger} == {"read in place; nothing kept the memory"}


def test_same_line_reached_from_other_depths_is_another_conversion():
    """Frames, and so their addresses, are used again; the C stack is deeper each time."""
    names = namespace()

    def read(depth):
        return np.sum(names["t"]) if depth == 0 else list(map(read, [depth - 1]))

    _, recording = traced("[read(depth % 5) for depth in range(50)]", names | {"read": read})
    assert sum(c.count for c in rows_of(recording, "np.sum")) == 50
    _, again = traced("[read(4 - depth % 5) for depth in range(50)]", names | {"read": read})
    assert sum(c.count for c in rows_of(again, "np.sum")) == 50


def test_view_that_was_kept_is_observed_to_share_memory():
    _, recording = traced("keep.append(np.asarray(t))", namespace())
    (crossing,) = recording.ledger
    assert crossing.evidence == "observed"
    assert crossing.reason == "shares the tensor's memory, read-only"


def test_np_frombuffer_keeps_the_tensor_and_copies_nothing_whatever_is_copied_after_it():
    names = namespace()
    _, recording = traced("keep.extend([np.frombuffer(t, 'f4'), t.numpy()])", names)
    assert np.shares_memory(names["keep"][0], np.asarray(names["t"]))
    (crossing,) = rows_of(recording, "np.frombuffer")
    assert (crossing.storage, crossing.copied_bytes) == ("view", 0)
    assert crossing.reason == "shares the tensor's memory, read-only"


def test_small_conversions_that_nobody_asked_for_are_counted_apart():
    names = namespace()
    _, recording = traced("tf.reduce_sum(t + 1, axis=0)", names)
    assert recording.ledger == []
    assert recording.housekeeping >= 2


def test_small_array_that_the_user_handed_over_is_listed():
    names = namespace() | {"one": np.ones(1, "f4")}
    _, recording = traced("tf.add(t, one)", names)
    (crossing,) = recording.ledger
    assert (crossing.route, crossing.nbytes) == ("tf.add", 4)


def test_constant_baked_into_a_graph_names_the_line_in_the_function():
    names = namespace()
    exec(
        compile("def g(x):\n    return x + m\ng = tf.function(g, autograph=False)", "<g>", "exec"),
        names,
    )
    linecache.cache["<g>"] = (1, None, ["def g(x):\n", "    return x + m\n"], "<g>")
    _, recording = traced("g(t)", names)
    (crossing,) = [c for c in recording.ledger if c.device_to == "graph"]
    assert crossing.site.inner.line == 2
    assert crossing.route == "operator +"
    assert recording.graph_calls == 1
    assert any("inside graphs" in text for text in recording.not_seen)


def test_constant_in_a_function_that_autograph_rewrote_names_the_users_own_line(tmp_path):
    """The code that runs is a generated file's; the line is the one that the user wrote."""
    path = tmp_path / "mine.py"
    path.write_text("def g(x):\n    if x is not None:\n        x = x - m\n    return x\n")
    names = namespace()
    exec(compile(path.read_text(), str(path), "exec"), names)
    names["g"] = tf.function(names["g"])
    _, recording = traced("g(t)", names)
    (crossing,) = [c for c in recording.ledger if c.device_to == "graph"]
    assert (crossing.site.inner.line, crossing.site.inner.function) == (3, "g")
    assert crossing.site.inner.code == "x = x - m"
    assert crossing.site.inner.source.endswith("mine.py")
    assert crossing.route == "operator -"


def test_deeper_conversion_has_the_cells_line_and_the_innermost_line_of_the_user():
    names = namespace()
    source = ["def helper(x):\n", "    y = x * 2\n", "    return y.numpy()\n"]
    linecache.cache["<earlier cell>"] = (1, None, source, "<earlier cell>")
    exec(compile("".join(source), "<earlier cell>", "exec"), names)
    _, recording = traced("[helper(t) for _ in range(3)]", names)
    (crossing,) = recording.ledger
    assert (crossing.count, crossing.route) == (3, "Tensor.numpy")
    assert crossing.site.line.line == 1
    assert (crossing.site.inner.line, crossing.site.inner.function) == (3, "helper")
    assert crossing.site.inner.code == "return y.numpy()"


def test_object_array_and_unsupported_tensor_raise_their_own_errors_only():
    names = namespace() | {"objects": np.array([object()], dtype=object)}
    for expression, kind in [
        ("tf.constant(objects)", ValueError),
        ("memoryview(bf16)", ValueError),
        ("np.add(a, a, out=t)", TypeError),
        ("tf.constant('x', tf.float32)", TypeError),
    ]:
        untraced = _outcome(lambda e=expression: eval(e, names))
        seen = _outcome(lambda e=expression: traced(e, names)[0])
        assert seen == untraced
        if kind is not None:
            assert seen[0] is kind


def _outcome(call):
    try:
        return (type(call()),)
    except Exception as error:
        return type(error), str(error)


def test_deleted_array_is_neither_needed_nor_kept_alive():
    import gc
    import weakref

    names = namespace()
    array = np.ones((50, 4), "f4")
    names["gone"] = array
    died = weakref.ref(array)
    trace = Trace({"<x>": 0}, "x")
    trace.start()
    try:
        tensor = eval(compile("tf.constant(gone)", "<x>", "eval"), names)
        view = np.asarray(tensor)
        tensor_died = weakref.ref(tensor)
        view_died = weakref.ref(view)
        del names["gone"], array, tensor, view
        assert (died(), tensor_died(), view_died()) == (None, None, None)
    finally:
        gc.collect()
        recording = trace.stop()
    assert sum(crossing.count for crossing in recording.ledger) == 2
