"""Cells with one planted problem each: the report's first finding names it, to the figure."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.contract.cells import traced_cell
from tfnp_magic.advice import findings, loops
from tfnp_magic.figures import bytes_text

ROWS, COLUMNS = 320, 64
X64, X32 = ROWS * COLUMNS * 8, ROWS * COLUMNS * 4


class Planted(NamedTuple):
    """A cell, and what its report's first finding must say.

    Attributes
    ----------
    nbytes
        Bytes of what crossed; None where no data does.
    says
        What the sentence must say besides: what it was, and what to write instead.
    """

    cell: str
    line: int
    kind: str
    count: int
    nbytes: int | None
    says: tuple[str, ...]


PLANTED = {
    "numpy in a hot loop": Planted(
        """
total = 0.0
for step in range(300):
    doubled = tensor * 2.0
    total += doubled.numpy().sum()
""",
        4, "loop", 300, 300 * X32, ("in the loop of line 2", "Tensor.numpy", "after the loop"),
    ),
    "float64 into predict": Planted(
        """
scale = 2.0
scores = model.predict(x, verbose=0)
""",
        2, "cast", 1, X64, ("Sequential.predict", "float64 to float32", "astype('float32')"),
    ),
    "retrace for each scalar": Planted(
        """
@tf.function
def scaled(values, factor):
    return values * factor
for factor in range(20):
    scaled(tensor, factor)
""",
        5, "retrace", 19, None, ("`scaled`", "`factor`", "Python int", "tf.constant(factor)"),
    ),
    "aliased buffer overwritten": Planted(
        """
kept = []
for number in range(3):
    buffer[:] = number
    kept.append(tf.squeeze(buffer))
""",
        4, "written", 3, 262_144, ("`buffer`", "line 3 wrote to `buffer`", "buffer.copy()"),
    ),
    "50 MB constant in a graph": Planted(
        """
table = np.ones((2500, 2500))
@tf.function
def shifted(values):
    return values + table
result = shifted(tf.constant(1.0, tf.float64))
""",
        4, "baked-constant", 1, 50_000_000, ("`shifted`", "as an argument", "tf.Variable"),
    ),
    "generator that casts each element": Planted(
        """
def rows():
    for row in x:
        yield row
signature = tf.TensorSpec([64], tf.float32)
pipeline = tf.data.Dataset.from_generator(rows, output_signature=signature)
for element in pipeline:
    pass
""",
        3, "cast", ROWS, X64, ("from_generator", "float64 to float32", "output_signature"),
    ),
    "predict for one row at a time": Planted(
        """
scores = []
for row in x32[:20]:
    scores.append(model.predict(row[None], verbose=0))
""",
        3, "small-batches", 20, 20 * COLUMNS * 4, ("Sequential.predict", "20 rows", "all rows"),
    ),
    "NumPy functions on tensors in a loop": Planted(
        """
means = []
for step in range(100):
    means.append(np.mean(tensor))
""",
        3, "loop", 100, 100 * X32, ("np.mean", "in the loop of line 2", "tf.reduce_mean(tensor)"),
    ),
    "the same large array for each turn": Planted(
        """
weights = tf.Variable(tf.ones((2000, 2000)))
table = np.ones((2000, 2001), "f4")[:, 1:]
for step in range(10):
    scaled = weights * table
""",
        4, "repeated", 10, 160_000_000,
        ("in the loop of line 3", "the same array", "MB copied", "tf.constant(array)"),
    ),
    "fractions that an integer tensor drops": Planted(
        """
counts = tf.constant([1, 2, 3])
means = []
for step in range(100):
    means.append(np.mean(tensor))
halves = counts + np.array([0.5, 1.5, 2.5])
""",
        5, "cast", 1, 24,
        ("operator +", "all 3 values lost a fraction", "`tf.cast(tensor, tf.float64)`"),
    ),
}  # fmt: skip

CLEAN = {
    "training, in full": """
data = tf.constant(x32)
weights = tf.Variable(tf.zeros([64, 1]))
pipeline = tf.data.Dataset.from_tensor_slices(data).batch(32)
@tf.function
def step(batch):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((batch @ weights - 1.0) ** 2)
    weights.assign_sub(0.1 * tape.gradient(loss, weights))
    return loss
for epoch in range(3):
    for batch in pipeline:
        loss = step(batch)
model.fit(x32, y32, batch_size=32, epochs=2, verbose=0)
scores = model.predict(x32, verbose=0)
final = loss.numpy()
print(f"{final:.3f}")
""",
    "an eager loop that tells its loss now and then": """
weights = tf.Variable(tf.zeros([64, 8]))
data, targets = tf.constant(x32), tf.constant(y32)
for number in range(60):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((data @ weights - targets) ** 2)
    weights.assign_sub(0.1 * tape.gradient(loss, weights))
    if number % 20 == 0:
        print(f"{number}: {float(loss):.3f}")
""",
    "batches as tensors, elements as arrays": """
pipeline = tf.data.Dataset.from_tensor_slices((x32, y32)).shuffle(320).batch(32)
model.fit(pipeline, epochs=2, verbose=0)
totals = [row.sum() for row in tf.data.Dataset.from_tensor_slices(x32).as_numpy_iterator()]
for row in tf.data.Dataset.from_tensor_slices(x32).as_numpy_iterator():
    total = row.sum()
rows = list(tf.data.Dataset.from_tensor_slices(x32).as_numpy_iterator())
""",
    "a few conversions, each way": """
data = tf.constant(x, tf.float32)
mean = tf.reduce_mean(data, axis=0)
centred = data - mean.numpy()
spread = np.std(data, axis=0)
counts = tf.math.bincount(np.arange(10))
worst = int(np.argmin(counts.numpy()))
rows = tf.unstack(tf.constant(x32))
table = centred.numpy()
""",
    "large arrays, another one each time": """
weights = tf.Variable(tf.ones((2000, 2000)))
for number in range(10):
    noise = np.full((2000, 2001), number, "f4")[:, 1:]
    scaled = weights * noise
""",
}
"""Cells as they should be: no rule may find anything in them."""


@pytest.fixture(scope="module")
def model():
    made = keras.Sequential([keras.Input((COLUMNS,)), keras.layers.Dense(8)])
    made.compile("sgd", "mse")
    return made


@pytest.fixture
def names(model):
    random = np.random.default_rng(0)
    x = random.random((ROWS, COLUMNS))
    memory = np.empty(65_536 + 16, "f4")
    first = -memory.ctypes.data % 64 // 4
    return {
        "np": np, "tf": tf, "keras": keras, "model": model, "x": x, "x32": x.astype("f4"),
        "y32": random.random((ROWS, 8)).astype("f4"), "tensor": tf.constant(x.astype("f4")),
        "buffer": memory[first : first + 65_536],
    }  # fmt: skip


def traced(cell, names):
    text = cell.strip("\n")
    with traced_cell("<planted>", text, title="In[5]") as recording:
        exec(compile(text, "<planted>", "exec"), names)
    assert recording.lost == []
    return recording


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_first_finding_names_line_kind_count_and_bytes(planted, names, monkeypatch):
    # What part of the time a read takes depends on the machine and on the versions.
    monkeypatch.setattr(loops, "NEGLIGIBLE", 1_000_000)
    recording = traced(planted.cell, names)
    first = findings(recording)[0]
    assert first.kind == planted.kind
    assert first.count == planted.count
    if planted.nbytes is None:
        assert first.nbytes is None
    else:
        assert first.nbytes == pytest.approx(planted.nbytes, rel=0.01)
        assert bytes_text(planted.nbytes) in first.sentence
    assert first.sentence.startswith(f"line {planted.line}")
    assert planted.count == 1 or f"{planted.count:,}" in first.sentence
    for words in planted.says:
        assert words in first.sentence
    marked = [line for line in str(recording).splitlines() if line.startswith("  ! ")]
    assert marked[0].startswith(f"  ! line {planted.line}")


@pytest.mark.parametrize("cell", CLEAN.values(), ids=CLEAN)
def test_clean_cell_has_no_finding(cell, names):
    recording = traced(cell, names)
    assert [finding.sentence for finding in findings(recording)] == []
    assert "  ! " not in str(recording)
    assert len(recording.findings()) == 0
    assert recording.ledger
