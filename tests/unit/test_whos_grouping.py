"""Who shares memory with whom, and how much is held: NumPy alone, no TensorFlow."""

from __future__ import annotations

import collections
import itertools
import pickle
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfnp_magic import whos
from tfnp_magic.facts import span_of_array
from tfnp_magic.whos import Group, InventoryError, sharing, take_inventory
from tfnp_magic.whos.look import Part
from tfnp_magic.whos.sharing import bytes_by_place, partition_of

LENGTHS = (6, 8)


def slices(length):
    """Slices of an axis with steps in both directions, empty ones among them."""
    bound = st.none() | st.integers(-length, length)
    step = st.integers(-4, 4).filter(bool)
    return st.builds(slice, bound, bound, step)


@st.composite
def views(draw):
    """Pick a view of a base array: sliced, transposed, or one column of it."""
    base = draw(st.sampled_from((0, 1)))
    rows, columns = draw(slices(LENGTHS[0])), draw(slices(LENGTHS[1]))
    axes = draw(st.sampled_from(((rows, columns), (rows, 3), (2, columns), (..., rows, columns))))
    return base, axes, draw(st.booleans())


def make(picks):
    """Arrays v0, v1, … as the picks say, as views of two bases that are not listed."""
    bases = [np.zeros(LENGTHS), np.zeros(LENGTHS)]
    arrays = {}
    for number, (base, axes, turned) in enumerate(picks):
        view = bases[base][axes]
        arrays[f"v{number:02}"] = view.T if turned else view
    return arrays


def components(arrays):
    """Group by brute force those that are connected by `numpy.shares_memory`."""
    groups = {name: {name} for name in arrays}
    for (one, a), (other, b) in itertools.combinations(arrays.items(), 2):
        if np.shares_memory(a, b) and groups[one] is not groups[other]:
            groups[one] |= groups[other]
            for name in groups[other]:
                groups[name] = groups[one]
    return {tuple(sorted(group)) for group in groups.values() if len(group) > 1}


@settings(max_examples=80, deadline=None)
@given(views(), views())
def test_two_arrays_are_a_group_if_and_only_if_they_share_memory(one, other):
    arrays = make([one, other])
    groups = take_inventory(arrays).groups
    assert bool(groups) == np.shares_memory(*arrays.values())


@settings(max_examples=30, deadline=None)
@given(st.lists(views(), max_size=8))
def test_groups_are_what_shared_memory_connects(picks):
    arrays = make(picks)
    found = take_inventory(arrays)
    assert {group.names for group in found.groups} == components(arrays)
    assert all(group.certain for group in found.groups)


@settings(max_examples=30, deadline=None)
@given(views())
def test_a_span_is_from_the_lowest_byte_to_behind_the_highest(pick):
    array = make([pick])["v00"]
    touched = addresses(array)
    span = span_of_array(array)
    if touched:
        assert (span.start, span.stop) == (min(touched), max(touched) + array.itemsize)
    assert bool(span.nbytes) == bool(touched)


@given(st.lists(views(), max_size=8))
def test_totals_lie_between_the_bytes_touched_and_the_bytes_listed(picks):
    arrays = make(picks)
    found = take_inventory(arrays)
    touched = {address for array in arrays.values() for address in addresses(array)}
    assert 8 * len(touched) <= sum(found.held.values()) <= sum(row.nbytes for row in found.rows)
    alone = [row.nbytes for row in found.rows if row.group is None]
    assert sum(found.held.values()) == sum(alone) + sum(group.nbytes for group in found.groups)


def addresses(array):
    """Address of each element."""
    views = (array[(*index, ...)] for index in np.ndindex(array.shape))
    return [view.__array_interface__["data"][0] for view in views]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted), max_size=8))
def test_contiguous_bytes_are_counted_exactly_once(bounds):
    base = np.zeros(20, np.uint8)
    found = take_inventory({f"v{n}": base[a:b] for n, (a, b) in enumerate(bounds)})
    assert sum(found.held.values()) == len({byte for a, b in bounds for byte in range(a, b)})


STRETCHES = st.tuples(st.sampled_from(("XPU:0", "XPU:1")), st.integers(0, 20), st.integers(0, 6))


@settings(max_examples=100, deadline=None)
@given(st.lists(STRETCHES, max_size=8))
def test_memory_on_accelerators_is_compared_byte_by_byte_on_each_device(stretches):
    """By brute force: sets of (device, byte)."""
    parts = [Part(key, nbytes, None, *at) for key, (*at, nbytes) in enumerate(stretches)]
    held = [{(place, start + n) for n in range(nbytes)} for place, start, nbytes in stretches]
    partition = partition_of([[part] for part in parts])
    for one, other in itertools.product(range(len(parts)), repeat=2):
        if held[one] & held[other]:
            assert partition.find(one) == partition.find(other)
    groups = {}
    for owner, its_bytes in enumerate(held):
        groups.setdefault(partition.find(owner), []).append(its_bytes)
    for one, other in itertools.combinations(groups.values(), 2):
        assert not set.union(*one) & set.union(*other)
    assert all(is_chain(group) for group in groups.values())
    assert not partition.unsure
    counted = {place: nbytes for place, nbytes in bytes_by_place(parts).items() if nbytes}
    assert counted == collections.Counter(place for place, _ in set().union(*held))


def is_chain(group):
    """Whether all of the sets hang together by what they have in common."""
    reached, left = set(group[0]), group[1:]
    while touching := [one for one in left if one & reached]:
        reached |= set.union(*touching)
        left = [one for one in left if not one <= reached]
    return not left


def test_an_address_on_a_device_is_none_of_host_memory():
    array = np.zeros(4)
    elsewhere = Part("t", array.nbytes, None, "XPU:0", array.ctypes.data)
    partition = partition_of([[Part("a", array.nbytes, array)], [elsewhere]])
    assert partition.find(0) != partition.find(1)


def test_interleaved_views_share_nothing():
    base = np.zeros(10)
    found = take_inventory({"even": base[::2], "odd": base[1::2]})
    assert not found.groups
    assert sum(found.held.values()) == 80


def test_a_broadcast_array_holds_one_element():
    wide = np.broadcast_to(np.zeros(1), (1000, 1000))
    found = take_inventory({"wide": wide})
    assert (found.rows[0].nbytes, sum(found.held.values())) == (8_000_000, 8)


def test_two_names_of_one_array_are_a_group_and_counted_once():
    array = np.zeros(4)
    found = take_inventory({"a": array, "b": array})
    assert found.groups == (
        Group(
            1, names=("a", "b"), writable=("a", "b"), tensors=(), held={"host": 32}, certain=True
        ),
    )
    assert sum(found.held.values()) == 32


def test_empty_arrays_share_with_nobody():
    base = np.zeros(4)
    found = take_inventory({"a": base, "b": base[:0], "c": base[2:2]})
    assert [row.group for row in found.rows] == [None] * 3
    empty = base[:0]
    assert not take_inventory({"d": empty, "e": empty}).groups


def test_views_that_look_dense_by_their_bytes_alone_are_compared_exactly():
    """Four elements in 32 bytes, two of them twice: the 16 bytes between are not theirs."""
    base = np.zeros(4)
    twice = np.lib.stride_tricks.as_strided(base, (2, 2), (0, 24))
    assert not take_inventory({"twice": twice, "between": base[1:3]}).groups
    assert take_inventory({"twice": twice, "last": base[3:]}).groups


@pytest.mark.parametrize("pairs", [0, 1])
def test_too_many_pairs_are_judged_by_bounds_and_said_to_be(monkeypatch, pairs):
    base = np.zeros(10)
    monkeypatch.setattr(sharing, "PAIRS_COMPARED", pairs)
    found = take_inventory({"even": base[::2], "odd": base[1::2]})
    assert [group.certain for group in found.groups] == [False]
    assert "may share memory" in repr(found)


def test_too_hard_a_single_pair_is_said_to_be(monkeypatch):
    base = np.zeros((100, 100))
    monkeypatch.setattr(sharing, "EXACT_WORK", 0)
    found = take_inventory({"a": base[::2, ::3], "b": base[1::2, 1::5]})
    assert [group.certain for group in found.groups] == [False]


def test_thousands_of_rows_of_one_array_are_one_certain_group():
    base = np.zeros((4_000, 2))
    found = take_inventory({"base": base, **{f"r{n}": row for n, row in enumerate(base)}})
    assert [group.certain for group in found.groups] == [True]
    assert sum(found.held.values()) == base.nbytes


def test_an_array_of_any_class_or_dtype_is_an_ndarray(tmp_path):
    mapped = np.memmap(tmp_path / "data", np.int8, "w+", shape=(7,))
    namespace = {
        "mapped": mapped,
        "masked": np.ma.masked_array([1.0, 2.0], mask=[True, False]),
        "nomask": np.ma.masked_array([1.0, 2.0]),
        "objects": np.array([None, 1]),
        "records": np.rec.array([(1, 2.0)]),
        "scalar": np.float64(1),
        "square": np.zeros(()),
    }
    rows = {row.name: row for row in take_inventory(namespace).rows}
    assert {row.kind for row in rows.values()} == {"ndarray"}
    sizes = {name: row.nbytes for name, row in rows.items()}
    assert sizes == {
        "mapped": 7,
        "masked": 18,
        "nomask": 16,
        "objects": 16,
        "records": 16,
        "square": 8,
    }
    assert [rows[name].note for name in ("mapped", "masked", "square")] == [
        "memmap",
        "MaskedArray",
        "",
    ]


def test_layout_is_read_from_the_flags():
    frozen = np.zeros((3, 4))
    frozen.flags.writeable = False
    turned, frozen_row = take_inventory({"a_turned": np.zeros((3, 4)).T, "frozen": frozen}).rows
    assert (turned.contiguous, turned.writable) == (False, True)
    assert (frozen_row.contiguous, frozen_row.writable) == (True, False)
    base = np.zeros(128, np.uint8)
    start = -base.ctypes.data % 64
    aligned, beside = take_inventory({"a": base[start:], "b": base[start + 1 :]}).rows
    assert (aligned.aligned, beside.aligned) == (True, False)


def test_half_an_import_of_tensorflow_is_left_alone(monkeypatch):
    half = types.SimpleNamespace(EagerTensor=type("EagerTensor", (), {}))
    monkeypatch.setitem(sys.modules, "tensorflow.python.framework.ops", half)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    assert not take_inventory({"t": half.EagerTensor()}).rows


NAMES = {"a": 1, "x1": np.zeros(1), "x2": np.zeros(1), "X3": np.zeros(1), "_4": np.zeros(1)}


@pytest.mark.parametrize(
    ("patterns", "listed"),
    [
        ((), "X3 x1 x2"),
        (("x*",), "x1 x2"),
        (("x1", "X?"), "X3 x1"),
        (("_*",), "_4"),
        (("_4",), "_4"),
        (("*4",), ""),
        (("nothing*",), ""),
    ],
)
def test_names_are_patterns_and_underscores_are_listed_on_demand(patterns, listed):
    found = take_inventory(NAMES, patterns)
    assert " ".join(row.name for row in found.rows) == listed


@pytest.mark.parametrize(
    ("names", "kinds", "message"),
    [
        (("y",), (), r"^There is no name 'y' here\.$"),
        (("a",), (), r"^'a' is no tensor or array, but of type int\.$"),
        ((), ("tensr",), r"^'tensr' is no kind; the kinds are Tensor, .*, pandas\.$"),
    ],
)
def test_a_wrong_name_or_kind_is_said_in_one_sentence(names, kinds, message):
    with pytest.raises(InventoryError, match=message):
        take_inventory(NAMES, names, kinds)


def test_kinds_are_words_in_any_case():
    assert len(take_inventory(NAMES, kinds=["NDArray"]).rows) == 3
    assert not take_inventory(NAMES, kinds=["tensor", "Pandas"]).rows
    assert whos.is_kind("RAGGED")
    assert not whos.is_kind("x*")


def test_an_empty_inventory_says_so():
    found = take_inventory({"number": 1})
    assert repr(found) == "Nothing to list: no tensors or arrays here."
    assert found._repr_html_() == "<p>Nothing to list: no tensors or arrays here.</p>"
    assert (found.rows, found.groups, sum(found.held.values())) == ((), (), 0)


def test_the_text_has_totals_an_aligned_table_and_the_groups():
    base = np.zeros(3, np.uint8)
    found = take_inventory({"a": base, "b": base[1:], "c": np.zeros(1200)})
    lines = repr(found).splitlines()
    assert lines[0] == "3 names hold 9.6 kB; 1 group shares memory."
    assert lines[1] == ""
    assert lines[2].split()[:6] == ["name", "kind", "shape", "dtype", "device", "size"]
    assert [line[: lines[2].index("size") + 4].split()[-2:] for line in lines[3:6]] == [
        ["3", "B"],
        ["2", "B"],
        ["9.6", "kB"],
    ]
    assert "  - Group 1: a and b share memory, 3 B." in lines


def test_terminal_codes_and_markup_are_neutralised():
    evil = np.zeros(1, [("\x1b[31m<b>\u202e", "f4")])
    found = take_inventory({"<i>\x07": evil})
    text, html = repr(found), found._repr_html_()
    assert not any(sign in text + html for sign in "\x1b\x07\u202e")
    assert "<i>\N{REPLACEMENT CHARACTER}" in text
    assert "<i>" not in html
    assert "\N{REPLACEMENT CHARACTER}<b>" not in html
    assert "&lt;i&gt;\N{REPLACEMENT CHARACTER}" in html


def test_the_html_uses_only_what_an_untrusted_notebook_keeps():
    array = np.zeros(3)
    html = take_inventory({"a": array, "b": array})._repr_html_()
    assert "text-align:left" in html
    assert "Group 1: a and b share memory, 24 B." in html
    stripped = ("<style", "<script", "<svg", "role=", "aria-", "var(", ";color:")
    assert not any(word in html for word in stripped)


def test_an_inventory_is_plain_data():
    array = np.zeros(3)
    found = take_inventory({"a": array, "b": array})
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(AttributeError):
        found.rows[0].name = "c"
