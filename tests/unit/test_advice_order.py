"""Findings by harm, whatever their kinds; and of each kind a recording with it, and one without."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import test_advice as casts
from tests.unit import test_advice_on_repeats as repeats
from tests.unit import test_advice_on_same_data as same
from tests.unit.test_advice import BROKEN, DIGITS, LOST, ROUNDED, hazard, site
from tests.unit.test_advice_on_repeats import baked, scaled, tiny
from tfnp_magic.activity import Retrace
from tfnp_magic.advice import KINDS, Finding, findings
from tfnp_magic.advice.rank import cost, rank
from tfnp_magic.model import Site
from tfnp_magic.recording import Recording
from tfnp_magic.values import ValueChange


def cast(line, values=ROUNDED, **facts):
    return casts.crossing(line, values=values, **facts)


def loop(line, **facts):
    return repeats.crossing(site=site(line), **facts)


def retraced(line, duration_ns):
    again = Retrace("shape", "x", "each new shape", 5, duration_ns)
    return scaled(again, site=site(line))


def lines(*ledger, hazards=(), functions=(), models=()):
    recording = Recording(
        ledger=list(ledger), hazards=list(hazards), functions=list(functions), models=list(models)
    )
    return [finding.site.line.line for finding in findings(recording)]


# Between tiers.


def test_what_is_wrong_comes_before_what_costs_and_that_before_what_may_go_wrong():
    found = lines(
        loop(5, copied_bytes=10**12),
        cast(4),
        cast(2, LOST),
        hazards=[hazard(1, nbytes=10**12), hazard(3, written=True)],
        functions=[retraced(6, 10)],
    )
    assert found == [2, 3, 4, 5, 6, 1]


@pytest.mark.parametrize("values", [LOST, DIGITS, *BROKEN.values()], ids=str)
def test_one_broken_value_does_more_harm_than_memory_written_to_and_any_rounding(values):
    few = values._replace(checked=10**6)
    assert lines(cast(9), cast(8, few), hazards=[hazard(1, written=True)]) == [8, 1, 9]


# Within a tier.


def test_larger_share_of_broken_values_is_first():
    half = ValueChange(100, 100, 100, became_nonfinite=50, largest_relative_error=1e-3)
    most = ValueChange(10, 10, 9, fraction_lost=9)
    assert lines(cast(1, half), cast(2, most)) == [2, 1]


def test_larger_share_of_rounded_values_is_first_then_the_larger_error_then_the_bytes():
    tenth = ValueChange(100, 100, 10, largest_relative_error=1e-2)
    coarse = ValueChange(100, 100, 100, largest_relative_error=4e-4)
    fine = ValueChange(100, 100, 100, largest_relative_error=5.9e-8)
    same = ValueChange(1000, 1000, 999, largest_relative_error=5.8e-8)
    found = lines(
        cast(1, tenth), cast(2, fine), cast(3, coarse), cast(4, same, nbytes=80), cast(5, fine)
    )
    assert found == [3, 4, 2, 5, 1]


def test_costs_of_all_kinds_are_on_one_scale_of_bytes_and_nanoseconds():
    second, millisecond = 1_000_000_000, 1_000_000
    found = lines(
        loop(1, copied_bytes=10 * millisecond, duration_ns=millisecond),
        loop(2, copied_bytes=0, moved_bytes=2 * second, device_from="GPU:0"),
        baked(site=site(3), copied_bytes=second // 2),
        functions=[retraced(4, second), retraced(5, 5 * millisecond)],
        models=[tiny(site=site(6), duration_ns=3 * second)],
    )
    assert found == [6, 2, 4, 3, 1, 5]


def test_waiting_for_a_device_is_no_cost_of_the_conversion():
    waited = loop(1, duration_ns=900_000_000, waited_ns=899_000_000)
    assert lines(waited, loop(2, duration_ns=2_000_000)) == [2, 1]


def test_what_is_not_known_weighs_nothing():
    found = Finding("loop", site(1), "")
    assert cost(found) == 0
    assert lines(loop(1, copied_bytes=None, duration_ns=None), loop(2)) == [2, 1]


def test_larger_memory_that_is_shared_is_first():
    shared = [hazard(1, nbytes=10), hazard(2, nbytes=20)]
    written = [hazard(3, nbytes=10, written=True), hazard(4, nbytes=20, written=True)]
    assert lines(hazards=[*shared, *written]) == [4, 3, 2, 1]


# Ties.


def test_equal_findings_are_in_the_order_of_lines_and_those_without_one_last():
    nowhere = hazard(site=Site(None, None))
    hazards = [nowhere, hazard(8), hazard(3), hazard(site=Site(casts.at(3), casts.at(2)))]
    found = findings(Recording(hazards=hazards))
    assert [f.site for f in found[:2]] == [Site(casts.at(3), casts.at(2)), site(3)]
    assert [f.site for f in found[2:]] == [site(8), nowhere.site]


def test_equal_findings_of_one_line_keep_the_recordings_order():
    named = [hazard(array=name) for name in "bca"]
    found = findings(Recording(hazards=named))
    assert ["`b`" in found[0].what, "`c`" in found[1].what, "`a`" in found[2].what] == [True] * 3


@given(st.permutations(range(8)))
def test_order_is_that_of_harm_not_of_the_recording(order):
    ledger = [
        cast(1), cast(2, LOST), cast(3, DIGITS), loop(4), loop(5, copied_bytes=10**9),
        baked(site=site(6)), loop(7, duration_ns=None), cast(8, BROKEN["out_of_range"]),
    ]  # fmt: skip
    assert lines(*[ledger[index] for index in order]) == lines(*ledger)


def test_rank_has_no_nan_that_would_make_an_order_of_chance():
    nothing = ValueChange(0, 0, largest_relative_error=0.0)
    weight = rank(Finding("cast", site(1), "", values=nothing)).weight
    assert not any(map(math.isnan, weight))


def test_an_infinite_error_is_the_largest():
    infinite, large = (
        rank(Finding("cast", site(1), "", values=ValueChange(9, 9, 9, largest_relative_error=e)))
        for e in (math.inf, 1e300)
    )
    assert infinite < large  # what comes first


# Of each kind.

FIRES = {
    "cast": {"ledger": [cast(4)]},
    "written": {"hazards": [hazard(written=True)]},
    "retrace": {"functions": [retraced(4, 10)]},
    "baked-constant": {"ledger": [baked()]},
    "small-batches": {"models": [tiny()]},
    "loop": {"ledger": [loop(4)]},
    "repeated": {"ledger": [same.made()], "source": same.CELL, "title": "In[3]"},
    "printed": {"ledger": [same.printed()]},
    "shared": {"hazards": [hazard()]},
}
"""By kind, a recording with it alone."""

DOES_NOT = {
    "cast": {"ledger": [cast(4, ValueChange(10, 10))]},
    "written": {"hazards": [hazard()]},
    "retrace": {"functions": [scaled()]},
    "baked-constant": {"ledger": [baked(nbytes=1000)]},
    "small-batches": {"models": [tiny(rows=2000)]},
    "loop": {"ledger": [loop(4, count=3)]},
    "repeated": {"ledger": [same.made(count=3)], "source": same.CELL, "title": "In[3]"},
    "printed": {"ledger": [same.printed(moved_bytes=0, mirror=True)]},
    "shared": {"hazards": [hazard(written=True)]},
}
"""By kind, a recording that is like it, without that finding."""


def test_every_kind_has_a_recording_with_it_and_one_without():
    assert set(FIRES) == set(DOES_NOT) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_kind_fires(kind):
    assert [finding.kind for finding in findings(Recording(**FIRES[kind]))] == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_kind_does_not_fire_on_what_is_like_it(kind):
    assert kind not in [finding.kind for finding in findings(Recording(**DOES_NOT[kind]))]


@pytest.mark.parametrize("kind", KINDS)
def test_sentence_is_what_and_instead(kind):
    (finding,) = findings(Recording(**FIRES[kind]))
    assert finding.what.startswith(("line 4", "line 5"))
    assert finding.what.endswith(".")
    assert finding.instead.endswith(".")
    assert finding.sentence == f"{finding.what} {finding.instead}"
    assert finding.sentence.count("`") % 2 == 0


def test_sentence_without_a_remedy_has_no_space_behind_it():
    assert Finding("loop", site(1), "It is so.").sentence == "It is so."
