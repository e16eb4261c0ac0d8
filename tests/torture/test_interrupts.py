"""Interrupts at each moment at which one can arrive, also two and three in a row.

Afterwards nothing is hooked, no trace is open, the user gets the KeyboardInterrupt, and the
next trace counts right.
"""

from __future__ import annotations

import contextlib
import gc
import io
import itertools
import random
import signal
import sys
import threading
import time

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

import tfnp_magic
from tests.left_open import mend_packages
from tests.torture import given_back
from tests.torture.given_back import ARRAY, TENSOR, convert, counted, left_behind, state_now
from tests.torture.steps import Alarm, alarms, interrupted, moments
from tfnp_magic.interrupts import MOST_TRIES, insist
from tfnp_magic.recorder import recorder
from tfnp_magic.shell import extension
from tfnp_magic.testing.watching import Span

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _quiet():
    """Finalizers and callbacks of the collector swallow what is raised in them."""
    gc.disable()
    with alarms():
        yield
    gc.enable()


def plain():
    with tfnp_magic.trace():
        convert()


def nested():
    with tfnp_magic.trace(warn="copy>1GB"):
        convert()
        with tfnp_magic.trace(forbid="copy>1GB"):
            convert()


def budget():
    span = Span([__file__], "test", whole_thread=True)
    span.start()
    try:
        convert()
    finally:
        span.stop(None)


def in_graphs():
    with tfnp_magic.trace(graph=True):
        convert()


def report():
    with tfnp_magic.trace() as recording:
        convert()
    str(recording)
    recording.summary()


ACTS = {
    "plain": plain, "nested": nested, "budget": budget, "graphs": in_graphs, "report": report,
}  # fmt: skip


def spread(number, tries, rng):
    """So many of the first `number` moments: every n-th, from a random one on."""
    stride = max(1, number // tries)
    return range(rng.randint(1, stride), number + 1, stride)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_an_interrupt_leaves_nothing_in(act, times):
    before = state_now()
    act()
    sent = raised = 0
    for at in spread(moments(act), 80 * times, random.Random(1)):
        steps, error = interrupted(act, [at])
        assert left_behind(before) == [], steps.places
        assert error is None or type(error) is Alarm, (error, steps.places)
        sent, raised = sent + len(steps.places), raised + (error is not None)
    # In a finalizer, such as that of a generator in `any(...)`, Python itself loses one; and
    # what comes while it asks a tensor for its array, NumPy before 2.0.
    kept = 0.9 if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else 0.7
    assert raised >= kept * sent > 50
    assert given_back.next_trace_counts() == 4


@pytest.mark.parametrize("act", [plain, in_graphs])
def test_interrupts_in_a_row_leave_nothing_in(act, times):
    """The second, third and tenth arrive while what the first began is cleaned up."""
    before, rng = state_now(), random.Random(2)
    act()
    sent = 0
    for at in spread(moments(act), 80 * times, rng):
        row = [at]
        for _ in range(rng.choice([1, 1, 2, 9])):
            row.append(row[-1] + rng.choice([1, 1, 2, 3, 5, 9, 20, 60, 200]))
        steps, error = interrupted(act, row)
        assert left_behind(before) == [], (row, steps.places)
        assert error is None or type(error) is Alarm, (error, steps.places)
        sent += len(steps.places)
    assert sent > 100
    assert given_back.next_trace_counts() == 4


def test_what_is_insisted_on_is_done_whatever_interrupts_it():
    tried = []

    def deed():
        tried.append(len(tried))
        if len(tried) < 5:
            raise KeyboardInterrupt(len(tried))

    with pytest.raises(KeyboardInterrupt, match="4"):
        insist(deed)
    assert len(tried) == 5


def test_what_cannot_be_done_is_given_up():
    tried = []

    def deed():
        tried.append(1)
        raise OSError("never")

    with pytest.raises(OSError, match="never"):
        insist(deed)
    assert len(tried) == MOST_TRIES


# In a shell.


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "tfnp_magic")
    shell.push({"a": ARRAY, "t": TENSOR, "tfnp_magic": tfnp_magic})
    run(shell, "import numpy as np, tensorflow as tf")
    yield shell
    extension.unload(shell)
    InteractiveShell.clear_instance()


def run(shell, cell):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return shell.run_cell(cell)


CELLS = {
    "cell": "%%interop_trace -q -o rec\nnp.sum(t); y = tf.constant(a)",
    "line": "%interop_trace -q np.sum(t)",
    "below another": "%%capture\n%%interop_trace -q\nnp.sum(t)",
    "reload": "%%interop_trace -q\ny = np.sum(t)\n%reload_ext tfnp_magic",
    "nested": "%%interop_trace -q\nget_ipython().run_cell('%%interop_trace -q\\ny = t - a')",
    "shown": "%%interop_trace\ny = t - a",
}


@pytest.mark.parametrize("everywhere", [False, True], ids=["our code", "IPython, too"])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_the_next_cell_counts_right_whenever_one_was_interrupted(shell, cell, everywhere, times):
    """Also if the interrupt hits IPython itself, between a cell's end and its callbacks."""
    before, rng = state_now(), random.Random(len(cell) + everywhere)

    def act():
        run(shell, cell)

    act()
    act()
    for first in spread(moments(act, everywhere=everywhere), 4 * times, rng):
        steps, _ = interrupted(
            act, [first, first + rng.choice([1, 5, 10**9])], everywhere=everywhere
        )
        if extension._shells.get(shell) is None:
            run(shell, "%reload_ext tfnp_magic")
        run(shell, "%%interop_trace -q -o after\ny = t - a")
        assert counted(shell.user_ns.pop("after")) == 1, steps.places
        assert left_behind(before) == [], steps.places
        tracer = extension._shells[shell].tracer
        assert (tracer._running, tracer._to_show) == ([], []), steps.places


def test_a_trace_whose_end_ipython_could_not_tell_ends_before_the_next_cell(shell):
    """Or the next cell's conversions would be in its report."""
    before = state_now()
    tracer = extension._shells[shell].tracer
    callbacks = shell.events.callbacks
    ends = [(name, each) for name in ("post_execute", "post_run_cell") for each in callbacks[name]]
    for name, each in ends:  # as if interrupts had kept IPython from calling them
        callbacks[name].remove(each)
    try:
        run(shell, "%%interop_trace -q -o stale\ny = t - a")
    finally:
        for name, each in ends:
            callbacks[name].append(each)
    assert len(tracer._running) == 1
    run(shell, "np.sum(t); y = t - a")
    assert counted(shell.user_ns["stale"]) == 1
    assert left_behind(before) == []


# Real signals.


@contextlib.contextmanager
def bombarded(rng, seconds):
    """Signals from another thread, at random moments, often two of them close together."""
    over, main = threading.Event(), threading.main_thread().ident

    def bombard():
        while not over.wait(rng.uniform(0, seconds)):
            for _ in range(rng.choice([1, 1, 2, 3])):
                signal.pthread_kill(main, signal.SIGUSR1)
                time.sleep(rng.choice([0, 1e-5, 1e-4]))

    thread = threading.Thread(target=bombard)
    try:
        thread.start()
        yield
    finally:
        insist(_end, over, thread)


def _end(over, thread):
    over.set()
    while thread.is_alive():
        thread.join()


def test_signals_at_random_moments_leave_nothing_in(times):
    before, rng = state_now(), random.Random(4)
    interrupts = 0
    for _ in range(60 * times):
        with contextlib.suppress(Alarm):
            try:
                with bombarded(rng, 0.004):
                    for _ in itertools.repeat(None, 200):
                        plain()
            except Alarm:
                interrupts += 1
                raise
        settle()
        assert left_behind(before) == []
    assert interrupts > 20
    assert given_back.next_trace_counts() == 4


def settle():
    """Let what was sent last arrive."""
    for _ in range(3):
        with contextlib.suppress(Alarm):
            time.sleep(0.0005)


def test_an_import_that_was_interrupted_is_mended_for_the_tests_after_it(monkeypatch):
    """What `mend_packages` is for: what Python leaves between two steps of its import."""
    import tfnp_magic.views.diff

    monkeypatch.delattr(tfnp_magic.views, "diff")
    with pytest.raises(AttributeError, match="no attribute 'diff'"):
        monkeypatch.setattr("tfnp_magic.views.diff.diff_frame", None)
    mend_packages()
    monkeypatch.setattr("tfnp_magic.views.diff.diff_frame", None)
    assert tfnp_magic.views.diff is sys.modules["tfnp_magic.views.diff"]


STEPS = {
    "before the first is counted": (recorder, "crossing_of", "before"),
    "when it is counted": (recorder, "count", "after"),
    "before its moment is noted": (recorder.MomentLog, "add", "before"),
    "before one more of them is counted": (recorder.Recorder, "tally", "before"),
    "when one more of them is counted": (recorder.Recorder, "tally", "after"),
}


@pytest.mark.parametrize("step", STEPS)
def test_what_was_over_before_the_interrupt_came_is_counted_once(monkeypatch, step):
    """A look is judged while the next instruction converts, and that may be interrupted."""
    owner, name, when = STEPS[step]
    done, rounds = getattr(owner, name), 40 if name == "tally" else 1

    def interrupted_once(*args):
        monkeypatch.setattr(owner, name, done)
        if when == "after":
            done(*args)
        raise Alarm

    def act():
        with tfnp_magic.trace() as recording:
            recordings.append(recording)
            for number in range(rounds):
                np.sqrt(TENSOR)
                if number == rounds - 1:
                    monkeypatch.setattr(owner, name, interrupted_once)
                np.exp(TENSOR)

    recordings = []
    with pytest.raises(Alarm):
        act()
    (recording,) = recordings
    counts = {each.route: each.count for each in recording.ledger}
    assert counts.pop("np.sqrt") == rounds
    assert counts.pop("np.exp", 0) in (rounds - 1, rounds)
    assert not counts
    assert {each.nbytes / each.count for each in recording.ledger} == {TENSOR.numpy().nbytes}
    assert recording.lost == []
