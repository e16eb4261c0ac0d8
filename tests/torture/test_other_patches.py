"""Another tool that patches what we patch, before or after us: its patch stays, and is called."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import constant_op

import tfnp_magic
from tests.torture.given_back import ARRAY, TENSOR, convert, counted, left_behind, state_now
from tfnp_magic.probes import probes
from tfnp_magic.probes.patch import ABSENT, AttributePatch, ForeignPatchWarning


def attributes():
    """All that a trace of arrays and tensors patches: owners and names."""
    state_now()
    with tfnp_magic.trace():
        patches = [patch for patch in probes._in if isinstance(patch, AttributePatch)]
        return [(patch.owner, patch.name) for patch in patches]


TARGETS = attributes()
IDS = [f"{owner.__name__}.{name}" for owner, name in TARGETS]

every_target = pytest.mark.parametrize(("owner", "name"), TARGETS, ids=IDS)


class Tool:
    """Wraps a function as wrapt or a profiler does, and counts its calls."""

    def __init__(self, owner, name):
        self.owner, self.name, self.calls = owner, name, 0
        self.found = None

    def on(self):
        self.found = vars(self.owner).get(self.name, ABSENT)
        original = getattr(self.owner, self.name)

        @functools.wraps(original)
        def wrapper(*args, **kwargs):
            self.calls += 1
            return original(*args, **kwargs)

        self.wrapper = wrapper
        setattr(self.owner, self.name, wrapper)

    def off(self):
        put(self.owner, self.name, self.found)


def put(owner, name, value):
    if value is ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, value)


@pytest.fixture(autouse=True)
def _owners_at_the_end():
    before = state_now()
    yield
    assert left_behind(before) == []


def worked_with(tool):
    with tfnp_magic.trace():
        tool.on()
        work()


def work():
    convert()
    np.asarray(TENSOR)
    TENSOR.__array__()
    repr(TENSOR)
    return tf.constant(ARRAY)


@every_target
def test_a_tool_that_came_before_us_is_called_and_stays(owner, name):
    with tfnp_magic.trace() as plain:
        work()
    tool = Tool(owner, name)
    tool.on()
    try:
        with tfnp_magic.trace() as recording:
            work()
        assert vars(owner)[name] is tool.wrapper
        assert counted(recording) == counted(plain)
        assert recording.lost == []
        traced = tool.calls
        work()
        untraced = tool.calls - traced
        # By `_numpy_internal` we look at memory ourselves.
        assert traced == untraced or (name == "_numpy_internal" and traced > untraced)
    finally:
        tool.off()


@every_target
def test_a_tool_within_a_trace_is_called_and_goes_first(owner, name):
    tool = Tool(owner, name)
    with tfnp_magic.trace() as recording:
        tool.on()
        try:
            work()
        finally:
            tool.off()
        work()
    assert recording.lost == []
    assert counted(recording) > 8


@every_target
def test_a_tool_that_came_within_a_trace_and_stays_is_left_in_place_and_told(owner, name):
    tool, original = Tool(owner, name), vars(owner).get(name, ABSENT)
    with tfnp_magic.trace() as plain:
        work()
    try:
        with pytest.warns(ForeignPatchWarning, match=name):
            worked_with(tool)
        assert vars(owner)[name] is tool.wrapper
        work()
        with tfnp_magic.trace() as recording:  # what was ours is below its
            work()
        assert recording.lost == []
        assert counted(recording) == counted(plain)
        assert vars(owner)[name] is tool.wrapper
    finally:
        put(owner, name, original)


@every_target
def test_a_tool_that_goes_within_a_trace_takes_ours_with_it_and_nothing_breaks(owner, name):
    """It puts back what it had found before us, over ours."""
    tool = Tool(owner, name)
    tool.on()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ForeignPatchWarning)
        with tfnp_magic.trace() as recording:
            work()
            tool.off()
            work()
    assert recording.lost == []
    assert counted(recording) > 8


@pytest.mark.filterwarnings("error::tfnp_magic.probes.patch.ForeignPatchWarning")
def test_a_warning_that_is_an_error_keeps_nothing_in():
    owner, name = TARGETS[0]
    original = vars(owner).get(name, ABSENT)
    try:
        with pytest.raises(ForeignPatchWarning), tfnp_magic.trace():
            Tool(owner, name).on()
    finally:
        put(owner, name, original)


def test_a_function_whose_code_we_swap_may_be_wrapped_before(monkeypatch):
    """Then it cannot be hooked, and the report says so."""
    original = constant_op.convert_to_eager_tensor
    monkeypatch.setattr(
        constant_op, "convert_to_eager_tensor", lambda *args, **kwargs: original(*args, **kwargs)
    )
    with tfnp_magic.trace() as recording:
        tensor = tf.constant(ARRAY)
    assert tensor.shape == ARRAY.shape
    assert counted(recording) == 1 or any("constant" in text for text in recording.not_seen)
