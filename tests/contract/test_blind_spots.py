"""What no probe sees, each as a strict xfail: the day one is seen, its row must move.

The README's list of blind spots is these rows' reasons, in this order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic
from tfnp_magic.blind_spots import BLIND_SPOTS


def in_graph_cast():
    function = tf.function(lambda x: tf.cast(x, tf.float16))
    tensor = tf.constant(np.ones((30, 4), "f4"))
    function(tensor)
    return lambda: function(tensor), lambda c: c.cast != "none"


def protocol_buffer():
    array = np.ones(120, "f8")
    return lambda: tf.train.FloatList(value=array), lambda c: c.nbytes == 960


PREPARED = {
    "casts and moves inside graphs": in_graph_cast,
    "protocol buffers filled from arrays": protocol_buffer,
}
ROWS = [pytest.param(PREPARED[spot.name], id=spot.name) for spot in BLIND_SPOTS]


@pytest.mark.parametrize("prepare", ROWS)
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="no probe sees it")
def test_is_seen(prepare):
    act, wanted = prepare()
    with tfnp_magic.trace() as recording:
        act()
    assert any(wanted(crossing) for crossing in recording.ledger)


def test_every_row_is_a_blind_spot_that_the_package_names():
    assert list(PREPARED) == [spot.name for spot in BLIND_SPOTS]


def test_readme_lists_exactly_these_rows():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    section = readme.split("## What it cannot see")[1].split("\n## ")[0]
    listed = [line for line in section.splitlines() if line.startswith("- ")]
    assert listed == [f"- {spot.name}: {spot.detail}" for spot in BLIND_SPOTS]


def test_report_names_each_blind_spot_that_may_concern_it():
    """A row that a report never mentions would be hidden from the person who needs it."""
    tensor = tf.constant(np.ones((30, 4), "f4"))
    function = tf.function(lambda x: x + 1)
    for body, in_graphs in ((lambda: np.sum(tensor), False), (lambda: function(tensor), True)):
        with tfnp_magic.trace() as recording:
            body()
        named = [spot.name for spot in BLIND_SPOTS if in_graphs or not spot.in_graphs]
        assert recording.not_seen == named
        assert all(name in str(recording) for name in named)
