"""TensorFlow's own settings for devices do traced what they do untraced."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest

from tests.contract.cells import traced_cell
from tests.device.names import namespace
from tests.device.plain import plain
from tfnp_magic import facts, runtime

CELL = "<policy>"


def outcome(code, names, traced=True):
    """What an expression gives, or the error that it raises; with its recording, if traced."""
    trace = traced_cell(CELL, code) if traced else contextlib.nullcontext()
    with trace as recording:
        try:
            found = plain(eval(compile(code, CELL, "eval"), names))
        except Exception as error:
            found = type(error).__name__, str(error)
    assert recording is None or recording.lost == []
    return found, recording


def moved_and_found(code, machine, traced=True):
    """What moved, and the outcome, once TensorFlow has kept the numbers in the code."""
    outcome(code, namespace(machine), traced=False)
    names = namespace(machine)
    with machine.oracle.window() as window:
        found, _ = outcome(code, names, traced)
    return window.moved, found


@pytest.fixture
def policy():
    """Sets the device policy; the one before comes back."""
    import tensorflow as tf

    before = tf.config.experimental.get_device_policy()
    yield tf.config.experimental.set_device_policy
    tf.config.experimental.set_device_policy(before)


@pytest.fixture
def asynchronous(machine):
    """Ops of this thread run asynchronously."""
    import tensorflow as tf

    namespace(machine)  # sets the devices up
    tf.config.experimental.set_synchronous_execution(False)
    yield
    tf.config.experimental.set_synchronous_execution(True)


@pytest.mark.parametrize("name", ["silent", "warn", "explicit", "silent_for_int32"])
@pytest.mark.parametrize(
    "code",
    [
        "tf.square(t)",
        "h + t",
        "t.numpy()",
        "np.asarray(t)",
        "tf.square(tf.constant(F.astype('i4')))",
        "tf.reshape(t, np.array([10, 100]))",
        "tf.square(v)",
        "t.cpu()",
    ],
)
def test_device_policy_decides_the_same(name, code, machine, policy):
    policy(name)
    assert moved_and_found(code, machine) == moved_and_found(code, machine, traced=False)


@pytest.mark.parametrize("code", ["tf.square(t)", "h + t"])
def test_what_a_policy_forbids_is_not_recorded_as_moved(code, machine, policy):
    names = namespace(machine)
    policy("explicit")
    with machine.oracle.window() as window:
        (kind, _), recording = outcome(code, names)
    assert kind == "InvalidArgumentError"
    assert tuple(recording.moves()) == tuple(window.moved) == (0, 0, 0)


ASYNCHRONOUS = (
    "tf.square(t)", "t.numpy()", "np.asarray(t + t)", "h + t", "tf.square(v)", "t.cpu()",
    "tf.constant(F) + 1.0", "v.assign_add(F).numpy()", "tf.concat([t, h], 0)",
)  # fmt: skip


@pytest.mark.parametrize("code", ASYNCHRONOUS)
def test_asynchronous_execution_gives_and_moves_the_same(code, machine, asynchronous):
    assert moved_and_found(code, machine) == moved_and_found(code, machine, traced=False)


@pytest.mark.parametrize("code", ASYNCHRONOUS)
def test_moves_of_asynchronous_ops_are_known_or_said_to_be_unknown(code, machine, asynchronous):
    names = namespace(machine)
    with machine.oracle.window() as window:
        _, recording = outcome(code, names)
    for ours, theirs in zip(recording.moves(), window.moved, strict=True):
        assert ours in (None, theirs)


def test_trace_waits_for_no_asynchronous_tensor(machine, asynchronous):
    """Not for its value, and not for its shape, which nobody knows before its op has run."""
    import tensorflow as tf

    names, may_go_on = namespace(machine), threading.Event()
    names["late"] = lambda: tf.py_function(lambda: may_go_on.wait(60) * names["F"], [], tf.float32)
    code = "a = late()\nb = tf.square(a)\nc = b + t\nwith tf.device(D0): d = c + h"
    try:
        with traced_cell(CELL, code) as recording:
            exec(compile(code, CELL, "exec"), names)
        assert not any(runtime.is_ready(names[name]) for name in "abcd")
        assert not facts.is_computed(names["d"])
        may_go_on.set()
        expected = names["F"] ** 2 + 2 * names["F"]
        assert np.allclose(names["d"].numpy(), expected, atol=1e-5)
    finally:
        may_go_on.set()
    assert recording.lost == []


def test_error_of_an_asynchronous_op_meets_the_user_where_it_did(machine, asynchronous):
    """Synchronising a device for the report would take it away."""
    import tensorflow as tf

    code = "tf.debugging.check_numerics(tf.constant(np.inf), 'mine'), tf.square(t).numpy()"
    for traced in (False, True):
        # Which call raises it depends on when the op has run.
        (kind, message), _ = outcome(code, namespace(machine), traced)
        tf.experimental.async_clear_error()
        assert kind == "InvalidArgumentError"
        assert "mine : Tensor had Inf values" in message
