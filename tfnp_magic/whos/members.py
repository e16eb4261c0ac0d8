"""How to look into an object: by its type alone."""

from __future__ import annotations

import collections
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tfnp_magic.whos.containers import (
    ATTRIBUTES,
    BUILTIN,
    Way,
    is_among,
    is_users,
    namespace_of,
    way_of_named,
)
from tfnp_magic.whos.look import bases_of
from tfnp_magic.whos.models import way_into_model

# ---- arrays of objects ------------------------------------------------------------------


def _objects(array: np.ndarray[Any, Any]) -> Iterator[Any]:
    """Give the objects that an array holds, in C order, without a copy of it."""
    return iter(np.ndarray.view(array, np.ndarray).flat)


def way_into_objects(array: np.ndarray[Any, Any]) -> Way | None:
    """How to look into an array: None unless its elements are Python objects."""
    if not is_among(bases_of(type(array)), np.ndarray):
        return None
    plain = np.ndarray.view(array, np.ndarray)
    if plain.dtype != object or not plain.size:
        return None
    shape = plain.shape

    def called(container: str, position: int) -> str:
        index = ", ".join(str(int(n)) for n in np.unravel_index(position, shape))
        return f"{container}[{index or '()'}]"

    return Way(None, called, _objects)


# ---- which way --------------------------------------------------------------------------


def ways_into(thing: Any) -> tuple[Way, ...]:
    """How to look into an object, by its type alone; empty where nothing is to be seen in it."""
    cls = type(thing)
    bases = bases_of(cls)
    if (way := way_into_model(thing)) is not None:
        return (way,)
    if is_among(bases, type) or is_among(bases, types.ModuleType):
        return ()
    builtin = next((BUILTIN[id(base)] for base in bases if id(base) in BUILTIN), None)
    fields = _fields_of(bases) if is_among(bases, tuple) else None
    if fields is not None:
        builtin = way_of_named(fields)
    own = (ATTRIBUTES,) if _has_attributes(bases) else ()
    return (*((builtin,) if builtin else ()), *own)


_ELEMENT = type(vars(collections.namedtuple("_Pair", "one"))["one"])
"""What a namedtuple's class gives its elements by."""


def _gives_element(cls: type, name: Any) -> bool:
    return type(name) is str and type(namespace_of(cls).get(name)) is _ELEMENT


def _fields_of(bases: Iterable[type]) -> tuple[str, ...] | None:
    """Names of a namedtuple's elements; None for another tuple."""
    for base in bases:
        fields = namespace_of(base).get("_fields")
        if type(fields) is tuple and all(_gives_element(base, name) for name in fields):
            return fields
    return None


_LIKE_THE_USERS = frozenset(
    id(kind)
    for kind in (
        types.SimpleNamespace, collections.ChainMap, collections.UserDict, collections.UserList,
    )
)  # fmt: skip
"""Classes of Python's own whose objects hold what users put in: by id, see `is_among`."""


def _has_attributes(bases: Sequence[type]) -> bool:
    """Whether the attributes of such an object are looked at.

    Those of dataclasses, of a few of Python's own, and of classes that the user defined.
    """
    return any(
        id(base) in _LIKE_THE_USERS
        or type(namespace_of(base).get("__dataclass_fields__")) is dict
        or is_users(base)
        for base in bases
    )
