"""Waiting for an accelerator is told apart from copying, and never added where nothing waits."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.contract.cells import traced_cell
from tests.device.names import namespace

MS = 1_000_000
DELAY = 100 * MS
"""Nanoseconds that one kernel takes in these tests."""


@pytest.fixture
def names(machine):
    """A row's names, with `busy()`, which leaves the first accelerator at work for `DELAY`."""
    if not machine.is_fake:
        pytest.skip("needs the fake accelerator")
    return namespace(machine)


def traced(code, names):
    """Run statements under a trace of their own."""
    with traced_cell("<waits>", code) as recording:
        exec(compile(code, "<waits>", "exec"), names)
    assert recording.lost == []
    return recording


def busy(names, accelerator):
    """Leave the device at work for `DELAY`."""
    with accelerator.delay_kernels(DELAY // 1000):
        names["made"] = names["t"] + names["t"]


@pytest.mark.parametrize(
    "code",
    [
        "made.numpy()",
        "np.asarray(made)",
        "np.sum(made)",
        "memoryview(made)",
        "repr(made)",
        "made.cpu()",
        "t.numpy()",  # computed long before: the copy waits for the device all the same
        "tf.constant(F)",
        "tf.constant([1.0, 2.0])",
        "h._copy_to_device(D0)",
    ],
)
def test_copy_from_or_to_a_busy_device_waits_and_the_recording_says_how_long(
    code, names, accelerator
):
    busy(names, accelerator)
    (crossing,) = traced(code, names).ledger
    assert crossing.waited_ns >= DELAY / 2
    assert crossing.duration_ns > crossing.waited_ns
    assert crossing.duration_ns - crossing.waited_ns < DELAY / 2


@pytest.mark.parametrize(
    "code",
    [
        "mirrored.numpy()",
        "np.asarray(mirrored)",
        "repr(mirrored)",
        "h.numpy()",
        "np.sum(h)",
        "h.cpu()",
        "tf.constant(F.astype('i4'))",
        "with tf.device('CPU:0'): tf.constant(F)",
        "tf.constant(3.25)",  # TensorFlow kept it
    ],
)
def test_what_does_not_need_the_device_does_not_wait_for_it(code, names, accelerator):
    names["mirrored"] = names["t"] * 2.0
    exec("mirrored.numpy(); tf.constant(3.25)", names)
    with accelerator.held():
        names["t"] + names["t"]
        (crossing,) = traced(code, names).ledger
        assert accelerator.pending()
    assert crossing.waited_ns == 0


def test_ops_run_ahead_of_a_traced_cell_that_reads_nothing(names, accelerator):
    with accelerator.held():
        recording = traced("x = t + t\nfor _ in range(5):\n    x = x + t", names)
        assert accelerator.pending()
    assert recording.moves() == (0, 0, 0)
    assert np.allclose(names["x"].numpy(), names["F"] * 7)


def test_read_that_waits_can_be_told_from_one_that_does_not_in_the_report(names, accelerator):
    busy(names, accelerator)
    recording = traced("made.numpy()\nmade.numpy()", names)
    first, second = recording.ledger
    assert first.waited_ns >= DELAY / 2
    assert second.waited_ns == 0
    assert " s waited for the device (line 1)" in " ".join(str(recording).split())
    assert "served by TensorFlow's mirror in host memory" in second.reason


def test_other_threads_go_on_while_a_traced_read_waits(names, accelerator):
    """Waiting gives Python's lock away, as the read itself does."""
    busy(names, accelerator)
    counted, done = [], threading.Event()

    def count():
        while not done.wait(0.001):
            counted.append(1)

    thread = threading.Thread(target=count)
    thread.start()
    traced("made.numpy()", names)
    done.set()
    thread.join()
    assert len(counted) >= 5
