"""What no probe sees, each as a strict xfail: the day one is seen, its row must move.

The README's list of blind spots is these rows' reasons, in this order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic
from tests.contract.arrays import aligned
from tfnp_magic.blind_spots import BLIND_SPOTS


def any_crossing(wanted):
    return lambda recording: any(wanted(crossing) for crossing in recording.ledger)


def in_graph_cast():
    function = tf.function(lambda x: tf.cast(x, tf.float16))
    tensor = tf.constant(np.ones((30, 4), "f4"))
    function(tensor)
    return lambda: function(tensor), any_crossing(lambda c: c.cast != "none")


def read_only_memory():
    """What NumPy's function copied shows in its own trace of memory."""
    tensor = tf.constant(np.arange(120_000.0))
    return lambda: np.argmax(tensor), any_crossing(lambda c: c.copied_bytes == 960_000)


def protocol_buffer():
    array = np.ones(120, "f8")
    return lambda: tf.train.FloatList(value=array), any_crossing(lambda c: c.nbytes == 960)


def passed_on():
    array = aligned(np.ones(120, "f4"))
    kept = []

    def act():
        kept.append(tf.expand_dims(tf.squeeze(array), 0))
        array[:] = 0

    return act, lambda recording: any(hazard.written for hazard in recording.hazards)


def first_try():
    whole, fractions = np.arange(9000, dtype="i4"), np.arange(9000, dtype="f4")
    return lambda: tf.stack([whole, fractions]), any_crossing(lambda c: c.copied_bytes > 72_000)


PREPARED = {
    "casts and moves inside graphs without `--graph`": in_graph_cast,
    "copies that NumPy makes of read-only memory": read_only_memory,
    "writes to shared memory that was passed on": passed_on,
    "first tries at lists of arrays of several dtypes": first_try,
    "protocol buffers filled from arrays": protocol_buffer,
}
ROWS = [pytest.param(PREPARED[spot.name], id=spot.name) for spot in BLIND_SPOTS]


@pytest.mark.parametrize("prepare", ROWS)
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="no probe sees it")
def test_is_seen(prepare):
    act, wanted = prepare()
    with tfnp_magic.trace() as recording:
        act()
    assert wanted(recording)


def test_every_row_is_a_blind_spot_that_the_package_names():
    assert list(PREPARED) == [spot.name for spot in BLIND_SPOTS]


def test_readme_lists_exactly_these_rows():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    section = readme.split("## What it cannot see")[1].split("\n## ")[0]
    listed = [line for line in section.splitlines() if line.startswith("- ")]
    assert listed == [f"- {spot.name}: {spot.detail}" for spot in BLIND_SPOTS]


def test_report_names_each_blind_spot_that_may_concern_it():
    """A row that a report never mentions would be hidden from the person who needs it."""
    tensor, array = tf.constant(np.ones((30, 4), "f4")), aligned(np.ones(12))
    function = tf.function(lambda x: x + 1)
    cases = {
        "all": lambda: tensor.numpy(),
        "reads": lambda: np.sum(tensor),
        "shared": lambda: tf.squeeze(array),
        "lists": lambda: tf.constant([np.ones(30), np.zeros(30)]),
        "graphs": lambda: function(tensor),
    }
    for concerns, act in cases.items():
        with tfnp_magic.trace() as recording:
            act()
        named = [spot.name for spot in BLIND_SPOTS if spot.concerns in ("all", concerns)]
        assert recording.not_seen == named
        assert all(name in str(recording) for name in named)
