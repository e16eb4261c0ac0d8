"""Who reads which type of tensor or array, and how one is found among other objects."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tfnp_magic import facts
from tfnp_magic.whos import arrays, tensors
from tfnp_magic.whos.converting import Here, conversions_of
from tfnp_magic.whos.look import Holding, Look, Part, Reader, ask, bases_of, filled

READERS: dict[str, tuple[str, Reader]] = {**arrays.READERS, **tensors.READERS}
"""Kind and reader of each known type, by the type's own path."""


def look(
    thing: Any, known: Mapping[int, tuple[str, Reader]], here: Here | None = None
) -> Look | None:
    """Facts of a tensor or array; None for anything else, whose attributes stay untouched.

    With a `Here`, what converting it there would do is among them.
    """
    for base in bases_of(type(thing)):
        if id(base) in known:
            return _read(thing, *known[id(base)], here)
    return None


def is_known(thing: Any, known: Mapping[int, tuple[str, Reader]]) -> bool:
    """Whether `look` would tell anything of it."""
    return any(id(base) in known for base in bases_of(type(thing)))


def _read(thing: Any, kind: str, reader: Reader, here: Here | None) -> Look:
    look = ask(lambda: reader(thing)) or Look(Holding(), [Part(id(thing), None)])
    filled(
        look.facts,
        kind=kind,
        nbytes=_sum_of(look.parts),
        mirrors=_places(look.mirrors),
        unlocated=_places(
            [*filter(_is_unlocated, look.parts), *filter(_is_unlocated, look.mirrors)]
        ),
        conversions=() if here is None else conversions_of(thing, kind, look, here),
    )
    return look


def _sum_of(parts: Sequence[Part]) -> int | None:
    """Bytes of all parts; None where one's are unknown, or there is none."""
    sizes = [part.nbytes for part in parts if part.nbytes is not None]
    return sum(sizes) if sizes and len(sizes) == len(parts) else None


def _places(parts: Sequence[Part]) -> tuple[str, ...]:
    return tuple(sorted({part.place for part in parts})) if parts else ()


def _is_unlocated(part: Part) -> bool:
    """Whether bytes elsewhere than in host memory are known to be there, but not their address."""
    return part.place != facts.HOST and bool(part.nbytes) and part.span is None


def known_types() -> dict[int, tuple[str, Reader]]:
    """Readers by the id of the type, of what is imported by now; nothing is imported here."""
    known: dict[int, tuple[str, Reader]] = {}
    for path, (kind, reader) in READERS.items():
        module, name = path.rsplit(".", 1)
        found = getattr(sys.modules.get(module), name, None)
        loaded = not path.startswith("tensorflow.") or facts.tensorflow_is_loaded()
        if loaded and isinstance(found, type):
            known[id(found)] = (kind, reader)
            if found in _reminders():
                below = functools.partial(_look_below, reader)
                known[id(_reminders()[found])] = (kind, below)
    return known


def _reminders() -> Mapping[type, type]:
    """Find the classes that TensorFlow wraps around results which should be used.

    Each attribute read through one counts as use and takes away the user's warning.
    Source: ``_WRAPPERS``, tensorflow/python/util/tf_should_use.py, 2.21.
    """
    return getattr(sys.modules.get("tensorflow.python.util.tf_should_use"), "_WRAPPERS", {})


def _look_below(reader: Reader, wrapper: Any) -> Look:
    """Look at what ``TensorArray.write`` gives, below the reminder to use it."""
    return reader(object.__getattribute__(wrapper, "_tf_should_use_wrapped_value"))
