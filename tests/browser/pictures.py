"""The README's pictures, from a notebook run in JupyterLab on scikit-learn's digits.

Run as ``python -m tests.browser.pictures``: it leaves them in ``demo_notebooks/pictures``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from .lab import Lab, choose_theme, draw_anew, outputs, run_all_cells, start_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

PICTURES = Path(__file__).parents[2] / "demo_notebooks" / "pictures"

CELLS = [
    """\
%load_ext tfnp_magic
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

pixels, digits = load_digits(return_X_y=True)
""",
    """\
def cross_entropy(labels, logits):
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return tf.reduce_mean(each)
""",
    """\
%%interop_trace
images = tf.stack([tf.constant(row, tf.float32) for row in pixels])
centred = images - pixels.mean(axis=0)
weights = tf.Variable(tf.zeros((64, 10)))
losses = []
for start in range(0, 1792, 64):
    rows = slice(start, start + 64)
    with tf.GradientTape() as tape:
        loss = cross_entropy(digits[rows], centred[rows] @ weights)
    weights.assign_sub(0.001 * tape.gradient(loss, weights))
    losses.append(loss.numpy())
spread = np.std(centred, axis=0)
""",
    """\
view = np.asarray(images)
%tfnp_whos
""",
]
TRACED, WHOS = 2, 3

_WIDTH, _HEIGHT, _SCALE = 1340, 2400, 1.25
_MARGIN = ".jp-RenderedHTML { padding: 12px !important; }"


def take(lab: Lab, browser: Browser, directory: Path) -> list[Path]:
    """Run the cells, and leave pictures of the report in both themes and of the inventory."""
    lab.write("pictures.ipynb", [cell.rstrip() for cell in CELLS])
    lab.wait_until_ready()
    window = browser.new_context(device_scale_factor=_SCALE)
    page = lab.open(window, "pictures.ipynb", "light")
    page.set_viewport_size({"width": _WIDTH, "height": _HEIGHT})
    page.add_style_tag(content=_MARGIN)
    run_all_cells(page)
    outputs(page, WHOS).wait_for()
    report, whos = (outputs(page, cell).last.locator(".jp-RenderedHTML") for cell in (TRACED, WHOS))
    directory.mkdir(parents=True, exist_ok=True)
    taken = [
        _picture(page, report, directory / "report-light.png"),
        _picture(page, whos, directory / "whos-light.png"),
    ]
    choose_theme(page, "dark")
    taken.append(_picture(page, report, directory / "report-dark.png"))
    window.close()
    return taken


def _picture(page: Page, output: Locator, path: Path) -> Path:
    page.mouse.move(0, 0)  # Lab shades the row below the mouse
    draw_anew(page)
    box = output.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= _HEIGHT, "the output is longer than the page"
    output.screenshot(path=path)
    return path


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        lab, browser = Lab(Path(directory)), start_chromium(playwright)
        try:
            for path in take(lab, browser, PICTURES):
                print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
        finally:
            browser.close()
            lab.close()


if __name__ == "__main__":
    main()
