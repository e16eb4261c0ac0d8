"""Tensors and arrays inside of what a namespace holds: the nearest first, each found once.

Looking converts nothing, runs no op and no code of the user's: see `containers`.
"""

from __future__ import annotations

import collections
import itertools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tfnp_magic.whos.containers import Way
from tfnp_magic.whos.members import way_into_objects, ways_into

MOST_OBJECTS = 100_000
"""Objects inside of others that are looked at in all, plain values not counted."""

MOST_VALUES = 20_000_000
"""Plain values (numbers, strings) that are passed over in all; about half a second."""

_AT_ONCE = 4_096
"""Members that are asked for their types at once."""

PLAIN = frozenset(
    id(kind)
    for kind in (
        int, float, complex, bool, str, bytes, bytearray, range, slice, type, object,
        type(None), type(...), type(NotImplemented), types.FunctionType, types.MethodType,
        types.BuiltinFunctionType, types.ModuleType, types.CodeType,
    )
)  # fmt: skip
"""Types that are neither tensors nor hold any, by id: a metaclass may forbid to hash a type."""


def is_plain(thing: Any) -> bool:
    """Whether nothing is to be seen in it, by its exact type."""
    return id(type(thing)) in PLAIN


class Walk:
    """Goes through what names hold, level by level, so that what it calls each is short.

    Containers are gone through once, under the first name that they are reached by.

    Parameters
    ----------
    is_listed
        Whether an object is a tensor or an array.
    step
        Called with the number of objects looked at by now.

    Attributes
    ----------
    also
        For what is reached more than once, by its first name: the other names.
    remarks
        What was not gone through, and why.
    """

    def __init__(self, is_listed: Callable[[Any], bool], step: Callable[[int], None]) -> None:
        self._is_listed, self._step = is_listed, step
        self.also: dict[str, list[str]] = {}
        self.remarks: list[str] = []
        self._named: dict[int, str] = {}
        self._containers: dict[int, Any] = {}  # alive meanwhile: ids stay theirs
        self._ways: dict[int, tuple[type, tuple[Way, ...]]] = {}
        self._seen = self._objects = self._values = 0
        self._is_full = False

    def through(self, names: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        """Give all tensors and arrays, each with what to type for it.

        Those of the names themselves come first, one for each name, whatever they share.
        """
        waiting: collections.deque[tuple[str, Any]] = collections.deque()
        try:
            for name, thing in names:
                self._seen += 1
                self._step(self._seen)
                if self._is_listed(thing):
                    self._named.setdefault(id(thing), name)
                    yield name, thing
                waiting.append((name, thing))
            while waiting and not self._is_full:
                yield from self._within(*waiting.popleft(), waiting)
        finally:
            waiting.clear()
            self._containers.clear()
            self._named.clear()

    def _within(
        self, name: str, thing: Any, waiting: collections.deque[tuple[str, Any]]
    ) -> Iterator[tuple[str, Any]]:
        """Give what is listed of an object's members; the others wait for their turn."""
        ways = self._ways_into(thing)
        if not ways or id(thing) in self._containers:
            return
        self._containers[id(thing)] = thing
        here: set[int] = set()
        for way in ways:
            for key, member in self._members(way, name, thing):
                if id(member) in here:
                    continue
                here.add(id(member))
                called = way.called(name, key)
                if not self._is_listed(member):
                    waiting.append((called, member))
                    continue
                if self._is_new(called, member):
                    yield called, member
                    waiting.append((called, member))  # an array of objects, perhaps

    def _is_new(self, called: str, member: Any) -> bool:
        """Whether it is found for the first time; else its other name is kept."""
        first = self._named.setdefault(id(member), "")
        if not first:
            self._named[id(member)] = called
        elif first != called:
            self.also.setdefault(first, []).append(called)
        return not first

    def _members(self, way: Way, name: str, thing: Any) -> Iterator[tuple[Any, Any]]:
        """Give the members that are not plain, until there were too many."""
        try:
            pairs = self._picked(way.plain(thing)) if way.plain else self._passed(way, thing)
            for key, member in pairs:
                self._objects += 1
                self._seen += 1
                self._step(self._seen)
                if self._objects > MOST_OBJECTS:
                    self._stop(f"{MOST_OBJECTS:,} objects inside of others", name)
                    return
                yield key, member
                if self._values > MOST_VALUES:
                    break
        except RuntimeError:  # by another thread
            self.remarks.append(f"Not all was looked at: {name} changed meanwhile.")
        except (AttributeError, KeyError, TypeError):  # its class has broken what it inherits
            self.remarks.append(f"Not looked into: {name}, which is not as its type says.")
        if self._values > MOST_VALUES:
            self._stop(f"{MOST_VALUES:,} plain values", name)

    def _passed(self, way: Way, thing: Any) -> Iterator[tuple[Any, Any]]:
        """Pass over the plain members of a container that tells its keys."""
        for key, member in way.members(thing) if way.members else ():
            self._values += 1
            if not is_plain(member):
                yield key, member
            elif self._values > MOST_VALUES:
                return

    def _picked(self, members: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        """Pick what is not plain out of many, with its position."""
        start = 0
        while chunk := list(itertools.islice(members, _AT_ONCE)):
            self._values += len(chunk)
            self._step(self._seen)
            if not PLAIN.issuperset(map(id, map(type, chunk))):
                for position, member in enumerate(chunk, start):
                    if not is_plain(member):
                        yield position, member
            if self._values > MOST_VALUES:
                return
            start += len(chunk)

    def _ways_into(self, thing: Any) -> tuple[Way, ...]:
        kind = type(thing)
        if id(kind) in PLAIN:
            return ()
        if id(kind) not in self._ways:
            self._ways[id(kind)] = kind, () if self._is_listed(thing) else ways_into(thing)
        ways = self._ways[id(kind)][1]
        into_objects = way_into_objects(thing) if not ways else None
        return ways if into_objects is None else (into_objects,)

    def _stop(self, after: str, name: str) -> None:
        self._is_full = True
        self.remarks.append(
            f"Not all was looked at: looking ended after {after}, in {name}. "
            "Name what to look into."
        )


__all__ = ["MOST_OBJECTS", "MOST_VALUES", "PLAIN", "Walk", "is_plain"]
