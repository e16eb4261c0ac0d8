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
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfnp_magic import progress
from tfnp_magic.advice import of_written
from tfnp_magic.cell_text.writes import names_of
from tfnp_magic.hazards import last_found
from tfnp_magic.whos.choosing import (
    EAGER_KINDS,
    Choice,
    InventoryError,
    chosen_names,
    name_key,
    sorter_of,
)
from tfnp_magic.whos.converting import Here
from tfnp_magic.whos.deep import Walk, is_plain
from tfnp_magic.whos.look import Holding, Look, filled
from tfnp_magic.whos.maps import located
from tfnp_magic.whos.members import ways_into
from tfnp_magic.whos.readers import is_known, known_types, look
from tfnp_magic.whos.sharing import bytes_by_place, partition_of

if TYPE_CHECKING:
    import pandas as pd

ROWS_SHOWN = 100
"""Rows that a view shows where nothing else is asked for."""


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
        False when for some members only the bounds of their memory could be compared, or when
        one is a private map of a file, which shares only what it has not written to.
    writable_below
        Members that are read-only themselves, but views of an array that can be written; it may
        be a member, too, or have no name.
    """

    number: int
    names: tuple[str, ...]
    writable: tuple[str, ...]
    tensors: tuple[str, ...]
    held: Mapping[str, int]
    certain: bool
    writable_below: tuple[str, ...] = ()

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
        In the order that was asked for: by name.
    groups
        Those of them that share memory.
    held
        Bytes that all names hold together in each place (``host``, ``GPU:0``), with their
        mirrors, shared bytes counted once: of a group of strided views no more than the bytes
        between the lowest and the highest. What has no known size counts 0; a Variable that
        shares memory with a tensor counts twice, and so does what shares memory with a tensor
        that is `Holding.unlocated` or, in asynchronous execution, with a mirror.
    written
        What the last trace saw written to while it was shared, and still is: a sentence each.
    order, limit
        One of `choosing.ORDERS`, or empty where none was asked for; and how many rows a
        view shows, 0 for all: the first ones, or without an order those of most bytes.
    remarks
        What was not looked at, and why: a sentence each.
    members
        How many of the rows are no names, but inside of what names hold.
    """

    rows: tuple[Holding, ...]
    groups: tuple[Group, ...]
    held: Mapping[str, int]
    written: tuple[str, ...] = ()
    order: str = ""
    limit: int = ROWS_SHOWN
    remarks: tuple[str, ...] = ()
    members: int = 0

    def to_frame(self) -> pd.DataFrame:
        """Give the rows as a DataFrame; see `tfnp_magic.views.whos.frame` for its columns."""
        from tfnp_magic.views.whos.frame import frame

        return frame(self)

    def __repr__(self) -> str:
        from tfnp_magic.views.whos.text import text

        return text(self)

    def _repr_html_(self) -> str:
        from tfnp_magic.views.whos.html import html

        return html(self)


def take_inventory(
    namespace: Mapping[str, Any],
    names: Sequence[str] = (),
    kinds: Sequence[str] = (),
    *,
    devices: Sequence[str] = (),
    least: int = 0,
    deep: bool = False,
    order: str = "",
    limit: int = ROWS_SHOWN,
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
    devices
        Words as `places_of` gives them, in any case: ``GPU:0``, ``GPU``, ``host``; all when
        empty.
    least
        Bytes below which nothing is listed. What has no known size is listed only for 0.
    deep
        Whether to look into containers, objects of the user's classes, modules and models,
        too; the names of what is found there are expressions.
    order, limit
        As in `Inventory`.

    Raises
    ------
    InventoryError
        A plain name that does not exist or, unless `deep`, is no tensor or array; an unknown
        kind or order; a device that nothing is on.
    """
    choice = Choice(kinds, devices, least)
    in_order = sorter_of(order or "name")
    looks, things, remarks = _looked_at(namespace, names, choice, deep)
    found = _inventory(looks)
    return dataclasses.replace(
        found,
        rows=tuple(in_order(found.rows)),
        written=_written(things),
        order=order,
        limit=limit,
        remarks=remarks,
        members=len(looks.keys() - namespace.keys()),
    )


def _looked_at(
    namespace: Mapping[str, Any], names: Sequence[str], choice: Choice, deep: bool
) -> tuple[dict[str, Look], dict[str, Any], tuple[str, ...]]:
    """Looks and objects by name, in the order of the names, and what was not looked at."""
    chosen, known, here = chosen_names(namespace, names), known_types(), Here.now()
    looks, things = {}, {}
    what, total = ("Looking at objects", None) if deep else ("Looking at names", len(chosen))
    with progress.of(what, total) as step:
        walk = Walk(lambda thing: is_known(thing, known), step)
        found = ((name, namespace[name]) for name in chosen)
        for name, thing in walk.through(found) if deep else _stepwise(found, step):
            seen = None if is_plain(thing) else look(thing, known, here)
            if seen is not None and choice.takes(seen.facts):
                looks[name], things[name] = seen, thing
            elif seen is None and name in names:
                raise InventoryError(_no_tensor(name, thing))
    choice.refuse_unknown_devices()
    for name in walk.also.keys() & looks.keys():
        filled(looks[name].facts, also=tuple(walk.also[name]))
    in_order = sorted(looks, key=name_key)
    return {name: looks[name] for name in in_order}, things, tuple(walk.remarks)


def _stepwise(
    names: Iterator[tuple[str, Any]], step: Callable[[int], None]
) -> Iterator[tuple[str, Any]]:
    for done, pair in enumerate(names):
        step(done)
        yield pair


def _no_tensor(name: str, thing: Any) -> str:
    sentence = f"{name!r} is no tensor or array, but of type {type(thing).__name__}"
    can_be_looked_into = not is_plain(thing) and ways_into(thing)
    return f"{sentence}; --deep looks into it." if can_be_looked_into else f"{sentence}."


def _written(things: dict[str, Any]) -> tuple[str, ...]:
    """What the last trace saw written to, of the memory of the names that are listed."""
    sentences = []
    for found in last_found():
        array, tensor = found.shared.ends()
        names = names_of(things, array, tensor)
        if found.hazard.written and any(names):
            here = dataclasses.replace(found.hazard, array=names[0], tensor=names[1])
            sentences.append(of_written(here, found.title))
    return tuple(sentences)


def _inventory(looks: Mapping[str, Look]) -> Inventory:
    looks = located(looks)
    parts = [(*look.parts, *look.mirrors) for look in looks.values()]
    partition = partition_of(parts)
    members: dict[int, list[int]] = {}
    for owner in range(len(looks)):
        members.setdefault(partition.find(owner), []).append(owner)
    names = list(looks)
    groups: list[Group] = []
    total: collections.Counter[str] = collections.Counter()
    for owners in members.values():
        held = bytes_by_place(part for owner in owners for part in parts[owner])
        for place, nbytes in held.items():
            total[place] += nbytes
        if len(owners) > 1:
            together = {names[owner]: looks[names[owner]] for owner in owners}
            certain = partition.unsure.isdisjoint(owners)
            groups.append(_group(len(groups) + 1, together, held, certain))
    numbers = {name: group.number for group in groups for name in group.names}
    rows = [filled(look.facts, name=name, group=numbers.get(name)) for name, look in looks.items()]
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
        writable_below=tuple(name for name, look in together.items() if look.facts.writable_below),
    )
