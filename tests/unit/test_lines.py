"""Figures by line: what counts where, and that nothing is counted twice."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest
from hypothesis import given, settings

from tfnp_magic.model import KINDS_OF_MOVE, Crossing, Place, Site, kind_of_move
from tfnp_magic.recording import Recording
from tfnp_magic.views.lines import COLUMNS, Amount, Figures, figures_of, lines_of

from .ledgers import recordings

CALL = Place("In[3]", 8, "<module>", "z = scale(x)")
WITHIN = Place("In[1]", 3, "scale", "return x - x.mean()")
COPY = Crossing(
    Site(CALL, None), "tf.constant", "numpy → tensorflow", True, "float32", "float32", "none",
    "host", "CPU:0", "copy", "observed", "a reason", count=2, nbytes=80, copied_bytes=160,
    copies=4, duration_ns=1_500,
)  # fmt: skip


def at(site, **facts):
    return dataclasses.replace(COPY, site=site, **facts)


def known_sum(parts):
    parts = list(parts)
    return Amount(sum(part for part in parts if part is not None), parts.count(None))


def added(figures: list[Figures], name):
    amounts = [getattr(each, name) for each in figures]
    return Amount(sum(each.known for each in amounts), sum(each.unknown for each in amounts))


# Laws.


@given(recordings())
def test_own_figures_of_all_lines_add_up_to_the_ledgers(recording):
    own = [line.own for line in lines_of(recording)]
    ledger = recording.ledger
    silent = [c.count for c in ledger if c.cast == "silent"]
    assert sum(each.count for each in own) == sum(c.count for c in ledger)
    assert sum(each.silent_casts for each in own) == sum(silent)
    assert sum(each.casts for each in own) == sum(c.count for c in ledger if c.cast != "none")
    assert added(own, "nbytes") == known_sum(c.nbytes for c in ledger)
    assert added(own, "copied") == known_sum(c.copied_bytes for c in ledger)
    assert added(own, "duration") == known_sum(c.duration_ns for c in ledger)
    moving = [c.moved_bytes for c in ledger if kind_of_move(c.device_from, c.device_to)]
    assert added(own, "moved") == known_sum(moving)


@settings(max_examples=25)
@given(recordings())
def test_moved_bytes_by_direction_add_up_to_the_recordings(recording):
    frame = recording.by_line()
    for kind, total in zip(KINDS_OF_MOVE, recording.moves(), strict=True):
        column = frame[f"{kind.replace(' ', '_')}_bytes"]
        assert (None if column.isna().any() else column.sum()) == total


@given(recordings())
def test_called_figures_are_those_of_conversions_that_count_at_another_line(recording):
    called = [line.called.count for line in lines_of(recording)]
    elsewhere = [
        c.count for c in recording.ledger
        if c.site.line and c.site.inner and c.site.line[:2] != c.site.inner[:2]
    ]  # fmt: skip
    assert sum(called) == sum(elsewhere)


@given(recordings())
def test_each_line_is_there_once_and_in_order(recording):
    places = [line.place for line in lines_of(recording)]
    keys = [place and place[:2] for place in places]
    assert len(set(keys)) == len(keys)
    assert None not in keys[:-1]
    for source in {place.source for place in places if place}:
        numbers = [place.line for place in places if place and place.source == source]
        assert numbers == sorted(numbers)


@settings(max_examples=25)
@given(recordings())
def test_columns_and_dtypes_are_the_same_whatever_was_recorded(recording):
    frame = recording.by_line()
    assert tuple(frame) == COLUMNS
    assert list(frame.dtypes) == list(Recording().by_line().dtypes)
    assert len(frame) == len(lines_of(recording))


# What counts where.


def test_a_conversion_counts_at_the_innermost_line_and_as_called_where_the_call_stands():
    inner = at(Site(CALL, WITHIN), cast="silent", dtype_from="float64")
    frame = Recording(title="In[3]", source="x", ledger=[inner, COPY]).by_line()
    call, within = frame.to_dict("records")
    assert (call["source"], call["line"], call["code"]) == ("In[3]", 8, CALL.code)
    assert (within["source"], within["line"], within["code"]) == ("In[1]", 3, WITHIN.code)
    assert (call["count"], call["called"], call["silent_casts"]) == (2, 2, 0)
    assert (call["bytes"], call["called_bytes"], call["called_silent_casts"]) == (80, 80, 2)
    assert (within["count"], within["called"], within["silent_casts"]) == (2, 0, 2)
    assert (within["copied_bytes"], within["seconds"]) == (160, pytest.approx(1.5e-6))


def test_a_function_on_the_line_that_calls_it_is_no_other_line():
    """As a lambda's: its conversion counts there, and is not told again as called."""
    here = at(Site(CALL, CALL._replace(function="<lambda>")))
    (line,) = lines_of(Recording(ledger=[here]))
    assert (line.own.count, line.called.count) == (2, 0)


def test_what_no_line_of_the_cell_led_to_counts_at_the_users_line():
    (line,) = lines_of(Recording(ledger=[at(Site(None, WITHIN))]))
    assert (line.place, line.own.count, line.called.count) == (WITHIN, 2, 0)


def test_the_cell_comes_first_then_cells_by_number_then_files_then_what_has_no_line():
    sources = ["b.py", "In[12]", "In[3]", "In[2]", "a.py"]
    sites = [Site(None, None), *(Site(None, Place(source, 1, "f", "")) for source in sources)]
    recording = Recording(title="In[3]", source="x", ledger=[at(site) for site in sites])
    frame = recording.by_line()
    assert list(frame["source"]) == ["In[3]", "In[2]", "In[12]", "a.py", "b.py", ""]
    assert frame["line"].isna().tolist() == [False] * 5 + [True]


def test_a_traced_file_comes_first_though_its_title_is_an_absolute_path():
    traced = Site(Place("train.py", 9, "<module>", ""), Place("a.py", 1, "f", ""))
    recording = Recording(title="/home/someone/train.py", ledger=[at(traced)])
    assert list(recording.by_line()["source"]) == ["train.py", "a.py"]


# What is not known.


def test_a_sum_with_an_unknown_part_is_missing_in_the_frame_and_known_in_part_in_the_line():
    recording = Recording(ledger=[COPY, at(COPY.site, copied_bytes=None, duration_ns=None)])
    row = recording.by_line().iloc[0]
    assert row["copied_bytes"] is pd.NA
    assert row["seconds"] != row["seconds"]
    assert (row["count"], row["bytes"]) == (4, 160)
    figures = figures_of(recording.ledger)
    assert (figures.copied, figures.duration) == (Amount(160, 1), Amount(1_500, 1))
    assert (figures.copied.exact, figures.nbytes.exact) == (None, 160)


def test_a_mirror_moves_nothing_and_still_says_that_data_could_have_moved():
    served = at(COPY.site, device_from="GPU:0", device_to="host", mirror=True, moved_bytes=0)
    assert figures_of([served]).moves == {"device to host": Amount(0)}
    assert figures_of([COPY]).moves == {}
