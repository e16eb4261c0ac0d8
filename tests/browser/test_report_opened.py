"""A notebook that is only opened: in JupyterLab and Notebook 7, in both themes, trusted or not.

Nothing is run: what is seen is what the file holds, and what the sanitiser leaves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from .needs import need

need("playwright", "jupyterlab", "notebook", "tensorflow")

from playwright.sync_api import BrowserContext, Locator, Page  # noqa: E402

from .lab import APPLICATIONS, THEMES, Lab, choose_theme, draw_anew, outputs  # noqa: E402
from .looks import (  # noqa: E402
    assert_apart,
    assert_asks_nothing,
    assert_drawn,
    assert_readable,
    assert_within_page,
    table_with,
    tables,
)
from .notebook import CONTROL, RECEIVED, TYPED, report, whos  # noqa: E402

HEIGHT = 2000
"""Pixels of a page that shows all of the notebook."""

NUMBERS = {"line", "count", "bytes", "copied bytes", "copies", "seconds"}


@dataclasses.dataclass(frozen=True)
class Opened:
    """A page with a notebook of which nothing was run."""

    page: Page
    application: str
    trusted: bool

    @property
    def name(self) -> str:
        return f"{self.application}-{'trusted' if self.trusted else 'untrusted'}"


@pytest.fixture(
    scope="module", params=[(each, trusted) for each in APPLICATIONS for trusted in (True, False)],
    ids=lambda param: f"{param[0]}-{'trusted' if param[1] else 'untrusted'}",
)  # fmt: skip
def opened(
    request: pytest.FixtureRequest, lab: Lab, window: BrowserContext, ran: Page
) -> Iterator[Opened]:
    application, trusted = request.param
    page = lab.open(window, TYPED if trusted else RECEIVED, "light", application)
    page.set_viewport_size({"width": 1280, "height": HEIGHT})
    outputs(page, CONTROL).wait_for()
    yield Opened(page, application, trusted)
    page.close()


def test_the_notebook_is_sanitised_unless_it_is_trusted(opened: Opened) -> None:
    control = outputs(opened.page, CONTROL).locator('[aria-label="control"]')
    assert control.count() == opened.trusted


def test_tables_say_what_they_said_when_the_cells_had_run(opened: Opened, ran: Page) -> None:
    for output in (report, whos):
        then, now = tables(output(ran)), tables(output(opened.page))
        assert then
        assert [table.texts for table in now] == [table.texts for table in then]


def test_silent_casts_are_marked_by_weight_and_background(opened: Opened) -> None:
    """And nothing else is, in either way."""
    summary = table_with(report(opened.page), "route", "direction")
    cells = [(name, cell) for row in summary.cells for name, cell in row.items()]
    bold = [(name, cell.text) for name, cell in cells if cell.is_bold]
    coloured = [(name, cell.text) for name, cell in cells if cell.has_background]
    assert bold == coloured == [("line", "4"), ("cast", "silent")]


def test_numbers_are_aligned_to_the_right_and_texts_to_the_left(opened: Opened) -> None:
    """JupyterLab's own style would align every cell to the right."""
    summary = table_with(report(opened.page), "route", "direction")
    for row in (dict(zip(summary.columns, summary.header, strict=True)), *summary.cells):
        for name, cell in row.items():
            assert cell.align == ("right" if name in NUMBERS else "left"), (name, cell)


def test_details_unfold_when_they_are_clicked(opened: Opened) -> None:
    for each in (*folded(report(opened.page)), *folded(whos(opened.page))):
        inside = each.locator(":scope > :not(summary)").first
        was_visible = inside.is_visible()
        for visible in (not was_visible, was_visible, True):
            if inside.is_visible() != visible:
                each.locator("summary").first.click()
            assert inside.is_visible() == visible


def folded(output: Locator) -> list[Locator]:
    """All details of an output, which must have some."""
    found = output.locator("details").all()
    assert found
    return found


def test_the_timeline_is_drawn(opened: Opened) -> None:
    images = report(opened.page).locator("img").all()
    assert images
    for image in images:
        assert_drawn(image, least=3)  # what is behind it, bars, and the line below them


def test_nothing_is_asked_of_the_network(lab: Lab, opened: Opened, asked: list[str]) -> None:
    assert {url for url in asked if not url.startswith((f"{lab.address}/", "data:"))} == set()
    for output in (report(opened.page), whos(opened.page)):
        assert_asks_nothing(output)


@pytest.mark.parametrize("theme", THEMES)
def test_texts_can_be_read(opened: Opened, screenshots: Path, theme: str) -> None:
    choose_theme(opened.page, theme)
    opened.page.screenshot(path=screenshots / f"report-{opened.name}-{theme}.png")
    for output in (report(opened.page), whos(opened.page)):
        assert_readable(output)


@pytest.mark.parametrize("width", [1280, 800])
def test_wide_tables_scroll_by_themselves_and_texts_keep_apart(
    opened: Opened, screenshots: Path, width: int
) -> None:
    opened.page.set_viewport_size({"width": width, "height": HEIGHT})
    draw_anew(opened.page)
    opened.page.screenshot(path=screenshots / f"report-{opened.name}-{width}.png")
    for output in (report(opened.page), whos(opened.page)):
        assert_within_page(output)
        assert_apart(output)
