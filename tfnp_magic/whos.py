"""What tensors and arrays a namespace holds, and which of them share memory.

Looking runs no op, converts nothing, moves nothing, and keeps nothing alive. For that
promise some things stay unknown:

- The address of a Variable. ``ReadVariableOp`` gives an alias only until the first sparse
  update (an embedding's gradient) turns on the Variable's copy-on-read mode, which Python
  cannot ask for; from then on each read copies it whole (a 200 MB Variable: 200 MB more;
  measured on TensorFlow 2.21). So a Variable shares with the other names of itself only.
- Memory of another process, and that of an accelerator where TensorFlow's runtime cannot be
  asked for addresses: found shared only by identity.
- Which memory a mirror has, in asynchronous execution: its copy may still wait for an op.
- Shape and bytes of a tensor whose op has yet to run, in asynchronous execution: its shape may
  be known only then, and to ask for it is to wait.
- Shapes that TensorFlow itself would find by ``.numpy()`` (``IndexedSlices.shape``, a uniform
  ``RaggedTensor.shape``): put together here from the shapes of the parts.
"""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfnp_magic.advice import of_written
from tfnp_magic.hazards import last_found
from tfnp_magic.views import whos_view
from tfnp_magic.whos_look import Holding, Look
from tfnp_magic.whos_readers import known_types, look
from tfnp_magic.whos_sharing import bytes_by_place, partition_of
from tfnp_magic.writes import names_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "EAGER_KINDS",
    "FAMILIES",
    "KINDS",
    "Group",
    "Holding",
    "Inventory",
    "InventoryError",
    "is_kind",
    "take_inventory",
]

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
    """A name or a kind that cannot be listed; the message is one sentence for the user."""


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Names that share memory, directly or through one another.

    Attributes
    ----------
    number
        From 1, in the order of the names.
    names, writable, tensors
        The members, and those of them that can be written or that are eager tensors.
    held
        Bytes that they hold together in each place, as in `Inventory`.
    certain
        False when for some members only the bounds of their memory could be compared.
    """

    number: int
    names: tuple[str, ...]
    writable: tuple[str, ...]
    tensors: tuple[str, ...]
    held: Mapping[str, int]
    certain: bool

    @property
    def nbytes(self) -> int:
        """Bytes that they hold together, in all places."""
        return sum(self.held.values())


@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """The tensors and arrays of a namespace at one moment: plain data, picklable.

    Attributes
    ----------
    rows
        Sorted by name.
    groups
        Those that share memory.
    held
        Bytes that all names hold together in each place (``host``, ``GPU:0``), with their
        mirrors, shared bytes counted once: of a group of strided views no more than the bytes
        between the lowest and the highest. What has no known size counts 0; a Variable that
        shares memory with a tensor counts twice, and so does what shares memory with a tensor
        that is `Holding.unlocated` or, in asynchronous execution, with a mirror.
    written
        What the last trace saw written to while it was shared, and still is: a sentence each.
    """

    rows: tuple[Holding, ...]
    groups: tuple[Group, ...]
    held: Mapping[str, int]
    written: tuple[str, ...] = ()

    @property
    def held_bytes(self) -> int:
        """Bytes that all names hold together, in all places."""
        return sum(self.held.values())

    def to_frame(self) -> pd.DataFrame:
        """Give the rows as a DataFrame; see `views.whos_view.frame` for its columns."""
        return whos_view.frame(self)

    def __repr__(self) -> str:
        return whos_view.text(self)

    def _repr_html_(self) -> str:
        return whos_view.html(self)


def take_inventory(
    namespace: Mapping[str, Any], names: Sequence[str] = (), kinds: Sequence[str] = ()
) -> Inventory:
    """List the tensors and arrays of a namespace without converting or moving any.

    Parameters
    ----------
    namespace
        A snapshot of the user's names; it must not change meanwhile.
    names
        Names, or patterns as in `fnmatch`, case-sensitive; all when empty. A name that
        begins with an underscore is listed only where such a name or pattern asks for it.
    kinds
        Words among `KINDS` and `FAMILIES`, in any case; all when empty.

    Raises
    ------
    InventoryError
        A plain name that does not exist or is no tensor or array; an unknown kind.
    """
    wanted = _wanted_kinds(kinds)
    known = known_types()
    looks = {}
    for name in _chosen(namespace, names):
        seen = look(namespace[name], known)
        if seen is None and name in names:
            what = type(namespace[name]).__name__
            raise InventoryError(f"{name!r} is no tensor or array, but of type {what}.")
        if seen is not None and seen.facts.kind in wanted:
            looks[name] = seen
    return dataclasses.replace(_inventory(looks), written=_written(namespace, looks))


def _written(namespace: Mapping[str, Any], listed: Mapping[str, Look]) -> tuple[str, ...]:
    """What the last trace saw written to, of the memory of the names that are listed."""
    sentences = []
    for found in last_found():
        array, tensor = found.shared.ends()
        names = names_of({name: namespace[name] for name in listed}, array, tensor)
        if found.hazard.written and any(names):
            here = dataclasses.replace(found.hazard, array=names[0], tensor=names[1])
            sentences.append(of_written(here, found.title))
    return tuple(sentences)


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


def _chosen(namespace: Mapping[str, Any], patterns: Sequence[str]) -> list[str]:
    """Names to look at, sorted; IPython's history (``_``, ``_3``, ``__``) only on demand."""
    for pattern in patterns:
        if not any(sign in pattern for sign in "*?[") and pattern not in namespace:
            raise InventoryError(f"There is no name {pattern!r} here.")
    return sorted(
        name
        for name in namespace
        if isinstance(name, str)
        and any(
            fnmatch.fnmatchcase(name, pattern)
            and (not name.startswith("_") or pattern.startswith("_"))
            for pattern in patterns or ("*",)
        )
    )


def _inventory(looks: Mapping[str, Look]) -> Inventory:
    partition = partition_of([(*look.parts, *look.mirrors) for look in looks.values()])
    members: dict[int, list[int]] = {}
    for owner in range(len(looks)):
        members.setdefault(partition.find(owner), []).append(owner)
    names = list(looks)
    groups: list[Group] = []
    total: collections.Counter[str] = collections.Counter()
    for owners in members.values():
        together = {names[owner]: looks[names[owner]] for owner in owners}
        held = bytes_by_place(
            part for look in together.values() for part in (*look.parts, *look.mirrors)
        )
        total.update(held)
        if len(owners) > 1:
            certain = partition.unsure.isdisjoint(owners)
            groups.append(_group(len(groups) + 1, together, held, certain))
    numbers = {name: group.number for group in groups for name in group.names}
    rows = [
        dataclasses.replace(look.facts, name=name, group=numbers.get(name))
        for name, look in looks.items()
    ]
    return Inventory(tuple(rows), tuple(groups), dict(total))


def _group(
    number: int, together: Mapping[str, Look], held: Mapping[str, int], certain: bool
) -> Group:
    return Group(
        number,
        names=tuple(together),
        writable=tuple(name for name, look in together.items() if look.facts.writable),
        tensors=tuple(name for name, look in together.items() if look.facts.kind in EAGER_KINDS),
        held=held,
        certain=certain,
    )
