"""What the README and docs/working.md show of a cell's report, held against a real one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = """\
from sklearn.datasets import load_digits
pixels = load_digits().data
x_train = pixels[:1437]
images = tf.constant(pixels, tf.float32)
"""
_AMOUNT = re.compile(r"≥?[\d.,]+ (B|[kMG]B|ns|µs|ms|s)\b")
"""How many copies there are depends on where NumPy's memory lies, and how long they take."""


def blocks(document):
    """The blocks between fences that have no language: cells and what is shown below them."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"^```\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def comparable(text):
    """The lines without amounts, shades, the cell's number, and where lines are broken."""
    text = _AMOUNT.sub("#", re.sub(r"In\[\d+\]", "In[n]", text))
    return " ".join(re.sub("[░▒▓█]", " ", text).split())


@pytest.fixture
def digits(kernel):
    assert kernel.run(DATA).status[0] == "ok"
    return kernel


def test_the_readmes_cell_gives_the_readmes_report(digits):
    load, cell, shown = blocks("README.md")[:3]
    assert load == "%load_ext tfnp_magic\n"
    (report,) = digits.run(cell).reports
    assert comparable(report).startswith(comparable(shown))


def test_the_guards_cell_gives_the_error_that_is_shown(digits):
    at = next(i for i, text in enumerate(blocks("docs/working.md")) if "--forbid" in text)
    cell, shown = blocks("docs/working.md")[at : at + 2]
    name, value = digits.run(cell).status[1:]
    assert comparable(f"{name}: {value}") == comparable(shown)
