"""Recordings made by hand, as engines would leave them of one cell."""

from __future__ import annotations

from tests.golden.recordings import crossing
from tfnp_magic.model import (
    NUMPY_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    Hazard,
    Place,
    Site,
)
from tfnp_magic.recording import Recording
from tfnp_magic.values import ValueChange

CELL = """%%interop_trace -q -o rec
t = tf.constant(scale(a))
for step in range(steps):
    total = total + t.numpy()
loss = total - t
"""
LINES = [line.strip() for line in CELL.splitlines()]
VERSIONS = {"python": "3.11.7", "tensorflow": "2.21.0"}


def recording(number=3, turns=300, turn_ns=2_000, cell=CELL, error=None, helper=2, **facts):
    """What one engine left, which called the cell ``In[number]``, and a helper's ``In[helper]``."""
    title = f"In[{number}]"

    def site(line, inner=None):
        return Site(Place(title, line, "<module>", LINES[line - 1]), inner)

    made = Place(f"In[{helper}]", 2, "scale", "return tf.constant(a) / 2")
    ledger = [
        crossing(site(2, made), "tf.constant", NUMPY_TO_TENSORFLOW, duration_ns=50_000),
        crossing(
            site(4), "Tensor.numpy", TENSORFLOW_TO_NUMPY, count=turns, nbytes=40 * turns,
            copied_bytes=40 * turns, copies=turns, duration_ns=turn_ns * turns,
            shapes={(10,): turns}, device_from="CPU:0", device_to="host",
        ),
    ]  # fmt: skip
    if error is None:
        change = ValueChange(total=10, checked=10, changed=4, largest_relative_error=1e-9)
        ledger.append(
            crossing(
                site(5), "operator -", NUMPY_TO_TENSORFLOW, explicit=False, cast="silent",
                dtype_from="float64", cast_evidence="observed", values=change,
            )
        )  # fmt: skip
    facts = {"versions": VERSIONS, "duration_ns": 5_000_000 + turn_ns * turns, **facts}
    return Recording(title=title, source=cell, ledger=ledger, error=error, **facts)


def shared():
    """Memory that a tensor shares."""
    site = Site(Place("In[3]", 2, "<module>", LINES[1]), None)
    return Hazard(site, "tf.constant", NUMPY_TO_TENSORFLOW, 40, array="a", tensor="t")


def two():
    return {0: recording(3), 1: recording(5, turns=310, helper=4)}


def many(number=200):
    """All alike but engine 17, which is slow and turns more often; some that failed."""
    engines = {
        engine: recording(3 + engine % 2, turn_ns=2_000 + engine) for engine in range(number)
    }
    engines[17] = recording(3, turns=3_000, turn_ns=90_000)
    engines[40] = recording(3, error="ValueError")
    engines[41] = recording(3, error="ValueError")
    engines[99] = KeyError("lost")
    engines[120] = None
    engines[121] = None
    return engines
