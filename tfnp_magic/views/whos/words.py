"""What an inventory says in sentences: totals, groups, what is not known, what is not shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tfnp_magic.figures import bytes_text, counted
from tfnp_magic.model import is_host
from tfnp_magic.views.whos.cells import rows_shown

if TYPE_CHECKING:
    from tfnp_magic.whos import Group, Holding, Inventory

HOST = "host"
NOTHING = "Nothing to list: no tensors or arrays here."
_NAMES_IN_A_SENTENCE = 12
_LONGEST_LIST = 120
"""Characters of the names in a sentence, more or less."""

_GROUPS_TOLD = 20
"""Groups that a view has a sentence for; those that a write can spoil come first."""


def totals(inventory: Inventory) -> str:
    """One sentence: how many names, how many bytes and where, how many groups."""
    rows, sharing = inventory.rows, len(inventory.groups)
    unknown = any(row.nbytes is None and row.kind != "SymbolicTensor" for row in rows)
    amount = f"{'at least ' if unknown else ''}{_held(inventory.held)}"
    names = f"{_counted(inventory)} hold{'s' * (len(rows) == 1)} {amount}"
    if len(rows) == 1:
        return f"{names}."
    groups = {0: "no two share memory", 1: "1 group shares memory"}
    return f"{names}; {groups.get(sharing, f'{sharing:,} groups share memory')}."


def _counted(inventory: Inventory) -> str:
    """``3 names``, ``2 names and 5 members of others``."""
    members = inventory.members
    names = len(inventory.rows) - members
    if not members:
        return counted(names, "name")
    inside = counted(members, "member of others", "members of others")
    return f"{counted(names, 'name')} and {inside}" if names else inside


def _held(held: Mapping[str, int]) -> str:
    """``8.0 kB: 4.0 kB on GPU:0 and 4.0 kB in host memory``; no place where all is the host's."""
    total = bytes_text(sum(held.values()))
    places = sorted((place for place in held if held[place]), key=_order)
    if places in ([], [HOST]):
        return total
    if len(places) == 1:
        return f"{total} on {places[0]}"
    return f"{total}: {_joined([f'{bytes_text(held[place])} {_at(place)}' for place in places])}"


def _order(place: str) -> tuple[bool, int, str]:
    """Host memory last; ``GPU:2`` before ``GPU:10``."""
    return place == HOST, len(place), place


def _at(place: str) -> str:
    return "in host memory" if is_host(place) else f"on {place}"


def hidden(inventory: Inventory) -> str:
    """One sentence on the rows that are not shown; empty where all are."""
    shown = rows_shown(inventory)
    more = len(inventory.rows) - len(shown)
    if not more:
        return ""
    which = f"Shown are {len(shown):,} of {len(inventory.rows):,}"
    if not inventory.order:
        smallest = min((row.nbytes or 0 for row in shown), default=0)
        which += f", the largest: none of the other {more:,} is known to have more than "
        which += bytes_text(smallest)
    return f"{which}. `-n 0` shows all, `-o df` keeps all in a DataFrame."


def warnings(inventory: Inventory) -> list[str]:
    """What was written to while it was shared, and what a write can spoil: a sentence each."""
    found = [f"Written to: {sentence}" for sentence in inventory.written]
    return found + [_group_sentence(group) for group in _told(inventory) if _warning(group)]


def remarks(inventory: Inventory) -> list[str]:
    """A sentence for each other group, and what is not known or not shown."""
    told = _told(inventory)
    found = [_group_sentence(group) for group in told if not _warning(group)]
    if more := len(inventory.groups) - len(told):
        found.append(f"Not told: {counted(more, 'more group')} sharing memory.")
    found += _of_mirrors(inventory.rows)
    found += _of_waiting(inventory.rows)
    found += _of_variables(inventory.rows)
    found += _of_unlocated(inventory.rows)
    return [*found, *inventory.remarks]


def _told(inventory: Inventory) -> list[Group]:
    """Groups that there is a sentence for, in the order of their numbers."""
    worst_first = sorted(inventory.groups, key=lambda group: not _warning(group))
    return sorted(worst_first[:_GROUPS_TOLD], key=lambda group: group.number)


def _of_mirrors(rows: Sequence[Holding]) -> list[str]:
    mirrored = [row.name for row in rows if row.mirrors]
    if not mirrored:
        return []
    one = len(mirrored) == 1
    return [
        f"Mirrored: TensorFlow keeps the {'copy' if one else 'copies'} of {listed(mirrored)} "
        f"that a read or an op elsewhere needed, as long as the tensor{'s' * (not one)} "
        f"live{'s' * one}."
    ]


def _of_waiting(rows: Sequence[Holding]) -> list[str]:
    waiting = [row.name for row in rows if not row.computed]
    if not waiting:
        return []
    return [
        f"Not waited for: {listed(waiting)}. What is unknown of "
        f"{'it' if len(waiting) == 1 else 'them'} was not asked: that could wait for an op."
    ]


def _of_variables(rows: Sequence[Holding]) -> list[str]:
    variables = [row.name for row in rows if row.kind == "Variable"]
    if not variables:
        return []
    return [
        f"Not known: whether {listed(variables)} share{'s' * (len(variables) == 1)} memory "
        "with an array or a tensor. Reading a Variable can copy it, so it was not read."
    ]


def _of_unlocated(rows: Sequence[Holding]) -> list[str]:
    unlocated = [row for row in rows if row.unlocated and row.kind != "Variable"]
    if not unlocated:
        return []
    places = sorted({place for row in unlocated for place in row.unlocated}, key=_order)
    one = len(unlocated) == 1
    return [
        f"Not known: whether {listed([row.name for row in unlocated])} share{'s' * one} "
        f"memory on {listed(places)} with another tensor there. "
        f"{'It' if one else 'Each'} is counted in full."
    ]


def _group_sentence(group: Group) -> str:
    verb = "share memory" if group.certain else "may share memory"
    names = listed(group.names)
    sentence = f"Group {group.number}: {names} {verb}, {_held(group.held)}."
    warning = _warning(group)
    return f"{sentence} Warning: {warning}" if warning else sentence


def _warning(group: Group) -> str:
    """Say that writing to one changes another; empty where nothing can be written."""
    can = "can change" if group.certain else "may change"
    arrays = [name for name in group.writable if name not in group.tensors]
    if not group.tensors:
        return ""
    if arrays:
        written = f"{listed(arrays)} {'is' if len(arrays) == 1 else 'are'} writable"
        return f"{written}; writing there {can} {listed(group.tensors)}."
    if group.writable_below:
        one = len(group.writable_below) == 1
        return (
            f"{listed(group.writable_below)} {'is' if one else 'are'} read-only, but the array "
            f"that {'it is a view of' if one else 'they are views of'} can be written; that {can} "
            f"{listed(group.tensors)}."
        )
    return ""


def listed(names: Sequence[str], most: int = _NAMES_IN_A_SENTENCE) -> str:
    """``a``, ``a and b``, ``a, b and 5 more``; fewer where they are long."""
    told: list[str] = []
    for name in names if len(names) == most + 1 else names[:most]:
        if sum(map(len, told)) + len(name) > _LONGEST_LIST and len(told) > 1:
            break
        told.append(name)
    more = len(names) - len(told)
    return _joined([*told, f"{more:,} more"] if more else told)


def _joined(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
