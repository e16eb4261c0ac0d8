"""Of very many lines a trace tells as many apart as it has room for, and says so."""

from __future__ import annotations

import ast
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import tfnp_magic
from tests.golden.recordings import crossing, line
from tests.scale.measures import allocations, held_by
from tests.unit.test_recorder import Traced as Fed
from tests.unit.test_recorder import seen as seen_as
from tfnp_magic.advice.finding import where
from tfnp_magic.model import MAX_SITES, NUMPY_TO_TENSORFLOW, OTHER_LINES, TENSORFLOW_TO_NUMPY
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recording import Recording
from tfnp_magic.views.timeline import rows

LINES = 25_000
MOST_BYTES = 50_000_000
A_FUNCTION = 5
"""Lines of one code object: looking for a line's syntax takes as long as its code is."""


class Traced(Fed):
    """A cell of this text, where one is given."""

    def __init__(self, source=""):
        super().__init__()
        if source:
            self.recording.source = source
            cell = {self.cell_file: 0}
            self.recorder = Recorder(self.recording, cell, {self.cell_file: "In[3]"}.get)


def run_lines(traced, lines, times=1):
    """Convert once, or so often, on each of so many lines of the cell."""
    for start in range(0, lines, A_FUNCTION):
        # Each block stands at its lines in the cell, which Python need not read up to there.
        block = ast.parse("convert(what)\n" * min(A_FUNCTION, lines - start))
        code = compile(ast.increment_lineno(block, start), traced.cell_file, "exec")
        names = {**traced.names, "what": seen_as(), "__name__": "__main__"}
        for _ in range(times):
            exec(code, names)


@pytest.fixture(scope="module")
def large():
    """A recorder that came by all of the lines twice, and what was allocated meanwhile."""
    # The recorder has the cell's text, and `executing` none: its trees of a text so long, which
    # it keeps, are no recorder's.
    traced = Traced(source="convert(what)\n" * LINES)
    with allocations() as now:
        before, _ = now()
        run_lines(traced, LINES, times=2)
        after, _ = now()
        held = held_by(traced.recorder)
        traced.recorder.finish()
    traced.recording.duration_ns = 10**9
    return traced, after - before, held


def test_the_recorder_stays_small(large):
    traced, allocated, held = large
    assert allocated < MOST_BYTES
    assert held < MOST_BYTES
    assert len(traced.recorder._spots) <= MAX_SITES
    assert len(traced.recorder._numbers) == MAX_SITES + 1


def test_totals_are_complete(large):
    recording = large[0].recording
    assert sum(crossing.count for crossing in recording.ledger) == 2 * LINES
    assert sum(crossing.nbytes for crossing in recording.ledger) == 2 * LINES * 40
    assert len(recording.ledger) == MAX_SITES + 1
    assert recording.sites_dropped == 2 * (LINES - MAX_SITES)


def test_lines_that_are_told_apart_are_the_first(large):
    first = large[0].recording.ledger[:MAX_SITES]
    assert [crossing.site.line.line for crossing in first] == list(range(1, MAX_SITES + 1))
    assert {crossing.count for crossing in first} == {2}


def test_every_view_says_that_lines_were_dropped(large):
    recording = large[0].recording
    told = f"{recording.sites_dropped:,} conversions at sites beyond the first {MAX_SITES:,}"
    assert told in " ".join(str(recording).split())
    assert told in recording._repr_html_()
    assert f"on more than {MAX_SITES:,} lines" in str(recording)
    summary = recording.summary()
    (count,) = summary.loc[summary["inner"] == "(other lines)", "count"]
    assert count == recording.sites_dropped
    by_line = recording.by_line()
    (row,) = by_line[by_line["source"] == "(other lines)"].to_dict("records")
    assert row["count"] == recording.sites_dropped
    assert pd.isna(row["line"])


def test_it_is_still_told_of_a_saved_one(large, tmp_path):
    recording = large[0].recording
    recording.save(tmp_path / "large.json")
    loaded = tfnp_magic.load(tmp_path / "large.json")
    assert loaded.sites_dropped == recording.sites_dropped > 0
    assert loaded.ledger[-1].site == OTHER_LINES


def test_nothing_is_dropped_as_long_as_there_is_room():
    traced = Traced()
    run_lines(traced, 200)
    recording = traced.recorder.finish()
    assert recording.sites_dropped == 0
    assert "(other lines)" not in str(recording)


def test_two_runs_are_compared_where_lines_were_dropped(monkeypatch):
    monkeypatch.setattr("tfnp_magic.frames.spots.MAX_SITES", 3)
    recordings = []
    for lines in (5, 7):
        traced = Traced()
        run_lines(traced, lines)
        recordings.append(traced.recorder.finish())
    rows = recordings[0].diff(recordings[1])
    (row,) = rows[rows["source"] == "(other lines)"].to_dict("records")
    assert (row["count_before"], row["count_after"]) == (2, 4)
    assert pd.isna(row["line_before"])
    assert pd.isna(row["line_after"])
    assert rows["count_before"].sum() == 5
    assert rows["count_after"].sum() == 7


def test_beyond_the_sites_only_so_many_routes_are_told_apart(monkeypatch):
    monkeypatch.setattr("tfnp_magic.frames.spots.MAX_SITES", 1)
    monkeypatch.setattr("tfnp_magic.frames.spots._MOST_ROUTES", 1)
    traced = Traced()
    traced.run_cell("convert(seen())\nconvert(seen())\nconstant(seen())\nconstant(seen())")
    first, second, third = traced.recording.ledger
    assert (first.count, second.count, third.count) == (1, 1, 2)
    assert second.site == third.site == OTHER_LINES
    assert (second.route, third.route) == ("fakelib.convert", "tf.lowest")
    assert third.explicit
    assert traced.recording.sites_dropped == 3


def test_functions_models_and_pipelines_of_very_many_sites_are_told_together(monkeypatch):
    monkeypatch.setattr("tfnp_magic.frames.spots.MAX_SITES", 3)
    for module in ("function_calls", "model_calls", "pipelines"):
        monkeypatch.setattr(f"tfnp_magic.driving.{module}.MAX_SITES", 3)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    names = {
        "tf": tf, "double": tf.function(lambda x: x * 2), "t": tf.constant(1.0),
        "model": model, "x": np.ones((4, 2), "f4"),
        "data": tf.data.Dataset.from_tensor_slices(np.arange(3.0)),
    }  # fmt: skip
    line = "double(t); model.predict_on_batch(x); list(data.map(lambda e: e))\n"
    code = compile(line * 8, __file__, "exec")
    with tfnp_magic.trace() as recording:
        exec(code, names)
    users = [calls for calls in recording.functions if calls.calls]
    for told in (users, recording.models, recording.pipelines):
        assert len(told) == 4
        assert [each.site.line.line for each in told[:3]] == [1, 2, 3]
        assert told[3].site == OTHER_LINES
    assert [calls.calls for calls in users] == [1, 1, 1, 5]
    assert users[3].name == "(other functions)"
    assert [calls.calls for calls in recording.models] == [1, 1, 1, 5]
    assert [pipeline.elements for pipeline in recording.pipelines] == [3, 3, 3, 15]
    assert "(other lines)" in str(recording)
    assert "(other lines)" in recording._repr_html_()


def test_spots_that_were_forgotten_are_the_same_sites_again(monkeypatch):
    monkeypatch.setattr("tfnp_magic.frames.spots._MOST_SPOTS", 2)
    ledger = Traced().run_cell("for _ in range(4):\n" + "    convert(seen())\n" * 5)
    assert [crossing.count for crossing in ledger] == [4] * 5


def test_further_lines_are_not_taken_for_one_that_loops():
    asked = {"route": "np.sqrt", "direction": TENSORFLOW_TO_NUMPY, "explicit": False}
    for site, kinds in ((line(2), ["loop"]), (OTHER_LINES, [])):
        found = Recording(ledger=[crossing(site, **asked, count=1000)], duration_ns=10**6)
        assert list(found.findings()["kind"]) == kinds


def test_further_lines_are_named_without_a_number():
    asked = {"route": "tf.constant", "direction": NUMPY_TO_TENSORFLOW}
    found = Recording(
        title="In[3]",
        ledger=[
            crossing(OTHER_LINES, **asked, dtype_from="float64", cast="silent"),
            crossing(line(2), **asked),
        ],
        duration_ns=10**6,
    )
    for text in (str(found), found._repr_html_(), where(OTHER_LINES)):
        assert "line 0" not in text
        assert "(other lines)" in text
        assert "(other lines):0" not in text


def test_the_timeline_tries_no_more_lines_than_could_fit(monkeypatch):
    tried = []
    width_of = rows.width_of
    monkeypatch.setattr(rows, "width_of", lambda text: tried.append(text) or width_of(text))
    lane = SimpleNamespace(
        crossings=[crossing(line(n), "np.sqrt", TENSORFLOW_TO_NUMPY) for n in range(5_000)]
    )
    assert rows.places_of(lane, 12) == "0, 1, 2, …"
    assert len(tried) < 12
