"""The notebooks on working with traces run, and hold their own assertions."""

from __future__ import annotations

import pytest
from demos import asserts, code_cells, errors, executed, is_to_raise

NAMES = ("guards", "debugger", "budgets", "scripts", "engines", "session")


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_each_cell_that_is_to_raise_does(name):
    cells = code_cells(executed(name))
    assert any(asserts(cell.source) for cell in cells)
    for cell in cells:
        assert errors(cell) == ["InteropError"] * is_to_raise(cell), cell.source
