"""Counting the calls of ``tf.function`` in a recording, by function and line."""

from __future__ import annotations

import functools
import inspect
import threading
import types
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from tfnp_magic.activity import FunctionCalls
from tfnp_magic.retraces import NEW_FUNCTION, OTHER_OBJECT, Difference, Reasons
from tfnp_magic.site import is_library

if TYPE_CHECKING:
    from tfnp_magic.recorder import Recorder


class Entry:
    """One function, called from one line, in one recording.

    Parameters
    ----------
    calls
        What is counted.
    into
        The recording's list; it is told there once it is worth telling.
    only_retraces
        Whether it is worth telling only once it has retraces.

    Attributes
    ----------
    codes
        Kept, for their numbers are part of keys.
    """

    __slots__ = ("_into", "_only_retraces", "_reasons", "_told", "calls", "codes")

    def __init__(
        self, calls: FunctionCalls, into: list[FunctionCalls], *, only_retraces: bool
    ) -> None:
        self.calls, self._into = calls, into
        self.codes: tuple[CodeType | None, ...] = ()
        self._only_retraces, self._told = only_retraces, False
        self._reasons = Reasons(calls.retraces)

    def called(self) -> None:
        """Count one call."""
        self.calls.calls += 1
        self._tell()

    def built(self, why: list[Difference] | None, duration_ns: int) -> None:
        """Count one graph; `why` it was not the first, if so."""
        self.calls.traces += 1
        self.calls.duration_ns += duration_ns
        if why is not None:
            self._reasons.add(why, duration_ns)
        self._tell()

    def _tell(self) -> None:
        if not self._told and (self.calls.retraces or not self._only_retraces):
            self._told = True
            self._into.append(self.calls)


_Key = tuple[object, ...]


class FunctionCounter:
    """The calls of one recording.

    Parameters
    ----------
    into
        The recording's list.
    """

    def __init__(self, into: list[FunctionCalls]) -> None:
        self._into = into
        self._entries: dict[_Key, Entry] = {}
        self._by_site: dict[_Key, Entry] = {}
        self._built: dict[int, CodeType] = {}
        # Reentrant: in here, the garbage collector may call what calls a function.
        self.lock = threading.RLock()

    def entry(self, recorder: Recorder, frame: FrameType, code: CodeType, *, inside: bool) -> Entry:
        """That of a function's code, for the line below which `frame` runs."""
        key = recorder.standing(frame), id(code), inside
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = self._made(recorder, frame, code, inside=inside)
            entry.codes += (*recorder.codes_at(frame), code)
        return entry

    def _made(self, recorder: Recorder, frame: FrameType, code: CodeType, *, inside: bool) -> Entry:
        is_librarys = is_library(code.co_filename)
        site, route = recorder.whereabouts(frame, name_of(code))
        known = self._by_site.get((site, id(code), inside))
        if known is not None:  # two calls in one line
            return known
        name = name_of(code)
        if is_librarys or (name == LAMBDA and not route.name.startswith("Function.")):
            name = route.name
        calls = FunctionCalls(name, site, recorder.definition_of(code), inside=inside)
        entry = Entry(calls, self._into, only_retraces=is_librarys or inside)
        self._by_site[site, id(code), inside] = entry
        return entry

    def first_of(self, code: CodeType, owner: str | None) -> list[Difference] | None:
        """Why a function's first graph is a retrace all the same: its code had one before.

        Parameters
        ----------
        code
            The function's code.
        owner
            Class of the object whose method it is; each has a function of its own.
        """
        if id(code) not in self._built:
            self._built[id(code)] = code
            return None
        if is_library(code.co_filename):
            return None
        if owner is not None:
            first = code.co_varnames[0] if code.co_argcount else ""
            return [Difference(OTHER_OBJECT, first, owner)]
        return [Difference(NEW_FUNCTION)]


LAMBDA = "<lambda>"


def name_of(code: CodeType) -> str:
    """A function's name, as the user wrote it: ``scale``, ``Net.step``."""
    return str(getattr(code, "co_qualname", code.co_name)).rpartition("<locals>.")[2]


def code_of(function: Any) -> CodeType | None:
    """The code of what a ``tf.function`` was made of, as TensorFlow found it itself."""
    target = getattr(function, "_key_for_call_stats", None)
    for _ in range(8):
        if isinstance(target, CodeType) or target is None:
            return target
        target = _within(target)
    return None


def _within(target: Any) -> Any:
    """What a callable calls, in the end its code; no attribute is asked of a user's object."""
    if isinstance(target, functools.partial):
        return target.func
    if isinstance(target, types.MethodType):
        return target.__func__
    if isinstance(target, types.FunctionType):
        return target.__code__
    return inspect.getattr_static(type(target), "__call__", None)


def counter_of(recorder: Recorder) -> FunctionCounter:
    """The one that counts for this recorder."""
    counter: FunctionCounter | None = recorder.attached.get(FunctionCounter)
    if counter is None:
        made = FunctionCounter(recorder.recording.functions)
        counter = recorder.attached.setdefault(FunctionCounter, made)
    return counter
