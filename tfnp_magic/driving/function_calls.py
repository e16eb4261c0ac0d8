"""Counting the calls of ``tf.function`` in a recording, by function and line."""

from __future__ import annotations

import functools
import inspect
import types
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from tfnp_magic.activity import FunctionCalls
from tfnp_magic.driving.retraces import NEW_FUNCTION, OTHER_OBJECT, Difference, Reasons
from tfnp_magic.frames.site import is_library
from tfnp_magic.locks import new_rlock
from tfnp_magic.model import MAX_SITES, OTHER_LINES

if TYPE_CHECKING:
    from tfnp_magic.frames.standing import Codes
    from tfnp_magic.recorder.recorder import Recorder


class Entry:
    """One function, called from one line, in one recording.

    Parameters
    ----------
    calls
        What is counted.
    code
        The function's.
    into
        The recording's list; it is told there once it is worth telling.
    only_retraces
        Whether it is worth telling only once it has retraces.

    Attributes
    ----------
    code
        The function's, or the first one's: its number is part of a key.
    """

    __slots__ = ("_into", "_only_retraces", "_reasons", "_told", "calls", "code")

    def __init__(
        self,
        calls: FunctionCalls,
        code: CodeType,
        into: list[FunctionCalls],
        *,
        only_retraces: bool,
    ) -> None:
        self.calls, self._into = calls, into
        self.code = code
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
        # The codes keep their numbers in the keys from being reused.
        self._entries: dict[_Key, tuple[Entry, Codes]] = {}
        self._by_site: dict[_Key, Entry] = {}
        self._built: dict[int, CodeType] = {}
        # Reentrant: in here, the garbage collector may call what calls a function.
        self.lock = new_rlock()

    def entry(self, recorder: Recorder, frame: FrameType, code: CodeType, *, inside: bool) -> Entry:
        """That of a function's code, for the line below which `frame` runs."""
        key = recorder.standing(frame), id(code), inside
        known = self._entries.get(key)
        if known is None:
            if len(self._entries) >= MAX_SITES:
                self._entries.clear()
            entry = self._made(recorder, frame, code, inside=inside)
            known = self._entries[key] = entry, (*recorder.codes_at(frame), code)
        return known[0]

    def _made(self, recorder: Recorder, frame: FrameType, code: CodeType, *, inside: bool) -> Entry:
        is_librarys = is_library(code.co_filename)
        site, route = recorder.whereabouts(frame, name_of(code))
        is_other = site == OTHER_LINES
        key = site, is_librarys if is_other else id(code), inside
        known = self._by_site.get(key)
        if known is not None:  # two calls in one line
            return known
        name = _OTHER_FUNCTIONS if is_other else name_of(code)
        if is_librarys or (name == LAMBDA and not route.name.startswith("Function.")):
            name = route.name
        defined_at = None if is_other else recorder.definition_of(code)
        calls = FunctionCalls(name, site, defined_at, inside=inside)
        entry = Entry(calls, code, self._into, only_retraces=is_librarys or inside)
        self._by_site[key] = entry
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
            if len(self._built) < MAX_SITES:
                self._built[id(code)] = code
            return None
        if is_library(code.co_filename):
            return None
        if owner is not None:
            first = code.co_varnames[0] if code.co_argcount else ""
            return [Difference(OTHER_OBJECT, first, owner)]
        return [Difference(NEW_FUNCTION)]


_OTHER_FUNCTIONS = "(other functions)"
"""Name of what is called from sites that one trace has no room for; see `MAX_SITES`."""

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
