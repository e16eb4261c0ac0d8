"""Findings on loops, small batches, retraces and constants: where they fire, and where not."""

from __future__ import annotations

import pytest

from tests.unit.test_advice import at, site
from tfnp_magic.activity import FunctionCalls, ModelCalls, Pipeline, Retrace, Share
from tfnp_magic.advice import findings
from tfnp_magic.advice.around import loop_around
from tfnp_magic.advice.finding import where
from tfnp_magic.advice.graphs import LARGE_CONSTANT, MANY_RETRACES
from tfnp_magic.advice.loops import MANY, MANY_MOVES, MANY_SMALL, MUCH
from tfnp_magic.advice.models import FEW_ROWS, MANY_CALLS
from tfnp_magic.model import (
    GRAPH,
    NUMPY_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    Crossing,
    Site,
)
from tfnp_magic.recording import Recording

CELL = "%%interop_trace\nfor step in range(10):\n    loss = train()\n    log(loss.numpy())\n"


def crossing(**facts):
    usual = {
        "site": site(4), "route": "Tensor.numpy", "direction": TENSORFLOW_TO_NUMPY,
        "explicit": True, "dtype_from": "float32", "dtype_to": "float32", "cast": "none",
        "device_from": "CPU:0", "device_to": "host", "storage": "copy", "evidence": "observed",
        "reason": "copies", "count": MANY, "nbytes": 4000, "duration_ns": 2_000_000,
    }  # fmt: skip
    return Crossing(**{**usual, **facts})


def into(**facts):
    """Small arrays made tensors."""
    usual = {
        "route": "tf.constant", "direction": NUMPY_TO_TENSORFLOW, "device_from": "host",
        "device_to": "CPU:0", "count": MANY_SMALL, "nbytes": 40 * MANY_SMALL,
    }  # fmt: skip
    return crossing(**{**usual, **facts})


def found(*ledger, **lists):
    return findings(Recording(source=CELL, ledger=list(ledger), **lists))


def only(*ledger, **lists):
    (finding,) = found(*ledger, **lists)
    return finding


# Loops.


def test_read_in_a_loop_is_found_with_its_loop_and_its_figures():
    finding = only(crossing(count=3000, nbytes=96_000_000, duration_ns=1_400_000_000))
    assert (finding.kind, finding.count, finding.nbytes) == ("loop", 3000, 96_000_000)
    assert finding.sentence == (
        "line 4, in the loop of line 2: Tensor.numpy ran 3,000 times, 96.0 MB, 1.4 s. Collect the "
        "tensors in a list and convert once, after the loop: `tf.stack(tensors).numpy()`."
    )


def test_what_moved_and_what_waited_is_told():
    said = only(
        crossing(
            device_from="GPU:0", moved_bytes=4000, waited_ns=1_900_000, count=MANY_MOVES,
            move_evidence="observed",
        )
    ).sentence  # fmt: skip
    assert "20 times, 4.0 kB from GPU:0 to host, " in said
    assert "2.0 ms (1.9 ms of it waiting)" in said


@pytest.mark.parametrize(
    "few",
    [
        {"count": MANY - 1},
        {"count": MANY_MOVES - 1, "device_from": "GPU:0", "moved_bytes": 4000},
        {"count": MANY_MOVES, "device_from": "GPU:0", "moved_bytes": 0, "mirror": True},
        {"route": "tf.numpy_function"},
        {"route": "NumpyIterator.__next__"},
        {"route": "iteration", "explicit": False, "storage": "view"},
        {"route": "list", "explicit": False, "storage": "view"},
    ],
    ids=str,
)
def test_few_reads_and_those_of_pipelines_are_not(few):
    assert found(crossing(**few)) == []


def test_numpy_function_is_told_with_tensorflows_own():
    said = only(crossing(route="np.mean", explicit=False)).sentence
    assert "np.mean read tensors 100 times" in said
    assert "`tf.reduce_mean`" in said


def test_crossings_of_one_place_count_together():
    finding = only(crossing(count=60, reason="one"), crossing(count=60, reason="other"))
    assert (finding.count, finding.nbytes) == (120, 8000)


def test_time_is_told_with_the_cells_where_it_is_a_tenth():
    slow = crossing(duration_ns=1_200_000_000)

    def said(**facts):
        (finding,) = findings(Recording(source=CELL, ledger=[slow], **facts))
        return finding.what

    assert said(duration_ns=1_400_000_000).endswith("4.0 kB, 1.2 s of the cell's 1.4 s.")
    assert said(duration_ns=13_000_000_000).endswith("4.0 kB, 1.2 s.")
    assert said(duration_ns=1_000_000_000).endswith("4.0 kB, 1.2 s.")  # threads, added up
    assert said(duration_ns=0).endswith("4.0 kB, 1.2 s.")
    (of_a_file,) = findings(Recording(ledger=[slow], duration_ns=1_400_000_000))
    assert of_a_file.what.endswith("1.2 s of the trace's 1.4 s.")


@pytest.mark.parametrize(
    ("facts", "is_found"),
    [
        ({}, False),
        ({"duration_ns": None}, True),
        ({"duration_ns": 2_000_000_000}, True),
        ({"copied_bytes": MUCH}, True),
        ({"copied_bytes": None}, True),
        ({"device_from": "GPU:0", "moved_bytes": 4000}, True),
        ({"device_from": "GPU:0", "moved_bytes": 0, "mirror": True}, False),
    ],
    ids=str,
)
def test_reads_that_took_next_to_nothing_of_the_time_are_not_found(facts, is_found):
    recording = Recording(source=CELL, ledger=[crossing(**facts)], duration_ns=100_000_000_000)
    assert bool(findings(recording)) == is_found


def test_moves_between_several_devices_are_told_by_their_kind():
    moved = {"moved_bytes": 4000, "move_evidence": "observed"}
    said = only(crossing(device_from="GPU:0", **moved), crossing(device_from="GPU:1", **moved)).what
    assert "8.0 kB from device to host" in said


def test_moves_of_a_part_are_told_beside_the_bytes():
    said = only(
        crossing(device_from="GPU:0", nbytes=8000, moved_bytes=4000, move_evidence="observed")
    ).what
    assert "8.0 kB, 4.0 kB moved from GPU:0 to host" in said


def test_bytes_that_are_not_known_are_not_made_up():
    finding = only(crossing(count=60), crossing(count=60, nbytes=None, reason="strings"))
    assert finding.nbytes is None
    assert "unknown" in finding.sentence


def test_small_arrays_made_tensors_one_by_one_are_found():
    said = only(into()).sentence
    assert "tf.constant made tensors of small arrays 300 times, 12.0 kB" in said
    assert said.endswith("`tf.unstack(tf.constant(array))` gives all rows as tensors.")


@pytest.mark.parametrize("fine", [{"count": MANY_SMALL - 1}, {"nbytes": 2000 * MANY_SMALL}])
def test_large_or_few_arrays_made_tensors_are_not(fine):
    assert found(into(**fine)) == []


def test_elements_of_a_pipeline_are_better_read_as_arrays():
    pipeline = Pipeline(site=site(4), route="iteration", iterations=1, elements=MANY)
    said = only(crossing(), pipelines=[pipeline]).sentence
    assert "as_numpy_iterator()" in said


def test_what_a_model_converts_for_each_batch_is_no_loop_of_the_users():
    calls = ModelCalls(site=site(4), route="Sequential.predict", calls=1, batches=MANY, rows=3200)
    assert found(crossing(route="Sequential.predict", explicit=False), models=[calls]) == []


# Where.


@pytest.mark.parametrize(
    ("line", "loop"), [(1, None), (2, 2), (3, 2), (4, 2), (5, None)], ids=str
)  # fmt: skip
def test_loop_around_a_line(line, loop):
    assert loop_around(CELL, line) == loop


@pytest.mark.parametrize(
    ("source", "line", "loop"),
    [
        ("for a in b:\n    while a:\n        x(a)\n    y(a)", 3, 2),
        ("for a in b:\n    while a:\n        x(a)\n    y(a)", 4, 1),
        ("z = [x(a)\n     for a in b]", 1, 1),
        ("for a in b:\n    %timeit x(a)\n    y(a)", 3, 1),
        ("!ls\nfor a in b:\n    x(a)", 3, 2),
        ("%%interop_trace\n%%time\nfor a in b:\n    x(a)", 4, 3),
        ("def f(:\n    x", 2, None),
        ("x(a)", 1, None),
        ("", 1, None),
        ("a\0b", 1, None),
    ],
)
def test_loop_is_the_innermost_and_magics_do_not_disturb(source, line, loop):
    assert loop_around(source, line) == loop


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (Site(at(7), at(3)), "line 3 (run by line 7)"),
        (Site(at(7), at(7)), "line 7"),
        (Site(at(7), at(3, "In[1]")), "line 7 (at line 3 of In[1])"),
        (Site(None, at(3, "f.py")), "line 3 of f.py"),
    ],
)
def test_line_of_a_function_in_the_same_cell_comes_before_the_line_that_ran_it(place, told):
    assert where(place) == told


# Small batches.


def tiny(**facts):
    usual = {"site": site(4), "route": "Sequential.predict", "calls": 20, "batches": 20,
             "rows": 20, "duration_ns": 800_000_000, "outside": Share(20, 5120, 3)}  # fmt: skip
    return ModelCalls(**{**usual, **facts})


def test_model_called_for_a_row_at_a_time_is_found():
    fed = into(route="Sequential.predict", count=20, nbytes=5120, explicit=False)
    finding = only(fed, models=[tiny()])
    assert (finding.kind, finding.count, finding.nbytes) == ("small-batches", 20, 5120)
    assert finding.sentence.startswith(
        "line 4: Sequential.predict ran 20 times for 20 rows in all (5.1 kB), 800 ms. Hand over all"
    )


def test_rows_are_handed_over_as_the_method_takes_them():
    assert "`model.predict(np.stack(rows))`" in only(models=[tiny()]).instead
    evaluated = only(models=[tiny(route="Sequential.evaluate")]).instead
    assert "`model.evaluate(np.stack(rows), np.stack(targets))`" in evaluated


@pytest.mark.parametrize(
    "fine",
    [
        {"calls": MANY_CALLS - 1, "rows": MANY_CALLS - 1},
        {"rows": 20 * FEW_ROWS + 1},
        {"rows": None},
        {"route": "Sequential.train_on_batch"},
    ],
    ids=str,
)
def test_models_called_rarely_or_for_many_rows_are_not(fine):
    assert found(models=[tiny(**fine)]) == []


# Graphs.


def scaled(*retraces, **facts):
    usual = {"name": "scaled", "site": site(5), "calls": 20, "traces": 20}
    return FunctionCalls(**{**usual, **facts}, retraces=list(retraces))


def test_retraces_are_found_with_argument_cause_and_remedy():
    again = Retrace(
        "python value", "factor", "each new Python int (1, 2, 3, …)", 19, 350_000_000, "int"
    )
    finding = only(functions=[scaled(again)])
    assert (finding.kind, finding.count, finding.nbytes) == ("retrace", 19, None)
    assert finding.sentence == (
        "line 5: `scaled` was traced again 19 times in 20 calls, 350 ms, because of argument "
        "`factor`: each new Python int (1, 2, 3, …). Pass a tensor or a NumPy scalar: "
        "`tf.constant(factor)`."
    )


def test_only_numbers_can_be_tensors_instead():
    again = Retrace("python value", "mode", "each new Python str ('a', 'b', …)", 19, 10, "str")
    said = only(functions=[scaled(again)]).sentence
    assert "tf.constant" not in said
    assert said.endswith("pass one that seldom changes.")


def test_few_retraces_are_not_found():
    few = Retrace("shape", "x", "each new shape", MANY_RETRACES - 1, 10**9)
    assert found(functions=[scaled(few)]) == []
    assert found(functions=[scaled()]) == []


def test_several_new_arguments_are_no_name_to_write_into_code():
    again = Retrace("python value", "x, k", "each new Python int (1, 2, …)", 19, 10, "int")
    said = only(functions=[scaled(again)]).sentence
    assert "because of argument `x, k`" in said
    assert said.endswith("`tf.constant(number)`.")


def test_braces_of_a_cause_are_its_own():
    again = Retrace("structure", "x", "keys {'a'}, {'b'}", 5, 10)
    assert "keys {'a'}, {'b'}" in only(functions=[scaled(again)]).sentence


def baked(**facts):
    usual = {"route": "operator +", "direction": NUMPY_TO_TENSORFLOW, "device_from": "host",
             "device_to": GRAPH, "count": 1, "nbytes": 50_000_000, "explicit": False}  # fmt: skip
    return crossing(**{**usual, **facts})


def test_large_constant_is_found_with_the_copies_that_baking_made():
    finding = only(baked(copies=100, copied_bytes=5_000_000_000))
    assert (finding.kind, finding.count, finding.nbytes) == ("baked-constant", 1, 50_000_000)
    assert finding.sentence == (
        "line 4: operator + baked 50.0 MB of float32 into a graph as a constant, by 100 copies of "
        "it (5.0 GB). Pass it to the function as an argument, or make it a `tf.Variable` outside."
    )


def test_copies_that_are_not_known_are_not_told():
    assert "copies" not in only(baked(copies=None, copied_bytes=None)).sentence


@pytest.mark.parametrize("fine", [{"nbytes": LARGE_CONSTANT - 1}, {"device_to": "CPU:0"}])
def test_small_constants_and_other_tensors_are_not(fine):
    assert found(baked(**fine)) == []
