"""What no probe sees, each as a strict xfail: the day one is seen, its row must move.

The README's list of blind spots is these rows' reasons, in this order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic
from tfnp_magic.tracing import ALWAYS_UNSEEN, GRAPHS_UNSEEN


def in_graph_cast():
    function = tf.function(lambda x: tf.cast(x, tf.float16))
    tensor = tf.constant(np.ones((30, 4), "f4"))
    function(tensor)
    return lambda: function(tensor), lambda c: c.cast != "none"


def in_graph_numpy_function():
    function = tf.function(lambda x: tf.numpy_function(np.copy, [x], tf.float32))
    tensor = tf.constant(np.ones((30, 4), "f4"))
    function(tensor)
    return lambda: function(tensor), lambda c: c.direction == "tensorflow → numpy"


def tflite_interpreter():
    function = tf.function(lambda x: x * 2, input_signature=[tf.TensorSpec([30, 4])])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    array = np.ones((30, 4), "f4")
    return lambda: interpreter.set_tensor(0, array), lambda c: c.nbytes == 480


def checkpoint_reader(tmp_path):
    path = tf.train.Checkpoint(v=tf.Variable(np.ones((30, 4), "f4"))).write(str(tmp_path / "c"))
    reader = tf.train.load_checkpoint(path)
    name = next(n for n in reader.get_variable_to_shape_map() if n.startswith("v/"))
    return lambda: reader.get_tensor(name), lambda c: c.nbytes == 480


def v1_session():
    with tf.Graph().as_default() as graph:
        placeholder = tf.compat.v1.placeholder(tf.float32, [30, 4])
        doubled = placeholder * 2
    session = tf.compat.v1.Session(graph=graph)
    feed = {placeholder: np.ones((30, 4), "f4")}
    return lambda: session.run(doubled, feed), lambda c: c.nbytes == 480


def protocol_buffer():
    array = np.ones(120, "f8")
    return lambda: tf.train.FloatList(value=array), lambda c: c.nbytes == 960


def cast_by_assignment():
    """NumPy casts into the array that it assigns to; the border crossed uncast."""
    tensor, array = tf.constant(np.ones((30, 4))), np.ones((30, 4), "f4")

    def assign():
        array[:] = tensor

    return assign, lambda c: c.cast == "silent"


def cast_by_keras_layer():
    """Keras makes a float64 tensor first and casts that with an op of its own."""
    import keras

    dense = keras.layers.Dense(2)
    dense.build((None, 4))
    array = np.ones((30, 4))
    return lambda: dense(array), lambda c: c.cast == "silent"


def cast_by_keras_fit():
    """Keras casts a float64 array with NumPy, and what crosses is float32 already."""
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    array = np.ones((30, 4))
    return lambda: model.fit(array, array[:, 0], verbose=0), lambda c: c.cast == "silent"


ROWS = [
    pytest.param(in_graph_cast, id="casts inside graphs"),
    pytest.param(in_graph_numpy_function, id="Python functions inside graphs"),
    pytest.param(tflite_interpreter, id="the TFLite interpreter"),
    pytest.param(checkpoint_reader, id="checkpoint readers"),
    pytest.param(v1_session, id="v1 sessions"),
    pytest.param(protocol_buffer, id="protocol buffers filled from arrays"),
    pytest.param(cast_by_assignment, id="casts by assignment into an array"),
    pytest.param(cast_by_keras_fit, id="casts by Keras before it converts"),
    pytest.param(cast_by_keras_layer, id="casts by Keras after it converted"),
]


@pytest.mark.parametrize("prepare", ROWS)
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="no probe sees it")
def test_is_seen(prepare, tmp_path):
    takes_path = "tmp_path" in prepare.__code__.co_varnames
    act, wanted = prepare(tmp_path) if takes_path else prepare()
    with tfnp_magic.trace() as recording:
        act()
    assert any(wanted(crossing) for crossing in recording.ledger)


def test_readme_lists_exactly_these_rows():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    section = readme.split("## What it cannot see")[1].split("\n## ")[0]
    listed = [line[2:].split(":")[0] for line in section.splitlines() if line.startswith("- ")]
    assert listed == [row.id for row in ROWS]


def test_report_names_each_blind_spot():
    """A row that a report never mentions would be hidden from the person who needs it."""
    said = f"{ALWAYS_UNSEEN}; {GRAPHS_UNSEEN}".lower()
    for word in ("graphs", "python functions", "tflite", "checkpoint", "sessions",
                 "protocol buffers", "assignment", "keras"):  # fmt: skip
        assert word in said
