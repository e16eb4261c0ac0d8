"""Keras models: what their methods convert, per epoch and per batch, and what graphs cast."""

from __future__ import annotations

import collections
import importlib
import itertools
import subprocess
import sys
import threading
import traceback

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import tfnp_magic
from tests.contract.arrays import aligned, misaligned
from tests.contract.cells import traced_cell
from tfnp_magic.activity import MAX_EPOCHS, ModelCalls, Share
from tfnp_magic.probes import graph_inputs, models
from tfnp_magic.probes.awaited import Awaited
from tfnp_magic.probes.patch import AttributePatch

TO_TF, TO_NP = "numpy → tensorflow", "tensorflow → numpy"
ROWS, COLUMNS, UNITS, BATCH = 64, 4, 8, 16
EACH = ROWS // BATCH
X64 = np.random.default_rng(0).random((ROWS, COLUMNS))
Y64 = np.random.default_rng(1).random((ROWS, UNITS))
B_X, B_Y = ROWS * COLUMNS * 4, ROWS * UNITS * 4
"""Bytes of the data in float32."""

KERNEL = COLUMNS * UNITS * 4
_numbers = itertools.count(1)


def made():
    model = keras.Sequential([keras.Input((COLUMNS,)), keras.layers.Dense(UNITS)])
    model.compile("sgd", "mse")
    return model


@pytest.fixture(scope="module")
def model():
    """One that has run before: what tracing its graphs converts is not of interest."""
    made_now = made()
    x, y = X64.astype("f4"), Y64.astype("f4")
    made_now.fit(x, y, batch_size=BATCH, validation_data=(x, y), verbose=0)
    made_now.predict(x, batch_size=BATCH, verbose=0)
    return made_now


@pytest.fixture
def run(model):
    return lambda text, **names: run_cell(text, model=model, **names)


def run_cell(text, **names):
    """Run a cell under a trace; give the recording, and the cell's names in it."""
    file, text = f"<models {next(_numbers)}>", text.strip("\n")
    space = {
        "np": np, "tf": tf, "keras": keras, "pd": pd, "__name__": "__main__",
        "x": misaligned(X64), "y": misaligned(Y64), "BATCH": BATCH,
        "x32": aligned(X64.astype("f4")), "y32": aligned(Y64.astype("f4")), **names,
    }  # fmt: skip
    with traced_cell(file, text, "In[3]") as recording:
        exec(compile(text, file, "exec"), space)
    assert recording.lost == []
    recording.names = space
    return recording


def only(recording, route=None):
    (calls,) = [each for each in recording.models if route in (None, each.route)]
    return calls


def told(one):
    return one.count, one.nbytes


def parts(calls):
    """What the call converted: outside, in batches, in the validation, on other threads."""
    return tuple(map(told, (calls.outside, calls.in_batches, calls.validation, calls.feeding)))


NOTHING = (0, 0)


# How often, how much, and in which part.


def test_fit_converts_its_arrays_once_before_the_first_epoch(run):
    calls = only(run("model.fit(x32, y32, batch_size=BATCH, epochs=3, verbose=0)"))
    assert (calls.route, calls.site.line.line) == ("Sequential.fit", 1)
    assert (calls.calls, calls.epochs, calls.batches, calls.rows) == (1, 3, 3 * EACH, ROWS)
    assert parts(calls) == ((2, B_X + B_Y), NOTHING, NOTHING, NOTHING)
    assert [told(epoch) for epoch in calls.per_epoch] == [NOTHING] * 3
    assert calls.duration_ns > 0


def test_validation_belongs_to_fit_with_batches_of_its_own(run):
    recording = run(
        """
model.fit(x32, y32, batch_size=BATCH, epochs=2, verbose=0, validation_data=(x32[:32], y32[:32]))
"""
    )
    calls = only(recording)
    assert (calls.epochs, calls.batches, calls.validation_batches) == (2, 2 * EACH, EACH)
    assert calls.rows == ROWS
    # Keras makes its validation data in the first epoch, and keeps it.
    assert told(calls.outside) == (4, (B_X + B_Y) * 3 // 2)
    assert [told(epoch) for epoch in calls.per_epoch] == [(2, (B_X + B_Y) // 2), NOTHING]
    assert calls.validation.count == 0
    assert calls.validation.small > 0


def test_validation_split_hands_over_all_rows(run):
    calls = only(run("model.fit(x32, y32, batch_size=BATCH, verbose=0, validation_split=0.25)"))
    assert (calls.batches, calls.validation_batches, calls.rows) == (3, 1, ROWS)
    assert told(calls.outside) == (4, B_X + B_Y)


def test_evaluate_has_batches_and_no_epoch(run):
    calls = only(run("model.evaluate(x32, y32, batch_size=BATCH, verbose=0)"))
    assert (calls.route, calls.epochs, calls.batches, calls.rows) == (
        "Sequential.evaluate", 0, EACH, ROWS,
    )  # fmt: skip
    assert parts(calls) == ((2, B_X + B_Y), NOTHING, NOTHING, NOTHING)
    assert (calls.per_epoch, calls.validation_batches) == ([], 0)


def test_predict_reads_each_batch_for_its_callbacks_and_all_at_the_end(run):
    calls = only(run("model.predict(x32, batch_size=BATCH, verbose=0)"))
    assert (calls.route, calls.calls, calls.batches, calls.rows) == (
        "Sequential.predict", 1, EACH, ROWS,
    )  # fmt: skip
    assert parts(calls) == ((2, B_X + B_Y), (EACH, B_Y), NOTHING, NOTHING)


def test_predict_of_a_tensor_converts_only_what_it_returns(run):
    recording = run("t = tf.constant(x32)\nmodel.predict(t, batch_size=BATCH, verbose=0)")
    calls = only(recording)
    assert (calls.rows, calls.site.line.line) == (ROWS, 2)
    assert parts(calls) == ((1, B_Y), (EACH, B_Y), NOTHING, NOTHING)


def test_loop_of_tiny_predictions_is_one_entry(run):
    calls = only(
        run("for number in range(20):\n    model.predict(x32[number:number + 1], verbose=0)")
    )
    assert (calls.calls, calls.batches, calls.rows, calls.site.line.line) == (20, 20, 20, 2)
    assert told(calls.outside) == (40, 20 * (COLUMNS + UNITS) * 4)
    assert told(calls.in_batches) == (20, 20 * UNITS * 4)


def test_methods_on_one_batch_are_one_batch_as_a_whole(run):
    recording = run(
        """
for number in range(3):
    model.train_on_batch(x32, y32)
model.test_on_batch(x32, y32)
model.predict_on_batch(x32)
"""
    )
    train, test, predict = recording.models
    assert [each.route for each in recording.models] == [
        "Sequential.train_on_batch", "Sequential.test_on_batch", "Sequential.predict_on_batch",
    ]  # fmt: skip
    assert [(each.calls, each.batches, each.rows) for each in recording.models] == [
        (3, 3, 3 * ROWS), (1, 1, ROWS), (1, 1, ROWS),
    ]  # fmt: skip
    assert parts(train) == (NOTHING, (6, 3 * (B_X + B_Y)), NOTHING, NOTHING)
    assert parts(test) == (NOTHING, (2, B_X + B_Y), NOTHING, NOTHING)
    assert parts(predict) == (NOTHING, (2, B_X + B_Y), NOTHING, NOTHING)


READER = """
class Reader(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        model.layers[0].kernel.numpy()
    def on_epoch_end(self, epoch, logs=None):
        model.layers[0].get_weights()
model.fit(x32, y32, batch_size=BATCH, epochs=2, verbose=0, callbacks=[Reader()])
"""


def test_what_callbacks_read_is_counted_per_batch_and_per_epoch(run):
    recording = run(READER)
    calls = only(recording)
    weights = KERNEL + UNITS * 4
    assert told(calls.in_batches) == (2 * EACH, 2 * EACH * KERNEL)
    assert told(calls.outside) == (2 + 2 * 2, B_X + B_Y + 2 * weights)
    assert [told(epoch) for epoch in calls.per_epoch] == [(EACH + 2, EACH * KERNEL + weights)] * 2
    (read,) = [c for c in recording.ledger if c.route == "Variable.numpy"]
    assert (read.count, read.site.line.line, read.site.inner) == (2 * EACH, 3, None)
    (got,) = [c for c in recording.ledger if c.route == "Dense.get_weights"]
    assert (got.count, got.site.line.line) == (4, 5)
    assert calls.site.line.line == 6


def test_what_callbacks_read_after_the_last_epoch_is_no_epochs(run):
    calls = only(
        run(
            """
class Reader(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        model.layers[0].kernel.numpy()
    def on_train_end(self, logs=None):
        model.layers[0].kernel.numpy()
model.fit(x32, y32, batch_size=BATCH, epochs=2, verbose=0, callbacks=[Reader()])
"""
        )
    )
    assert parts(calls)[:2] == ((4, B_X + B_Y + 2 * KERNEL), NOTHING)
    assert [told(epoch) for epoch in calls.per_epoch] == [NOTHING] * 2


def test_what_a_callback_predicts_is_an_entry_of_its_own_and_not_the_fits(run):
    recording = run(
        """
class Asks(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.predict(x32[:16], verbose=0)
model.fit(x32, y32, batch_size=BATCH, epochs=2, verbose=0, callbacks=[Asks()])
"""
    )
    fit, predict = only(recording, "Sequential.fit"), only(recording, "Sequential.predict")
    assert (predict.calls, predict.batches, predict.rows) == (2, 2, 32)
    assert predict.site.line.line == 3
    assert told(predict.outside) == (4, (B_X + B_Y) // 2)
    assert parts(fit) == ((2, B_X + B_Y), NOTHING, NOTHING, NOTHING)
    assert fit.batches == 2 * EACH


def test_evaluate_in_a_callback_is_no_validation(run):
    recording = run(
        """
class Asks(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.evaluate(x32, y32, batch_size=BATCH, verbose=0)
model.fit(x32, y32, batch_size=BATCH, verbose=0, callbacks=[Asks()])
"""
    )
    fit, evaluate = only(recording, "Sequential.fit"), only(recording, "Sequential.evaluate")
    assert (fit.validation_batches, evaluate.batches) == (0, EACH)
    assert told(evaluate.outside) == (2, B_X + B_Y)


def test_epochs_after_the_first_many_are_told_together(run):
    calls = only(
        run(
            """
class Reader(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        model.layers[0].kernel.numpy()
model.fit(x32[:16], y32[:16], epochs=40, verbose=0, callbacks=[Reader()])
"""
        )
    )
    assert (calls.epochs, len(calls.per_epoch)) == (40, MAX_EPOCHS)
    assert {told(epoch) for epoch in calls.per_epoch} == {(1, KERNEL)}
    assert told(calls.later_epochs) == (40 - MAX_EPOCHS, (40 - MAX_EPOCHS) * KERNEL)


def test_early_end_of_training_leaves_the_epochs_that_ran(run):
    calls = only(
        run(
            """
class Stops(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1
model.fit(x32, y32, batch_size=BATCH, epochs=9, verbose=0, callbacks=[Stops()])
"""
        )
    )
    assert (calls.epochs, calls.batches) == (2, 2 * EACH)


@pytest.mark.parametrize("steps", [3, 4, 7])
def test_batches_that_run_several_at_a_time_are_counted_one_by_one(steps):
    model = made()
    model.compile("sgd", "mse", steps_per_execution=steps)
    recording = run_cell(
        """
model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0, validation_data=(x[:48], y[:48]))
model.evaluate(x, y, batch_size=BATCH, verbose=0)
model.predict(x, batch_size=BATCH, verbose=0)
""",
        model=model,
    )
    fit, evaluate, predict = recording.models
    assert (fit.batches, fit.validation_batches) == (2 * EACH, 2 * 3)
    assert (evaluate.batches, predict.batches) == (EACH, EACH)


def test_eager_model_is_counted_alike():
    model = made()
    model.compile("sgd", "mse", run_eagerly=True)
    text = """
class Reader(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        model.layers[0].kernel.numpy()
model.fit(x32, y32, batch_size=BATCH, epochs=2, verbose=0, callbacks=[Reader()])
"""
    calls = only(run_cell(text, model=model))
    assert (calls.epochs, calls.batches) == (2, 2 * EACH)
    assert told(calls.in_batches) == (2 * EACH, 2 * EACH * KERNEL)


# Data of other kinds.


FED = {
    "PyDataset": """
class Data(keras.utils.PyDataset):
    def __len__(self):
        return 4
    def __getitem__(self, number):
        part = slice(16 * number, 16 * number + 16)
        return x[part], y[part]
model.fit(Data(), epochs=1, verbose=0)
""",
    "PyDataset of workers": """
class Data(keras.utils.PyDataset):
    def __len__(self):
        return 4
    def __getitem__(self, number):
        part = slice(16 * number, 16 * number + 16)
        return x[part], y[part]
data = Data(workers=2)
model.fit(data, epochs=1, verbose=0)
""",
    "generator": """
def batches():
    for number in range(4):
        part = slice(16 * number, 16 * number + 16)
        yield x[part], y[part]
model.fit(batches(), verbose=0)
""",
}


@pytest.mark.parametrize("text", FED.values(), ids=FED)
@pytest.mark.filterwarnings("ignore:`shuffle=True`", "ignore:Your input ran out of data")
def test_data_that_comes_from_other_threads_is_told_apart(text, run):
    """They run ahead: which batch or epoch it is for cannot be told."""
    recording = run(text)
    calls = only(recording)
    assert (calls.epochs, calls.batches, calls.rows) == (1, EACH, None)
    assert parts(calls) == (NOTHING, NOTHING, NOTHING, (8, X64.nbytes + Y64.nbytes))
    (fed,) = {crossing.route for crossing in recording.ledger}
    assert fed == "tf.data.Dataset.from_generator"
    # The graph casts it, which is not at the border.
    assert {(c.dtype_from, c.dtype_to, c.cast) for c in recording.ledger} == {
        ("float64", "float64", "none")
    }


@pytest.mark.filterwarnings("ignore:`shuffle=True`", "ignore:Your input ran out of data")
def test_pipeline_converts_nothing_while_a_model_runs_over_it(run):
    recording = run(
        """
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
model.fit(data, epochs=2, verbose=0)
model.evaluate(data, verbose=0)
"""
    )
    fit, evaluate = recording.models
    assert (fit.epochs, fit.batches, fit.rows) == (2, 2 * EACH, None)
    assert (evaluate.batches, evaluate.rows) == (EACH, None)
    assert parts(fit) == parts(evaluate) == (NOTHING,) * 4
    assert {crossing.site.line.line for crossing in recording.ledger} == {1}


def cast_crossings(recording):
    """How many arrays were silently cast to float32, by shape and by dtype before."""
    found = collections.Counter()
    for c in recording.ledger:
        if (c.cast, c.dtype_to, c.cast_evidence) == ("silent", "float32", "inferred"):
            for shape, count in c.shapes.items():
                found[shape, c.dtype_from] += count
    return found


def test_float64_into_fit_is_cast_once_with_one_more_copy(run):
    recording = run("model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0)")
    assert cast_crossings(recording) == {((64, 4), "float64"): 1, ((64, 8), "float64"): 1}
    assert sum(c.nbytes for c in recording.ledger) == X64.nbytes + Y64.nbytes
    assert told(only(recording).outside) == (2, X64.nbytes + Y64.nbytes)
    for crossing in recording.ledger:
        assert crossing.reason.startswith("cast into another array first; then ")
        assert crossing.evidence == "inferred"
    changed = sum(crossing.values.changed for crossing in recording.ledger)
    assert changed == sum((each.astype("f4") != each).sum() for each in (X64, Y64))


@pytest.mark.parametrize(
    ("call", "shapes"),
    [
        ("model.fit(pd.DataFrame(x), pd.DataFrame(y), verbose=0)", [(64, 4), (64, 8)]),
        ("model.fit(x, y32, sample_weight=np.linspace(0, 1, 64), verbose=0)", [(64,), (64, 4)]),
        ("model.fit(x32, y32, validation_data=(x[:32], y[:32]), verbose=0)", [(32, 4), (32, 8)]),
        ("model.evaluate(x, y, verbose=0)", [(64, 4), (64, 8)]),
        ("model.predict(x, verbose=0)", [(64, 4)]),
        ("model.predict(pd.DataFrame(x), verbose=0)", [(64, 4)]),
    ],
)
def test_float64_that_keras_casts_before_it_converts_it_is_told(call, shapes, run):
    assert cast_crossings(run(call)) == {(shape, "float64"): 1 for shape in shapes}


@pytest.mark.parametrize("data", ["[x, x + 1]", "{'a': x, 'b': x + 1}"])
def test_several_inputs_are_each_told(data):
    first, second = keras.Input((COLUMNS,), name="a"), keras.Input((COLUMNS,), name="b")
    output = keras.layers.Dense(UNITS)(keras.layers.Add()([first, second]))
    model = keras.Model([first, second], output)
    model.compile("sgd", "mse")
    recording = run_cell(f"model.fit({data}, y, batch_size=BATCH, verbose=0)", model=model)
    calls = only(recording)
    assert (calls.route, calls.rows) == ("Functional.fit", ROWS)
    assert told(calls.outside) == (3, 2 * X64.nbytes + Y64.nbytes)
    assert cast_crossings(recording) == {((64, 4), "float64"): 2, ((64, 8), "float64"): 1}


def test_array_that_is_data_and_labels_is_cast_twice():
    model = keras.Sequential([keras.Input((COLUMNS,)), keras.layers.Dense(COLUMNS)])
    model.compile("sgd", "mse")
    recording = run_cell("model.fit(x, x, verbose=0)", model=model)
    assert cast_crossings(recording) == {((64, 4), "float64"): 2}


def test_weights_that_keras_makes_of_labels_are_no_cast_of_the_labels():
    model = keras.Sequential([keras.Input((COLUMNS,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    recording = run_cell(
        """
labels = (y[:, 0] > 0.5).astype(int)
model.fit(x32, labels, class_weight={0: 1.0, 1: 2.0}, verbose=0)
""",
        model=model,
    )
    assert {(c.dtype_from, c.dtype_to) for c in recording.ledger} == {
        ("float32", "float32"), ("int64", "int64"),
    }  # fmt: skip


def test_columns_of_several_dtypes_are_mixed_and_their_copies_not_known(run):
    recording = run(
        """
frame = pd.DataFrame(x)
frame[1] = np.arange(64)
model.predict(frame, verbose=0)
"""
    )
    (into,) = [c for c in recording.ledger if c.direction == TO_TF]
    assert (into.dtype_from, into.dtype_to, into.cast) == ("mixed", "float32", "none")
    assert (into.storage, into.copies, into.copied_bytes) == ("copy", None, None)
    assert into.nbytes == X64.nbytes


# Casts inside graphs.


def summed(recording, direction=TO_TF):
    """Dtypes, cast, who says so, count, bytes and copies of what crossed, alike added up."""
    found = {}
    for c in recording.ledger:
        if c.direction == direction:
            key = c.dtype_from, c.dtype_to, c.cast, c.cast_evidence
            count, nbytes, copied = found.get(key, (0, 0, 0))
            unknown = copied is None or c.copied_bytes is None
            found[key] = (
                count + c.count,
                nbytes + c.nbytes,
                None if unknown else copied + c.copied_bytes,
            )
    return found


SILENT = ("float64", "float32", "silent", "inferred")
EXPLICIT = ("float64", "float32", "explicit", "inferred")
KEPT = ("float64", "float64", "none", "")


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_float64_into_one_batch_is_cast_in_the_graph(method, run):
    recording = run(f"for number in range(3):\n    model.{method}(x, y)")
    count, nbytes, copied = summed(recording)[SILENT]
    assert list(summed(recording)) == [SILENT]
    assert (count, nbytes) == (6, 3 * (X64.nbytes + Y64.nbytes))
    # NumPy's copies, perhaps TensorFlow's of those, and what the graph makes of each.
    least = 3 * (X64.nbytes + Y64.nbytes + B_X + B_Y)
    assert least <= copied <= least + 3 * (X64.nbytes + Y64.nbytes)
    for crossing in recording.ledger:
        assert crossing.reason.endswith("then the graph casts it into another")
        assert (crossing.evidence, crossing.site.line.line) == ("inferred", 2)
    changed = sum(crossing.values.changed for crossing in recording.ledger)
    assert changed == 3 * sum((each.astype("f4") != each).sum() for each in (X64, Y64))


def test_float64_predicted_for_one_batch_is_cast_in_the_graph(run):
    recording = run("model.predict_on_batch(x)")
    assert summed(recording)[SILENT][:2] == (1, X64.nbytes)
    assert told(only(recording).in_batches) == (2, X64.nbytes + B_Y)


def test_float32_into_one_batch_is_not_cast(run):
    assert list(summed(run("model.train_on_batch(x32, y32)"))) == [
        ("float32", "float32", "none", "")
    ]


def test_cast_is_told_where_the_graph_also_asks_for_the_shape(run):
    run("model.train_on_batch(x[:5], y[:5])")
    run("model.train_on_batch(x[:7], y[:7])")  # from now on, any number of rows
    recording = run("model.train_on_batch(x[:9], y[:9])")
    assert summed(recording)[SILENT][0] == 2


def test_many_inputs_of_one_call_are_each_told():
    inputs = [keras.Input((COLUMNS,)) for _ in range(12)]
    model = keras.Model(inputs, keras.layers.Dense(UNITS)(keras.layers.Add()(inputs)))
    model.compile("sgd", "mse")
    recording = run_cell("model.train_on_batch([x + n for n in range(12)], y)", model=model)
    assert summed(recording)[SILENT][:2] == (13, 12 * X64.nbytes + Y64.nbytes)


FUNCTIONS = {
    "asked for": ("tf.cast(a, tf.float32) * 2", EXPLICIT),
    "asked for by Keras's name": ("keras.ops.cast(a, 'float32') * 2", EXPLICIT),
    "asked for twice": ("tf.cast(a, tf.float32) + tf.exp(tf.cast(a, tf.float32))", EXPLICIT),
    "behind an identity": ("tf.cast(tf.stop_gradient(tf.identity(a)), tf.float32) * 2", EXPLICIT),
    "in an inner function": ("inner(a)", EXPLICIT),
    "by a model": ("model(a)", SILENT),
    "by a model, and again": ("model(a) + model(a * 1)", KEPT),
    "also used as it is": ("tf.reduce_sum(tf.cast(a, tf.float32)), a * 2", KEPT),
    "also returned": ("tf.cast(a, tf.float32), tf.identity(a)", KEPT),
    "to several dtypes": ("tf.cast(a, tf.float32) + tf.cast(tf.cast(a, tf.int32), tf.float32)",
                          KEPT),
    "asked for, and not": ("tf.cast(a, tf.float32)[:, :1] + model(a)", KEPT),
    "only used as it is": ("a * 2", KEPT),
    "not used": ("tf.constant(1.0)", KEPT),
    "inside a condition": ("tf.cond(tf.size(a) > 3, lambda: tf.cast(a, tf.float32), "
                           "lambda: tf.zeros([64, 4]))", KEPT),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_cast_of_a_functions_argument(body, expected, model):
    recording = run_cell(
        f"""
@tf.function
def inner(b):
    return tf.cast(b, tf.float32) * 2
@tf.function
def f(a):
    return {body}
f(x)
f(x)
""",
        model=model,
    )
    found = {key: value[:2] for key, value in summed(recording).items() if key[0] == "float64"}
    assert found == {expected: (2, 2 * X64.nbytes)}
    assert {c.site.line.line for c in recording.ledger if c.dtype_from == "float64"} == {7, 8}


def test_what_compiled_code_copies_is_not_known():
    model = made()
    model.compile("sgd", "mse", jit_compile=True)
    recording = run_cell("model.train_on_batch(x, y)", model=model)
    assert summed(recording)[SILENT] == (2, X64.nbytes + Y64.nbytes, None)
    assert {c.storage for c in recording.ledger} == {"unknown"}
    assert all("compiled code" in c.reason for c in recording.ledger)


def test_tensor_that_another_line_made_keeps_its_dtype(run):
    recording = run(
        """
t = tf.constant(x)
model.predict_on_batch(t)
model.train_on_batch(t, y32)
"""
    )
    (into,) = [c for c in recording.ledger if c.dtype_from == "float64"]
    assert (into.route, into.cast, into.dtype_to) == ("tf.constant", "none", "float64")


def test_nested_traces_both_learn_of_the_cast(model):
    x, y = X64.copy(), Y64.copy()
    with tfnp_magic.trace() as outer, tfnp_magic.trace() as inner:
        model.train_on_batch(x, y)
    assert [list(summed(each)) for each in (outer, inner)] == [[SILENT], [SILENT]]
    assert [parts(only(each)) for each in (outer, inner)] == [
        (NOTHING, (2, X64.nbytes + Y64.nbytes), NOTHING, NOTHING)
    ] * 2


# All that is in the recording is in the shares.

CELLS = [
    "model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0)",
    "model.fit(x32, y32, batch_size=BATCH, epochs=2, verbose=2, validation_data=(x, y))",
    "model.predict(x, batch_size=BATCH, verbose=0)",
    "model.evaluate(x, y, batch_size=BATCH, verbose=0)",
    "model.train_on_batch(x, y)",
    READER,
    FED["PyDataset"],
    FED["generator"],
]


@pytest.mark.parametrize("text", CELLS)
@pytest.mark.filterwarnings("ignore:`shuffle=True`", "ignore:Your input ran out of data")
def test_shares_add_up_to_the_recording(text, run):
    recording = run(text)
    calls = only(recording)
    shares = [calls.outside, calls.in_batches, calls.validation, calls.feeding]
    ledger = recording.ledger
    assert sum(each.count for each in shares) == sum(crossing.count for crossing in ledger)
    assert sum(each.nbytes for each in shares) == sum(crossing.nbytes for crossing in ledger)
    # TensorFlow tells a generator its number; that is counted, and nobody's.
    small = sum(each.small for each in shares)
    assert small == recording.housekeeping or text in FED.values()
    assert 0 < small <= recording.housekeeping


# As the user calls it.


ROUTES = {
    "model(x32)": "Sequential.__call__",
    "[model][0](x32)": "Sequential.__call__",
    "[model][0].predict(x32, verbose=0)": "Sequential.predict",
    "holder.model.predict(x32, verbose=0)": "Sequential.predict",
    "bound(x32, verbose=0)": "Sequential.predict",
    "model.get_weights()": "Sequential.get_weights",
    "model.layers[0].get_weights()": "Dense.get_weights",
    "model.set_weights(weights)": "Sequential.set_weights",
    "model.layers[0].set_weights(weights)": "Dense.set_weights",
    "float(metric.result())": "float",
    "metric.result().numpy()": "Tensor.numpy",
    "metric.update_state(x32)": "Mean.update_state",
    "model.optimizer.learning_rate.numpy()": "Variable.numpy",
    "model.save_weights(path)": "Sequential.save_weights",
    "keras.ops.sum(x32)": "keras.ops.sum",
    "keras.ops.convert_to_numpy(model.layers[0].kernel)": "keras.ops.convert_to_numpy",
}


@pytest.mark.parametrize(("call", "route"), ROUTES.items())
def test_route_is_what_the_user_called(call, route, model, tmp_path):
    metric = keras.metrics.Mean()
    metric.update_state(1.5)
    holder = type("Holder", (), {"model": model})()
    recording = run_cell(
        call, model=model, metric=metric, holder=holder, bound=model.predict,
        weights=model.get_weights(), path=str(tmp_path / "a.weights.h5"),
    )  # fmt: skip
    assert {crossing.route for crossing in recording.ledger} == {route}
    assert {calls.route for calls in recording.models} <= {route}


@pytest.mark.parametrize("call", ["model.metrics_names", "metric.result()", "model.metrics"])
def test_asking_for_names_and_tensors_converts_nothing(call, run):
    metric = keras.metrics.Mean()
    metric.update_state(1.5)
    assert run(call, metric=metric).ledger == []


def test_logs_of_training_are_housekeeping(run):
    recording = run(
        """
history = model.fit(x32, y32, batch_size=BATCH, epochs=3, verbose=2)
loss = history.history["loss"][-1]
"""
    )
    assert {crossing.direction for crossing in recording.ledger} == {TO_TF}
    assert sum(epoch.small for epoch in only(recording).per_epoch) > 0


SUBCLASS = """
class MyModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(8)
    def call(self, inputs):
        return self.dense(inputs)
    def train_step(self, data):
        inputs, labels = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(inputs) - labels) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss}
    def fit(self, *args, **options):
        return super().fit(*args, **options)
mine = MyModel()
mine.compile("sgd", "mse")
mine.fit(x, y, batch_size=BATCH, epochs=2, verbose=0)
mine.predict(x, batch_size=BATCH, verbose=0)
"""


def test_model_of_the_users_own_class_has_its_name():
    """Its `fit` calls Keras's on a line of the cell, which is the innermost."""
    recording = run_cell(SUBCLASS)
    fit, predict = recording.models
    assert (fit.route, fit.site.line.line) == ("MyModel.fit", 15)
    assert (predict.route, predict.site.line.line) == ("MyModel.predict", 19)
    assert (fit.epochs, fit.batches, fit.rows) == (2, 2 * EACH, ROWS)
    assert told(fit.outside) == (2, X64.nbytes + Y64.nbytes)
    assert {c.route for c in recording.ledger} == {"MyModel.fit", "MyModel.predict"}


def test_custom_training_loop_is_no_call_of_a_model(run):
    recording = run(
        """
for part in range(4):
    inputs, labels = x32[16 * part:16 * part + 16], y32[16 * part:16 * part + 16]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(inputs) - labels) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    value = float(loss)
"""
    )
    assert recording.models == []
    counts = {}
    for c in recording.ledger:
        key = c.route, c.direction, c.site.line.line
        counts[key] = counts.get(key, 0) + c.count
    assert counts == {
        ("Sequential.__call__", TO_TF, 4): 4,
        ("operator -", TO_TF, 4): 4,
        ("float", "tensorflow → python", 7): 4,
    }


# The user's own.


class Stop(BaseException):
    """Neither an `Exception`, nor one that Keras knows."""


RAISES = """
class Raises(keras.callbacks.Callback):
    def HOOK(self, number, logs=None):
        if number == 2:
            raise error
def go():
    model.fit(x32, y32, batch_size=BATCH, epochs=3, verbose=0, callbacks=[Raises()])
try:
    go()
except BaseException as raised:
    frames = [(f.filename, f.lineno) for f in traceback.extract_tb(raised.__traceback__)]
    same = raised is error
"""


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, Stop])
@pytest.mark.parametrize("filtering", [True, False])
@pytest.mark.parametrize(
    ("hook", "epochs", "batches"),
    [
        ("on_train_batch_begin", 1, 2),
        ("on_train_batch_end", 1, 2),
        ("on_epoch_begin", 3, 2 * EACH),
        ("on_epoch_end", 3, 3 * EACH),
    ],
)
def test_exception_out_of_training_is_the_users_own_and_the_entry_right(
    kind, filtering, hook, epochs, batches, model
):
    text = RAISES.replace("HOOK", hook).strip("\n")
    keras.config.enable_traceback_filtering()
    if not filtering:
        keras.config.disable_traceback_filtering()
    try:
        names = {"model": model, "traceback": traceback, "x": 0}
        traced = run_cell(text, error=kind("mine"), **names)
        space = {**traced.names, "error": kind("mine")}
        file = f"<models {next(_numbers)}>"
        exec(compile(text, file, "exec"), space)
    finally:
        keras.config.enable_traceback_filtering()
    assert traced.names["same"]
    own = traced.names["frames"][0][0]
    untraced = [frame for frame in space["frames"] if frame[0] != file]
    assert [frame for frame in traced.names["frames"] if frame[0] != own] == untraced
    calls = only(traced)
    assert (calls.calls, calls.epochs, calls.batches) == (1, epochs, batches)
    assert told(calls.outside) == (2, B_X + B_Y)
    assert calls.duration_ns > 0


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_epoch_that_ends_early_has_the_batches_that_ran(run):
    """Keras takes a callback's `StopIteration` for the end of the data."""
    text = RAISES.replace("HOOK", "on_train_batch_end")
    recording = run(text, error=StopIteration(), traceback=traceback)
    calls = only(recording)
    assert (calls.epochs, calls.batches) == (3, 6)
    assert len(calls.per_epoch) == 3


def test_call_that_keras_refuses_is_an_entry_without_batches(run):
    recording = run(
        """
try:
    model.fit(x32, y32[:3], verbose=0)
except ValueError:
    pass
after = x32 + tf.ones([64, 4])
"""
    )
    calls = only(recording)
    assert (calls.calls, calls.epochs, calls.batches, calls.rows) == (1, 0, 0, ROWS)
    assert parts(calls) == (NOTHING,) * 4


def test_what_comes_after_a_call_is_not_counted_in_it(run):
    recording = run(
        """
model.fit(x32, y32, batch_size=BATCH, verbose=0)
kernel = model.layers[0].kernel.numpy()
"""
    )
    assert parts(only(recording))[:2] == ((2, B_X + B_Y), NOTHING)
    assert len([c for c in recording.ledger if c.route == "Variable.numpy"]) == 1


def test_trace_inside_a_callback_hears_its_part_and_knows_no_call(model):
    recordings = []

    class Traces(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            with tfnp_magic.trace() as recording:
                model.layers[0].kernel.numpy()
            recordings.append(recording)

    with tfnp_magic.trace() as outer:
        x, y = X64.astype("f4"), Y64.astype("f4")
        model.fit(x, y, epochs=1, verbose=0, callbacks=[Traces()])
    (inner,) = recordings
    assert (inner.models, [c.count for c in inner.ledger]) == ([], [1])
    assert told(only(outer).per_epoch[0]) == (1, KERNEL)


def test_models_on_two_threads_have_their_own_conversions():
    first, second = made(), made()
    for each in (first, second):
        each.fit(X64, Y64, batch_size=BATCH, verbose=0)
    recording = run_cell(
        """
def fit(model, epochs):
    data = x32[:16 * epochs], y32[:16 * epochs]
    model.fit(*data, batch_size=16, epochs=epochs, verbose=0)
def other():
    data = x32, y32
    second.fit(*data, batch_size=16, epochs=5, verbose=0)
thread = threading.Thread(target=other)
thread.start()
fit(first, 2)
thread.join()
""",
        first=first, second=second, threading=threading,
    )  # fmt: skip
    by_line = {calls.site.line.line: calls for calls in recording.models}
    assert (by_line[3].epochs, by_line[3].batches, by_line[3].rows) == (2, 4, 32)
    assert (by_line[6].epochs, by_line[6].batches, by_line[6].rows) == (5, 20, 64)
    assert told(by_line[3].outside) == (2, (B_X + B_Y) // 2)
    assert told(by_line[6].outside) == (2, B_X + B_Y)


def test_objects_of_the_users_are_not_asked_for_their_length(run):
    recording = run(
        """
class Odd:
    asked = 0
    @property
    def shape(self):
        Odd.asked += 1
        raise RuntimeError
    def __len__(self):
        Odd.asked += 1
        raise RuntimeError
try:
    model.predict(Odd(), verbose=0)
except Exception as raised:
    asked = Odd.asked
""",
    )
    assert only(recording).rows is None
    assert recording.names["asked"] == 0


def test_recording_pickles_with_its_models(run):
    import pickle

    recording = run("model.fit(x32, y32, batch_size=BATCH, verbose=0)")
    del recording.names
    again = pickle.loads(pickle.dumps(recording))
    assert again.models == recording.models
    assert isinstance(again.models[0], ModelCalls)
    assert isinstance(again.models[0].outside, Share)


# The probe.


def test_methods_look_as_before_while_a_trace_runs(model):
    import inspect

    before = inspect.signature(model.fit), model.fit.__doc__, model.fit.__qualname__
    with tfnp_magic.trace():
        assert (inspect.signature(model.fit), model.fit.__doc__, model.fit.__qualname__) == before


def test_failure_of_ours_is_told_and_the_model_trained(model, monkeypatch):
    def fails(data):
        raise RuntimeError("ours")

    monkeypatch.setattr(models, "_rows", fails)
    with tfnp_magic.trace() as recording:
        history = model.fit(X64, Y64, batch_size=BATCH, verbose=0)
    assert len(history.history["loss"]) == 1
    assert recording.models == []
    (lost,) = recording.lost
    assert lost.startswith("the Keras model probe failed (RuntimeError: ours)")
    assert sum(crossing.count for crossing in recording.ledger) == 2


def test_failure_to_read_a_graph_is_told_and_nothing_is_claimed(model, monkeypatch):
    def fails(*args):
        raise RuntimeError("ours")

    monkeypatch.setattr(graph_inputs, "_casts_of", fails)
    x, y = X64.copy(), Y64.copy()
    with tfnp_magic.trace() as recording:
        model.train_on_batch(x, y)
    assert list(summed(recording)) == [KEPT]
    (lost,) = recording.lost
    assert lost.startswith("the graph input probe failed (RuntimeError: ours)")


@pytest.fixture
def late(tmp_path, monkeypatch):
    """A module that nobody imported yet."""
    (tmp_path / "tfnp_late.py").write_text("class Late:\n    value = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = list(sys.meta_path)
    yield "tfnp_late"
    sys.modules.pop("tfnp_late", None)
    assert sys.meta_path == before


def patched(owner, name="value"):
    return [AttributePatch(owner, name, lambda found: found + 1)]


def test_patches_wait_for_the_import_of_their_module(late):
    awaited = Awaited("late", late, lambda: patched(sys.modules[late].Late))
    awaited.on()
    module = importlib.import_module(late)
    assert module.Late.value == 2
    awaited.off()
    awaited.off()
    assert module.Late.value == 1


def test_module_that_is_imported_after_the_trace_is_left_alone(late):
    awaited = Awaited("late", late, lambda: patched(sys.modules[late].Late))
    awaited.on()
    awaited.off()
    assert importlib.import_module(late).Late.value == 1
    awaited._arrived()  # an import on another thread, which ends only now
    assert importlib.import_module(late).Late.value == 1


def test_module_without_the_chokepoint_is_imported_as_ever_and_reported(late):
    with tfnp_magic.trace() as recording:
        awaited = Awaited("late", late, lambda: patched(sys.modules[late].Late, "absent"))
        awaited.on()
        module = importlib.import_module(late)
        awaited.off()
    assert module.Late.value == 1
    (lost,) = recording.lost
    assert lost.startswith("the late probe failed (AttributeError")


FIRST_IMPORT = """
import tfnp_magic
with tfnp_magic.trace() as recording:
    import keras
    import numpy as np
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8)])
    model.predict(np.ones((64, 4)), batch_size=16, verbose=0)
(calls,) = recording.models
assert recording.lost == [], recording.lost
print(calls.route, calls.batches, calls.rows, calls.in_batches.count, calls.site.line.line)
"""


def test_keras_that_the_traced_code_imports_first_is_hooked(tmp_path):
    script = tmp_path / "first.py"
    script.write_text(FIRST_IMPORT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.split() == ["Sequential.predict", "4", "64", "4", "7"], done.stderr[-2000:]


@pytest.mark.parametrize(
    ("text", "profiled"),
    [
        ("model.train_on_batch(x, y)", 0),
        ("for number in range(3):\n    model.train_on_batch(x, y)", 0),
        ("model.predict_on_batch(tf.constant(x))", 1),
        ("model.train_on_batch(x, y)\nmodel.predict_on_batch(tf.constant(x))", 1),
    ],
)
def test_cast_that_the_profiler_sees_too_is_told_once(text, profiled, model):
    text = text.replace("tf.constant(x)", "t")
    file = f"<models {next(_numbers)}>"
    space = {"model": model, "x": X64.copy(), "y": Y64.copy(), "t": tf.constant(X64)}
    with traced_cell(file, text, "In[3]", graph=True) as recording:
        exec(compile(text, file, "exec"), space)
    assert recording.lost == []
    assert recording.looked_into_graphs
    casts = [c for c in recording.ledger if (c.dtype_from, c.dtype_to) == ("float64", "float32")]
    assert sum(c.count for c in casts if c.cast_evidence == "profiled") == profiled
    calls = sum(each.calls for each in recording.models if "train" in each.route)
    assert sum(c.count for c in casts if c.cast_evidence == "inferred") == 2 * calls
