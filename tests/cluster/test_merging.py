"""Recordings of several engines come to one: whose they are, their sum, and who is missing."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pandas as pd
import pytest

import tfnp_magic
from tfnp_magic.model import Place, Site
from tfnp_magic.views.merged.frames import ENGINE_COLUMNS
from tfnp_magic.views.summary import COLUMNS

from . import recordings
from .recordings import CELL, recording


class RemoteError(Exception):
    """As ipyparallel's: what was raised on the engine is told in fields."""

    ename, evalue = "NameError", "name 'rec' is not defined\nsecond line"


class Result:
    """As ipyparallel's `AsyncResult`: of a view of several engines, or of one."""

    def __init__(self, engine_id, values):
        self.engine_id, self._values = engine_id, values

    def get(self, return_exceptions=False):
        if not return_exceptions:
            raise RemoteError
        return self._values


def test_engines_of_a_list_are_numbered_and_those_of_a_mapping_keep_their_names():
    one, other = recording(), recording(turns=2)
    assert tfnp_magic.merge([one, other]).recordings == {0: one, 1: other}
    assert tfnp_magic.merge({"left": one}).recordings == {"left": one}


def test_result_of_a_pull_tells_its_engines():
    rec = recording()
    merged = tfnp_magic.merge(Result([2, 5], [rec, RemoteError()]))
    assert merged.recordings == {2: rec}
    assert str(merged.absent[5]) == "NameError: name 'rec' is not defined"
    assert tfnp_magic.merge(Result(7, rec)).recordings == {7: rec}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "sent nothing"),
        (KeyError("gone"), "KeyError: 'gone'"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (ValueError("first\nsecond"), "ValueError: first"),
    ],
)
def test_engine_without_a_recording_is_named_with_its_reason(value, told):
    merged = tfnp_magic.merge([recording(), value])
    assert str(merged.absent[1]) == told
    assert f"No recording from engine 1: {told}." in str(merged)
    assert merged.by_engine()["error"].to_list() == ["", told]


def test_engine_that_is_expected_and_not_there_sent_nothing():
    merged = tfnp_magic.merge({0: recording()}, engines=[0, 1, 2])
    assert list(merged.absent) == [1, 2]
    assert "No recording from engines 1, 2: sent nothing." in str(merged)


def test_report_without_any_recording_says_so():
    merged = tfnp_magic.merge([None, OSError("x")])
    assert str(merged).startswith("No recording came from any of 2 engines.")
    assert "No recording came" in merged._repr_html_()
    assert list(merged.summary()) == [*COLUMNS, "engines", "cell"]
    assert len(merged.summary()) == len(merged.crossings()) == len(merged.findings()) == 0
    assert len(merged.by_engine()) == 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (recording(), "not Recording"),
        ("rec.json", "not str"),
        (3, "not int"),
        (["rec.json"], "engine 0 has str: files are read with `tfnp_magic.load`"),
    ],
)
def test_anything_else_is_refused(given, told):
    with pytest.raises(TypeError, match="merge takes") as refused:
        tfnp_magic.merge(given)
    assert told in str(refused.value)


@pytest.mark.parametrize("given", [[], {}])
def test_nothing_at_all_is_refused(given):
    with pytest.raises(ValueError, match="no recording to merge"):
        tfnp_magic.merge(given)


# What they sum up to.


def test_summary_adds_up_and_tells_on_how_many_engines():
    given = recordings.two() | {2: recording(3, error="ValueError")}
    frame = tfnp_magic.merge(given).summary()
    assert list(frame) == [*COLUMNS, "engines", "cell"]
    assert frame["line"].to_list() == [2, 4, 5]
    assert frame["engines"].to_list() == [3, 3, 2]
    assert frame["count"].to_list() == [3, 910, 2]
    parts = [each.summary() for each in given.values()]
    for name in ("count", "bytes", "copied_bytes", "seconds"):
        total = sum(part[name].sum() for part in parts)
        assert frame[name].sum() == pytest.approx(total)


def test_frame_by_engine_has_the_figures_of_each():
    given = {**recordings.two(), "third": recording(turns=1, hazards=[recordings.shared()])}
    frame = tfnp_magic.merge(given).by_engine()
    assert list(frame) == list(ENGINE_COLUMNS)
    assert frame["engine"].to_list() == [0, 1, "third"]
    assert frame["conversions"].to_list() == [302, 312, 3]
    assert frame["copied_bytes"].to_list() == [12_160, 12_560, 200]
    assert frame["silent_casts"].to_list() == [1, 1, 1]
    assert frame["hazards"].to_list() == [0, 0, 1]
    assert frame["cell_seconds"].to_list() == pytest.approx([0.0056, 0.00562, 0.005002])


def test_frame_by_engine_leaves_unknown_what_a_part_of_is():
    rec = recording()
    rec.ledger[0].copied_bytes = None
    (copied,) = tfnp_magic.merge([rec]).by_engine()["copied_bytes"]
    assert copied is pd.NA


def test_crossings_and_findings_are_those_of_each_engine_as_it_left_them():
    given = recordings.two()
    merged = tfnp_magic.merge(given)
    for whole, part in (("crossings", "crossings"), ("findings", "findings")):
        frame = getattr(merged, whole)()
        for engine, rec in given.items():
            own = frame[frame["engine"] == engine].drop(columns="engine").reset_index(drop=True)
            pd.testing.assert_frame_equal(own, getattr(rec, part)())


def test_what_was_merged_stays_what_it_was():
    given = recordings.two()
    before = copy.deepcopy(given)
    merged = tfnp_magic.merge(given)
    str(merged), merged._repr_html_(), merged.summary(), merged.by_engine()
    assert merged.recordings == given == before


# The same lines under different names.


def test_cells_are_matched_by_their_text_and_helpers_by_their_lines():
    merged = tfnp_magic.merge(recordings.two())
    (cell,) = merged.cells
    assert (cell.name, cell.titles) == ("In[3]", {0: "In[3]", 1: "In[5]"})
    assert merged.summary()["inner"].to_list()[0] == "scale in In[2], line 2"
    assert "The same text is In[3] on engine 0, In[5] on engine 1." in str(merged)


def test_same_number_everywhere_is_not_worth_a_word():
    assert "The same text" not in str(tfnp_magic.merge([recording(), recording()]))


def test_helper_of_another_text_keeps_its_own_name():
    one, other = recording(helper=2), recording(helper=4)
    crossing = other.ledger[0]
    line, inner = crossing.site
    crossing.site = Site(line, inner._replace(code="return tf.constant(a) / 3"))
    frame = tfnp_magic.merge([one, other]).summary()
    assert frame["inner"].to_list()[:2] == ["scale in In[2], line 2", "scale in In[4], line 2"]
    assert frame["engines"].to_list() == [1, 1, 2, 2]


def test_different_cells_are_told_apart_though_their_numbers_are_the_same():
    other = CELL.replace("range(steps)", "range(9)")
    merged = tfnp_magic.merge([recording(cell=other), recording(), recording()])
    assert [(cell.name, cell.engines) for cell in merged.cells] == [
        ("In[3]", [1, 2]),
        ("In[3] of engine 0", [0]),
    ]
    frame = merged.summary()
    assert frame["cell"].to_list() == ["In[3]"] * 3 + ["In[3] of engine 0"] * 3
    assert frame["engines"].to_list() == [2] * 3 + [1] * 3
    text = str(merged)
    assert text.startswith("2 cells on 3 engines: 906 conversions on 6 lines")
    assert "different cells, told apart by their text: In[3] on 2 of 3 engines (not on 0)" in text


def test_blocks_of_a_file_are_matched_by_its_name():
    place = Place("train.py", 7, "<module>", "t.numpy()")
    recs = []
    for title in ("train.py", "train.py", "other.py"):
        rec = recording(cell="")
        rec.title = title
        rec.ledger = [dataclasses.replace(rec.ledger[1], site=Site(place, None))]
        recs.append(rec)
    merged = tfnp_magic.merge(recs)
    assert [cell.engines for cell in merged.cells] == [[0, 1], [2]]


# On the way.


def test_recording_of_everything_is_pickled_and_comes_back_equal():
    rec = recording(hazards=[recordings.shared()])
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(rec, protocol)) == rec


def test_merged_is_pickled_with_all_that_it_knows():
    merged = tfnp_magic.merge(recordings.many(20))
    again = pickle.loads(pickle.dumps(merged))
    assert again.recordings == merged.recordings
    assert str(again) == str(merged)
