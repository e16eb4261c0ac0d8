"""The code that is measured, as a user might write it, and the ``with`` that traces it.

`tfnp_magic.trace` takes the file that holds the ``with`` statement for the traced cell. So
`traced` stands in this file: what the cells below convert, they convert in the cell itself
(depth 1), and `deep` is another module, whose conversions lie 50 frames below the cell.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

import tfnp_magic
from tests.benchmarks import deep
from tests.benchmarks.names import CELLS

Body = Callable[[], None]
DEPTH = 50


class Cell(NamedTuple):
    """A cell, ready to run as often as one likes."""

    name: str
    body: Body
    crossings: int | None
    """How many conversions a run makes, if they are all there is to it."""


@contextlib.contextmanager
def traced(cell: Cell) -> Iterator[Body]:
    """Trace the cell; a trace that did not see its conversions measures nothing."""
    with tfnp_magic.trace() as recording:
        yield cell.body
    seen = sum(crossing.count for crossing in recording.ledger)
    expected = cell.crossings
    if seen != expected if expected is not None else not seen:
        raise AssertionError(
            f"{seen} conversions were seen, not {'any' if expected is None else expected}"
        )


def seconds(body: Body) -> float:
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


def prepare(name: str, scale: float) -> Cell:
    """Make a cell, data and models included, and run it once untraced."""
    body, crossings = _MAKERS[name](scale)
    body()
    return Cell(name, body, crossings)


def _scaled(count: int, scale: float) -> int:
    return max(1, round(count * scale))


def _numpy(scale):
    tensor, count = tf.ones(10), _scaled(100_000, scale)

    def cell():
        for _ in range(count):
            tensor.numpy()

    return cell, count


def _asarray(scale):
    tensor, count = tf.ones(10), _scaled(100_000, scale)

    def cell():
        for _ in range(count):
            np.asarray(tensor)

    return cell, count


def _minus(scale):
    tensor, array, count = tf.ones(10), np.ones(10, np.float32), _scaled(100_000, scale)

    def cell():
        for _ in range(count):
            tensor - array

    return cell, count


def _pure(scale):
    tensor, other, count = tf.ones(10), tf.ones(10), _scaled(100_000, scale)

    def cell():
        for _ in range(count):
            tensor * other

    return cell, 0


def _data(rows):
    random = np.random.default_rng(0)
    return (
        random.normal(size=(rows, 64)).astype(np.float32),
        random.integers(0, 10, rows).astype(np.int64),
    )


def _model():
    model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(128, "relu"), keras.layers.Dense(10)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    return model, loss


def _training_loop(scale):
    model, loss_of = _model()
    optimizer = keras.optimizers.SGD(0.01)
    optimizer.build(model.trainable_variables)
    inputs, targets = _data(2_048)
    epochs = _scaled(10, scale)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    def cell():
        x, y = tf.constant(inputs), tf.constant(targets)
        xs, ys = tf.split(x, 32), tf.split(y, 32)
        for _ in range(epochs):
            for batch, wanted in zip(xs, ys, strict=True):
                loss = step(batch, wanted)
            float(loss)

    return cell, None


def _fit(scale):
    (model, _), (inputs, targets) = _model(), _data(4_096)
    epochs = _scaled(3, scale)

    def cell():
        model.fit(inputs, targets, batch_size=32, epochs=epochs, verbose=0)

    return cell, None


def _predict(scale):
    (model, _), (inputs, _) = _model(), _data(_scaled(16_384, scale))

    def cell():
        model.predict(inputs, batch_size=32, verbose=0)

    return cell, None


def _pipeline(scale):
    inputs, _ = _data(_scaled(5_000, scale))

    def scaled(row):
        return row / np.abs(row).max()

    dataset = tf.data.Dataset.from_tensor_slices(inputs)
    dataset = dataset.map(lambda row: tf.numpy_function(scaled, [row], tf.float32)).batch(32)

    def cell():
        for batch in dataset:
            tf.reduce_mean(batch)

    return cell, None


def _large(scale):
    images, times = np.ones((100, 500, 500), np.float32), _scaled(4, scale)

    def cell():
        for _ in range(times):
            tensor = tf.constant(images)
            brighter = tensor * 1.5
            np.sqrt(brighter.numpy())

    return cell, None


def _deep_loop(scale):
    tensor, count = tf.ones(10), _scaled(100_000, scale)

    def cell():
        deep.loop_below(DEPTH - 1, tensor, count)

    return cell, count


def _deep_calls(scale):
    tensor, count = tf.ones(10), _scaled(20_000, scale)

    def cell():
        for _ in range(count):
            deep.convert_below(DEPTH - 1, tensor)

    return cell, count


_MAKERS = dict(
    zip(
        CELLS,
        (
            _numpy, _asarray, _minus, _pure, _training_loop, _fit, _predict, _pipeline, _large,
            _deep_loop, _deep_calls,
        ),
        strict=True,
    )
)  # fmt: skip
