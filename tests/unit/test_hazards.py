"""Memory shared by an array and what stands for a tensor: what is watched, found and told."""

from __future__ import annotations

import dataclasses
import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tfnp_magic import hazards
from tfnp_magic.hazards import (
    _MOST,
    WHOLE,
    Hazards,
    Shared,
    checksum_of,
    last_found,
    root_of,
    shared_with,
)
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, Place, Site
from tfnp_magic.recorder import budget
from tfnp_magic.recording import Recording

from .arrays import flat_arrays, layouts

laws = settings(deadline=None, max_examples=50)


class Tensor:
    """Holds an array, as a tensor over its memory does."""

    def __init__(self, array=None):
        self.array = array


def looked_at(array, tensor, holder=""):
    """A pair whose memory is compared with what it holds now."""
    shared = Shared(array, tensor, holder)
    shared.look()
    return shared


def at(line, source="In[3]"):
    return Place(source, line, "<module>", "")


def site(line=1):
    return Site(at(line), None)


class Watching:
    """Hazards of a trace, as a recorder drives them."""

    def __init__(self, source=""):
        self.recording = Recording(title="In[3]", source=source)
        self.hazards = Hazards(self.recording)

    def add(self, array, tensor, line=1, holder="", names=None, where=None):
        shared = shared_with(array, tensor, holder)
        where = where or site(line)
        self.hazards.add(shared, where, "tf.squeeze", NUMPY_TO_TENSORFLOW, names or {})

    def pass_by(self, line):
        self.hazards.pass_by(at(line))

    def finish(self):
        self.hazards.finish()
        assert self.recording.lost == []
        return self.recording.hazards


@pytest.fixture
def watching():
    return Watching()


def twelve():
    return np.arange(12, dtype=np.float32)


@pytest.fixture
def array():
    """Held by pytest, too: where it must end, a test makes its own."""
    return twelve()


# One pair.


@pytest.mark.parametrize("end", ["array", "tensor"])
def test_neither_end_is_kept_alive(end):
    array = twelve()
    tensor = Tensor()
    died = weakref.ref(array if end == "array" else tensor)
    shared = looked_at(array, tensor)
    assert not shared.is_over()
    if end == "array":
        del array
    else:
        del tensor
    gc.collect()
    assert died() is None
    assert shared.is_over()
    assert not shared.was_written()
    assert not shared.can_be_written()


def test_pair_without_a_tensor_of_the_users_ends_with_its_array():
    array = twelve()
    shared = looked_at(array, None, "a GradientTape")
    assert not shared.is_over()
    assert shared.ends()[0] is array
    assert shared.ends()[1] is None
    del array
    assert shared.is_over()


def test_memory_that_python_sees_only_through_the_tensor_is_read_there(monkeypatch, array):
    """As behind DLPack."""
    monkeypatch.setattr(hazards, "host_view", lambda tensor: tensor.array)
    tensor = Tensor(array)
    shared = shared_with(None, tensor)
    assert shared.can_be_written()
    assert not shared.was_written()
    shared.look()
    assert not shared.was_written()
    array[3] += 1
    assert shared.was_written()
    del tensor
    assert shared.is_over()
    assert not shared.can_be_written()


def test_tensor_that_cannot_be_looked_at_is_not_watched(monkeypatch):
    monkeypatch.setattr(hazards, "host_view", lambda tensor: None)
    tensor = Tensor()
    assert shared_with(None, tensor) is None


def flip(array, number):
    """Change one byte of an array's elements, wherever they lie."""
    array = np.asarray(array)
    array.flags.writeable = True
    raw = np.ndarray((*array.shape, array.itemsize), np.uint8, array, 0, (*array.strides, 1))
    index = np.unravel_index(number % raw.size, raw.shape)
    raw[index] ^= 1


@laws
@given(flat_arrays() | layouts(), st.integers(0, 2**20))
def test_law_a_write_is_seen_if_and_only_if_a_byte_changed(array, number):
    assume(array.size)
    assume(array.flags.writeable or array.base is not None)
    tensor = Tensor()
    shared = looked_at(array, tensor)
    assert not shared.sampled
    assert not shared.was_written()
    try:
        flip(array, number)
    except ValueError:  # broadcast: NumPy does not let it be written to
        return
    assert shared.was_written()
    flip(array, number)
    assert not shared.was_written()


@laws
@given(st.integers(0, WHOLE // 8 - 1), st.integers(1, 255))
@example(0, 1)
@example(WHOLE // 8 - 1, 255)
def test_law_memory_up_to_the_limit_is_read_in_full(number, change):
    memory = LARGEST[: WHOLE // 8]
    whole, sampled = checksum_of(memory)
    assert not sampled
    memory[number] ^= change
    assert checksum_of(memory)[0] != whole
    memory[number] ^= change


LARGEST = np.zeros(WHOLE + 4096, np.uint8)


@pytest.mark.parametrize(
    ("nbytes", "sampled"), [(WHOLE - 1, False), (WHOLE, False), (WHOLE + 1, True)]
)
@pytest.mark.parametrize("where", [0, -1])
def test_of_more_memory_the_first_and_the_last_byte_are_read_and_the_sample_is_told(
    nbytes, sampled, where
):
    memory, tensor = LARGEST[:nbytes], Tensor()
    shared = looked_at(memory, tensor)
    assert shared.sampled == sampled
    memory[where] += 1
    assert shared.was_written()
    memory[where] -= 1
    assert not shared.was_written()


def test_a_large_write_into_sampled_memory_is_seen_wherever_it_begins():
    memory, tensor = np.zeros((3 * WHOLE,), np.uint8), Tensor()
    shared = looked_at(memory, tensor)
    for start in range(0, memory.size - 65_536, 1_000_003):
        memory[start : start + 65_536] = 7
        assert shared.was_written(), start
        memory[start : start + 65_536] = 0


def test_large_memory_with_gaps_is_sampled_without_a_copy_of_all():
    memory, tensor = np.zeros((4096, 4096), np.uint8), Tensor()
    view = memory[:, ::2]
    tracemalloc.start()
    try:
        shared = looked_at(view, tensor)
        assert tracemalloc.get_traced_memory()[1] < view.nbytes
    finally:
        tracemalloc.stop()
    assert shared.sampled
    memory[:] = 1
    assert shared.was_written()


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("kind", [np.matrix, np.ma.masked_array], ids=["matrix", "masked"])
@pytest.mark.parametrize("rows", [3, WHOLE // 4 + 1])
def test_subclass_of_ndarray_is_read_like_any_array(kind, rows):
    array, tensor = kind(np.zeros((rows, 4), np.uint8)), Tensor()
    shared = looked_at(array, tensor)
    assert shared.sampled == (rows > 3)
    array[-1, -1] = 5
    assert shared.was_written()


def test_masked_arrays_mask_is_not_its_memory():
    array, tensor = np.ma.masked_array(np.zeros(3)), Tensor()
    shared = looked_at(array, tensor)
    array[1] = np.ma.masked
    assert not shared.was_written()


# Who can write.


def test_what_nobody_can_write_to_or_has_no_elements_is_not_watched(array):
    array.flags.writeable = False
    tensor = Tensor()
    assert shared_with(array, tensor) is None
    assert shared_with(np.frombuffer(b"12345678"), tensor) is None
    assert shared_with(np.zeros((0, 4)), tensor) is None


def test_objects_are_not_watched():
    """Whose memory holds addresses: no tensor shares it."""
    assert shared_with(np.array([object()]), Tensor()) is None


def test_array_that_someone_holds_can_be_written_to(array):
    tensor = Tensor(array)
    assert shared_with(array, tensor).can_be_written()


def test_array_that_only_the_tensor_holds_cannot():
    array = twelve()
    tensor = Tensor(array)
    shared = shared_with(array, tensor)
    del array
    assert not shared.is_over()
    assert not shared.can_be_written()


def test_array_that_only_tensors_hold_cannot():
    array = twelve()
    tensor, _other = Tensor(array), Tensor(array)
    shared = shared_with(array, tensor)
    del array
    assert shared.can_be_written()
    assert not shared.can_be_written(2)


def test_view_of_memory_that_someone_holds_can_be_written_to():
    array = twelve()
    tensor = Tensor(array[2:])
    shared = shared_with(tensor.array, tensor)
    assert shared.can_be_written()
    other_view = array[:3]
    del array
    assert shared.can_be_written()
    del other_view
    assert not shared.can_be_written()


def test_read_only_view_counts_where_someone_holds_what_it_is_a_view_of():
    array = twelve()
    view = array[2:]
    view.flags.writeable = False
    tensor = Tensor(view)
    shared = shared_with(view, tensor)
    shared.look()
    assert shared.can_be_written()
    array[4] = 99
    assert shared.was_written()
    del array
    assert not shared.can_be_written()  # `view` is held, and read-only


def test_root_is_the_owner_however_long_the_chain(array):
    assert root_of(array) is array
    assert root_of(array[1:][1:].reshape(2, 5).T) is array
    held = np.frombuffer(bytearray(8), np.uint8)
    assert root_of(held[2:]) is held


# All pairs of a trace.


def test_pair_that_was_not_written_to_is_told_as_shared(watching, array):
    tensor = Tensor(array)
    watching.add(array, tensor, 4)
    (hazard,) = watching.finish()
    assert (hazard.site, hazard.route, hazard.direction) == (
        site(4),
        "tf.squeeze",
        NUMPY_TO_TENSORFLOW,
    )
    assert (hazard.nbytes, hazard.count, hazard.written) == (48, 1, False)
    assert (hazard.intact_at, hazard.written_before, hazard.written_at) == (None, None, None)


@pytest.mark.parametrize(("nbytes", "sampled"), [(WHOLE, False), (WHOLE + 1, True)])
def test_sample_is_told(watching, nbytes, sampled):
    tensor = Tensor(LARGEST)
    memory = LARGEST[:nbytes]
    watching.add(memory, tensor)
    assert [hazard.sampled for hazard in watching.finish()] == [sampled]


def test_write_is_told_between_the_two_places_where_the_trace_came_by(watching, array):
    tensor = Tensor(array)
    watching.add(array, tensor, 1)
    watching.pass_by(2)
    watching.pass_by(3)
    array[0] = 9
    watching.pass_by(5)
    watching.pass_by(6)
    (hazard,) = watching.finish()
    assert hazard.written
    assert (hazard.intact_at, hazard.written_before) == (at(3), at(5))


def test_write_after_the_last_crossing_is_told_after_it(watching, array):
    tensor = Tensor(array)
    watching.add(array, tensor, 1)
    array[0] = 9
    (hazard,) = watching.finish()
    assert hazard.written
    assert (hazard.intact_at, hazard.written_before) == (at(1), None)


def test_the_innermost_line_is_where_the_memory_was_intact(watching, array):
    tensor = Tensor(array)
    inner = at(17, "features.py")
    watching.add(array, tensor, where=Site(at(2), inner))
    array[0] = 9
    assert watching.finish()[0].intact_at == inner


@pytest.mark.parametrize("gone", ["tensor", "array"])
def test_pair_that_ended_before_the_write_is_not_told(watching, gone):
    memory = np.zeros(12)
    array, tensor = memory[:], Tensor()
    watching.add(array, tensor)
    if gone == "tensor":
        del tensor
    else:
        del array
    memory[:] = 1
    watching.pass_by(2)
    assert watching.finish() == []


def test_write_that_was_seen_stays_told_when_its_ends_are_gone(watching, array):
    tensor = Tensor(array)
    watching.add(array, tensor)
    array[0] = 9
    watching.pass_by(2)
    del tensor, array
    assert [hazard.written for hazard in watching.finish()] == [True]


def test_temporary_that_only_the_tensor_holds_is_not_told(watching):
    tensor = Tensor(np.zeros(12))
    watching.add(tensor.array, tensor)
    assert watching.finish() == []


def test_temporary_that_several_tensors_hold_is_not_told(watching):
    one = Tensor(np.zeros(12))
    other = Tensor(one.array)
    watching.add(one.array, one, 1)
    watching.add(one.array, other, 2)
    watching.add(one.array, other, 3)
    assert watching.finish() == []


def test_what_was_written_comes_first(watching):
    arrays = [np.zeros(12) for _ in range(3)]
    tensors = [Tensor(array) for array in arrays]
    for line, (array, tensor) in enumerate(zip(arrays, tensors, strict=True)):
        watching.add(array, tensor, line)
    arrays[1][:] = 1
    found = watching.finish()
    assert [hazard.site.line.line for hazard in found] == [1, 0, 2]


def test_names_are_looked_up_where_the_user_may_call_them(watching, array):
    tensor = Tensor(array)
    watching.add(array, tensor, names={"other": 1, "x": array, "t": tensor})
    (hazard,) = watching.finish()
    assert (hazard.array, hazard.tensor) == ("x", "t")


def test_lines_of_the_cell_are_named():
    watching = Watching("%%interop_trace\nx = make()\nt = tf.squeeze(x)\nx[:] = 0\n")
    array = np.ones(12)
    tensor = Tensor(array)
    watching.add(array, tensor, 3, names={"x": array, "t": tensor})
    array[:] = 0
    (hazard,) = watching.finish()
    assert (hazard.made_at.line, hazard.written_at.line) == (2, 4)
    assert hazard.written_at.code == "x[:] = 0"


# Again and again.


def test_same_pair_at_the_same_site_is_counted(watching, array):
    tensor = Tensor(array)
    for _ in range(1000):
        watching.add(array, tensor, 4)
    watching.add(array, tensor, 5)
    assert [hazard.count for hazard in watching.finish()] == [1000, 1]


@pytest.mark.parametrize("times", [1, 2, 3, 4, 50])
def test_in_a_loop_that_makes_tensors_anew_the_one_that_stays_is_watched(watching, array, times):
    for _ in range(times):
        made = Tensor(array)
        watching.add(array, made)
        tensor = made  # a name is bound when the call is over: until then the last one lives
    del made
    array[0] = 9
    (hazard,) = watching.finish()
    assert (hazard.count, hazard.written) == (times, True)
    del tensor


def test_the_first_tensor_of_a_loop_is_watched_when_the_others_are_gone(watching, array):
    first = Tensor(array)
    watching.add(array, first)
    for _ in range(3):
        watching.add(array, Tensor(array))
    array[0] = 9
    (hazard,) = watching.finish()
    assert hazard.written


def test_reused_buffer_is_told_once_however_often_it_was_written_to(watching, array):
    tensors = []
    for number in range(500):
        array[:] = number
        watching.pass_by(5)
        tensors.append(Tensor(array))
        watching.add(array, tensors[-1], 5)
    (hazard,) = watching.finish()
    assert (hazard.count, hazard.written) == (500, True)
    assert (hazard.intact_at, hazard.written_before) == (at(5), at(5))


def test_reused_buffer_is_found_written_even_where_there_is_no_time_to_look(watching, array):
    watching.hazards._budget._spent_ns = 10**18
    tensors = []
    for number in range(5):
        array[:] = number
        watching.pass_by(5)
        tensors.append(Tensor(array))
        watching.add(array, tensors[-1], 5)
    (hazard,) = watching.finish()
    assert (hazard.count, hazard.written) == (5, True)


def test_other_memory_at_the_same_site_is_told_apart(watching):
    arrays = [np.zeros(12), np.zeros(12)]
    tensors = [Tensor(array) for array in arrays]
    for array, tensor in zip(arrays, tensors, strict=True):
        watching.add(array, tensor)
    assert [hazard.count for hazard in watching.finish()] == [1, 1]


def test_more_pairs_than_are_watched_are_counted(watching):
    arrays = [np.zeros(2) for _ in range(_MOST + 7)]
    tensors = [Tensor(array) for array in arrays]
    for array, tensor in zip(arrays, tensors, strict=True):
        watching.add(array, tensor)
    assert len(watching.finish()) == _MOST
    assert watching.recording.hazards_unwatched == 7


def test_pairs_that_are_over_make_room(watching):
    kept = [(array, Tensor(array)) for array in (np.zeros(2) for _ in range(_MOST + 7))]
    for array, tensor in kept[:_MOST]:
        watching.add(array, tensor)
    del array, tensor
    del kept[:_MOST]
    for array, tensor in kept:
        watching.add(array, tensor)
    assert len(watching.finish()) == 7
    assert watching.recording.hazards_unwatched == 0


def test_of_very_many_memories_that_were_written_to_none_is_silent(watching):
    kept = []
    for _ in range(2 * _MOST):
        array = np.zeros(2)
        kept.append((array, Tensor(array)))
        watching.add(*kept[-1])
        array[:] = 1
        watching.hazards._budget._spent_ns = 0
        watching.pass_by(2)
    found = watching.finish()
    assert len(found) <= _MOST
    assert sum(hazard.count for hazard in found) == 2 * _MOST
    assert all(hazard.written for hazard in found)


# Holders, time, threads, failures.


def test_holders_pair_is_told_when_written_to_before_the_holder_ended(watching, array):
    watching.add(array, None, 1, holder="a GradientTape")
    array[0] = 9
    watching.hazards.end_of("a GradientTape")
    (hazard,) = watching.finish()
    assert (hazard.holder, hazard.written, hazard.intact_at) == ("a GradientTape", True, at(1))


def test_holders_pair_is_not_told_when_written_to_afterwards_or_never(watching, array):
    other = np.zeros(3)
    watching.add(array, None, 1, holder="a GradientTape")
    watching.add(other, None, 2, holder="another holder")
    watching.hazards.end_of("a GradientTape")
    array[0] = 9
    assert watching.finish() == []


def test_end_of_one_holder_leaves_the_others_watched(watching, array):
    watching.add(array, None, 1, holder="another holder")
    watching.hazards.end_of("a GradientTape")
    array[0] = 9
    (hazard,) = watching.finish()
    assert (hazard.holder, hazard.written) == ("another holder", True)


def test_end_of_a_holder_is_no_look_at_the_others(watching, array):
    """Which are told between the lines that the trace comes by."""
    tensor = Tensor(array)
    watching.add(array, tensor, 1)
    array[0] = 9
    watching.hazards.end_of("a GradientTape")
    watching.pass_by(5)
    (hazard,) = watching.finish()
    assert (hazard.intact_at, hazard.written_before) == (at(1), at(5))


def test_same_memory_of_a_tensor_and_of_a_holder_is_told_apart(watching, array):
    tensor = Tensor(array)
    watching.add(array, tensor)
    watching.add(array, None, holder="a GradientTape")
    array[0] = 9
    assert {hazard.holder for hazard in watching.finish()} == {"", "a GradientTape"}


def test_looks_in_between_keep_within_a_share_of_the_traced_time(watching, array, monkeypatch):
    now, looks = [0], []

    def check(place, holder=None):
        looks.append(now[0])
        now[0] += 10_000_000

    watching.hazards._budget._began_ns = 0
    monkeypatch.setattr("time.perf_counter_ns", lambda: now[0])
    tensor = Tensor(array)
    watching.add(array, tensor)
    monkeypatch.setattr(watching.hazards, "_check", check)
    for _ in range(2000):
        now[0] += 1_000_000
        watching.pass_by(2)
    spent = 10_000_000 * len(looks)
    limit = budget.GRACE_NS + budget.SHARE * now[0]
    assert limit - 20_000_000 < spent <= limit + 10_000_000


@pytest.mark.parametrize("has_time", [True, False])
def test_loop_that_takes_too_long_to_watch_is_told(watching, monkeypatch, has_time):
    """Each memory anew, as of batches; of one site, the first are looked at in any case."""
    monkeypatch.setattr(budget.Budget, "has_time", lambda self: has_time)
    kept = [twelve() for _ in range(budget.ALWAYS + 5)]
    tensors = [Tensor(array) for array in kept]
    for array, tensor in zip(kept, tensors, strict=True):
        watching.add(array, tensor)
    assert len(watching.finish()) == budget.ALWAYS + (5 if has_time else 0)
    assert watching.recording.hazards_unwatched == (0 if has_time else 5)


def test_last_look_is_made_whatever_time_was_spent(watching, array):
    tensor = Tensor(array)
    watching.add(array, tensor)
    watching.hazards._budget._spent_ns = 10**18
    array[0] = 9
    watching.pass_by(2)
    (hazard,) = watching.finish()
    assert (hazard.written, hazard.intact_at, hazard.written_before) == (True, at(1), None)


def test_threads_may_add_and_look_at_once(watching):
    arrays = [np.zeros(64) for _ in range(40)]
    tensors = [Tensor(array) for array in arrays]
    failed = []

    def work(first):
        try:
            for number in range(first, 40, 4):
                watching.add(arrays[number], tensors[number], number)
                arrays[number][0] = number + 1
                watching.pass_by(number)
                watching.hazards.end_of("nobody")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = watching.finish()
    assert failed == []
    assert sorted(hazard.site.line.line for hazard in found) == [*range(40)]
    assert all(hazard.written for hazard in found)


def test_failure_of_ours_costs_the_recording_and_not_the_user(watching, array, monkeypatch):
    tensor = Tensor(array)
    watching.add(array, tensor)
    monkeypatch.setattr(hazards, "names_of", lambda *args: 1 / 0)
    watching.hazards.finish()
    (said,) = watching.recording.lost
    assert "ZeroDivisionError" in said


def test_nothing_is_kept_alive_by_a_trace_or_after_it(watching):
    array = np.zeros(12)
    tensor = Tensor(array)
    died = weakref.ref(array), weakref.ref(tensor)
    watching.add(array, tensor, names={})
    watching.pass_by(2)
    watching.finish()
    del array, tensor
    gc.collect()
    assert [reference() for reference in died] == [None, None]


# For the next look at the namespace.


def test_last_trace_is_remembered_for_as_long_as_both_ends_live(watching, array):
    tensor = Tensor(array)
    watching.add(array, tensor)
    array[0] = 9
    watching.finish()
    (found,) = last_found()
    assert (found.title, found.hazard.written) == ("In[3]", True)
    assert found.shared.ends()[0] is array
    assert found.shared.ends()[1] is tensor
    del found, tensor
    gc.collect()
    assert last_found() == []


def test_any_tensor_of_a_loop_is_enough_to_remember_it(watching, array):
    tensors = [Tensor(array) for _ in range(3)]
    for tensor in tensors:
        watching.add(array, tensor)
    del tensor
    watching.finish()
    del tensors[1:]
    (found,) = last_found()
    assert found.shared.ends()[1] is tensors[0]


def test_next_trace_replaces_what_is_remembered(watching, array):
    tensor = Tensor(array)
    watching.add(array, tensor)
    watching.finish()
    assert last_found()
    Watching().finish()
    assert last_found() == []


def test_hazards_are_plain_data(watching, array):
    tensor = Tensor(array)
    watching.add(array, tensor, names={"x": array})
    (hazard,) = watching.finish()
    held = [getattr(hazard, field.name) for field in dataclasses.fields(hazard)]
    assert all(isinstance(value, (str, int, bool, tuple, type(None))) for value in held)
