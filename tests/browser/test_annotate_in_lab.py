"""``%%interop_trace --annotate`` in a real JupyterLab: the copy below, and its renewal in place.

``TFNP_MAGIC_SCREENSHOTS`` names a directory to leave the screenshots in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .needs import need

need("playwright", "jupyterlab", "tensorflow")

import nbformat  # noqa: E402
from playwright.sync_api import BrowserContext, Page  # noqa: E402

from .lab import Lab, outputs, run_all_cells, save, wait_until  # noqa: E402

PRELUDE = (
    "%load_ext tfnp_magic\nimport numpy as np\nimport tensorflow as tf\na = np.ones(6)\nruns = 0"
)
TRACED = (
    "%%interop_trace --annotate\n"
    "runs += 1\n"
    "for _ in range(3 * runs):\n"
    "    t = tf.constant(a)  # mine\n"
    "if runs == 1: x = np.sum(t)"
)
RAISES = "%%interop_trace --annotate --quiet\nx = np.sum(t)\nraise ValueError('on purpose')"


@pytest.fixture(scope="module")
def ran(lab: Lab, window: BrowserContext) -> Iterator[Page]:
    """A notebook whose cells have been run once, one after the other, by the menu."""
    lab.write("annotated.ipynb", [PRELUDE, TRACED, RAISES])
    lab.wait_until_ready()
    page = lab.open(window, "annotated.ipynb", "light")
    run_all_cells(page)
    outputs(page, 3).filter(has_text="The annotated cell").wait_for()
    yield page
    page.close()


def test_the_copy_stands_below_and_is_renewed_in_its_place(lab: Lab, ran: Page) -> None:
    assert sources(lab, ran) == [PRELUDE, TRACED, annotated(3, "  # tfnp: 1 conversion"), RAISES]
    screenshot(ran, "annotated.png")
    copy = ran.locator(".jp-CodeCell").nth(2)
    copy.locator(".cm-content").click()
    ran.keyboard.press("Control+Enter")
    copy.locator(".cm-line", has_text="# tfnp: 6 conversions").wait_for()
    assert sources(lab, ran) == [PRELUDE, TRACED, annotated(6, ""), RAISES]
    assert outputs(ran, 2).filter(has_text="6 conversions").count() == 1
    screenshot(ran, "renewed.png")


def test_the_copy_of_a_cell_that_raised_is_an_output(lab: Lab, ran: Page) -> None:
    """Lab makes no new cell below it, whatever the kernel asks for."""
    raised = outputs(ran, 3)
    details = raised.locator("details")
    assert details.inner_text().startswith("The annotated cell;")
    details.locator("summary").click()
    wait_until(lambda: details.locator("pre").is_visible())
    text = details.locator("pre").inner_text()
    assert re.sub(r"(conversion).*", r"\1", text) == RAISES.replace(
        "np.sum(t)", "np.sum(t)  # tfnp: 1 conversion"
    )
    assert len(sources(lab, ran)) == 4
    screenshot(ran, "annotated_output.png")


def annotated(count: int, behind_the_last: str) -> str:
    """The traced cell with its comments, without the bytes, which are a matter of chance."""
    return TRACED.replace("# mine", f"# mine  # tfnp: {count} conversions") + behind_the_last


def sources(lab: Lab, page: Page) -> list[str]:
    """The cells' text as Lab saves it, without the bytes."""
    save(page)
    notebook = nbformat.read(lab.notebooks / "annotated.ipynb", as_version=4)
    return [re.sub(r"(# tfnp: \d+ conversions?).*", r"\1", cell.source) for cell in notebook.cells]


def screenshot(page: Page, name: str) -> None:
    directory = os.environ.get("TFNP_MAGIC_SCREENSHOTS")
    if directory:
        Path(directory).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(directory, name))
