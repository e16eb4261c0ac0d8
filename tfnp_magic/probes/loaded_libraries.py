"""The slots through which loaded libraries call a function of another one, swapped and given back.

A library calls ``memcpy`` through a slot of its own, which the dynamic linker fills in: the
relocations ``R_X86_64_JUMP_SLOT`` and ``R_X86_64_GLOB_DAT`` of its tables ``DT_JMPREL`` and
``DT_RELA``. Tables and slots lie in the process's own memory and are read there.

Source: System V ABI, AMD64 supplement, and glibc's ``link.h``; checked on glibc 2.36.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tfnp_magic.probes.machine_code import Page, Unsupported

_MOST_LIBRARIES = 8192

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_PLTRELSZ, _DT_STRTAB, _DT_SYMTAB, _DT_RELA, _DT_RELASZ = 2, 5, 6, 7, 8
_DT_STRSZ, _DT_JMPREL, _DT_RELACOUNT = 10, 23, 0x6FFFFFF9
_GLOB_DAT, _JUMP_SLOT = 6, 7

_HEADER = np.dtype(
    [("type", "u4"), ("flags", "u4"), ("offset", "u8"), ("address", "u8"), ("physical", "u8"),
     ("in_file", "u8"), ("size", "u8"), ("alignment", "u8")]
)  # fmt: skip
_RELOCATION = np.dtype([("offset", "u8"), ("type", "u4"), ("symbol", "u4"), ("addend", "i8")])
_SYMBOL = np.dtype(
    [("name", "u4"), ("info", "u1"), ("other", "u1"), ("section", "u2"), ("value", "u8"),
     ("size", "u8")]
)  # fmt: skip

_C_LIBRARY = ("libc.so", "libc-", "ld-", "ld.so", "libpthread", "linux-vdso")
"""Beginnings of the names of what is left alone."""


_READ = 0x100
_memory = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int
)(("PyMemoryView_FromMemory", ctypes.pythonapi))  # fmt: skip


class Library(NamedTuple):
    """A loaded library, or the main program, whose name is empty."""

    base: int
    name: str
    headers: int
    header_count: int


class Slot(NamedTuple):
    """Where a library keeps the address of a function that it calls.

    Attributes
    ----------
    library
        Where the library lies.
    address
        Of the slot.
    function
        The function's name.
    content
        What the slot holds.
    is_bound
        Whether that is the function; otherwise the dynamic linker looks it up at the first call.
    """

    library: int
    address: int
    function: str
    content: int
    is_bound: bool


class _Table(ctypes.Structure):
    """Filled by `_assemble`'s code; six words for each library (``struct dl_phdr_info``)."""

    _fields_ = (
        ("count", ctypes.c_uint64),
        ("room", ctypes.c_uint64),
        ("entries", ctypes.c_uint64 * (6 * _MOST_LIBRARIES)),
    )


def _assemble() -> bytes:
    """In C: ``if (t->count >= t->room) return 1; t->entries[t->count++] = *info; return 0;``.

    A callback in Python might let another thread run, one that waits for the lock of this walk.
    """
    copy = bytes.fromhex("486bc830 488d4c0a10")  # imul rcx,rax,48; lea rcx,[rdx+rcx+16]
    for word in range(6):  # mov rax,[rdi+8*word]; mov [rcx+8*word],rax
        copy += b"\x48\x8b\x47" + bytes([8 * word]) + b"\x48\x89\x41" + bytes([8 * word])
    copy += bytes.fromhex("48ff02 31c0 c3")  # inc qword [rdx]; xor eax,eax; ret
    return (
        bytes.fromhex("f30f1efa 488b02 483b4208 73")  # endbr64; if (count >= room) goto full
        + bytes([len(copy)])
        + copy
        + bytes.fromhex("b801000000 c3")  # full: return 1
    )


class _Walk:
    """The dynamic linker's list of what is loaded."""

    def __init__(self) -> None:
        self._code = Page(_assemble())
        self._iterate = ctypes.CDLL(None).dl_iterate_phdr

    def take(self, most: int = _MOST_LIBRARIES) -> _Table:
        table = _Table(0, most)
        self._iterate(ctypes.c_void_p(self._code.address), ctypes.byref(table))
        return table


_walk: _Walk | None = None


def _take(most: int = _MOST_LIBRARIES) -> _Table:
    global _walk
    if _walk is None:
        _walk = _Walk()
    return _walk.take(most)


def changes() -> tuple[int, int]:
    """How many libraries were ever loaded, and how many unloaded again."""
    entries = _take(1).entries
    return entries[4], entries[5]


def libraries() -> list[Library]:
    """All that is loaded now.

    Raises
    ------
    Unsupported
        Where there are more than anybody has.
    """
    table = _take()
    if table.count >= _MOST_LIBRARIES:
        raise Unsupported("too many libraries")
    words = [table.entries[6 * n : 6 * n + 4] for n in range(table.count)]
    return [
        Library(base, ctypes.string_at(name).decode(errors="replace") if name else "", phdr, count)
        for base, name, phdr, count in ((w[0], w[1], w[2], w[3] & 0xFFFF) for w in words)
    ]


def slots_of(library: Library, functions: frozenset[str]) -> list[Slot]:
    """The library's slots for these functions; none of the C library's, nor of one with its own.

    Who brings a ``memcpy`` (a checker of memory, a faster one) may call it in ways of its own.
    """
    if os.path.basename(library.name).startswith(_C_LIBRARY):
        return []
    image = _Image(library)
    slots = [slot for table in image.relocations() for slot in image.slots(table, functions)]
    return [] if image.brings_its_own else slots


class _Image:
    """The tables of a library, as they lie in memory."""

    def __init__(self, library: Library) -> None:
        headers = _read(library.headers, library.header_count, _HEADER)
        loads = headers[headers["type"] == _PT_LOAD]
        self.base = library.base
        self.brings_its_own = False
        self._start = self.base + int(loads["address"].min(initial=0))
        self._stop = self.base + int((loads["address"] + loads["size"]).max(initial=0))
        self._entries = self._dynamic(headers[headers["type"] == _PT_DYNAMIC])

    def _dynamic(self, headers: np.ndarray[Any, Any]) -> dict[int, int]:
        if not len(headers):
            return {}
        address = self.base + int(headers[0]["address"])
        pairs = _read(address, int(headers[0]["size"]) // 16, np.dtype(("i8", 2)))
        stop = int(np.argmin(pairs[:, 0] != 0))  # DT_NULL ends it
        return {int(tag): int(value) for tag, value in pairs[:stop]}

    def _table(self, tag: int, nbytes: int) -> int:
        """Address of a table; 0 where it does not lie in the library as it should.

        glibc has made an address of what was an offset in the file; other linkers have not.
        """
        start = self._entries.get(tag, 0)
        start = start if self._start <= start < self._stop else start + self.base
        fits = nbytes > 0 and self._start <= start and start + nbytes <= self._stop
        return start if fits else 0

    def relocations(self) -> Iterator[np.ndarray[Any, Any]]:
        """Those that name a symbol; the others come first and are left out."""
        for tag, size, first in (
            (_DT_RELA, self._entries.get(_DT_RELASZ, 0), self._entries.get(_DT_RELACOUNT, 0)),
            (_DT_JMPREL, self._entries.get(_DT_PLTRELSZ, 0), 0),
        ):
            start = self._table(tag, size)
            if start:
                table = _read(start, size // _RELOCATION.itemsize, _RELOCATION)[first:]
                yield table[(table["type"] == _JUMP_SLOT) | (table["type"] == _GLOB_DAT)]

    def slots(self, table: np.ndarray[Any, Any], functions: frozenset[str]) -> Iterator[Slot]:
        """The slots of those relocations that name one of the functions."""
        if not len(table):
            return
        last = int(table["symbol"].max())
        start = self._table(_DT_SYMTAB, (last + 1) * _SYMBOL.itemsize)
        nbytes = self._entries.get(_DT_STRSZ, 0)
        strings = self._table(_DT_STRTAB, nbytes)
        if not start or not strings:
            return
        symbols = _read(start, last + 1, _SYMBOL)
        names = symbols["name"][table["symbol"]]
        letters = _read(strings, nbytes, np.dtype("u1"))
        for number in _begin_alike(names, letters, functions):
            name = ctypes.string_at(strings + int(names[number])).decode(errors="replace")
            if name in functions:
                symbol = symbols[table["symbol"][number]]
                self.brings_its_own |= bool(symbol["section"])
                yield self._slot(self.base + int(table["offset"][number]), name)

    def _slot(self, address: int, name: str) -> Slot:
        if address % 8 or not self._start <= address < self._stop:
            raise Unsupported("a library's tables are not the known ones")
        content = ctypes.c_uint64.from_address(address).value
        return Slot(self.base, address, name, content, not self._start <= content < self._stop)


def _begin_alike(
    names: np.ndarray[Any, Any], letters: np.ndarray[Any, Any], functions: frozenset[str]
) -> list[int]:
    """Numbers of the names with the first two letters of a function, all looked at at once."""
    at = np.minimum(names, len(letters) - 2)
    first, second = letters[at], letters[at + 1]
    alike = np.zeros(len(names), bool)
    for beginning in {function[:2] for function in functions}:
        alike |= (first == ord(beginning[0])) & (second == ord(beginning[1]))
    return np.flatnonzero(alike).tolist()


def _read(address: int, count: int, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An array over memory, not a copy of it."""
    if not count:
        return np.empty(0, dtype)
    return np.frombuffer(_memory(address, count * dtype.itemsize, _READ), dtype)


class Redirection:
    """Slots that hold another function while it is on; each store is one word, so atomic.

    Parameters
    ----------
    slots
        With the content that stands in each instead.

    Raises
    ------
    Unsupported
        Where a slot lies in memory of an unusual kind.
    """

    def __init__(self, slots: list[tuple[Slot, int]]) -> None:
        self._slots = slots
        self._read_only = set(_read_only_pages([slot.address for slot, _ in slots]))
        self._find_words()
        libc = ctypes.CDLL(None, use_errno=True)
        self._protect = libc.mprotect
        self._protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def _find_words(self) -> None:
        self._words = [
            (ctypes.c_uint64.from_address(slot.address), slot.content, other)
            for slot, other in self._slots
        ]
        pages = {slot.address & -mmap.PAGESIZE for slot, _ in self._slots}
        self._to_open = sorted(self._read_only & pages)

    def forget_but(self, loaded: set[int]) -> None:
        """Leave the slots of other libraries alone: those were unloaded, and are no memory."""
        self._slots = [(slot, other) for slot, other in self._slots if slot.library in loaded]
        self._find_words()

    def on(self) -> None:
        """Put the others in.

        Raises
        ------
        Unsupported
            Where a slot does not hold what it held; then all are as they were.
        """
        self._write(put=True)
        if any(word.value != other for word, _, other in self._words):
            self.off()
            raise Unsupported("somebody else redirects the same functions")

    def off(self) -> None:
        """Give back the slots; what somebody else put into one meanwhile stays."""
        self._write(put=False)

    def _write(self, *, put: bool) -> None:
        opened = []
        try:
            for page in self._to_open:
                opened.append(page)
                if self._protect(page, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE):
                    raise Unsupported("this system does not let a library's slots be written")
            for word, content, other in self._words:
                before, after = (content, other) if put else (other, content)
                if word.value == before:
                    word.value = after
        finally:
            for page in opened:
                self._protect(page, mmap.PAGESIZE, mmap.PROT_READ)


def _read_only_pages(addresses: list[int]) -> list[int]:
    """The pages of these addresses that may not be written to; all may be read."""
    pages = sorted({address & -mmap.PAGESIZE for address in addresses})
    with open("/proc/self/maps") as file:
        areas = [line.split(None, 2)[:2] for line in file]
    starts = np.array([int(span.split("-")[0], 16) for span, _ in areas], np.uint64)
    found = []
    for page, number in zip(pages, np.searchsorted(starts, pages, "right") - 1, strict=True):
        span, kind = areas[max(number, 0)]
        if page >= int(span.split("-")[1], 16) or kind not in ("r--p", "rw-p"):
            raise Unsupported("a library's slots lie in memory of an unusual kind")
        if kind == "r--p":
            found.append(page)
    return found
