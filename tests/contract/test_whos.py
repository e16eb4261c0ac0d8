"""What an inventory says of real tensors, and that taking it leaves no trace."""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
import weakref

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import weak_tensor

from tests.contract.ops import ops_of, ops_that_wait
from tfnp_magic import facts, runtime
from tfnp_magic.whos import Holding, Inventory, InventoryError, take_inventory, tensors


@pytest.fixture(autouse=True, scope="module")
def _past_the_first_op():
    """Spend the first op of the process: it takes a slow path, where `squeeze` does not alias."""
    tf.squeeze(np.zeros(1))


def aligned(count):
    """Make a writable float32 array at an address that TensorFlow can share."""
    room = np.zeros(4 * count + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + 4 * count].view(np.float32)


def said(inventory):
    """Give the text with each sentence on one line."""
    return " ".join(repr(inventory).split())


def row_of(thing):
    """Give the one row of an inventory of one name."""
    (row,) = take_inventory({"x": thing}).rows
    return row


def shared(**namespace):
    """Names of each group."""
    return [group.names for group in take_inventory(namespace).groups]


def symbolic():
    seen = []
    tf.function(lambda x: seen.append(x), input_signature=[tf.TensorSpec([None, 3])])(
        tf.ones((1, 3))
    )
    return seen[0]


KINDS = [
    (lambda: tf.ones((2, 3)), ("Tensor", (2, 3), "float32", "CPU:0", 24)),
    (lambda: tf.constant(1), ("Tensor", (), "int32", "CPU:0", 4)),
    (lambda: tf.ones((0, 3)), ("Tensor", (0, 3), "float32", "CPU:0", 0)),
    (lambda: tf.ones(2, tf.bfloat16), ("Tensor", (2,), "bfloat16", "CPU:0", 4)),
    (lambda: tf.constant(["a", "bc"]), ("Tensor", (2,), "string", "CPU:0", None)),
    (lambda: tf.Variable([1.0]), ("Variable", (1,), "float32", "CPU:0", 4)),
    (lambda: tf.Variable([1.0], shape=[None]), ("Variable", (None,), "float32", "CPU:0", None)),
    (lambda: keras.Variable([1.0, 2.0]), ("Variable", (2,), "float32", "CPU:0", 8)),
    (
        lambda: tf.ragged.constant([[1, 2], [3]]),
        ("RaggedTensor", (2, None), "int32", "CPU:0", 12 + 24),
    ),
    (
        lambda: tf.RaggedTensor.from_uniform_row_length(tf.ones((6, 4)), 2),
        ("RaggedTensor", (3, None, 4), "float32", "CPU:0", 96 + 32),
    ),
    (
        lambda: tf.ragged.constant([[[1], [2, 3]], [[4]]]),
        ("RaggedTensor", (2, None, None), "int32", "CPU:0", 16 + 24 + 32),
    ),
    (
        lambda: tf.SparseTensor([[0, 1]], [1.0], [3, 4]),
        ("SparseTensor", (3, 4), "float32", "CPU:0", 4 + 16 + 16),
    ),
    (
        lambda: tf.IndexedSlices(tf.ones((2, 3)), tf.constant([0, 1]), tf.constant([5, 3])),
        ("IndexedSlices", (5, 3), "float32", "CPU:0", 24 + 8 + 8),
    ),
    (
        lambda: tf.IndexedSlices(tf.ones((2, 3)), tf.constant([0, 1])),
        ("IndexedSlices", None, "float32", "CPU:0", 24 + 8),
    ),
    (
        lambda: tf.TensorArray(tf.float32, 3, element_shape=[2]),
        ("TensorArray", (3, 2), "float32", None, 0),
    ),
    (symbolic, ("SymbolicTensor", (None, 3), "float32", None, None)),
    (lambda: keras.Input((3,)), ("SymbolicTensor", (None, 3), "float32", None, None)),
    (lambda: np.zeros((2, 3)), ("ndarray", (2, 3), "float64", "host", 48)),
    (lambda: pd.Series([1, 2, 3]), ("Series", (3,), "int64", "host", 24)),
    (
        lambda: pd.Series([1, None], dtype="Int64"),
        ("Series", (2,), "Int64", "host", 18),
    ),
    (
        lambda: pd.DataFrame({"x": [1.0], "y": [2], "z": [3.0]}),
        ("DataFrame", (1, 3), "float64, int64", "host", 24),
    ),
    (lambda: pd.DataFrame(), ("DataFrame", (0, 0), "", "host", 0)),
    (lambda: pd.Index([1, 2]), ("Index", (2,), "int64", "host", 16)),
    (lambda: pd.RangeIndex(5), ("Index", (5,), "int64", "host", 0)),
    (
        lambda: pd.MultiIndex.from_product([[1.0, 2.0], [3]]),
        ("Index", (2,), "object", "host", 2 + 2 + 16 + 8),
    ),
]


@pytest.mark.parametrize(("make", "expected"), KINDS)
def test_each_kind_is_listed_with_its_shape_dtype_device_and_bytes(make, expected):
    row = row_of(make())
    assert (row.kind, row.shape, row.dtype, row.device, row.nbytes) == expected


def test_where_a_tensor_is_held_is_told_apart_from_its_device():
    assert (row_of(tf.ones(1)).device, row_of(tf.ones(1)).backing_device) == ("CPU:0", "CPU:0")
    x = Holding("x", "Tensor", device="XPU:0", backing_device="CPU:0")
    assert "XPU:0 (in host memory)" in said(Inventory((x,), (), {}))


def test_mirrors_are_asked_for_only_where_there_are_several_devices(monkeypatch):
    asked = []
    monkeypatch.setattr(runtime, "mirrors_of", lambda tensor: asked.append(tensor) or ())
    row_of(tf.ones(1))
    assert not asked
    monkeypatch.setattr(runtime, "has_several_devices", lambda: True)
    row_of(tf.ones(1))
    assert len(asked) == 1


def test_a_mirror_on_another_cpu_is_no_copy(monkeypatch):
    """The runtime lends the buffer, as a process with two logical CPUs shows."""
    monkeypatch.setattr(runtime, "has_several_devices", lambda: True)
    monkeypatch.setattr(runtime, "mirrors_of", lambda tensor: frozenset({"CPU:1"}))
    found = take_inventory({"t": tf.ones(3)})
    assert (found.rows[0].mirrors, found.held) == ((), {"host": 12})


def test_a_runtime_that_cannot_be_asked_costs_only_what_it_would_have_told(monkeypatch):
    monkeypatch.setattr(runtime, "has_several_devices", lambda: 1 / 0)
    row = row_of(tf.ones(3))
    assert (row.shape, row.nbytes, row.mirrors) == ((3,), 12, ())


@pytest.mark.parametrize(
    ("device", "place"),
    [
        (None, "host"),
        ("/job:localhost/replica:0/task:0/device:CPU:1", "host"),
        ("/job:localhost/replica:0/task:0/device:GPU:1", "GPU:1"),
        ("/device:GPU:1", "GPU:1"),
        ("/job:far/replica:0/task:1/device:CPU:0", "CPU:0 of /job:far/replica:0/task:1"),
    ],
)
def test_bytes_are_counted_on_their_device_and_those_of_any_cpu_here_on_the_host(device, place):
    assert tensors._place(device) == place


def test_the_total_tells_places_apart_with_host_memory_last():
    def total(**held):
        row = Holding("x", "Tensor", nbytes=1)
        places = {place.replace("_", ":"): nbytes for place, nbytes in held.items()}
        return repr(Inventory((row,), (), places)).partition("\n\n")[0].replace("\n", " ")

    assert total(host=2_000) == "1 name holds 2.0 kB."
    assert total(GPU_0=2_000, host=0) == "1 name holds 2.0 kB on GPU:0."
    assert total(host=1_000, GPU_10=1_000, GPU_2=2_000) == (
        "1 name holds 4.0 kB: 2.0 kB on GPU:2, 1.0 kB on GPU:10 and 1.0 kB in host memory."
    )


def test_it_is_said_of_which_tensors_elsewhere_the_memory_could_not_be_compared():
    x = Holding("x", "Tensor", device="XPU:0", backing_device="XPU:0", unlocated=("XPU:0",))
    y = Holding("y", "Tensor", mirrors=("XPU:0", "XPU:1"), unlocated=("XPU:0", "XPU:1"))
    z = Holding("z", "Tensor", device="XPU:0", backing_device="XPU:0")
    v = Holding("v", "Variable", device="XPU:2", backing_device="XPU:2", unlocated=("XPU:2",))
    assert (
        "Not known: whether x shares memory on XPU:0 with another tensor there. It is counted in "
        "full." in said(Inventory((v, x, z), (), {}))
    )
    assert (
        "Not known: whether x and y share memory on XPU:0 and XPU:1 with another tensor there. "
        "Each is counted in full." in said(Inventory((x, y), (), {}))
    )
    assert "with another tensor there" not in said(Inventory((v, z), (), {}))
    assert "Not known" not in said(take_inventory({"t": tf.ones(1), "a": np.ones(1)}))


def test_numbers_strings_and_functions_are_not_listed():
    namespace = {
        "a": 1,
        "b": "text",
        "c": np.float32(1),
        "d": tf.float32,
        "e": tf,
        "f": [np.ones(1)],
    }
    assert not take_inventory(namespace).rows


def test_a_tensor_array_keeps_its_reminder_to_be_used():
    written = tf.TensorArray(tf.float32, 3, element_shape=[2]).write(0, [1.0, 2.0])
    reminder = written._tf_should_use_helper
    before = dict(vars(reminder))
    row = row_of(written)
    assert (row.kind, row.shape, row.nbytes) == ("TensorArray", (3, 2), 8)
    assert vars(reminder) == before
    written.mark_used()


def test_replicas_of_a_distributed_variable_count():
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        variable = tf.Variable([1.0, 2.0])
    row = row_of(variable)
    assert (row.kind, row.nbytes, row.device) == ("Variable", 8, "CPU:0")


# ---- sharing ----------------------------------------------------------------------------


def test_asarray_shares_with_its_tensor_and_numpy_does_not():
    t = tf.range(100.0)
    assert shared(t=t, view=np.asarray(t), copy=t.numpy()) == [("t", "view")]
    assert sum(take_inventory({"t": t, "view": np.asarray(t)}).held.values()) == 400


def test_a_squeezed_array_shares_and_its_writable_end_is_warned_of():
    a = aligned(100)
    t = tf.squeeze(a)
    a[0] = 7
    assert t[0] == 7
    found = take_inventory({"a": a, "t": t})
    (group,) = found.groups
    assert (group.names, group.writable, group.tensors) == (("a", "t"), ("a",), ("t",))
    assert "Warning: a is writable; writing there can change t." in said(found)
    assert "Warning: a is writable" in found._repr_html_()
    assert "Warning" not in said(take_inventory({"t": t, "view": np.asarray(t)}))


def test_a_frame_shares_with_the_array_below_and_with_its_columns():
    a = np.zeros((50, 4))
    frame = pd.DataFrame(a, columns=list("wxyz"), copy=False)
    found = take_inventory({"a": a, "frame": frame, "column": frame["x"], "copy": frame.copy()})
    assert [group.names for group in found.groups] == [("a", "column", "frame")]
    assert sum(found.held.values()) == 2 * a.nbytes
    assert shared(a=a[:, 0], column=frame["x"]) == []


def test_a_frame_below_a_tensor_is_warned_of():
    a = aligned(100)
    t, frame = tf.squeeze(a), pd.DataFrame(a.reshape(25, 4), copy=False)
    found = take_inventory({"frame": frame, "t": t})
    assert "Warning: frame is writable; writing there can change t." in said(found)


def test_extension_columns_share_by_their_array_and_are_not_converted():
    days = np.array(["2020-01-01", "2021-01-01"], "datetime64[ns]")
    series = pd.Series(days, copy=False)
    assert shared(days=days, series=series) == [("days", "series")]
    words = pd.Series(["a", "b"], dtype="category")
    # What pandas 2 hands out as codes is a view of them, and what pandas 3 does is a copy.
    codes = [("codes", "words")] if pd.__version__ < "3" else []
    assert shared(words=words, codes=words.cat.codes) == codes


def test_parts_of_composite_tensors_share_with_them():
    values = tf.range(6.0)
    ragged = tf.RaggedTensor.from_row_splits(values, [0, 2, 6])
    slices = tf.IndexedSlices(values, tf.range(6))
    sparse = tf.SparseTensor([[0]], [1.0], [3])
    assert shared(v=values, ragged=ragged, slices=slices) == [("ragged", "slices", "v")]
    assert shared(indices=np.asarray(sparse.indices), sparse=sparse) == [("indices", "sparse")]


def test_two_names_of_one_object_are_a_group():
    t, v, k = tf.constant(1.0), tf.Variable([1.0]), keras.Variable([1.0])
    found = take_inventory({"t1": t, "t2": t, "v1": v, "v2": v, "k": k, "below": k._value})
    assert [group.names for group in found.groups] == [("below", "k"), ("t1", "t2"), ("v1", "v2")]
    assert sum(found.held.values()) == 12


def test_scalar_and_empty_tensors_share_with_nobody():
    one, none = tf.constant(1.0), tf.zeros((0,))
    assert not shared(
        one=one, read=one.numpy(), asarray=np.asarray(one), none=none, n=np.asarray(none)
    )


def test_a_bfloat16_view_is_writable_and_warned_of():
    t = tf.ones(8, tf.bfloat16)
    found = take_inventory({"t": t, "view": np.asarray(t)})
    assert found.groups[0].writable == ("view",)
    assert "Warning" in said(found)


def test_it_is_said_that_a_variables_memory_is_not_known():
    assert "Not known: whether v shares memory" in said(take_inventory({"v": tf.Variable([1.0])}))


def test_the_frame_has_stable_columns():
    t = tf.range(100.0)
    frame = take_inventory({"t": t, "view": np.asarray(t), "s": tf.constant(["a"])}).to_frame()
    assert list(frame.columns) == [
        *("name", "kind", "shape", "dtype", "device", "bytes"),
        *("contiguous", "aligned", "writable", "shares_with"),
        *("backing_device", "mirrors", "computed", "group", "also", "converting", "why"),
    ]
    assert list(frame["shares_with"]) == ["", "view", "t"]
    assert frame["bytes"].isna().tolist() == [True, False, False]
    empty = take_inventory({}).to_frame()
    assert empty.dtypes.equals(frame.dtypes)


def test_kinds_and_names_filter_together():
    namespace = {"t": tf.ones(1), "v": tf.Variable([1.0]), "a": np.ones(1), "s": pd.Series([1])}
    listed = take_inventory(namespace, ["t", "v", "s"], ["variable", "pandas"]).rows
    assert [row.name for row in listed] == ["s", "v"]
    with pytest.raises(InventoryError, match="'w'"):
        take_inventory(namespace, ["w"])


# ---- no trace ---------------------------------------------------------------------------


@pytest.fixture
def everything():
    return {f"x{number}": make() for number, (make, _) in enumerate(KINDS)}


def test_looking_runs_no_op(everything):
    assert ops_of(lambda: take_inventory(everything)) == []


def test_looking_converts_nothing(everything, monkeypatch):
    """Neither through a method that the tracer hooks, nor `Variable.numpy` or pandas."""
    calls = []

    def hook(owner, name):
        original = owner.__dict__[name]

        def hooked(*args, **kwargs):
            calls.append(name)
            return original(*args, **kwargs)

        hooked.__wrapped__ = original
        monkeypatch.setattr(owner, name, hooked)

    tensor_type = facts.eager_tensor_type()
    for name in ("numpy", "_numpy", "_numpy_internal", "__array__", "_copy_to_device"):
        hook(next(base for base in tensor_type.__mro__ if name in vars(base)), name)
    hook(type(tf.Variable(0)).__mro__[1], "numpy")
    for pandas_type in (pd.Series, pd.DataFrame, pd.Index):
        hook(next(base for base in pandas_type.__mro__ if "__array__" in vars(base)), "__array__")
    take_inventory(everything)
    assert calls == []
    tf.ones(2).numpy()
    assert calls, "the hooks must be able to see a conversion"


def test_looking_allocates_no_array():
    big = {"t": tf.zeros(10_000_000), "a": np.zeros(10_000_000)}
    big["frame"] = pd.DataFrame(big["a"], copy=False)
    tracemalloc.start()
    try:
        take_inventory(big)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_looking_keeps_nothing_alive(everything):
    gc.collect()
    before = {name: sys.getrefcount(thing) for name, thing in everything.items()}
    found = take_inventory(everything)
    assert {name: sys.getrefcount(thing) for name, thing in everything.items()} == before
    array, tensor = np.zeros(4), tf.zeros(4)
    found = take_inventory({"a": array, "t": tensor, "view": array[1:]})
    gone = [weakref.ref(array), weakref.ref(tensor)]
    gc.disable()
    try:
        del array, tensor
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()
    assert len(found.rows) == 3


def test_looking_leaves_random_state_and_values():
    def draw(look):
        tf.random.set_seed(7)
        np.random.seed(7)
        t, v = tf.random.uniform([3]), tf.Variable([1.0])
        if look:
            take_inventory({"t": t, "v": v})
        return *t.numpy(), *tf.random.uniform([3]).numpy(), *v.numpy(), *np.random.random(2)

    assert draw(look=True) == draw(look=False)


def test_looking_does_not_record_on_a_tape():
    v, t = tf.Variable([3.0]), tf.constant([2.0])
    with tf.GradientTape() as tape:
        take_inventory({"v": v, "t": t})
        watched = tape.watched_variables()
        y = v * v * t
    assert watched == ()
    assert tape.gradient(y, v)[0] == 12


def test_looking_does_not_make_a_variable_copy_on_its_next_write():
    """A second reference to a Variable's memory would make `assign_add` copy it."""
    v = tf.Variable(tf.zeros(1000))
    v.assign_add(tf.ones(1000))
    address = np.asarray(v.read_value()).ctypes.data
    take_inventory({"v": v})
    v.assign_add(tf.ones(1000))
    assert np.asarray(v.read_value()).ctypes.data == address


@pytest.fixture
def waiting():
    """Make tensors whose op waits for the end of the test, and with it all ops after it."""
    with ops_that_wait(np.ones(3, np.float32)) as make:
        yield make


def test_a_tensor_that_is_not_computed_yet_is_not_waited_for(waiting):
    t = waiting()
    found = take_inventory({"t": t})
    assert not runtime.is_ready(t)
    (row,) = found.rows
    assert (row.kind, row.dtype, row.device) == ("Tensor", "float32", "CPU:0")
    assert (row.computed, row.shape, row.nbytes, row.aligned) == (False, None, None, None)
    assert "Tensor (not computed yet)" in said(found)
    assert "Not waited for: t. What is unknown of it was not asked" in said(found)
    assert found.to_frame()["computed"].tolist() == [False]


def tensor_array_of(tensor):
    """Put it there without `write`, which waits for its shape."""
    tensors = tf.TensorArray(tf.float32, 1)
    tensors._implementation._tensor_array[0] = tensor
    return tensors


WAITING = [
    (lambda t: tf.IndexedSlices(t, tf.range(3)), "IndexedSlices"),
    (weak_tensor.WeakTensor, "Tensor"),
    (tensor_array_of, "TensorArray"),
]
"""Ragged and sparse tensors ask the shapes of their parts when they are made, and so wait."""


@pytest.mark.parametrize(("make", "kind"), WAITING)
def test_nor_is_what_it_is_a_part_of(waiting, make, kind):
    t = waiting()
    row = row_of(make(t))
    assert not runtime.is_ready(t)
    assert (row.kind, row.computed, row.nbytes) == (kind, False, None)


def test_nor_is_a_variable_that_is_being_assigned_to(waiting):
    v = tf.Variable([1.0, 2.0, 3.0])
    t = waiting()
    tf.raw_ops.AssignVariableOp(resource=v.handle, value=t)  # `assign` asks for the shape
    row = row_of(v)
    assert not runtime.is_ready(t)
    assert (row.shape, row.nbytes, row.computed) == ((3,), 12, True)


def test_what_is_not_known_to_be_computed_is_said_so(waiting, monkeypatch):
    """As on a system where TensorFlow's runtime cannot be asked."""
    t = waiting()
    monkeypatch.setattr(runtime, "_functions", lambda: None)
    found = take_inventory({"t": t})
    assert (found.rows[0].computed, found.rows[0].shape) == (None, None)
    assert "Tensor (may not be computed yet)" in said(found)


def test_a_tensor_whose_op_failed_is_listed_and_the_failure_kept():
    with context.execution_mode(context.ASYNC):
        t = tf.py_function(lambda: 1 / 0, [], tf.float32)
        while not runtime.is_ready(t):
            time.sleep(0.01)
        row = row_of(t)
        assert (row.kind, row.dtype, row.shape, row.nbytes) == ("Tensor", "float32", None, None)
        with pytest.raises(tf.errors.UnknownError):
            t.numpy()
        context.context().executor.clear_error()


# ---- weird objects ----------------------------------------------------------------------


class Touchy:
    """Whoever reads an attribute of it, its class included, is told off."""

    def __getattribute__(self, name):
        raise SystemError(f"{name} was read")


class Meta(type):
    __hash__ = None

    def __eq__(cls, other):
        raise SystemError("compared")


class Unhashable(metaclass=Meta):
    pass


class Liar:
    __class__ = np.ndarray


class BrokenArray(np.ndarray):
    @property
    def shape(self):
        raise RuntimeError("no shape")

    @property
    def __array_interface__(self):
        raise RuntimeError("no interface")


class BrokenFrame(pd.DataFrame):
    @property
    def shape(self):
        raise RuntimeError("no shape")


def test_strangers_are_not_touched():
    namespace = {"a": Touchy(), "b": Unhashable(), "c": Liar(), "d": type, "e": Meta, 3: np.ones(1)}
    assert not take_inventory(namespace).rows


def test_what_is_broken_is_unknown_and_the_rest_is_listed():
    gone = tf.Variable([1.0])
    del gone._handle
    frame = BrokenFrame({"x": [1]})
    found = take_inventory({"frame": frame, "gone": gone, "good": np.zeros(2)})
    rows = {row.name: row for row in found.rows}
    assert (rows["frame"].kind, rows["frame"].nbytes) == ("DataFrame", None)
    assert (rows["gone"].kind, rows["gone"].shape, rows["gone"].device) == ("Variable", (1,), None)
    assert rows["good"].nbytes == 16
    assert repr(found).startswith("3 names hold at least ")
    assert "?" in found._repr_html_()


def test_an_array_of_a_class_with_broken_properties_is_read_below_them():
    row = row_of(np.zeros(3).view(BrokenArray))
    assert (row.shape, row.nbytes, row.note) == ((3,), 24, "BrokenArray")


def unlike_arrays():
    """Give arrays that differ from another one in a single fact that their conversion goes by."""
    room = np.zeros(4096, np.uint8)
    start = -room.ctypes.data % 64
    aligned = room[start : start + 64].view(np.float32)
    read_only = aligned[:]
    read_only.flags.writeable = False
    return {
        "aligned": aligned,
        "unaligned": room[start + 4 : start + 68].view(np.float32),
        "read_only": read_only,
        "longer": room[start : start + 128].view(np.float32),
        "of_integers": aligned.view(np.int32),
        "of_booleans": room[start : start + 64].view(np.bool_),
        "swapped": aligned.view(aligned.dtype.newbyteorder()),
        "gapped": room[start : start + 128].view(np.float32)[::2],
        "masked": np.ma.masked_array(aligned, np.zeros(16, bool)),
        "of_objects": np.array([None] * 8),
        "empty": aligned[:0],
    }


def test_of_many_arrays_each_is_told_what_it_is_told_alone():
    tf.constant(1)
    arrays = unlike_arrays()
    together = {row.name: row.conversions for row in take_inventory(arrays).rows}
    backwards = {f"{99 - n}": array for n, array in enumerate(arrays.values())}
    others = take_inventory(backwards).rows
    alone = {name: take_inventory({name: a}).rows[0].conversions for name, a in arrays.items()}
    assert together == alone
    assert sorted(map(repr, together.values())) == sorted(repr(row.conversions) for row in others)
    assert len(set(map(repr, alone.values()))) > 7, "they must not be told all the same"
