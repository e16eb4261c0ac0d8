"""TFLite, checkpoints, v1 sessions and Python functions in graphs: what is recorded of each."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.ops import script_ops
from tensorflow.python.training import py_checkpoint_reader

import tfnp_magic
from tests.contract.arrays import aligned, is_copied_by_feeding, misaligned
from tfnp_magic import probes
from tfnp_magic.frames import route
from tfnp_magic.probes import (
    callbacks,
    checkpoint,
    interpreter,
    python_functions,
    sessions,
    stands,
)

TO_TF, TO_NP = "numpy → tensorflow", "tensorflow → numpy"
TO_PY, FROM_PY = "tensorflow → python", "python → tensorflow"
B32, B64 = 480, 960
BASE = np.arange(120, dtype=np.float64).reshape(30, 4) / 7
BASE.flags.writeable = False

FAMILIES = (interpreter, checkpoint, sessions, callbacks)
OWNERS = [
    sys.modules["tensorflow.lite.python.interpreter"]._interpreter_wrapper.InterpreterWrapper,
    py_checkpoint_reader.CheckpointReader,
    pywrap_tf_session,
    script_ops.FuncRegistry,
]
EXPLICIT = {
    "Interpreter.set_tensor", "Interpreter.get_tensor", "Interpreter.tensor",
    "CheckpointReader.get_tensor", "tf.train.load_variable",
    "tf.data.Dataset.from_generator",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _hooked(monkeypatch):
    known = [family for family, _ in probes.CATALOGUE]
    more = tuple((family, family.NAME) for family in FAMILIES if family not in known)
    monkeypatch.setattr(probes, "CATALOGUE", (*probes.CATALOGUE, *more))
    monkeypatch.setattr(route, "_EXPLICIT", route._EXPLICIT | EXPLICIT)


def owned():
    return [{name: id(value) for name, value in vars(owner).items()} for owner in OWNERS]


@pytest.fixture(autouse=True)
def _given_back():
    before = owned()
    yield
    assert owned() == before


def f32(where=misaligned):
    return where(BASE.astype("f4"))


def traced(act):
    with tfnp_magic.trace() as recording:
        act()
    assert recording.lost == []
    return recording


def only(recording, direction=None):
    (crossing,) = [c for c in recording.ledger if direction in (None, c.direction)]
    return crossing


def facts(crossing):
    return crossing.nbytes, crossing.copied_bytes, crossing.storage, crossing.cast


def outcome(act):
    try:
        return act()
    except Exception as error:
        return type(error), str(error)


# TFLite's interpreter.


@pytest.fixture(scope="module")
def lite(tmp_path_factory):
    """An interpreter of ``y = 2 x``, with the numbers of its input and its output."""
    where = str(tmp_path_factory.mktemp("saved"))
    module = tf.Module()
    module.f = tf.function(lambda x: {"y": x * 2}, [tf.TensorSpec([30, 4], name="x")])
    tf.saved_model.save(module, where, {"serving_default": module.f})
    content = tf.lite.TFLiteConverter.from_saved_model(where).convert()
    found = tf.lite.Interpreter(model_content=content)
    found.allocate_tensors()
    return found


def slot_of(lite, details):
    return getattr(lite, f"get_{details}_details")()[0]["index"]


@pytest.mark.parametrize(
    ("value", "copied"),
    [
        (f32(aligned), 0),
        (f32(misaligned), 0),
        (np.asfortranarray(f32()), B32),
        (BASE.astype("f4")[::1], 0),
    ],
    ids=["aligned", "misaligned", "fortran", "view"],
)
def test_interpreter_takes_into_its_own_memory_what_it_is_given(lite, value, copied):
    """Memory that was there before: a copy is only what NumPy has to make on the way."""
    number = slot_of(lite, "input")
    recording = traced(lambda: lite.set_tensor(number, value))
    crossing = only(recording)
    assert (crossing.route, crossing.direction) == ("Interpreter.set_tensor", TO_TF)
    assert facts(crossing) == (B32, copied, "copy" if copied else "view", "none")
    assert "own memory" in crossing.reason
    assert (crossing.count, crossing.explicit, crossing.evidence) == (1, True, "inferred")
    assert np.array_equal(lite.tensor(number)(), value)


def test_array_that_cannot_be_written_to_is_copied_on_its_way_to_the_interpreter(lite):
    value = f32()
    value.flags.writeable = False
    recording = traced(lambda: lite.set_tensor(slot_of(lite, "input"), value))
    assert (only(recording).copied_bytes, only(recording).copies) == (B32, 1)


def test_interpreter_does_not_look_at_byte_order(lite):
    value = BASE.astype(">f4")
    recording = traced(lambda: lite.set_tensor(slot_of(lite, "input"), value))
    assert not np.array_equal(lite.tensor(slot_of(lite, "input"))(), value)
    assert "byte order was not swapped" in only(recording).reason


def test_tensor_given_to_the_interpreter_is_one_crossing(lite):
    """NumPy reads it on the way: that is no second conversion of the user's."""
    tensor = tf.constant(f32())
    recording = traced(lambda: lite.set_tensor(slot_of(lite, "input"), tensor))
    crossing = only(recording)
    assert (crossing.direction, crossing.storage, crossing.nbytes) == (TO_NP, "copy", B32)


def test_interpreter_hands_out_copies_by_get_tensor(lite):
    number = slot_of(lite, "output")
    kept = []
    recording = traced(lambda: kept.append(lite.get_tensor(number)))
    crossing = only(recording)
    assert (crossing.route, crossing.direction) == ("Interpreter.get_tensor", TO_NP)
    assert facts(crossing) == (B32, B32, "copy", "none")
    assert (crossing.count, crossing.explicit, crossing.evidence) == (1, True, "observed")
    assert not np.shares_memory(kept[0], lite.tensor(number)())


def test_interpreter_hands_out_views_by_tensor_each_time_it_is_called(lite):
    number = slot_of(lite, "input")
    view = lite.tensor(number)
    recording = traced(lambda: [view().fill(3), view().fill(4)])
    crossing = only(recording)
    assert (crossing.route, crossing.direction) == ("Interpreter.tensor", TO_NP)
    assert facts(crossing) == (2 * B32, 0, "view", "none")
    assert (crossing.count, crossing.explicit) == (2, True)
    assert "writing to the array changes" in crossing.reason
    assert lite.get_tensor(number).min() == 4
    lite.invoke()  # raises if a view was kept alive


def test_signature_runner_is_seen(lite):
    runner, value = lite.get_signature_runner(), f32()
    kept = []
    recording = traced(lambda: kept.append(runner(x=value)["y"]))
    into, out = only(recording, TO_TF), only(recording, TO_NP)
    assert {into.route, out.route} == {"SignatureRunner.__call__"}
    assert facts(into) == (B32, 0, "view", "none")
    assert facts(out) == (B32, B32, "copy", "none")
    assert not into.explicit
    assert np.array_equal(kept[0], value * 2)


@pytest.mark.parametrize(
    "value", [BASE, f32()[:2], "text", None], ids=["dtype", "shape", "text", "none"]
)
def test_interpreter_raises_its_own_errors(lite, value):
    number = slot_of(lite, "input")
    untraced = outcome(lambda: lite.set_tensor(number, value))
    seen = []
    recording = traced(lambda: seen.append(outcome(lambda: lite.set_tensor(number, value))))
    assert seen == [untraced]
    assert untraced[0] is ValueError
    assert recording.ledger == []


def test_interpreter_that_is_not_loaded_is_said_to_be_missing(monkeypatch):
    for name in interpreter._MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    recording = traced(lambda: None)
    assert any("it was not loaded" in text for text in recording.not_seen)


# Checkpoints.


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A checkpoint of a matrix, a bfloat16 matrix, a number and two strings."""
    saved = tf.train.Checkpoint(
        v=tf.Variable(BASE.astype("f4")),
        half=tf.Variable(tf.cast(BASE, tf.bfloat16)),
        number=tf.Variable(3.0),
        text=tf.Variable(["a", "b"]),
    )
    return saved.write(str(tmp_path_factory.mktemp("saved") / "c"))


def key(name):
    return f"{name}/.ATTRIBUTES/VARIABLE_VALUE"


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        ("v", "float32", (B32, 0, "view", "none")),
        ("half", "bfloat16", (240, 0, "view", "none")),
        ("number", "float32", (4, 4, "copy", "none")),
        ("text", "string", (None, None, "copy", "none")),
    ],
)
def test_checkpoint_reader_is_seen(path, name, dtype, expected):
    reader, kept = tf.train.load_checkpoint(path), []
    recording = traced(lambda: kept.append(reader.get_tensor(key(name))))
    crossing = only(recording)
    assert (crossing.route, crossing.direction) == ("CheckpointReader.get_tensor", TO_NP)
    assert facts(crossing) == expected
    assert (crossing.dtype_from, crossing.dtype_to) == (dtype, dtype)
    assert (crossing.count, crossing.explicit) == (1, True)
    if crossing.storage == "view":
        assert not kept[0].flags.owndata


def test_load_variable_is_one_crossing(path):
    recording = traced(lambda: tf.train.load_variable(path, key("v")))
    assert (only(recording).route, only(recording).explicit) == ("tf.train.load_variable", True)


def test_reads_of_a_checkpoint_share_nothing(path):
    """The array has a tensor's memory, but that tensor is gone."""
    reader = tf.train.load_checkpoint(path)
    one, two = reader.get_tensor(key("v")), reader.get_tensor(key("v"))
    one[0, 0] = 77
    assert two[0, 0] == reader.get_tensor(key("v"))[0, 0] == 0


def test_what_tensorflow_reads_of_a_checkpoint_for_itself_is_counted_apart(path):
    restored = tf.train.Checkpoint(v=tf.Variable(BASE.astype("f4")))
    recording = traced(lambda: restored.restore(path).expect_partial())
    assert [c for c in recording.ledger if c.direction == TO_PY] == []
    assert recording.housekeeping


@pytest.mark.parametrize("name", ["nothing", 3])
def test_checkpoint_reader_raises_its_own_errors(path, name):
    reader = tf.train.load_checkpoint(path)
    untraced, seen = outcome(lambda: reader.get_tensor(name)), []
    recording = traced(lambda: seen.append(outcome(lambda: reader.get_tensor(name))))
    assert seen == [untraced]
    assert recording.ledger == []


# v1 sessions.


class Graph:
    """A v1 graph with a placeholder, and a session of it."""

    def __init__(self):
        with tf.Graph().as_default() as graph:
            self.fed = tf.compat.v1.placeholder(tf.float32, [30, 4])
            self.doubled = self.fed * 2
            self.constant = tf.constant(BASE.astype("f4"))
            self.text = tf.constant(["a", "b"])
            self.seen = []
            self.looked = tf.numpy_function(self._look, [self.fed], tf.float32)
        self.session = tf.compat.v1.Session(graph=graph)

    def _look(self, array):
        self.seen.append(array.ctypes.data)
        return np.float32(0)

    def run(self, *args):
        return self.session.run(*args)


@pytest.fixture(scope="module")
def graph():
    return Graph()


@pytest.mark.parametrize(
    ("value", "expected", "copies"),
    [
        (f32(aligned), (B32, 0, "view", "none"), 0),
        (f32(misaligned), (B32, B32, "copy", "none"), 1),
        (misaligned(BASE), (B64, None, "copy", "silent"), None),
        (aligned(BASE.T.astype("f4")).T, (B32, None, "copy", "none"), None),
    ],
    ids=["aligned", "misaligned", "float64", "fortran"],
)
def test_feed_is_seen(graph, value, expected, copies):
    recording = traced(lambda: graph.session.run(graph.doubled, {graph.fed: value}))
    crossing = only(recording, TO_TF)
    assert crossing.route == "Session.run"
    nbytes, copied, storage, cast = facts(crossing)
    if is_copied_by_feeding():
        expected, copies = (expected[0], None, "copy", expected[3]), None
    assert (nbytes, storage, cast) == (expected[0], expected[2], expected[3])
    # The buffer that NumPy makes is aligned or not, as the allocator likes.
    some = (B32, 2 * B32, 3 * B32) if is_copied_by_feeding() else (B32, 2 * B32)
    assert copied == expected[1] if copies is not None else copied in some
    assert crossing.copied_bytes == B32 * crossing.copies
    assert (crossing.count, crossing.explicit, crossing.evidence) == (1, False, "inferred")


def test_feed_is_used_in_place_exactly_when_the_report_says_so(graph):
    for value in (f32(aligned), f32(misaligned)):
        recording = traced(lambda value=value: graph.session.run(graph.looked, {graph.fed: value}))
        fed = next(c for c in recording.ledger if c.route == "Session.run")
        assert (fed.storage == "view") == (graph.seen[-1] == value.ctypes.data)


def test_cast_of_a_feed_is_compared_value_by_value(graph):
    value = misaligned(BASE)
    recording = traced(lambda: graph.session.run(graph.doubled, {graph.fed: value}))
    assert only(recording, TO_TF).values.changed > 0


def test_list_that_is_fed_comes_from_python(graph):
    value = BASE.tolist()
    recording = traced(lambda: graph.session.run(graph.doubled, {graph.fed: value}))
    assert only(recording, FROM_PY).dtype_from == "list"


@pytest.mark.parametrize(
    ("fetch", "expected", "evidence"),
    [
        ("doubled", (B32, 0, "view", "none"), "inferred"),
        ("constant", (B32, B32, "copy", "none"), "observed"),
        ("text", (None, None, "copy", "none"), "inferred"),
    ],
)
def test_fetch_is_seen(graph, fetch, expected, evidence):
    feed, kept = {graph.fed: f32()}, []
    what = getattr(graph, fetch)
    recording = traced(lambda: kept.append(graph.session.run(what, feed)))
    crossing = only(recording, TO_NP)
    assert (crossing.route, crossing.explicit, crossing.count) == ("Session.run", False, 1)
    assert facts(crossing) == expected
    assert crossing.evidence == evidence
    assert kept[0].flags.owndata == (crossing.storage == "copy")


def test_each_fetch_is_one_crossing(graph):
    fetches, feed = [graph.doubled, graph.constant, graph.text], {graph.fed: f32()}
    recording = traced(lambda: graph.session.run(fetches, feed))
    assert sum(c.count for c in recording.ledger if c.direction == TO_NP) == 3
    assert sum(c.count for c in recording.ledger if c.direction == TO_TF) == 1


def test_callable_of_a_session_is_seen(graph):
    fetch = graph.session.make_callable(graph.constant)
    recording = traced(lambda: fetch())
    assert facts(only(recording, TO_NP)) == (B32, B32, "copy", "none")


def test_session_raises_its_own_errors(graph):
    feed = {graph.fed: np.ones((2, 2), "f4")}
    for act in (
        lambda: graph.session.run(graph.doubled, feed),
        lambda: graph.session.run(graph.doubled),
    ):
        untraced, seen = outcome(act), []
        recording = traced(lambda act=act, seen=seen: seen.append(outcome(act)))
        assert seen == [untraced]
        assert recording.ledger == []


# Python functions that graphs call.


def calling(function, dtype=tf.float32):
    """A graph that calls the function, traced already, and a tensor to call it with."""
    graph = tf.function(lambda x: tf.numpy_function(function, [x], dtype))
    graph.get_concrete_function(tf.TensorSpec([30, 4]))
    return graph, tf.constant(BASE.astype("f4"))


def address(tensor):
    return np.asarray(tensor).ctypes.data


def test_argument_of_a_function_in_a_graph_is_a_view():
    seen = []

    def look(x):
        seen.append(x.ctypes.data)
        return x.sum()

    graph, tensor = calling(look)
    recording = traced(lambda: graph(tensor))
    crossing = only(recording, TO_NP)
    assert seen == [address(tensor)]
    assert crossing.route == "tf.numpy_function"
    assert facts(crossing) == (B32, 0, "view", "none")
    assert (crossing.count, crossing.explicit, crossing.evidence) == (1, False, "inferred")
    assert "writing to the array changes the tensor" in crossing.reason


def test_conversions_of_a_function_in_a_graph_name_that_function():
    """While they are made, it is not running yet or any more."""

    def mine(x):
        return x * 2

    graph, tensor = calling(mine)
    recording = traced(lambda: graph(tensor))
    places = {c.site.inner or c.site.line for c in recording.ledger}
    (place,) = places
    assert place.line == mine.__code__.co_firstlineno
    assert place.code == "def mine(x):"
    assert place.function.endswith("mine")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no columns before Python 3.11")
def test_frame_that_stands_for_a_function_names_no_expression_of_its_first_line():
    code = calling.__code__
    stand = stands.stand_for(code, {}).__code__
    first = code.co_firstlineno
    assert set(stand.co_positions()) == {(first, first, None, None)}
    assert len(list(stand.co_positions())) == len(stand.co_code) // 2


def test_function_that_writes_to_its_argument_is_reported():
    def write(x):
        x[0, 0] = 99
        return np.float32(0)

    graph, tensor = calling(write)
    recording = traced(lambda: graph(tensor))
    assert tensor[0, 0].numpy() == 99
    (hazard,) = recording.hazards
    assert hazard.written
    assert (hazard.route, hazard.holder) == ("tf.numpy_function", "a graph's tensor")


def test_function_that_only_reads_its_argument_is_no_hazard():
    graph, tensor = calling(lambda x: x.sum())
    assert traced(lambda: graph(tensor)).hazards == []


@pytest.mark.parametrize(
    ("value", "copied", "storage"),
    [
        (f32(aligned), 0, "view"),
        (f32(misaligned), B32, "copy"),
        (np.asfortranarray(f32()), None, "copy"),
    ],
    ids=["aligned", "misaligned", "fortran"],
)
def test_result_of_a_function_in_a_graph_is_seen(value, copied, storage):
    graph, tensor = calling(lambda x: value)
    made = []
    recording = traced(lambda: made.append(graph(tensor)))
    crossing = only(recording, TO_TF)
    assert (crossing.route, crossing.count) == ("tf.numpy_function", 1)
    assert (crossing.nbytes, crossing.storage, crossing.cast) == (B32, storage, "none")
    if copied is None:
        assert crossing.reason.startswith("NumPy made an array of it")
        assert crossing.copied_bytes == crossing.copies * B32
    else:
        assert crossing.copied_bytes == copied
    assert (address(made[0]) == value.ctypes.data) == (storage == "view")


def test_result_in_another_byte_order_is_said_to_be_wrong():
    value = aligned(BASE.astype(">f4"))
    graph, tensor = calling(lambda x: value)
    made = []
    recording = traced(lambda: made.append(graph(tensor)))
    assert not np.array_equal(made[0], value)
    assert "byte order was not swapped" in only(recording, TO_TF).reason


def test_scalars_strings_and_python_values_that_a_function_returns():
    small = tf.function(
        lambda x: tf.numpy_function(
            lambda a: (np.float32(1), [1.0] * 20, "text", np.zeros(0, "f4")),
            [x], [tf.float32, tf.float64, tf.string, tf.float32],
        )
    )  # fmt: skip
    tensor = tf.constant(BASE.astype("f4"))
    small(tensor)
    recording = traced(lambda: small(tensor))
    by_type = {c.dtype_from: c for c in recording.ledger if c.direction != TO_NP}
    assert by_type["list"].direction == by_type["str"].direction == FROM_PY
    assert by_type["str"].copied_bytes is None
    (numbers,) = [c for c in recording.ledger if c.direction == TO_TF and c.nbytes == 4]
    assert facts(numbers) == (4, 4, "copy", "none")


def test_function_that_returns_nothing_converts_nothing_back():
    seen = []

    @tf.function
    def graph(x):
        tf.numpy_function(lambda a: seen.append(a.shape), [x], [])
        return tf.identity(x)

    tensor = tf.constant(BASE.astype("f4"))
    recording = traced(lambda: graph(tensor))
    assert seen == [(30, 4)]
    assert [c.direction for c in recording.ledger] == [TO_NP]


def test_what_a_call_converted_is_let_go_when_it_ends():
    def give(x):
        return [x, x]

    registry = script_ops._py_funcs
    token = registry.insert(give)
    traced(lambda: registry(token, None, [[1.0, 2.0]]))
    assert callbacks._running.converted is None


@pytest.mark.parametrize("failure", ["raises", "dtype", "number", "ragged"])
def test_function_in_a_graph_fails_as_it_does_untraced(failure):
    """The error's text holds the traceback: none of our frames may be in it."""
    results = {"dtype": BASE, "number": (BASE, BASE), "ragged": [[[1.0], [1.0, 2.0]]]}

    def fails(x):
        return results[failure]

    graph, tensor = calling(fails)
    untraced, seen = outcome(lambda: graph(tensor)), []
    traced(lambda: seen.append(outcome(lambda: graph(tensor))))
    assert seen == [untraced]
    assert issubclass(untraced[0], tf.errors.OpError)


def test_function_of_a_library_is_seen_without_a_place():
    graph, tensor = calling(np.copy)
    recording = traced(lambda: graph(tensor))
    assert {c.direction for c in recording.ledger} == {TO_NP, TO_TF}


def test_function_in_a_graph_finds_its_names_and_frames_as_untraced():
    frames = []

    def look(x):
        frames.append([f.f_code.co_name for f, _ in walk(sys._getframe())])
        return x

    def walk(frame):
        while frame is not None:
            yield frame, None
            frame = frame.f_back

    graph, tensor = calling(look)
    recording = traced(lambda: graph(tensor))
    assert frames[0].count("look") == 1
    assert recording.lost == []


def test_py_function_is_not_counted_twice():
    def read(x):
        return x.numpy() * 2

    graph = tf.function(lambda x: tf.py_function(read, [x], tf.float32))
    tensor = tf.constant(BASE.astype("f4"))
    graph(tensor)
    recording = traced(lambda: graph(tensor))
    assert [(c.direction, c.count) for c in recording.ledger] == [(TO_NP, 1), (TO_TF, 1)]


def elements_of(generator, dtype=tf.float32):
    spec = tf.TensorSpec([30, 4], dtype)
    return tf.data.Dataset.from_generator(generator, output_signature=spec)


@pytest.mark.parametrize(
    ("value", "nbytes", "cast", "storage"),
    [
        (f32(aligned), B32, "none", "view"),
        (f32(misaligned), B32, "none", "copy"),
        (misaligned(BASE), B64, "explicit", "copy"),
    ],
    ids=["aligned", "misaligned", "float64"],
)
def test_element_of_a_generator_names_the_line_of_its_yield(value, nbytes, cast, storage):
    def generate():
        for _ in range(3):
            yield value

    dataset = elements_of(generate)
    recording = traced(lambda: [None for _ in dataset])
    # The buffers that a cast makes are aligned or not, as the allocator likes: several rows.
    found = [c for c in recording.ledger if c.direction == TO_TF]
    assert {(c.route, c.explicit) for c in found} == {("tf.data.Dataset.from_generator", True)}
    assert (sum(c.count for c in found), sum(c.nbytes for c in found)) == (3, 3 * nbytes)
    assert {(c.cast, c.storage) for c in found} == {
        (cast, "copy" if is_copied_by_feeding() else storage)
    }
    place = found[0].site.inner or found[0].site.line
    assert (place.code, place.line) == ("yield value", generate.__code__.co_firstlineno + 2)


def test_iterator_that_is_no_generator_names_the_function_that_made_it():
    dataset = elements_of(lambda: [f32(aligned), f32(aligned)])
    recording = traced(lambda: [None for _ in dataset])
    sites = [crossing.site for crossing in recording.ledger if crossing.direction == TO_TF]
    assert len(sites) == 1 or (sites and is_copied_by_feeding())
    assert all("elements_of(lambda" in (site.inner or site.line).code for site in sites)


def test_what_a_generator_raises_is_the_same():
    def generate():
        yield f32()
        raise KeyError("mine")

    dataset = elements_of(generate)
    act = lambda: [None for _ in dataset]  # noqa: E731
    untraced, seen = outcome(act), []
    traced(lambda: seen.append(outcome(act)))
    assert [kind for kind, _ in seen] == [untraced[0]]
    assert ("tfnp_magic/probes" in seen[0][1]) == ("tfnp_magic/probes" in untraced[1])


def test_probe_that_fails_costs_the_user_nothing(monkeypatch):
    def broken(*args):
        raise RuntimeError("ours")

    monkeypatch.setattr(python_functions, "callee_of", broken)
    monkeypatch.setattr(sessions, "_fed", broken)
    graph, tensor = calling(lambda x: x * 2)
    made = []
    with tfnp_magic.trace() as recording:
        made.append(graph(tensor))
    assert np.allclose(made[0], BASE * 2)
    assert len(recording.lost) == 1
    session = Graph()
    with tfnp_magic.trace() as recording:
        session.session.run(session.doubled, {session.fed: f32()})
    assert len(recording.lost) == 1


def test_nothing_of_the_users_is_kept(graph):
    import gc
    import weakref

    value = f32(aligned)
    died = weakref.ref(value)
    returned = f32(aligned)
    held = [returned]
    died_too = weakref.ref(returned)
    caller, tensor = calling(lambda x: held.pop())
    with tfnp_magic.trace():
        graph.session.run(graph.doubled, {graph.fed: value})
        result = caller(tensor)
        del value, returned, result
        # TensorFlow lets go of arrays when it converts the next one.
        graph.session.run(graph.doubled, {graph.fed: f32()})
        gc.collect()
        assert (died(), died_too()) == (None, None)


def test_calls_on_many_threads_are_all_counted():
    graph, tensor = calling(lambda x: x.sum())
    with tfnp_magic.trace() as recording:
        threads = [threading.Thread(target=lambda: graph(tensor)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert recording.lost == []
    assert sum(c.count for c in recording.ledger if c.direction == TO_NP) == 8
