"""When conversions happened: a bounded number of moments that lose no conversion."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.recordings import crossing, line
from tfnp_magic import tracing
from tfnp_magic.model import MAX_MOMENTS, NUMPY_TO_TENSORFLOW, Cast, Move, Storage, Verdict
from tfnp_magic.recorder.ledger import count, uncount
from tfnp_magic.recorder.moments import MomentLog
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import Seen
from tfnp_magic.recording import Recording
from tfnp_magic.scope import Scope

from .frames import new_cell_file

COPIED = Storage("copy", "observed", "copied", 40, 1)
VERDICT = Verdict(COPIED, Cast("none", "", None), Move("host", "CPU:0", 0, ""))
MAIN = threading.get_ident()
NOW = time.perf_counter_ns()


def seen(ended=0, took=100, nbytes=40, thread=MAIN, **facts):
    """A conversion that ended so many nanoseconds after `NOW`."""
    facts = {"device_from": "host", "device_to": "CPU:0", "storage": COPIED, **facts}
    return Seen(
        "tf.lowest", NUMPY_TO_TENSORFLOW, (10,), "float32", "float32", nbytes=nbytes,
        duration_ns=took, ended_ns=NOW + ended, thread=thread, **facts,
    )  # fmt: skip


def crossings(number):
    nothing = dict.fromkeys(("count", "nbytes", "copied_bytes", "copies", "duration_ns"), 0)
    return [
        crossing(line(n + 2), "tf.constant", NUMPY_TO_TENSORFLOW, shapes={}, **nothing)
        for n in range(number)
    ]


def told(log, ledger):
    return log.told(ledger, NOW)


# What a moment tells.


def test_a_conversion_is_a_moment_with_its_times_from_the_start_of_the_trace():
    log, ledger = MomentLog(NOW), crossings(2)
    log.add(ledger[1], seen(ended=5_000_000, took=3000))
    (moment,) = told(log, ledger)
    assert (moment.crossing, moment.count, moment.thread) == (1, 1, 0)
    assert (moment.start_ns, moment.stop_ns, moment.busy_ns) == (4_997_000, 5_000_000, 3000)
    assert moment.nbytes == 40


def test_conversions_that_follow_one_another_at_once_are_one_moment():
    log, ledger = MomentLog(NOW), crossings(1)
    for ended in (5_000_000, 5_000_080, 5_000_160):
        log.add(ledger[0], seen(ended=ended, took=50))
    (moment,) = told(log, ledger)
    assert (moment.count, moment.busy_ns, moment.nbytes) == (3, 150, 120)
    assert (moment.start_ns, moment.stop_ns) == (4_999_950, 5_000_160)


@pytest.mark.parametrize("order", [1, -1])
def test_one_that_is_counted_late_still_has_its_own_time(order):
    """A look at a tensor's memory is settled by another conversion."""
    log, ledger = MomentLog(NOW), crossings(1)
    for ended in (2_000_000, 9_000_000)[::order]:
        log.add(ledger[0], seen(ended=ended))
    assert [moment.stop_ns for moment in told(log, ledger)] == [2_000_000, 9_000_000]


def test_crossings_and_threads_have_moments_of_their_own():
    log, ledger = MomentLog(NOW), crossings(2)
    for each in ledger:
        for thread in (MAIN, MAIN + 7, MAIN + 3):
            log.add(each, seen(ended=1000, thread=thread))
    moments = told(log, ledger)
    assert [(moment.crossing, moment.thread) for moment in moments] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2),
    ]  # fmt: skip


def test_the_thread_that_the_trace_began_on_is_0_though_another_converts_first():
    log, ledger = MomentLog(NOW), crossings(1)
    log.add(ledger[0], seen(ended=1000, thread=MAIN + 1))
    log.add(ledger[0], seen(ended=2000))
    assert [moment.thread for moment in told(log, ledger)] == [1, 0]


def test_no_time_within_is_known_where_an_op_ran_around_it():
    log, ledger = MomentLog(NOW), crossings(1)
    log.add(ledger[0], seen(ended=7_000_000, took=None))
    (moment,) = told(log, ledger)
    assert moment.busy_ns is None
    assert moment.start_ns == moment.stop_ns == 7_000_000


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("unknown", [{"took": None}, {"nbytes": None}])
def test_a_sum_with_an_unknown_part_is_unknown(unknown, order):
    log, ledger = MomentLog(NOW), crossings(1)
    for facts in ({}, unknown)[::order]:
        log.add(ledger[0], seen(ended=7_000_500, **facts))
    (moment,) = told(log, ledger)
    name = {"took": "busy_ns", "nbytes": "nbytes"}[next(iter(unknown))]
    assert moment.count == 2
    assert [part for part in ("busy_ns", "nbytes") if getattr(moment, part) is None] == [name]


def test_no_time_is_negative():
    log, ledger = MomentLog(NOW), crossings(1)
    log.add(ledger[0], seen(ended=50, took=2000))
    log.add(ledger[0], seen(ended=-5000))
    moments = told(log, ledger)
    assert [(moment.start_ns, moment.stop_ns) for moment in moments] == [(0, 0), (0, 50)]


# Bounds.


def test_a_hundred_times_as_many_conversions_have_no_more_moments():
    log, ledger = MomentLog(NOW), crossings(3)
    most = 0
    for number in range(MAX_MOMENTS * 20):
        log.add(ledger[number % 3], seen(ended=number * 10_000))
        most = max(most, len(log._moments))
    moments = told(log, ledger)
    assert MAX_MOMENTS // 8 < len(moments) <= most == MAX_MOMENTS
    assert sum(moment.count for moment in moments) == MAX_MOMENTS * 20
    assert sum(moment.busy_ns for moment in moments) == MAX_MOMENTS * 20 * 100
    assert log.dropped == 0


def test_what_was_joined_still_tells_when_within_a_small_part_of_the_time():
    """Two bursts with a long pause between stay two, however many there were."""
    log, ledger = MomentLog(NOW, 64), crossings(1)
    for beginning in (0, 10_000_000_000):
        for number in range(1000):
            log.add(ledger[0], seen(ended=beginning + number * 10_000))
    moments = told(log, ledger)
    early = [moment for moment in moments if moment.stop_ns < 11_000_000]
    late = [moment for moment in moments if moment.start_ns > 9_990_000_000]
    assert len(early) + len(late) == len(moments) <= 64
    assert sum(moment.count for moment in early) == 1000


def test_the_first_conversions_are_told_one_by_one():
    log, ledger = MomentLog(NOW), crossings(1)
    for number in range(MAX_MOMENTS):
        log.add(ledger[0], seen(ended=number * 10_000))
    assert len(told(log, ledger)) == MAX_MOMENTS


def test_with_more_crossings_than_moments_what_has_no_room_is_counted():
    log, ledger = MomentLog(NOW, 8), crossings(20)
    for number in range(40):
        log.add(ledger[number % 20], seen(ended=1000 + number * 10_000))
    moments = told(log, ledger)
    assert {moment.crossing for moment in moments} == set(range(8))
    assert [moment.count for moment in moments] == [2] * 8
    assert log.dropped == 24


class Model:
    """A log beside a ledger that counts the same."""

    def __init__(self, most):
        self.log, self.ledger, self.taken = MomentLog(NOW, most), crossings(6), []

    def add(self, number, what):
        self.log.add(self.ledger[number], what)
        count(self.ledger[number], what, VERDICT)
        self.taken.append((number, what))

    def move(self, which, number):
        """Count one of those seen so far as another crossing."""
        before, what = self.taken.pop(which % len(self.taken))
        uncount(self.ledger[before], what, VERDICT)
        self.log.take_back(self.ledger[before], what)
        self.add(number, what)


of_crossing = st.integers(0, 5)
conversion = st.builds(
    seen,
    ended=st.integers(0, 10**4) | st.integers(0, 10**11),
    took=st.none() | st.integers(0, 10**5),
    nbytes=st.none() | st.integers(0, 100),
    thread=st.sampled_from([MAIN, 1, 2]),
)
steps = st.lists(
    st.tuples(of_crossing, conversion) | st.tuples(st.integers(0, 99), of_crossing), max_size=60
)


@settings(deadline=None)
@given(steps, st.integers(1, 24))
def test_moments_and_what_was_dropped_are_the_ledgers_conversions(steps, most):
    model = Model(most)
    for one, other in steps:
        if isinstance(other, Seen):
            model.add(one, other)
        elif model.taken:
            model.move(one, other)
        assert len(model.log._moments) <= most
    counted = Counter()
    moments = told(model.log, model.ledger)
    for moment in moments:
        counted[moment.crossing] += moment.count
        assert moment.count > 0
        assert 0 <= moment.start_ns <= moment.stop_ns
        assert moment.busy_ns is None or moment.busy_ns >= 0
    assert all(counted[n] <= each.count for n, each in enumerate(model.ledger))
    total = sum(each.count for each in model.ledger)
    assert counted.total() + model.log.dropped == total
    assert moments == sorted(moments, key=lambda moment: moment.start_ns)


@settings(deadline=None)
@given(steps)
def test_with_room_for_all_crossings_counts_times_and_bytes_are_the_ledgers(steps):
    model = Model(18)
    for one, other in steps:
        if isinstance(other, Seen):
            model.add(one, other)
    moments = told(model.log, model.ledger)
    for number, each in enumerate(model.ledger):
        mine = [moment for moment in moments if moment.crossing == number]
        for name, whole in (("count", each.count), ("busy_ns", each.duration_ns),
                            ("nbytes", each.nbytes)):  # fmt: skip
            parts = [getattr(moment, name) for moment in mine]
            assert (None if None in parts else sum(parts)) == whole


# In a recorder.


def recorder():
    return Recorder(Recording(), {new_cell_file(): 0}, lambda name: None)


def test_moments_refer_to_the_ledger_without_what_turned_out_to_be_another_crossing():
    it = recorder()
    first = seen(is_corrected=True)
    it.see(None, first)
    it.see(None, seen(storage=COPIED._replace(reason="another")))
    it.correct(first, COPIED._replace(reason="corrected", copied_bytes=80, copies=2))
    recording = it.finish()
    assert [each.reason for each in recording.ledger] == ["another", "corrected"]
    assert sorted(moment.crossing for moment in recording.moments) == [0, 1]
    assert recording.moments_dropped == 0


def test_one_of_several_that_turns_out_to_be_another_crossing_leaves_the_others_moments():
    it = recorder()
    both = [seen(ended=1000, is_corrected=True), seen(ended=1050, is_corrected=True)]
    for each in both:
        it.see(None, each)
    it.correct(both[0], COPIED._replace(reason="corrected"))
    recording = it.finish()
    assert [each.count for each in recording.ledger] == [1, 1]
    assert [(moment.crossing, moment.count) for moment in recording.moments] == [(0, 1), (1, 1)]
    assert recording.moments_dropped == 0


def test_what_is_corrected_keeps_its_time():
    it = recorder()
    it.started_ns = NOW
    first = seen(ended=3_000_000, is_corrected=True)
    it.see(None, first)
    it.correct(first, COPIED._replace(reason="corrected"))
    (moment,) = it.finish().moments
    assert (moment.stop_ns, moment.busy_ns, moment.count) == (3_000_000, 100, 1)


def test_what_is_settled_at_the_end_has_the_time_and_the_thread_at_which_it_was_seen():
    class Look:
        def wait(self):
            pass

        def way(self, reader):
            return None

        def values_as(self, dtype):
            return None

        def judge(self, reader, target):
            return COPIED

    it = recorder()
    it.started_ns = NOW
    it.see(None, seen(ended=4_000_000, storage=Look(), thread=MAIN + 1))
    (moment,) = it.finish().moments
    assert (moment.stop_ns, moment.thread) == (4_000_000, 1)


def test_a_conversion_knows_when_and_on_which_thread_it_ended():
    made = []
    before = time.perf_counter_ns()
    facts = (NUMPY_TO_TENSORFLOW, (1,), "int8", "int8", "host", "CPU:0", 1, COPIED, 10)
    thread = threading.Thread(target=lambda: made.append(Seen("tf.lowest", *facts)))
    thread.start()
    thread.join()
    (one,) = made
    assert before <= one.ended_ns <= time.perf_counter_ns()
    assert one.thread == thread.ident != MAIN


def test_a_trace_tells_times_from_its_start(monkeypatch):
    monkeypatch.setattr(Scope, "enter", lambda self: None)
    monkeypatch.setattr(Scope, "leave", lambda self: None)
    monkeypatch.setattr(tracing.Trace, "_hook", lambda self: None)
    trace = tracing.Trace({new_cell_file(): 0}, "In[3]")
    trace.start()
    started = time.perf_counter_ns()
    now = seen()
    now.ended_ns = started
    trace._recorder.see(None, now)
    recording = trace.stop()
    (moment,) = recording.moments
    assert 0 <= moment.start_ns <= moment.stop_ns <= recording.duration_ns
    assert moment.stop_ns <= started - trace._recorder.started_ns
