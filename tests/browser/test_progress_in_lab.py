"""Progress in JupyterLab: seen while it takes long; afterwards the output has no trace of it."""

from __future__ import annotations

import importlib.util

import pytest

if importlib.util.find_spec("playwright") is None:
    pytest.skip("playwright is not installed", allow_module_level=True)

from playwright.sync_api import BrowserContext, Page

from .lab import Lab, outputs, run_all_cells, save, wait_until
from .needs import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium in the PATH")

CELLS = (
    "import tfnp_magic.progress\n%load_ext tfnp_magic",
    "with tfnp_magic.progress.of('Looking', at_once=True): input('go on?')\nprint('done')",
    "print('as high')",
)


def test_progress_is_seen_while_it_takes_long_and_then_takes_no_room(
    lab: Lab, window: BrowserContext
) -> None:
    lab.write("progress.ipynb", CELLS)
    lab.wait_until_ready()
    page = lab.open(window, "progress.ipynb", "light")
    run_all_cells(page)
    asked = page.locator(".jp-Stdin-input")
    asked.wait_for()
    assert shown(page, 1)[0] == "Looking"
    asked.fill("yes")
    asked.press("Enter")
    outputs(page, 2).first.wait_for()
    wait_until(lambda: shown(page, 1) == ["", "go on? yes", "done"])
    assert height(page) == 0
    save(page)
    page.close()
    again = lab.open(window, "progress.ipynb", "light")
    wait_until(lambda: shown(again, 1)[1:] == ["go on? yes", "done"])
    assert height(again) == 0
    again.close()


def height(page: Page) -> float:
    """Of the output that progress was shown in."""
    box = outputs(page, 1).first.bounding_box()
    assert box is not None
    return box["height"]


def shown(page: Page, cell: int) -> list[str]:
    """The text of each output that is drawn."""
    return [text.strip() for text in outputs(page, cell).all_inner_texts()]
