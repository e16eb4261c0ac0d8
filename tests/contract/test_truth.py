"""What a trace claims of every row is what the oracle measured, in both malloc worlds.

The worlds differ in where NumPy's memory lies: ``aligned`` lets TensorFlow use it, and
``mmapped``, where glibc puts fresh big arrays, makes it copy. A row that a blind spot
hides is a strict xfail. The terminal's summary counts the rows by how sure the trace is.
"""

from __future__ import annotations

import collections
import concurrent.futures

import pytest

from tests.contract.compare import BLIND, differences, standing
from tests.contract.oracle import build, worker
from tests.contract.rows import all_rows, versions
from tfnp_magic.blind_spots import BLIND_SPOTS

ROWS = all_rows()
LEAST = 300
"""Rows that a suite of the truth must have."""


@pytest.fixture(scope="module")
def told(request, tmp_path_factory):
    """The measurements and the claims of the rows, by world; a process for each world.

    Of a selection (``-k NAME``), only its rows are measured.
    """
    folder = tmp_path_factory.mktemp("truth")
    items = [item for item in request.session.items if item.path == request.path]
    chosen = [item.callspec.params["row"].name for item in items if hasattr(item, "callspec")]
    only = ("--rows", ",".join(chosen)) if len(chosen) < len(ROWS) else ()

    def run(world):
        also = "tests.contract.traced:claims_of"
        return worker.run(world, folder / f"{world}.json", "--also", also, *only)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return dict(zip(worker.WORLDS, pool.map(run, worker.WORLDS), strict=True))


def _blind(row):
    return row.blind or versions.hidden(row.name)


def _params():
    for row in ROWS:
        marks = ()
        if reason := versions.lacking(row.name):
            marks = pytest.mark.skip(reason=reason)
        elif blind := _blind(row):
            marks = pytest.mark.xfail(strict=True, raises=AssertionError, reason=blind)
        yield pytest.param(row, id=row.name, marks=marks)


@pytest.mark.skipif(bool(build.unavailable()), reason=build.unavailable() or "-")
@pytest.mark.parametrize("row", list(_params()))
def test_claims_are_what_happened(row, told, record_property):
    found = {}
    for world, rows in told.items():
        for difference in differences(row, rows[row.name]):
            found.setdefault(difference, []).append(world)
    surest = {standing(row, rows[row.name]) for rows in told.values()}
    record_property("standing", BLIND if _blind(row) else max(surest, key=_ORDER.index))
    assert not found, _explained(row, found)


_ORDER = ("exact", "inferred", "unknown")


def _explained(row, found):
    said = [f"{difference} ({', '.join(worlds)})" for difference, worlds in found.items()]
    return f"{row.setup}; {row.code}\n  " + "\n  ".join(said)


def test_suite_has_rows_enough():
    assert len(ROWS) >= LEAST
    assert len({(row.setup, row.code, row.needs_first) for row in ROWS}) == len(ROWS)


def test_rows_that_are_hidden_are_hidden_by_a_blind_spot_that_the_package_names():
    assert {row.blind for row in ROWS} - {""} <= {spot.name for spot in BLIND_SPOTS}


def test_rows_cover_every_direction_and_their_names_are_theirs_alone():
    ways = collections.Counter(way for row in ROWS for way in row.crosses.values())
    assert len(ways) == 5, ways
    assert len({row.name for row in ROWS}) == len(ROWS)
