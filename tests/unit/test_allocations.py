"""What NumPy allocates while a trace runs, and that nothing of ours outlives it."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import tracemalloc
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib import stride_tricks

from tfnp_magic.facts import Span, buffers_of_size, span_of_array
from tfnp_magic.probes.allocations import (
    _CAPACITY,
    _MALLOC_FIELD,
    Ring,
    Unsupported,
    patches,
    ring,
    tables,
)

try:
    patches()
except Unsupported as reason:
    pytest.skip(str(reason), allow_module_level=True)

multiarray = np._core if np.__version__ >= "2" else np.core
handler_name = multiarray.multiarray.get_handler_name


def fields():
    return [ctypes.c_void_p.from_address(table + _MALLOC_FIELD).value for table in tables()]


@pytest.fixture(autouse=True)
def _table_given_back():
    before = fields()
    yield
    assert fields() == before
    assert not ring.is_written


@pytest.fixture
def listening():
    found = patches()
    for patch in found:
        patch.on()
    yield ring
    for patch in reversed(found):
        assert patch.off()


def span(array):
    return span_of_array(array)


# What is noted.


@pytest.mark.parametrize("nbytes", [1, 8, 100, 1024, 1025, 65_536, 3 << 20])
def test_memory_that_numpy_takes_is_noted_with_its_address_and_size(listening, nbytes):
    mark = listening.mark()
    array = np.empty(nbytes, np.uint8)
    assert listening.since(mark) == (span(array),)


def test_allocations_are_noted_in_order(listening):
    mark = listening.mark()
    arrays = [np.empty(size, np.uint8) for size in (10, 2000, 30)]
    assert listening.since(mark) == tuple(map(span, arrays))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 5000), max_size=20))
def test_law_what_is_noted_since_a_mark_is_what_was_made_since_it(sizes):
    found = patches()
    for patch in found:
        patch.on()
    try:
        before = [np.empty(size, np.uint8) for size in sizes]
        mark = ring.mark()
        arrays = [np.empty(size, np.uint8) for size in sizes]
        assert ring.since(mark) == tuple(map(span, arrays))
        del before
    finally:
        for patch in found:
            patch.off()


def test_casts_and_copies_are_noted_and_views_are_not(listening):
    source = np.arange(1000, dtype=np.float64)[::2]
    mark = listening.mark()
    view = source[1:].reshape(-1, 1)
    assert listening.since(mark) == ()
    cast, copy = source.astype(np.float32), source.copy()
    assert listening.since(mark) == (span(cast), span(copy))
    assert view.base is not None


def test_mark_later_on_leaves_out_what_was_before(listening):
    first = listening.mark()
    one = np.empty(300)
    second = listening.mark()
    other = np.empty(300)
    assert listening.since(first) == (span(one), span(other))
    assert listening.since(second) == (span(other),)
    assert listening.since(listening.mark()) == ()


def test_an_allocation_that_fails_is_not_noted(listening):
    mark = listening.mark()
    with pytest.raises(MemoryError):
        np.empty(2**62, np.uint8)
    assert listening.since(mark) == ()


def test_other_threads_memory_is_left_out(listening):
    made, go = [], threading.Event()

    def work():
        mark = listening.mark()
        made.append(np.empty(777, np.uint8))
        made.append(listening.since(mark))
        go.set()

    mark = listening.mark()
    mine = np.empty(555, np.uint8)
    thread = threading.Thread(target=work)
    thread.start()
    go.wait(10)
    thread.join()
    assert made[1] == (span(made[0]),)
    assert listening.since(mark) == (span(mine),)


def test_many_threads_each_find_their_own(listening):
    wrong = []

    def work(size):
        for _ in range(200):
            mark = listening.mark()
            array = np.empty(size, np.uint8)
            found = listening.since(mark)
            if found is not None and found != (span(array),):
                wrong.append((size, found))

    threads = [threading.Thread(target=work, args=(100 + n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# What is not known.


def test_more_than_the_ring_holds_is_not_known(listening):
    mark = listening.mark()
    for _ in range(_CAPACITY):
        np.empty(10)
    found = listening.since(mark)
    assert found is not None
    assert len(found) == _CAPACITY
    np.empty(10)
    assert listening.since(mark) is None
    mark = listening.mark()
    array = np.empty(10)
    assert listening.since(mark) == (span(array),)


def test_ring_goes_round_any_number_of_times(listening):
    for _ in range(3 * _CAPACITY + 5):
        mark = listening.mark()
        array = np.empty(40)
        assert listening.since(mark) == (span(array),)


def test_mark_taken_while_nothing_is_written_gives_nothing_away(listening):
    early = Ring().mark()
    assert Ring().since(early) is None
    np.empty(10)
    assert listening.since(early) is None


def test_nothing_is_known_without_a_trace():
    mark = ring.mark()
    np.empty(10)
    assert ring.since(mark) is None


# Back to what it was.


def test_table_is_numpys_own_again_after_the_trace():
    before = fields()
    found = patches()
    for patch in found:
        patch.on()
        patch.on()
    assert fields() != before
    for patch in found:
        assert patch.off()
        assert patch.off()
    assert fields() == before


def test_the_same_code_is_used_by_every_trace():
    """Another thread may still be in it when a trace ends."""
    first = patches()
    for patch in first:
        patch.on()
    during = fields()
    for patch in first:
        patch.off()
    second = patches()
    for patch in second:
        patch.on()
    assert fields() == during
    for patch in second:
        patch.off()
    assert first == second


def test_someone_elses_function_in_the_table_is_left_alone():
    patch = patches()[0]
    field = ctypes.c_void_p.from_address(tables()[0] + _MALLOC_FIELD)
    kind = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    theirs = kind(kind(field.value))
    patch.on()
    try:
        field.value = ctypes.cast(theirs, ctypes.c_void_p).value
        assert not patch.off()
        assert field.value == ctypes.cast(theirs, ctypes.c_void_p).value
        assert np.ones(10).sum() == 10
        patch.on()
        assert field.value == ctypes.cast(theirs, ctypes.c_void_p).value
        patch.off()
    finally:
        field.value = patch.original


def test_handlers_name_is_unchanged(listening):
    assert handler_name() == "default_allocator"
    assert handler_name(np.empty(10)) == "default_allocator"


def test_arrays_made_meanwhile_are_freed_properly_after_it():
    """Address by address: what was freed is given out again."""
    found = patches()
    for patch in found:
        patch.on()
    kept = [np.full(size % 5000 + 1, 3, np.uint8) for size in range(3000)]
    for patch in found:
        patch.off()
    assert all(array[0] == array[-1] == 3 for array in kept)
    for array in kept:
        array.resize(array.size * 2 + 1, refcheck=False)
        array[-1] = 7
    assert all(array[-1] == 7 for array in kept)
    kept.clear()
    gc.collect()
    again = [np.ones(size % 5000 + 1, np.uint8) for size in range(3000)]
    assert all(array.all() for array in again)


def test_neither_tracing_nor_what_was_traced_leaks_memory():
    def work():
        found = patches()
        for patch in found:
            patch.on()
        kept = [np.empty(4096, np.uint8) for _ in range(50)]
        for patch in found:
            patch.off()
        del kept

    work()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            work()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 50_000
    finally:
        tracemalloc.stop()


def test_numpys_own_accounting_sees_the_memory_as_before(listening):
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        array = np.empty(1 << 20, np.uint8)
        assert tracemalloc.get_traced_memory()[0] - before >= 1 << 20
        del array
        assert tracemalloc.get_traced_memory()[0] - before < 1 << 18
    finally:
        tracemalloc.stop()


def test_values_are_as_without_a_trace(listening):
    table = np.arange(10_000.0).reshape(100, 100)
    assert (table @ np.eye(100) == table).all()
    assert np.sort(table[::-1], axis=0)[0, 0] == 0
    assert stride_tricks.sliding_window_view(table, (2, 2)).sum() > 0


# Sizes.


def test_buffers_are_told_by_their_exact_size():
    buffers = (Span(0, 480), Span(500, 980), Span(0, 960), Span(0, 479))
    assert buffers_of_size(buffers, 480) == (Span(0, 480), Span(500, 980))
    assert buffers_of_size(buffers, 960, 479) == (Span(0, 960), Span(0, 479))
    assert buffers_of_size(buffers, None) == ()
    assert buffers_of_size(None, 480) == ()


# Support.


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("platform.machine", lambda: "aarch64", "no code for aarch64"),
        ("sys.platform", "darwin", "on darwin"),
        ("sysconfig.get_config_var", lambda name: 1, "this build of Python"),
    ],
)
def test_what_is_not_known_is_refused_with_its_reason(monkeypatch, attribute, value, reason):
    monkeypatch.setattr(f"tfnp_magic.probes.allocations.{attribute}", value)
    with pytest.raises(Unsupported, match=reason):
        patches()


def test_numpy_that_hands_out_no_functions_is_refused(monkeypatch):
    for name in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace())
    with pytest.raises(Unsupported, match="hand out"):
        tables()
