"""What is known of an object for as long as it lives, without a callback at its end."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, MutableMapping
from typing import Any, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")

_FEW = 32


class WhileAlive(MutableMapping[_K, _V]):
    """Values by objects, told apart by identity; the mapping keeps none of the objects alive.

    Notes
    -----
    Python collects garbage in one go, and a signal that comes meanwhile waits for the first
    Python code that runs after it. Were that a weak reference's callback of ours, the
    ``KeyboardInterrupt`` would be lost there ("Exception ignored in"), and the user's cell
    would go on. So there are no callbacks: a value is forgotten when others are added.
    """

    def __init__(self) -> None:
        self._held: dict[int, tuple[weakref.ref[Any], _V]] = {}
        self._room = _FEW

    def __getitem__(self, thing: _K) -> _V:
        found = self._held.get(id(thing))
        if found is None or found[0]() is not thing:
            raise KeyError(thing)
        return found[1]

    def get(self, thing: _K, default: Any = None) -> Any:
        """The value of an object, without an error on the way."""
        found = self._held.get(id(thing))
        return found[1] if found is not None and found[0]() is thing else default

    def __setitem__(self, thing: _K, value: _V) -> None:
        self._held[id(thing)] = weakref.ref(thing), value
        if len(self._held) > self._room:
            self._forget()

    def __delitem__(self, thing: _K) -> None:
        self[thing]
        del self._held[id(thing)]

    def __iter__(self) -> Iterator[_K]:
        return iter([thing for ref, _ in list(self._held.values()) if (thing := ref()) is not None])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _forget(self) -> None:
        """Let go of the values of objects that are gone."""
        for number, found in list(self._held.items()):
            if found[0]() is None:
                taken = self._held.pop(number, None)
                if taken is not None and taken[0]() is not None:
                    # Another thread's, meanwhile: an object at the same address.
                    self._held.setdefault(number, taken)
        self._room = len(self._held) + _FEW
