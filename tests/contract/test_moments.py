"""When conversions happened, in real traces."""

from __future__ import annotations

import threading
import time
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic
from tfnp_magic.model import IN_GRAPH, MAX_MOMENTS


def counts_of(recording):
    """Conversions of each crossing: as the ledger has them, and as the moments do."""
    counted = Counter()
    for moment in recording.moments:
        counted[moment.crossing] += moment.count
    assert recording.moments_dropped == 0
    told = {n: c.count for n, c in enumerate(recording.ledger) if c.direction != IN_GRAPH}
    return told, dict(counted)


@pytest.mark.parametrize("graph", [False, True])
def test_each_conversion_of_the_ledger_is_in_one_moment(graph):
    array = np.arange(30.0).reshape(5, 6)

    @tf.function
    def scaled(values):
        return tf.cast(values, tf.float32) * 2

    with tfnp_magic.trace(graph=graph) as recording:
        for _ in range(20):
            tensor = tf.constant(array)
            kept = np.asarray(tensor)
            tensor.numpy().sum()
            np.add(tensor, tensor)
            tensor + np.float32(1) * array
        tf.keras.layers.Dense(2)(array)
        tf.convert_to_tensor(array.astype("int32"), tf.int32)
        scaled(array)
        list(tf.data.Dataset.from_tensor_slices(array).map(lambda row: row + 1))
        threads = [threading.Thread(target=lambda: tf.constant(array)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    del kept
    told, counted = counts_of(recording)
    assert counted == told
    assert sum(told.values()) > 80
    for moment in recording.moments:
        assert 0 <= moment.start_ns <= moment.stop_ns <= recording.duration_ns
        crossing = recording.ledger[moment.crossing]
        assert crossing.duration_ns is None or moment.busy_ns is not None
    starts = [moment.start_ns for moment in recording.moments]
    assert starts == sorted(starts)


def test_moments_tell_what_came_before_what():
    array = np.ones((3, 5))
    with tfnp_magic.trace() as recording:
        time.sleep(0.02)
        tensor = tf.constant(array)
        time.sleep(0.02)
        tensor.numpy()
    making, reading = recording.moments
    assert [recording.ledger[m.crossing].route for m in (making, reading)] == [
        "tf.constant", "Tensor.numpy",
    ]  # fmt: skip
    assert making.start_ns >= 20_000_000
    assert reading.start_ns >= making.stop_ns + 20_000_000


def test_other_threads_are_told_apart():
    array = np.ones((3, 5))
    with tfnp_magic.trace() as recording:
        thread = threading.Thread(target=lambda: tf.constant(array))
        thread.start()
        thread.join()
        tf.constant(array)
    assert [moment.thread for moment in recording.moments] == [1, 0]


def test_a_long_loop_has_a_bounded_number_of_moments_and_loses_none():
    array = np.ones((3, 5), np.float32)
    with tfnp_magic.trace() as recording:
        for _ in range(3 * MAX_MOMENTS):
            tf.constant(array)
    told, counted = counts_of(recording)
    assert counted == told == {0: 3 * MAX_MOMENTS}
    assert len(recording.moments) <= MAX_MOMENTS
