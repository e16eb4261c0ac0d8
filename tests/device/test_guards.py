"""Moves that are forbidden raise at their line, by direction; what does not move passes.

Each row of JAX's transfer guard has its like here: host to device, device to host and between
devices, asked for on the line or made on the way.
"""

from __future__ import annotations

import pytest

from tests.contract.cells import traced_cell
from tests.device.names import namespace
from tfnp_magic.guards import FORBID, Guard, InteropError, allow, rules_of

HD, DH, DD = "host-to-device", "device-to-host", "device-to-device"

MOVES = {
    # code: kind, whether the line asks for it
    "tf.constant(F)": (HD, True),
    "h._copy_to_device(D0)": (HD, True),
    "t * F": (HD, False),
    "t * h": (HD, False),
    "v.assign(F)": (HD, False),
    "t.numpy()": (DH, True),
    "np.asarray(t)": (DH, True),
    "np.sum(t)": (DH, False),
    "float(t[0])": (DH, False),
    "repr(t)": (DH, False),
    "t.cpu()": (DH, True),
    "bool(t[0] > 0)": (DH, False),
    "t * u": (DD, False),
    "t._copy_to_device(D1)": (DD, True),
}


@pytest.fixture
def names(machine):
    if not machine.is_fake:
        pytest.skip("needs the fake accelerator's second device")
    return namespace(machine)


def run(code, names, rule):
    """Run a line under a guard, and give what it raised, if that is ours."""
    guard = Guard(rules_of(FORBID, rule), source=code)
    with traced_cell("<guarded>", code, guard=guard) as recording:
        try:
            exec(compile(code, "<guarded>", "exec"), names)
        except InteropError as error:
            return error, recording
    assert recording.lost == []
    return None, recording


@pytest.mark.parametrize(("code", "told"), MOVES.items(), ids=MOVES)
def test_a_move_raises_by_its_direction(code, told, names):
    kind, _ = told
    error, _ = run(f"x = {code}", names, kind)
    assert error is not None
    assert error.kind == kind
    assert "x" not in names
    assert str(error).startswith("line 1: ")
    assert " moved " in str(error)
    assert error.crossing.moved_bytes > 0


ONE_WAY = {code: told for code, told in MOVES.items() if code != "bool(t[0] > 0)"}
"""The number that is compared with goes to the device first."""


@pytest.mark.parametrize(("code", "told"), ONE_WAY.items(), ids=ONE_WAY)
def test_a_move_passes_where_another_direction_is_forbidden(code, told, names):
    kind, _ = told
    others = [other for other in (HD, DH, DD) if other != kind]
    error, recording = run(f"x = {code}", names, others)
    assert error is None, str(error)
    assert sum(bool(nbytes) for nbytes in recording.moves()) == 1


@pytest.mark.parametrize(("code", "told"), MOVES.items(), ids=MOVES)
def test_what_the_line_asks_for_may_stay_allowed(code, told, names):
    kind, explicit = told
    error, _ = run(f"x = {code}", names, f"{kind}:implicit")
    assert (error is None) is explicit


def test_all_directions_have_one_name(names):
    for code in ("t * h", "np.sum(t)", "t * u"):
        error, _ = run(f"x = {code}", names, "move")
        assert error is not None, code


def test_a_read_that_the_mirror_serves_moves_nothing_and_passes(names):
    names["m"] = names["t"] * 2.0
    error, _ = run("m.numpy()", names, DH)
    assert error is not None
    error, _ = run("y = m.numpy(); z = np.sum(m)", names, DH)
    assert error is None


def test_a_threshold_lets_small_moves_pass(names):
    assert run("x = np.sum(t)", names, f"{DH}>4000")[0] is None
    names["t2"] = names["t"] * 2.0
    assert run("x = np.sum(t2)", names, f"{DH}>=4000")[0] is not None


def test_python_numbers_pass_unless_a_threshold_says_otherwise(names):
    """`t + 2.75` brings a number there, as small as it is."""
    assert run("x = t + 2.75", names, HD)[0] is None
    assert run("x = t + 3.75", names, f"{HD}>0")[0] is not None


def test_a_region_lets_moves_of_one_direction_pass(names):
    names["allow"] = allow
    error, _ = run("with allow('device-to-host'):\n    x = np.sum(t)\n    y = t * h", names, "move")
    assert "x" in names
    assert error.kind == HD


def test_what_is_looked_at_without_moving_passes(names):
    code = "x = t.shape, t.dtype, t.device, tf.identity(t), t + t, tf.constant(3)"
    assert run(code, names, "move")[0] is None


def test_what_was_forbidden_did_move_and_is_in_the_recording(names):
    """It is told of what happened: TensorFlow itself can be asked for nothing before."""
    names["m"] = names["t"] * 2.0
    error, recording = run("np.sum(m)", names, DH)
    assert error is not None
    assert recording.moves().device_to_host == 4000
