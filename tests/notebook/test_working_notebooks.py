"""The notebooks on working with traces run, and hold their own assertions."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "demo_notebooks"
NAMES = ("guards", "debugger", "budgets", "scripts", "engines", "session")


@pytest.fixture(scope="module", params=NAMES)
def executed(request):
    """The notebook; a cell that raises although it is not said to ends the test."""
    notebook = nbformat.read(FOLDER / f"{request.param}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return notebook


def test_it_runs_and_each_cell_that_is_to_raise_does(executed):
    asserted = [cell for cell in executed.cells if "assert " in cell.source]
    assert asserted
    for cell in executed.cells:
        errors = [o.ename for o in cell.get("outputs", ()) if o.output_type == "error"]
        is_to_raise = "raises-exception" in cell.metadata.get("tags", ())
        assert errors == ["InteropError"] * is_to_raise, cell.source
