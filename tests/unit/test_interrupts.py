"""Whose exception is it: that of a user's signal handler, or our own failure."""

from __future__ import annotations

import signal

import pytest

from tfnp_magic.interrupts import raised_by_signal


@pytest.fixture
def handled():
    """Give SIGINT a handler for the time of a test."""
    usual = signal.getsignal(signal.SIGINT)
    yield lambda handler: signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGINT, usual)


def caught():
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException as exc:
        return exc
    raise AssertionError


class Handler:
    """A handler that is no function."""

    def __call__(self, number, frame):
        raise TimeoutError

    def method(self, number, frame):
        raise TimeoutError


def handler(number, frame):
    raise TimeoutError


def indirect_handler(number, frame):
    handler(number, frame)


@pytest.mark.parametrize(
    "kind",
    [
        handler,
        indirect_handler,
        Handler().method,
        Handler(),
    ],
)
def test_an_exception_out_of_a_signal_handler_is_the_users(handled, kind):
    handled(kind)
    error = caught()
    assert isinstance(error, TimeoutError)
    assert raised_by_signal(error)


@pytest.mark.parametrize("kind", [handler, signal.default_int_handler, signal.SIG_IGN])
def test_any_other_exception_is_ours(handled, kind):
    handled(kind)
    with pytest.raises(ZeroDivisionError) as ours:
        1 / 0  # noqa: B018
    assert not raised_by_signal(ours.value)
    assert not raised_by_signal(ValueError("never raised"))
