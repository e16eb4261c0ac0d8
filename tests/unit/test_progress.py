"""Progress is said only of long work, seldom, and nothing of it stays."""

from __future__ import annotations

import io
import itertools
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfnp_magic import progress
from tfnp_magic.shell import showing


class FakeClock:
    """Seconds that pass only when told to; counts who asks."""

    def __init__(self):
        self.now, self.asked = 100.0, 0

    def __call__(self):
        self.asked += 1
        return self.now


class FakeOutlet:
    """Keeps what it was told; its last entry is what can be seen."""

    def __init__(self):
        self.told = []

    def show(self, text):
        self.told.append(text)

    def clear(self):
        self.told.append(None)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def outlets(monkeypatch):
    """All places that were opened, in order."""
    opened = []

    def opener():
        opened.append(FakeOutlet())
        return opened[-1]

    monkeypatch.setattr(progress._Shell, "opener", None)
    progress.show_through(opener)
    return opened


def work(clock, step, seconds, steps):
    """So many steps that take so long together."""
    for done in range(1, steps + 1):
        clock.now += seconds / steps
        step(done)


def test_of_work_that_ends_within_a_second_nothing_is_said(clock, outlets):
    with progress.of("Looking at names", 1000, clock=clock) as step:
        work(clock, step, 0.99, 1000)
    assert outlets == []


def test_after_a_second_it_is_said_how_far_it_has_come_and_taken_back_at_the_end(clock, outlets):
    with progress.of("Looking at names", 100_000, clock=clock) as step:
        clock.now += 1.1
        step(45_000)
        assert outlets[0].told == ["Looking at names: 45,000 of 100,000"]
    assert outlets[0].told[1:] == [None]


def test_an_unknown_total_is_not_said(clock, outlets):
    with progress.of("Looking at objects", clock=clock) as step:
        clock.now += 2
        step(1_234)
    assert outlets[0].told == ["Looking at objects: 1,234", None]


@given(st.lists(st.floats(0, 3), max_size=40))
def test_it_is_said_at_most_twice_a_second(pauses):
    clock, told = FakeClock(), []

    class Timed(FakeOutlet):
        def show(self, text):
            told.append(clock.now)

    progress.show_through(Timed)
    try:
        with progress.of("Looking", clock=clock) as step:
            for done, pause in enumerate(pauses):
                clock.now += pause
                step(done)
    finally:
        progress.show_no_more(Timed)
    assert all(later - sooner >= 0.5 for sooner, later in itertools.pairwise(told))
    assert all(when >= 101 for when in told)
    assert len(told) <= sum(pauses) / 0.5


def test_slow_steps_are_told_each_and_fast_ones_rarely_look_at_the_clock(clock, outlets):
    with progress.of("Looking", clock=clock) as step:
        work(clock, step, 1e-3, 10_000)
        assert clock.asked < 10_000 / 10
        work(clock, step, 100, 100)
    assert len(outlets[0].told) > 80


def test_work_without_steps_can_be_announced(clock, outlets):
    with progress.of("Reading", clock=clock, at_once=True):
        assert outlets[0].told == ["Reading"]
    assert outlets[0].told == ["Reading", None]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_what_ends_the_work_passes_and_nothing_stays(clock, outlets, error):
    raised = error()

    def failing():
        with progress.of("Looking", clock=clock) as step:
            clock.now += 2
            step(1)
            raise raised

    with pytest.raises(error) as caught:
        failing()
    assert caught.value is raised
    assert outlets[0].told == ["Looking: 1", None]


def test_each_work_has_a_place_of_its_own(clock, outlets):
    for _ in range(2):
        with progress.of("Looking", clock=clock, at_once=True):
            pass
    assert [outlet.told for outlet in outlets] == [["Looking", None]] * 2


@pytest.mark.parametrize("broken", ["opener", "show", "clear"])
def test_a_place_that_fails_costs_only_what_it_would_have_shown(clock, monkeypatch, broken):
    tries = []

    def fail(*_):
        tries.append(broken)
        raise OSError("closed")

    outlet = FakeOutlet()
    if broken != "opener":
        monkeypatch.setattr(outlet, broken, fail)
    monkeypatch.setattr(progress._Shell, "opener", fail if broken == "opener" else lambda: outlet)
    with progress.of("Looking", clock=clock) as step:
        work(clock, step, 10, 100)
        done = True
    assert done
    assert tries == [broken]


def test_an_interrupt_while_something_is_shown_passes_and_nothing_stays(clock, outlets):
    class Interrupted(FakeOutlet):
        def show(self, text):
            super().show(text)
            raise KeyboardInterrupt

    outlet = Interrupted()
    progress.show_through(lambda: outlet)
    with pytest.raises(KeyboardInterrupt), progress.of("Looking", clock=clock, at_once=True):
        raise AssertionError("not reached")
    assert outlet.told == ["Looking", None]


def test_what_a_signals_handler_raises_while_something_is_shown_is_the_users(clock, monkeypatch):
    class Late(FakeOutlet):
        def show(self, text):
            signal.raise_signal(signal.SIGALRM)

    def handler(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, handler)
    monkeypatch.setattr(progress._Shell, "opener", Late)
    try:
        with pytest.raises(TimeoutError), progress.of("Looking", clock=clock, at_once=True):
            pass
    finally:
        signal.signal(signal.SIGALRM, before)


def test_without_a_shell_nothing_is_shown_anywhere(clock, monkeypatch, capfd):
    monkeypatch.setattr(progress._Shell, "opener", None)
    with progress.of("Looking", clock=clock, at_once=True) as step:
        work(clock, step, 10, 100)
    assert capfd.readouterr() == ("", "")


def test_a_shell_takes_back_only_its_own_way_of_showing(monkeypatch):
    monkeypatch.setattr(progress._Shell, "opener", None)
    one, other = FakeOutlet, lambda: None
    progress.show_through(one)
    progress.show_through(other)
    progress.show_no_more(one)
    assert progress._Shell.opener is other
    progress.show_no_more(other)
    assert progress._Shell.opener is None


# --- a terminal's line -----------------------------------------------------------------


def seen(written, columns=80):
    """What one line of a terminal holds after that was written to it."""
    line, at = [" "] * columns, 0
    for sign in written:
        if sign == "\r":
            at = 0
        else:
            line[at], at = sign, at + 1
    return "".join(line).rstrip()


@pytest.mark.parametrize("columns", [80, 20, 1, 0])
def test_a_terminals_line_is_written_over_never_wraps_and_is_empty_in_the_end(monkeypatch, columns):
    monkeypatch.setattr(showing.shutil, "get_terminal_size", lambda: _Size(columns))
    stream = io.StringIO()
    line = showing.TerminalLine(stream)
    for text in ("Looking at names: 45,000 of 100,000", "Reading"):
        line.show(text)
        shown = seen(stream.getvalue())
        assert len(shown) < max(columns, 2)
        assert shown == text if len(text) < columns else shown.endswith("…")
    line.clear()
    assert seen(stream.getvalue()) == ""
    assert stream.getvalue().endswith("\r")


class _Size:
    def __init__(self, columns):
        self.columns = columns


class _Shell:
    """A shell outside a notebook."""

    kernel = None


@pytest.mark.parametrize(
    ("is_terminal", "kind"), [(True, showing.TerminalLine), (False, type(None))]
)
def test_outside_a_notebook_only_a_terminal_shows_it(monkeypatch, is_terminal, kind):
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.setattr("sys.stderr", stream)
    assert type(showing.opener_of(_Shell())()) is kind
