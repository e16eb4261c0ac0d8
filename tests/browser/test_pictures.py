"""The README's pictures: the command takes them; those in the repository are small."""

from __future__ import annotations

import re
from pathlib import Path

from .needs import need

need("playwright", "jupyterlab", "sklearn", "tensorflow")

from playwright.sync_api import Browser, Page  # noqa: E402

from .lab import Lab  # noqa: E402
from .looks import colours  # noqa: E402
from .pictures import PICTURES, take  # noqa: E402

NAMES = ["report-dark.png", "report-light.png", "whos-light.png"]
LARGEST = 250_000
"""Bytes of a picture."""


def test_the_command_takes_pictures_with_something_on_them(
    lab: Lab, browser: Browser, ran: Page, tmp_path: Path
) -> None:
    taken = take(lab, browser, tmp_path)
    assert sorted(path.name for path in taken) == NAMES
    for path in taken:
        assert path.stat().st_size <= LARGEST
        assert colours(ran, path.read_bytes()) > 16
    light, dark = (tmp_path / f"report-{theme}.png" for theme in ("light", "dark"))
    assert light.read_bytes() != dark.read_bytes()


def test_the_readme_shows_the_pictures_of_the_repository() -> None:
    readme = (PICTURES.parents[1] / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"demo_notebooks/pictures/([\w-]+\.png)", readme))
    assert shown <= set(NAMES)
    assert sorted(path.name for path in PICTURES.iterdir()) == NAMES
    assert [path for path in PICTURES.iterdir() if path.stat().st_size > LARGEST] == []
