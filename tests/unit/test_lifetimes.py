"""What is known of an object while it lives: forgotten without a callback."""

import gc
import sys
import weakref

import numpy as np
import pytest

from tests.garbage import unheard
from tfnp_magic.lifetimes import _FEW, WhileAlive


class Thing:
    """Equal to all others, and without a hash, as tensors are."""

    __hash__ = None

    def __eq__(self, other):
        return True


def test_objects_are_told_apart_by_identity():
    one, other = Thing(), Thing()
    known = WhileAlive()
    known[one], known[other] = "one", "other"
    assert (known[one], known.get(other), len(known)) == ("one", "other", 2)
    known[one] = "anew"
    assert (known[one], known[other], len(known)) == ("anew", "other", 2)
    assert known.get(Thing()) is None
    assert known.get(Thing(), "none") == "none"
    assert Thing() not in known
    assert one in known
    with pytest.raises(KeyError):
        known[Thing()]


def test_what_is_taken_out_is_not_known():
    one, other = Thing(), Thing()
    known = WhileAlive()
    known[one] = 1
    assert known.pop(one) == 1
    assert one not in known
    with pytest.raises(KeyError):
        del known[one]
    known[other] = 2
    assert [thing is other for thing in known] == [True]


def test_it_keeps_no_object_alive_and_takes_no_other_for_one_that_is_gone():
    known = WhileAlive()
    array = np.ones(3)
    gone = weakref.ref(array)
    known[array] = "array"
    del array
    assert gone() is None
    assert len(known) == 0
    assert list(known) == []
    others = [np.ones(3) for _ in range(100)]  # one of them at the same address
    assert not any(other in known for other in others)


def test_values_of_what_is_gone_are_let_go_when_others_are_added():
    known = WhileAlive()
    values = []
    kept = Thing()
    known[kept] = "kept"
    things = [Thing() for _ in range(20 * _FEW)]  # all at addresses of their own
    while things:
        value = Thing()
        values.append(weakref.ref(value))
        known[things.pop()] = value
        del value
        # One more than the few: the thing that is being added lives while others are let go.
        assert sum(ref() is not None for ref in values) <= _FEW + 1
    assert known[kept] == "kept"
    assert len(known) == 1
    many = [Thing() for _ in range(20 * _FEW)]
    for number, thing in enumerate(many):
        known[thing] = number
    assert [known[thing] for thing in many] == list(range(len(many)))


def test_no_python_code_runs_when_an_object_goes():
    """An interrupt would be lost in it; `weakref.WeakKeyDictionary` has a callback."""
    assert calls_at_the_end_of(Thing, WhileAlive()) == []

    class Hashed:
        pass

    assert calls_at_the_end_of(Hashed, weakref.WeakKeyDictionary()) == ["remove"]


def calls_at_the_end_of(kind, known):
    """Names of the Python functions that run while the collector takes an object."""
    thing = kind()
    known[thing] = "value"
    gone = weakref.ref(thing)
    gc.collect()
    cycle = [thing]
    cycle.append(cycle)
    del thing, cycle
    was_there, calls = gone() is not None, []
    with unheard():
        sys.setprofile(
            lambda frame, event, _: event == "call" and calls.append(frame.f_code.co_name)
        )
        gc.collect()
        sys.setprofile(None)
    assert was_there
    assert gone() is None
    return calls


def test_it_is_filled_from_another():
    known, other = WhileAlive(), WhileAlive()
    one = Thing()
    known[one] = 1
    other.update(known)
    assert other[one] == 1
