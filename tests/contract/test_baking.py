"""How often a constant is copied while a graph is built with it: claimed is what happened."""

from __future__ import annotations

import threading
import traceback

import numpy as np
import pytest
import tensorflow as tf

from tests.contract import memcpys
from tests.contract.cells import traced_cell
from tests.contract.conftest import redirected
from tests.contract.oracle import build
from tfnp_magic.probes import baking
from tfnp_magic.probes.machine_code import Unsupported
from tfnp_magic.probes.memory_copies import LEAST, check_support

try:
    check_support()
except Unsupported as reason:
    pytest.skip(str(reason), allow_module_level=True)

N = 263
NBYTES = 8 * N * N
A, B = (np.random.default_rng(seed).standard_normal((N, N)) for seed in (1, 2))
X = tf.constant(np.random.default_rng(3).standard_normal((N, N)))


def traced(call):
    with traced_cell("<cell>", "call()") as recording:
        exec(compile("call()", "<cell>", "exec"), {"call": call})
    assert recording.lost == []
    return recording


def baked(recording):
    return [c for c in recording.ledger if c.reason.startswith("baked into the graph")]


def only(recording):
    (crossing,) = baked(recording)
    return crossing


def adds():
    """A new function, which bakes `A` when it is traced."""
    return tf.function(lambda x: x + A)


# Held against a library that compares every byte of every copy.


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return memcpys.run(tmp_path_factory.mktemp("memcpys") / "told.json")


@pytest.mark.skipif(bool(build.unavailable()), reason=build.unavailable() or "-")
@pytest.mark.parametrize("name", memcpys.CASES)
def test_copies_and_bytes_are_those_that_were_made(name, told):
    counted, claimed = told[name]["counted"], told[name]["claimed"]
    in_other_ways = memcpys.CASES[name][1].values()
    copies = [one + more for (_, one), more in zip(counted, in_other_ways, strict=True)]
    nbytes = [size * one for (size, _), one in zip(counted, copies, strict=True)]
    assert claimed["lost"] == []
    assert all(one > 0 for _, one in counted)
    assert [sum(column) for column in zip(*claimed["baked"], strict=True)] == [
        sum(copies),
        sum(nbytes),
    ]


# What is told of them.


def test_constant_of_a_function_is_observed_to_be_copied_many_times():
    crossing = only(traced(lambda: adds()(X)))
    assert crossing.count == 1
    assert crossing.nbytes == NBYTES
    assert crossing.copies > 50
    assert crossing.copied_bytes == crossing.copies * NBYTES
    assert (crossing.storage, crossing.evidence) == ("copy", "observed")
    assert crossing.reason.endswith("while the graph was built and first run")


def test_building_alone_says_so():
    crossing = only(traced(lambda: adds().get_concrete_function(X)))
    assert 0 < crossing.copies < 50
    assert crossing.reason.endswith("while the graph was built")


def test_graph_made_by_hand_says_so():
    def call():
        with tf.Graph().as_default():
            tf.constant(A)

    crossing = only(traced(call))
    assert 0 < crossing.copies < 50
    assert crossing.reason.endswith("as it was put into the graph")


def test_graph_that_is_built_already_copies_nothing():
    function = adds()
    function(X)
    assert baked(traced(lambda: function(X))) == []


def test_functions_of_one_line_are_one_crossing():
    crossing = only(traced(lambda: [adds()(X) for _ in range(3)]))
    single = only(traced(lambda: adds()(X)))
    assert (crossing.count, crossing.copies) == (3, 3 * single.copies)


def test_same_content_twice_in_a_graph_is_apportioned_and_so_inferred():
    crossing = only(traced(lambda: tf.function(lambda x: [x + A for _ in range(2)])(X)))
    assert crossing.count == 2
    assert crossing.evidence == "inferred"
    assert crossing.copied_bytes == crossing.copies * NBYTES


def test_constant_of_one_value_is_inferred():
    assert (
        only(traced(lambda: tf.function(lambda x: x + np.ones((N, N)))(X))).evidence == "inferred"
    )


def test_small_constant_is_not_counted_and_says_so():
    small = np.ones((20, 20))
    crossing = only(traced(lambda: tf.function(lambda x: x[:20, :20] + small)(X)))
    assert (crossing.copies, crossing.copied_bytes) == (None, None)
    assert "not counted" in crossing.reason


def test_constant_of_the_least_size_is_counted():
    least = np.random.default_rng(4).standard_normal(LEAST // 8)
    assert only(traced(lambda: tf.function(lambda: tf.constant(least) + 1)())).copies > 10


@pytest.mark.parametrize(
    "call",
    [
        lambda: tf.compat.v1.wrap_function(lambda x: x + A, [tf.TensorSpec((N, N), tf.float64)]),
        lambda: tf.data.Dataset.range(2).reduce(
            tf.constant(0, tf.int64), lambda i, j: i + tf.cast(tf.size(tf.constant(A)), tf.int64)
        ),
    ],
    ids=["wrap_function", "reduce"],
)
def test_building_whose_end_is_not_known_stays_unknown(call):
    crossing = only(traced(call))
    assert (crossing.copies, crossing.copied_bytes) == (None, None)


def test_pipeline_after_one_whose_end_was_not_known_is_counted():
    def call():
        numbers = tf.data.Dataset.range(2)
        numbers.reduce(
            tf.constant(0, tf.int64), lambda i, j: i + tf.cast(tf.size(tf.constant(B)), tf.int64)
        )
        numbers.map(lambda i: A)

    alone = only(traced(lambda: tf.data.Dataset.range(2).map(lambda i: A)))
    counted = [c.copies for c in baked(traced(call))]
    assert sorted(counted, key=str) == [alone.copies, None]


def test_ring_that_is_too_small_leaves_it_unknown(monkeypatch):
    def call():
        source = bytearray(NBYTES)

        def body(x):
            y = x + A
            for _ in range(5000):
                bytes(source)
            return y

        tf.function(body, autograph=False)(X)

    assert only(traced(call)).copies is None


# Nothing is left behind, and nothing is changed.


def test_slots_are_given_back_once_the_graph_is_built():
    inside, after = [], []

    def body(x):
        y = x + A
        inside.append(bool(redirected()))
        return y

    def call():
        tf.function(body, autograph=False)(X)
        after.append(redirected())

    traced(call)
    assert (inside, after) == ([True], [[]])


def test_nothing_is_redirected_for_a_small_constant():
    inside = []

    def body(x):
        y = x[:20, :20] + A[:20, :20]
        inside.append(baking.copies.is_on)
        return y

    traced(lambda: tf.function(body, autograph=False)(X))
    assert inside == [False]


def test_function_that_raises_gives_the_slots_back_and_is_counted():
    def body(x):
        _ = x + A
        raise ZeroDivisionError("mine")

    def call():
        with pytest.raises(ZeroDivisionError, match="mine"):
            tf.function(body, autograph=False)(X)
        assert not redirected()

    assert only(traced(call)).copies > 5


def test_trace_that_ends_inside_of_a_function_gives_them_back():
    recordings = []

    def body(x):
        with traced_cell("<inside>", "") as recording:
            y = x + A
        recordings.append(recording)
        assert not redirected()
        return y

    tf.function(body, autograph=False)(X)
    assert baking.copies.is_on is False
    assert [c.copies for c in baked(recordings[0])] in ([], [None])
    assert only(traced(lambda: adds()(X))).evidence == "observed"


def test_same_constant_on_two_threads_at_once_is_unknown():
    meet = threading.Barrier(2, timeout=60)

    def body(x):
        y = x + A
        meet.wait()
        return y

    def call():
        threads = [
            threading.Thread(target=lambda: tf.function(body, autograph=False)(X)) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    crossings = baked(traced(call))
    assert sum(c.count for c in crossings) == 2
    assert [c.copies for c in crossings] == [None]


def test_different_constants_on_two_threads_are_told_apart():
    meet = threading.Barrier(2, timeout=60)

    def work(constant):
        def body(x):
            y = x + constant
            meet.wait()
            return y

        tf.function(body, autograph=False)(X)

    def call():
        threads = [threading.Thread(target=work, args=(constant,)) for constant in (A, B)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    single = only(traced(lambda: adds()(X))).copies
    assert sum(c.copies for c in baked(traced(call))) == 2 * single


def test_results_are_those_of_an_untraced_call():
    results = []
    traced(lambda: results.append(adds()(X)))
    assert (results[0].numpy() == adds()(X).numpy()).all()


def test_array_is_not_kept_alive():
    import gc
    import weakref

    def call():
        array = A + 1
        kept.append(weakref.ref(array))
        tf.function(lambda x: x + array)(X)

    kept = []
    traced(call)
    gc.collect()
    assert kept[0]() is None


def test_error_in_a_graph_does_not_name_our_file():
    def body(x):
        return tf.debugging.check_numerics(tf.math.log(-tf.abs(x + A)), "bad")

    def call():
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            tf.function(body, autograph=False)(X)
        shown.append("".join(traceback.format_exception(caught.value)))

    shown = []
    traced(call)
    assert "bad" in shown[0]
    assert "probes/baking.py" not in shown[0]


def test_refusal_of_the_machine_costs_only_the_number(monkeypatch):
    def refuse(user):
        raise Unsupported("as on another machine")

    monkeypatch.setattr(baking.copies, "enter", refuse)
    assert only(traced(lambda: adds()(X))).copies is None


def test_our_own_failure_is_told_and_costs_only_the_number(monkeypatch):
    monkeypatch.setattr(baking, "_count", lambda *_: 1 // 0)
    with traced_cell("<cell>", "call()") as recording:
        adds()(X)
    assert only(recording).copies is None
    assert "ZeroDivisionError" in recording.lost[0]
    assert not redirected()
