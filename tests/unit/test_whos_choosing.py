"""Which names are listed, and in which order: by name, kind, device and size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfnp_magic.whos import take_inventory
from tfnp_magic.whos.choosing import (
    ORDERS,
    Choice,
    InventoryError,
    name_key,
    places_of,
    sorter_of,
)
from tfnp_magic.whos.look import Holding


def on(device, backing=""):
    return Holding("x", "Tensor", device=device, backing_device=backing or device)


REMOTE = "CPU:0 of /job:worker/replica:0/task:1"
PLACES = [
    (on("host"), {"host"}),
    (on("CPU:0"), {"CPU", "CPU:0", "host"}),
    (on("GPU:0"), {"GPU", "GPU:0"}),
    (on("GPU:0", "CPU:0"), {"GPU", "GPU:0", "CPU", "CPU:0", "host"}),
    (on("GPU:0, GPU:1"), {"GPU", "GPU:0", "GPU:1"}),
    (on(REMOTE), {REMOTE}),
    (Holding("x", "SymbolicTensor"), set()),
]


@pytest.mark.parametrize(("found", "words"), PLACES)
def test_a_place_has_the_words_that_name_it(found, words):
    assert set(places_of(found).values()) == words


def test_devices_are_chosen_in_any_case_and_one_that_nothing_is_on_is_refused():
    choice = Choice((), ("gpu", "Cpu:0"), 0)
    rows = [on("host"), on("CPU:0"), on("GPU:1"), on("TPU:0")]
    assert [choice.takes(row) for row in rows] == [False, True, True, False]
    choice.refuse_unknown_devices()
    unknown = Choice((), ("GPU:7",), 0)
    for row in rows:
        unknown.takes(row)
    message = (
        r"^Nothing is on device 'GPU:7' here; there is something on "
        r"CPU, CPU:0, GPU, GPU:1, TPU, TPU:0, host\.$"
    )
    with pytest.raises(InventoryError, match=message):
        unknown.refuse_unknown_devices()
    with pytest.raises(InventoryError, match=r"there is nothing to list\.$"):
        Choice((), ("GPU:7",), 0).refuse_unknown_devices()


def test_sizes_choose_and_what_has_no_known_size_is_only_in_the_whole_list():
    rows = [Holding("a", "Tensor", nbytes=n) for n in (None, 0, 99, 100)]
    assert [Choice((), (), 100).takes(row) for row in rows] == [False, False, False, True]
    assert all(Choice((), (), 0).takes(row) for row in rows)


def test_choices_hold_together():
    namespace = {"a": np.zeros(1), "b": np.zeros(100), "c": np.zeros(200)}
    found = take_inventory(namespace, ["[ab]"], ["ndarray"], devices=["HOST"], least=100)
    assert [row.name for row in found.rows] == ["b"]


# ---- order ------------------------------------------------------------------------------


def test_numbers_in_names_count_as_numbers():
    names = ["x[10]", "x[2]", "x2b", "x10a", "y", "X1", "x"]
    assert sorted(names, key=name_key) == ["X1", "x", "x2b", "x10a", "x[2]", "x[10]", "y"]


@given(st.lists(st.text(st.sampled_from("ab01[]٣²") | st.characters())))
def test_any_names_can_be_sorted(names):
    assert sorted(sorted(names, key=name_key)) == sorted(names)


ROWS = [
    Holding("a", "ndarray", dtype="float64", device="host", nbytes=8, group=2),
    Holding("b", "Tensor", dtype="int8", device="GPU:0", nbytes=None),
    Holding("c", "Tensor", dtype=None, device="CPU:0", nbytes=80, group=1),
    Holding("d", "ndarray", dtype="float64", device=None, nbytes=80, group=2),
]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("name", "abcd"),
        ("size", "cdab"),
        ("kind", "bcad"),
        ("device", "cbad"),
        ("dtype", "adbc"),
        ("group", "cadb"),
    ],
)
def test_rows_are_sorted_and_equals_stay_in_the_order_of_their_names(order, names):
    assert "".join(row.name for row in sorter_of(order)(ROWS)) == names


def test_the_inventory_is_in_the_order_that_was_asked_for():
    namespace = {"a": np.zeros(1), "b": np.zeros(3), "c": np.zeros(2), "view": np.zeros(3)[:1]}
    for order in ORDERS:
        found = take_inventory(namespace, order=order)
        assert found.rows == tuple(sorter_of(order)(take_inventory(namespace).rows))
    with pytest.raises(InventoryError, match=r"by one of name, size, .*, group, not by 'colour'"):
        take_inventory(namespace, order="colour")
