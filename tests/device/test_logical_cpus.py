"""Between logical CPU devices data moves without a byte: they share the host's memory."""

from __future__ import annotations

import numpy as np
import pytest

from tests.contract.cells import traced_cell
from tests.device.names import namespace

CELL = "<cpus>"


def traced(code, names):
    with traced_cell(CELL, code) as recording:
        exec(compile(code, CELL, "exec"), names)
    assert recording.lost == []
    return recording


@pytest.mark.parametrize(
    ("code", "route"),
    [
        ("with tf.device('CPU:1'): r = tf.square(h)", "tf.square"),
        ("with tf.device('CPU:1'): r = tf.identity(h)", "tf.identity"),
        ("with tf.device('CPU:1'): r = tf.square(w)", "tf.square"),
        ("r = h._copy_to_device('CPU:1')", "Tensor._copy_to_device"),
    ],
)
def test_move_between_cpus_is_reported_as_one_of_no_bytes(code, route, machine):
    names = namespace(machine)
    exec("with tf.device('CPU:0'): w = tf.Variable(F)", names)
    with machine.oracle.window() as window:
        recording = traced(code, names)
    (crossing,) = recording.ledger
    assert (crossing.route, crossing.direction) == (route, "device → device")
    assert (crossing.device_from, crossing.device_to) == ("CPU:0", "CPU:1")
    assert (crossing.storage, crossing.moved_bytes, crossing.copied_bytes) == ("view", 0, 0)
    assert "the buffer is shared" in crossing.reason
    assert tuple(recording.moves()) == tuple(window.moved) == (0, 0, 0)


def test_buffer_is_shared_in_truth(machine):
    """The claim above, by addresses."""
    names = namespace(machine)
    exec("with tf.device('CPU:1'): r = tf.identity(h)", names)
    assert names["r"].device.endswith("CPU:1")
    assert np.shares_memory(np.asarray(names["r"]), np.asarray(names["h"]))


def test_tensor_on_another_cpu_is_read_without_a_move(machine):
    names = namespace(machine)
    exec("with tf.device('CPU:1'): g = tf.constant(F)", names)
    recording = traced("g.numpy()\nnp.sum(g)\nrepr(g)", names)
    assert {crossing.device_from for crossing in recording.ledger} == {"CPU:1"}
    assert recording.moves() == (0, 0, 0)
    assert not any(crossing.mirror for crossing in recording.ledger)


def test_strategy_over_logical_cpus_does_traced_what_it_does_untraced(machine):
    code = (
        "s = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])\n"
        "with s.scope(): mirrored = tf.Variable(F)\n"
        "total = s.reduce('SUM', s.run(lambda: mirrored * 2.0), axis=None)\n"
        "mirrored.assign(F + 1)\n"
        "values = [part.numpy() for part in s.experimental_local_results(mirrored)]\n"
    )
    untraced, names = namespace(machine), namespace(machine)
    exec(code, untraced)
    with machine.oracle.window() as window:
        recording = traced(code, names)
    assert np.array_equal(names["total"], untraced["total"])
    assert np.array_equal(names["values"], untraced["values"])
    # Only the sum: it is made where TensorFlow places what is placed nowhere.
    assert tuple(recording.moves()) == tuple(window.moved)
    assert {"CPU:0", "CPU:1"} <= {crossing.device_to for crossing in recording.ledger}
