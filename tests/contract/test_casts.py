"""Casts at the border: which dtypes, who asked, and what became of the values.

The expected counts and errors are computed by NumPy in the test, from the values before
and the values that TensorFlow or NumPy really made of them.
"""

from __future__ import annotations

import dataclasses
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic
from tests.contract.arrays import aligned, misaligned
from tests.contract.cells import traced_cell
from tfnp_magic.advice import findings
from tfnp_magic.recorder.budget import ALWAYS
from tfnp_magic.values import SAMPLE, merge

_numbers = itertools.count(1)
SEVENTHS = np.arange(12) / 7
SEVENTHS.flags.writeable = False
LARGE = SAMPLE + 1000


@tf.function(input_signature=[tf.TensorSpec([12], tf.float32)])
def traced_function(x):
    return x


def run_cell(code, check_values="sample", **names):
    """Run a cell under a trace; give its namespace and the recording."""
    file = f"<casts {next(_numbers)}>"
    names = {"np": np, "tf": tf, "keras": keras, "__name__": "__main__", **names}
    with traced_cell(file, code, "In[3]", check_values=check_values) as recording:
        exec(compile(code, file, "exec"), names)
    assert recording.lost == []
    return names, recording


def cast_in(recording):
    """The one crossing that was a cast; several if only their copies differ, added up."""
    crossing, *others = [c for c in recording.ledger if c.cast != "none"]
    for other in others:
        assert (other.site, other.route, other.cast) == crossing_key(crossing)
        crossing = dataclasses.replace(
            crossing,
            count=crossing.count + other.count,
            values=merge(crossing.values, other.values),
        )
    return crossing


def crossing_key(crossing):
    return crossing.site, crossing.route, crossing.cast


def changed_and_error(before, after):
    """How many values differ, and the largest relative error among numbers that did not break."""
    before, after = np.asarray(before).ravel(), np.asarray(after).ravel()
    old, new = before.astype(np.float64), after.astype(np.float64)
    differs = old != new
    if "float" not in after.dtype.name or not differs.any():
        return int(differs.sum()), None
    comparable = differs & np.isfinite(new) & (new != 0)
    errors = np.abs(new[comparable] - old[comparable]) / np.abs(old[comparable])
    return int(differs.sum()), float(errors.max()) if errors.size else None


def assert_values(crossing, before, after):
    """What the recording says of the values is what NumPy finds."""
    changed, error = changed_and_error(before, after)
    values = crossing.values
    assert (values.total, values.checked, values.changed) == (before.size, before.size, changed)
    assert values.largest_relative_error == (error and pytest.approx(error, rel=1e-12))


def seventh(where=misaligned):
    return where(SEVENTHS)


# Into TensorFlow: what was made is at hand, or TensorFlow's own cast makes it again.

SILENT = {
    "t + d": ("operator +", "float32", "observed"),
    "d + t": ("operator +", "float32", "observed"),
    "t / d": ("operator /", "float32", "observed"),
    "t - d": ("operator -", "float32", "inferred"),
    "d - t": ("operator -", "float32", "observed"),
    "t * d": ("operator *", "float32", "inferred"),
    "t ** d": ("operator **", "float32", "inferred"),
    "t == d": ("operator ==", "float32", "inferred"),
    "t > d": ("operator >", "float32", "inferred"),
    "i + d": ("operator +", "int32", "observed"),
    "i - d": ("operator -", "int32", "inferred"),
    "h + d": ("operator +", "float16", "observed"),
    "h - d": ("operator -", "float16", "inferred"),
    "b - d": ("operator -", "bfloat16", "inferred"),
    "tf.add(t, d)": ("tf.add", "float32", "observed"),
    "tf.maximum(t, d)": ("tf.maximum", "float32", "inferred"),
    "tf.where(t > 0, t, d)": ("tf.where", "float32", "inferred"),
    "v.assign(d)": ("Variable.assign", "float32", "observed"),
    "v.assign_add(d)": ("Variable.assign_add", "float32", "observed"),
    "w.assign(d)": ("Variable.assign", "int32", "observed"),
    "f(d)": (f"{__name__}.traced_function", "float32", "observed"),
}


@pytest.mark.parametrize("where", [aligned, misaligned])
@pytest.mark.parametrize("expression", SILENT)
def test_silent_cast_into_tensorflow(expression, where):
    route, dtype, evidence = SILENT[expression]
    d = seventh(where)
    traced_function(np.zeros(12, "f4"))
    _, recording = run_cell(
        expression, d=d, t=tf.ones(12), i=tf.ones(12, tf.int32), h=tf.ones(12, tf.float16),
        b=tf.ones(12, tf.bfloat16), v=tf.Variable(tf.ones(12)),
        w=tf.Variable(tf.ones(12, tf.int32)), f=traced_function,
    )  # fmt: skip
    crossing = cast_in(recording)
    assert (crossing.dtype_from, crossing.dtype_to) == ("float64", dtype)
    assert (crossing.route, crossing.cast, crossing.cast_evidence) == (route, "silent", evidence)
    assert crossing.values.observed == (evidence == "observed")
    assert_values(crossing, d, tf.constant(d, dtype).numpy())
    (finding,) = findings(recording)
    assert (finding.kind, finding.site) == ("cast", crossing.site)
    assert f"silently cast float64 to {dtype}" in finding.sentence


def test_tensorflow_does_what_the_inferred_casts_claim():
    """What an op made of the array is not seen, but its result tells."""
    d = seventh()
    for dtype in ("float32", "float16", "int32", "bfloat16"):
        assert np.all((tf.zeros(12, dtype) - d).numpy() == -tf.constant(d, dtype).numpy())


def test_fractions_that_an_operator_drops():
    names, recording = run_cell("r = tf.constant([1, 2]) + np.array([0.9, 0.9])")
    assert names["r"].numpy().tolist() == [1, 2]
    crossing = cast_in(recording)
    assert (crossing.dtype_to, crossing.values.changed) == ("int32", 2)
    assert crossing.values.fraction_lost == 2
    assert findings(recording)[0].sentence.startswith("line 1: operator + silently cast float64 to")


def test_cast_that_changes_nothing_is_recorded_and_no_finding():
    _, recording = run_cell("t - d", t=tf.ones(4), d=np.array([0.5, 1, 2, -0.0]))
    crossing = cast_in(recording)
    assert (crossing.cast, crossing.values.checked, crossing.values.changed) == ("silent", 4, 0)
    assert findings(recording) == []


def test_conversions_of_one_site_are_added_up():
    d = [seventh() * k for k in (1, 2, 3)]
    _, recording = run_cell("for x in d:\n    t - x", t=tf.ones(12), d=d)
    crossing = cast_in(recording)
    assert crossing.count == 3
    assert_values(crossing, np.concatenate(d), np.concatenate(d).astype("f4"))


EXPLICIT = {
    "tf.constant(d, tf.float32)": "float32",
    "tf.constant(d, dtype='float16')": "float16",
    "tf.constant(d, tf.int32)": "int32",
    "tf.convert_to_tensor(d, dtype=tf.float32)": "float32",
    "tf.cast(d, tf.float32)": "float32",
    "tf.constant(list(d), tf.float32)": "float32",
}


@pytest.mark.parametrize("expression", EXPLICIT)
def test_cast_that_was_asked_for(expression):
    dtype, d = EXPLICIT[expression], seventh()
    names, recording = run_cell(f"r = {expression}", d=d)
    crossing = cast_in(recording)
    assert (crossing.dtype_from, crossing.dtype_to) == ("float64", dtype)
    assert crossing.cast == "explicit"
    if "list" not in expression:
        assert_values(crossing, d, names["r"].numpy())
    assert findings(recording) == []


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_cast_that_was_asked_for_and_broke_values_is_a_finding():
    names, recording = run_cell("r = tf.constant(d * 1e6, tf.float16)", d=seventh())
    assert np.isinf(names["r"].numpy()).sum() == cast_in(recording).values.became_nonfinite == 11
    assert [finding.kind for finding in findings(recording)] == ["cast"]


def test_python_number_that_does_not_fit_wraps_around():
    names, recording = run_cell("r = tf.constant(2**40, tf.int32)")
    assert int(names["r"]) == 0
    crossing = cast_in(recording)
    assert (crossing.dtype_from, crossing.dtype_to) == ("int", "int32")
    assert (crossing.values.changed, crossing.values.out_of_range) == (1, 1)
    assert [finding.kind for finding in findings(recording)] == ["cast"]


def test_python_number_that_fits_is_no_cast():
    _, recording = run_cell("r = tf.constant(2**20, tf.int32)\ns = tf.constant(0.5)")
    assert {crossing.cast for crossing in recording.ledger} == {"none"}


# Keras.


def test_layer_casts_its_float64_input():
    dense = keras.layers.Dense(2)
    dense.build((None, 4))
    d = seventh().reshape(3, 4)
    _, recording = run_cell("dense(d)", dense=dense, d=d)
    crossing = cast_in(recording)
    assert (crossing.route, crossing.cast) == ("Dense.__call__", "silent")
    assert (crossing.dtype_from, crossing.dtype_to) == ("float64", "float32")
    assert_values(crossing, d, d.astype("f4"))


@pytest.mark.parametrize("call", ["fit(x, y, batch_size=4, epochs=2, verbose=0)",
                                  "evaluate(x, y, verbose=0)"])  # fmt: skip
def test_model_casts_the_float64_data_that_it_is_given(call):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((4, 4), "f4"), np.zeros((4, 1), "f4"), verbose=0)
    rng = np.random.default_rng(3)
    x, y = rng.random((8, 4)), rng.random((8, 1))
    _, recording = run_cell(f"model.{call}", model=model, x=x, y=y)
    crossing = cast_in(recording)
    assert crossing.route == f"Sequential.{call.partition('(')[0]}"
    assert (crossing.dtype_from, crossing.dtype_to) == ("float64", "float32")
    assert (crossing.cast, crossing.cast_evidence) == ("silent", "inferred")
    together = np.concatenate([x.ravel(), y.ravel()])
    assert_values(crossing, together, together.astype("f4"))


def test_model_that_is_given_float32_casts_nothing():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((8, 4), "f4")
    _, recording = run_cell("model.fit(x, x[:, :1], verbose=0)", model=model, x=x)
    assert {crossing.cast for crossing in recording.ledger} == {"none"}


# Into NumPy: NumPy casts what it read.

READS = {
    "r = np.asarray(t, 'f4')": ("np.asarray", "float32", "explicit"),
    "r = np.asarray(t, dtype=np.float16)": ("np.asarray", "float16", "explicit"),
    "r = np.array(t, np.int32)": ("np.array", "int32", "explicit"),
    "r = np.array(t, dtype=kind)": ("np.array", "float32", "explicit"),
    "a[:] = t; r = a": ("operator []=", "float32", "silent"),
    "k[:] = t; r = k": ("operator []=", "int16", "silent"),
    "np.copyto(a, t, casting='unsafe'); r = a": ("np.copyto", "float32", "silent"),
}


@pytest.mark.parametrize("code", READS)
def test_cast_of_a_tensor_that_numpy_read(code):
    route, dtype, cast = READS[code]
    d = seventh()
    names, recording = run_cell(
        code, t=tf.constant(d), a=np.zeros(12, "f4"), k=np.zeros(12, "i2"), kind=np.dtype("f4")
    )
    crossing = cast_in(recording)
    assert (crossing.dtype_from, crossing.dtype_to) == ("float64", dtype)
    assert (crossing.route, crossing.cast, crossing.cast_evidence) == (route, cast, "inferred")
    assert_values(crossing, d, names["r"])
    assert bool(findings(recording)) == (cast == "silent")


@pytest.mark.parametrize(
    "code",
    ["np.asarray(t)", "np.array(t)", "np.asarray(t, 'f8')", "c[:] = t", "np.frombuffer(t, 'i4')"],
)
def test_read_that_casts_nothing(code):
    _, recording = run_cell(code, t=tf.constant(seventh()), c=np.zeros(12))
    assert {crossing.cast for crossing in recording.ledger} == {"none"}


def test_tensor_that_is_an_index_is_not_cast_to_the_arrays_dtype():
    _, recording = run_cell("a[i] = 0.5", a=np.zeros(12), i=tf.constant([0, 1]))
    assert {crossing.cast for crossing in recording.ledger} == {"none"}


@pytest.mark.parametrize("dtype", ["f4,f4"])
def test_dtype_with_fields_costs_no_probe(dtype):
    run_cell(f"r = np.asarray(t, {dtype!r})", t=tf.constant(seventh()))


# How much is looked at.


@pytest.mark.parametrize("code", ["t + d", "t - d", "v.assign(d)", "a[:] = u", "np.array(u, 'f4')"])
@pytest.mark.parametrize(
    ("check_values", "checked"), [("sample", SAMPLE), ("all", LARGE), ("none", None)]
)
def test_large_arrays_are_sampled_unless_all_or_none_is_asked_for(code, check_values, checked):
    d = misaligned((np.arange(LARGE) + 0.5) / 7)
    _, recording = run_cell(
        code, check_values, d=d, t=tf.zeros(LARGE), v=tf.Variable(tf.zeros(LARGE)),
        u=tf.constant(d), a=np.zeros(LARGE, "f4"),
    )  # fmt: skip
    crossing = cast_in(recording)
    assert crossing.dtype_to == "float32"
    if checked is None:
        assert crossing.values is None
        assert findings(recording) == []
        return
    assert (crossing.values.total, crossing.values.checked) == (LARGE, checked)
    changed, error = changed_and_error(d, d.astype("f4"))
    if checked == LARGE:
        assert_values(crossing, d, d.astype("f4"))
    else:
        assert abs(crossing.values.changed / checked - changed / LARGE) < 0.02
        assert 0 < crossing.values.largest_relative_error <= error


def test_arrays_up_to_the_sample_are_compared_in_full():
    d = misaligned((np.arange(SAMPLE) + 0.5) / 7)
    _, recording = run_cell("t - d", d=d, t=tf.zeros(SAMPLE))
    assert_values(cast_in(recording), d, d.astype("f4"))


def test_with_statement_takes_the_same_choice():
    d, t = misaligned((np.arange(LARGE) + 0.5) / 7), tf.zeros(LARGE)
    checked = {}
    for choice in ("sample", "all", "none"):
        with tfnp_magic.trace(check_values=choice) as recording:
            t - d
        values = cast_in(recording).values
        checked[choice] = None if values is None else values.checked
    assert checked == {"sample": SAMPLE, "all": LARGE, "none": None}
    with pytest.raises(ValueError, match="check_values is one of"):
        tfnp_magic.trace(check_values="some")


def test_of_nested_traces_each_has_at_least_what_it_asked_for():
    d, t = misaligned((np.arange(LARGE) + 0.5) / 7), tf.zeros(LARGE)
    with tfnp_magic.trace(check_values="all") as outer, tfnp_magic.trace(check_values="none"):
        t - d
    assert cast_in(outer).values.checked == LARGE


def test_in_a_loop_the_comparison_keeps_within_its_time_and_says_so(monkeypatch):
    """The first casts are compared in any case; of the others, the elements are counted."""
    monkeypatch.setattr("tfnp_magic.recorder.budget.Budget.has_time", lambda self: False)
    tensor, array = tf.constant(np.ones(100, "f4")), np.full(100, 0.1)
    for check_values, checked in (("sample", ALWAYS * 100), ("all", 70 * 100)):
        with tfnp_magic.trace(check_values=check_values) as recording:
            for _ in range(70):
                tensor * array
        (crossing,) = recording.ledger
        assert (crossing.values.total, crossing.values.checked) == (7_000, checked)
