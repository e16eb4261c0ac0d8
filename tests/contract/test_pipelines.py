"""``tf.data`` pipelines: told one by one, with what they embed, run and hand out."""

from __future__ import annotations

import gc
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.contract.notebook import Notebook, crossings, lines_of, share
from tests.contract.row import TO_NP, TO_TF
from tfnp_magic.activity import Pipeline
from tfnp_magic.driving.pipelines import _MOST_ELEMENTS, pipelines_of
from tfnp_magic.probes import probes
from tfnp_magic.probes.contents import Contents
from tfnp_magic.scope import overhearing

X = np.arange(320 * 64, dtype=np.float32).reshape(320, 64)
Y = np.arange(320 * 8, dtype=np.float64).reshape(320, 8)
SLICES, TENSORS = "tf.data.Dataset.from_tensor_slices", "tf.data.Dataset.from_tensors"
NOTHING = (0, 0, 0)


@pytest.fixture
def notebook():
    notebook = Notebook(X=X, Y=Y, t=tf.constant(X))
    yield notebook
    notebook.names.clear()
    gc.collect()


def only(recording) -> Pipeline:
    (pipeline,) = recording.pipelines
    return pipeline


def counts(pipeline):
    return pipeline.iterations, pipeline.elements


# What is embedded.


@pytest.mark.parametrize(
    ("made", "nbytes", "rows"),
    [
        ("from_tensors(X)", X.nbytes, {(TO_TF, TENSORS, 1, None): (1, X.nbytes)}),
        ("from_tensors((X, Y))", X.nbytes + Y.nbytes,
         {(TO_TF, TENSORS, 1, None): (2, X.nbytes + Y.nbytes)}),
        ("from_tensor_slices(X)", X.nbytes, {(TO_TF, SLICES, 1, None): (1, X.nbytes)}),
        ("from_tensor_slices((X, Y))", X.nbytes + Y.nbytes,
         {(TO_TF, SLICES, 1, None): (2, X.nbytes + Y.nbytes)}),
        ("from_tensor_slices({'a': X, 'b': Y})", X.nbytes + Y.nbytes,
         {(TO_TF, SLICES, 1, None): (2, X.nbytes + Y.nbytes)}),
        ("from_tensor_slices(t)", X.nbytes, {}),
    ],
)  # fmt: skip
def test_arrays_that_become_constants_are_told(notebook, made, nbytes, rows):
    recording = notebook.trace(f"ds = tf.data.Dataset.{made}.batch(32)\nfor e in ds: pass")
    assert crossings(recording) == rows
    pipeline = only(recording)
    assert pipeline.embedded_nbytes == nbytes
    assert (pipeline.embedded_at and pipeline.embedded_at.line) == (1 if rows else None)
    assert pipeline.made_by == ""


def test_arrays_of_an_earlier_cell_are_told_without_a_line(notebook):
    notebook.run("ds = tf.data.Dataset.from_tensor_slices((X, Y))")
    pipeline = only(notebook.trace("for e in ds: pass"))
    assert (pipeline.embedded_nbytes, pipeline.embedded_at) == (X.nbytes + Y.nbytes, None)


def test_bytes_of_texts_are_not_known(notebook):
    pipeline = only(notebook.trace("for e in tf.data.Dataset.from_tensors(['a', 'bc']): pass"))
    assert pipeline.embedded_nbytes is None


@pytest.mark.parametrize(
    "text",
    ["ds = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)\nfor x, y in ds: pass",
     "for x, y in tf.data.Dataset.from_tensor_slices((X, Y)).batch(32): pass",
     "ds = (\n    tf.data.Dataset\n    .from_tensor_slices((X, Y))\n    .shuffle(10)\n    .batch(\n"
     "        32,\n        drop_remainder=True,\n    )\n    .prefetch(2)\n)\nfor e in ds: pass"],
)  # fmt: skip
def test_numbers_that_steps_are_given_are_housekeeping(notebook, text):
    recording = notebook.trace(text)
    assert {(c.route, c.explicit) for c in recording.ledger} == {(SLICES, True)}
    assert recording.housekeeping >= 2


# How it is iterated.


@pytest.mark.parametrize(
    ("drive", "route"),
    [
        ("for x in ds: pass", "iteration"),
        ("[x for x in ds]", "iteration"),
        ("list(ds)", "list"),
        ("it = iter(ds)\nwhile True:\n    try: it.get_next()\n    except Exception: break", "iter"),
        ("for x in iter(ds): pass", "iter"),
    ],
)
def test_each_way_to_iterate_has_its_route(notebook, drive, route):
    notebook.run("ds = tf.data.Dataset.from_tensor_slices(X).batch(32)")
    recording = notebook.trace(drive)
    pipeline = only(recording)
    assert (pipeline.route, *counts(pipeline)) == (route, 1, 10)
    assert lines_of(pipeline.site) == (1, None)
    assert pipeline.steps == ("from_tensor_slices", "batch")
    assert (share(pipeline.read), share(pipeline.python)) == (NOTHING, NOTHING)
    # A list asks for the length first, which is a tensor.
    assert {c.nbytes for c in recording.ledger} <= {8}


def test_one_element_that_is_asked_for_is_one_element(notebook):
    recording = notebook.trace("x = next(iter(tf.data.Dataset.from_tensors((X, Y))))")
    assert counts(only(recording)) == (1, 1)


def test_iterations_at_one_line_are_one_pipeline(notebook):
    notebook.run("ds = tf.data.Dataset.from_tensor_slices(X).batch(32)")
    recording = notebook.trace("for epoch in range(5):\n    for x in ds: pass\nfor x in ds: pass")
    assert [(lines_of(p.site)[0], *counts(p)) for p in recording.pipelines] == [
        (2, 5, 50),
        (3, 1, 10),
    ]


def test_pipelines_made_anew_at_one_line_are_one(notebook):
    recording = notebook.trace(
        "for k in range(1, 6):\n    for x in tf.data.Dataset.from_tensor_slices(X[:k]): pass"
    )
    pipeline = only(recording)
    assert counts(pipeline) == (5, 15)
    assert pipeline.embedded_nbytes == 5 * 64 * 4
    assert len({c.site for c in recording.ledger}) == 1


def test_iterator_that_nobody_asks_is_no_iteration(notebook):
    recording = notebook.trace("it = iter(tf.data.Dataset.range(3))")
    assert [counts(p) for p in recording.pipelines] in ([], [(0, 0)])


def test_empty_pipeline_has_no_elements(notebook):
    assert counts(only(notebook.trace("for x in tf.data.Dataset.range(0): pass"))) == (1, 0)


def test_pipeline_in_a_function_of_the_cell_is_told_at_its_line(notebook):
    recording = notebook.trace("def go():\n    for x in tf.data.Dataset.range(3): pass\ngo()")
    assert lines_of(only(recording).site) == (2, None)


def test_pipeline_of_an_earlier_cell_has_both_lines(notebook):
    notebook.run("def go():\n    for x in tf.data.Dataset.range(3): pass")
    assert lines_of(only(notebook.trace("pass\ngo()")).site) == (2, 2)


@pytest.mark.parametrize(
    ("built", "steps"),
    [
        ("D.range(9)", "range"),
        ("D.range(9).shuffle(4).repeat(2).take(5).skip(1)", "range shuffle repeat take skip"),
        ("D.range(9).map(abs, num_parallel_calls=2).batch(2, num_parallel_calls=2).prefetch(1)",
         "range map batch prefetch"),
        ("D.zip((D.range(2), D.from_tensors(1)))", "range from_tensors zip"),
        ("D.range(2).concatenate(D.range(3)).enumerate()", "range range concatenate zip"),
        ("D.range(3).flat_map(D.range)", "range flat_map"),
        ("D.range(3).interleave(D.range, num_parallel_calls=2)", "range interleave"),
        ("D.range(3).filter(lambda x: x > 0).cache()", "range filter cache"),
        ("D.range(3).with_options(tf.data.Options())", "range"),
        ("D.range(4).padded_batch(2, []).unbatch()", "range padded_batch unbatch"),
        ("D.from_generator(lambda: iter([1]), tf.int32).batch(1)", "from_generator batch"),
        ("D.sample_from_datasets([D.range(2), D.range(2)])", None),
    ],
)  # fmt: skip
def test_steps_are_named_as_they_are_written(notebook, built, steps):
    notebook.run("D = tf.data.Dataset")
    pipeline = only(notebook.trace(f"ds = {built}\nfor x in ds: pass"))
    if steps is None:
        assert pipeline.steps[-1] == "sample_from_datasets"
    else:
        assert pipeline.steps == tuple(steps.split())


# What is read of the elements.


@pytest.mark.parametrize(
    ("body", "count"),
    [("x.numpy()", 10), ("np.sum(x)", 10), ("x.numpy(); np.asarray(x)", 20), ("x + 1", 0),
     ("(x + 1).numpy()", 0), ("print(x, file=null)", 10)],
)  # fmt: skip
def test_reads_of_elements_are_told_with_the_pipeline(notebook, body, count):
    with open("/dev/null", "w") as null:
        notebook.names["null"] = null
        notebook.run("ds = tf.data.Dataset.from_tensor_slices(X).batch(32)")
        pipeline = only(notebook.trace(f"for x in ds:\n    {body}"))
    assert share(pipeline.read) == (count, count * 32 * 64 * 4, 0)
    assert share(pipeline.python) == NOTHING


def test_reads_of_a_part_of_each_element_are_told(notebook):
    notebook.run("ds = tf.data.Dataset.from_tensor_slices({'a': X, 'b': (X, Y)}).batch(32)")
    pipeline = only(notebook.trace("for e in ds:\n    e['b'][1].numpy()"))
    assert share(pipeline.read) == (10, Y.nbytes, 0)


def test_elements_as_arrays_are_reads_of_the_pipeline(notebook):
    notebook.run("ds = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)")
    recording = notebook.trace("for x, y in ds.as_numpy_iterator(): pass")
    pipeline = only(recording)
    assert pipeline.route == "tf.data.Dataset.as_numpy_iterator"
    assert share(pipeline.read) == (20, X.nbytes + Y.nbytes, 0)
    assert crossings(recording) == {(TO_NP, "iteration", 1, None): (20, X.nbytes + Y.nbytes)}


def test_small_reads_are_counted_apart(notebook):
    notebook.run("def go(ds):\n    for x in ds: bool(x > 1), x == 1\nds = tf.data.Dataset.range(5)")
    pipeline = only(notebook.trace("for x in ds: x.numpy()"))
    assert share(pipeline.read)[0] + pipeline.read.small == 5


def test_reads_are_of_the_pipeline_that_the_element_is_of(notebook):
    notebook.run("a = tf.data.Dataset.from_tensor_slices(X).batch(32)\nb = a.map(lambda x: x + 1)")
    recording = notebook.trace("for x, y in zip(a, b):\n    x.numpy(); np.sum(y); np.sum(y)")
    by_steps = {p.steps[-1]: share(p.read)[0] for p in recording.pipelines}
    assert by_steps == {"batch": 10, "map": 20}


def test_elements_are_forgotten_but_the_last(notebook):
    recorders = []
    notebook.names["note"] = lambda: recorders.extend(overhearing())
    notebook.trace("kept = []\nfor x in tf.data.Dataset.range(1000): kept.append(x)\nnote()")
    (recorder,) = recorders
    assert len(pipelines_of(recorder)._elements) == _MOST_ELEMENTS


# Python functions.


def test_python_share_has_what_functions_convert_in_and_out(notebook):
    notebook.run("""
def twice(x):
    return x * 2
ds = tf.data.Dataset.from_tensor_slices(X)
ds = ds.map(lambda x: tf.numpy_function(twice, [x], tf.float32)).batch(32)
""")
    recording = notebook.trace("for x in ds:\n    x.numpy()")
    pipeline = only(recording)
    assert share(pipeline.python) == (640, 2 * X.nbytes, 0)
    assert share(pipeline.read) == (10, X.nbytes, 0)
    assert sum(c.count for c in recording.ledger) == 650


def test_python_share_of_two_loops_is_told_apart(notebook):
    notebook.run("""
def rows():
    yield from X[:50]
ds = tf.data.Dataset.from_generator(rows, output_signature=tf.TensorSpec([64], tf.float32))
""")
    recording = notebook.trace("for x in ds: pass\nfor x in ds.take(50).repeat(2): pass")
    assert [(p.steps[1:], share(p.python)[0]) for p in recording.pipelines] == [
        ((), 50),
        (("take", "repeat"), 100),
    ]


def test_ten_thousand_elements_are_one_pipeline_and_few_rows(notebook):
    recording = notebook.trace("""
def rows():
    for i in range(10_000):
        yield X[0]
ds = tf.data.Dataset.from_generator(rows, output_signature=tf.TensorSpec([64], tf.float32))
for x in ds:
    x.numpy()
""")
    pipeline = only(recording)
    assert counts(pipeline) == (1, 10_000)
    assert share(pipeline.python) == share(pipeline.read) == (10_000, 10_000 * 256, 0)
    assert len(recording.ledger) <= 4


# Models.


@pytest.fixture
def model(notebook):
    notebook.names["model"] = model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(8)]
    )  # fmt: skip
    model.compile("sgd", "mse")
    return model


def test_model_takes_its_elements_unseen(notebook, model):
    notebook.run("ds = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)")
    pipeline = only(notebook.trace("pass\nmodel.fit(ds, epochs=3, verbose=0)"))
    assert (pipeline.route, *counts(pipeline)) == ("Sequential.fit", 3, None)
    assert lines_of(pipeline.site) == (2, None)
    assert pipeline.embedded_nbytes == X.nbytes + Y.nbytes
    assert pipeline.made_by == ""


def test_pipeline_that_a_model_makes_of_arrays_is_the_models(notebook, model):
    pipeline = only(notebook.trace("model.fit(X, X[:, :8], verbose=0)"))
    assert pipeline.made_by == "Sequential.fit"
    assert pipeline.embedded_nbytes >= X.nbytes


# What it leaves.


def test_pipelines_compare_after_pickling(notebook):
    import pickle

    recording = notebook.trace("for x in tf.data.Dataset.range(3): pass")
    assert pickle.loads(pickle.dumps(recording)).pipelines == recording.pipelines


def test_untraced_iterations_are_untouched(notebook):
    recording = notebook.trace("pass")
    assert probes._in == []
    notebook.run("for x in tf.data.Dataset.range(3): pass")
    assert recording.pipelines == []


def test_errors_of_iterations_have_no_frame_of_ours(notebook):
    notebook.run(
        "check = tf.debugging.check_numerics\n"
        "ds = tf.data.Dataset.range(3).map(lambda x: check(1 / (1 - x), 'no'))"
    )
    act = (
        "import traceback\ntry:\n    for x in ds: pass\n"
        "except tf.errors.InvalidArgumentError as error:\n"
        "    told = [frame.name for frame in traceback.extract_tb(error.__traceback__)]"
    )
    notebook.run(act)
    untraced = notebook.names["told"]
    notebook.trace(act)
    assert notebook.names["told"] == untraced


def test_failure_of_ours_costs_the_recording_alone(notebook, monkeypatch):
    def broken(*args):
        raise RuntimeError("ours")

    monkeypatch.setattr(Contents, "of_dataset", broken)
    seen = itertools.count()
    notebook.names["seen"] = seen
    from tests.contract.cells import traced_cell

    text = "for x in tf.data.Dataset.range(3): next(seen)"
    with traced_cell("<broken>", text) as recording:
        exec(compile(text, "<broken>", "exec"), notebook.names)
    assert next(seen) == 3
    assert len(recording.lost) == 1
