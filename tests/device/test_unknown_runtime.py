"""Where TensorFlow's runtime cannot be asked for mirrors, a move is unknown, and never a guess."""

from __future__ import annotations

import pytest

from tests.contract.cells import traced_cell
from tests.device.names import namespace
from tfnp_magic import runtime

CELL = "<unknown>"


@pytest.fixture
def names(machine, monkeypatch):
    made = namespace(machine)
    monkeypatch.setattr(runtime, "_functions", lambda: None)
    return made


def traced(code, names):
    with traced_cell(CELL, code) as recording:
        exec(compile(code, CELL, "exec"), names)
    assert recording.lost == []
    return recording


@pytest.mark.parametrize("code", ["t.numpy()", "np.asarray(t)", "repr(t)", "tf.square(t)"])
def test_what_a_mirror_may_have_served_is_unknown(code, names):
    recording = traced(code, names)
    (crossing,) = recording.ledger
    assert crossing.moved_bytes is None
    assert crossing.waited_ns in (0, None)
    assert recording.moves().device_to_host is None
    assert any("a mirror served" in text for text in recording.not_seen)
    assert "an unknown number of bytes moved from device to host" in " ".join(
        str(recording).split()
    )


@pytest.mark.parametrize(("code", "moves"), [
    ("t.cpu()", (0, 4000, 0)),
    ("tf.constant(F)", (4000, 0, 0)),
    ("h.numpy()", (0, 0, 0)),
    ("t + t", (0, 0, 0)),
])  # fmt: skip
def test_what_no_mirror_serves_is_known_all_the_same(code, moves, names, machine):
    with machine.oracle.window() as window:
        recording = traced(code, names)
    assert tuple(recording.moves()) == tuple(window.moved) == moves
