"""What a trace might do wrong, done by hand: a cell's comparison says so."""

from __future__ import annotations

import random
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.row import TO_NP, TO_TF, Row
from tests.fuzz import claims, running
from tests.fuzz.program import Program, Statement
from tfnp_magic.tracing import Trace

CELL = """a = placed(F('f4', (72, 72), 1), 16)
t = tf.constant(a)
x = t - a
y = t.numpy()
z = np.asarray(t)"""


def differences(text=CELL, filter_="always"):
    program = Program((Statement(text),), filter_)
    untraced, traced = running.run(program, traced=False), running.run(program, traced=True)
    return untraced.outcome.differences(traced.outcome)


def on_stop(monkeypatch, also):
    """A trace that does something more when it ends."""
    stop = Trace.stop
    monkeypatch.setattr(Trace, "stop", lambda self, *args: (also(), stop(self, *args))[1])


def test_a_cell_is_the_same():
    assert differences() == []


@pytest.mark.parametrize(
    ("also", "field"),
    [
        (np.random.rand, "random"),
        (random.random, "random"),
        (lambda: tf.random.uniform(()), "random"),
        (lambda: print("ours"), "printed"),
        (lambda: warnings.warn("ours", stacklevel=1), "warnings"),
        (lambda: 1 / 0, "error"),
    ],
)
def test_what_a_trace_does_beside_shows(monkeypatch, also, field):
    on_stop(monkeypatch, also)
    assert [each.split(":")[0] for each in differences()] == [field]


def test_what_a_trace_keeps_shows(monkeypatch):
    kept = []
    on_stop(monkeypatch, lambda: kept.append(sys._getframe(2).f_locals["space"]["a"]))
    fields = {each.split(":")[0] for each in differences()}
    assert fields == {"references", "alive", "garbage"}


def test_another_value_shows(monkeypatch):
    numpy = type(tf.constant(1)).numpy
    monkeypatch.setattr(Trace, "start", _changing(Trace.start, monkeypatch, numpy))
    assert [each for each in differences() if each.startswith("values") and "'y'" in each]


def _changing(start, monkeypatch, numpy):
    def begin(self):
        start(self)
        monkeypatch.setattr(type(tf.constant(1)), "numpy", lambda t: numpy(t).astype("f8"))

    return begin


def test_a_view_is_not_a_copy():
    """And a copy is no view: what was measured is held against what was recorded."""
    text = "x = t.numpy()"
    told = {
        "t": {"direction": TO_NP, "nbytes": 20736, "shape": [72, 72], "dtype": "float32",
              "copies": 0, "copied_bytes": 0, "buffers": [], "at_most": False, "cast": None,
              "values_changed": None, "aliased": True}
    }  # fmt: skip
    made = Statement("t = tf.constant(F('f4', (72, 72), 1))")
    program = Program((made, Statement(text, Row("r", "", text, {"t": TO_NP}), told)))
    found = claims.wrong(program, running.run(program, traced=True).recording)
    assert "line 2: tensorflow → numpy: it shares memory; claimed is a copy" in found
    assert "line 2: tensorflow → numpy: copies 1, not 0" in found


def test_what_was_not_recorded_shows():
    told = {"a": {"direction": TO_TF, "nbytes": 9000, "copies": None, "aliased": False}}
    statement = Statement("a = 1", Row("r", "", "a = 1", {"a": TO_TF}), told)
    program = Program((statement,))
    found = claims.wrong(program, running.run(program, traced=True).recording)
    assert found == ["line 1: numpy → tensorflow: not seen"]
