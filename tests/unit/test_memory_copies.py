"""Large copies of memory are noted while somebody watches, and every slot is given back."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from tfnp_magic.probes import memory_copies
from tfnp_magic.probes.loaded_libraries import Redirection, Slot, libraries, slots_of
from tfnp_magic.probes.machine_code import Page, Unsupported, address_of
from tfnp_magic.probes.memory_copies import (
    ENTRY,
    FUNCTIONS,
    LEAST,
    MemoryCopies,
    assemble,
    check_support,
)

try:
    check_support()
except Unsupported as reason:
    pytest.skip(str(reason), allow_module_level=True)

LARGE = 3 * LEAST + 24


@pytest.fixture
def copies():
    watch = MemoryCopies()
    yield watch
    watch.off()
    assert as_found(watch)


def as_found(watch):
    return all(word_at(slot.address).value == slot.content for slot in watch.slots())


def word_at(address):
    return ctypes.c_uint64.from_address(address)


def copy_of_bytes(source):
    """Python copies them by the `memcpy` of its own library or program."""
    return bytes(source)


def noted(watch, mark, nbytes):
    entries = watch.since(mark)
    return entries[entries["nbytes"] == nbytes]


# The machine code.


class Ring:
    def __init__(self, original, least=LEAST):
        self.least, self.count = ctypes.c_uint64(least), ctypes.c_uint64(0)
        self.memory = (ctypes.c_char * (4096 * ENTRY.itemsize))()
        addresses = (ctypes.addressof(part) for part in (self.least, self.count, self.memory))
        self.page = Page(assemble(original, *addresses))

    @property
    def entries(self):
        return np.frombuffer(memoryview(self.memory), ENTRY)[: self.count.value]


def memmove_noted(least=LEAST):
    ring = Ring(address_of(ctypes.CDLL(None).memmove), least)
    word = ctypes.c_void_p
    return ring, ctypes.CFUNCTYPE(word, word, word, ctypes.c_size_t)(ring.page.address)


def test_code_notes_a_large_copy_and_makes_it():
    ring, memmove = memmove_noted()
    source = np.random.default_rng(1).integers(0, 256, LARGE, np.uint8)
    target = np.zeros_like(source)
    assert memmove(target.ctypes.data, source.ctypes.data, LARGE) == target.ctypes.data
    assert (target == source).all()
    (entry,) = ring.entries
    assert entry["thread"] == threading.get_ident()
    assert (entry["to"], entry["from"]) == (target.ctypes.data, source.ctypes.data)
    assert entry["nbytes"] == LARGE
    assert entry["head"].tobytes() == source[:960].tobytes()
    quarter, half = LARGE // 4 & -8, LARGE // 2 & -8
    for sample, at in zip(
        entry["samples"], (quarter, half, half + quarter, LARGE - 8), strict=True
    ):
        assert sample.tobytes() == source[at : at + 8].tobytes()


@pytest.mark.parametrize(("nbytes", "expected"), [(LEAST - 1, 0), (LEAST, 1), (LEAST + 1, 1)])
def test_code_notes_no_small_copy(nbytes, expected):
    ring, memmove = memmove_noted()
    source, target = np.ones(nbytes, np.uint8), np.zeros(nbytes, np.uint8)
    memmove(target.ctypes.data, source.ctypes.data, nbytes)
    assert target.all()
    assert ring.count.value == expected


RETURN = {
    "rdi": "4889f8", "rsi": "4889f0", "rdx": "4889d0", "rcx": "4889c8", "r8": "4c89c0",
    "r9": "4c89c8",
}  # fmt: skip
"""``mov rax, …``"""


@pytest.mark.parametrize("register", RETURN)
@pytest.mark.parametrize("least", [0, LEAST, 2 * LEAST])
def test_code_hands_every_argument_on(register, least):
    ring = Ring(Page(bytes.fromhex(RETURN[register]) + b"\xc3").address, least)
    source = np.zeros(LEAST, np.uint8)
    arguments = [111, source.ctypes.data, LEAST, 444, 555, 666]
    call = ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_uint64] * 6)(ring.page.address)
    assert call(*arguments) == arguments[list(RETURN).index(register)]
    assert ring.count.value == (least <= LEAST)


def test_code_leaves_the_stack_as_it_was():
    # The original returns the stack pointer: that of a direct call and that behind our code.
    original = Page(bytes.fromhex("4889e0 c3")).address
    ring = Ring(original)
    kind = ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_uint64] * 3)
    source = np.zeros(LEAST, np.uint8)
    arguments = 0, source.ctypes.data, LEAST
    direct, noted_one = kind(original), kind(ring.page.address)
    assert [direct(*arguments) for _ in range(2)] == [noted_one(*arguments) for _ in range(2)]


# The watch.


def test_copy_by_a_loaded_library_is_noted(copies):
    source = bytearray(np.random.default_rng(2).bytes(LARGE))
    mark = copies.enter(1)
    result = copy_of_bytes(source)
    (entry,) = noted(copies, mark, LARGE)
    assert result == source
    assert entry["head"].tobytes() == result[:960]


def test_nothing_is_noted_before_and_after(copies):
    mark = copies.enter(1)
    copies.leave(1)
    assert not copies.is_on
    copy_of_bytes(bytearray(LARGE))
    assert copies.mark() == mark


def test_slots_and_protection_are_as_they_were(copies):
    copies.enter(1)
    copies.leave(1)  # what it needs for itself is allocated now
    pages = {slot.address & -mmap.PAGESIZE for slot in copies.slots()}
    assert pages
    before = protections(pages)
    assert "r--p" in before.values()
    copies.enter(1)
    assert not any(word_at(slot.address).value == slot.content for slot in copies.slots())
    assert protections(pages) == before  # nothing stays writable meanwhile
    copies.leave(1)
    assert as_found(copies)
    assert protections(pages) == before


def protections(pages):
    found = {}
    with open("/proc/self/maps") as file:
        for line in file:
            span, kind = line.split()[:2]
            start, stop = (int(end, 16) for end in span.split("-"))
            found.update(dict.fromkeys([page for page in pages if start <= page < stop], kind))
    return found


def test_last_user_gives_the_slots_back(copies):
    copies.enter(1)
    copies.enter(2)
    copies.leave(1)
    assert copies.is_on
    copies.leave(2)
    assert as_found(copies)


def test_off_gives_them_back_whoever_watches(copies):
    copies.enter(1)
    copies.enter(2)
    copies.off()
    assert as_found(copies)
    copies.leave(1)
    assert copies.enter(3) == copies.mark()


def test_smaller_copies_are_left_out_on_request_until_somebody_wants_them(copies):
    copies.enter(1)
    copies.narrow(1, 2 * LARGE)
    mark = copies.mark()
    copy_of_bytes(bytearray(LARGE))
    assert copies.mark() == mark
    copies.enter(2)
    copy_of_bytes(bytearray(LARGE))
    assert len(noted(copies, mark, LARGE)) == 1


def test_more_copies_than_the_ring_holds_are_unknown(copies):
    mark = copies.enter(1)
    source = bytearray(LEAST)
    for _ in range(4097):
        copy_of_bytes(source)
    assert copies.since(mark) is None
    assert len(copies.since(copies.mark() - 3)) == 3


def test_all_threads_are_noted_with_their_numbers(copies):
    mark = copies.enter(1)
    sources = [np.zeros(LARGE + 8 * number, np.uint8) for number in range(4)]
    target = np.zeros(LARGE + 64, np.uint8)
    idents = {}

    def work(number):
        idents[number] = threading.get_ident()
        for _ in range(200):
            copy_of_bytes(memoryview(sources[number]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, source in enumerate(sources):
        mine = noted(copies, mark, source.nbytes)
        assert len(mine) == 200
        assert set(mine["thread"].tolist()) == {idents[number]}
    assert not target.any()


def test_going_in_again_looks_at_no_library_again(copies, monkeypatch):
    """How long it takes is for the benchmark; that it need not look for slots is for this."""
    looked_at = []

    def look_at(library, functions):
        looked_at.append(library)
        return slots_of(library, functions)

    monkeypatch.setattr(memory_copies, "slots_of", look_at)
    copies.enter(1)
    copies.leave(1)
    assert len(looked_at) > 10
    looked_at.clear()
    for _ in range(5):
        copies.enter(1)
        copies.leave(1)
    assert looked_at == []


def test_child_of_a_fork_goes_on(copies):
    mark = copies.enter(1)
    copy_of_bytes(bytearray(LARGE))
    pid = os.fork()
    if not pid:
        for _ in range(5000):
            copy_of_bytes(bytearray(LEAST))
        copies.leave(1)
        os._exit(0 if as_found(copies) else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert len(noted(copies, mark, LARGE)) == 1  # the child has a ring of its own


def test_process_may_end_while_somebody_watches():
    code = (
        "from tfnp_magic.probes.memory_copies import MemoryCopies, LEAST\n"
        "import threading, time, numpy as np\n"
        "MemoryCopies().enter(1)\n"
        "def work():\n"
        "    while True: bytes(bytearray(LEAST)), np.zeros(LEAST, 'u1').tobytes()\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "time.sleep(.05)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_unknown_target_of_a_slot_keeps_the_watch_out(copies, monkeypatch):
    monkeypatch.setattr(memory_copies, "_targets", lambda: dict.fromkeys(FUNCTIONS, 1))
    with pytest.raises(Unsupported, match="not the C library's"):
        copies.enter(1)
    assert not copies.is_on
    monkeypatch.undo()
    with pytest.raises(Unsupported, match="refused before"):
        copies.enter(1)


# Slots.


def test_c_library_is_left_alone():
    known = {os.path.basename(library.name): library for library in libraries()}
    names = [name for name in known if name.startswith("libc.so")]
    assert names
    assert slots_of(known[names[0]], FUNCTIONS) == []


def test_slot_of_a_library_holds_the_function_that_the_process_finds():
    found = [slot for library in libraries() for slot in slots_of(library, frozenset({"strlen"}))]
    bound = {slot.content for slot in found if slot.is_bound}
    assert address_of(ctypes.CDLL(None).strlen) in bound


@pytest.fixture
def memory():
    return mmap.mmap(-1, mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def slots_in(memory, contents):
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    slots = [Slot(7, start + 8 * n, "memcpy", content, True) for n, content in enumerate(contents)]
    for slot in slots:
        word_at(slot.address).value = slot.content
    return slots


def values(slots):
    return [word_at(slot.address).value for slot in slots]


def test_redirection_swaps_and_gives_back(memory):
    slots = slots_in(memory, [10, 20])
    redirection = Redirection([(slot, slot.content + 1) for slot in slots])
    redirection.on()
    assert values(slots) == [11, 21]
    redirection.off()
    assert values(slots) == [10, 20]


def test_redirection_refuses_where_somebody_else_was_first(memory):
    slots = slots_in(memory, [10, 20])
    redirection = Redirection([(slot, slot.content + 1) for slot in slots])
    word_at(slots[1].address).value = 99
    with pytest.raises(Unsupported, match="somebody else"):
        redirection.on()
    assert values(slots) == [10, 99]


def test_redirection_leaves_what_somebody_else_put_in_meanwhile(memory):
    slots = slots_in(memory, [10, 20])
    redirection = Redirection([(slot, slot.content + 1) for slot in slots])
    redirection.on()
    word_at(slots[0].address).value = 99
    redirection.off()
    assert values(slots) == [99, 20]


def test_redirection_does_not_touch_libraries_that_are_gone(memory):
    slots = slots_in(memory, [10, 20])
    slots[1] = slots[1]._replace(library=8)
    redirection = Redirection([(slot, slot.content + 1) for slot in slots])
    redirection.on()
    redirection.forget_but({7})
    redirection.off()
    assert values(slots) == [10, 21]


def test_read_only_page_is_opened_and_closed_again(memory):
    slots = slots_in(memory, [10])
    page = slots[0].address
    protect = ctypes.CDLL(None).mprotect
    assert protect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), mmap.PROT_READ) == 0
    redirection = Redirection([(slots[0], 11)])
    redirection.on()
    assert values(slots) == [11]
    assert protections({page}) == {page: "r--p"}
    redirection.off()
    assert values(slots) == [10]
    assert protections({page}) == {page: "r--p"}
    both = mmap.PROT_READ | mmap.PROT_WRITE
    protect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), both)


def test_memory_of_an_unusual_kind_is_refused():
    code = Page(b"\xc3")  # may be executed
    with pytest.raises(Unsupported, match="unusual kind"):
        Redirection([(Slot(7, code.address, "memcpy", 0, True), 1)])


# Libraries that come, go, and bind late.

SOURCE = """
#include <stddef.h>
void *memcpy(void *, const void *, size_t);
void *copy(void *to, const void *from, size_t size) { return memcpy(to, from, size); }
"""
LAZY, NOW = os.RTLD_LAZY, os.RTLD_NOW


class Loaded:
    """A library of our own, loaded with ``dlopen`` (ctypes always binds at once)."""

    def __init__(self, path, mode):
        self._libc = ctypes.CDLL(None)
        self._libc.dlopen.restype = self._libc.dlsym.restype = ctypes.c_void_p
        self._libc.dlsym.argtypes = ctypes.c_void_p, ctypes.c_char_p
        self._libc.dlclose.argtypes = (ctypes.c_void_p,)
        self._handle = self._libc.dlopen(str(path).encode(), mode)
        word = ctypes.c_void_p
        kind = ctypes.CFUNCTYPE(word, word, word, ctypes.c_size_t)
        self._copy = kind(self._libc.dlsym(self._handle, b"copy"))
        self.name = path.name

    def copy(self, nbytes=LARGE):
        source, target = np.ones(nbytes, np.uint8), np.zeros(nbytes, np.uint8)
        self._copy(target.ctypes.data, source.ctypes.data, nbytes)
        return target.all()

    def close(self):
        self._libc.dlclose(self._handle)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("mine")
    source, path = folder / "mine.c", folder / "mine.so"
    source.write_text(SOURCE)
    flags = [
        "-O1",
        "-fPIC",
        "-shared",
        "-fno-builtin",
        "-Wl,-z,lazy",
        "-fno-optimize-sibling-calls",
    ]
    subprocess.run([compiler, *flags, str(source), "-o", str(path)], check=True)
    return path


@pytest.fixture
def load(built, tmp_path):
    path = tmp_path / f"{tmp_path.name}.so"  # a library of its own for each test
    shutil.copy(built, path)
    return lambda mode: Loaded(path, mode)


def slot_of(name):
    (library,) = [one for one in libraries() if os.path.basename(one.name) == name]
    (slot,) = slots_of(library, FUNCTIONS)
    return slot


def test_slot_that_is_not_bound_yet_is_redirected_and_given_back_unbound(copies, load):
    library = load(LAZY)
    before = slot_of(library.name)
    assert not before.is_bound
    mark = copies.enter(1)
    assert library.copy()
    assert len(noted(copies, mark, LARGE)) == 1
    copies.leave(1)
    assert word_at(before.address).value == before.content


def test_slot_that_is_bound_between_two_watches_is_redirected_again(copies, load):
    library = load(LAZY)
    copies.enter(1)
    copies.leave(1)
    assert library.copy()
    after = slot_of(library.name)
    assert after.is_bound
    mark = copies.enter(1)
    assert library.copy()
    assert len(noted(copies, mark, LARGE)) == 1
    copies.leave(1)
    assert word_at(after.address).value == after.content


def test_library_that_comes_while_somebody_watches_is_known_to_be_missed(copies, load):
    copies.enter(1)
    assert copies.saw_all_libraries()
    library = load(NOW)
    assert not copies.saw_all_libraries()
    copies.leave(1)
    mark = copies.enter(1)
    assert copies.saw_all_libraries()
    assert library.copy()
    assert len(noted(copies, mark, LARGE)) == 1


def test_library_that_goes_while_somebody_watches_is_left_alone(copies, load):
    library = load(NOW)
    copies.enter(1)
    address = slot_of_redirected(copies, library)
    library.close()
    assert not any(library.name in one.name for one in libraries())
    copies.leave(1)
    assert address not in {slot.address for slot in copies.slots()}
    assert as_found(copies)


def slot_of_redirected(copies, library):
    (base,) = [one.base for one in libraries() if os.path.basename(one.name) == library.name]
    (address,) = [slot.address for slot in copies.slots() if slot.library == base]
    return address
