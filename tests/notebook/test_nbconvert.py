"""A report and an inventory after nbconvert, and in IPython's terminal, where no HTML is shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbconvert")

from bs4 import BeautifulSoup
from nbclient import NotebookClient
from nbconvert import HTMLExporter, LatexExporter, MarkdownExporter
from nbconvert.filters import markdown2html

CELLS = [
    "%load_ext tfnp_magic\nimport numpy as np\nimport tensorflow as tf\n"
    "a = np.ones((8, 4)) / 3\nt = tf.constant(a, tf.float32)",
    "%%interop_trace\n"
    "wrong = t * a\n"
    "for row in range(8):  # <b>each</b> & every\n"
    "    values = t[row].numpy()\n"
    "view = np.asarray(t)",
    "%tfnp_whos",
]
TRACED, WHOS = 1, 2


@pytest.fixture(scope="module")
def executed() -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return notebook


@pytest.fixture(params=[TRACED, WHOS], ids=["report", "whos"])
def shown(request: pytest.FixtureRequest, executed: nbformat.NotebookNode) -> dict[str, str]:
    """What one cell showed, by MIME type."""
    (output,) = executed.cells[request.param].outputs
    return dict(output.data)


def test_html_holds_the_output_as_it_stood_in_the_notebook(
    executed: nbformat.NotebookNode, shown: dict[str, str]
) -> None:
    body, _ = HTMLExporter().from_notebook_node(executed)
    outputs = parsed(body).select(".jp-OutputArea-output.jp-RenderedHTMLCommon")
    assert content(parsed(shown["text/html"])) in [content(output) for output in outputs]


def test_markdown_holds_the_output_as_html_that_stays_html(
    executed: nbformat.NotebookNode, shown: dict[str, str]
) -> None:
    """Neither an empty line nor a mark of Markdown's in the code may end or change the HTML."""
    body, resources = MarkdownExporter().from_notebook_node(executed)
    assert resources["outputs"] == {}  # pictures are in the text itself
    assert shown["text/html"] in body
    read = content(parsed(markdown2html(body)))
    wanted = content(parsed(shown["text/html"]))
    starts = [at for at, item in enumerate(read) if item == wanted[0]]
    assert wanted in [read[at : at + len(wanted)] for at in starts]


def test_latex_holds_the_text(executed: nbformat.NotebookNode) -> None:
    body, _ = LatexExporter().from_notebook_node(executed)
    assert "10 conversions on 3 lines" in body
    assert "<table" not in body


def test_the_report_has_its_tables_details_and_pictures(executed: nbformat.NotebookNode) -> None:
    report = parsed(executed.cells[TRACED].outputs[0].data["text/html"])
    assert len(report.select("table")) >= 2
    assert report.select("details > summary")
    assert [image["src"][:26] for image in report.select("img")][:1] == [
        "data:image/svg+xml;base64,"
    ]


def test_text_alone_can_be_read(shown: dict[str, str]) -> None:
    assert_text(shown["text/plain"])


def test_terminal_ipython_shows_text_that_fits(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "IPython", "--no-banner", "--simple-prompt"]
    environment = {
        **os.environ, "IPYTHONDIR": str(tmp_path), "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"
    }  # fmt: skip
    said = subprocess.run(
        [*command, "--colors=NoColor"],
        input="\n\n\n".join([*CELLS, "exit\n"]),  # an empty line ends a cell
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    _, report, whos = re.split(r"^.*(?:In ?\[\d+\]: )(?=\S)", said.stdout, flags=re.MULTILINE)
    assert report.startswith("10 conversions on 3 lines")
    assert re.search(r"^ +4 .+ 8 .+ values = t\[row\]\.numpy\(\)$", report, flags=re.MULTILINE)
    assert re.search(r"^a +ndarray +\(8, 4\) +float64", whos, flags=re.MULTILINE)
    for text in (report, whos):
        assert_text(text)
        table = [line for line in text.split("\n") if "  " in line]
        assert [line for line in table if len(line) > 80] == []


def assert_text(text: str) -> None:
    """No markup but that of the cell itself, and nothing for a terminal to obey."""
    assert re.findall(r"</?[a-z]+[^<]*>", text.replace("<b>each</b>", "")) == []
    assert re.findall(r"&[a-z]+;|[\x00-\x09\x0b-\x1f\x7f-\x9f]", text) == []


def parsed(markup: str) -> BeautifulSoup:
    return BeautifulSoup(markup, "html.parser")


def content(node: BeautifulSoup) -> list[tuple[str, str, str, str]]:
    """All elements with their style, source and text, in their order."""
    return [
        (each.name, each.get("style", ""), each.get("src", ""), each.get_text().strip())
        for each in node.find_all(True)
    ]
