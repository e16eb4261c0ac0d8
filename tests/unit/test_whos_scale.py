"""Many names and large arrays: neither is each looked at, nor a page of the data touched."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import numpy as np
import pytest

from tfnp_magic import whos
from tfnp_magic.whos import inventory, take_inventory

STATM = Path("/proc/self/statm")
LARGE = 2**28
"""Bytes."""

needs_proc = pytest.mark.skipif(not STATM.exists(), reason="no /proc to ask for resident memory")


def resident():
    """Bytes of this process that are in memory."""
    return int(STATM.read_text().split()[1]) * resource.getpagesize()


@pytest.fixture
def huge(tmp_path):
    """Make arrays of 10 GB, without a page of theirs in memory."""
    path = tmp_path / "huge"
    with open(path, "wb") as file:
        os.truncate(file.fileno(), 10**10)
    mapped = np.memmap(path, np.float64, "r+")
    return {"mapped": mapped, "part": mapped[::2], "made": np.empty(LARGE // 8)}


@needs_proc
@pytest.mark.parametrize("deep", [False, True])
def test_no_page_of_the_data_is_touched(huge, deep):
    namespace = {"data": huge} if deep else huge
    before = resident()
    found = take_inventory(namespace, deep=deep)
    _ = repr(found), found._repr_html_(), found.to_frame()
    assert resident() - before < LARGE // 8
    assert sum(row.nbytes for row in found.rows) > 10**10
    huge["made"].fill(0)
    assert resident() - before > LARGE // 2, "the measure must be able to see it"


@pytest.fixture
def looked(monkeypatch):
    """Count what is read as a tensor or an array."""
    things = []
    look = inventory.look
    monkeypatch.setattr(
        inventory, "look", lambda thing, *a: things.append(thing) or look(thing, *a)
    )
    return things


@pytest.mark.parametrize("deep", [False, True])
def test_of_plain_names_none_is_looked_at(looked, deep):
    namespace = {f"n{number}": number for number in range(50_000)}
    namespace |= {f"s{number}": str(number) for number in range(50_000)}
    namespace["array"] = np.zeros(3)
    found = take_inventory(namespace, deep=deep)
    assert [row.name for row in found.rows] == ["array"]
    assert len(looked) == 1


def test_each_array_is_looked_at_once(looked):
    base = np.zeros((2_000, 2))
    found = take_inventory({f"v{number}": row for number, row in enumerate(base)})
    assert len(looked) == len(found.rows) == 2_000
    assert sum(found.held.values()) == base.nbytes


def test_a_view_shows_as_many_rows_as_asked_for_whatever_there_are():
    rows = {f"v{number}": row for number, row in enumerate(np.zeros((2_000, 2)))}
    found = take_inventory(rows)
    assert found._repr_html_().count('<th scope="row"') == whos.ROWS_SHOWN
    assert len(repr(found)) < 30_000
    assert len(found.to_frame()) == 2_000


def test_a_huge_group_does_not_name_all_its_members_in_each_row():
    rows = np.zeros((1_000, 2))
    found = take_inventory({"base": rows, **{f"v{n}": row for n, row in enumerate(rows)}})
    frame = found.to_frame()
    assert frame["group"].tolist() == [1] * 1_001
    assert frame["shares_with"].str.len().max() < 1_000
    assert frame["shares_with"][0].endswith(" and 900 more")
