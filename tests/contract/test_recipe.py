"""The recipe for a chokepoint (docs/chokepoints.md), followed with the code that stands there."""

from __future__ import annotations

import ctypes
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tests.contract.cells import traced_cell
from tests.contract.row import TO_TF, Row
from tfnp_magic.probes import probes

RECIPE = (Path(__file__).parents[2] / "docs" / "chokepoints.md").read_text(encoding="utf-8")
ROW, MODULE, CATALOGUE_ROW = re.findall(r"```python\n(.*?)```", RECIPE, flags=re.DOTALL)


class Shelf:
    """A made-up border: it keeps a copy of an array in memory that no probe knows of."""

    def put(self, array):
        if not array.size:
            raise ValueError("nothing to put there")
        self.kept = ctypes.create_string_buffer(array.nbytes)
        ctypes.memmove(self.kept, array.ctypes.data, array.nbytes)
        return self


@pytest.fixture
def row(monkeypatch):
    monkeypatch.setitem(sys.modules, "shelf", types.SimpleNamespace(Shelf=Shelf))
    return eval(ROW, {"Row": Row, "TO_TF": TO_TF})


@pytest.fixture
def _followed(monkeypatch):
    module = types.ModuleType("shelf")
    exec(compile(MODULE, "shelf.py", "exec"), module.__dict__)
    (catalogue_row,) = eval(f"({CATALOGUE_ROW})", {"shelf": module})
    monkeypatch.setattr(probes, "_catalogue", (*probes._catalogue, catalogue_row))


def traced(row, **names):
    space = {"F": lambda: np.arange(600.0), "np": np, **names}
    exec(row.setup, space)
    with traced_cell("<shelf>", row.code) as recording:
        exec(compile(row.code, "<shelf>", "exec"), space)
    return space, recording


def test_it_is_missed_before(row):
    _, recording = traced(row)
    assert recording.ledger == []


@pytest.mark.usefixtures("_followed")
def test_it_is_seen_when_the_recipe_was_followed(row):
    space, recording = traced(row)
    (crossing,) = recording.ledger
    assert (crossing.route, crossing.direction) == ("Shelf.put", row.crosses["a"])
    assert (crossing.count, crossing.nbytes, crossing.copied_bytes) == (1, 4800, 4800)
    assert crossing.site.line.code == row.code
    assert bytes(space["s"].kept) == space["a"].tobytes()
    assert recording.lost == []


@pytest.mark.usefixtures("_followed")
def test_the_owner_is_given_back_and_errors_pass(row):
    before = dict(vars(Shelf))
    with pytest.raises(ValueError, match="nothing to put there"):
        traced(row, F=lambda: np.zeros(0))
    assert dict(vars(Shelf)) == before


@pytest.mark.usefixtures("_followed")
def test_where_there_is_no_shelf_the_report_says_what_it_misses(monkeypatch):
    monkeypatch.delitem(sys.modules, "shelf", raising=False)
    with traced_cell("<shelf>", "1") as recording:
        pass
    assert [text for text in recording.not_seen if text.startswith("arrays put on a shelf")]
