"""The parts of the buffer slot that need no tensor; tests/contract has the slot itself."""

from __future__ import annotations

import _thread
import ctypes
import dis
import signal
import struct
import sys
import threading
import time
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfnp_magic.guards import InteropError
from tfnp_magic.interrupts import _as_varint, _varint, with_entry_covered
from tfnp_magic.probes.machine_code import address_of
from tfnp_magic.probes.slot import (
    BufferSlot,
    Unsupported,
    _call_later,
    _Deferred,
    _Raised,
    _shielded,
    _shielded_herald,
    _slot_address,
    check_support,
)

from .frames import LIBRARY, run

needs_exception_tables = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="3.10 has no exception tables"
)


def shielded(value):
    try:
        return ("ran", value)
    except BaseException as exc:
        return ("caught", type(exc))


def covered(function):
    """The same function with its entry inside its ``try``."""
    kind = type(function)
    return kind(with_entry_covered(function.__code__), function.__globals__, function.__name__)


@needs_exception_tables
def test_the_first_try_covers_the_entry_and_ends_where_it_did():
    code = shielded.__code__
    before = dis.Bytecode(code).exception_entries
    after = dis.Bytecode(with_entry_covered(code)).exception_entries
    resume = next(step.offset for step in dis.get_instructions(code) if step.opname == "RESUME")
    assert before[0].start > resume
    assert after[0].start == 0 <= resume < after[0].end == before[0].end
    assert after[0][2:] == before[0][2:]
    assert after[1:] == before[1:]


@needs_exception_tables
@pytest.mark.parametrize("lines", [1, 40, 400, 5000])
def test_a_long_try_is_covered_likewise(lines):
    """Whose length takes two or three digits in the table."""
    namespace = {}
    body = "        value = value + 1\n" * lines
    exec(
        f"def f(value):\n    try:\n{body}    except BaseException:\n        return -1\n", namespace
    )
    code = namespace["f"].__code__
    before = dis.Bytecode(code).exception_entries
    after = dis.Bytecode(with_entry_covered(code)).exception_entries
    assert (after[0].start, after[0].end) == (0, before[0].end)
    assert after[1:] == before[1:]


def test_a_function_without_a_try_is_left_as_it_is():
    code = covered.__code__
    assert with_entry_covered(code) is code


def interrupted(function):
    """Call it from C code, at whose end a signal waits: it arrives as the function is entered."""
    waiting = map(_thread.interrupt_main, [signal.SIGINT])
    try:
        return list(map(function, waiting))
    except KeyboardInterrupt:
        return "escaped"


@needs_exception_tables
def test_an_interrupt_that_arrives_at_the_entry_is_caught():
    assert interrupted(shielded) == "escaped"
    assert interrupted(covered(shielded)) == [("caught", KeyboardInterrupt)]


def test_a_covered_function_does_what_it_did():
    assert covered(shielded)(1) == shielded(1) == ("ran", 1)


@settings(max_examples=30)
@given(st.integers(0, 2**40), st.binary(max_size=3))
def test_numbers_in_a_table_are_read_as_they_are_written(number, rest):
    written = _as_varint(number)
    assert _varint(written + rest, 0) == (number, len(written))


@settings(max_examples=30)
@given(st.integers(0, 2**40))
def test_only_the_first_digit_of_an_entry_is_marked(number):
    marked = _as_varint(number, first=True)
    assert [bool(digit & 128) for digit in marked] == [True] + [False] * (len(marked) - 1)
    assert _varint(marked, 0) == (number, len(marked))


# What the listener may raise.


STARTED = ctypes.create_string_buffer(16)  # a `struct timespec`


def test_whatever_the_listener_raises_waits_for_the_user():
    waiting = deque()

    def listener(*args):
        raise KeyboardInterrupt("the user's")

    note = _shielded(listener, waiting, _Raised())
    assert note(object(), 0, 0, ctypes.addressof(STARTED)) == 1
    assert [str(error) for error in waiting] == ["the user's"]


def test_what_a_guard_raises_on_another_thread_is_handed_to_c_for_that():
    def listener(*args):
        raise error

    def work():
        told.append(note(object(), 0, 0, ctypes.addressof(STARTED)))

    error, waiting, raised, told = InteropError("not here"), deque(), _Raised(), []
    note = _shielded(listener, waiting, raised)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [2]
    assert not waiting
    assert raised.words[0] == thread.ident
    assert id(raised._kind) == raised.words[1]
    assert raised._kind() is error


@needs_exception_tables
def test_an_interrupt_that_arrives_as_the_listener_is_called_waits_for_the_user():
    """In a loop of conversions nearly every Ctrl-C arrives there."""
    waiting = deque()
    note = _shielded(lambda *args: None, waiting, _Raised())
    signals = map(_thread.interrupt_main, [signal.SIGINT])
    assert list(map(note, signals, [0], [0], [ctypes.addressof(STARTED)])) == [1]
    assert [type(error) for error in waiting] == [KeyboardInterrupt]


def test_a_listener_hears_what_was_asked_for_and_how_long_it_took():
    heard, waiting, exporter = [], deque(), object()
    note = _shielded(lambda *args: heard.append(args), waiting, _Raised())
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    struct.pack_into("=qq", STARTED, 0, *divmod(before, 10**9))
    assert note(exporter, 1, 2, ctypes.addressof(STARTED)) == 0
    ((told, view, flags, stack, duration_ns),) = heard
    assert told is exporter
    assert (view, flags, stack) == (1, 2, ctypes.addressof(STARTED))
    assert 0 <= duration_ns <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) - before
    assert not waiting


def test_what_waits_is_raised_once_without_our_frames():
    deferred = _Deferred()
    assert not deferred
    deferred.waiting.append(KeyboardInterrupt("the user's"))
    with pytest.raises(KeyboardInterrupt, match="the user's"):
        bool(deferred)
    assert not deferred


def test_what_a_guard_raises_waits_on_the_main_thread():
    error, deferred = InteropError("not here"), _Deferred()

    def listener(*args):
        raise error

    def ask():
        # As C does it; the interpreter raises at one of its next instructions.
        _call_later(address_of(ctypes.pythonapi.PyObject_IsTrue), deferred)
        for _ in range(1000):
            pass

    note = _shielded(listener, deferred.waiting, _Raised())
    assert note(object(), 0, 0, ctypes.addressof(STARTED)) == 1
    with pytest.raises(InteropError, match="not here") as raised:
        ask()
    assert raised.value is error
    assert "__bool__" not in [entry.name for entry in raised.traceback]


def test_what_waits_is_not_raised_while_a_library_is_asked_for_an_attribute():
    """NumPy takes it for the attribute's absence before 2.0, and may end the process since."""
    deferred, found = _Deferred(), []
    source = "class Tensor:\n    def __getattr__(self, name):\n        return bool(deferred)\n"
    tensor = run(LIBRARY, source, deferred=deferred)["Tensor"]()
    deferred.waiting.append(KeyboardInterrupt("the user's"))

    def ask():
        for _ in range(1000):
            found.append(tensor.anything)  # noqa: PERF401 - the interpreter raises at one of its next instructions

    with pytest.raises(KeyboardInterrupt, match="the user's"):
        ask()
    assert found in ([], [False])
    assert not deferred.waiting


# The herald, which is called before.


def test_whatever_the_herald_raises_waits_for_the_user_and_the_listener_tells_c():
    waiting = deque()

    def herald(exporter):
        raise KeyboardInterrupt("the user's")

    assert _shielded_herald(herald, waiting)(object()) == 0
    assert [str(error) for error in waiting] == ["the user's"]
    note = _shielded(lambda *args: None, waiting, _Raised())
    assert note(object(), 0, 0, ctypes.addressof(STARTED)) == 1


class Exporter(bytearray):
    """A type of our own with a slot of its own."""


@pytest.fixture
def calls():
    """What was called in a slot of `Exporter`, which `slot` is in meanwhile."""
    try:
        check_support()
    except Unsupported as reason:
        pytest.skip(str(reason))
    return []


@pytest.fixture
def slot(calls):
    made = BufferSlot(
        Exporter, lambda *args: calls.append("heard"), lambda exporter: calls.append("announced")
    )
    made.on()
    yield made
    assert made.off()


def test_herald_is_called_before_the_listener_while_it_is_wanted(slot, calls):
    memory = Exporter(b"abc")
    assert bytes(memoryview(memory)) == b"abc"
    assert calls == ["heard"]
    slot.heralds = True
    assert bytes(memoryview(memory)) == b"abc"
    assert calls == ["heard", "announced", "heard"]
    slot.heralds = False
    assert bytes(memoryview(memory)) == b"abc"
    assert calls == ["heard", "announced", "heard", "heard"]


def looked_at():
    """Ask for a buffer, and go on: the interpreter raises at one of its next instructions."""
    memoryview(Exporter(b"abc"))
    for _ in range(1000):
        pass


def test_what_the_herald_raised_is_raised_in_the_users_code(calls):
    def herald(exporter):
        raise KeyboardInterrupt("the user's")

    made = BufferSlot(Exporter, lambda *args: calls.append("heard"), herald)
    made.on()
    made.heralds = True
    try:
        with pytest.raises(KeyboardInterrupt, match="the user's"):
            looked_at()
    finally:
        assert made.off()
    assert calls == ["heard"]


# Support.


def test_this_machine_is_supported_or_the_reason_is_said():
    try:
        check_support()
    except Unsupported as reason:
        pytest.skip(str(reason))
    assert _slot_address(bytes)
    assert _slot_address(bytearray)
    assert not _slot_address(int)
    assert not _slot_address(str)


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("platform.machine", lambda: "aarch64", "no code for aarch64"),
        ("sys.platform", "win32", "on win32"),
        ("sys.version_info", (3, 15, 0), "is not known"),
    ],
)
def test_what_is_not_known_is_refused_with_its_reason(monkeypatch, attribute, value, reason):
    monkeypatch.setattr(f"tfnp_magic.probes.slot.{attribute}", value)
    with pytest.raises(Unsupported, match=reason):
        check_support()


def test_a_type_that_exports_no_buffers_is_refused():
    with pytest.raises(Unsupported):
        BufferSlot(int, lambda *args: None)
