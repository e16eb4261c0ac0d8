"""Failures of our own code, wherever: the user's goes on, and the report says what was lost."""

from __future__ import annotations

import faulthandler
import functools
import random
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic
from tests.torture import steps
from tests.torture.given_back import (
    ARRAY,
    TENSOR,
    convert,
    counted,
    left_behind,
    next_trace_counts,
    state_now,
)
from tests.torture.test_processes_and_threads import in_child
from tfnp_magic.probes import reporting
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.scope import recorders_of, tokens_here

try:
    import _testcapi as testcapi
except ImportError:
    testcapi = None

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


COVERED = {each.__code__ for each in (reporting.report, reporting.ask, reporting.attempt)}
"""What describes a conversion runs below these; what stands ahead of them is a few lines."""


def is_covered(frame):
    while frame is not None and frame.f_code not in COVERED:
        frame = frame.f_back
    return frame is not None


class Raising:
    """A profile function that raises behind the n-th call of a C function in our code."""

    def __init__(self, at, error):
        self._at, self._error, self.place = at, error, None

    def __call__(self, frame, event, arg):
        ours = frame.f_code.co_filename.startswith(steps.OURS) and frame.f_code not in COVERED
        if event != "c_return" or not ours or not is_covered(frame):
            return
        self._at -= 1
        if self._at == 0:
            sys.setprofile(None)
            self.place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            raise self._error


@pytest.mark.parametrize("error", [MemoryError, RecursionError, OSError, ZeroDivisionError])
def test_a_failure_anywhere_in_a_description_costs_the_recording_and_not_the_user(error, times):
    before, rng = state_now(), random.Random(6)
    expected = convert().numpy()
    lost = places = 0
    for at in range(rng.randint(1, 4), 2_000, max(1, 12 // times)):
        raising = Raising(at, error("ours"))
        with tfnp_magic.trace() as recording:
            sys.setprofile(raising)
            try:
                result = convert()
            finally:
                sys.setprofile(None)
        assert (result.numpy() == expected).all(), raising.place
        assert left_behind(before) == [], raising.place
        if raising.place is None:
            break
        lost, places = lost + bool(recording.lost), places + 1
    assert places > 10
    assert lost > places / 2  # others failed where nothing is lost by it
    assert next_trace_counts() == 4


def nested(depth, work):
    """Call `work` below so many frames; 0 goes as deep as Python lets."""
    if depth == 1:
        return work()
    return nested(depth - 1, work)


@pytest.mark.parametrize(
    "work",
    [
        TENSOR.numpy,
        functools.partial(np.sum, TENSOR),
        functools.partial(np.asarray, TENSOR),
        functools.partial(tf.constant, ARRAY),
        lambda: TENSOR - ARRAY,
        lambda: repr(TENSOR),
    ],
)
def test_at_the_recursion_limit_the_user_gets_a_value_or_a_recursionerror(work):
    """At each depth around it: nothing else is raised, and no later conversion is lost."""
    before = state_now()
    limit, outcomes = sys.getrecursionlimit(), set()
    depth_now = _depth()
    for left in range(2, 90):
        with tfnp_magic.trace() as recording:
            try:
                nested(limit - depth_now - left, work)
                outcomes.add("value")
            except RecursionError:
                outcomes.add("RecursionError")
        assert left_behind(before) == []
        assert counted(recording) <= 2
        del recording
    assert outcomes == {"value", "RecursionError"}
    assert next_trace_counts() == 4


def _depth():
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def test_endless_recursion_with_conversions_is_the_users_recursionerror():
    before = state_now()

    def endless():
        TENSOR.numpy()
        np.asarray(TENSOR)
        return endless() + 1

    with pytest.raises(RecursionError), tfnp_magic.trace() as recording:
        endless()
    assert recording.error == "RecursionError"
    assert counted(recording) > 500
    assert left_behind(before) == []
    assert next_trace_counts() == 4


def test_an_observer_that_raises_is_silenced_and_the_report_says_so():
    class Broken:
        def observe(self, seen, identity, *, small):
            raise ZeroDivisionError("the observer's")

    before = state_now()
    with tfnp_magic.trace() as recording:
        for recorder in recorders_of(tokens_here()):
            recorder.observers.append(Broken())
        for _ in range(5):
            result = convert()
    assert (result.numpy() == 0).all()
    assert any("the observer's" in text for text in recording.lost)
    assert "the observer's" in str(recording)
    assert left_behind(before) == []


@pytest.mark.parametrize("name", ["finish", "see", "lane", "hears", "tell_observers"])
def test_a_recorder_that_fails_leaves_nothing_in(monkeypatch, name):
    def broken(self, *args, **kwargs):
        raise MemoryError("ours")

    before = state_now()
    monkeypatch.setattr(Recorder, name, broken)
    try:
        with tfnp_magic.trace():
            assert (convert().numpy() == 0).all()
    except MemoryError:
        assert name in ("finish", "lane", "hears")  # where a trace begins or ends
    assert left_behind(before) == []
    monkeypatch.undo()
    assert next_trace_counts() == 4


@pytest.mark.skipif(testcapi is None, reason="this Python came without CPython's own test modules")
def test_an_allocation_that_fails_anywhere_leaves_nothing_in(times):
    """Each in a process of its own: TensorFlow itself ends some with a segmentation fault."""
    before, rng = state_now(), random.Random(8)

    def work(at):
        faulthandler.disable()
        block = tfnp_magic.trace()
        block.__enter__()
        outcome = "went on"
        testcapi.set_nomemory(at, at + 1)
        try:
            TENSOR.numpy()
            np.sum(TENSOR)
            convert()
        except BaseException as error:
            outcome = type(error).__name__
        testcapi.remove_mem_hooks()
        block.__exit__(None, None, None)
        return [outcome, left_behind(before), next_trace_counts()]

    outcomes = []
    for at in range(rng.randint(1, 30), 1_500, max(1, 40 // times)):
        told, _ = in_child(functools.partial(work, at))
        if told is not None:
            outcomes.append(told[0])
            assert told[1:] == [[], 4], (at, told)
    assert outcomes.count("went on") > 20
