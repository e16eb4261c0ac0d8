"""Machine code that stands in a type's ``bf_getbuffer`` slot and reports what succeeds.

NumPy reads a tensor through the C buffer protocol, below every Python attribute. A
ctypes callback in the slot would do, but cannot hand a failing request's exception
to its caller (`memoryview` of a bfloat16 tensor would raise SystemError), and an
interrupt that arrives in it would be lost. So a few instructions call the original
first, return its failure untouched, and tell Python only about success.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import sys
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any

from tfnp_magic import interrupts
from tfnp_magic.frames.site import is_library
from tfnp_magic.guards.guard import InteropError
from tfnp_magic.probes.machine_code import Page, Unsupported, address_of, call, quad

_WORD = ctypes.sizeof(ctypes.c_void_p)
# Field of PyTypeObject, counted in pointers behind a PyVarObject's head (CPython's
# Include/cpython/object.h, 3.10 to 3.13): name, two sizes, destructor, vectorcall
# offset, getattr, setattr, as_async, repr, number, sequence, mapping, hash, call,
# str, getattro, setattro; then as_buffer.
_AS_BUFFER = 17

_BF_GETBUFFER, _TP_GETATTRO, _TP_SETATTRO = 1, 58, 69
"""Numbers of slots in CPython's Include/typeslots.h, which never change."""

Listener = Callable[[Any, int, int, int, int], None]
Herald = Callable[[Any], None]


class PyBuffer(ctypes.Structure):
    """``Py_buffer``'s first fields (CPython's Include/cpython/pybuffer.h or object.h)."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
    )


def check_support() -> None:
    """Raise `Unsupported`, with the reason, where the slot must be left alone."""
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 15):
        raise Unsupported(f"{sys.implementation.name} {platform.python_version()} is not known")
    if sysconfig.get_config_var("Py_GIL_DISABLED") or hasattr(sys, "gettotalrefcount"):
        raise Unsupported("free-threaded and debug builds of Python are not known")
    if platform.machine() not in ("x86_64", "AMD64") or sys.platform == "win32":
        raise Unsupported(f"no code for {platform.machine()} on {sys.platform}")
    if not all(_is_laid_out(kind) for kind in (bytes, int, bytearray)):
        raise Unsupported("the layout of Python's type objects is not the known one")


def _field(kind: type[Any], number: int) -> int:
    """One word of a type object."""
    head = object.__basicsize__ + _WORD
    return ctypes.c_void_p.from_address(id(kind) + head + number * _WORD).value or 0


def _is_laid_out(kind: type[Any]) -> bool:
    """Whether the fields around the buffers' lie where they should; no pointer is followed.

    Held against what Python itself tells of them, which depends on no layout.
    """
    before = [_as_python_tells(kind, slot) for slot in (_TP_GETATTRO, _TP_SETATTRO)]
    found = [_field(kind, _AS_BUFFER + offset) for offset in (-2, -1, 1)]
    return found == [*before, kind.__flags__]


def _slot_address(kind: type[Any]) -> int:
    """Address of the type's ``bf_getbuffer`` field; 0 for a type without buffers."""
    procs = _field(kind, _AS_BUFFER)
    if not procs or not ctypes.c_void_p.from_address(procs).value:
        return 0
    return procs


def _as_python_tells(kind: type[Any], slot: int) -> int:
    """What a slot holds, by Python's own function, which only reads (``PyType_GetSlot``)."""
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_int)(
        ("PyType_GetSlot", ctypes.pythonapi)
    )
    return get(kind, slot) or 0


class BufferSlot:
    """The ``bf_getbuffer`` slot of one type, with our code in it while a trace runs.

    Parameters
    ----------
    kind
        The type; must export buffers.
    listener
        Called after each request that succeeded, with the exporting object, the
        address of the ``Py_buffer``, the request's flags, the stack pointer (requests
        of one C function from different depths differ in it), and the nanoseconds
        that the request took. Not called for requests that failed.
    herald
        Called before each request with the exporting object, while `heralds` is true.

    Attributes
    ----------
    heralds
        Whether the herald is called; false at first.

    Raises
    ------
    Unsupported
        Where the slot cannot be swapped safely.

    Notes
    -----
    Once made, the code is never freed: another thread may still be in it.
    """

    def __init__(
        self, kind: type[Any], listener: Listener, herald: Herald = lambda exporter: None
    ) -> None:
        check_support()
        address = _slot_address(kind)
        if not address:
            raise Unsupported(f"{kind.__name__} exports no buffers in this version")
        self._slot = ctypes.c_void_p.from_address(address)
        self.original = self._slot.value
        if self.original != _as_python_tells(kind, _BF_GETBUFFER):
            raise Unsupported("the layout of Python's type objects is not the known one")
        self._callback = _Callback(listener, herald)
        self._code = _Code(self.original or 0, self._callback)

    @property
    def heralds(self) -> bool:
        """Whether the herald is called."""
        return bool(self._callback.heralds.value)

    @heralds.setter
    def heralds(self, wanted: bool) -> None:
        self._callback.heralds.value = wanted

    def on(self) -> None:
        """Put our code into the slot."""
        if self._slot.value == self.original:
            self._slot.value = self._code.address

    def off(self) -> bool:
        """Put the original back; False when someone else's code stands there."""
        if self._slot.value == self._code.address:
            self._slot.value = self.original
        return self._slot.value == self.original


class _Callback:
    """Listener and herald as C function pointers that never let an exception escape.

    An exception that a signal handler raised while one of them ran belongs to the
    user: the machine code asks the interpreter to raise it at the next instruction
    of the user's code (a pending call). One of a guard's is raised in the thread that it is of.
    """

    def __init__(self, listener: Listener, herald: Herald) -> None:
        self.deferred, self.raised = _Deferred(), _Raised()
        self.heralds = ctypes.c_ubyte(0)
        listens = ctypes.PYFUNCTYPE(
            ctypes.c_int, ctypes.py_object, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
        )
        announces = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object)
        self._listener = listens(_shielded(listener, self.deferred.waiting, self.raised))
        self._herald = announces(_shielded_herald(herald, self.deferred.waiting))
        self.address, self.herald_address = address_of(self._listener), address_of(self._herald)


class _Raised:
    """What a guard raises in one thread: its ident, and a class, where C finds both.

    The interpreter's lock is held from when they are noted until C has handed them on.
    """

    def __init__(self) -> None:
        self.words = (ctypes.c_uint64 * 2)()
        self._kind: type[Exception] | None = None

    def note(self, error: InteropError) -> None:
        """This thread will get this error."""
        kind = interrupts.as_class(error.with_traceback(None))
        thread, address = threading.get_ident(), id(kind)
        # From here on no other thread can come in between.
        self._kind, self.words[0], self.words[1] = kind, thread, address


_WAITS, _RAISES = 1, 2
"""What the listener tells C: that an exception waits to be raised, or is to be raised here."""


def _shielded(
    listener: Listener, waiting: deque[BaseException], raised: _Raised
) -> Callable[..., int]:
    """The listener with every exception caught, from the first instruction on.

    What the herald caught before is told to C here: whether anything waits.
    """
    words, clock = _words, time.perf_counter_ns

    def note(
        exporter: Any, view: int, flags: int, started: int,
        listener: Any = listener, waiting: Any = waiting, words: Any = words, clock: Any = clock,
        raised: Any = raised,
    ) -> int:  # fmt: skip
        try:
            at = started // _WORD
            begun = words[at - 1] * 1_000_000_000 + words[at]
            listener(exporter, view, flags, started, clock() - begun)
        except InteropError as error:
            if threading.get_ident() == threading.main_thread().ident:
                waiting.append(error)  # only there can it wait
                return _WAITS
            raised.note(error)
            return _RAISES
        except BaseException as exc:
            waiting.append(exc)
            return _WAITS
        return _WAITS if waiting else 0

    return interrupts.covered_from_entry(note)


def _shielded_herald(herald: Herald, waiting: deque[BaseException]) -> Callable[[Any], int]:
    """The herald with every exception caught, from the first instruction on."""

    def announce(exporter: Any, herald: Any = herald, waiting: Any = waiting) -> int:
        try:
            herald(exporter)
        except BaseException as exc:
            waiting.append(exc)
        return 0

    return interrupts.covered_from_entry(announce)


_words = ctypes.cast(_WORD, ctypes.POINTER(ctypes.c_int64))
"""Memory by the word: the word at address 8, and so on. (A pointer to 0 would be none.)

The machine code leaves the seconds and nanoseconds of CLOCK_MONOTONIC where the stack ends,
which on Linux is the clock of `time.perf_counter_ns`, too.
"""


_TRUTH = address_of(ctypes.pythonapi.PyObject_IsTrue)


class _Deferred:
    """Raises what is waiting when the interpreter asks for its truth (`PyObject_IsTrue`).

    Not while a tensor is asked for an attribute, which NumPy does after it got the memory:
    before 2.0 it takes whatever is raised there for the attribute's absence, and from 2.0 on it
    ends the process if that is ``__array_wrap__`` (measured with 2.0, 2.4, 2.5).
    """

    def __init__(self) -> None:
        self.waiting: deque[BaseException] = deque()
        self._raised = _Raised()

    def __bool__(self) -> bool:
        __tracebackhide__ = True
        if not self.waiting:
            return False
        # First: if another interrupt comes meanwhile, the user gets that one instead.
        exc = self.waiting.popleft().with_traceback(None)
        try:
            if not _is_watched() and _is_in_attribute(sys._getframe(1)):
                self.waiting.appendleft(exc)
                _call_later(_TRUTH, self)
                return False
        except Exception:  # near the recursion limit no function can be called
            if self.waiting and self.waiting[0] is exc:
                self.waiting.popleft()
        if isinstance(exc, InteropError):
            # Not from here: the traceback would show it.
            self._raised.note(exc)
            _call_later(_code_that_raises(self._raised), None)
            return False
        raise exc


def _is_in_attribute(frame: FrameType) -> bool:
    code = frame.f_code
    return code.co_name == "__getattr__" and is_library(code.co_filename)


def _is_watched() -> bool:
    """Whether a debugger or profiler is told of each call: 3.11 then comes no further.

    It asks again before the function's first instruction as long as something is to be called
    (``DO_TRACING``, CPython's Python/ceval.c).
    """
    return sys.gettrace() is not None or sys.getprofile() is not None


def _call_later(function: int, argument: object) -> None:
    """Let the interpreter call a C function, at one of its next instructions."""
    add = ctypes.pythonapi.Py_AddPendingCall
    add(ctypes.c_void_p(function), ctypes.py_object(argument))


@functools.cache
def _code_that_raises(raised: _Raised) -> int:
    """In C: ``PyThreadState_SetAsyncExc(words[0], words[1]); return 0;``."""
    page = Page(
        bytes.fromhex("4883ec08") + _raising(raised)  # sub rsp,8
        + bytes.fromhex("31c0 4883c408 c3")  # xor eax,eax; add rsp,8; ret
    )  # fmt: skip
    return page.address


def _raising(raised: _Raised) -> bytes:
    return (
        b"\x48\xb8" + quad(ctypes.addressof(raised.words))  # mov rax, ...
        + bytes.fromhex("488b38 488b7008")  # mov rdi,[rax]; mov rsi,[rax+8]
        + call(address_of(ctypes.pythonapi.PyThreadState_SetAsyncExc))
    )  # fmt: skip


interrupts.carriers.add(_Deferred.__bool__.__code__)


class _Code:
    """The machine code, for the System V calling convention of x86-64.

    In C: ``if (heralds) announce(obj); clock_gettime(CLOCK_MONOTONIC, &start); if
    (original(obj, view, flags)) return -1; if (note(obj, view, flags, &start))
    Py_AddPendingCall(PyObject_IsTrue, deferred); return 0;``, where ``original``'s -1 keeps
    its exception.
    """

    def __init__(self, original: int, callback: _Callback) -> None:
        self.address = Page(_assemble(original, callback)).address
        _FOREVER.append(callback)


_FOREVER: list[Any] = []


def _assemble(original: int, callback: _Callback) -> bytes:
    libc, api = ctypes.CDLL(None), ctypes.pythonapi
    arguments = bytes.fromhex("4889df 4c89e6 4489ea")  # mov rdi,rbx; mov rsi,r12; mov edx,r13d
    announce = bytes.fromhex("4889df") + call(callback.herald_address)  # mov rdi,rbx; call
    heralded = (
        b"\x48\xb8" + quad(ctypes.addressof(callback.heralds))  # mov rax, ...
        + bytes.fromhex("803800 74") + bytes([len(announce)])  # cmp byte [rax],0; je over it
        + announce
    )  # fmt: skip
    defer = (
        b"\x48\xbf" + quad(address_of(api.PyObject_IsTrue))  # mov rdi, ...
        + b"\x48\xbe" + quad(id(callback.deferred))  # mov rsi, ...
        + call(address_of(api.Py_AddPendingCall))
    )  # fmt: skip
    let_raise = (
        _raising(callback.raised)
        + b"\xeb" + bytes([len(defer)])  # jmp over defer
    )  # fmt: skip
    chosen = (
        bytes([0x83, 0xF8, _RAISES, 0x75, len(let_raise)])  # cmp eax,2; jne over let_raise
        + let_raise
        + defer
    )  # fmt: skip
    told = (
        arguments + bytes.fromhex("4889e1") + call(callback.address)  # mov rcx,rsp
        + bytes.fromhex("85c0 74") + bytes([len(chosen)])  # test eax,eax; jz over chosen
        + chosen
        + bytes.fromhex("31c0")  # xor eax,eax
    )  # fmt: skip
    return (
        bytes.fromhex("53 4154 4155 4883ec10")  # push rbx, r12, r13; sub rsp,16
        + bytes.fromhex("4889fb 4989f4 4189d5")  # mov rbx,rdi; mov r12,rsi; mov r13d,edx
        + heralded
        + bytes.fromhex("bf01000000 4889e6") + call(address_of(libc.clock_gettime))
        + arguments + call(original)
        + bytes.fromhex("85c0 75") + bytes([len(told)])  # test eax,eax; jnz over told
        + told
        + bytes.fromhex("4883c410 415d 415c 5b c3")  # add rsp,16; pop r13, r12, rbx; ret
    )  # fmt: skip
