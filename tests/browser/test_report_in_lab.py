"""The report in a real JupyterLab: read from the page, in both themes, trusted or not.

One notebook is typed and run in Lab by its menu, and saved there, which signs it. Its twin
is run elsewhere and only opened in Lab, as a notebook that somebody sent.

``TFNP_MAGIC_SCREENSHOTS`` names a directory to leave the screenshots in.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

needed = ("playwright", "jupyterlab", "nbconvert", "tensorflow")
missing = [name for name in needed if importlib.util.find_spec(name) is None]
if missing:
    pytest.skip(f"not installed: {', '.join(missing)}", allow_module_level=True)

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from .lab import (  # noqa: E402
    CHROMIUM,
    THEMES,
    Lab,
    outputs,
    run_all_cells,
    save,
    start_chromium,
)
from .looks import Shown, shown  # noqa: E402

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium in the PATH")

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

COLUMNS = [
    "line", "code", "inner", "route", "direction", "explicit", "count", "shape", "dtype", "cast",
    "device", "bytes", "copied bytes", "copies", "storage", "seconds", "values", "reason",
]  # fmt: skip
NUMBERS = {"line", "count", "bytes", "copied bytes", "copies", "seconds"}

# By hand: 32 numbers are 256 bytes as float64 and 128 as float32. How many bytes it takes
# to copy them depends on where NumPy's copy happens to lie.
ROWS = [
    ("3", f"t = tf.constant(x, tf.float32, name={HOSTILE})", "", "tf.constant", "yes", "1",
     "float64 → float32", "explicit", "256"),
    ("4", "wrong = t * (x / 3)", "", "operator *", "no", "1", "float64 → float32", "silent", "256"),
    ("6", "half = halved(x)", "halved in In[2], line 4", "tf.constant", "yes", "3",
     "float64", "none", "768"),
    ("7", "t.numpy().shape", "", "Tensor.numpy", "yes", "1", "float32", "none", "128"),
]  # fmt: skip
CERTAIN = ("line", "code", "inner", "route", "explicit", "count", "dtype", "cast", "bytes")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def ran(lab: Lab, browser: Browser) -> Page:
    """The notebook just run and saved in Lab; its twin has been run elsewhere."""
    lab.write("typed.ipynb", CELLS)
    lab.write("received.ipynb", CELLS)
    with lab.executing("received.ipynb"):
        lab.wait_until_ready()
        page = lab.open(browser, "typed.ipynb", "light")
        run_all_cells(page)
        outputs(page, CONTROL).wait_for()
    save(page)
    return page


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    directory = Path(os.environ.get("TFNP_MAGIC_SCREENSHOTS", tmp_path))
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def test_a_run_shows_the_sentence_and_a_row_for_each_line(ran: Page) -> None:
    assert_complete(shown(outputs(ran, TRACED).last))


def test_the_findings_stand_between_the_sentence_and_the_table(ran: Page) -> None:
    report = outputs(ran, TRACED).last
    finding = report.locator("p", has_text="silently cast float64 to float32")
    assert finding.count() == 1
    assert finding.inner_text().startswith("! line 4: operator * silently cast")
    sentence, here, table = (
        each.bounding_box()
        for each in (report.locator("p").first, finding, report.locator("table"))
    )
    assert sentence is not None
    assert here is not None
    assert table is not None
    assert sentence["y"] < here["y"] < table["y"]


def test_the_report_stands_below_the_cells_own_output(ran: Page) -> None:
    own, report = outputs(ran, TRACED).all()
    assert own.inner_text().split("\n") == ["[3]:", "(8, 4)"]
    assert report.locator("table").count() == 1
    above, below = own.bounding_box(), report.bounding_box()
    assert above is not None
    assert below is not None
    assert below["y"] >= above["y"] + above["height"]


def test_markup_in_the_source_stays_text(ran: Page) -> None:
    """A trusted page, where nothing but our own escaping stands between source and browser."""
    report = shown(outputs(ran, TRACED).last)
    assert report.trusted
    assert not [element for element in report.elements if element[0] == "script"]
    assert ("b", "x") not in report.elements
    assert HOSTILE in report.records[0]["code"]


def test_whos_lists_the_names_of_the_session(ran: Page) -> None:
    listed = {row["name"]: row for row in shown(outputs(ran, WHOS)).records}
    assert set(listed) == {"half", "t", "wrong", "x"}
    kept = [listed["t"][name] for name in ("kind", "shape", "dtype", "device", "bytes")]
    assert kept == ["Tensor", "(8, 4)", "float32", "CPU:0", "128"]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("notebook", ["trusted", "untrusted"])
@pytest.mark.usefixtures("ran")
def test_an_opened_notebook_keeps_its_looks(
    lab: Lab, browser: Browser, screenshots: Path, theme: str, notebook: str
) -> None:
    """Nothing is run: what is seen is what the file holds, and the sanitiser leaves."""
    trusted = notebook == "trusted"
    page = lab.open(browser, "typed.ipynb" if trusted else "received.ipynb", theme)
    outputs(page, CONTROL).wait_for()
    page.screenshot(path=screenshots / f"report-{theme}-{notebook}.png")
    report, whos = shown(outputs(page, TRACED).last), shown(outputs(page, WHOS))
    assert outputs(page, CONTROL).locator('[aria-label="control"]').count() == trusted
    page.close()

    assert report.trusted is whos.trusted is trusted
    assert_complete(report)
    assert_silent_cast_is_marked(report)
    assert_aligned(report, right=NUMBERS)
    assert_aligned(whos, right=set())
    assert report.overflow == "auto", "a wide table must scroll by itself"
    for piece in (*report.pieces, *whos.pieces):
        assert piece.contrast >= 4.5, piece


def assert_complete(report: Shown) -> None:
    """Totals, header and rows are there, with what this cell must have led to."""
    beginning = "In[3]: 6 conversions on 4 lines, 1.4 kB crossed, "
    assert report.sentence.text.startswith(beginning)
    assert report.sentence.text.endswith(", 1 silent cast (float64 → float32, line 4).")
    assert report.columns == COLUMNS
    assert [tuple(row[name] for name in CERTAIN) for row in report.records] == ROWS
    often_empty = ("inner", "values")
    assert all(text or name in often_empty for row in report.records for name, text in row.items())


def assert_silent_cast_is_marked(report: Shown) -> None:
    """By weight and by background, and nothing else is marked in either way."""
    cells = [(name, cell) for row in report.cells for name, cell in row.items()]
    bold = [(name, cell.text) for name, cell in cells if cell.is_bold]
    coloured = [(name, cell.text) for name, cell in cells if cell.has_background]
    assert bold == coloured == [("line", "4"), ("cast", "silent")]


def assert_aligned(output: Shown, right: set[str]) -> None:
    """JupyterLab's own style would align every cell to the right."""
    for row in (dict(zip(output.columns, output.header, strict=True)), *output.cells):
        for name, cell in row.items():
            assert cell.align == ("right" if name in right else "left"), (name, cell)
