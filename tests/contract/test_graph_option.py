"""Inside graphs: what they cast while they ran is in the recording, with counts and bytes.

What they moved is held against a device's own counters in ``tests/device/test_moves.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.profiler import profiler_v2

import tfnp_magic
from tests.contract.cells import traced_cell
from tfnp_magic import in_graphs
from tfnp_magic.in_graphs import profiling
from tfnp_magic.model import IN_GRAPH

CELL = "<cell of graphs>"
BLIND = "casts and moves inside graphs without `--graph`"

X = tf.constant(np.ones((30, 4), "f4"))
"""120 elements: 480 bytes of float32, 960 of float64, 240 of float16."""


@tf.function
def to_half(x):
    return tf.cast(x, tf.float16)


@tf.function
def there_and_back(x):
    for _ in tf.range(3):
        x = x + tf.cast(
            tf.cast(x, tf.float64),
            tf.float32,
        )
    return to_half(x)


@tf.function
def fails(x):
    return tf.debugging.check_numerics(tf.cast(x, tf.float16) / 0.0, "not finite")


@tf.function
def either(x):
    if tf.reduce_sum(x) > 0:
        return tf.cast(x, tf.int32)
    return tf.cast(x[:15], tf.int32)


@pytest.fixture(autouse=True)
def _traced_before():
    for function in (to_half, there_and_back, either):
        function(X)


@pytest.fixture(autouse=True)
def _nothing_left():
    """No session runs, nothing is kept, and no folder is left, whatever a test did."""
    before = set(os.listdir(tempfile.gettempdir()))
    yield
    assert not profiling.profiler.is_running
    assert profiling.profiler._looking == []
    assert profiling.profiler.calls.so_far() == []
    left = set(os.listdir(tempfile.gettempdir())) - before
    assert [name for name in left if name.startswith("tfnp_magic_")] == []


def run(code, **names):
    """Run code as a traced cell that looks into graphs."""
    names = {"tf": tf, "np": np, "X": X, **names}
    with traced_cell(CELL, code, graph=True) as recording:
        exec(compile(code, CELL, "exec"), names)
    assert recording.lost == []
    return recording


def casts(recording):
    """What is told of each cast: dtypes, how often, and bytes in and out."""
    found = [c for c in recording.ledger if c.direction == IN_GRAPH]
    return sorted((c.dtype_from, c.dtype_to, c.count, c.nbytes, c.copied_bytes) for c in found)


def lines(recording):
    """The line that led to each cast, and the line that wrote it, in its function."""
    found = [c.site for c in recording.ledger if c.direction == IN_GRAPH]
    return [
        (site.line and site.line.line, site.inner and (site.inner.line, site.inner.function))
        for site in found
    ]


# ---- functions ----------------------------------------------------------------------------


def test_a_cast_in_a_function_is_told_with_its_bytes_and_its_time():
    (crossing,) = (c for c in run("f(X)", f=to_half).ledger if c.direction == IN_GRAPH)
    assert (crossing.route, crossing.dtype_from, crossing.dtype_to) == (
        "Cast in to_half", "float32", "float16",
    )  # fmt: skip
    assert (crossing.count, crossing.nbytes, crossing.copied_bytes) == (1, 480, 240)
    assert (crossing.shapes, crossing.moved_bytes) == ({(30, 4): 1}, 0)
    assert crossing.duration_ns > 0
    assert crossing.evidence == crossing.cast_evidence == "profiled"
    assert (crossing.cast, crossing.explicit) == ("explicit", True)


def test_it_stands_at_the_line_that_called_and_names_the_line_that_casts():
    recording = run("pass\nf(X)\nf(X)", f=to_half)
    at = to_half.python_function.__code__.co_firstlineno + 2
    assert lines(recording) == [(2, (at, "to_half")), (3, (at, "to_half"))]
    places = [c.site.inner for c in recording.ledger if c.direction == IN_GRAPH]
    assert {place.code for place in places} == {"return tf.cast(x, tf.float16)"}


def test_a_function_of_the_cell_itself_has_both_lines():
    code = "f = tf.function(\n    lambda x: tf.cast(x, tf.int32)\n)\nf(X)\nf(X)"
    recording = run(code)
    assert casts(recording) == [("float32", "int32", 1, 480, 480)] * 2
    assert lines(recording) == [(4, (2, "<lambda>")), (5, (2, "<lambda>"))]


def test_a_cast_in_a_loop_counts_each_time_and_one_in_a_function_within_a_function():
    assert casts(run("f(X); f(X)", f=there_and_back)) == [
        ("float32", "float16", 2, 960, 480),
        ("float32", "float64", 6, 2880, 5760),
        ("float64", "float32", 6, 5760, 2880),
    ]


def test_only_the_branch_that_ran_counts():
    assert casts(run("f(X)", f=either)) == [("float32", "int32", 1, 480, 480)]
    assert casts(run("f(-X)", f=either)) == [("float32", "int32", 1, 240, 240)]


def test_a_graph_that_was_built_in_the_cell_and_is_gone_is_known():
    """Its function is removed before the trace ends.

    Without AutoGraph, whose warning about code without source keeps the function's frames.
    """
    make = "f = tf.function(lambda x: tf.cast(x, tf.uint8), autograph=False)"
    code = f"import gc\n{make}\nf(X)\ndel f\ngc.collect()"
    removed = []
    original = context.Context.remove_function
    context.Context.remove_function = lambda self, name: (removed.append(1), original(self, name))
    try:
        recording = run(code)
    finally:
        context.Context.remove_function = original
    assert removed
    assert casts(recording) == [("float32", "uint8", 1, 480, 120)]


def test_the_casts_of_a_gradient_are_the_librarys():
    recording = run(
        "with tf.GradientTape() as tape:\n    tape.watch(X)\n    y = f(X)\ntape.gradient(y, X)",
        f=to_half,
    )
    found = [c for c in recording.ledger if c.direction == IN_GRAPH]
    assert [(c.dtype_from, c.dtype_to, c.count) for c in found] == [
        ("float32", "float16", 1), ("float16", "float32", 1),
    ]  # fmt: skip
    assert [c.site.line.line for c in found] == [3, 4]


def test_eager_ops_are_not_told_twice():
    assert casts(run("tf.cast(X, tf.float64); X + 1; tf.reduce_mean(X)")) == []


def test_a_cast_that_tensorflow_put_in_is_silent():
    function = tf.function(lambda x: tf.math.count_nonzero(x))
    function(X)
    recording = run("f(X)", f=function)
    found = [c for c in recording.ledger if c.direction == IN_GRAPH]
    assert found
    assert {(c.cast, c.explicit) for c in found} == {("silent", False)}
    assert "; 1 cast (1 silent) inside graphs." in str(recording)


# ---- Keras --------------------------------------------------------------------------------


class Halves(keras.layers.Layer):
    def call(self, x):
        return tf.cast(tf.cast(x, "float16"), "float32")


def model(*layers):
    keras.utils.set_random_seed(1)
    made = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
    made.compile("sgd", "mse", jit_compile=False)
    return made


def test_keras_casts_float64_in_its_graph_silently():
    # Of arrays, the cast is part of the conversion; see test_models.
    made, x, y = model(), tf.ones((30, 4), tf.float64), tf.ones((30, 1), tf.float64)
    # On a thread of its own: no line of the program that runs the tests leads to the graph.
    builds = threading.Thread(target=lambda: made.train_on_batch(x, y))
    builds.start()
    builds.join()
    recording = run("m.train_on_batch(x, y)", m=made, x=x, y=y)
    found = {
        (c.dtype_from, c.dtype_to, c.count, c.nbytes): c
        for c in recording.ledger
        if c.direction == IN_GRAPH
    }
    crossing = found["float64", "float32", 2, 1200]
    assert crossing.shapes == {(30, 4): 1, (30, 1): 1}
    assert (crossing.cast, crossing.explicit) == ("silent", False)
    assert (crossing.site.line.line, crossing.site.inner) == (1, None)


def test_a_cast_that_the_user_wrote_in_a_layer_is_explicit_and_named():
    made, x = model(Halves()), np.ones((90, 4), "f4")
    made.predict(x, verbose=0)
    recording = run("m.predict(x, verbose=0)", m=made, x=x)
    found = [c for c in recording.ledger if c.direction == IN_GRAPH and "float16" in (
        c.dtype_from, c.dtype_to)]  # fmt: skip
    assert [(c.dtype_from, c.dtype_to, c.count, c.nbytes) for c in found] == [
        ("float32", "float16", 3, 1440), ("float16", "float32", 3, 720),
    ]  # fmt: skip
    assert {(c.cast, c.site.inner.function, c.site.line.line) for c in found} == {
        ("explicit", "call", 1)
    }


# ---- pipelines ----------------------------------------------------------------------------


PIPELINES = {
    "map": "range(6).map(to_short)",
    "parallel map": "range(6).map(to_short, num_parallel_calls=2)",
    "prefetch": "range(6).map(to_short).prefetch(2)",
    "map and batch": "range(6).map(to_short).batch(2)",
    "filter": "range(6).filter(lambda a: to_short(a) >= 0)",
    "flat map": "range(6).flat_map(lambda a: tf.data.Dataset.from_tensors(to_short(a)))",
}


@pytest.mark.parametrize("expression", PIPELINES.values(), ids=PIPELINES)
def test_a_pipelines_casts_are_of_the_line_that_iterates(expression):
    def to_short(a):
        return tf.cast(a, tf.int16)

    code = f"ds = tf.data.Dataset.{expression}\npass\nfor _ in ds: pass"
    recording = run(code, to_short=to_short)
    assert casts(recording) == [("int64", "int16", 6, 48, 12)]
    at = to_short.__code__.co_firstlineno + 1
    assert lines(recording) == [(3, (at, "to_short"))]


def test_functions_of_other_pipelines_are_not_mistaken_for_it():
    """Their nodes have the same name."""
    kept = [
        tf.data.Dataset.range(2).map(lambda a, d=d: tf.cast(a, d))
        for d in (tf.int8, tf.int32, tf.float64)
    ]
    recording = run("list(ds)", ds=kept[0])
    assert casts(recording) == [("int64", "int8", 2, 16, 2)]


def test_reduce_runs_on_its_line():
    code = "ds = tf.data.Dataset.range(3)\nds.reduce(0.0, lambda s, a: s + tf.cast(a, tf.float32))"
    recording = run(code)
    assert casts(recording) == [("int64", "float32", 3, 24, 12)]
    assert [line for line, _ in lines(recording)] == [2]


def test_a_pipeline_that_keras_fits_is_of_the_line_of_fit():
    others = [
        tf.data.Dataset.range(2).map(lambda a, d=d: tf.cast(a, d)) for d in (tf.int8, tf.int16)
    ]
    made = model()
    ds = tf.data.Dataset.from_tensor_slices((np.ones((60, 4), "i8"), np.ones((60, 1), "f4")))
    ds = ds.map(lambda x, y: (tf.cast(x, tf.float32), y)).batch(30)
    made.fit(ds, verbose=0)
    recording = run("pass\nm.fit(ds, verbose=0)", m=made, ds=ds)
    told = {(c.dtype_from, c.dtype_to): c for c in recording.ledger if c.direction == IN_GRAPH}
    crossing = told["int64", "float32"]
    assert others, "nodes of the same name, in functions that are not its"
    assert (crossing.count, crossing.nbytes, crossing.shapes) == (60, 1920, {(4,): 60})
    assert crossing.site.line.line == 2


def test_two_lines_that_share_an_iterator_are_told_apart():
    code = (
        "it = iter(tf.data.Dataset.range(4).map(lambda a: tf.cast(a, tf.int8)))\nnext(it)\nnext(it)"
    )
    recording = run(code)
    assert sum(count for _, _, count, _, _ in casts(recording)) >= 2
    assert {line for line, _ in lines(recording)} <= {1, 2, 3, None}


# ---- what is not looked into ----------------------------------------------------------------


def test_without_the_option_the_report_says_that_nobody_looked():
    with tfnp_magic.trace() as recording:
        to_half(X)
        to_half(X)
    assert casts(recording) == []
    assert not recording.looked_into_graphs
    assert BLIND in recording.not_seen
    said = "Graphs ran 2 times and were not looked into: `trace(graph=True)`, or `--graph` for a"
    assert said in " ".join(str(recording).split())


def test_with_it_the_blind_spot_is_gone():
    recording = run("f(X)", f=to_half)
    assert recording.looked_into_graphs
    assert BLIND not in recording.not_seen
    assert "were not looked into" not in str(recording)


def test_a_pipelines_graphs_are_graphs():
    with tfnp_magic.trace() as recording:
        list(tf.data.Dataset.range(2).map(lambda a: a + 1))
    assert BLIND in recording.not_seen
    assert "not looked into" in str(recording)


def test_what_xla_compiled_is_named():
    compiled = tf.function(lambda x: tf.cast(x, tf.float16) + 1, jit_compile=True)
    compiled(X)
    recording = run("f(X)", f=compiled)
    assert casts(recording) == []
    assert any("jit_compile=True" in text for text in recording.not_seen)
    outer = tf.function(lambda x: tf.cast(compiled(x), tf.float32))
    outer(X)
    recording = run("f(X)", f=outer)
    assert casts(recording) == [("float16", "float32", 1, 240, 480)]
    assert any("jit_compile=True" in text for text in recording.not_seen)
    assert not any("jit_compile" in text for text in run("f(X)", f=to_half).not_seen)


def test_while_another_session_runs_graphs_are_not_looked_into(tmp_path):
    tf.profiler.experimental.start(str(tmp_path))
    try:
        recording = run("f(X)", f=to_half)
    finally:
        tf.profiler.experimental.stop()
    assert casts(recording) == []
    assert not recording.looked_into_graphs
    why = "graphs were not looked into, or not to the end: another profiling session was running"
    assert why in recording.not_seen
    assert BLIND not in recording.not_seen
    assert list(tmp_path.rglob("*.xplane.pb")), "the user's own profile is there"


def test_a_session_of_the_users_ends_ours_and_what_was_seen_before_is_kept(tmp_path):
    code = (
        "f(X)\ntf.profiler.experimental.start(folder)\nf(X)\ntf.profiler.experimental.stop()\nf(X)"
    )
    recording = run(code, f=to_half, folder=str(tmp_path))
    assert lines(recording)[0][0] == 1
    assert casts(recording) == [("float32", "float16", 1, 480, 240)]
    assert any("a profiling session of its own" in text for text in recording.not_seen)
    assert recording.looked_into_graphs
    assert list(tmp_path.rglob("*.xplane.pb"))


def test_the_users_profiler_is_as_it_was():
    code = profiler_v2.start.__code__
    run("f(X)", f=to_half)
    assert profiler_v2.start.__code__ is code
    with pytest.raises(tf.errors.UnavailableError):
        run("tf.profiler.experimental.stop()")


def test_a_profiler_that_cannot_be_had_costs_the_graphs_alone(monkeypatch):
    def broken(self):
        raise OSError("no space")

    monkeypatch.setattr(profiling._Session, "__init__", broken)
    recording = run("y = f(X).numpy()", f=to_half)
    assert [c.route for c in recording.ledger] == ["Tensor.numpy"]
    assert any("OSError: no space" in text for text in recording.not_seen)


def test_a_profile_that_cannot_be_read_is_lost_and_said_so(monkeypatch):
    monkeypatch.setattr(in_graphs, "_parsed", lambda profile: 1 / 0)
    with traced_cell(CELL, "f(X)", graph=True) as recording:
        to_half(X)
    assert recording.lost == ["what graphs cast and moved (ZeroDivisionError: division by zero)"]
    assert not recording.looked_into_graphs


def test_graphs_are_looked_into_for_so_long_and_no_longer(monkeypatch):
    monkeypatch.setattr(profiling, "MOST_SECONDS", -1)
    recording = run("f(X)\nf(X)", f=to_half)
    assert casts(recording) == []
    assert any("they are looked into for" in text for text in recording.not_seen)


# ---- traces -------------------------------------------------------------------------------


def test_what_ran_before_an_error_is_told():
    with pytest.raises(ZeroDivisionError), traced_cell(CELL, "f(X)", graph=True) as recording:
        exec("f(X)\n1 / 0", {"f": to_half, "X": X})
    assert casts(recording) == [("float32", "float16", 1, 480, 240)]


def test_what_ran_before_an_interrupt_is_told():
    with pytest.raises(KeyboardInterrupt), traced_cell(CELL, "f(X)", graph=True) as recording:
        exec("f(X)\nraise KeyboardInterrupt", {"f": to_half, "X": X})
    assert casts(recording) == [("float32", "float16", 1, 480, 240)]


def test_an_interrupt_while_the_session_ends_leaves_nothing(monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    trace = tfnp_magic.trace(graph=True)
    recording = trace.__enter__()
    to_half(X)
    monkeypatch.setattr(profiling._Session, "end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trace.__exit__(None, None, None)
    assert any("KeyboardInterrupt" in text for text in recording.not_seen)
    monkeypatch.undo()
    profiling.profiler.forget()


def test_a_graphs_own_error_passes():
    with pytest.raises(tf.errors.InvalidArgumentError) as untraced:
        fails(X)
    with pytest.raises(tf.errors.InvalidArgumentError) as traced:
        run("f(X)", f=fails)
    assert str(traced.value) == str(untraced.value)
    files = [entry.path for entry in traced.traceback]
    assert not any("tfnp_magic/probes" in str(path) for path in files)


def test_a_trace_within_a_trace_has_its_part_and_the_outer_one_all():
    with traced_cell(CELL, "f(X)", graph=True) as outer:
        to_half(X)
        with tfnp_magic.trace(graph=True) as inner:
            to_half(X)
        to_half(X)
    assert [count for _, _, count, _, _ in casts(inner)] == [1]
    assert sum(count for _, _, count, _, _ in casts(outer)) == 3


def test_a_trace_that_was_not_asked_to_does_not_look_because_another_does():
    with tfnp_magic.trace(graph=True) as asked, tfnp_magic.trace() as plain:
        to_half(X)
    assert len(casts(asked)) == 1
    assert casts(plain) == []
    assert BLIND in plain.not_seen


def test_one_trace_after_another():
    first, second = run("f(X)", f=to_half), run("f(X); f(X)", f=to_half)
    assert [count for _, _, count, _, _ in casts(first)] == [1]
    assert [count for _, _, count, _, _ in casts(second)] == [2]


def test_a_trace_without_graphs_is_as_without_the_option():
    recording = run("y = 1")
    assert (recording.ledger, recording.graph_calls) == ([], 0)
    assert "no conversions between TensorFlow and NumPy." in str(recording)


def test_graphs_of_threads_that_the_cell_did_not_start_are_not_its_own():
    begin, done = threading.Event(), threading.Event()

    def work():
        begin.wait(10)
        either(X)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    with traced_cell(CELL, "f(X)", graph=True) as recording:
        begin.set()
        done.wait(10)
        to_half(X)
    thread.join()
    assert casts(recording) == [("float32", "float16", 1, 480, 240)]


def test_the_report_counts_them_apart_from_conversions():
    text = " ".join(str(run("y = f(X).numpy()", f=there_and_back)).split())
    assert "1 conversion on 1 line, 240 B crossed, 240 B copied" in text
    assert "7 casts inside graphs" in text
    alone = " ".join(str(run("f(X)", f=there_and_back)).split())
    assert "no conversions between TensorFlow and NumPy; 7 casts inside graphs." in alone


def test_nothing_is_written_to_the_error_stream():
    """A notebook would show it below the cell."""
    code = """
        import sys
        import tensorflow as tf
        import tfnp_magic
        function = tf.function(lambda x: tf.cast(x, tf.float16))
        function(tf.ones(3))
        print("before", file=sys.stderr, flush=True)
        with tfnp_magic.trace(graph=True) as recording:
            function(tf.ones(3))
        print("after", file=sys.stderr, flush=True)
        assert recording.looked_into_graphs
    """
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "before\nafter\n" in ran.stderr


def test_tensorflow_that_the_cell_itself_imports_is_looked_into():
    code = """
        import tfnp_magic
        with tfnp_magic.trace(graph=True) as recording:
            import tensorflow as tf
            tf.function(lambda x: tf.cast(x, tf.float16))(tf.ones(3))
        found = [c for c in recording.ledger if c.direction == "in graph"]
        print([(c.dtype_from, c.dtype_to, c.count, c.site.line is None) for c in found])
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[('float32', 'float16', 1, False)]\n"
