"""The notebooks of ``demo_notebooks``, executed in a kernel of their own, and what they hold."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "demo_notebooks"

_HEADING = re.compile(r"^#+ +(?P<title>.+)$", re.MULTILINE)
_ASSERTION = re.compile(r"^\s*assert\b", re.MULTILINE)


def read(name: str) -> NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def executed(name: str, *asked: str) -> NotebookNode:
    """The notebook, with what is asked as cells at its end.

    A cell that raises although it is not said to ends the test.
    """
    notebook = read(name)
    notebook.cells += map(nbformat.v4.new_code_cell, asked)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def asserts(source: str) -> bool:
    return _ASSERTION.search(source) is not None


def errors(cell: NotebookNode) -> list[str]:
    """The names of the exceptions that the cell ended with."""
    return [output.ename for output in cell.outputs if output.output_type == "error"]


def is_to_raise(cell: NotebookNode) -> bool:
    return "raises-exception" in cell.metadata.get("tags", ())


@dataclasses.dataclass
class Section:
    """What stands below one heading, up to the next."""

    title: str
    text: str = ""
    code: str = ""


def sections(notebook: NotebookNode) -> list[Section]:
    found = [Section("")]
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            found[-1].code += f"{cell.source}\n"
            continue
        before, *parts = _HEADING.split(cell.source)
        found[-1].text += f"{before}\n"
        found += [Section(*part) for part in zip(parts[::2], parts[1::2], strict=True)]
    return found
