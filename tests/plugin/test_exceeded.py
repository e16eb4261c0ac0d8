"""Limits against recordings made by hand: each kept, each exceeded, and what is not known."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.golden.recordings import crossing, many_rows
from tests.plugin.cases import AT, CASES, UNKNOWN, recording_of
from tests.unit.ledgers import recordings
from tfnp_magic.model import IN_GRAPH
from tfnp_magic.recording import Recording
from tfnp_magic.testing.exceeded import outcome_of
from tfnp_magic.testing.limits import LIMITS
from tfnp_magic.testing.measured import measured
from tfnp_magic.views.lines import Amount, figures_of


def test_each_limit_has_a_case():
    assert CASES.keys() == LIMITS.keys()


@pytest.mark.parametrize("name", CASES)
def test_what_is_as_much_as_allowed_is_kept(name):
    figure, recording = CASES[name]
    assert outcome_of(recording, {name: figure}) == ([], [])


@pytest.mark.parametrize("name", CASES)
def test_what_is_more_than_allowed_is_exceeded_by_its_parts(name):
    figure, recording = CASES[name]
    (excess,), unsure = outcome_of(recording, {name: figure - 1})
    assert (excess.limit, excess.allowed, excess.amount) == (name, figure - 1, Amount(figure))
    assert unsure == []
    listed = sum(part.amount.known for part in excess.parts)
    assert listed == figure - 4 * bool(recording.housekeeping_moves)


@pytest.mark.parametrize("name", LIMITS)
def test_nothing_converted_keeps_all(name):
    assert outcome_of(Recording(), {name: 0}) == ([], [])


def test_what_graphs_did_is_no_conversion_and_copies_nothing_here():
    in_graph = crossing(AT, "Cast", IN_GRAPH, cast="silent")
    recording = recording_of(in_graph)
    assert measured(recording, "max_conversions") == Amount(0)
    assert measured(recording, "max_copied") == measured(recording, "max_copies") == Amount(0)
    assert measured(recording, "max_silent_casts") == Amount(1)


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_limit_is_not_kept_where_a_part_is_unknown_nor_exceeded(name):
    exceeded, (excess,) = outcome_of(recording_of(UNKNOWN[name]), {name: 10**9})
    assert exceeded == []
    assert (excess.limit, excess.amount) == (name, Amount(0, 3))


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_limit_is_exceeded_where_the_known_part_is_enough(name):
    figure, recording = CASES[name]
    recording = recording_of(UNKNOWN[name], *recording.ledger)
    (excess,), unsure = outcome_of(recording, {name: 0})
    assert unsure == []
    assert excess.amount.unknown == 3
    assert 0 < excess.amount.known <= figure


@pytest.mark.parametrize("name", ["max_hazards", "max_written"])
def test_memory_that_was_not_watched_is_unknown(name):
    exceeded, (excess,) = outcome_of(recording_of(hazards_unwatched=2), {name: 0})
    assert exceeded == []
    assert excess.amount == Amount(0, 2)


def test_the_figures_are_those_that_the_report_begins_with():
    recording = many_rows()
    assert measured(recording, "max_silent_casts").known == sum(
        each.count for each in recording.ledger if each.cast == "silent"
    )
    assert "at least" in str(recording)
    assert measured(recording, "max_copied").unknown


@given(recordings())
def test_the_figures_are_those_of_the_recordings_other_views(recording):
    figures, moves = figures_of(recording.ledger), recording.moves()
    for name, expected in {
        "max_crossed": figures.nbytes.exact,
        "max_copied": figures.copied.exact,
        "max_moved": figures.moved.exact,
        "max_conversions": figures.count,
        "max_casts": figures.casts,
        "max_silent_casts": figures.silent_casts,
        "max_host_to_device": moves.host_to_device,
        "max_device_to_host": moves.device_to_host,
        "max_device_to_device": moves.device_to_device,
    }.items():
        assert measured(recording, name).exact == expected
