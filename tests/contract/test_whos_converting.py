"""What an inventory says that converting would do, held against what it then does.

Two witnesses know nothing of the prediction: addresses (two views of one memory share it, two
copies do not), and what a trace of the conversion counts.
"""

from __future__ import annotations

import pickle
import subprocess
import sys

import keras
import ml_dtypes
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow.python.framework import weak_tensor

import tfnp_magic
from tests.contract.arrays import aligned, at_offset, misaligned
from tests.contract.ops import ops_that_wait
from tfnp_magic import runtime
from tfnp_magic.whos import take_inventory
from tfnp_magic.whos.look import REFUSED

F = np.arange(200, dtype="f4").reshape(50, 4)
D = F.astype("f8")


class Own(np.ndarray):
    """A subclass that copies as ndarray does."""


class Counting(np.ndarray):
    """A subclass that copies in its own way."""

    def copy(self, order="C"):
        return super().copy(order)


def readonly(array):
    array.flags.writeable = False
    return array


def symbolic():
    seen = []
    tf.function(seen.append, input_signature=[tf.TensorSpec([3])])(tf.ones(3))
    return seen[0]


def series(array):
    return pd.Series(array, copy=False)


def frame(array):
    return pd.DataFrame(array, copy=False)


def column_by_column():
    made = pd.DataFrame(index=range(50))
    for column in range(3):
        made[f"c{column}"] = D[:, column]
    return made


stranger = getattr(ml_dtypes, "float8_e3m4", np.dtype("V4"))

NUMBERS = [
    *("bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"),
    *(ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fn, ml_dtypes.int4),
]

ARRAYS = {
    f"{np.dtype(dtype)} {how.__name__}": lambda dtype=dtype, how=how: how(F.astype(dtype))
    for dtype in NUMBERS
    for how in (aligned, misaligned)
} | {
    "0-d aligned": lambda: aligned(F[:1, 0]).reshape(()),
    "0-d misaligned": lambda: misaligned(F[:1, 0]).reshape(()),
    "empty": lambda: np.zeros((0, 3), "f4"),
    "one byte on": lambda: at_offset(F, 1),
    "64 bytes on": lambda: at_offset(F, 64),
    "read-only aligned": lambda: readonly(aligned(F)),
    "read-only misaligned": lambda: readonly(misaligned(F)),
    "every other column": lambda: aligned(F)[:, ::2],
    "every other row": lambda: aligned(F)[::2],
    "reversed": lambda: aligned(F)[::-1],
    "transposed": lambda: aligned(F).T,
    "Fortran order": lambda: np.asfortranarray(F),
    "one column is contiguous": lambda: aligned(F[:, :1]).T,
    "broadcast": lambda: np.broadcast_to(aligned(F[0]), (50, 4)),
    "a slice that is aligned": lambda: aligned(F)[4:],
    "a slice that is not": lambda: aligned(F)[1:],
    "big-endian aligned": lambda: aligned(F.astype(">f4")),
    "big-endian integers": lambda: aligned(F.astype(">i8")),
    "matrix aligned": lambda: aligned(F).view(np.matrix),
    "matrix misaligned": lambda: misaligned(F).view(np.matrix),
    "subclass": lambda: aligned(F).view(Own),
    "subclass misaligned": lambda: misaligned(F).view(Own),
    "subclass with a copy of its own": lambda: aligned(F).view(Counting),
    "masked": lambda: np.ma.array(aligned(F), mask=F > 5, copy=False),
    "without a mask": lambda: np.ma.array(misaligned(F), copy=False),
    "text": lambda: np.array(["a", "bc"]),
    "bytes": lambda: np.array([b"a", b"bc"]),
    "objects": lambda: np.array(["a", "b"], object),
    "structured": lambda: np.zeros(3, "i4,f4"),
    "record": lambda: np.rec.array([(1, 2.0)]),
    "datetime": lambda: np.zeros(3, "M8[ns]"),
    "timedelta": lambda: np.zeros(3, "m8[s]"),
    "long double": lambda: np.zeros(3, np.longdouble),
    "void": lambda: np.zeros(3, "V4"),
    "a dtype that TensorFlow does not know": lambda: np.zeros(3, stranger),
    "empty dates": lambda: np.zeros(0, "M8[s]"),
    "a view of a tensor": lambda: np.asarray(tf.constant(F) * 1),
}

TENSORS = {
    **{
        f"tensor of {dtype}": lambda dtype=dtype: tf.cast(tf.constant(F), dtype)
        for dtype in ("bool", "int8", "int32", "int64", "uint8", "float16", "float32", "float64")
    },
    "tensor of complex64": lambda: tf.cast(tf.constant(F), tf.complex64),
    "tensor of bfloat16": lambda: tf.cast(tf.constant(F), tf.bfloat16),
    "tensor of float8": lambda: tf.cast(tf.constant(F), tf.dtypes.experimental.float8_e5m2),
    "tensor of int4": lambda: tf.cast(tf.ones(8, tf.int8), tf.dtypes.experimental.int4),
    "tensor of qint8": lambda: tf.bitcast(tf.ones(8, tf.int8), tf.qint8),
    "scalar tensor": lambda: tf.constant(1.5),
    "scalar integer": lambda: tf.constant(3),
    "scalar of bfloat16": lambda: tf.constant(1.5, tf.bfloat16),
    "empty tensor": lambda: tf.zeros((0, 3)),
    "tensor of strings": lambda: tf.constant(["a", "bc"]),
    "one string": lambda: tf.constant("abc"),
    "resource": lambda: tf.Variable([1.0]).handle,
    "variant": lambda: tf.data.Dataset.range(3)._variant_tensor,
    "weak tensor": lambda: weak_tensor.WeakTensor(tf.ones(4)),
    "weak scalar": lambda: weak_tensor.WeakTensor(tf.constant(1.0)),
    "tensor of an array's memory": lambda: tf.squeeze(aligned(F)),
    "Variable": lambda: tf.Variable(F),
    "scalar Variable": lambda: tf.Variable(1.0),
    "Variable of bfloat16": lambda: tf.Variable(tf.ones(8, tf.bfloat16)),
    "Variable of int32": lambda: tf.Variable(F.astype("i4")),
    "Variable of strings": lambda: tf.Variable(["a"]),
    "Variable of no fixed shape": lambda: tf.Variable([1.0], shape=[None]),
    "Keras Variable": lambda: keras.Variable(F),
    "Variable with sparse updates": lambda: scattered(tf.Variable(F)),
    "ragged": lambda: tf.RaggedTensor.from_row_splits(tf.range(100.0), [0, 30, 100]),
    "ragged, rows alike": lambda: tf.RaggedTensor.from_row_splits(tf.range(100.0), [0, 50, 100]),
    "ragged of ragged": lambda: tf.ragged.constant([[[1.0], [2.0, 3.0]], [[4.0]]]),
    "ragged strings": lambda: tf.ragged.constant([["a"], ["b", "c"]]),
    "sparse": lambda: tf.SparseTensor([[0, 1]], [1.0], [3, 4]),
    "slices": lambda: tf.IndexedSlices(tf.ones((2, 3)), tf.constant([0, 1]), tf.constant([5, 3])),
    "tensor array": lambda: tf.TensorArray(tf.float32, 3).unstack(tf.ones(3)),
    "Keras input": lambda: keras.Input((3,)),
    "symbolic": symbolic,
}


def scattered(variable):
    """Turn on copy-on-read, as an embedding's gradient does."""
    variable.scatter_update(tf.IndexedSlices(tf.ones((1, 4)), [0]))
    return variable


PANDAS = {
    **{
        f"Series of {np.dtype(dtype)} {how.__name__}": lambda dtype=dtype, how=how: series(
            how(F[:, 0].astype(dtype))
        )
        for dtype in ("bool", "i4", "i8", "u1", "f4", "f8", "c16")
        for how in (aligned, misaligned)
    },
    "Series of every other": lambda: series(aligned(D)[:, 0]),
    "Series backwards": lambda: series(aligned(D[:, 0])[::-1]),
    "empty Series": lambda: pd.Series([], dtype=float),
    "Series of dates": lambda: pd.Series(pd.date_range("2020", periods=3)),
    "Series of dates with a zone": lambda: pd.Series(pd.date_range("2020", periods=3, tz="UTC")),
    "Series of strings": lambda: pd.Series(["a", "b"], dtype="string"),
    "Series of objects": lambda: pd.Series(["a", "b"], dtype=object),
    "Series of categories": lambda: pd.Series([7, 8], dtype="category"),
    "nullable Series": lambda: pd.Series([1, 2], dtype="Int64"),
    "Index aligned": lambda: pd.Index(aligned(D[:, 0]), copy=False),
    "Index misaligned": lambda: pd.Index(misaligned(D[:, 0]), copy=False),
    "RangeIndex": lambda: pd.RangeIndex(5),
    "DatetimeIndex": lambda: pd.date_range("2020", periods=3),
    "MultiIndex": lambda: pd.MultiIndex.from_product([[1.0, 2.0], [3]]),
    "DataFrame aligned": lambda: frame(aligned(D)),
    "DataFrame misaligned": lambda: frame(misaligned(D)),
    "DataFrame by columns": lambda: pd.DataFrame({"x": D[:, 0], "y": D[:, 1]}),
    "DataFrame in Fortran order": lambda: frame(np.asfortranarray(D)),
    "DataFrame of one column": lambda: frame(aligned(D[:, :1])),
    "DataFrame of one row": lambda: frame(aligned(D.reshape(1, 200))),
    "DataFrame of many blocks": column_by_column,
    "DataFrame of floats and integers": lambda: pd.DataFrame({"x": D[:, 0], "y": range(50)}),
    "DataFrame of two floats": lambda: pd.DataFrame({"x": F[:, 0], "y": D[:, 0]}),
    "DataFrame of integers and truth": lambda: pd.DataFrame({"x": range(50), "y": [True] * 50}),
    "DataFrame of numbers and text": lambda: pd.DataFrame({"x": [1.0], "y": ["a"]}),
    "DataFrame of dates": lambda: pd.DataFrame({"x": pd.date_range("2020", periods=3)}),
    "empty DataFrame": lambda: pd.DataFrame(),
}

MAKERS = {**ARRAYS, **TENSORS, **PANDAS}

UNKNOWN_OUTCOME = "unknown"
UNKNOWN = {
    "subclass with a copy of its own": "tf.constant",
    "objects": "tf.constant",
    "Series of dates with a zone": "tf.constant",
    "Series of objects": "tf.constant",
    "Series of categories": "tf.constant",
    "nullable Series": "tf.constant",
    "RangeIndex": "tf.constant",
    "MultiIndex": "tf.constant",
    "DataFrame of integers and truth": "tf.constant",
    "DataFrame of numbers and text": "tf.constant",
    "empty DataFrame": "tf.constant",
}
"""What is not predicted, by the route of which it is not; all else is, and must be right."""


def tensor_beside(array):
    """A tensor that an operator takes the array beside."""
    return tf.zeros(array.shape, array.dtype.newbyteorder("="))


ROUTES = {
    "tf.constant": tf.constant,
    "tf.squeeze": tf.squeeze,
    "np.asarray": np.asarray,
    ".numpy()": lambda thing: thing.numpy(),
}


def conversions(thing):
    (row,) = take_inventory({"x": thing}).rows
    return row.conversions


def converted(route, thing):
    """What came out, or the error; and the crossings that a trace counted."""
    if route == "t - a":
        beside = tensor_beside(thing)
        with tfnp_magic.trace() as recording:
            out = _tried(lambda: beside - thing)
    else:
        with tfnp_magic.trace() as recording:
            out = _tried(lambda: ROUTES[route](thing))
    assert not recording.lost
    return out, recording.ledger


def _tried(call):
    try:
        return call()
    except Exception as error:
        return error


def is_refused(out):
    """Whether it raised, or gave an array of one object."""
    return isinstance(out, Exception) or (
        isinstance(out, np.ndarray) and out.dtype == object and not out.ndim and out.size == 1
        and not isinstance(out.item(), bytes)
    )  # fmt: skip


def shares(route, thing):
    """Whether what comes out lies in the object's own memory, by addresses alone."""
    if route in ("np.asarray", ".numpy()"):
        one, other = (np.asarray(ROUTES[route](thing)) for _ in range(2))
        return np.shares_memory(one, other)
    if route in ("t - a", "tf.squeeze"):
        return np.shares_memory(np.asarray(tf.squeeze(thing)), np.ndarray.view(thing, np.ndarray))
    return np.shares_memory(np.asarray(tf.constant(thing)), np.asarray(thing))


CASES = [
    (name, place)
    for name, make in MAKERS.items()
    for place in range(2 if name in ARRAYS or name in TENSORS else 1)
]


@pytest.fixture(scope="module", autouse=True)
def _past_the_first_op():
    """The first op of a process takes a slow path, where nothing is read in place."""
    tf.squeeze(np.zeros(1))


@pytest.mark.parametrize(("name", "place"), CASES, ids=[f"{n}-{p}" for n, p in CASES])
def test_what_is_predicted_happens(name, place):
    thing = MAKERS[name]()
    told = conversions(thing)
    assert told, "everything listed has a prediction, if only that it is unknown"
    if place >= len(told):
        return
    said = told[place]
    assert (said.outcome == UNKNOWN_OUTCOME) == (UNKNOWN.get(name) == said.route)
    if said.outcome == UNKNOWN_OUTCOME:
        assert (said.copied_bytes, said.moved_bytes, said.evidence) == (None, None, "")
        return
    out, ledger = converted(said.route, thing)
    assert said.moved_bytes == 0
    assert (said.outcome == REFUSED) == is_refused(out), out
    if said.outcome == REFUSED:
        return
    nbytes = take_inventory({"x": thing}).rows[0].nbytes
    if (nbytes and said.copied_bytes is not None) or said.bounds:
        assert shares(said.route, thing) == (said.outcome == "view")
    check_bytes(said, ledger)


def check_bytes(said, ledger):
    counted = [crossing.copied_bytes for crossing in ledger]
    if not counted or None in counted or (said.copied_bytes is None and not said.bounds):
        return
    if said.bounds:
        least, most = said.bounds
        assert least <= sum(counted) <= (sum(counted) if most is None else most)
    else:
        assert sum(counted) == said.copied_bytes


def test_nearly_all_is_predicted():
    assert len(CASES) > 200
    assert len(UNKNOWN) < 0.1 * len(MAKERS)


# ---- what is said -----------------------------------------------------------------------


def test_the_usual_way_comes_first():
    def routes(thing):
        return [said.route for said in conversions(thing)]

    assert routes(tf.ones(3)) == routes(tf.Variable([1.0])) == ["np.asarray", ".numpy()"]
    assert routes(np.ones(3)) == ["tf.constant", "t - a"]
    assert routes(np.ones(3, bool)) == ["tf.constant", "tf.squeeze"]
    assert routes(pd.Series([1.0])) == routes(pd.DataFrame({"x": [1.0]})) == ["tf.constant"]
    assert routes(tf.ragged.constant([[1]])) == [".numpy()"]


SAID = [
    (lambda: tf.ones(3), 0, "host memory, read in place; the array is read-only"),
    (lambda: tf.ones(3), 1, "`.numpy()` always copies"),
    (lambda: tf.ones(3, tf.bfloat16), 0, "writing to it changes the tensor"),
    (lambda: weak_tensor.WeakTensor(tf.ones(4)), 0, "writing to it changes the tensor"),
    (lambda: aligned(F), 1, "64-byte aligned: read in place; tf.squeeze and such share it"),
    (lambda: aligned(F), 1, "writing changes the tensor"),
    (lambda: misaligned(F), 1, "not 64-byte aligned, so TensorFlow copies it"),
    (lambda: F.T, 1, "not contiguous in C order, so NumPy copies it first"),
    (lambda: F.astype(">f4"), 1, "not in the machine's byte order"),
    (lambda: F.astype(">f4"), 0, "bytes are swapped"),
    (lambda: np.zeros(9, "u1")[1:].view("f4"), 1, "its elements are not aligned"),
    (lambda: np.ma.array(F, mask=F > 5), 0, "its mask is dropped"),
    (lambda: np.zeros(2, "M8[s]"), 0, "TensorFlow has no dtype for datetime64[s]"),
    (lambda: series(aligned(D[:, 0])), 0, "the tensor shares its memory; writing changes"),
    (column_by_column, 0, "its columns are joined to an array of float64"),
    (lambda: tf.Variable([1.0]), 0, "after a sparse update copied before that, too"),
    (lambda: keras.Input((3,)), 0, "it has no values"),
    (lambda: tf.SparseTensor([[0]], [1.0], [3]), 0, "tf.sparse.to_dense"),
]


@pytest.mark.parametrize(("make", "place", "reason"), SAID)
def test_reasons_are_in_plain_words(make, place, reason):
    assert reason in conversions(make())[place].reason


@pytest.mark.parametrize("name", TENSORS)
def test_a_view_is_said_to_be_writable_if_and_only_if_it_is(name):
    thing = TENSORS[name]()
    said = conversions(thing)[0]
    if said.outcome == "view" and said.reason != "no elements":
        writable = np.asarray(thing).flags.writeable
        assert writable == ("writing to it changes the tensor" in said.reason)


def test_a_read_only_array_is_not_said_to_be_written_to():
    assert "writing" not in conversions(readonly(aligned(F)))[1].reason


def test_reasons_fit_a_table():
    for make in MAKERS.values():
        for said in conversions(make()):
            assert len(said.reason) <= 100
            assert said.evidence in ("observed", "inferred", "")
            assert said.bounds is None or said.copied_bytes is None


# ---- no trace ---------------------------------------------------------------------------


def test_a_tensor_whose_op_waits_is_not_predicted_and_not_waited_for():
    with ops_that_wait(np.ones(3, np.float32)) as make:
        waiting = make()
        assert {said.outcome for said in conversions(waiting)} == {"unknown"}
        assert not runtime.is_ready(waiting)


def test_nothing_is_converted_meanwhile():
    things = {name: make() for name, make in MAKERS.items()}
    with tfnp_magic.trace() as recording:
        found = take_inventory(things)
    assert not recording.ledger
    assert pickle.loads(pickle.dumps(found)) == found


def in_a_fresh_process(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_nothing_is_told_without_tensorflow():
    code = """
import sys, numpy as np
from tfnp_magic.whos import take_inventory
print(take_inventory({"a": np.ones(3)}).rows[0].conversions, "tensorflow" in sys.modules)
"""
    assert in_a_fresh_process(code) == "() False"


def test_where_tensors_go_is_not_told_before_there_are_devices():
    """And they are not set up for being asked: a program may still configure them."""
    code = """
import numpy as np, tensorflow as tf
from tfnp_magic.whos import take_inventory
for said in take_inventory({"a": np.ones(3)}).rows[0].conversions:
    print(said.outcome, said.reason)
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
"""
    expected = "unknown where TensorFlow puts tensors is not known before its first op"
    assert in_a_fresh_process(code) == expected
