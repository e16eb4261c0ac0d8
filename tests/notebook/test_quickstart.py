"""The quickstart notebook runs, and each traced line has the crossings that it must have."""

from __future__ import annotations

import json

import demos
import pytest

TO_TF, TO_NP = "numpy → tensorflow", "tensorflow → numpy"

# By hand. 1,437 and 360 images of 64 pixels: 735,744 and 184,320 bytes as float64, half of
# that as float32. Labels: 8 bytes each. Each row: code's beginning, route, direction,
# count, bytes, cast, storage. Keras casts float64 images with NumPy before they
# cross; the bytes are those of what was handed over.
EXPECTED = {
    "prepared": [
        ("as_tensor = tf.constant", "tf.constant", TO_TF, 1, 735_744, "explicit", "copy"),
        ("centred = as_tensor - mean", "Tensor.numpy", TO_NP, 1, 256, "none", "copy"),
        ("centred = as_tensor - mean", "operator -", TO_TF, 1, 256, "none", None),
        ("spread = np.std", "np.std", TO_NP, 1, 367_872, "none", "view"),
        ("wrong = as_tensor * x", "operator *", TO_TF, 1, 735_744, "silent", "copy"),
    ],
    "trained": [
        ("history = model.fit", "Sequential.fit", TO_TF, 1, 735_744, "silent", "copy"),
        ("history = model.fit", "Sequential.fit", TO_TF, 1, 11_496, "none", "copy"),
        # Four weights and Adam's six variables: are they initialised? One byte each.
        ("history = model.fit", "Sequential.fit", TO_NP, 1, 10, "none", "copy"),
    ],
    "evaluated": [
        ("loss, accuracy = model.ev", "Sequential.evaluate", TO_TF, 1, 184_320, "silent", "copy"),
        ("loss, accuracy = model.ev", "Sequential.evaluate", TO_TF, 1, 2_880, "none", "copy"),
        ("probabilities = model.pred", "Sequential.predict", TO_TF, 1, 184_320, "silent", "copy"),
        # 360 images in batches of 32: twelve, each copied for callbacks; then the whole.
        ("probabilities = model.pred", "Sequential.predict", TO_NP, 13, 28_800, "none", "copy"),
    ],
    "measured": [
        ("confusion = tf.math.conf", "tf.math.confusion_matrix", TO_TF, 2, 5_760, "none", "copy"),
        ("per_digit = np.diag", "np.diag", TO_NP, 1, 400, "none", "view"),
        ("per_digit = np.diag", "np.sum", TO_NP, 1, 400, "none", "view"),
        ("table = confusion.numpy", "Tensor.numpy", TO_NP, 1, 400, "none", "copy"),
    ],
    "looped": [
        ("batch = tf.constant", "tf.constant", TO_TF, 20, 655_360, "explicit", "copy"),
        ("tf.nn.sparse_softmax", "tf.nn.sparse_softmax_cross_entropy_with_logits", TO_TF, 20,
         10_240, "none", "copy"),
        ("losses.append", "Tensor.numpy", TO_NP, 20, 80, "none", "copy"),
    ],
}  # fmt: skip

_ASK = """
import json
print("ANSWER" + json.dumps({
    name: json.loads(globals()[name].summary().to_json(orient="records"))
    for name in %r
}))
"""


@pytest.fixture(scope="module")
def executed():
    """The notebook, executed in a kernel of its own, with one question asked at its end."""
    return demos.executed("quickstart", _ASK % (tuple(EXPECTED),))


@pytest.fixture(scope="module")
def summaries(executed):
    text = "".join(output.text for output in executed.cells[-1].outputs if "text" in output)
    return json.loads(text.split("ANSWER")[1])


@pytest.mark.parametrize("name", EXPECTED)
def test_each_traced_line_has_the_crossings_that_it_must_have(summaries, name):
    expected = EXPECTED[name]
    found = summaries[name]
    assert len(found) == len(expected)
    for row, (code, route, direction, count, nbytes, cast, storage) in zip(
        found, expected, strict=True
    ):
        assert row["code"].startswith(code)
        assert (row["route"], row["direction"], row["count"]) == (route, direction, count)
        assert (row["bytes"], row["cast"]) == (nbytes, cast)
        # A small array may come out aligned or not: the allocator decides.
        assert row["storage"] == storage or (storage is None and row["storage"] in ("copy", "view"))


def test_every_traced_cell_shows_its_report_last(executed):
    traced = [cell for cell in executed.cells if cell.source.startswith("%%interop_trace")]
    assert len(traced) == len(EXPECTED)
    for cell in traced:
        shown = [output for output in cell.outputs if output.output_type == "display_data"]
        assert len(shown) == 1
        assert "conversions on" in shown[0].data["text/plain"]
        assert "<table" in shown[0].data["text/html"]
        assert cell.outputs.index(shown[0]) in (len(cell.outputs) - 1, len(cell.outputs) - 2)


def test_model_learned_something(executed):
    """The trace changed nothing: the classifier is as good as it is untraced."""
    text = "".join(
        output.text
        for cell in executed.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stdout"
    )
    accuracy = float(text.split("unseen digits: ")[1].split()[0])
    assert accuracy > 0.7


def test_whos_groups_the_view_with_its_tensor(executed):
    text = "".join(
        output.data["text/plain"]
        for output in executed.cells[-3].outputs
        if output.output_type in ("execute_result", "display_data")
    )
    assert "as_tensor and view share memory" in text
