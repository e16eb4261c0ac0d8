"""An error in a graph names the lines that made the op: none of them is ours."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic


def in_a_function():
    @tf.function
    def checked(values):
        tf.debugging.assert_greater(values, 1.0)
        return values

    checked(tf.constant(0.0))


def in_a_model():
    class Checked(keras.layers.Layer):
        def call(self, values):
            tf.debugging.assert_greater(tf.reduce_sum(values), 1e9)
            return values

    model = keras.Sequential([keras.Input((3,)), Checked()])
    model.predict(np.zeros((4, 3), "f4"), verbose=0)


def in_a_pipeline():
    table = np.zeros(20_000)

    def checked(number):
        tf.debugging.assert_greater(number, tf.constant(5, tf.int64))
        return table

    list(tf.data.Dataset.range(3).map(checked))


def message(act):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        act()
    # Nodes, layers and rewritten files are numbered.
    return re.sub(r"autograph_generated_file\w+|(_?\d+)+", "N", str(raised.value))


@pytest.mark.parametrize("act", [in_a_function, in_a_model, in_a_pipeline])
def test_message_is_the_same_under_a_trace(act):
    def alike():
        act()

    def traced():
        with tfnp_magic.trace():
            alike()

    untraced, seen = message(alike), message(traced)
    # The one line more is the test's own, with its `with` statement.
    mine = re.compile(r"  File \"[^\"]*test_error_messages.py\", line N, in (traced|message)\n+")
    assert mine.sub("", seen) == mine.sub("", untraced)
    assert "defined at" in untraced or act is in_a_pipeline
