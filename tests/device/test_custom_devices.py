"""A device that a program registers itself: its tensors are another kind of thing underneath.

Asking the runtime about one of them as about its own would end the process.
"""

from __future__ import annotations

import pytest

from tests.contract.cells import traced_cell
from tests.device.names import namespace
from tfnp_magic import facts, runtime, whos

CELL = "<custom>"


@pytest.fixture(scope="module")
def parallel(machine):
    """A device of two CPUs; it stays registered as long as the process."""
    from tensorflow.python.distribute.parallel_device import parallel_device

    namespace(machine)
    return parallel_device.ParallelDevice(["CPU:0", "CPU:1"])


@pytest.fixture
def names(machine, parallel):
    made = {**namespace(machine), "parallel": parallel}
    with made["tf"].device("CPU:0"):
        made["p"] = parallel.pack([made["tf"].constant(1.0), made["tf"].constant(2.0)])
    return made


def traced(code, names):
    with traced_cell(CELL, code) as recording:
        exec(compile(code, CELL, "exec"), names)
    assert recording.lost == []
    return recording


def test_tensor_of_a_custom_device_is_not_asked_about(names):
    tensor = names["p"]
    assert facts.short_device(tensor.backing_device).startswith("CUSTOM")
    assert runtime.is_ready(tensor) is None
    assert runtime.mirrors_of(tensor) is None
    assert runtime.is_mirrored_on_host(tensor) is None
    assert runtime.address_on(tensor, "CUSTOM:0") is None
    assert runtime.handle_of(tensor) == id(tensor)
    with names["parallel"]:
        names["tf"].constant(7.5)
        device = runtime.context().device_name
    assert runtime.mirrors_of_number(7.5, 0, device) is None


def test_op_on_a_custom_device_does_traced_what_it_does_untraced(names):
    recording = traced("with parallel: q = p + p\nparts = parallel.unpack(q)", names)
    assert [float(part) for part in names["parts"]] == [2.0, 4.0]
    assert recording.moves().host_to_device in (0, None)


def test_what_goes_to_a_custom_device_is_unknown(names):
    recording = traced("with parallel: q = tf.constant([3.0, 4.0] * 10)", names)
    (crossing,) = recording.ledger
    assert (crossing.device_to, crossing.moved_bytes) == ("CUSTOM:0", None)


def test_listing_one_names_it_and_asks_nothing(names):
    found = whos.take_inventory({"p": names["p"], "F": names["F"]})
    (tensor,) = [row for row in found.rows if row.name == "p"]
    assert (tensor.device, tensor.nbytes, tensor.mirrors) == ("CUSTOM:0", 4, ())
    assert found.held == {"CUSTOM:0": 4, "host": 4_000}
