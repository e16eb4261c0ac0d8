"""What a recording says that moved is what the devices' own counters say, row by row.

Each row runs cold and traced, then untraced, then traced again, on the fake accelerator, or
with ``--accelerator cuda`` on a GPU that TensorFlow's profiler watches.
"""

from __future__ import annotations

import pytest

from tests.device import table
from tests.device.measure import measure, warm_up
from tests.device.rows import all_rows, copies, graphs, libraries, pipelines, strategies
from tfnp_magic.blind_spots import BLIND_SPOTS

ROWS = all_rows()
ROWS_THAT_MAY_RUN_GRAPHS = [
    row for module in (copies, graphs, libraries, pipelines, strategies) for row in module.ROWS
]
LEAST = 60
"""Eager rows that a suite of device moves must have."""

FACTS = {
    "the first read moves all",
    "a read after that moves nothing",
    "an op without a kernel there moves its inputs once",
    "one element moves all",
    "a Python number goes to the device once",
    "a list is converted anew each time",
    "a comparison read as a bool",
    "copies to the host never use the mirror",
    "a variable moves at each read",
    "assigning an array moves it",
    "a constant is placed on the accelerator",
    "int32 stays in host memory",
    "a graph moves what it needs",
    "numpy_function moves both ways",
    "asking for shape, dtype or device moves nothing",
    "identity moves nothing",
    "the policy `explicit` raises before anything moves",
}
"""What is known of TensorFlow's moves; each has a row that shows it."""


def _params(rows):
    return [pytest.param(row, id=row.name) for row in rows]


def _params_with_blind():
    for row in ROWS:
        marks = ()
        if row.blind:
            marks = pytest.mark.xfail(strict=True, raises=AssertionError, reason=row.blind)
        yield pytest.param(row, id=row.name, marks=marks)


@pytest.fixture(scope="module")
def measured(machine):
    """The runs of a row; it is run once for each way of tracing it."""
    warm_up(machine)
    kept = {}

    def measured(row, graph=False):
        if row.accelerators > len(machine.devices):
            pytest.skip(f"needs {row.accelerators} accelerators")
        if (row.name, graph) not in kept:
            kept[row.name, graph] = measure(row, machine, graph=graph)
        return kept[row.name, graph]

    return measured


@pytest.mark.parametrize("row", list(_params_with_blind()))
def test_a_recording_says_what_the_device_counted(row, measured, record_property):
    runs = measured(row)
    record_property(*table.properties(row, runs.cold))
    assert tuple(runs.cold.ours) == tuple(runs.cold.device), _explained(row, "cold")
    assert tuple(runs.again.ours) == tuple(runs.again.device), _explained(row, "again")


@pytest.mark.parametrize("row", _params(ROWS_THAT_MAY_RUN_GRAPHS))
def test_with_the_graphs_a_recording_says_what_the_device_counted(row, measured):
    """Eager moves and those inside graphs together, none of them twice."""
    runs = measured(row, graph=True)
    assert tuple(runs.cold.ours) == tuple(runs.cold.device), _explained(row, "cold")
    assert tuple(runs.again.ours) == tuple(runs.again.device), _explained(row, "again")
    assert runs.again.device == runs.untraced.device
    assert runs.again.result == runs.untraced.result
    assert runs.cold.lost == runs.again.lost == []


def _explained(row, which):
    return f"{which}: {row.setup}; {row.code}"


@pytest.mark.parametrize("row", _params(ROWS))
def test_a_trace_moves_nothing_and_changes_no_value(row, measured):
    runs = measured(row)
    assert runs.again.device == runs.untraced.device
    assert runs.cold.result == runs.untraced.result
    assert runs.again.result == runs.untraced.result
    assert runs.cold.lost == runs.again.lost == []


@pytest.mark.parametrize("row", _params(row for row in ROWS if row.moves is not None))
def test_what_is_known_of_a_row_is_so(row, measured, machine):
    if not machine.is_fake:
        pytest.skip("known of the fake accelerator")
    assert measured(row).untraced.device == row.moves


def test_suite_has_rows_enough():
    eager = [row for row in ROWS if not row.blind]
    assert len(eager) >= LEAST
    assert len({(row.setup, row.code) for row in ROWS}) == len(ROWS)


def test_every_known_fact_has_a_row():
    assert {row.fact for row in ROWS} - {""} == FACTS
    assert all(row.fact for row in ROWS if row.moves is not None)


def test_rows_that_are_hidden_are_hidden_by_a_blind_spot_that_the_package_names():
    assert {row.blind for row in ROWS} - {""} <= {spot.name for spot in BLIND_SPOTS}
