"""Python functions in graphs: each conversion at its line, and at the line that drove it."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.ops import script_ops

import tfnp_magic
from tests.contract.notebook import Notebook, crossings, lines_of, share
from tests.contract.row import FROM_PY, TO_NP, TO_TF
from tfnp_magic.callers import callers
from tfnp_magic.probes.python_functions import PlainFunctions, generators_of

ROW = 64 * 4
"""Bytes of one row."""

X = np.arange(320 * 64, dtype=np.float32).reshape(320, 64)
GENERATOR, FUNCTION, EAGER = (
    "tf.data.Dataset.from_generator", "tf.numpy_function", "tf.py_function",
)  # fmt: skip
SPEC = "output_signature=tf.TensorSpec([64], tf.float32)"

ROWS = """
def rows():
    for row in X[:20]:
        yield row
"""
NOTED = """
def rows():
    for row in X[:20]:
        made.append(1)
        yield row
"""
"""The same, and it can be told how many elements it made; TensorFlow makes some ahead."""

SETTLED = "time.sleep(0.1)"
"""Ends a cell when all is made that is made ahead."""

DATASET = f"ds = tf.data.Dataset.from_generator(rows, {SPEC})"


@pytest.fixture
def notebook():
    notebook = Notebook(X=X, t=tf.constant(X), time=time, made=[])
    yield notebook
    # What still runs ahead would be left out of other tests' traces.
    notebook.names.clear()
    gc.collect()


# Generators.


@pytest.mark.parametrize(
    "drive",
    ["for x in ds: pass", "list(ds)", "[x for x in ds]", "for x in ds.as_numpy_iterator(): pass",
     "for x in ds.batch(7).prefetch(2): pass", "for i, x in enumerate(ds): pass",
     "for x in ds.map(lambda x: x + 1, num_parallel_calls=2): pass"],
)  # fmt: skip
def test_generator_in_the_cell_is_driven_by_the_line_that_iterates(notebook, drive):
    recording = notebook.trace(f"{ROWS}{DATASET}\n{drive}")
    assert crossings(recording, TO_TF) == {(TO_TF, GENERATOR, 5, 3): (20, 20 * ROW)}
    assert recording.left_out == 0


def test_generator_of_an_earlier_cell_is_driven_by_the_line_that_iterates(notebook):
    notebook.run(ROWS + DATASET)
    recording = notebook.trace("pass\nfor x in ds: pass")
    assert crossings(recording) == {(TO_TF, GENERATOR, 2, 4): (20, 20 * ROW)}
    (crossing, *_) = recording.ledger
    assert crossing.site.inner.code == "yield row"
    assert crossing.site.inner.source.startswith("<ipython-input-")


def test_generator_of_a_module_is_driven_by_the_line_that_iterates(notebook, tmp_path, monkeypatch):
    (tmp_path / "feeding.py").write_text(
        "def rows(X):\n    for row in X[:20]:\n        yield row\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "feeding", raising=False)
    recording = notebook.trace(
        f"import feeding\nds = tf.data.Dataset.from_generator(lambda: feeding.rows(X), {SPEC})\n"
        "for x in ds: pass"
    )
    assert crossings(recording) == {(TO_TF, GENERATOR, 3, 3): (20, 20 * ROW)}
    assert recording.ledger[0].site.inner.source.endswith("feeding.py")


def test_generator_of_an_object_is_told_at_its_yield(notebook):
    recording = notebook.trace(f"""
class Rows:
    def __call__(self):
        for row in X[:20]:
            yield row
for x in tf.data.Dataset.from_generator(Rows(), {SPEC}):
    pass
""")
    assert crossings(recording) == {(TO_TF, GENERATOR, 5, 4): (20, 20 * ROW)}


def test_iterator_that_is_no_generator_is_told_at_the_function_that_made_it(notebook):
    recording = notebook.trace(f"""
def rows():
    return iter(X[:20])
for x in tf.data.Dataset.from_generator(rows, {SPEC}):
    pass
""")
    assert crossings(recording) == {(TO_TF, GENERATOR, 3, 1): (20, 20 * ROW)}


def test_tensors_that_a_generator_yields_are_read_at_its_line(notebook):
    recording = notebook.trace(f"""
def rows():
    for row in range(20):
        yield t[row]
for x in tf.data.Dataset.from_generator(rows, {SPEC}):
    pass
""")
    assert crossings(recording) == {
        (TO_NP, GENERATOR, 4, 3): (20, 20 * ROW),
        (TO_TF, GENERATOR, 4, 3): (20, 20 * ROW),
    }


def test_lists_that_a_generator_yields_come_from_python(notebook):
    recording = notebook.trace(f"""
def rows():
    for row in X[:20]:
        yield row.tolist()
for x in tf.data.Dataset.from_generator(rows, {SPEC}):
    pass
""")
    assert crossings(recording) == {(FROM_PY, GENERATOR, 4, 3): (20, 20 * ROW)}


def test_what_a_generator_itself_converts_is_driven_too(notebook):
    recording = notebook.trace(f"""
def rows():
    for row in range(20):
        yield t[row].numpy()
for x in tf.data.Dataset.from_generator(rows, {SPEC}):
    pass
""")
    assert crossings(recording)[TO_NP, "Tensor.numpy", 4, 3] == (20, 20 * ROW)


def test_generator_that_runs_ahead_is_driven_by_its_own_loop(notebook):
    """The second loop ends early: what was made ahead of it is its own."""
    recording = notebook.trace(
        f"{ROWS.replace('20', '300')}{DATASET}.prefetch(10)\n"
        "for x in ds: x.numpy()\n"
        "for x in ds.take(100): x.numpy()\n"
        "time.sleep(0.05)\n"
    )
    found = crossings(recording, TO_TF)
    assert found.pop((TO_TF, GENERATOR, 5, 3)) == (300, 300 * ROW)
    ((key, (count, _)),) = found.items()
    assert key == (TO_TF, GENERATOR, 6, 3)
    assert 100 <= count <= 112


def test_two_iterations_over_one_generator_at_once_are_told_apart(notebook):
    recording = notebook.trace(
        f"{ROWS.replace('20', '300')}{DATASET}.prefetch(4)\n"
        "a = iter(ds)\n"
        "b = iter(ds)\n"
        "for _ in range(50): next(a), next(b)\n"
        "for _ in range(50): next(a)\n"
        "time.sleep(0.1)\n"
    )
    found = crossings(recording)
    assert set(found) == {(TO_TF, GENERATOR, 5, 3), (TO_TF, GENERATOR, 6, 3)}
    assert 100 <= found[TO_TF, GENERATOR, 5, 3][0] <= 106
    assert 50 <= found[TO_TF, GENERATOR, 6, 3][0] <= 56


def test_nested_loops_over_one_generator_are_told_apart(notebook):
    recording = notebook.trace(f"{ROWS}{DATASET}\nfor x in ds:\n    for y in ds: pass\n")
    assert crossings(recording) == {
        (TO_TF, GENERATOR, 5, 3): (20, 20 * ROW),
        (TO_TF, GENERATOR, 6, 3): (400, 400 * ROW),
    }


@pytest.mark.parametrize(
    "combine",
    ["flat_map(one)", "interleave(one, cycle_length=2)",
     "interleave(one, cycle_length=3, num_parallel_calls=3)"],
)  # fmt: skip
def test_generators_within_a_pipeline_are_driven_by_its_loop(notebook, combine):
    recording = notebook.trace(f"""
def rows(i):
    for k in range(4):
        yield X[i]
def one(i):
    return tf.data.Dataset.from_generator(rows, args=(i,), {SPEC})
ds = tf.data.Dataset.range(5).{combine}
for x in ds: pass
""")
    assert crossings(recording) == {(TO_TF, GENERATOR, 7, 3): (20, 20 * ROW)}


def test_pipeline_that_another_one_takes_its_elements_from_is_driven_by_the_outer_loop(notebook):
    notebook.run(f"{ROWS}{DATASET}")
    recording = notebook.trace("for x in tf.data.Dataset.range(2).flat_map(lambda i: ds): pass")
    assert crossings(recording, TO_TF) == {(TO_TF, GENERATOR, 1, 4): (40, 40 * ROW)}


def test_generators_that_are_zipped_are_each_told(notebook):
    recording = notebook.trace(f"""
def one():
    yield from X[:4]
def two():
    yield from X[:4]
ones = tf.data.Dataset.from_generator(one, {SPEC})
twos = tf.data.Dataset.from_generator(two, {SPEC})
for x, y in tf.data.Dataset.zip((ones, twos)): pass
""")
    assert crossings(recording) == {
        (TO_TF, GENERATOR, 7, 2): (4, 4 * ROW),
        (TO_TF, GENERATOR, 7, 4): (4, 4 * ROW),
    }


def test_generator_that_raises_is_told_until_then(notebook):
    recording = notebook.trace(
        f"""
def rows():
    yield X[0]
    raise KeyError("mine")
for x in tf.data.Dataset.from_generator(rows, {SPEC}): pass
""",
        error=tf.errors.UnknownError,
    )
    assert crossings(recording) == {(TO_TF, GENERATOR, 4, 2): (1, ROW)}
    (pipeline,) = recording.pipelines
    assert (pipeline.iterations, pipeline.elements, share(pipeline.python)) == (1, 1, (1, ROW, 0))


def test_generator_that_is_repeated_is_driven_by_its_loop(notebook):
    recording = notebook.trace(f"{ROWS}{DATASET}.repeat(3)\nfor x in ds: pass")
    assert crossings(recording) == {(TO_TF, GENERATOR, 5, 3): (60, 60 * ROW)}


# Functions.


def test_numpy_function_in_a_map_is_driven_by_the_loop(notebook):
    recording = notebook.trace("""
def twice(x):
    return x * 2
ds = tf.data.Dataset.from_tensor_slices(X)
ds = ds.map(lambda x: tf.numpy_function(twice, [x], tf.float32))
for x in ds: pass
""")
    found = crossings(recording)
    assert found.pop((TO_TF, "tf.data.Dataset.from_tensor_slices", 3, None)) == (1, 320 * ROW)
    assert found == {
        (TO_NP, FUNCTION, 5, 1): (320, 320 * ROW),
        (TO_TF, FUNCTION, 5, 1): (320, 320 * ROW),
    }


@pytest.mark.parametrize("parallel", ["", ", num_parallel_calls=4"])
def test_py_function_in_a_map_is_driven_by_the_loop(notebook, parallel):
    recording = notebook.trace(f"""
def read(x):
    y = x.numpy() * 2
    return y
ds = tf.data.Dataset.from_tensor_slices(t)
ds = ds.map(lambda x: tf.py_function(read, [x], tf.float32){parallel})
for x in ds: pass
""")
    assert crossings(recording) == {
        (TO_NP, "Tensor.numpy", 6, 2): (320, 320 * ROW),
        (TO_TF, EAGER, 6, 1): (320, 320 * ROW),
    }
    assert not any(c.explicit for c in recording.ledger if c.route == EAGER)


def test_functions_that_are_still_called_when_a_loop_is_left_are_its_own(notebook):
    recording = notebook.trace("""
def twice(x):
    time.sleep(0.01)
    return x * 2
ds = tf.data.Dataset.from_tensor_slices(t)
ds = ds.map(lambda x: tf.numpy_function(twice, [x], tf.float32), num_parallel_calls=4)
for x in ds: break
for x in ds: pass
""")
    found = crossings(recording, TO_NP)
    assert set(found) == {(TO_NP, FUNCTION, 6, 1), (TO_NP, FUNCTION, 7, 1)}
    assert found[TO_NP, FUNCTION, 7, 1] == (320, 320 * ROW)


def test_callable_object_is_told_at_its_method(notebook):
    recording = notebook.trace("""
class Twice:
    def __call__(self, x):
        return x * 2
g = tf.function(lambda x: tf.numpy_function(Twice(), [x], tf.float32))
r = g(t)
""")
    assert set(crossings(recording)) == {(TO_NP, FUNCTION, 5, 2), (TO_TF, FUNCTION, 5, 2)}


def test_function_within_functions_is_driven_by_the_line_that_calls(notebook):
    notebook.run(
        "def read(x):\n    return x.numpy() * 2\n"
        "@tf.function\ndef inside(x):\n    return tf.py_function(read, [x], tf.float32)\n"
        "@tf.function\ndef outside(x):\n    return inside(x) + 1\n"
    )
    recording = notebook.trace("outside(t)\nfor _ in range(3):\n    outside(t)")
    nbytes = X.nbytes
    assert crossings(recording) == {
        (TO_NP, "Tensor.numpy", 1, 2): (1, nbytes),
        (TO_TF, EAGER, 1, 1): (1, nbytes),
        (TO_NP, "Tensor.numpy", 3, 2): (3, 3 * nbytes),
        (TO_TF, EAGER, 3, 1): (3, 3 * nbytes),
    }


def test_gradient_of_a_function_is_driven_by_the_line_that_asks_for_it(notebook):
    notebook.run(
        "@tf.custom_gradient\n"
        "def cube(x):\n"
        "    return x ** 3, lambda g: g * 3 * x.numpy() ** 2\n"
        "@tf.function\n"
        "def f(x):\n"
        "    return tf.py_function(cube, [x], tf.float32)\n"
        "v = tf.Variable(t)\n"
    )
    recording = notebook.trace(
        "with tf.GradientTape() as tape:\n    y = f(v)\ng = tape.gradient(y, v)"
    )
    assert np.allclose(notebook.names["g"], 3 * X**2)
    found = crossings(recording)
    assert found[TO_NP, "Tensor.numpy", 3, 3] == (1, X.nbytes)
    assert {key[2] for key in found} == {3}


def test_eager_call_of_a_function_is_told_at_the_lines_that_run(notebook):
    recording = notebook.trace("""
def read(x):
    return x.numpy() * 2
r = tf.py_function(read, [t], tf.float32)
""")
    assert crossings(recording) == {
        (TO_NP, "Tensor.numpy", 2, None): (1, X.nbytes),
        (TO_TF, EAGER, 3, None): (1, X.nbytes),
    }


@pytest.mark.parametrize(
    "drive",
    ["ds.reduce(0.0, lambda a, b: a + tf.reduce_sum(b))", "ds.get_single_element()", "total(ds)",
     "total_of_mine()"],
)  # fmt: skip
def test_pipelines_that_run_without_an_iterator_are_driven_by_their_line(notebook, drive):
    notebook.run("""
def twice(x):
    return x * 2
ds = tf.data.Dataset.from_tensors(X).map(lambda x: tf.numpy_function(twice, [x], tf.float32))
@tf.function
def total(d):
    s = 0.0
    for e in d:
        s += tf.reduce_sum(e)
    return s
@tf.function
def total_of_mine():
    s = 0.0
    for e in ds:
        s += tf.reduce_sum(e)
    return s
""")
    recording = notebook.trace(drive)
    assert crossings(recording) == {
        (TO_NP, FUNCTION, 1, 2): (1, X.nbytes),
        (TO_TF, FUNCTION, 1, 2): (1, X.nbytes),
    }


def test_iterator_that_a_graph_takes_elements_from_is_driven_by_its_maker(notebook):
    notebook.run(NOTED + DATASET)
    notebook.run("@tf.function\ndef step(it):\n    return next(it)")
    recording = notebook.trace(f"it = iter(ds)\nfor _ in range(5):\n    step(it)\n{SETTLED}")
    count = len(notebook.names["made"])
    assert count >= 5
    assert crossings(recording) == {(TO_TF, GENERATOR, 1, 5): (count, count * ROW)}


@pytest.mark.parametrize(
    "inspect", ["", "ds = ds.map(lambda x: tf.py_function(np.copy, [x], tf.float32))\n"]
)
def test_older_iterator_that_a_graph_takes_elements_from_is_driven_by_the_call(notebook, inspect):
    notebook.run(f"{NOTED}{DATASET}\n{inspect}it = iter(ds)")
    notebook.run(f"@tf.function\ndef step(it):\n    return next(it)\nstep(it)\n{SETTLED}")
    before = len(notebook.names["made"])
    recording = notebook.trace(f"for _ in range(5):\n    step(it)\n{SETTLED}")
    count = len(notebook.names["made"]) - before
    found = crossings(recording)
    assert {key[2] for key in found} == {2}
    assert found[TO_TF, GENERATOR, 2, 5] == (count, count * ROW)


def test_model_that_is_fitted_drives_the_generator(notebook):
    import keras

    notebook.names["model"] = model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(2)]
    )  # fmt: skip
    model.compile("sgd", "mse")
    recording = notebook.trace("""
def rows():
    for row in X[:64]:
        yield row, row[:2]
spec = tf.TensorSpec([64], tf.float32), tf.TensorSpec([2], tf.float32)
ds = tf.data.Dataset.from_generator(rows, output_signature=spec).batch(8)
model.fit(ds.repeat(), steps_per_epoch=8, epochs=2, verbose=0)
""")
    found = crossings(recording, TO_TF)
    ((count, nbytes),) = [found[TO_TF, GENERATOR, 6, 3]]
    # Keras asks for one batch more, to learn whether there is one.
    assert count >= 2 * 2 * 64
    assert nbytes == count // 2 * (ROW + 8)
    assert {key[2] for key in found if key[1] == GENERATOR} == {6}


# Whose conversions they are.


def test_pipeline_that_is_left_unfinished_is_drained_by_the_next_cell(notebook):
    notebook.run(NOTED + DATASET)
    first = notebook.trace(f"it = iter(ds)\nfor _ in range(5):\n    next(it)\n{SETTLED}")
    count = len(notebook.names["made"])
    assert 5 <= count < 20
    assert crossings(first) == {(TO_TF, GENERATOR, 1, 5): (count, count * ROW)}
    second = notebook.trace("pass\nfor x in it: pass\n")
    left = 20 - count
    assert crossings(second) == {(TO_TF, GENERATOR, 2, 5): (left, left * ROW)}
    assert crossings(first) == {(TO_TF, GENERATOR, 1, 5): (count, count * ROW)}
    assert [(p.iterations, p.elements) for p in first.pipelines] == [(1, 5)]
    assert [(p.iterations, p.elements) for p in second.pipelines] == [(0, 15)]


def test_pipeline_of_an_untraced_cell_is_drained_by_the_next(notebook):
    notebook.run(f"{NOTED}{DATASET}\nit = iter(ds)\nnext(it)\n{SETTLED}")
    left = 20 - len(notebook.names["made"])
    recording = notebook.trace("pass\nnext(it)\nfor x in it: pass\n")
    assert crossings(recording) == {(TO_TF, GENERATOR, 2, 5): (left, left * ROW)}
    (pipeline,) = recording.pipelines
    assert (pipeline.iterations, pipeline.elements) == (0, 19)


@pytest.mark.parametrize("traced", [True, False])
def test_generator_of_an_earlier_cell_that_still_runs_ahead_is_left_out(notebook, traced):
    notebook.run("def rows():\n    for row in X:\n        time.sleep(0.01)\n        yield row\n")
    begin = f"{DATASET}.prefetch(300)\nit = iter(ds)\nnext(it)"
    (notebook.trace if traced else notebook.run)(begin)
    recording = notebook.trace("time.sleep(0.2)")
    assert recording.ledger == []
    assert 0 < recording.left_out <= 25
    assert recording.pipelines == []


def test_function_of_an_earlier_trace_that_still_runs_ahead_is_left_out(notebook):
    notebook.run("def read(x):\n    time.sleep(0.01)\n    return x.numpy() * 2")
    notebook.trace("""
ds = tf.data.Dataset.from_tensor_slices(t)
ds = ds.map(lambda x: tf.py_function(read, [x], tf.float32)).prefetch(300)
it = iter(ds)
next(it)
""")
    recording = notebook.trace("time.sleep(0.2)")
    assert recording.ledger == []
    assert recording.left_out > 0


def test_older_iterator_that_runs_ahead_makes_the_line_unknown(notebook):
    """Nothing tells which of two iterators a function is called for, if both may be at work."""
    notebook.run("def read(x):\n    time.sleep(0.005)\n    return x.numpy() * 2")
    notebook.run("""
ds = tf.data.Dataset.from_tensor_slices(t)
ds = ds.map(lambda x: tf.py_function(read, [x], tf.float32)).prefetch(300)
it = iter(ds)
next(it)
""")
    recording = notebook.trace("for x in ds.take(3): pass")
    assert {lines_of(c.site)[0] for c in recording.ledger} == {None}
    del notebook.names["it"]
    recording = notebook.trace("for x in ds.take(3): pass")
    assert {lines_of(c.site)[0] for c in recording.ledger} == {1}


def test_trace_of_another_thread_does_not_get_them(notebook):
    notebook.run(
        "def rows():\n    for row in X[:50]:\n        time.sleep(0.002)\n        yield row\n"
    )
    notebook.run(DATASET)
    ready, done, told = threading.Event(), threading.Event(), []

    def other():
        with tfnp_magic.trace() as recording:
            ready.set()
            done.wait(60)
        told.append(recording)

    thread = threading.Thread(target=other)
    thread.start()
    ready.wait()
    try:
        recording = notebook.trace("for x in ds: pass")
    finally:
        done.set()
        thread.join()
    assert crossings(recording) == {(TO_TF, GENERATOR, 1, 4): (50, 50 * ROW)}
    assert told[0].ledger == []
    assert told[0].left_out == 50


def test_trace_within_a_cell_knows_its_own_line(notebook):
    notebook.run(NOTED + DATASET)
    notebook.names["tfnp_magic"] = tfnp_magic
    outer = notebook.trace(
        f"it = iter(ds)\nnext(it)\n{SETTLED}\nbefore = len(made)\n"
        "with tfnp_magic.trace() as rec:\n    for x in it: pass\n"
    )
    left = 20 - notebook.names["before"]
    assert crossings(outer) == {(TO_TF, GENERATOR, 1, 5): (20, 20 * ROW)}
    assert crossings(notebook.names["rec"]) == {(TO_TF, GENERATOR, 6, 5): (left, left * ROW)}


# What it costs, and what it leaves.


def test_iterators_and_what_they_yield_are_not_kept_alive(notebook):
    recording = notebook.trace(f"{ROWS}{DATASET}\nit = iter(ds)\nx = next(it)\n")
    died = [weakref.ref(notebook.names.pop(name)) for name in ("it", "x", "ds", "rows")]
    gc.collect()
    assert [ref() for ref in died[:2]] == [None, None]
    assert recording.pipelines[0].elements == 1


def test_memory_does_not_grow_with_iterators(notebook):
    gc.collect()
    notebook.run(ROWS.replace("20", "1") + DATASET)
    notebook.trace("for x in ds: pass")
    before = len(callers._by_iterator)
    notebook.trace("for _ in range(30):\n    for x in ds: pass")
    notebook.trace("pass")
    gc.collect()
    assert len(callers._by_iterator) <= before
    assert len(callers._by_token) <= before * 8
    assert not callers._calls


def test_sites_do_not_grow_with_iterations(notebook):
    notebook.run(ROWS + DATASET)
    recording = notebook.trace("for _ in range(30):\n    for x in ds: pass")
    assert crossings(recording) == {(TO_TF, GENERATOR, 2, 4): (600, 600 * ROW)}
    assert len({c.site for c in recording.ledger}) == 1
    (pipeline,) = recording.pipelines
    assert (pipeline.iterations, pipeline.elements) == (30, 600)


@pytest.mark.parametrize(
    ("function", "value"),
    [("py_function", "'text'"), ("numpy_function", "[[[1.0], [1.0, 2.0]]]")],
)
def test_errors_of_functions_are_as_they_are_untraced(notebook, function, value):
    notebook.run(f"def bad(x):\n    return {value}")
    notebook.run(f"g = tf.function(lambda x: tf.{function}(bad, [x], tf.float32))")
    act = "try:\n    g(t)\nexcept tf.errors.OpError as error:\n    told = str(error)"
    notebook.run(act)
    untraced = notebook.names["told"]
    notebook.trace(act)
    traced = notebook.names["told"]
    assert "tfnp_magic" not in traced
    assert traced.count("File ") == untraced.count("File ")


def test_a_token_that_is_registered_anew_is_not_taken_for_the_function_before():
    plain = PlainFunctions()
    first, second = (lambda x: x), (lambda x: -x)
    assert not plain.has("pyfunc_0", first)
    assert plain.callee_of("pyfunc_0", first).code is first.__code__
    assert plain.has("pyfunc_0", first)
    assert not plain.has("pyfunc_0", second)
    assert not plain.has("pyfunc_1", first)
    assert plain.callee_of("pyfunc_0", second).code is second.__code__
    assert not plain.has("pyfunc_0", first)


def test_registered_functions_are_not_kept_alive():
    plain, function = PlainFunctions(), lambda x: x
    plain.callee_of("pyfunc_0", function)
    gone = weakref.ref(function)
    del function
    gc.collect()
    assert gone() is None


def test_what_stands_around_a_generator_is_asked_each_time(notebook):
    """The generators' table tells one iteration from another."""
    notebook.run(ROWS + DATASET)
    registry = script_ops._py_funcs
    around = [f for f in map(registry.get, registry._funcs) if generators_of(f) is not None]
    assert around
    plain = PlainFunctions()
    for function in around:
        plain.callee_of("pyfunc_0", function)
        assert not plain.has("pyfunc_0", function)
