"""A cell typed and run in a real JupyterLab, and the report as it then stands on the page."""

from __future__ import annotations

import re

from .needs import need

need("playwright", "jupyterlab", "tensorflow")

import nbformat  # noqa: E402
from playwright.sync_api import Locator, Page  # noqa: E402

from .lab import Lab, outputs  # noqa: E402
from .looks import table_with  # noqa: E402
from .notebook import CELLS, HOSTILE, TRACED, TYPED, report, whos  # noqa: E402

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
COLUMNS = [
    "line", "code", "inner", "route", "direction", "explicit", "count", "shape", "dtype", "cast",
    "device", "bytes", "copied bytes", "copies", "storage", "seconds", "values", "reason",
]  # fmt: skip


def test_the_cells_that_ran_are_those_that_were_typed(lab: Lab, ran: Page) -> None:
    notebook = nbformat.read(lab.notebooks / TYPED, as_version=4)
    assert [cell.source for cell in notebook.cells][: len(CELLS)] == CELLS


def test_the_first_sentence_has_the_totals(ran: Page) -> None:
    sentence = report(ran).locator("p").first.inner_text()
    assert sentence.startswith("In[3]: 6 conversions on 4 lines, 1.4 kB crossed, ")
    assert sentence.endswith(", 1 silent cast (float64 → float32, line 4).")


def test_the_summary_has_a_row_for_each_line_with_what_it_converted(ran: Page) -> None:
    summary = table_with(report(ran), "route", "direction")
    assert summary.columns == COLUMNS
    assert [tuple(row[name] for name in CERTAIN) for row in summary.records] == ROWS
    often_empty = ("inner", "values")
    empty = [(row["line"], name) for row in summary.records for name in row if not row[name]]
    assert [(line, name) for line, name in empty if name not in often_empty] == []


def test_the_annotated_cell_has_every_line_with_its_count(ran: Page) -> None:
    """The lines of the cell from the first to the last, then those of the function it calls."""
    rows = table_with(report(ran), "line", "time", "code").records
    texts = CELLS[TRACED].split("\n")
    numbered = [(row["line"], row["code"]) for row in rows if row["line"].isdigit()]
    assert numbered[: len(texts)] == [(str(n), text) for n, text in enumerate(texts, 1)]
    assert numbered[len(texts) :] == [("4", "return tf.constant(values) / 2")]
    counts = [row["count"] for row in rows if row["line"].isdigit()]
    assert counts == ["", "", "1", "1", "", "↳ 3", "1", "3"]


def test_the_findings_stand_between_the_sentence_and_the_tables(ran: Page) -> None:
    finding = report(ran).locator("p, li", has_text="silently cast float64 to float32")
    assert finding.count() == 1
    assert re.search(r"line 4: .*operator \* silently cast", finding.inner_text())
    sentence, table = report(ran).locator("p").first, report(ran).locator("table").first
    assert top(sentence) < top(finding) < top(table)


def test_the_report_stands_below_the_cells_own_output(ran: Page) -> None:
    own, below = outputs(ran, TRACED).all()
    assert own.inner_text().split("\n") == ["[3]:", "(8, 4)"]
    assert below.locator("table").count() > 1
    assert top(below) > top(own)


def test_markup_in_the_source_stays_text(ran: Page) -> None:
    """A trusted page, where nothing but our own escaping stands between source and browser."""
    assert "jp-mod-trusted" in (report(ran).get_attribute("class") or "")
    assert report(ran).locator("script").count() == 0
    assert report(ran).locator("b").get_by_text("x", exact=True).count() == 0
    assert HOSTILE in table_with(report(ran), "route", "direction").records[0]["code"]


def test_whos_lists_the_names_of_the_session(ran: Page) -> None:
    listed = {row["name"]: row for row in table_with(whos(ran), "name", "kind").records}
    assert set(listed) == {"half", "t", "wrong", "x"}
    kept = [listed["t"][name] for name in ("kind", "shape", "dtype", "device", "size")]
    assert kept == ["Tensor", "(8, 4)", "float32", "CPU:0", "128 B"]


def top(what: Locator) -> float:
    box = what.bounding_box()
    assert box is not None
    return box["y"]
