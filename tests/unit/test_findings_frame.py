"""Findings as a DataFrame: stable columns and dtypes, in the order of harm."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.unit.test_advice import LOST, at, crossing, hazard
from tests.unit.test_advice_on_repeats import crossing as read
from tests.unit.test_advice_on_repeats import scaled
from tfnp_magic.activity import Retrace
from tfnp_magic.advice import findings
from tfnp_magic.model import Site
from tfnp_magic.recording import Recording
from tfnp_magic.views.findings import COLUMNS

DTYPES = {
    "rank": "int64", "line": "Int64", "count": "int64", "bytes": "Int64", "copied_bytes": "Int64",
    "moved_bytes": "Int64", "seconds": "float64",
}  # fmt: skip


def mixed():
    again = Retrace("shape", "x", "each new shape", 5, 1_500_000_000)
    return Recording(
        ledger=[read(copied_bytes=8000, moved_bytes=None), crossing(7, values=LOST, nbytes=80)],
        hazards=[
            hazard(site=Site(None, at(9, "feed.py"))),
            hazard(site=Site(at(5), at(2, "In[1]")), written=True),
            hazard(site=Site(None, None), nbytes=1),
        ],
        functions=[scaled(again)],
    )


def test_rows_are_the_findings_ranked_from_one():
    recording = mixed()
    frame, found = recording.findings(), findings(recording)
    assert list(frame["rank"]) == [1, 2, 3, 4, 5, 6]
    assert list(frame["kind"]) == ["cast", "written", "retrace", "loop", "shared", "shared"]
    assert list(frame["what"]) == [finding.what for finding in found]
    assert list(frame["instead"]) == [finding.instead for finding in found]


def test_figures_are_those_of_the_findings_and_missing_where_not_known():
    frame = mixed().findings().set_index("kind")
    loop, retrace, cast = frame.loc["loop"], frame.loc["retrace"], frame.loc["cast"]
    assert (loop["count"], loop["bytes"], loop["copied_bytes"], loop["seconds"]) == (
        100, 4000, 8000, 0.002,
    )  # fmt: skip
    assert loop["moved_bytes"] is pd.NA
    assert (retrace["count"], retrace["seconds"]) == (5, 1.5)
    assert all(retrace[name] is pd.NA for name in ("bytes", "copied_bytes", "moved_bytes"))
    assert cast["bytes"] == 80
    assert pd.isna(frame.loc["written", "seconds"])


def test_place_is_the_cells_line_and_what_it_ran_elsewhere():
    frame = mixed().findings()
    places = frame[["source", "line", "inner"]].iloc[[1, 4, 5]].astype(object).values.tolist()
    assert places[:2] == [["In[3]", 5, "In[1], line 2"], ["feed.py", 9, ""]]
    assert (places[2][0], places[2][1], places[2][2]) == ("", pd.NA, "")


@pytest.mark.parametrize("make", [Recording, mixed])
def test_columns_and_dtypes_are_the_same_with_and_without_findings(make):
    frame = make().findings()
    assert tuple(frame.columns) == COLUMNS
    text = pd.Series(["a"]).astype("str").dtype
    expected = {name: pd.Series(dtype=DTYPES[name]).dtype if name in DTYPES else text
                for name in COLUMNS}  # fmt: skip
    assert dict(frame.dtypes) == expected


def test_clean_cell_has_no_rows():
    assert len(Recording().findings()) == 0
