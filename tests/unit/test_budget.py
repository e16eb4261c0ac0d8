"""Looks at the user's data keep within a share of the traced time."""

from __future__ import annotations

import pytest

from tfnp_magic.recorder.budget import ALWAYS, GRACE_NS, SHARE, Budget


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [0]
    monkeypatch.setattr("time.perf_counter_ns", lambda: now[0])
    return now


def spend(budget, clock, nanoseconds):
    with budget.look():
        clock[0] += nanoseconds


def test_first_looks_are_made_whatever_time_they_take(clock):
    budget = Budget()
    for _ in range(ALWAYS):
        assert budget.allows()
        spend(budget, clock, 10**9)
    assert not budget.allows()


def test_later_ones_while_their_share_of_the_time_lasts(clock):
    budget = Budget()
    for _ in range(ALWAYS):
        spend(budget, clock, 0)
    spend(budget, clock, GRACE_NS)
    assert budget.allows()
    spend(budget, clock, GRACE_NS)
    assert not budget.allows()
    clock[0] = int(GRACE_NS / SHARE)
    assert budget.allows()


def test_look_that_fails_is_counted(clock):
    budget = Budget()

    def fail(nanoseconds):
        with budget.look():
            clock[0] += nanoseconds
            raise ZeroDivisionError

    for _ in range(ALWAYS):
        with pytest.raises(ZeroDivisionError):
            fail(10**9)
    assert not budget.allows()
