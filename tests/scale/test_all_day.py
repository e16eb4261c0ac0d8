"""A notebook that is traced all day does not grow, and what is the user's goes when it would."""

from __future__ import annotations

import gc
import sys
import threading
import types
import weakref
from collections import Counter

import numpy as np
import tensorflow as tf

from tests.contract.cells import traced_cell
from tests.scale.measures import allocations

CELL = """
def work():
    a = np.arange(1000, dtype=np.float32)
    t = tf.constant(a)
    b = t.numpy()
    c = np.asarray(t)
    d = t - a
    return float(tf.reduce_sum(d)) + b[0] + c[1]
result = work()
kept = tf.constant(np.ones(100))
"""

_GROWS = 20_000
"""Bytes that we may hold more of after a hundred cells: Python's own spare room."""


def run_cell(names, file="<day>"):
    with traced_cell(file, CELL) as recording:
        exec(compile(CELL, file, "exec"), names)
    return recording


def kinds_alive():
    """How many objects there are of each type."""
    gc.collect()
    # Objects of other tests are among them, whose classes answer nothing.
    name = vars(type)["__name__"].__get__
    return Counter(name(type(thing)) for thing in gc.get_objects())


def test_two_hundred_cells_leave_no_more_than_the_first():
    names = {"np": np, "tf": tf}
    with allocations() as now:
        for _ in range(100):
            recording = run_cell(names)
        before, _ = now()
        kinds = kinds_alive()
        for _ in range(100):
            recording = run_cell(names)
        after, _ = now()
        more = kinds_alive()
    assert after - before < _GROWS
    grown = {kind: more[kind] - kinds[kind] for kind in more if more[kind] - kinds[kind] >= 50}
    assert grown == {}
    assert {crossing.count for crossing in recording.ledger} == {1}
    assert recording.lost == []


DYING = """
def work():
    local = Kept()
    a = np.arange(1000, dtype=np.float32)
    t = make(a)
    b = read(t)
    d = t - a
    for thing in (local, a, t, b, d):
        watch(thing)
    del thing
    del d
    note("after del d")
    del t
    note("after del t")
    del b
    note("after del b")
    return None
work()
note("after the return")
for n in range(3):
    watch(read(make(np.ones(50 + n))))
    note("in a loop")
"""


class Kept:
    """Something local that can be referred to weakly."""


def deaths(traced, make, read):
    """What is dead at each point of the cell, without a collection by Python."""
    refs, told = [], []
    names = {
        "np": np, "tf": tf, "Kept": Kept, "make": make, "read": read,
        "watch": lambda thing: refs.append(weakref.ref(thing)),
        "note": lambda when: told.append((when, tuple(ref() is None for ref in refs))),
    }  # fmt: skip
    code = compile(DYING, "<dying>", "exec")
    gc.collect()
    gc.disable()
    try:
        if traced:
            with traced_cell("<dying>", DYING) as recording:
                exec(code, names)
            assert sum(crossing.count for crossing in recording.ledger) >= 6
        else:
            exec(code, names)
    finally:
        gc.enable()
    return told


def test_everything_of_the_users_dies_at_the_moment_that_it_would_untraced():
    for make in (tf.constant, tf.squeeze, tf.convert_to_tensor):
        for read in (np.asarray, np.array, lambda t: t.numpy(), lambda t: np.negative(t)):
            # TensorFlow may let go of an array only at its next conversion, if a thread of its
            # own had the last buffer over it: by chance, and untraced, too.
            tries = (deaths(True, make, read) == deaths(False, make, read) for _ in range(3))
            assert any(tries)


def cycles(traced):
    """After which collections the objects of a cycle are gone."""
    told = []
    names = {"np": np, "tf": tf, "Kept": Kept, "gc": gc, "weakref": weakref, "told": told}
    text = (
        "def work():\n"
        "    one, other = Kept(), Kept()\n"
        "    one.other, other.one = other, one\n"
        "    one.array = np.ones(1000, np.float32)\n"
        "    one.tensor = tf.constant(one.array)\n"
        "    one.read = np.asarray(one.tensor)\n"
        "    return [weakref.ref(each) for each in (one, one.array, one.tensor, one.read)]\n"
        "refs = work()\n"
        "told.append([ref() is None for ref in refs])\n"
        "gc.collect()\n"
        "told.append([ref() is None for ref in refs])\n"
    )
    code = compile(text, "<cycle>", "exec")
    gc.collect()
    gc.disable()
    try:
        if traced:
            with traced_cell("<cycle>", text):
                exec(code, names)
        else:
            exec(code, names)
    finally:
        gc.enable()
    return told


def test_cycles_go_at_the_same_collection_as_untraced():
    assert cycles(True) == cycles(False) == [[False] * 4, [True] * 4]


FRAMES = """
def work():
    t = tf.constant(np.ones(1000, np.float32))
    t.numpy(), np.asarray(t), t - np.ones(1000, np.float32)
    look(sys._getframe())
work()
"""


def holders(frame):
    """What refers to a frame, beside the frames that it called and the one that asks."""
    return [each for each in gc.get_referrers(frame) if type(each) is not types.FrameType]


def test_no_frame_is_held_while_it_runs_nor_afterwards():
    found, refs = [], []

    def look(frame):
        found.append(len(holders(frame)))
        refs.append(id(frame))

    names = {"np": np, "tf": tf, "sys": sys, "look": look}
    code = compile(FRAMES, "<frames>", "exec")
    exec(code, names)
    with traced_cell("<frames>", FRAMES) as recording:
        exec(code, names)
    assert found[0] == found[1]
    assert len(recording.ledger) == 4
    left = [each for each in gc.get_objects() if type(each) is types.FrameType]
    assert [frame for frame in left if frame.f_code.co_filename == "<frames>"] == []


def test_names_of_code_that_exec_ran_on_a_thread_are_not_held():
    """No frame of the cell is below it: what it calls its own is not the notebook's."""
    text = (
        "def run():\n"
        "    one = threading.Thread(target=exec, args=(inside, {'t': made(), 'np': np}))\n"
        "    one.start()\n"
        "    one.join()\n"
        "run()\n"
        "note()\n"
    )
    refs, told = [], []

    def made():
        tensor = tf.ones(1000)
        refs.append(weakref.ref(tensor))
        return tensor

    names = {
        "inside": compile("np.asarray(t)", "<elsewhere>", "exec"), "made": made, "np": np,
        "note": lambda: told.append(refs[0]() is None), "threading": threading,
    }  # fmt: skip
    with traced_cell("<outside>", text) as recording:
        exec(compile(text, "<outside>", "exec"), names)
    assert told == [True]
    assert sum(crossing.count for crossing in recording.ledger) == 1
