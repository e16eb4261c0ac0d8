"""The notebook of the browser tests: typed and run in Lab, and its twin that somebody sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat

from .lab import Lab, add_cell, outputs, run_all_cells, save, type_and_run

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

TYPED, RECEIVED = "typed.ipynb", "received.ipynb"

HOSTILE = '"<script>alert(1)</script><b>x</b>"'
CELLS = [
    "%load_ext tfnp_magic",
    "import numpy as np\nimport tensorflow as tf\n"
    "def halved(values):\n    return tf.constant(values) / 2",
    "%%interop_trace\n"
    "x = np.ones((8, 4))\n"
    f"t = tf.constant(x, tf.float32, name={HOSTILE})\n"
    "wrong = t * (x / 3)\n"
    "for _ in range(3):\n    half = halved(x)\n"
    "t.numpy().shape",
    "%tfnp_whos",
    # What this says to trusted readers only shows whether the page was sanitised.
    "from IPython.display import HTML\nHTML('<p aria-label=\"control\">control</p>')",
]
TRACED, WHOS, CONTROL = 2, 3, 4


def run(lab: Lab, window: BrowserContext) -> Page:
    """Run the first cells by the menu, type and run the others; save, which signs the notebook.

    What is saved is also left under another name, with a word in it that Lab has not signed: to
    Lab that is a notebook of somebody else's.
    """
    lab.write(TYPED, CELLS[:TRACED])
    lab.wait_until_ready()
    page = lab.open(window, TYPED, "light")
    run_all_cells(page)
    page.locator(".jp-InputPrompt").get_by_text(f"[{TRACED}]:").wait_for()
    add_cell(page)
    for number, cell in enumerate(CELLS[TRACED:], TRACED):
        type_and_run(page, cell)
        outputs(page, number).last.wait_for()
        said = outputs(page, number).last.inner_text()
        assert "Traceback" not in said, said
    save(page)
    notebook = nbformat.read(lab.notebooks / TYPED, as_version=4)
    notebook.metadata["title"] = "received"
    nbformat.write(notebook, lab.notebooks / RECEIVED)
    return page


def report(page: Page) -> Locator:
    """The report below the traced cell's own output."""
    return outputs(page, TRACED).last.locator(".jp-RenderedHTML")


def whos(page: Page) -> Locator:
    return outputs(page, WHOS).locator(".jp-RenderedHTML")
