"""The memory that NumPy takes for its arrays, so that the copies inside a conversion are seen.

TensorFlow converts an array in C++: NumPy may cast it or put it in order there, and no
Python object ever shows that buffer. It is allocated by way of NumPy's own table of
functions (NEP 49, ``PyDataMem_Handler``), though. While a trace runs, the table's
``malloc`` is a few instructions that call the original and note thread, address and size
in a ring; what a conversion took is what stands there afterwards. An array's memory is
still freed by the original functions: nothing outlives the trace.

Source: numpy/_core/include/numpy/ndarraytypes.h and numpy/_core/src/multiarray/alloc.c,
the same from NumPy 1.22 to 2.4; checked on 1.26 and 2.4.
"""

from __future__ import annotations

import contextvars
import ctypes
import platform
import sys
import sysconfig
import threading

from tfnp_magic.facts import Span, buffers_of_size
from tfnp_magic.probes.machine_code import Page, Unsupported, call, quad

NAME = "NumPy allocations"

Taken = tuple[Span, ...] | None
"""What NumPy took for arrays during a conversion; None where that was not seen."""

_CAPACITY = 4096
"""Allocations that the ring remembers, of all threads; a power of two."""

_NOT_WRITTEN = -1
"""The present of a ring that nothing is written to."""

_GET_HANDLER = 305
"""Place of ``PyDataMem_GetHandler`` in NumPy's table of C functions.

Source: numpy/_core/code_generators/numpy_api.py, 1.22 to 2.4.
"""

_VERSION_FIELD = 127
_MALLOC_FIELD = 128 + 8
"""Offset in ``PyDataMem_Handler``: name (127 bytes), version (1), context (8), then malloc."""


class Ring:
    """What was allocated last, by every thread; written by machine code under the GIL."""

    def __init__(self) -> None:
        self._entries = (ctypes.c_uint64 * (3 * _CAPACITY))()
        self._count = ctypes.c_uint64(0)
        self._entered: dict[int, int] = {}
        self.is_written = False

    @property
    def addresses(self) -> tuple[int, int]:
        """Where the machine code finds the counter and the entries."""
        return ctypes.addressof(self._count), ctypes.addressof(self._entries)

    def mark(self) -> int:
        """The present; give it to `since` later."""
        return self._count.value if self.is_written else _NOT_WRITTEN

    def enter(self) -> int:
        """The same, where a conversion of an array begins: what a reader before it took is over."""
        mark = self.mark()
        self._entered.setdefault(threading.get_ident(), mark)
        return mark

    def read(self) -> tuple[int, int]:
        """The present and this thread, where a tensor is read; give both to `after_read` later."""
        thread = threading.get_ident()
        self._entered.pop(thread, None)
        return self.mark(), thread

    def after_read(self, mark: int, thread: int) -> Taken:
        """What a thread took since it read a tensor, up to its next conversion of an array."""
        entered = self._entered.get(thread)
        end = None if entered is None or entered < mark else entered
        return self.since(mark, thread, end)

    def since(self, mark: int, thread: int | None = None, end: int | None = None) -> Taken:
        """Memory that a thread took for arrays since the mark; None where that is not known.

        Parameters
        ----------
        thread
            Its number; this one's if None.
        end
            A mark up to which; the present if None.
        """
        count = self._count.value
        if mark == _NOT_WRITTEN or count - mark > _CAPACITY:
            return None
        entries, found = self._entries, []
        thread = threading.get_ident() if thread is None else thread
        for number in range(mark, count if end is None else end):
            at = 3 * (number % _CAPACITY)
            if entries[at] == thread:
                found.append(Span(entries[at + 1], entries[at + 1] + entries[at + 2]))
        return tuple(found)


ring = Ring()


def patches() -> list[_Malloc]:
    """NumPy's own table, and another one that is in use here (a program may bring its own)."""
    _check_support()
    return [_malloc_of(table) for table in tables()]


def _check_support() -> None:
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise Unsupported("not known for this build of Python")
    if platform.machine() not in ("x86_64", "AMD64") or sys.platform != "linux":
        raise Unsupported(f"no code for {platform.machine()} on {sys.platform}")


def tables() -> tuple[int, ...]:
    """Addresses of NumPy's own table, and of the one that this context's arrays use."""
    core = sys.modules.get("numpy._core._multiarray_umath") or sys.modules.get(
        "numpy.core._multiarray_umath"
    )
    functions = getattr(core, "_ARRAY_API", None)
    if functions is None:
        raise Unsupported("this NumPy does not hand out its C functions")
    content = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    table = ctypes.cast(content(functions, None), ctypes.POINTER(ctypes.c_void_p))
    get = ctypes.PYFUNCTYPE(ctypes.py_object)(table[_GET_HANDLER] or 0)
    current = content(get(), b"mem_handler")
    default = contextvars.Context().run(lambda: content(get(), b"mem_handler"))
    is_known = ctypes.string_at(default, 18) == b"default_allocator\0"
    if not is_known or ctypes.string_at(default + _VERSION_FIELD, 1) != b"\1":
        raise Unsupported("NumPy's own memory functions are not the known ones")
    return tuple(dict.fromkeys((default, current)))


class _Malloc:
    """The ``malloc`` field of one table, with our code in it while a trace runs."""

    def __init__(self, table: int) -> None:
        self._field = ctypes.c_void_p.from_address(table + _MALLOC_FIELD)
        self.original = self._field.value or 0
        self._page = Page(_assemble(self.original, *ring.addresses))

    def on(self) -> None:
        """Put our code into the table."""
        if self._field.value == self.original:
            self._field.value = self._page.address
        ring.is_written = True

    def off(self) -> bool:
        """Put the original back; False when someone else's function stands there."""
        ring.is_written = False
        if self._field.value == self._page.address:
            self._field.value = self.original
        return self._field.value == self.original


_known: dict[int, _Malloc] = {}


def _malloc_of(table: int) -> _Malloc:
    """Made once for each table: another thread may still be in the code of an earlier trace."""
    known = _known.get(table)
    current = ctypes.c_void_p.from_address(table + _MALLOC_FIELD).value
    if known is None or known.original != current:
        known = _known[table] = _Malloc(table)
    return known


def _assemble(original: int, counter: int, entries: int) -> bytes:
    """In C: ``p = original(context, size); if (p) entries[count++ % N] = {thread, p, size};``."""
    note = (
        b"\x48\xb9" + quad(counter)  # mov rcx, counter
        + bytes.fromhex("488b11 48ff01")  # mov rdx,[rcx]; inc qword [rcx]
        + b"\x81\xe2" + (_CAPACITY - 1).to_bytes(4, "little")  # and edx, N-1
        + bytes.fromhex("488d1452")  # lea rdx,[rdx+rdx*2]
        + b"\x48\xb9" + quad(entries)  # mov rcx, entries
        + bytes.fromhex("488d0cd1")  # lea rcx,[rcx+rdx*8]
        + bytes.fromhex("64488b142500000000")  # mov rdx, fs:[0], which is pthread_self()
        + bytes.fromhex("488911 48894108 48895910")  # mov [rcx],rdx; [rcx+8],rax; [rcx+16],rbx
    )  # fmt: skip
    return (
        bytes.fromhex("53 4889f3")  # push rbx; mov rbx,rsi
        + call(original)
        + bytes.fromhex("4885c0 74") + bytes([len(note)])  # test rax,rax; jz over note
        + note
        + bytes.fromhex("5b c3")  # pop rbx; ret
    )  # fmt: skip


def take(left: list[Span], nbytes: int) -> Span | None:
    """The first buffer of this size, which nothing else can have used; it leaves the list."""
    found = buffers_of_size(left, nbytes) if nbytes else ()
    if not found:
        return None
    left.remove(found[0])
    return found[0]
