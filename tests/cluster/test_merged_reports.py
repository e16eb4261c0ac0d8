"""What a report of two engines says, and one of two hundred."""

from __future__ import annotations

from pathlib import Path

import pytest

import tfnp_magic
from tests.golden.recordings import HOSTILE
from tfnp_magic.views.lines import Amount
from tfnp_magic.views.merged.spread import COUNT, TIME, Spread, spread_of
from tfnp_magic.views.merged.text import report
from tfnp_magic.views.merged.wording import engines_text
from tfnp_magic.views.wording import width_of

from . import recordings
from .recordings import CELL, recording

EXPECTED = Path(__file__).parent / "expected"


@pytest.mark.parametrize("name", ["two", "many"])
def test_report_reads_as_reviewed(name, request):
    text = report(tfnp_magic.merge(getattr(recordings, name)()), 120) + "\n"
    file = EXPECTED / f"{name}_engines.txt"
    if request.config.getoption("--renew"):
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


def test_two_hundred_engines_take_no_more_room_than_what_differs():
    text = report(tfnp_magic.merge(recordings.many()), 120)
    assert len(text.splitlines()) < 50
    assert text.startswith("In[3] on 197 engines: 62,192 conversions on 3 lines")
    for told in (
        "No recording from engine 99: KeyError: 'lost'.",
        "No recording from engines 120, 121: sent nothing.",
        "The cell was ended by ValueError on engines 40, 41",
        "! On 195 of 197 engines (not on 40, 41): line 5: operator - silently cast",
        "! On all 197 engines, most on engine 17: line 4, in the loop of line 3: Tensor.numpy ran",
        "line 4 of In[3]: count 3,000 on engine 17; 300 on the others.",
        "line 5 of In[3]: count 0 on engine 40, 0 on engine 41; 1 on the others.",
        "the other 194    302",
        "In[3] on engines 0, 2, 4, 6, 8, 10, 12, 14 and 93 more",
        "A row for each engine: `merged.by_engine()`.",
    ):  # fmt: skip
        assert told in text


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_page_where_it_can_be_folded(width):
    text = report(tfnp_magic.merge(recordings.many()), width)
    assert max(map(width_of, text.splitlines())) <= width


def test_page_tells_what_the_text_tells():
    merged = tfnp_magic.merge(recordings.many())
    page = merged._repr_html_()
    for told in ("In[3] on 197 engines", "most on engine 17", "the other 194", "engines 120, 121"):
        assert told in page
    assert page.count("<tr>") < 20


def test_page_has_nothing_that_an_engine_could_put_into_it():
    rec = recording()
    for crossing in rec.ledger:
        crossing.site = crossing.site._replace(line=crossing.site.line._replace(code=HOSTILE))
    merged = tfnp_magic.merge({HOSTILE: rec, "failed": ValueError(HOSTILE)})
    assert "<script" not in merged._repr_html_()
    assert "\x1b" not in str(merged)


def test_versions_that_are_not_the_same_are_told():
    other = recording(versions={"python": "3.11.7", "tensorflow": "2.16.0"})
    text = str(tfnp_magic.merge([recording(), other]))
    assert "Not the same tensorflow everywhere: 2.21.0 on engine 0, 2.16.0 on engine 1." in text
    assert "python everywhere" not in text


def test_what_was_lost_is_told_with_its_engine():
    text = str(tfnp_magic.merge([recording(), recording(lost=["a probe"])]))
    assert "Lost on engine 1: a probe." in text


def test_what_is_the_same_on_all_is_told_once():
    recs = [recording(not_seen=["dust"], housekeeping=2, housekeeping_bytes=8) for _ in range(3)]
    text = str(tfnp_magic.merge(recs))
    assert text.count("dust") == 1
    assert "Not listed: 6 small conversions" in text


def test_two_findings_of_one_kind_on_one_line_stay_two():
    rec = recording()
    silent = rec.ledger[2]
    rec.ledger.append(type(silent)(**{n: getattr(silent, n) for n in silent.__slots__}))
    rec.ledger[-1].dtype_from = "int64"
    text = str(tfnp_magic.merge([rec, recording()]))
    assert "On both engines: line 5: operator - silently cast float64" in text
    assert "On engine 0 only: line 5: operator - silently cast int64" in text


@pytest.mark.parametrize(
    ("engines", "of", "told"),
    [
        ([4], [4], "on engine 4"),
        ([0, 1], [0, 1], "on both engines"),
        ([0, 1, 2], [0, 1, 2], "on all 3 engines"),
        ([1], [0, 1], "on engine 1 only"),
        ([0, 2], [0, 1, 2], "on 2 of 3 engines (not on 1)"),
        ([3, 9], range(200), "on 2 of 200 engines (3, 9)"),
        (range(100), range(200), "on 100 of 200 engines"),
    ],
)
def test_engines_are_named_as_far_as_they_are_few(engines, of, told):
    assert engines_text(list(engines), list(of)) == told


@pytest.mark.parametrize(
    ("kind", "values", "outliers"),
    [
        (COUNT, [1, 1, 1, 1], []),
        (COUNT, [1, 1, 1, 2], [3]),
        (COUNT, [300, 310, 290, 305, 295, 3000], [5]),
        (COUNT, [300, 310, 290, 305, 295, 330], []),
        (COUNT, [5, 5, 5, 0], [3]),
        (COUNT, [1, 3000], []),
        (COUNT, [1, 1, 1, 9, 9, 9], []),
        (TIME, [10_000, 10_000, 900_000], []),
        (TIME, [10_000, 10_000, 90_000_000], [2]),
    ],
)
def test_outlier_stands_far_from_many_that_are_close(kind, values, outliers):
    spread = spread_of({n: Amount(value) for n, value in enumerate(values)}, kind)
    assert spread.outliers == outliers


def test_spread_is_told_as_least_and_most_and_what_is_unknown_with_a_sign():
    assert Spread({0: 3, 1: 3}, []).text(str) == "3"
    assert Spread({0: 5, 1: 3}, []).text(str) == "3 … 5"
    assert Spread({0: 5, 1: 3}, [], is_least=True).text(str) == "≥3 … 5"


def test_line_that_converted_on_some_engines_counts_nothing_on_the_others():
    text = str(tfnp_magic.merge([recording(), recording(), recording(), recording(error="E")]))
    (row,) = (line for line in text.splitlines() if line.endswith(CELL.splitlines()[4]))
    assert row.split()[:7] == ["5", "3", "of", "4", "0", "…", "1"]
