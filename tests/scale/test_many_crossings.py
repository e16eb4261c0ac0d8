"""However often a few lines convert, the recorder's memory is the same, and counts are exact."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.cells import traced_cell
from tests.scale.measures import allocations, held_by
from tests.unit.test_recorder import Traced
from tfnp_magic import scope
from tfnp_magic.model import MAX_MOMENTS

SLACK = 1_500_000
"""Bytes by which a full log of moments may differ from one that was just made shorter."""

SOME = 3_000
"""Crossings that are made while each allocation is noted, which is slow."""

FED = """
for n in range(times):
    convert(seen(duration_ns=n, shape=(n % 40,)))
    constant(seen(dtype_from="int64", dtype_to="int64"))
    convert(seen(nbytes=None))
    constant(seen(direction="tensorflow → numpy"))
"""


def test_what_a_recorder_holds_does_not_grow_with_crossings(million):
    shorter, traced = Traced(), Traced()
    shorter.run_cell(FED, times=million // 8)
    ledger = traced.run_cell(FED, times=million // 4)
    assert sum(crossing.count for crossing in ledger) == million
    assert {crossing.count for crossing in ledger} == {million // 4}
    assert sum(moment.count for moment in traced.recording.moments) == million
    assert len(traced.recording.moments) <= MAX_MOMENTS
    assert len(ledger) == 4
    assert held_by(traced.recorder) - held_by(shorter.recorder) < SLACK
    known = [crossing.nbytes for crossing in ledger if crossing.nbytes is not None]
    assert known == [million // 4 * 40] * 3


REAL = {
    "numpy": ("t.numpy()", 400),
    "asarray": ("np.asarray(t)", 400),
    "minus": ("t - a", 400),
    "constant": ("tf.constant(a)", 400),
}


@pytest.mark.parametrize("call", REAL)
def test_what_a_trace_allocates_does_not_grow_with_real_crossings(call, million):
    expression, nbytes = REAL[call]
    half = million // 30
    text = f"for _ in range(times):\n    {expression}"
    names = {"np": np, "tf": tf, "t": tf.ones(100), "a": np.ones(100, np.float32)}
    code = compile(text, "<many>", "exec")
    with traced_cell("<many>", text) as recording:
        (recorder,) = scope.listeners()
        exec(code, names | {"times": half})
        held = held_by(recorder)
        exec(code, names | {"times": half})
        grown = held_by(recorder) - held
        with allocations() as now:
            exec(code, names | {"times": SOME})
            before, _ = now()
            exec(code, names | {"times": SOME})
            after, _ = now()
    assert grown < SLACK
    assert after - before < SLACK
    assert recording.lost == []
    times = 2 * half + 2 * SOME
    assert sum(crossing.count for crossing in recording.ledger) == times
    assert sum(crossing.nbytes for crossing in recording.ledger) == times * nbytes
    assert {crossing.site.line.line for crossing in recording.ledger} == {2}


def test_where_a_pipeline_is_watched_nothing_is_kept_of_each_conversion():
    """Its conversions are described one by one: who counts by pipelines must hear of each."""
    text = "for _ in tf.data.Dataset.range(1):\n    pass\nfor _ in range(times):\n    t.numpy()"
    names = {"tf": tf, "t": tf.ones(100)}
    code = compile(text, "<watched>", "exec")
    with traced_cell("<watched>", text):
        (recorder,) = scope.listeners()
        exec(code, names | {"times": 500})
        assert recorder.observers
        learned, held = len(recorder.grooves), held_by(recorder)
        exec(code, names | {"times": 5_000})
        assert len(recorder.grooves) == learned
        assert held_by(recorder) - held < SLACK


def test_code_that_is_made_anew_each_time_is_one_site():
    """Each `exec` of a text has a code object of its own, at the same line."""
    text = "for _ in range(times):\n    exec('t.numpy()', {'t': t})"
    names = {"t": tf.ones(100), "times": 3_000}
    code = compile(text, "<anew>", "exec")
    with traced_cell("<anew>", text) as recording:
        exec(code, names)
    (crossing,) = recording.ledger
    assert crossing.count == 3_000
