"""Memory that two names share by whatever way is found, and who can write to it is told."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.contract.arrays import aligned, misaligned, shares_by_flipping
from tfnp_magic.whos import take_inventory

F = np.arange(400, dtype="f4").reshape(100, 4)


@pytest.fixture(autouse=True, scope="module")
def _past_the_first_op():
    """The first op of a process takes a slow path, where nothing is read in place."""
    tf.squeeze(np.zeros(1))


def tensor():
    return tf.constant(F) + 1


def of_array(make):
    """An array, and what is made of it."""
    array = aligned(F)
    return array, make(array)


def of_tensor(make):
    found = tensor()
    return found, make(found)


def lent(array):
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def handed_over(tensor):
    return tf.experimental.dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(tensor))


class Lender:
    """An object with DLPack's two methods, as other libraries' tensors have."""

    def __init__(self, tensor):
        self._tensor = tensor

    def __dlpack__(self, **_):
        return tf.experimental.dlpack.to_dlpack(self._tensor)

    def __dlpack_device__(self):
        return (1, 0)


WAYS = {
    "asarray": lambda: of_tensor(np.asarray),
    "a view of a view": lambda: of_tensor(lambda t: np.asarray(t)[10:50][::2].T),
    "memoryview": lambda: of_tensor(lambda t: np.asarray(memoryview(t))),
    "frombuffer": lambda: of_tensor(lambda t: np.frombuffer(t, "f4")),
    "memoryview of a view": lambda: of_tensor(lambda t: np.asarray(memoryview(np.asarray(t))[3:])),
    "numpy()": lambda: of_tensor(lambda t: t.numpy()),
    "np.array": lambda: of_tensor(np.array),
    "DLPack to NumPy": lambda: of_tensor(lambda t: np.from_dlpack(Lender(t))),
    "from_dlpack": lambda: of_tensor(
        lambda t: np.from_dlpack(t if hasattr(t, "__dlpack__") else Lender(t))
    ),
    "DLPack to TensorFlow": lambda: of_tensor(handed_over),
    "DLPack from NumPy": lambda: of_array(lent),
    "DLPack there and back": lambda: of_array(lambda a: np.from_dlpack(Lender(lent(a)))),
    "DLPack, misaligned": lambda: of_misaligned(lent),
    "identity": lambda: of_tensor(tf.identity),
    "reshape": lambda: of_tensor(lambda t: tf.reshape(t, [-1])),
    "squeeze": lambda: of_tensor(tf.squeeze),
    "expand_dims": lambda: of_tensor(lambda t: t[tf.newaxis]),
    "bitcast": lambda: of_tensor(lambda t: tf.bitcast(t, tf.int32)),
    "stop_gradient": lambda: of_tensor(tf.stop_gradient),
    "slice": lambda: of_tensor(lambda t: t[16:]),
    "cast": lambda: of_tensor(lambda t: tf.cast(t, tf.float64)),
    "sum": lambda: of_tensor(lambda t: t + 0),
    "constant of an array": lambda: of_array(tf.constant),
    "squeeze of an array": lambda: of_array(tf.squeeze),
    "squeeze of a misaligned array": lambda: of_misaligned(tf.squeeze),
    "reshape of an array": lambda: of_array(lambda a: tf.reshape(a, [-1])),
    "squeeze of a squeeze": lambda: of_array(lambda a: tf.squeeze(np.asarray(tf.squeeze(a)))),
    "values of ragged": lambda: of_tensor(
        lambda t: tf.RaggedTensor.from_row_splits(t, [0, 30, 100]).values
    ),
    "Series": lambda: of_array(lambda a: pd.Series(a[:, 0], copy=False)),
    "constant of a Series": lambda: of_array(
        lambda a: tf.constant(pd.Series(a.reshape(-1), copy=False))
    ),
    "constant of a frame": lambda: of_array(lambda a: tf.constant(pd.DataFrame(a, copy=False))),
    "to_numpy of a frame": lambda: of_array(lambda a: pd.DataFrame(a, copy=False).to_numpy()),
    "overlapping rows": lambda: rows_of(slice(0, 60), slice(40, 100)),
    "rows side by side": lambda: rows_of(slice(0, 50), slice(50, 100)),
    "columns that alternate": lambda: (lambda a: (a[:, ::2], a[:, 1::2]))(aligned(F)),
    "a masked array": lambda: of_array(lambda a: np.ma.array(a, mask=a > 5, copy=False)),
    "a subclass": lambda: of_array(lambda a: a.view(np.recarray)),
}


def of_misaligned(make):
    array = misaligned(F)
    return array, make(array)


def rows_of(*rows):
    array = aligned(F)
    return tuple(array[some] for some in rows)


def memory(thing):
    """What a name lies in, without a prediction: through NumPy's view of it."""
    return np.ndarray.view(np.asarray(thing), np.ndarray)


@pytest.mark.parametrize("name", WAYS)
def test_two_are_a_group_if_and_only_if_they_share_memory(name):
    one, other = WAYS[name]()
    expected = np.shares_memory(memory(one), memory(other))
    (*groups,) = take_inventory({"one": one, "other": other}).groups
    assert [group.names for group in groups] == [("one", "other")] * expected
    assert all(group.certain for group in groups)


def test_some_share_and_some_do_not():
    """The rows above can fail: TensorFlow and NumPy do both."""
    truth = {name: np.shares_memory(*map(memory, make())) for name, make in WAYS.items()}
    assert truth["DLPack from NumPy"]
    assert truth["squeeze of an array"]
    assert not truth["constant of an array"]
    assert not truth["numpy()"]
    assert 5 < sum(truth.values()) < len(truth) - 5


def names_of_writable(**namespace):
    (group,) = take_inventory(namespace).groups
    return group.writable


def test_a_writable_end_is_named_however_it_came_to_share():
    array = aligned(F)
    assert names_of_writable(a=array, t=lent(array)) == ("a",)
    assert shares_by_flipping(array, lent(array))
    assert names_of_writable(a=array, t=tf.squeeze(array), view=array[::2]) == ("a", "view")
    frame = pd.DataFrame(array, copy=False)
    assert names_of_writable(frame=frame, t=tf.constant(frame)) == ("frame",)
    t = tensor()
    assert names_of_writable(t=t, view=np.asarray(t)) == ()
    assert names_of_writable(t=t, alias=t.__array__()) == ("alias",)


def read_only_view(array):
    view = array[:]
    view.flags.writeable = False
    return view


def test_a_read_only_view_of_an_array_that_can_be_written_is_named_apart():
    array = aligned(F)
    hidden = [array]
    view, t = read_only_view(array), tf.squeeze(array)
    found = take_inventory({"t": t, "view": view})
    (group,) = found.groups
    assert (group.writable, group.writable_below) == ((), ("view",))
    hidden[0][0] = -5
    assert view[0, 0] == t[0, 0] == -5, "so someone can write to it"
    assert {row.name: row.writable_below for row in found.rows} == {"t": False, "view": True}
    (group,) = take_inventory({"array": array, "t": t, "view": view}).groups
    assert (group.writable, group.writable_below) == (("array",), ("view",))


def test_a_read_only_view_of_what_is_read_only_is_not():
    t = tensor()
    array = aligned(F)
    view = read_only_view(array)
    array.flags.writeable = False
    below = array.base
    while below is not None:  # the room around it, that it was cut out of
        below.flags.writeable = False
        below = below.base
    (group,) = take_inventory({"t": tf.squeeze(array), "view": view}).groups
    assert group.writable_below == ()
    (group,) = take_inventory({"t": t, "view": np.asarray(t)[3:]}).groups
    assert group.writable_below == ()


def test_a_series_below_a_read_only_array_can_be_written():
    """Since pandas 3 it gives read-only views; what it holds itself can be written through it."""
    series = pd.Series(aligned(F[:, 0]), copy=False)
    values = series.to_numpy()
    row = take_inventory({"values": values}).rows[0]
    assert row.writable or row.writable_below


# ---- files ------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    F.tofile(tmp_path / "data.bin")
    return tmp_path / "data.bin"


def test_a_tensor_of_a_mapped_files_memory_shares_with_every_map_of_it(path):
    a, b = (np.memmap(path, "f4", "r+") for _ in range(2))
    t = tf.squeeze(a)
    assert np.shares_memory(np.asarray(t), a)
    b[3] = -1
    assert t[3] == -1
    found = take_inventory({"b": b, "t": t})
    (group,) = found.groups
    assert (group.names, group.writable, group.tensors) == (("b", "t"), ("b",), ("t",))
    assert group.certain
    assert sum(found.held.values()) == F.nbytes
    copied = take_inventory({"b": b, "t": tf.constant(a)})
    assert not copied.groups


def test_a_private_map_may_change_a_tensor_no_more_than_it_shares(path):
    a, private = np.memmap(path, "f4", "r+"), np.memmap(path, "f4", "c")
    t = tf.squeeze(private)
    (group,) = take_inventory({"a": a, "t": t}).groups
    assert (group.names, group.certain) == (("a", "t"), False)
    (group,) = take_inventory({"private": private, "t": t}).groups
    assert group.certain


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_map_converts_as_any_array(path, mode):
    row = take_inventory({"a": np.memmap(path, "f4", mode)}).rows[0]
    assert [said.outcome for said in row.conversions] == ["copy", "view"]
    assert row.note == "memmap"


def test_groups_do_not_depend_on_the_order_of_names(path):
    a, b = (np.memmap(path, "f4", "r+") for _ in range(2))
    things = [a[:200], b[150:], tf.squeeze(a), np.memmap(path, "f4", "c"), aligned(F)]
    groups = set()
    for order in itertools.permutations(range(len(things))):
        names = {f"n{place}": things[thing] for place, thing in enumerate(order)}
        groups.add(
            tuple(
                frozenset(order[int(name[1:])] for name in group.names)
                for group in take_inventory(names).groups
            )
        )
    assert groups == {(frozenset({0, 1, 2, 3}),)}
