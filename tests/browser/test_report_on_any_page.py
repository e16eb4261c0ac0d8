"""Reports and inventories on bare pages, white and nearly black: what no notebook's style helps."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator

import pytest

from .needs import need

need("playwright", "jupyterlab", "tensorflow")

import nbformat  # noqa: E402
from playwright.sync_api import Browser, Locator, Page  # noqa: E402

from tests.golden import recordings, test_timeline  # noqa: E402
from tfnp_magic.recording import Recording  # noqa: E402
from tfnp_magic.views import html  # noqa: E402

from .lab import Lab, draw_anew  # noqa: E402
from .looks import (  # noqa: E402
    assert_apart,
    assert_asks_nothing,
    assert_drawn,
    assert_readable,
    assert_within_page,
)
from .notebook import TRACED, TYPED, WHOS  # noqa: E402

PAGES = {"white": ("#ffffff", "#000000"), "dark": ("#111111", "#e0e0e0")}
"""Background and text."""

Show = Callable[[str], Locator]


@pytest.fixture(scope="module")
def bare_page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    yield page
    page.close()


@pytest.fixture(params=PAGES)
def show(request: pytest.FixtureRequest, bare_page: Page) -> Show:
    """Show markup on a page of one colour that asks nobody anything."""
    background, colour = PAGES[request.param]
    asked: list[str] = []

    def show(markup: str) -> Locator:
        bare_page.on("request", lambda request: asked.append(request.url))
        style = f"background:{background};color:{colour};font-family:sans-serif;font-size:14px"
        bare_page.set_content(f'<!doctype html><body style="{style}"><main>{markup}</main></body>')
        draw_anew(bare_page)
        assert [url for url in asked if not url.startswith("data:")] == []
        return bare_page.locator("main")

    return show


def late_end() -> Recording:
    """Times on its axis that leave little room for one another, the last two least."""
    return dataclasses.replace(test_timeline.one(), duration_ns=390_000_000)


def made(*makers: Callable[[], Recording]) -> dict[str, Callable[[], Recording]]:
    return {f"{make.__module__.rpartition('.')[2]}-{make.__name__}": make for make in makers}


MADE = made(
    *(make for make in vars(recordings).values()
      if inspect.isfunction(make) and not inspect.signature(make).parameters),
    test_timeline.training, test_timeline.burst, test_timeline.hostile, late_end,
)  # fmt: skip
"""All recordings made by hand."""


@pytest.fixture(params=[*MADE, "typed report", "typed whos"])
def markup(request: pytest.FixtureRequest) -> str:
    """HTML of a recording made by hand, or as it was saved with the typed notebook."""
    if request.param in MADE:
        return html.report(MADE[request.param]())
    request.getfixturevalue("ran")
    lab: Lab = request.getfixturevalue("lab")
    cells = nbformat.read(lab.notebooks / TYPED, as_version=4).cells
    outputs = cells[TRACED if request.param == "typed report" else WHOS].outputs
    return str(outputs[-1].data["text/html"])


def test_all_texts_can_be_read(show: Show, markup: str) -> None:
    assert_readable(show(markup))


@pytest.mark.parametrize("width", [1280, 800, 400])
def test_wide_tables_scroll_by_themselves_and_texts_keep_apart(
    show: Show, bare_page: Page, markup: str, width: int
) -> None:
    bare_page.set_viewport_size({"width": width, "height": 1000})
    shown = show(markup)
    assert_within_page(shown)
    assert_apart(shown)


def test_pictures_are_drawn_and_nothing_is_asked_of_the_network(show: Show, markup: str) -> None:
    shown = show(markup)
    assert_asks_nothing(shown)
    for picture in shown.locator("img").all():
        assert_drawn(picture)
