"""What is forbidden raises at the user's line, before its result is used; and nothing else does."""

from __future__ import annotations

import asyncio
import threading
import traceback
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic
from tests.contract.arrays import aligned, misaligned
from tests.contract.notebook import Notebook
from tfnp_magic import guards

ROWS = {
    # what, rule, and the same cell's twin that does no such thing
    "copy by numpy": ("x = t.numpy()", "copy", "x = np.asarray(t)"),
    "copy by np.array": ("x = np.array(t)", "copy", "x = np.asarray(t)"),
    "copy of a misaligned array": ("x = t - mis", "copy:implicit", "x = t - al"),
    "large copy": ("x = t.numpy()", "copy>255", "x = t[:63].numpy()"),
    "copy of so much at least": ("x = t.numpy()", "copy>=256", "x = t[:63].numpy()"),
    "copy by constant": ("x = tf.constant(al)", "copy", "x = tf.zeros(3)"),
    "cast": ("x = tf.cast(al64, 'float32')", "cast", "x = tf.cast(t, 'float32')"),
    "cast that was asked for": ("x = tf.constant(al64, tf.float32)", "cast", "x = t * al"),
    "silent cast": ("x = t * al64", "silent-cast", "x = tf.constant(al64, tf.float32)"),
    "silent cast by its other name": ("x = t * al64", "cast:implicit", "x = t * al"),
    "silent cast while it is read": ("x = np.asarray(t, 'f8')", "cast", "x = np.asarray(t)"),
    "alias": ("x = tf.squeeze(al)", "alias", "x = tf.squeeze(mis)"),
    "alias that was asked for": (
        "x = tf.experimental.numpy.asarray(al) if 0 else tf.squeeze(al)", "alias", "x = t - al",
    ),
    "retrace": ("x = f(t, 3)", "retrace", "x = f(t, 2)"),
    "new function": (
        "x = [tf.function(lambda y: y * 2)(t) for _ in range(2)]",
        "retrace",
        "x = tf.function(lambda y: y * 2)(t)",
    ),
    "baked constant": ("x = g()", "baked-constant", "x = h(big)"),
    "large baked constant": ("x = g()", "baked-constant>100kB", "x = small()"),
    "one of several": ("x = t.numpy()", "alias, copy", "x = np.asarray(t)"),
    "anything": ("x = t.numpy()", "any", "x = t * 2"),
    "in Keras": ("x = model.train_on_batch(x64, y64)", "silent-cast", "x = model(tf.ones((2, 4)))"),
}  # fmt: skip

SETUP = """
f = tf.function(lambda y, k: y * k)
f(t, 2)
g = tf.function(lambda: tf.reduce_sum(big))
h = tf.function(lambda y: tf.reduce_sum(y))
small = tf.function(lambda: tf.reduce_sum(al))
"""


@pytest.fixture
def notebook():
    numbers = np.random.default_rng(4).random(64)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    found = Notebook(
        t=tf.constant(numbers, tf.float32),
        grid=tf.constant(numbers.reshape(8, 8), tf.float32),
        al=aligned(numbers.astype("f4")),
        mis=misaligned(numbers.astype("f4")),
        al64=aligned(numbers),
        big=np.ones(30_000, "f4"),
        model=model, x64=np.ones((2, 4)), y64=np.ones((2, 1)),
        tfnp_magic=tfnp_magic, threading=threading, asyncio=asyncio,
    )  # fmt: skip
    found.run(SETUP)
    return found


@pytest.mark.parametrize(("text", "rule", "twin"), ROWS.values(), ids=ROWS)
class TestRule:
    def test_what_is_forbidden_raises_at_its_line(self, text, rule, twin, notebook):
        with pytest.raises(tfnp_magic.InteropError, match=r"\bline 2\b") as raised:
            notebook.trace(f"y = 1\n{text}\nz = 1", forbid=rule)
        assert "x" not in notebook.names
        assert "z" not in notebook.names
        error = raised.value
        assert error.kind in guards.KINDS
        assert f"(`{rule.rpartition(', ')[2]}`)" in str(error)
        assert f'tfnp_magic.allow("{error.kind}")' in str(error)
        assert error.kind == "retrace" or error.crossing.count == 1
        assert (error.site.line.line, error.site.line.source) == (2, notebook.file)

    def test_what_is_not_forbidden_passes(self, text, rule, twin, notebook):
        recording = notebook.trace(twin, forbid=rule)
        assert "x" in notebook.names
        assert recording.forbidden == []

    def test_a_warning_has_the_line(self, text, rule, twin, notebook):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            notebook.trace(f"y = 1\n{text}\nz = 1", warn=rule)
        ours = [each for each in caught if each.category is tfnp_magic.InteropWarning]
        assert ours
        assert {each.lineno for each in ours} == {2}
        assert {each.filename for each in ours} == {notebook.file}
        assert "forbidden" not in str(ours[0].message)
        assert notebook.names["z"] == 1

    def test_a_region_lets_it_pass(self, text, rule, twin, notebook):
        notebook.trace(f"with tfnp_magic.allow():\n    {text}", forbid=rule)
        assert "x" in notebook.names


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("x = t.numpy()", "copy:implicit"),
        ("x = t.numpy()", "copy>256"),
        ("x = t.numpy()", "copy>1MB"),
        ("x = tf.constant(al64, tf.float32)", "silent-cast"),
        ("x = tf.constant(al64, tf.float32)", "cast:implicit"),
        ("x = t.numpy()", "move"),
        ("x = t + 1", "any"),
        ("x = np.std(t)", "any"),
    ],
)
def test_what_was_asked_for_or_is_small_may_pass(text, rule, notebook):
    notebook.trace(text, forbid=rule)
    assert "x" in notebook.names


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("coppy", r"'coppy' is no kind that can be guarded: they are copy, cast, "),
        ("copy:explicit", r"behind the colon stands `implicit`"),
        ("copy>ten", r"'copy>ten': 'ten' is no size; write 4096"),
        ("copy=3", r"'copy=3' is no rule: write a kind, as in `copy`"),
        (["copy", "moves"], r"'moves' is no kind"),
    ],
)
def test_a_rule_that_cannot_be_read_is_said_so(rule, says):
    for action in ("forbid", "warn"):
        with pytest.raises(ValueError, match=says):
            tfnp_magic.trace(**{action: rule})
    assert tfnp_magic.trace(forbid=[]) is not None


def test_an_unknown_kind_cannot_be_allowed():
    with pytest.raises(ValueError, match="'coppy' is no kind"):
        tfnp_magic.allow("coppy")


def test_regions_nest_and_end(notebook):
    notebook.trace(
        "seen = []\n"
        "def attempt(*calls):\n"
        "    for call in calls:\n"
        "        try:\n"
        "            call()\n"
        "            seen.append('passed')\n"
        "        except tfnp_magic.InteropError as error:\n"
        "            seen.append(error.kind)\n"
        "copy, cast = t.numpy, lambda: t * al64\n"
        "attempt(copy, cast)\n"
        "with tfnp_magic.allow('copy'):\n"
        "    attempt(copy, cast)\n"
        "    with tfnp_magic.allow('silent-cast'):\n"
        "        attempt(copy)\n"
        "        with tfnp_magic.allow('cast', 'copy'):\n"
        "            attempt(copy, cast)\n"
        "    attempt(copy, cast)\n"
        "attempt(copy, cast)\n",
        forbid=["copy", "silent-cast"],
    )
    # A cast copies, too.
    assert notebook.names["seen"] == [
        "copy", "copy", "passed", "silent-cast", "passed", "passed", "passed", "passed",
        "silent-cast", "copy", "copy",
    ]  # fmt: skip


def test_a_region_ends_when_an_error_leaves_it(notebook):
    with pytest.raises(tfnp_magic.InteropError):
        notebook.trace(
            "try:\n    with tfnp_magic.allow():\n        1 / 0\nexcept ZeroDivisionError:\n"
            "    x = t.numpy()",
            forbid="copy",
        )


def test_a_region_is_of_its_thread(notebook):
    notebook.trace(
        "found = []\n"
        "def work():\n"
        "    try:\n"
        "        found.append(t.numpy())\n"
        "    except tfnp_magic.InteropError as error:\n"
        "        found.append(error.kind)\n"
        "with tfnp_magic.allow():\n"
        "    thread = threading.Thread(target=work)\n"
        "    thread.start(); thread.join()\n",
        forbid="copy",
    )
    assert notebook.names["found"] == ["copy"]


def test_a_region_is_of_its_task(notebook):
    notebook.trace(
        "found = []\n"
        "async def allowed():\n"
        "    with tfnp_magic.allow():\n"
        "        await asyncio.sleep(0.01)\n"
        "        found.append(('allowed', len(t.numpy())))\n"
        "async def other():\n"
        "    await asyncio.sleep(0)\n"
        "    try:\n"
        "        t.numpy()\n"
        "    except tfnp_magic.InteropError as error:\n"
        "        found.append(('other', error.kind))\n"
        "async def both():\n"
        "    await asyncio.gather(allowed(), other())\n"
        "asyncio.run(both())\n",
        forbid="copy",
    )
    assert sorted(notebook.names["found"]) == [("allowed", 64), ("other", "copy")]


@pytest.mark.parametrize("call", ["t.numpy()", "np.array(t)", "t * al64", "float(t[0])"])
def test_a_thread_of_the_cells_gets_its_own_error(call, notebook):
    """`np.array(t)` is heard in machine code, which can raise nothing itself."""
    notebook.trace(
        "found = []\n"
        "def work():\n"
        "    try:\n"
        f"        found.append({call})\n"
        "        for _ in range(3): pass\n"
        "    except tfnp_magic.InteropError as error:\n"
        "        found.append(error)\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start(); thread.join()\n"
        "done = True\n",
        forbid=["copy", "silent-cast"],
    )
    assert notebook.names["done"]
    errors = [e for e in notebook.names["found"] if isinstance(e, tfnp_magic.InteropError)]
    assert len(errors) == 1
    for error in errors:
        assert type(error).__name__ == "InteropError"
        assert "(run by line" in str(error) or "line 4" in str(error)
        assert error.kind in ("copy", "silent-cast")


def test_who_catches_it_goes_on_and_is_guarded_as_before(notebook):
    recording = notebook.trace(
        "caught = 0\n"
        "for _ in range(20):\n"
        "    try:\n"
        "        t.numpy()\n"
        "    except tfnp_magic.InteropError:\n"
        "        caught += 1\n",
        forbid="copy",
    )
    assert notebook.names["caught"] == 20
    assert sum(crossing.count for crossing in recording.ledger) == 20


def test_its_conversion_is_in_the_recording(notebook):
    with pytest.raises(tfnp_magic.InteropError):
        notebook.trace("np.asarray(t)\nt.numpy()\nt.numpy()", forbid="copy")
    counts = [(c.site.line.line, c.count) for c in notebook.recording.ledger]
    assert counts == [(1, 1), (2, 1)]


def test_a_forbidden_graph_is_not_built(notebook):
    function = notebook.names["f"]
    before = function.experimental_get_tracing_count()
    with pytest.raises(tfnp_magic.InteropError, match="argument `k`: a new Python int"):
        notebook.trace("f(t, 3)", forbid="retrace")
    assert function.experimental_get_tracing_count() == before
    notebook.run("x = f(t, 3)")
    assert np.allclose(notebook.names["x"], notebook.names["t"] * 3)


def test_the_traceback_shows_nothing_of_ours(notebook):
    for text in ("t.numpy()", "t * al64", "np.array(t)", "f(t, 9)", "tf.constant(al)"):
        with pytest.raises(tfnp_magic.InteropError) as raised:
            notebook.trace(text, forbid=["copy", "silent-cast", "retrace"])
        files = [frame.filename for frame in traceback.extract_tb(raised.value.__traceback__)]
        at = files.index(notebook.file)
        assert not [file for file in files[at:] if "tfnp_magic/" in file], text


def test_a_graphs_python_function_is_guarded_and_tensorflow_tells_whose_error_it_is(notebook):
    notebook.run("def scaled(row):\n    return row * 2\nds = tf.data.Dataset.from_tensors(t)")
    notebook.run("ds = ds.map(lambda i: tf.numpy_function(scaled, [i], tf.float32))")
    with pytest.raises(tf.errors.OpError, match=r"InteropError: .*shares"):
        notebook.trace("for x in ds: pass", forbid="alias")


def test_what_shows_only_when_the_line_has_gone_on_is_raised_at_the_end_of_the_block(notebook):
    """Whether `np.asarray(t, order='F')` copies is told by what it did."""
    guarded, found = tfnp_magic.trace(forbid="copy"), []

    def block():
        with guarded as recording:
            found.append(recording)
            found.append(np.asarray(notebook.names["grid"], order="F"))

    with pytest.raises(
        tfnp_magic.InteropError, match=r"^line \d+.*np\.asarray copied 256 B"
    ) as raised:
        block()
    recording, array = found
    assert array.flags.f_contiguous
    (told,) = recording.forbidden
    assert told == str(raised.value)
    assert "Forbidden, and seen too late: line" in str(recording)
    assert "Forbidden, and seen too late: line" in recording._repr_html_()


def test_an_error_of_the_users_is_not_replaced_by_what_shows_later(notebook):
    def block():
        with tfnp_magic.trace(forbid="copy"):
            np.asarray(notebook.names["grid"], order="F")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()


def test_a_warning_is_an_error_where_the_filters_say_so(notebook):
    with warnings.catch_warnings():
        warnings.simplefilter("error", tfnp_magic.InteropWarning)
        with pytest.raises(tfnp_magic.InteropWarning, match="copied 256 B"):
            notebook.trace("x = t.numpy()", warn="copy")
    assert "x" not in notebook.names


def test_a_line_warns_once_by_default(notebook):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        notebook.trace("for _ in range(20): t.numpy()", warn="copy")
    assert len(caught) == 1


def test_what_is_both_warned_of_and_forbidden_does_both(notebook):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(tfnp_magic.InteropError):
            notebook.trace("t.numpy()", warn="copy", forbid="copy")
    assert len(caught) == 1


def test_an_outer_trace_is_guarded_by_its_own_rules(notebook):
    with tfnp_magic.trace(forbid="silent-cast"):
        notebook.run("x = t.numpy()")
        with pytest.raises(tfnp_magic.InteropError, match="copied"):
            notebook.trace("t.numpy()", forbid="copy")
        with pytest.raises(tfnp_magic.InteropError, match="silently cast"):
            notebook.trace("t * al64")


def test_an_inner_trace_sees_what_an_outer_one_forbids(notebook):
    with tfnp_magic.trace(forbid="copy") as outer, pytest.raises(tfnp_magic.InteropError):
        notebook.trace("np.asarray(t)\nt.numpy()")
    for recording in (outer, notebook.recording):
        assert sum(crossing.count for crossing in recording.ledger) == 2


def test_nothing_is_guarded_when_the_trace_is_over(notebook):
    with pytest.raises(tfnp_magic.InteropError):
        notebook.trace("t.numpy()", forbid="any")
    notebook.run("x = t.numpy(); y = t * al64")
    notebook.trace("x = t.numpy(); y = t * al64")


def test_small_conversions_that_nobody_asked_for_pass_without_a_threshold(notebook):
    text = "x = keras.ops.clip(t, 0.25, 0.5)"
    notebook.names["keras"] = keras
    recording = notebook.trace(text, forbid="any")
    assert recording.housekeeping


GRAPH = "half = tf.function(lambda y: tf.cast(y, tf.float16))"


@pytest.mark.parametrize(("rule", "is_told"), [("cast", True), ("silent-cast", False)])
def test_what_a_graph_did_is_told_when_the_cell_is_over_where_it_is_looked_into(
    rule, is_told, notebook
):
    notebook.run(GRAPH)
    recording = notebook.trace("y = half(t)\nz = 1", forbid=rule, graph=True)
    assert notebook.names["z"] == 1
    assert [text[:7] for text in recording.forbidden] == ["line 1 "] * is_told
    assert all("in a graph cast float32 to float16" in text for text in recording.forbidden)


def test_a_graph_that_is_not_looked_into_is_not_guarded(notebook):
    notebook.run(GRAPH)
    assert notebook.trace("y = half(t)", forbid="cast").forbidden == []
