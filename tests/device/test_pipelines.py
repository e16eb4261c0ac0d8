"""Elements that a pipeline hands out on an accelerator were moved there ahead of time.

Only GPUs have kernels for that, so a kernel of the fake accelerator stands for it here.
"""

from __future__ import annotations

import pytest

from tests.contract.cells import traced_cell
from tests.device.names import namespace
from tfnp_magic.probes import transfers

CELL = "<pipeline>"


@pytest.fixture
def names(machine, monkeypatch):
    if not machine.is_fake:
        pytest.skip("needs the fake accelerator's kernels")
    monkeypatch.setattr(transfers, "_FROM_PIPELINES", frozenset({"Relu"}))
    return namespace(machine)


def traced(code, names):
    with traced_cell(CELL, code) as recording:
        exec(compile(code, CELL, "exec"), names)
    assert recording.lost == []
    return recording


def test_element_on_an_accelerator_was_moved_there(names):
    (crossing,) = traced("element = tf.nn.relu(t)", names).ledger
    assert (crossing.device_from, crossing.device_to) == ("CPU:0", names["D0"])
    assert (crossing.moved_bytes, crossing.move_evidence) == (4000, "inferred")
    assert "prefetch_to_device" in crossing.reason


def test_element_in_host_memory_was_not(names):
    recording = traced("with tf.device('CPU:0'): element = tf.nn.relu(h)", names)
    assert recording.ledger == []
