"""What builtin containers and plain objects hold, and what a user would type for it.

Read through the builtin types' own iteration and the C getters of attributes: no code of a
user's class runs, no property, no ``__getattr__``.
"""

from __future__ import annotations

import collections
import keyword
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tfnp_magic.frames.site import is_library
from tfnp_magic.whos.look import ask, bases_of

Members = Iterable[tuple[Any, Any]]
"""Pairs of a key and a member."""


class Way(NamedTuple):
    """How one kind of container is looked into.

    Attributes
    ----------
    members
        Gives its members with their keys.
    called
        What to type for a member, from what to type for the container and the key.
    plain
        Gives its members alone where there may be very many, so that plain ones are passed
        over quickly; the keys are then their positions.
    """

    members: Callable[[Any], Members] | None
    called: Callable[[str, Any], str]
    plain: Callable[[Any], Iterator[Any]] | None = None


# ---- builtin containers -----------------------------------------------------------------


def item(container: str, position: int) -> str:
    """``x[3]``."""
    return f"{container}[{position}]"


def _item_of_list(container: str, position: int) -> str:
    return f"list({container})[{position}]"


_LONGEST_KEY = 60


def value_of(container: str, key: tuple[int, Any]) -> str:
    """``d['w']`` where the key is one that can be typed, and else ``list(d.values())[3]``."""
    position, named = key
    if _can_be_typed(named):
        typed = repr(named)
        if len(typed) <= _LONGEST_KEY:
            return f"{container}[{typed}]"
    return f"list({container}.values())[{position}]"


def _can_be_typed(key: Any) -> bool:
    """Whether `repr` gives a short literal, and runs no code of the user's."""
    kind = type(key)
    if kind is tuple:
        return len(key) <= _LONGEST_KEY and all(map(_can_be_typed, key))
    if kind is float:
        return bool(key - key == 0)  # neither infinite nor NaN
    if kind is int:
        return bool(key.bit_length() <= 64)
    if kind is str or kind is bytes:
        return len(key) <= _LONGEST_KEY
    return kind is bool or key is None


def items_of(mapping: Any) -> Members:
    """Give a dict's values, each with its position and key."""
    return (((n, key), value) for n, (key, value) in enumerate(dict.items(mapping)))


def attribute(container: str, name: str) -> str:
    """``x.name``, or what to type where the name is none."""
    if name.isidentifier() and not keyword.iskeyword(name):
        return f"{container}.{name}"
    return f"vars({container})[{name!r}]"


def suffixed(container: str, suffix: str) -> str:
    """Put together what to type where the key is the rest of it."""
    return container + suffix


BUILTIN: dict[int, Way] = {
    id(list): Way(None, item, list.__iter__),
    id(tuple): Way(None, item, tuple.__iter__),
    id(collections.deque): Way(None, item, collections.deque.__iter__),
    id(set): Way(None, _item_of_list, set.__iter__),
    id(frozenset): Way(None, _item_of_list, frozenset.__iter__),
    id(dict): Way(items_of, value_of),
}


def way_of_named(fields: Sequence[str]) -> Way:
    """How a namedtuple is looked into."""
    return Way(lambda thing: zip(fields, tuple.__iter__(thing), strict=False), attribute)


def is_among(bases: Iterable[type], kind: type) -> bool:
    """Whether it is one of the bases; by identity, for a metaclass may compare."""
    return any(base is kind for base in bases)


# ---- attributes -------------------------------------------------------------------------

namespace_of: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__


def attributes(thing: Any) -> dict[str, Any]:
    """Give what an object's ``__dict__`` and slots hold; the names without underscores first."""
    found: dict[str, Any] = {}
    for base in bases_of(type(thing)):
        for name, slot in namespace_of(base).items():
            if type(slot) is types.MemberDescriptorType and not name.startswith("__"):
                try:
                    found[slot.__name__] = slot.__get__(thing)
                except AttributeError:  # not set yet
                    continue
        own = namespace_of(base).get("__dict__")
        if type(own) in (types.GetSetDescriptorType, types.MemberDescriptorType):
            held = ask(lambda own=own: own.__get__(thing))  # type: ignore[misc]
            if type(held) is dict:
                found.update(held)
    names = [name for name in found if type(name) is str]
    return {name: found[name] for name in sorted(names, key=is_private)}


def is_private(name: str) -> bool:
    """Whether a name begins with an underscore."""
    return name.startswith("_")


def _with_hidden(thing: Any) -> Members:
    """Give its attributes, and of each whether a property of the same name stands before it."""
    bases = bases_of(type(thing))
    for name, value in attributes(thing).items():
        first = next((namespace_of(base)[name] for base in bases if name in namespace_of(base)), 0)
        yield (name, is_among(bases_of(type(first)), property)), value


def _attribute_or_hidden(container: str, key: tuple[str, bool]) -> str:
    name, is_hidden = key
    return f"vars({container})[{name!r}]" if is_hidden else attribute(container, name)


ATTRIBUTES = Way(_with_hidden, _attribute_or_hidden)


def is_users(cls: type) -> bool:
    """Whether a class was defined by the user: in a notebook, or in a file of their own."""
    name = namespace_of(cls).get("__module__")
    if type(name) is not str:
        return False
    module = sys.modules.get(name)
    if name == "__main__":
        return True
    if not is_among(bases_of(type(module)), types.ModuleType):
        return False
    held = ask(lambda: object.__getattribute__(module, "__dict__"))
    file = held.get("__file__") if type(held) is dict else None
    return type(file) is str and not is_library(file)
