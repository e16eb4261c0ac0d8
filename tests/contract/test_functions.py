"""What is recorded at the edge of a ``tf.function``: conversions, calls, graphs built again."""

from __future__ import annotations

import functools
import gc
import itertools
import logging
import sys
import textwrap
import threading
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager.polymorphic_function import polymorphic_function, tracing_compilation

import tfnp_magic
from tests.contract.arrays import misaligned
from tests.contract.cells import traced_cell
from tfnp_magic.driving.function_calls import FunctionCounter
from tfnp_magic.probes import functions

TO_TF, TO_NP = "numpy → tensorflow", "tensorflow → numpy"
FROM_PY = "python → tensorflow"
A = misaligned(np.arange(1200, dtype=np.float64).reshape(30, 40) / 7)
T = tf.constant(1.0)

_cells = itertools.count(1)


def run(text, **names):
    """Run a cell, traced; its recording and its names."""
    text = textwrap.dedent(text).strip()
    file = f"<functions {next(_cells)}>"
    names = {"np": np, "tf": tf, "A": A, "t": T, "__name__": "__main__", **names}
    code = compile(text, file, "exec")
    with traced_cell(file, text, label={file: "In[7]"}.get) as recording:
        exec(code, names)
    assert recording.lost == []
    return recording, names


def recorded(text, **names):
    return run(text, **names)[0]


def told(recording):
    """Each line with what was called there: name, line, calls and graphs."""
    return [
        (calls.name, calls.site.line.line, calls.calls, calls.traces)
        for calls in recording.functions
    ]


def reasons(recording):
    return [
        (retrace.kind, retrace.argument, retrace.count, retrace.cause)
        for calls in recording.functions
        for retrace in calls.retraces
    ]


def crossings(recording, direction=None):
    """Route, line, count, bytes and cast, however many copies each took: NumPy's may be aligned."""
    found = {}
    for c in recording.ledger:
        if direction in (None, c.direction):
            key = c.route, c.site.line.line, c.cast
            count, nbytes = found.get(key, (0, 0))
            found[key] = count + c.count, nbytes + c.nbytes
    return [(route, line, *of, cast) for (route, line, cast), of in found.items()]


# Conversions at the edge.


def test_arguments_are_converted_anew_at_each_call():
    recording = recorded("""
        @tf.function
        def double(x):
            return x * 2
        for _ in range(5):
            double(A)
    """)
    assert crossings(recording) == [("double", 5, 5, 5 * A.nbytes, "none")]
    assert not any(c.explicit for c in recording.ledger)
    assert told(recording) == [("double", 5, 5, 1)]


def test_argument_that_is_a_tensor_already_is_no_conversion():
    recording = recorded("""
        f = tf.function(lambda x: x * 2)
        for _ in range(3):
            f(t)
    """)
    assert recording.ledger == []
    assert told(recording) == [("f", 3, 3, 1)]


def test_input_signature_casts_silently_and_says_what_became_of_the_values():
    recording = recorded("""
        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)])
        def double(x):
            return x * 2
        for _ in range(3):
            double(A)
    """)
    assert crossings(recording) == [("double", 5, 3, 3 * A.nbytes, "silent")]
    for crossing in recording.ledger:
        assert (crossing.dtype_from, crossing.dtype_to) == ("float64", "float32")
        assert crossing.values.changed > 0
    assert told(recording) == [("double", 5, 3, 1)]


def test_input_signature_of_the_same_dtype_casts_nothing():
    recording = recorded("""
        f = tf.function(lambda x: x * 2, input_signature=[tf.TensorSpec(None, tf.float64)])
        f(A)
        f(A[:2])
    """)
    assert [c.cast for c in recording.ledger] == ["none", "none"]
    assert reasons(recording) == []


@pytest.mark.parametrize(
    "argument", ["[A, A[:2], t]", "(A, A[:2], t)", "{'a': A, 'b': A[:2], 'c': [t]}"]
)
def test_arrays_in_lists_and_dicts_are_one_conversion_each(argument):
    recording = recorded(f"""
        f = tf.function(lambda x: tf.nest.flatten(x)[0] * 2)
        for _ in range(3):
            f({argument})
    """)
    assert sum(c.count for c in recording.ledger) == 6
    assert sum(c.nbytes for c in recording.ledger) == 3 * (A.nbytes + A[:2].nbytes)
    assert {(c.route, c.direction) for c in recording.ledger} == {("f", TO_TF)}
    assert told(recording) == [("f", 3, 3, 1)]


def test_results_that_are_read_back_are_told_by_how_they_are_read():
    recording = recorded("""
        f = tf.function(lambda x: x * 2)
        f(A).numpy()
        np.sum(f(A))
    """)
    assert [c[:4] for c in crossings(recording, TO_NP)] == [
        ("Tensor.numpy", 2, 1, A.nbytes), ("np.sum", 3, 1, A.nbytes),
    ]  # fmt: skip
    assert [c[:4] for c in crossings(recording, TO_TF)] == [
        ("f", 2, 1, A.nbytes), ("f", 3, 1, A.nbytes),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("@tf.function\ndef scale(x):\n    return x * 2\nscale(A)", "scale"),
        ("f = tf.function(lambda x: x * 2)\nf(A)", "f"),
        ("def g(x):\n    h = tf.function(lambda x: x * 2)\n    return h(A)\ng(t)", "h"),
        ("def g(x):\n    return x * 2\nh = tf.function(functools.partial(g))\nh(A)", "g"),
        ("class C:\n    def __call__(self, x):\n        return x * 2\n"
         "f = tf.function(C())\nf(A)", "C.__call__"),
        ("class M:\n    @tf.function\n    def go(self, x):\n        return x * 2\n"
         "m = M()\nm.go(A)", "M.go"),
        ("class M(tf.Module):\n    @tf.function\n    def __call__(self, x):\n"
         "        return x * 2\nm = M()\nm(A)", "M.__call__"),
        ("def g(x):\n    return x * 2\nd = {'f': tf.function(g)}\nd['f'](A)", "g"),
    ],
)  # fmt: skip
def test_route_is_the_function_as_the_user_knows_it(text, route):
    recording = recorded(text, functools=functools)
    assert [c.route for c in recording.ledger] in ([route], [known_as(route)])
    assert [calls.name for calls in recording.functions] == [known_as(route)]


def known_as(name):
    """A method's name, which Python 3.10 does not know with its class."""
    return name.rpartition(".")[2] if sys.version_info < (3, 11) else name


# Graphs that are built again, and why.


def test_each_new_python_number_builds_a_graph():
    recording = recorded("""
        @tf.function
        def scale(x, k):
            return x * k
        for k in range(8):
            scale(t, k)
    """)
    assert told(recording) == [("scale", 5, 8, 8)]
    assert reasons(recording) == [
        ("python value", "k", 7, "each new Python int (1, 2, 3, 4, 5, …)")
    ]
    (calls,) = recording.functions
    (retrace,) = calls.retraces
    assert retrace.what == "int"
    assert 0 < retrace.duration_ns < calls.duration_ns < recording.duration_ns
    assert calls.defined_at == ("In[7]", 2, "scale", "def scale(x, k):")
    assert calls.site.line.source == "In[7]"
    assert not calls.inside


def test_numpy_numbers_and_tensors_build_none():
    recording = recorded("""
        f = tf.function(lambda x, k: x * k)
        for k in range(1, 5):
            f(t, np.float32(k))
            f(t, tf.constant(float(k)))
    """)
    assert told(recording) == [("f", 3, 4, 1), ("f", 4, 4, 0)]
    assert reasons(recording) == []


RETRACES = {
    "value again": ("f(t, 1); f(t, 2); f(t, 1); f(t, 2)",
                    "python value", "k", 1, "a new Python int (2)"),
    "by keyword": ("f(t, 1); f(t, k=1); f(x=t, k=2)",
                   "python value", "k", 1, "a new Python int (2)"),
    "default": ("f(t); f(t, 2); f(t, k=3)", "python value", "k", 1, "a new Python int (3)"),
    "bool": ("f(t, True); f(t, False)", "python value", "k", 1, "a new Python bool (False)"),
    "text": ("f(t, 'a'); f(t, 'b' * 50); f(t, 'b' * 51)", "python value", "k", 2,
             "each new Python str ('bbbbbbbbbbbbbbbbbbb…)"),
    "mixed": ("f(t, 1); f(t, 2); f(t, 'a')", "python value", "k", 2,
              "each new Python value (2, 'a')"),
    "nan": ("f(t, 1.5); f(t, float('nan'))", "python value", "k", 1, "a new Python float (nan)"),
    "value after tensor": ("f(t, t); f(t, 3)", "python value", "k", 1, "a new Python int (3)"),
    "in a list": ("f(t, [1, 2]); f(t, [1, 3])", "python value", "k", 1,
                  "a new Python int in it (3)"),
    "shape": ("[f(tf.ones(n)) for n in range(1, 4)]", "shape", "x", 2,
              "each new shape: (2,), (3,)"),
    "rank": ("f(tf.ones(2)); f(tf.ones((2, 3)))", "shape", "x", 1, "a new shape: (2, 3)"),
    "array": ("f(np.ones(2)); f(np.ones(3))", "shape", "x", 1, "a new shape: (3,)"),
    "dtype": ("f(np.ones(2, 'f4')); f(np.ones(2))", "dtype", "x", 1,
              "another dtype: float64 after float32"),
    "shape and dtype": ("f(np.ones(2, 'f4')); f(np.ones(3))", "dtype", "x", 1,
                        "another dtype: float64 after float32"),
    "list": ("[f([t] * n) for n in range(1, 4)]", "structure", "x", 2,
             "another structure: list of 2 after list of 1, list of 3 after list of 2"),
    "keys": ("f({'a': t}); f({'b': t})", "structure", "x", 1, "another structure: other keys"),
    "tuple": ("f([t]); f((t,))", "structure", "x", 1,
              "another structure: tuple of 1 after list of 1"),
    "none": ("f(t, None); f(t, t)", "structure", "k", 1, "another structure: tensor after None"),
    "variable": ("f(t); f(tf.Variable(1.0))", "structure", "x", 1,
                 "another structure: Variable after tensor"),
    "variable's shape": ("f(tf.Variable(1.0)); f(tf.Variable([1.0]))", "shape", "x", 1,
                         "a new shape: (1,)"),
    "variable twice": ("v, w = tf.Variable(1.0), tf.Variable(2.0); f(v, w); f(v, v)",
                       "structure", "k", 1, "another structure in it: Variable 1 of the call "
                       "after Variable 2 of the call"),
    "ragged": ("f(tf.ragged.constant([[1]])); f(tf.ragged.constant([[1], [2]]))", "shape", "x",
               1, "a new shape: (2, None)"),
    "iterator": ("f(iter(tf.data.Dataset.range(2))); "
                 "f(iter(tf.data.Dataset.range(2).batch(2)))", "shape", "x", 1,
                 "a new shape in it: (None,)"),
    "object": ("[f(t, Net()) for _ in range(3)]", "other object", "k", 2, "each new Net object"),
    "lambda": ("[f(t, lambda: 3) for _ in range(3)]", "other object", "k", 2,
               "each new function"),
    "class": ("f(t, int); f(t, float)", "other object", "k", 1, "another class"),
    "tf.function": ("g = tf.function(lambda: 1); f(t, t); f(t, g)", "structure", "k", 1,
                    "another structure: tf.function after tensor"),
    "range": ("f(t, range(2)); f(t, range(3))", "python value", "k", 1, "a new Python range"),
    "two at once": ("f(tf.ones(1), 1); f(tf.ones(2), 3)", "python value", "x, k", 1,
                    "x: a new shape: (2,); k: a new Python int (3)"),
    "nearest": ("f(tf.ones(1), 1); f(tf.ones(2), 3); f(tf.ones(1), 4)", "python value", "k", 1,
                "a new Python int (4)"),
    "save": ("m = tf.Module(); m.f = tf.function(f.python_function, input_signature=["
             "tf.TensorSpec([])]); m.f(t); tf.saved_model.save(m, path)", "context", "", 1,
             "another place of the call: while a model is saved"),
    "strategy": ("f(t)\nwith tf.distribute.MirroredStrategy(['CPU:0']).scope(): f(t)", "context",
                 "", 1, "another place of the call: under another distribution strategy"),
    "v1 graph": ("f(t)\nwith tf.Graph().as_default(): f(tf.constant(1.0))", "context", "", 1,
                 "another place of the call: in another graph, or in none"),
}  # fmt: skip


class Net:
    """Something that a function is given."""


@pytest.mark.parametrize(
    ("text", "kind", "argument", "count", "cause"), RETRACES.values(), ids=RETRACES
)
def test_cause_of_a_retrace(tmp_path, text, kind, argument, count, cause):
    text = f"@tf.function\ndef f(x, k=2):\n    return 1\n{text}"
    recording, names = run(text, Net=Net, path=str(tmp_path))
    assert (kind, argument, count, cause) in reasons(recording)
    if "in_graph" not in text and kind != "context":
        assert sum(calls.traces for calls in recording.functions) == sum(
            function.experimental_get_tracing_count()
            for function in names.values()
            if isinstance(function, polymorphic_function.Function)
        )


def test_any_number_of_arguments_is_one_structure():
    recording = recorded("""
        @tf.function
        def f(x, *rest, **named):
            return 1
        f(t); f(t, t); f(t, t, t); f(t, t, 3)
        f(t, t, t, z=t)
    """)
    assert reasons(recording) == [
        ("structure", "*rest", 2,
         "another structure: 1 argument after 0 arguments, 2 arguments after 1 argument"),
        ("python value", "*rest", 1, "a new Python int in it (3)"),
        ("structure", "z", 1, "another structure: one argument more"),
    ]  # fmt: skip


def test_relaxed_shapes_build_one_more_graph_and_no_further():
    recording = recorded("""
        f = tf.function(lambda x: x * 2, reduce_retracing=True)
        for n in range(1, 8):
            f(tf.ones(n))
    """)
    assert told(recording) == [("f", 3, 7, 2)]
    assert reasons(recording) == [("shape", "x", 1, "a new shape: (None,)")]


def test_function_made_anew_in_a_loop_builds_a_graph_each_time():
    recording = recorded("""
        for k in range(4):
            @tf.function
            def f(x):
                return x * k
            f(t); f(t)
        def outer(x):
            g = tf.function(lambda y: y * 2)
            return g(x)
        outer(t)
        outer(t)
    """)
    assert told(recording) == [("f", 5, 8, 4), ("g", 8, 2, 2)]
    assert reasons(recording) == [
        ("new function", "", 3, "each new tf.function of the same code"),
        ("new function", "", 1, "another tf.function of the same code"),
    ]


def test_two_functions_made_once_are_no_retrace():
    recording = recorded("""
        f = tf.function(lambda x: x * 2)
        g = tf.function(lambda x: x * 2)
        f(t); g(t)
    """)
    assert sorted(told(recording)) == [("f", 3, 1, 1), ("g", 3, 1, 1)]
    assert reasons(recording) == []


def test_method_builds_a_graph_for_each_object():
    recording = recorded("""
        class Net:
            @tf.function
            def step(self, x):
                return x * 2
        for _ in range(3):
            net = Net()
            net.step(t); net.step(t)
    """)
    assert told(recording) == [(known_as("Net.step"), 7, 6, 3)]
    assert reasons(recording) == [("other object", "self", 2, "each new Net object")]
    assert recording.functions[0].defined_at.line == 3


def test_second_graph_of_a_function_that_makes_variables_is_no_retrace():
    recording, names = run("""
        class Net(tf.Module):
            v = None
            @tf.function
            def step(self, x):
                if self.v is None:
                    self.v = tf.Variable(1.0)
                return x * self.v
        net = Net()
        net.step(t)
        net.step(t)
        net.step(tf.ones(2))
    """)
    step = known_as("Net.step")
    assert told(recording) == [(step, 9, 1, 2), (step, 10, 1, 0), (step, 11, 1, 1)]
    assert reasons(recording) == [("shape", "x", 1, "a new shape: (2,)")]
    assert names["net"].step.experimental_get_tracing_count() == 3


def test_graph_that_was_built_before_the_trace_is_compared_with():
    _, names = run("f = tf.function(lambda x, k: x * k)\nf(t, 1)")
    recording = recorded("f(t, 1)\nf(t, 2)", f=names["f"])
    assert told(recording) == [("f", 1, 1, 0), ("f", 2, 1, 1)]
    assert reasons(recording) == [("python value", "k", 1, "a new Python int (2)")]


def test_graph_that_the_user_asks_for_is_built_without_a_call():
    recording = recorded("""
        def double(x):
            return x * 2
        f = tf.function(double)
        g = f.get_concrete_function(tf.TensorSpec([None]))
        g(tf.ones(2))
        f(tf.ones(2))
        f.get_concrete_function(tf.TensorSpec([None, None]))
    """)
    assert told(recording) == [("double", 4, 0, 1), ("double", 6, 1, 0), ("double", 7, 0, 1)]
    assert reasons(recording) == [("shape", "x", 1, "a new shape: (None, None)")]


def test_compiled_function_is_told_like_any_other():
    recording = recorded("""
        f = tf.function(lambda x: x * 2, jit_compile=True)
        for n in (1, 2):
            f(tf.ones(n))
    """)
    assert told(recording) == [("f", 3, 2, 2)]
    assert reasons(recording) == [("shape", "x", 1, "a new shape: (2,)")]


def test_function_that_runs_eagerly_builds_nothing():
    tf.config.run_functions_eagerly(True)
    try:
        recording = recorded("f = tf.function(lambda x: x * 2)\nf(t)")
    finally:
        tf.config.run_functions_eagerly(False)
    assert recording.functions == []


# One within another.


def test_function_called_while_anothers_graph_is_built_is_told_where_it_was_built_again():
    recording = recorded("""
        @tf.function
        def inner(x, k):
            return x * k
        @tf.function
        def outer(x):
            for k in range(4):
                x = inner(x, k)
            return x
        outer(t)
    """)
    outer, inner = recording.functions
    assert told(recording) == [("outer", 9, 1, 1), ("inner", 9, 0, 4)]
    assert (inner.inside, outer.inside) == (True, False)
    assert inner.site.inner.line == 7
    assert inner.duration_ns < outer.duration_ns
    assert reasons(recording) == [("python value", "k", 3, "each new Python int (1, 2, 3)")]


def test_function_called_while_anothers_graph_is_built_is_not_told_for_its_first_graph():
    recording = recorded("""
        inner = tf.function(lambda x: x * 2)
        outer = tf.function(lambda x: inner(x))
        for _ in range(3):
            outer(t)
    """)
    assert told(recording) == [("outer", 4, 3, 1)]


def test_function_that_calls_itself_is_one_call():
    recording = recorded("""
        @tf.function
        def f(x, n):
            return x if n == 0 else f(x * 2, n - 1)
        f(t, 3)
    """)
    assert told(recording) == [("f", 4, 1, 1), ("f", 4, 0, 3)]
    assert [calls.inside for calls in recording.functions] == [False, True]
    assert sum(calls.traces for calls in recording.functions) == 4


def test_map_of_a_pipeline_is_no_call():
    recording = recorded("""
        aug = tf.function(lambda x, k: x * k)
        list(tf.data.Dataset.range(3).map(lambda x: aug(x, 2)))
        list(tf.data.Dataset.range(3).map(lambda x: x + 1))
    """)
    assert recording.functions == []


def test_function_of_a_library_is_told_by_the_users_route_once_it_was_built_again():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    recording = recorded(
        """
        for n in (3, 3, 5, 7):
            model.predict(np.ones((n, 4)), verbose=0)
        model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
        """,
        model=model,
    )
    (calls,) = recording.functions
    assert (calls.name, calls.site.line.line, calls.defined_at) == ("Sequential.predict", 2, None)
    (retrace,) = calls.retraces
    assert (retrace.kind, retrace.count) == ("shape", 1)
    assert "(None, 4)" in retrace.cause


# What goes wrong in the user's code.


FAILS = """
@tf.function
def f(x, k):
    if k == 1:
        raise ValueError("no")
    return x * k
def attempt(k):
    try:
        f(t, k)
    except ValueError as error:
        seen.append(error)
for k in (1, 0, 1, 2):
    attempt(k)
"""


def frames(error):
    found, traceback = [], error.__traceback__
    while traceback is not None:
        found.append((traceback.tb_frame.f_code.co_filename, traceback.tb_lineno))
        traceback = traceback.tb_next
    return found


@pytest.mark.parametrize("filtered", [True, False])
def test_exception_in_a_function_is_the_users_own_and_its_graph_does_not_count(filtered):
    text, file, traced, plain = FAILS, "<fails>", [], []
    if not filtered:
        tf.debugging.disable_traceback_filtering()
    try:
        with traced_cell(file, text) as recording:
            exec(compile(text, file, "exec"), {"tf": tf, "t": T, "seen": traced})
        exec(compile(text, file, "exec"), {"tf": tf, "t": T, "seen": plain})
    finally:
        tf.debugging.enable_traceback_filtering()
    assert told(recording) == [("f", 9, 4, 2)]
    assert reasons(recording) == [("python value", "k", 1, "a new Python int (2)")]
    assert [str(error) for error in traced] == [str(error) for error in plain]
    assert [frames(error) for error in traced] == [frames(error) for error in plain]
    assert recording.lost == []


def test_interrupt_while_a_graph_is_built_passes():
    def stop(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), tfnp_magic.trace() as recording:
        tf.function(stop, autograph=False)(T)
    assert [(calls.calls, calls.traces) for calls in recording.functions] == [(1, 0)]
    assert functions._here.use is None
    assert functions._here.building == 0


def test_wrong_arguments_raise_as_untraced():
    f = tf.function(lambda x: x * 2, input_signature=[tf.TensorSpec([None], tf.float32)])

    def outcome():
        try:
            f(tf.ones((2, 2)))
        except TypeError as error:
            return str(error)

    with tfnp_magic.trace() as recording:
        traced = outcome()
    assert traced == outcome() is not None
    assert recording.lost == []


def test_tensorflows_own_warning_is_the_same():
    """Five of the last calls retraced: it is TensorFlow that counts."""

    class Kept(logging.Handler):
        def __init__(self):
            super().__init__()
            self.texts = []

        def emit(self, record):
            self.texts.append((record.levelname, record.getMessage().partition("<function")[0]))

    def warned(act):
        handler = Kept()
        logger = logging.getLogger("tensorflow")
        logger.addHandler(handler)
        try:
            act()
        finally:
            logger.removeHandler(handler)
        return handler.texts

    def many(code):
        f = tf.function(eval(code))  # TensorFlow warns twice of the same code
        for k in range(12):
            f(T, k)
        for n in range(12):
            f(tf.ones(n), 3)

    def traced():
        with tfnp_magic.trace():
            many("lambda x, k: x * 2.5")

    found = warned(traced)
    assert found == warned(lambda: many("lambda x, k: x * 3.5"))
    assert found == [
        ("WARNING", "5 out of the last 5 calls to "), ("WARNING", "6 out of the last 6 calls to ")
    ]  # fmt: skip


# Threads, traces, memory.


def test_threads_that_call_one_function_at_once_are_all_counted():
    f = tf.function(lambda x, k: x * k)
    start = threading.Barrier(4)

    def work():
        start.wait()
        for k in range(25):
            f(T, k)

    with tfnp_magic.trace() as recording:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (calls,) = recording.functions
    assert (calls.calls, calls.traces) == (100, 25)
    assert [(r.kind, r.argument, r.count) for r in calls.retraces] == [("python value", "k", 24)]


def test_each_of_two_traces_counts_its_own():
    f = tf.function(lambda x, k: x * k)
    with tfnp_magic.trace() as outer:
        f(T, 0)
        with tfnp_magic.trace() as inner:
            f(T, 1)
    f(T, 2)
    assert [(c.calls, c.traces) for c in outer.functions] == [(1, 1), (1, 1)]
    assert [(c.calls, c.traces, len(c.retraces)) for c in inner.functions] == [(1, 1, 1)]


def test_nothing_of_the_users_is_kept_alive():
    class Net:
        def step(self, x, other):
            return x * 2

    net, other, array = Net(), Net(), np.ones(100_000)
    f = tf.function(net.step, autograph=False)
    with tfnp_magic.trace() as recording:
        f(array, other)
        f(array[:10], other)
    refs = [weakref.ref(each) for each in (net, other, array, f)]
    del net, other, array, f
    gc.collect()
    assert [ref() for ref in refs] == [None] * 4
    assert len(recording.functions) == 2


def test_memory_grows_with_lines_and_not_with_calls():
    f = tf.function(lambda x, k: x * 2)
    with tfnp_magic.trace() as recording:
        for k in range(150):
            f(T, k)
    (calls,) = recording.functions
    (retrace,) = calls.retraces
    assert retrace.count == 149
    assert len(retrace.cause) < 100


def test_trace_leaves_nothing_behind():
    with tfnp_magic.trace() as recording:
        tf.function(lambda x: x * 2)(T)
    del recording
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is FunctionCounter]
    assert polymorphic_function.Function._call.__module__ == polymorphic_function.__name__
    made = tracing_compilation._create_concrete_function
    assert made.__module__ == tracing_compilation.__name__


def test_equality_of_the_users_objects_is_not_asked_for_more_often():
    asked = []

    class Settings:
        def __eq__(self, other):
            asked.append(1)
            return self is other

        def __hash__(self):
            return id(self)

    def count():
        asked.clear()
        f = tf.function(lambda x, settings: x * 2, autograph=False)
        kept = [Settings() for _ in range(4)]
        for settings in kept:
            f(T, settings)
        return len(asked)

    with tfnp_magic.trace():
        traced = count()
    assert traced == count()


# Where TensorFlow is another.


def test_failure_of_ours_costs_the_recording_and_says_so(monkeypatch):
    def fail(*_):
        raise RuntimeError("ours")

    monkeypatch.setattr(functions, "forms_of", fail)
    f = tf.function(lambda x: x * 2)
    with tfnp_magic.trace() as recording:
        results = [f(tf.ones(n)).shape[0] for n in (1, 2, 3)]
    assert results == [1, 2, 3]
    (lost,) = recording.lost
    assert "tf.function" in lost
    assert "ours" in lost


def test_tensorflow_without_the_chokepoint_is_said_to_be_unseen(monkeypatch):
    monkeypatch.delitem(sys.modules, functions._HOME + "tracing_compilation")
    with tfnp_magic.trace() as recording:
        tf.function(lambda x: x * 2)(T)
    assert any("tf.function" in each for each in recording.not_seen)
    assert recording.functions == []
