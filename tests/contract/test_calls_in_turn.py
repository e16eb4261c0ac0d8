"""One instruction that calls one thing after another: each is told as it is on a line of its own.

And one function of a library's that reads a tensor in several ways: each is judged by itself.
"""

from __future__ import annotations

import collections
import itertools

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

import tfnp_magic
from tests.unit.frames import LIBRARY, new_cell_file, run
from tfnp_magic.model import TENSORFLOW_TO_NUMPY
from tfnp_magic.recorder.recorder import Recorder

from .arrays import misaligned


class Scaled(keras.layers.Dense):
    """A user's layer that calls what Keras's does."""


LAYERS = {"dense": keras.layers.Dense(4), "relu": keras.layers.ReLU(), "scaled": Scaled(4)}

CALLED = {
    "layers": ("{}(a)", ["dense", "relu", "scaled"]),
    "layers_handed_down": ("apply({}, a)", ["dense", "relu", "scaled"]),
    "losses": ("{}(a, a)", ["squared", "absolute"]),
    "metrics": ("{}.update_state(a)", ["mean", "total"]),
    "models": ("{}.predict(a, verbose=0)", ["sequential", "functional"]),
    "ops": ("{}(a, a)", ["tf.add", "tf.multiply", "tf.matmul"]),
    "ops_of_a_class": ("{}(a)", ["tf.nn.relu", "tf.sqrt", "tf.Variable", "tf.constant"]),
    "ops_of_keras": ("{}(a)", ["keras.ops.sum", "keras.ops.relu", "keras.ops.convert_to_tensor"]),
    "readers": ("{}(t)", ["np.sum", "np.asarray", "np.array", "np.mean", "np.asarray", "np.array"]),
    "types": ("{}(s)", ["np.float32", "np.float64", "np.float32"]),
    "readers_of_numbers": ("{}(s)", ["float", "int", "bool", "str", "np.sin", "np.array"]),
    "readers_of_two": ("{}(t, t)", ["np.inner", "np.dot", "np.add", "np.inner", "np.dot"]),
    "modules": ("{}.multiply(a, t)", ["np", "tnp", "tf"]),
    "graphs": ("{}(a)", ["doubled", "halved"]),
    "frames": ("{}(t)", ["pd.DataFrame", "np.copy", "tf.identity", "np.linalg.det"]),
    "methods_of_data": ("{}.numpy()", ["t", "v", "s", "kept"]),
}

LOOPS = {
    "for": "for f in ({all},):\n    {call}",
    "while": "left = [{all}]\nwhile left:\n    f = left.pop(0)\n    {call}",
    "comprehension": "[{call} for f in ({all},)]",
    "subscript": "fs = [{all}]\nfor i in range(len(fs)):\n    {indexed}",
    "key": "fs = dict(enumerate([{all}]))\nfor i in fs:\n    {indexed}",
    "function": "def run_one(f):\n    {call}\nfor g in ({all},):\n    run_one(g)",
    "global": "def run_it():\n    {call}\nfor f in ({all},):\n    run_it()",
    "attribute_of_a_name": "box = type('Box', (), {{}})()\nfor box.f in ({all},):\n    {boxed}",
    "attribute": "class Box:\n    def run(self):\n        {attribute}\n"
    "box = Box()\nfor box.f in ({all},):\n    box.run()",
}

ATTRIBUTES = ("attribute", "attribute_of_a_name")


@pytest.fixture(scope="module")
def space():
    array = np.random.default_rng(5).random((4, 4)).astype("f4")
    t = tf.constant(array)
    given = keras.Input((4,))
    names = {
        "np": np, "tf": tf, "keras": keras, "tnp": tnp, "pd": pd, **LAYERS,
        "a": misaligned(array), "t": t, "s": tf.constant(1.5), "v": tf.Variable(t),
        "kept": keras.Variable(array),
        "squared": keras.losses.MeanSquaredError(), "absolute": keras.losses.MeanAbsoluteError(),
        "mean": keras.metrics.Mean(), "total": keras.metrics.Sum(),
        "sequential": keras.Sequential([keras.layers.Dense(2)]),
        "functional": keras.Model(given, keras.layers.Dense(2)(given)),
        "doubled": tf.function(doubled), "halved": tf.function(halved),
    }  # fmt: skip
    return names | run(__file__, "def apply(f, x):\n    return f(x)\n")


def doubled(x):
    return x * 2


def halved(x):
    return x / 2


def _told(texts, space):
    """How often each crossing is told of what these cells do, traced one by one.

    Of arrays that an op is given, not where they lay: how a copy is aligned is chance.
    """
    counts = collections.Counter()
    for text in texts:
        with tfnp_magic.trace() as recording:
            run(new_cell_file(), text, **space)
        assert not recording.lost
        for each in recording.ledger:
            way = each.storage if each.direction == TENSORFLOW_TO_NUMPY else ""
            kind = each.direction, each.dtype_from, each.dtype_to, each.cast, way
            counts[each.route, each.explicit, kind] += each.count
    return counts


def _combinations():
    """All, but types that only a plain name tells to be dtypes, too."""
    dtypes = [("types", loop) for loop in ("subscript", "key", *ATTRIBUTES)]
    return [pair for pair in itertools.product(CALLED, LOOPS) if pair not in dtypes]


@pytest.mark.parametrize(("called", "loop"), _combinations())
def test_what_one_instruction_calls_in_turn_is_told_by_what_it_is_then(called, loop, space):
    call, all_called = CALLED[called]
    calls = [call.format(each) for each in all_called]
    _told(calls, space)  # layers are built, graphs are traced
    expected = _told(calls, space)
    in_turn = LOOPS[loop].format(
        all=", ".join(all_called), call=call.format("f"), indexed=call.format("fs[i]"),
        attribute=call.format("self.f"), boxed=call.format("box.f"),
    )  # fmt: skip
    assert len({route for route, _, _ in expected}) > 1 or called == "graphs"
    assert _told([in_turn], space) == expected


@pytest.mark.parametrize("called", ["layers", "losses", "metrics", "models"])
def test_what_has_no_name_is_told_by_its_class_where_that_shows(called, space):
    call, all_called = CALLED[called]
    calls = [call.format(each) for each in all_called]
    _told(calls, space)
    expected = _told(calls, space)
    in_turn = f"fs = [{', '.join(all_called)}]\nfor i in range(len(fs)):\n    "
    assert _told([in_turn + call.format("fs[i - 0]")], space) == expected


NAMELESS = [
    pytest.param("(np.asarray if n % 2 else np.array)(t)", 1, id="asarray_array"),
    pytest.param("(np.array if n % 2 else float)(s)", 1, id="array_float"),
    pytest.param("[np.sum, np.mean][n % 2](t)", 1, id="sum_mean"),
    pytest.param("(np.array if n % 2 else np.asarray)([s, s])", 2, id="numbers_of_a_list"),
    pytest.param(
        "(np.add if n % 2 else np.dot)(t, t)", 2, id="add_dot",
        marks=pytest.mark.xfail(
            strict=True, raises=AssertionError,
            reason="`np.dot` and its like look twice, which counts twice where nothing names them",
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "each"), NAMELESS)
def test_what_nothing_names_is_counted_each_time(call, each, space):
    told = _told([f"for n in range(6):\n    {call}"], space)
    assert sum(told.values()) == 6 * each


def test_a_name_that_always_stands_for_the_same_costs_no_description(space, monkeypatch):
    """Nor does a tensor's own method, in a loop over tensors."""
    described = []
    see = Recorder.see
    monkeypatch.setattr(
        Recorder, "see", lambda self, *given: (described.append(given[1]), see(self, *given))[1]
    )
    texts = ["for i in range(50):\n    doubled(t); np.sum(t)", "for x in [t] * 50:\n    x.numpy()"]
    with tfnp_magic.trace() as recording:
        for text in texts:
            run(new_cell_file(), text, **space)
    assert sum(each.count for each in recording.ledger) == 100
    assert 0 < len(described) < 30


READS = {
    "view": "np.asarray(t)",
    "copy": "np.array(t)",
    "silent": "np.array(t, dtype='f8')",
    "reads": "np.sum(t)",
}


@pytest.mark.parametrize("names", [*itertools.permutations(READS, 3)])
def test_a_librarys_function_reads_in_several_ways_and_each_is_judged_by_itself(names, space):
    lines = [f"    kept.append({READS[name]})\n" for name in names]
    library = run(
        LIBRARY, "kept = []\ndef prepare(t):\n" + "".join(lines), name="fakelib.core", np=np
    )
    with tfnp_magic.trace() as recording:
        run(new_cell_file(), "prepare(t)\nprepare(t)", **space, prepare=library["prepare"])
    told = collections.Counter()
    for each in recording.ledger:
        assert each.route == "fakelib.core.prepare"
        told[each.storage, each.cast, each.dtype_to] += each.count
    expected = collections.Counter()
    for array in library["kept"]:
        shares = np.may_share_memory(array, np.asarray(space["t"]))
        expected[
            "view" if shares or not array.ndim else "copy",
            "silent" if array.dtype == np.float64 else "none",
            str(array.dtype) if array.ndim else "float32",
        ] += 1
    assert told == expected
