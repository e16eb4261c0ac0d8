"""The lessons run, prove what they claim, and are kept with what they showed."""

from __future__ import annotations

import re

import nbformat
import pytest
from demos import FOLDER, asserts, code_cells, errors, executed, is_to_raise, read, sections

LESSONS = sorted(path.stem for path in FOLDER.glob("lesson_*.ipynb"))

TAUGHT = (
    "Myth: `.numpy()` always copies / never copies",
    "Myth: NumPy functions cannot take tensors",
    "Myth: moving from the GPU is free",
    "Myth: an array made from a tensor is linked to it",
    "Pitfall: avoiding `.numpy()` for fear of copies",
    "Pitfall: NumPy functions on tensors",
    "Pitfall: converting inside the training loop",
)
"""What is told about this border, and taken up in exactly one section each."""


@pytest.mark.parametrize("name", LESSONS)
def test_it_runs_and_its_assertions_hold(name):
    cells = code_cells(executed(name))
    assert sum(asserts(cell.source) for cell in cells) >= 5
    for cell in cells:
        assert bool(errors(cell)) == is_to_raise(cell), cell.source
        assert "AssertionError" not in errors(cell), cell.source


@pytest.mark.parametrize("name", LESSONS)
def test_each_traced_cell_is_followed_by_what_must_be_true_of_it(name):
    for section in sections(read(name)):
        if "%%interop_trace" in section.code:
            assert asserts(section.code), section.title


@pytest.mark.parametrize("title", TAUGHT)
def test_what_is_taught_stands_beside_what_was_measured(title):
    (section,) = [s for name in LESSONS for s in sections(read(name)) if s.title == title]
    for word in ("Commonly taught", "Measured"):
        assert re.search(rf"^\W*{word}\b", section.text, re.MULTILINE), word
    assert "interop_trace" in section.code
    assert asserts(section.code)


@pytest.mark.parametrize("name", LESSONS)
def test_it_is_kept_with_what_its_cells_showed(name):
    """A reader on a web page sees the reports; a new run changes no more than it must."""
    notebook = read(name)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert "execution" not in cell.metadata
        assert not [output for output in cell.outputs if output.get("name") == "stderr"]
        magic = cell.source.partition("\n")[0].split()
        if magic[:1] == ["%%interop_trace"] and "-q" not in magic:
            kinds = [set(output.get("data", ())) for output in cell.outputs]
            assert {"text/plain", "text/html"} in kinds, cell.source
