"""One server, one Chromium and one notebook for all tests in a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from .lab import Lab

pytest.register_assert_rewrite("tests.browser.looks")  # what it asserts is told in full

# Of the package, not of the session: while playwright's loop runs, no other can, such as those
# of the tests that ask a kernel.


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    from .lab import Lab

    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    from .lab import start_chromium

    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def asked() -> list[str]:
    """The addresses that pages of `window` asked for anything, in order."""
    return []


@pytest.fixture(scope="package")
def window(browser: Browser, asked: list[str]) -> Iterator[BrowserContext]:
    """Pages that share what they load."""
    window = browser.new_context()
    window.on("request", lambda request: asked.append(request.url))
    yield window
    window.close()


@pytest.fixture(scope="package")
def ran(lab: Lab, window: BrowserContext) -> Page:
    """The notebook just run and saved in Lab; see `tests.browser.notebook`."""
    from .notebook import run

    return run(lab, window)


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the pages are left: ``TFNP_MAGIC_SCREENSHOTS`` names a directory."""
    directory = os.environ.get("TFNP_MAGIC_SCREENSHOTS")
    if not directory:
        return tmp_path_factory.mktemp("screenshots")
    Path(directory).mkdir(parents=True, exist_ok=True)
    return Path(directory)
