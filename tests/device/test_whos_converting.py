"""What converting would move, held against what the device counts when it is done."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import tfnp_magic
from tests.contract.arrays import aligned, misaligned
from tests.contract.ops import ops_that_wait
from tfnp_magic import runtime
from tfnp_magic.whos import take_inventory

F = np.arange(1_000, dtype=np.float32)
"""4,000 bytes."""


def on(device, value, dtype=None):
    with tf.device(device):
        return tf.constant(value, dtype)


def mirrored(tensor):
    tensor.numpy()
    return tensor


def mirrored_on(device, tensor):
    with tf.device(device):
        _ = tf.identity(tensor) * 1
    return tensor


def variable(device, value):
    with tf.device(device):
        return tf.Variable(value)


def keras_variable(device):
    with tf.device(device):
        return keras.Variable(F)


def ragged(mirror):
    with tf.device("XPU:0"):
        made = tf.RaggedTensor.from_row_splits(tf.constant(F), np.array([0, 400, 1_000]))
    if mirror:
        made.values.numpy()
    return made


LEAVING = {
    "tensor": lambda: on("XPU:0", F),
    "tensor on the other": lambda: on("XPU:1", F),
    "read before": lambda: mirrored(on("XPU:0", F)),
    "with a mirror elsewhere": lambda: mirrored_on("XPU:1", on("XPU:0", F)),
    "in host memory": lambda: on("CPU:0", F),
    "in host memory, mirrored": lambda: mirrored_on("XPU:0", on("CPU:0", F)),
    "on another CPU": lambda: on("CPU:1", F),
    "integers": lambda: on("XPU:0", np.arange(10, dtype=np.int32)),
    "long integers": lambda: on("XPU:0", np.arange(10)),
    "text": lambda: on("XPU:0", ["a", "b"]),
    "scalar": lambda: on("XPU:0", np.float32(3)),
    "scalar read before": lambda: mirrored(on("XPU:0", np.float32(3))),
    "bfloat16": lambda: on("XPU:0", F, tf.bfloat16),
    "Variable": lambda: variable("XPU:0", F),
    "Variable in host memory": lambda: variable("CPU:0", F),
    **{
        f"Variable of {dtype} on {device}": lambda dtype=dtype, device=device: variable(
            device, np.ones(1_000, dtype)
        )
        for dtype in ("bool", "i4", "i8", "f2", "f8")
        for device in ("XPU:0", "XPU:1", "CPU:0")
    },
    "Variable on the other": lambda: variable("XPU:1", F),
    "Keras Variable": lambda: keras_variable("XPU:0"),
    "Keras Variable in host memory": lambda: keras_variable("CPU:0"),
    "scalar Variable": lambda: variable("XPU:0", np.float32(3)),
    "ragged": lambda: ragged(mirror=False),
    "ragged, values read before": lambda: ragged(mirror=True),
}

ENTERING = {
    "aligned": lambda: aligned(F),
    "misaligned": lambda: misaligned(F),
    "strided": lambda: aligned(np.repeat(F, 2))[::2],
    "big-endian": lambda: aligned(F.astype(">f4")),
    "int32 aligned": lambda: aligned(F.astype("i4")),
    "int32 misaligned": lambda: misaligned(F.astype("i4")),
    "int64": lambda: aligned(F.astype("i8")),
    "double": lambda: misaligned(F.astype("f8")),
    "text array": lambda: np.array(["a", "b"]),
    "empty": lambda: np.zeros((0, 3), np.float32),
    "Series aligned": lambda: pd.Series(aligned(F), copy=False),
    "Series misaligned": lambda: pd.Series(misaligned(F), copy=False),
    "Series of int32": lambda: pd.Series(aligned(F.astype("i4")), copy=False),
    "DataFrame": lambda: pd.DataFrame(aligned(F.reshape(-1, 4)), copy=False),
    "DataFrame of blocks": lambda: pd.DataFrame({"x": F, "y": F.astype("f8")}),
}

PLACES = [None, "XPU:0", "XPU:1", "CPU:0", "CPU:1"]
"""Where the line that converts says to put the tensor; None where it says nothing."""

READS = {"np.asarray": np.asarray, ".numpy()": lambda thing: thing.numpy()}


def conversions(thing, device=None):
    with tf.device(device):
        (row,) = take_inventory({"x": thing}).rows
    return row.conversions


def call_of(said, thing):
    """The conversion, and no other, as a call that is ready."""
    if said.route == "t - a":
        beside = tf.constant(np.zeros(thing.shape, thing.dtype.newbyteorder("=")))
        return lambda: beside - thing
    route = {**READS, "tf.constant": tf.constant}[said.route]
    return lambda: route(thing)


def check(said, thing, accelerator, device=None):
    """Convert, and compare what moved and what was copied."""
    with tf.device(device):
        call = call_of(said, thing)
        before = accelerator.counters()
        with tfnp_magic.trace() as recording:
            call()
    counted = accelerator.counters().since(before)
    ledger = recording.ledger
    if said.route == "t - a":  # where there is no kernel for it, what it gives moves, too
        ledger = [one for one in ledger if one.direction == "numpy → tensorflow"]
        assert sum(one.moved_bytes for one in ledger) == said.moved_bytes
    else:
        assert counted.h2d_bytes + counted.d2h_bytes + counted.d2d_bytes == said.moved_bytes
    check_copies(said, ledger)


def check_copies(said, ledger):
    """A trace that did not see all copies has no number of them, and counts at least those."""
    copied = [one.copied_bytes for one in ledger]
    if not copied or None in copied or (said.copied_bytes is None and said.bounds is None):
        return
    least, most = said.bounds or (said.copied_bytes, said.copied_bytes)
    assert most is None or sum(copied) <= most
    assert sum(copied) >= least or any(one.copies is None for one in ledger)


@pytest.mark.parametrize("device", PLACES)
@pytest.mark.parametrize("name", LEAVING)
def test_a_read_moves_what_was_said(name, device, accelerator):
    """Where the line that reads says to put tensors matters for Variables."""
    for place in range(2):
        told = conversions(thing := LEAVING[name](), device)
        if place < len(told):
            check(told[place], thing, accelerator, device)
            assert (told[place].outcome == "move") == bool(told[place].moved_bytes)


@pytest.mark.parametrize("device", PLACES)
@pytest.mark.parametrize("name", ENTERING)
def test_an_array_moves_to_where_tensors_are_put_as_was_said(name, device, accelerator):
    told = conversions(thing := ENTERING[name](), device)
    for said in told:
        check(said, thing, accelerator, device)
        assert (said.outcome == "move") == bool(said.moved_bytes)


def test_what_is_told_is_the_usual_way_first(accelerator):
    assert [said.route for said in conversions(aligned(F))] == ["tf.constant", "t - a"]
    assert [said.route for said in conversions(on("XPU:0", F))] == ["np.asarray", ".numpy()"]


def test_sizes_and_reasons_on_an_accelerator(accelerator):
    def told(thing):
        return [(one.outcome, one.copied_bytes, one.moved_bytes) for one in conversions(thing)]

    tensor = on("XPU:0", F)
    assert told(tensor) == [("move", 4_000, 4_000), ("move", 8_000, 4_000)]
    view = np.asarray(tensor)
    assert told(tensor) == [("view", 0, 0), ("copy", 4_000, 0)]
    assert "mirror in host memory serves it" in conversions(tensor)[0].reason
    assert np.shares_memory(view, np.asarray(tensor))
    assert told(variable("XPU:0", F)) == [("move", None, 4_000)] * 2
    assert told(variable("CPU:0", F)) == [("move", None, 8_000)] * 2
    assert told(aligned(F)) == [("move", None, 4_000), ("move", 4_000, 4_000)]
    assert "moved to XPU:0" in conversions(aligned(F))[0].reason


def test_a_mirror_on_another_cpu_does_not_serve(accelerator):
    """Only the first CPU's is looked for by a read."""
    tensor = on("XPU:0", F)
    with tf.device("CPU:1"):
        _ = tf.square(tensor)
    check(conversions(tensor)[0], tensor, accelerator)


def test_looking_moves_nothing_and_makes_no_mirror(accelerator):
    things = {name: make() for name, make in (LEAVING | ENTERING).items()}
    take_inventory(things)
    before = accelerator.counters()
    found = take_inventory(things)
    assert not any(accelerator.counters().since(before))
    assert all(row.conversions for row in found.rows)
    assert take_inventory(things) == found


def test_looking_waits_for_no_kernel(accelerator):
    tensor = on("XPU:0", F)
    with accelerator.held():
        with tf.device("XPU:0"):
            product = tensor * tensor
        pending = accelerator.pending()
        assert conversions(product)[0].moved_bytes == 4_000
        assert accelerator.pending() == pending > 0


def test_a_runtime_that_cannot_be_asked_leaves_moves_unknown(accelerator, monkeypatch):
    tensor = on("XPU:0", F)
    monkeypatch.setattr(runtime, "_functions", lambda: None)
    assert {said.outcome for said in conversions(tensor)} == {"unknown"}
    assert conversions(ragged(mirror=False))[0].outcome == "unknown"


def test_an_empty_tensor_there_is_not_predicted(accelerator):
    assert {said.outcome for said in conversions(on("XPU:0", F[:0]))} == {"unknown"}


def test_a_tensor_whose_op_waits_is_not_predicted(accelerator):
    with ops_that_wait(F) as make:
        with tf.device("CPU:0"):
            waiting = make()
        assert {said.outcome for said in conversions(waiting)} == {"unknown"}
        assert not runtime.is_ready(waiting)


def test_replicas_are_not_predicted(accelerator):
    with tf.distribute.MirroredStrategy(["XPU:0", "XPU:1"]).scope():
        replicas = tf.Variable(F)
    assert {said.outcome for said in conversions(replicas)} == {"unknown"}
    assert "2 replicas" in conversions(replicas)[0].reason
