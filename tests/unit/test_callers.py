"""Who may be calling a Python function: no line is claimed where several could be meant."""

from __future__ import annotations

import sys
import threading

import pytest

from tfnp_magic.driving.callers import Call, Callers, Iteration
from tfnp_magic.driving.driver import (
    NOBODY,
    Driver,
    begin_work_for,
    either_of,
    end_work,
    work_here,
)
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recording import Recording
from tfnp_magic.scope import inner

from .frames import new_cell_file, run


class Iterator:
    """Stands for TensorFlow's, of which only the life matters."""


class State:
    """Stands for TensorFlow's table of generators."""


class Cell:
    """A cell whose lines drive."""

    def __init__(self):
        self.file = new_cell_file()
        self.recorder = Recorder(Recording(), {self.file: 0}, {self.file: "In[3]"}.get)

    def drivers(self, count, tokens=(1,)):
        """One driver for each line of the cell."""
        made = []
        text = "make()\n" * count
        run(self.file, text, make=lambda: made.append(self.driver(sys._getframe(1), tokens)))
        return made

    def driver(self, frame, tokens=(1,)):
        return Driver(frame, [self.recorder], tokens)

    def line(self, driver):
        place = None if driver is None else driver.line_for(self.recorder)
        return place and place.line


@pytest.fixture
def cell():
    return Cell()


@pytest.fixture
def callers():
    callers = Callers()
    callers.next_period()
    return callers


def begun(callers, driver, *tokens, once=()):
    """An iterator that has been asked for an element."""
    iterator = Iterator()
    iteration = Iteration(frozenset(tokens), frozenset(once), False, driver, period=callers.period)
    iteration.started = True
    callers.add(iterator, iteration)
    return iterator


def line_of(callers, cell, token):
    return cell.line(callers.driver_of(callers.may_call(token)))


# Which line.


def test_only_iteration_with_a_function_drives_it(callers, cell):
    one, two = cell.drivers(2)
    kept = begun(callers, one, "f"), begun(callers, two, "g")
    assert (line_of(callers, cell, "f"), line_of(callers, cell, "g")) == (1, 2)
    assert callers.driver_of(callers.may_call("h")) is None
    del kept


def test_line_is_unknown_where_two_iterations_may_be_at_work(callers, cell):
    one, two = cell.drivers(2)
    kept = begun(callers, one, "f"), begun(callers, two, "f")
    driver = callers.driver_of(callers.may_call("f"))
    assert driver.tokens == (1,)
    assert driver.knows(cell.recorder)
    assert cell.line(driver) is None
    del kept


def test_two_iterations_of_one_line_have_that_line(callers, cell):
    (one,) = cell.drivers(1)
    (again,) = [Driver(None, (), (1,)).joined_by(one)]
    kept = begun(callers, one, "f"), begun(callers, again, "f")
    assert line_of(callers, cell, "f") == 1
    del kept


def test_iteration_that_did_not_begin_calls_nothing(callers, cell):
    one, two = cell.drivers(2)
    kept = begun(callers, one, "f"), begun(callers, two, "f")
    callers.of(kept[1]).started = False
    assert line_of(callers, cell, "f") == 1
    callers.of(kept[1]).begins_early = True
    assert line_of(callers, cell, "f") is None


def test_iterator_that_is_let_go_of_is_at_work_until_its_thread_goes_on(callers, cell):
    (one,) = cell.drivers(1)
    kept = begun(callers, one, "f")
    del kept
    assert line_of(callers, cell, "f") == 1
    other = threading.Thread(target=callers.goes_on)
    other.start()
    other.join()
    assert line_of(callers, cell, "f") == 1
    callers.goes_on()
    assert callers.may_call("f") == ()
    assert not callers._by_token


def test_call_drives_while_it_runs(callers, cell):
    frame = sys._getframe()
    call = Call(frame, [], cell.drivers(1)[0], (1,), frozenset({"f"}), frozenset())
    callers.begin(call)
    assert line_of(callers, cell, "f") == 1
    callers.end(call)
    callers.end(None)
    assert callers.may_call("f") == ()


def test_call_within_something_driven_has_its_driver(cell):
    (outer,) = cell.drivers(1)
    call = Call(sys._getframe(), [cell.recorder], outer, (1,), frozenset(), frozenset())
    assert call.driver is outer


def test_iterator_of_nobody_is_driven_by_the_graph_that_has_it(callers, cell):
    iterator = begun(callers, NOBODY, "f")
    iteration = callers.of(iterator)
    iteration.resource = 7
    assert callers.driver_of(callers.may_call("f")) is NOBODY
    inputs = frozenset({7, 8})
    callers.begin(Call(sys._getframe(), [], cell.drivers(1)[0], (1,), frozenset(), inputs))
    assert line_of(callers, cell, "f") == 1


# Generators.


def test_number_of_a_generator_tells_who_began_it(callers, cell):
    one, two = cell.drivers(2)
    state = State()
    first = begun(callers, one, "f", once=["f"])
    callers.begins(state, 0, "f")
    second = begun(callers, two, "f", once=["f"])
    callers.begins(state, 1, "f")
    lines = [cell.line(callers.driver_of(callers.began(state, number))) for number in (0, 1)]
    assert lines == [1, 2]
    callers.finishes(state, 0)
    assert callers.began(state, 0) is None
    del first, second


def test_iteration_that_may_begin_a_generator_again_makes_its_line_unknown(callers, cell):
    one, two = cell.drivers(2)
    state = State()
    kept = [begun(callers, one, "f")]
    callers.begins(state, 0, "f")
    kept.append(begun(callers, two, "f"))
    callers.begins(state, 1, "f")
    assert cell.line(callers.driver_of(callers.began(state, 1))) is None


def test_generator_that_was_not_seen_to_begin_is_of_an_earlier_period(callers, cell):
    one, two = cell.drivers(2)
    older = begun(callers, one, "f")
    callers.next_period()
    newer = begun(callers, two, "f")
    assert cell.line(callers.driver_of(callers.begun_before("f"))) == 1
    del older, newer


# Drivers.


def test_driver_of_several_traces_is_of_them_all(cell):
    other = Cell()
    (one,), (two,) = cell.drivers(1, tokens=(1,)), other.drivers(1, tokens=(2,))
    both = one.joined_by(two)
    assert both.tokens == (1, 2)
    assert (cell.line(both), other.line(both)) == (1, 1)
    assert one.joined_by(cell.drivers(2)[1]).line_for(cell.recorder).line == 1


def test_either_driver_belongs_to_the_traces_of_both(cell):
    other = Cell()
    (one,), (two,) = cell.drivers(1, tokens=(1,)), other.drivers(1, tokens=(2,))
    either = either_of([one, two])
    assert either.tokens == (1, 2)
    assert (cell.line(either), other.line(either)) == (None, None)
    assert either_of([one, one]) is one


def test_thread_works_for_a_driver_until_the_work_ends(cell):
    (driver,) = cell.drivers(1)
    before = work_here()
    begin_work_for(driver)
    assert (inner.owners, inner.driver) == ((1,), driver)
    nested = work_here()
    begin_work_for(None)
    assert inner.driver is driver
    end_work(nested)
    assert (inner.owners, inner.driver) == ((1,), driver)
    end_work(before)
    assert (inner.owners, inner.driver) == (None, None)


def test_driven_function_of_the_cell_is_below_the_driving_line(cell):
    sites = []

    def note():
        sites.append(cell.recorder.whereabouts(sys._getframe(1), "lowest")[0])

    (driver,) = cell.drivers(1)
    before = work_here()
    begin_work_for(driver)
    run(cell.file, "pass\npass\nnote()", note=note)
    end_work(before)
    run(cell.file, "pass\npass\nnote()", note=note)
    (driven, free) = sites
    assert (driven.line.line, driven.inner.line) == (1, 3)
    assert (free.line.line, free.inner) == (3, None)
