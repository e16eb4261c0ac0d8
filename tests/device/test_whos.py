"""Looking at what lives on an accelerator moves nothing and waits for nothing; it tells where."""

from __future__ import annotations

import ctypes
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

import tfnp_magic
from tests.contract.ops import ops_that_wait
from tfnp_magic import runtime
from tfnp_magic.whos import take_inventory

F = np.arange(1_000, dtype=np.float32)
"""4,000 bytes."""


@pytest.fixture
def on(accelerator):
    """Make a tensor on a device."""

    def put(device, value, dtype=None):
        with tf.device(device):
            return tf.constant(value, dtype)

    return put


@pytest.fixture
def everything(on):
    """A namespace of tensors on two devices, some of them with mirrors."""
    names = {
        "array": F.copy(),
        "host": on("CPU:0", F),
        "ints": on("XPU:0", np.arange(10, dtype=np.int32)),
        "other": on("XPU:1", np.arange(2_000, dtype=np.float32)),
        "read": on("XPU:0", F),
        "tensor": on("XPU:0", F),
        "used": on("CPU:0", F),
        "words": on("XPU:0", ["a", "bc"]),
    }
    names["view"] = np.asarray(names["read"])
    with tf.device("XPU:1"):
        _ = names["used"] * names["used"]
    with tf.device("XPU:0"):
        names["slices"] = tf.IndexedSlices(on("XPU:0", np.ones((2, 3), "f4")), tf.range(2))
        names["variable"] = tf.Variable(np.ones(500, np.float32))
        names["ragged"] = tf.RaggedTensor.from_row_splits(tf.constant(F), np.array([0, 400, 1_000]))
        names["array_of"] = tf.TensorArray(tf.float32, 2, element_shape=[3])
    names["array_of"]._implementation._tensor_array[0] = on("XPU:0", np.ones(3, np.float32))
    with tf.distribute.MirroredStrategy(["XPU:0", "XPU:1"]).scope():
        names["replicas"] = tf.Variable(np.ones(100, np.float32))
    return names


ROWS = [
    ("array", "host", "host", (), 4_000, "host"),
    ("host", "CPU:0", "CPU:0", (), 4_000, "CPU:0"),
    ("ints", "XPU:0", "CPU:0", (), 40, "XPU:0 (in host memory)"),
    ("other", "XPU:1", "XPU:1", (), 8_000, "XPU:1"),
    ("ragged", "XPU:0", "XPU:0", ("host",), 4_024, "XPU:0 (mirrored: host)"),
    ("read", "XPU:0", "XPU:0", ("host",), 4_000, "XPU:0 (mirrored: host)"),
    ("replicas", "XPU:0, XPU:1", "XPU:0, XPU:1", (), 800, "XPU:0, XPU:1"),
    ("slices", "XPU:0", "XPU:0", (), 32, "XPU:0"),
    ("tensor", "XPU:0", "XPU:0", (), 4_000, "XPU:0"),
    ("used", "CPU:0", "CPU:0", ("XPU:1",), 4_000, "CPU:0 (mirrored: XPU:1)"),
    ("variable", "XPU:0", "XPU:0", (), 2_000, "XPU:0"),
    ("words", "XPU:0", "CPU:0", (), None, "XPU:0 (in host memory)"),
]
"""Name, device, backing device, mirrors, bytes, and how the view says where it is."""


@pytest.mark.parametrize(("name", "device", "backing", "mirrors", "nbytes", "shown"), ROWS)
def test_a_row_tells_where_a_tensor_is(everything, name, device, backing, mirrors, nbytes, shown):
    found = take_inventory(everything, [name])
    (row,) = found.rows
    assert (row.device, row.backing_device, row.mirrors) == (device, backing, mirrors)
    assert (row.nbytes, row.computed) == (nbytes, True)
    assert f"  {shown}  " in repr(found)
    frame = found.to_frame()
    assert frame["backing_device"].tolist() == [backing]
    assert frame["mirrors"].tolist() == [", ".join(mirrors)]


def test_bytes_are_counted_where_they_are_and_once(everything):
    found = take_inventory(everything)
    assert found.held == {
        # read, tensor, ragged, variable, a replica, the values of slices, an element of array_of
        "XPU:0": 4_000 + 4_000 + 4_024 + 2_000 + 400 + 24 + 12,
        "XPU:1": 8_000 + 4_000 + 400,  # other, the mirror of used, a replica
        # array, host, ints, view and the mirror of read, the mirror of ragged's splits, used,
        # the indices of slices
        "host": 4_000 + 4_000 + 40 + 4_000 + 24 + 4_000 + 8,
    }
    assert repr(found).startswith(
        "14 names hold at least 42.9 kB: 14.5 kB on XPU:0, 12.4 kB on XPU:1 and 16.1 kB in host "
        "memory; 1 group shares memory."
    )


def test_a_view_of_a_tensor_on_an_accelerator_shares_with_its_mirror(everything):
    found = take_inventory(everything, ["read", "view"])
    said = "Group 1: read and view share memory, 8.0 kB: 4.0 kB on XPU:0 and 4.0 kB in host memory."
    assert said in repr(found)
    assert "Mirrored: TensorFlow keeps the copy of read" in repr(found)


def device_bytes(tensor, device):
    """What lies where the runtime says that the tensor does: the fake's memory is the host's."""
    return ctypes.string_at(runtime.address_on(tensor, device), 4_000)


def test_an_address_is_where_the_elements_are(everything, accelerator):
    read, used = everything["read"], everything["used"]
    assert device_bytes(read, "XPU:0") == device_bytes(used, "XPU:1") == F.tobytes()
    assert device_bytes(used, "CPU:0") == device_bytes(read, "CPU:0") == F.tobytes()
    assert runtime.address_on(read, "CPU:0") == everything["view"].ctypes.data
    assert runtime.address_on(read, "XPU:1") is None
    assert runtime.address_on(everything["words"], "XPU:0") is None
    assert runtime.address_on(tf.zeros((0, 3)), "XPU:0") is None


@pytest.fixture
def aliases(on):
    """Tensors of one buffer on XPU:0, and two others."""
    names = {"t": on("XPU:0", F), "other": on("XPU:0", F), "elsewhere": on("XPU:1", F)}
    with tf.device("XPU:0"):
        names["same"] = tf.identity(names["t"])
        names["shaped"] = tf.reshape(names["t"], (10, 100))
    return names


def test_tensors_that_alias_a_buffer_on_an_accelerator_share_it_and_count_once(aliases):
    found = take_inventory(aliases)
    assert [group.names for group in found.groups] == [("same", "shaped", "t")]
    assert found.groups[0].certain
    assert found.held == {"XPU:0": 8_000, "XPU:1": 4_000}
    assert "Group 1: same, shaped and t share memory, 4.0 kB on XPU:0." in repr(found)
    assert "Not known" not in repr(found)


def test_an_empty_tensor_on_an_accelerator_shares_nothing_and_that_is_known(on):
    found = take_inventory({"none": on("XPU:0", np.zeros((0, 3), "f4")), "t": on("XPU:0", F)})
    assert (found.groups, found.rows[0].unlocated) == ((), ())


def test_what_aliases_a_mirror_shares_with_its_tensor(on):
    host = on("CPU:0", F)
    with tf.device("XPU:1"):
        alias = tf.identity(host)
    found = take_inventory({"alias": alias, "host": host})
    assert [group.names for group in found.groups] == [("alias", "host")]
    assert found.held == {"host": 4_000, "XPU:1": 4_000}


def test_parts_of_a_ragged_tensor_on_an_accelerator_share_with_it(on):
    with tf.device("XPU:0"):
        values = tf.constant(F)
        ragged = tf.RaggedTensor.from_row_splits(tf.reshape(values, [-1]), np.array([0, 1_000]))
    found = take_inventory({"ragged": ragged, "values": values})
    assert [group.names for group in found.groups] == [("ragged", "values")]
    assert found.held["XPU:0"] == 4_000 + 16


@pytest.fixture
def no_addresses(monkeypatch):
    """A runtime that lacks one of the functions for addresses, but none of those for mirrors."""
    monkeypatch.setitem(runtime._SIGNATURES_FOR_ADDRESSES, "of_no_version", (None, ()))
    runtime._address_functions.cache_clear()
    yield
    monkeypatch.undo()
    runtime._address_functions.cache_clear()


def test_a_runtime_that_tells_no_addresses_still_tells_mirrors(aliases, no_addresses):
    aliases["t"].numpy()
    found = take_inventory(aliases)
    assert (found.groups, found.held["XPU:0"]) == ((), 16_000)
    rows = {row.name: row for row in found.rows}
    assert (rows["t"].mirrors, rows["t"].unlocated) == (("host",), ("XPU:0",))
    assert runtime.address_on(aliases["t"], "XPU:0") is None
    assert (
        "Not known: whether elsewhere, other, same, shaped and t share memory on XPU:0 and XPU:1 "
        "with another tensor there. Each is counted in full." in " ".join(repr(found).split())
    )


def test_looking_moves_nothing(everything, accelerator):
    before = accelerator.counters()
    found = take_inventory(everything)
    _ = repr(found), found._repr_html_(), found.to_frame()
    assert not any(accelerator.counters().since(before))
    assert take_inventory(everything) == found, "not even a mirror was made"
    everything["tensor"].numpy()
    assert accelerator.counters().since(before).d2h_bytes == 4_000


def test_looking_is_no_conversion(everything):
    with tfnp_magic.trace() as recording:
        take_inventory(everything)
    assert not recording.ledger


def test_looking_does_not_wait_for_kernels(everything, accelerator):
    tensor = everything["tensor"]
    with accelerator.held():
        with tf.device("XPU:0"):
            everything["product"] = tensor * tensor
            everything["same"] = tf.identity(everything["product"])
            everything["variable"].assign_add(everything["variable"])
        pending = accelerator.pending()
        found = take_inventory(everything)
        assert accelerator.pending() == pending > 0
    rows = {row.name: row for row in found.rows}
    assert (rows["product"].nbytes, rows["product"].device) == (4_000, "XPU:0")
    assert rows["product"].group == rows["same"].group is not None


# ---- asynchronous execution -------------------------------------------------------------


@pytest.fixture
def waiting(accelerator):
    """A tensor whose op waits for the end of the test, and with it all ops after it."""
    with ops_that_wait(F) as make:
        with tf.device("CPU:0"):
            tensor = make()
        yield tensor


def test_a_tensor_that_is_not_computed_yet_is_not_waited_for(everything, waiting, accelerator):
    before = accelerator.counters()
    found = take_inventory({**everything, "waiting": waiting})
    assert not runtime.is_ready(waiting)
    assert accelerator.counters() == before
    rows = {row.name: row for row in found.rows}
    assert (rows["waiting"].computed, rows["waiting"].shape) == (False, None)
    assert (rows["tensor"].computed, rows["tensor"].shape) == (True, (1_000,))
    assert "Tensor (not computed yet)" in repr(found)


def test_nor_is_a_mirror_that_an_op_will_have_made(everything, waiting):
    """Its bytes count already; whether a view shares them is not looked at."""
    tensor = everything["tensor"]
    with tf.device("CPU:0"):
        _ = tf.square(tensor)
    assert runtime.is_mirrored_on_host(tensor)
    found = take_inventory({"tensor": tensor})
    assert not runtime.is_ready(waiting)
    assert (found.rows[0].mirrors, found.held) == (("host",), {"XPU:0": 4_000, "host": 4_000})
    assert found.rows[0].unlocated == ()


def test_nor_is_a_mirror_on_an_accelerator(everything, waiting, accelerator):
    """Its bytes count; its address is not known before it is made."""
    host = everything["host"]
    with tf.device("XPU:0"):
        _ = tf.identity(host)
    before = accelerator.counters()
    found = take_inventory({"host": host})
    assert not runtime.is_ready(waiting)
    assert accelerator.counters() == before
    (row,) = found.rows
    assert (row.mirrors, row.unlocated) == (("XPU:0",), ("XPU:0",))
    assert found.held == {"host": 4_000, "XPU:0": 4_000}
    assert "Not known: whether host shares memory on XPU:0 with another tensor" in repr(found)


def test_computed_tensors_are_compared_all_the_same(aliases, waiting):
    found = take_inventory({**aliases, "waiting": waiting})
    assert [group.names for group in found.groups] == [("same", "shaped", "t")]
    assert not runtime.is_ready(waiting)


def test_a_tensor_whose_op_failed_has_no_address_but_its_failure(accelerator):
    """Raised before the runtime is asked: there the error would be nobody's to free."""
    with context.execution_mode(context.ASYNC):
        tensor = tf.py_function(lambda: 1 / 0, [], tf.float32)
        while not runtime.is_ready(tensor):
            time.sleep(0.01)
        with pytest.raises(tf.errors.UnknownError):
            runtime.address_on(tensor, "CPU:0")
        assert take_inventory({"tensor": tensor}).rows[0].unlocated == ()
        context.context().executor.clear_error()
