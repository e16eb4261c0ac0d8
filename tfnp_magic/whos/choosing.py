"""What of a namespace is listed, and in which order: the words that a user chooses by."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tfnp_magic.facts import HOST
from tfnp_magic.model import OF_PROCESS, is_host
from tfnp_magic.whos.look import Holding

KINDS = (
    "Tensor",
    "Variable",
    "RaggedTensor",
    "SparseTensor",
    "IndexedSlices",
    "TensorArray",
    "SymbolicTensor",
    "ndarray",
    "Series",
    "DataFrame",
    "Index",
)
"""What can be listed. ``Variable`` is TensorFlow's and Keras's; ``SymbolicTensor`` is a tensor
of a graph or Keras's, which has no data; subclasses of ``ndarray`` are ``ndarray``."""

FAMILIES = {
    "ragged": ("RaggedTensor",),
    "sparse": ("SparseTensor",),
    "symbolic": ("SymbolicTensor",),
    "pandas": ("Series", "DataFrame", "Index"),
}
"""Words that stand for one kind or several."""


EAGER_KINDS = frozenset({"Tensor", "RaggedTensor", "SparseTensor", "IndexedSlices", "TensorArray"})
"""Kinds whose values everyone takes for constant: who shares memory with them can change them."""


class InventoryError(ValueError):
    """A name or a choice that cannot be served; the message is one sentence for the user."""


# ---- names ------------------------------------------------------------------------------


def chosen_names(namespace: Mapping[str, Any], patterns: Sequence[str]) -> list[str]:
    """Names to look at, sorted; IPython's history (``_``, ``_3``, ``__``) only on demand."""
    for pattern in patterns:
        if not is_pattern(pattern) and pattern not in namespace:
            raise InventoryError(f"There is no name {pattern!r} here.")
    names = [name for name in namespace if isinstance(name, str)]
    if patterns:
        names = [name for name in names if any(_matches(name, pattern) for pattern in patterns)]
    else:
        names = [name for name in names if not name.startswith("_")]
    return sorted(names)


def is_pattern(word: str) -> bool:
    """Whether a word may match several names."""
    return any(sign in word for sign in "*?[")


def _matches(name: str, pattern: str) -> bool:
    asked_for = not name.startswith("_") or pattern.startswith("_")
    return asked_for and fnmatch.fnmatchcase(name, pattern)


# ---- kinds ------------------------------------------------------------------------------


def is_kind(word: str) -> bool:
    """Whether the word names a kind or a family of kinds, in any case."""
    return bool(_kinds_named(word))


def _wanted_kinds(words: Sequence[str]) -> set[str]:
    for word in words:
        if not is_kind(word):
            right = ", ".join((*KINDS, *FAMILIES))
            raise InventoryError(f"{word!r} is no kind; the kinds are {right}.")
    return {kind for word in words for kind in _kinds_named(word)} or set(KINDS)


def _kinds_named(word: str) -> tuple[str, ...]:
    folded = word.casefold()
    alike = tuple(kind for kind in KINDS if kind.casefold() == folded)
    return FAMILIES.get(folded, alike)


# ---- devices ----------------------------------------------------------------------------


def places_of(found: Holding) -> dict[str, str]:
    """Words that name where it is, in small letters, each with how they are written.

    ``host`` is all whose bytes are in host memory, ``GPU`` any ``GPU:n``.
    """
    written = [*_devices(found.device), *_devices(found.backing_device)]
    if any(map(is_host, _devices(found.backing_device))):
        written.append(HOST)
    classes = [device.partition(":")[0] for device in written if OF_PROCESS not in device]
    return {word.casefold(): word for word in (*classes, *written)}


def _devices(device: str | None) -> list[str]:
    """Devices of a Variable with replicas are listed with commas."""
    return device.split(", ") if device else []


class Choice:
    """Which tensors and arrays are listed.

    Parameters
    ----------
    kinds
        Words for kinds; all when empty.
    devices
        Words for devices, as `places_of` has them, in any case; all when empty.
    least
        Bytes below which nothing is listed; what has no known size is listed only for 0.

    Raises
    ------
    InventoryError
        An unknown kind.
    """

    def __init__(self, kinds: Sequence[str], devices: Sequence[str], least: int) -> None:
        self._kinds, self._devices, self._least = _wanted_kinds(kinds), devices, least
        self._seen: dict[str, str] = {}

    def takes(self, found: Holding) -> bool:
        """Whether it is listed."""
        return (
            self._is_wanted_there(found)
            and found.kind in self._kinds
            and (not self._least or (found.nbytes or 0) >= self._least)
        )

    def _is_wanted_there(self, found: Holding) -> bool:
        if not self._devices:
            return True
        places = places_of(found)
        self._seen.update(places)
        return any(device.casefold() in places for device in self._devices)

    def refuse_unknown_devices(self) -> None:
        """Raise where a word named no device of what was asked about so far."""
        for word in self._devices:
            if word.casefold() not in self._seen:
                known = ", ".join(sorted(self._seen.values()))
                there = f"there is something on {known}" if known else "there is nothing to list"
                raise InventoryError(f"Nothing is on device {word!r} here; {there}.")


# ---- order ------------------------------------------------------------------------------

_DIGITS = re.compile("([0-9]{1,18})")


def name_key(name: str) -> list[Any]:
    """What to sort names by: ``layers[2]`` before ``layers[10]``."""
    parts: list[Any] = _DIGITS.split(name)
    parts[1::2] = map(int, parts[1::2])
    return parts


def _size_key(row: Holding) -> Any:
    """Largest first; what has no known size last."""
    return (row.nbytes is None, -(row.nbytes or 0))


ORDERS: dict[str, Callable[[Holding], Any]] = {
    "name": lambda row: name_key(row.name),
    "size": _size_key,
    "kind": lambda row: row.kind,
    "device": lambda row: row.device or "~",
    "dtype": lambda row: row.dtype or "~",
    "group": lambda row: (row.group is None, row.group or 0),
}
"""What rows can be sorted by; equals are in the order of their names."""


def sorter_of(order: str) -> Callable[[Iterable[Holding]], list[Holding]]:
    """How to sort rows that are in the order of their names by one of `ORDERS`."""
    if order not in ORDERS:
        right = ", ".join(ORDERS)
        raise InventoryError(f"Rows are sorted by one of {right}, not by {order!r}.")
    if order == "name":
        return list
    return lambda rows: sorted(rows, key=ORDERS[order])
