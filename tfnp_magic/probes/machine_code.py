"""A few instructions of x86-64 machine code, where no Python callback can stand."""

from __future__ import annotations

import ctypes
import mmap
import struct
from typing import Any


class Unsupported(RuntimeError):
    """This interpreter or machine is not one that we know how to hook in this way."""


class Page:
    """Code in memory of its own, executable and never freed.

    Parameters
    ----------
    code
        Position-independent instructions; at most a page of them.

    Raises
    ------
    Unsupported
        Where the system does not let a process make code executable.
    """

    def __init__(self, code: bytes) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        self._memory.write(code)
        self._anchor = ctypes.c_char.from_buffer(self._memory)
        self.address = ctypes.addressof(self._anchor)
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        executable = mmap.PROT_READ | mmap.PROT_EXEC
        if protect(ctypes.c_void_p(self.address), ctypes.c_size_t(mmap.PAGESIZE), executable):
            raise Unsupported("this system does not let a process make code executable")
        # Forever: a thread may be in the code when the trace ends, or the interpreter.
        _FOREVER.append(self)


_FOREVER: list[Any] = []


def call(address: int) -> bytes:
    """``mov rax, address; call rax``."""
    return b"\x48\xb8" + quad(address) + b"\xff\xd0"


def quad(number: int) -> bytes:
    """Eight bytes, as an immediate operand."""
    return struct.pack("<Q", number)


def address_of(function: Any) -> int:
    """Where a C function known to ctypes lies."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0
