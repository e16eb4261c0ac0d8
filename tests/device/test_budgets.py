"""Moves of a test, or of a block of one, are held to limits."""

from __future__ import annotations

import pytest

from tests.device.names import N, namespace

NBYTES = 4 * N

LIMITS = {
    "max_moves": (2, "2 moves, 1 allowed"),
    "max_moved": (2 * NBYTES, "8,000 bytes moved between host and devices"),
    "max_host_to_device": (NBYTES, "4,000 bytes moved from host to device"),
    "max_device_to_host": (NBYTES, "4,000 bytes moved from device to host"),
}


@pytest.fixture
def names(machine):
    return namespace(machine)


def there_and_back(names):
    tensor = names["on"](names["D0"], names["F"])
    tensor.numpy()
    tensor.numpy()  # TensorFlow's mirror serves


@pytest.mark.parametrize("limit", LIMITS)
def test_as_many_moves_as_allowed_pass(names, interop, limit):
    figure, _ = LIMITS[limit]
    with interop(**{limit: figure, "max_device_to_device": 0}) as recording:
        there_and_back(names)
    assert sum(recording.moves()) == 2 * NBYTES


@pytest.mark.parametrize("limit", LIMITS)
def test_more_moves_than_allowed_fail_with_their_lines(names, interop, limit):
    figure, said = LIMITS[limit]
    with (
        pytest.raises(pytest.fail.Exception, match=f"{limit}: {said}") as failure,
        interop(**{limit: figure - 1}),
    ):
        there_and_back(names)
    assert f"{names['D0']} → host" in str(failure.value) or limit == "max_host_to_device"
    assert "test_budgets.py:" in str(failure.value)


@pytest.mark.interop(max_moves=2, max_host_to_device=NBYTES, max_device_to_host=NBYTES)
def test_the_marker_counts_what_the_call_moves(names):
    there_and_back(names)
