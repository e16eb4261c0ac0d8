"""The large copies of memory that C and C++ make, noted as they are made.

While somebody watches, the slots of the loaded libraries for ``memcpy`` and ``memmove``
lead to a few instructions that note a large copy in a ring and go on to the function
itself, with every argument as it was. All threads write to the ring. When nobody watches
any more, each slot and the protection of its page are as they were found.

What the C library copies for itself (``realloc``), and loops that a compiler made of a
copy, are not seen.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import struct
import sys
from typing import Any

import numpy as np

from tfnp_magic.locks import new_rlock
from tfnp_magic.probes.loaded_libraries import (
    Library,
    Redirection,
    Slot,
    changes,
    libraries,
    slots_of,
)
from tfnp_magic.probes.machine_code import Page, Unsupported, address_of, quad

LEAST = 1 << 16
"""Bytes; smaller copies are not noted.

They are many, and cheap: a hundred copies of less than this take about a millisecond,
which is what going in and out and counting take.
"""

FUNCTIONS = frozenset({"memcpy", "memmove", "__memcpy_chk", "__memmove_chk"})

_CAPACITY = 4096
"""Copies that the ring remembers; a power of two."""

HEAD = 120
"""Words of the beginning of a copy's content that an entry holds."""

ENTRY = np.dtype(
    [("thread", "u8"), ("to", "u8"), ("from", "u8"), ("nbytes", "u8"), ("samples", "u8", 4),
     ("head", "u8", HEAD)]
)  # fmt: skip
"""One copy; the samples are words at a quarter, half, three quarters and the end of it."""

_NBYTES = _CAPACITY * ENTRY.itemsize

_NEVER = (1 << 64) - 1

Entries = np.ndarray[Any, Any]
"""An array of `ENTRY`."""


class _Ring:
    """Written by machine code, on any thread, the interpreter's lock held or not."""

    def __init__(self) -> None:
        self.count = ctypes.c_uint64(0)
        self.least = ctypes.c_uint64(_NEVER)
        # Private: a process that is forked off has a ring of its own.
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.memory = (ctypes.c_char * _NBYTES).from_buffer(mmap.mmap(-1, _NBYTES, private))
        _keep_for_good(self)  # a thread may be in the code when the interpreter ends

    def since(self, mark: int) -> Entries | None:
        """What was noted since `mark`; None if some of it is overwritten."""
        count = self.count.value
        if count - mark > _CAPACITY:
            return None
        entries = np.frombuffer(memoryview(self.memory), ENTRY)
        return entries[np.arange(mark, count) % _CAPACITY]


class MemoryCopies:
    """Watches for copies of at least `LEAST` bytes while at least one thread wants it."""

    def __init__(self) -> None:
        self._lock = new_rlock()  # a signal's handler may come here, too
        self._users: dict[int, int] = {}
        self._known: dict[Library, list[Slot]] = {}
        self._codes: dict[int, Page] = {}
        self._as_of: tuple[int, int] = (0, 0)
        self._ring: _Ring | None = None
        self._redirection: Redirection | None = None
        self._is_in = False
        self._refused_as_of: tuple[int, int] | None = None

    @property
    def is_on(self) -> bool:
        """Whether the slots lead to our code at the moment."""
        return self._is_in

    def enter(self, user: int) -> int:
        """Begin watching for `user`, and give the present; may be repeated.

        Raises
        ------
        Unsupported
            Where this machine, system or process is not one that we know how to watch.
        """
        with self._lock:
            if not self._is_in:
                self._try_to_put_in()
            self._users[user] = LEAST
            return self._wanted()

    def narrow(self, user: int, least: int) -> None:
        """From now on `user` wants copies of at least that many bytes."""
        with self._lock:
            self._users[user] = least
            self._wanted()

    def leave(self, user: int) -> None:
        """End watching for `user`; the last one gives the slots back."""
        with self._lock:
            self._users.pop(user, None)
            if self._users:
                self._wanted()
            else:
                self._take_out()

    def off(self) -> None:
        """Give the slots back, whoever still watches."""
        with self._lock:
            self._users.clear()
            self._take_out()

    def mark(self) -> int:
        """The present; give it to `since` later."""
        return self._ring.count.value if self._ring else 0

    def since(self, mark: int) -> Entries | None:
        """The copies since then, of all threads; None if they were too many."""
        return self._ring.since(mark) if self._ring else None

    def slots(self) -> list[Slot]:
        """All that were ever redirected, as they were found."""
        return [slot for slots in self._known.values() for slot in slots]

    def saw_all_libraries(self) -> bool:
        """Whether no library came since the slots were looked for."""
        return changes() == self._as_of

    def _wanted(self) -> int:
        assert self._ring is not None
        self._ring.least.value = min(self._users.values())
        return self._ring.count.value

    def _try_to_put_in(self) -> None:
        if self._refused_as_of == changes():
            raise Unsupported("refused before, and nothing has changed")
        try:
            self._put_in()
        except Unsupported:
            self._refused_as_of = changes()
            raise

    def _put_in(self) -> None:
        check_support()
        self._ring = self._ring or _Ring()
        if self._redirection is None or changes() != self._as_of:
            self._redirection = self._look(self._ring)
        try:
            self._redirect(self._redirection)
        except Unsupported:  # a slot may have been bound meanwhile
            self._known.clear()
            self._redirection = self._look(self._ring)
            self._redirect(self._redirection)

    def _redirect(self, redirection: Redirection) -> None:
        try:
            self._is_in = True
            redirection.on()
        except BaseException:
            self._take_out()
            raise

    def _take_out(self) -> None:
        if self._ring is not None:
            self._ring.least.value = _NEVER
        if self._is_in and self._redirection is not None:
            if changes()[1] != self._as_of[1]:
                self._forget_unloaded(self._redirection)
            self._redirection.off()
            self._is_in = False

    def _forget_unloaded(self, redirection: Redirection) -> None:
        """The slots of a library that is gone are gone with it."""
        loaded = {library.base for library in libraries()}
        redirection.forget_but(loaded)
        self._known = {one: slots for one, slots in self._known.items() if one.base in loaded}

    def _look(self, ring: _Ring) -> Redirection:
        as_of = changes()
        self._known = {
            library: self._known.get(library) or slots_of(library, FUNCTIONS)
            for library in libraries()
        }
        expected = _targets()
        pairs = []
        for slot in self.slots():
            target = slot.content if slot.is_bound else expected[slot.function]
            if target not in expected.values():
                raise Unsupported(f"{slot.function} is not the C library's everywhere")
            if target not in self._codes:
                self._codes[target] = _code(target, ring)
            pairs.append((slot, self._codes[target].address))
        self._as_of = as_of
        return Redirection(pairs)


def check_support() -> None:
    """See whether this interpreter and machine are known.

    Raises
    ------
    Unsupported
        They are not.
    """
    if sys.implementation.name != "cpython" or sys.maxsize < 1 << 32:
        raise Unsupported("not known for this build of Python")
    if platform.machine() not in ("x86_64", "AMD64") or sys.platform != "linux":
        raise Unsupported(f"no code for {platform.machine()} on {sys.platform}")
    if not os.confstr("CS_GNU_LIBC_VERSION"):
        raise Unsupported("this C library is not the known one")


def _targets() -> dict[str, int]:
    """Where the functions lie that everybody calls; a preloaded library's, if there is one."""
    process = ctypes.CDLL(None)
    return {name: address_of(getattr(process, name)) for name in sorted(FUNCTIONS)}


def _code(original: int, ring: _Ring) -> Page:
    addresses = (ctypes.addressof(part) for part in (ring.least, ring.count, ring.memory))
    page = Page(assemble(original, *addresses))
    _keep_for_good(page)
    return page


def _keep_for_good(thing: object) -> None:
    """Beyond the interpreter's end, when modules are emptied and other threads still run."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def assemble(original: int, least: int, count: int, entries: int) -> bytes:
    """In C, and then go on to the original, with every argument as it was.

    ``if (size >= least) entries[count++ % N] = {thread, to, from, size, samples, head};``
    """
    r11 = b"\x49\xbb"  # mov r11, …
    note = (
        b"\xb8\x01\0\0\0" + r11 + quad(count)  # mov eax,1
        + bytes.fromhex("f0490fc103")  # lock xadd [r11],rax
        + b"\x25" + struct.pack("<I", _CAPACITY - 1)  # and eax, N-1
        + bytes.fromhex("48c1e00a")  # shl rax,10: an entry is 1024 bytes
        + r11 + quad(entries)
        + bytes.fromhex("4901c3")  # add r11,rax
        + bytes.fromhex("64488b042500000000 498903")  # mov rax,fs:[0]; mov [r11],rax
        + bytes.fromhex("49897b08 49897310 49895318")  # [r11+8]=rdi, [+16]=rsi, [+24]=rdx
        + bytes.fromhex("4989d2 49c1ea02 4983e2f8")  # mov r10,rdx; shr r10,2; and r10,-8
        + bytes.fromhex("4a8b0416 49894320")  # [r11+32] = [rsi+r10]
        + bytes.fromhex("4889d0 48d1e8 4883e0f8")  # mov rax,rdx; shr rax,1; and rax,-8
        + bytes.fromhex("4901c2")  # add r10,rax
        + bytes.fromhex("488b0406 49894328")  # [r11+40] = [rsi+rax]
        + bytes.fromhex("4a8b0416 49894330")  # [r11+48] = [rsi+r10]
        + bytes.fromhex("488b4416f8 49894338")  # [r11+56] = [rsi+rdx-8]
        + bytes.fromhex("57 56 51 498d7b40")  # push rdi, rsi, rcx; lea rdi,[r11+64]
        + b"\xb9" + struct.pack("<I", HEAD)  # mov ecx,HEAD
        + bytes.fromhex("f348a5 59 5e 5f")  # rep movsq; pop rcx, rsi, rdi
    )  # fmt: skip
    return (
        bytes.fromhex("f30f1efa")  # endbr64
        + r11 + quad(least)
        + bytes.fromhex("493b13 0f82") + struct.pack("<I", len(note))  # cmp rdx,[r11]; jb over note
        + note
        + r11 + quad(original) + bytes.fromhex("41ffe3")  # jmp r11
    )  # fmt: skip
