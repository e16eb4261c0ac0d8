"""The oracle against itself: what it must find, and what it must not take for a copy."""

from __future__ import annotations

import sys
import tracemalloc

import numpy as np
import pytest

from tests.contract.oracle import build, worker
from tests.contract.row import TO_NP, TO_TF, Row

A = "a = F()"
T = "t = T()"
NBYTES = 263 * 263 * 8
FROM_A, FROM_T = {"a": TO_TF}, {"t": TO_NP}
IN_BOTH = {"aligned": 1, "mmapped": 1}
IF_MISALIGNED = {"aligned": 0, "mmapped": 1}
NONE = {"aligned": 0, "mmapped": 0}

COPIES = [
    (Row("copy", A, "a.copy()", FROM_A), IN_BOTH),
    (Row("copy_to_bytes", A, "a.tobytes()", FROM_A), IN_BOTH),
    (Row("copy_in_fortran_order", A, "a.copy(order='F')", FROM_A), IN_BOTH),
    (Row("copy_of_strided", "a = F(shape=(n, 2 * n))[:, ::2]", "a.copy()", FROM_A), IN_BOTH),
    (Row("copy_freed", A, "a.copy().sum()", FROM_A), IN_BOTH),
    (Row("copy_on_another_thread", A, "in_thread(lambda: a.copy())", FROM_A), IN_BOTH),
    (Row("copy_then_overwritten", A, "r = a.copy(); r[...] = 0", FROM_A), IN_BOTH),
    (Row("copy_then_an_error", A, "r = a.copy(); r.no_such", FROM_A), IN_BOTH),
    (Row("copy_grown_to", f"{A}; import io", "r = io.BytesIO(); r.write(a[:100]); r.write(a[100:])",
         FROM_A), IN_BOTH),
    (Row("copy_with_room_to_spare", "a = F('f4', (20001,))", "r = tf.train.FloatList(value=a)",
         FROM_A), IN_BOTH),
    (Row("two_copies", A, "[a.copy(), a.copy()]", FROM_A), {"aligned": 2, "mmapped": 2}),
    (Row("one_of_two_in_one_buffer", f"{A}; b = F(seed=1)", "np.stack([a, b])",
         {"a": TO_TF, "b": TO_TF}), IN_BOTH),
    (Row("copy_in_other_byte_order", A, "a.astype('>f8')", FROM_A), IN_BOTH),
    (Row("cast", A, "a.astype('f4')", FROM_A), IN_BOTH),
    (Row("cast_freed", A, "a.astype('f4').sum()", FROM_A), IN_BOTH),
    (Row("cast_without_loss", "a = I('i4')", "a.astype('f8')", FROM_A), IN_BOTH),
    (Row("view", A, "a[10:]", FROM_A), NONE),
    (Row("result_of_an_operation", A, "np.exp(a)", FROM_A), NONE),
    (Row("result_that_starts_alike", A, "np.concatenate([a, a[:100] * 2])", FROM_A), NONE),
    (Row("memory_of_a_freed_copy", "a = F(shape=(30, 30))",
         "r = a.copy(); del r; r = [np.empty_like(a) for _ in range(9)]", FROM_A), IN_BOTH),
    (Row("constant", A, "tf.constant(a)", FROM_A), {"aligned": 1, "mmapped": 2}),
    (Row("constant_cast", A, "tf.constant(a, tf.int32)", FROM_A), {"aligned": 2, "mmapped": 3}),
    (Row("input_of_an_op", A, "tf.exp(a)", FROM_A), IF_MISALIGNED),
    (Row("input_of_medium_size", "a = F(shape=(30, 30))", "tf.exp(a)", FROM_A), IF_MISALIGNED),
    (Row("tensor_numpy", T, "t.numpy()", FROM_T), IN_BOTH),
    (Row("tensor_summed", T, "np.sum(t)", FROM_T), NONE),
    (Row("tensor_as_array", T, "np.asarray(t)", FROM_T), NONE),
    (Row("shared_by_an_op", "a = al(F())", "tf.squeeze(a)", FROM_A), NONE),
    (Row("copied_by_the_op", A, "tf.transpose(a)", FROM_A), {"aligned": 2, "mmapped": 3}),
    (Row("not_what_the_op_copies", A, "tf.transpose(a)", FROM_A, works=True),
        {"aligned": 1, "mmapped": 2}),
    (Row("not_a_working_copy", T, "np.sort(t)", FROM_T, works=True), NONE),
    (Row("not_a_working_cast", T, "np.fft.fft(t)", FROM_T, works=True), NONE),
    (Row("not_a_copy_of_numpy", T, "t.numpy().tobytes()", FROM_T, works=True), IN_BOTH),
    (Row("not_in_a_function", f"{A}\ndef f():\n    return tf.transpose(a)", "f()", FROM_A,
         works=True), {"aligned": 1, "mmapped": 2}),
    (Row("control_that_raises", T, "[t.shape.rank, t.numpy().copy()]", FROM_T, works=True),
        {"aligned": 2, "mmapped": 2}),
    (Row("control_without_the_name", f"{A}; t = tf.exp(a)", "tf.exp(a).numpy()", FROM_T,
         works=True), {"aligned": 2, "mmapped": 2}),
]  # fmt: skip

OTHERS = [
    Row("too_small", "a = F(shape=(3, 3))", "a.copy()", FROM_A),
    Row("of_strings", "a = np.array(['s'] * 9000, object)", "a.copy()", FROM_A),
    Row("cast_into_older_array", f"{T}; a = F('f4')", "a[:] = t", FROM_T),
    Row("view_of_protected_memory",
        "F().tofile('m.bin'); a = np.memmap('m.bin', 'f8', 'r', shape=(n, n))", "a[10:]", FROM_A),
    Row("settings", "tnp.experimental_enable_numpy_behavior(); np.seterr(all='raise')\n"
        "tf.config.run_functions_eagerly(True)", "r = tf.Tensor.T", {}),
    Row("settings_given_back", "", "tf.Tensor.T", {}),
    Row("settings_now", "", "r = [tf.config.functions_run_eagerly(), np.geterr()['over']]\n"
        "assert r == [False, 'warn']", {}),
    Row("first_time", "calls = []", "calls.append(1)\nassert len(calls) == 2", {},
        needs_first=True),
    Row("setup_that_raises", "a = 1 / 0", "a", FROM_A),
]  # fmt: skip


def all_rows():
    return [row for row, _ in COPIES] + OTHERS


def weigh(row, space, code):
    """What the process itself knows of the same call."""
    if row.name not in ("copy", "cast", "first_time"):
        return None
    tracemalloc.start()
    exec(code, space)
    traces = tracemalloc.take_snapshot()
    tracemalloc.stop()
    numpy_only = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    result = space.get("r")
    return {
        "numpy_bytes": sum(one.size for one in traces.filter_traces([numpy_only]).traces),
        "address": result.ctypes.data if isinstance(result, np.ndarray) else None,
        "probes": "tfnp_magic" in sys.modules,
    }


@pytest.fixture(scope="module", params=worker.WORLDS)
def measured(request, tmp_path_factory):
    if build.unavailable():
        pytest.skip(build.unavailable())
    out = tmp_path_factory.mktemp("oracle") / f"{request.param}.json"
    here = __name__
    return worker.run(request.param, out, "--rows-of", here, "--also", f"{here}:weigh")


@pytest.mark.parametrize(("row", "expected"), COPIES, ids=lambda one: getattr(one, "name", ""))
def test_counts_copies(measured, row, expected):
    one = measured[row.name]
    assert {name: crossed["copies"] for name, crossed in one["crossed"].items()} == dict.fromkeys(
        row.crosses, expected[one["world"]]
    )


def test_copies_are_a_bound_where_the_control_says_nothing(measured):
    works = [row.name for row, _ in COPIES if row.works]
    bounds = [
        name for name in works for one in measured[name]["crossed"].values() if one["at_most"]
    ]
    assert bounds == ["control_that_raises", "control_without_the_name"]


def test_copied_bytes_are_those_that_numpy_reports(measured):
    for name, nbytes in (("copy", NBYTES), ("cast", NBYTES // 2)):
        assert measured[name]["also"]["numpy_bytes"] == nbytes
        crossed = measured[name]["crossed"]
        assert crossed["a"]["copied_bytes"] == nbytes


def test_fresh_arrays_lie_where_the_world_says(measured):
    address = measured["copy"]["also"]["address"]
    if measured["copy"]["world"] == "aligned":
        assert address % 64 == 0
    else:
        assert address % 4096 == 16


def test_a_cast_is_named_with_what_it_loses(measured):
    casts = {name: one["crossed"] for name, one in measured.items() if "crossed" in one}
    told = {
        name: (one["cast"], one["values_changed"])
        for name, crossed in casts.items()
        for one in crossed.values()
        if one["cast"]
    }
    assert told == {
        "cast": ("float32", True),
        "cast_freed": ("float32", True),
        "cast_without_loss": ("float64", False),
        "cast_into_older_array": ("float32", True),
        "constant_cast": ("int32", True),
    }


def test_a_freed_copy_is_told_from_a_live_one(measured):
    freed = {
        name: [one["freed"] for one in measured[name]["crossed"]["a"]["buffers"]]
        for name in ("copy", "copy_freed")
    }
    assert freed == {"copy": [False], "copy_freed": [True]}


def test_one_buffer_for_two_operands_is_shared_out(measured):
    for crossed in measured["one_of_two_in_one_buffer"]["crossed"].values():
        (buffer,) = crossed["buffers"]
        assert (buffer["layout"], buffer["nbytes"]) == ("packed", NBYTES)


@pytest.mark.parametrize("name", ["view", "tensor_as_array", "shared_by_an_op"])
def test_an_alias_is_seen_by_address_and_by_flip(measured, name):
    (crossed,) = measured[name]["crossed"].values()
    assert (crossed["aliased_by_address"], crossed["aliased_by_flip"]) == (True, True)


@pytest.mark.parametrize("name", ["copy", "cast", "constant", "tensor_numpy", "tensor_summed"])
def test_a_copy_is_no_alias(measured, name):
    (crossed,) = measured[name]["crossed"].values()
    assert (crossed["aliased_by_address"], crossed["aliased_by_flip"]) == (False, False)


def test_protected_memory_is_not_written(measured):
    crossed = measured["view_of_protected_memory"]["crossed"]["a"]
    assert (crossed["aliased_by_address"], crossed["aliased_by_flip"]) == (True, None)


@pytest.mark.parametrize("name", ["too_small", "of_strings"])
def test_what_cannot_be_looked_for_is_unmeasured(measured, name):
    crossed = measured[name]["crossed"]["a"]
    assert (crossed["copies"], crossed["copied_bytes"], crossed["buffers"]) == (None, None, None)


def test_an_error_is_the_outcome(measured):
    assert measured["copy_then_an_error"]["outcome"].startswith("AttributeError: ")
    assert measured["copy"]["outcome"] == "ok"


def test_a_setup_that_raises_is_a_broken_row(measured):
    assert measured["setup_that_raises"]["broken"] == "ZeroDivisionError: division by zero"


def test_settings_of_a_row_end_with_it(measured):
    assert measured["settings"]["outcome"] == "ok"
    assert measured["settings_given_back"]["outcome"].startswith("AttributeError")
    assert measured["settings_now"]["outcome"] == "ok"


def test_a_second_run_is_set_up_afresh(measured):
    assert measured["first_time"]["outcome"] == "ok"
    assert measured["first_time"]["also"]["address"] is None


def test_no_probe_is_near(measured):
    assert measured["copy"]["also"]["probes"] is False
