"""A namespace, and what is inside of it, as a list of tensors and arrays: ``%tfnp_whos``.

`inventory` takes it. `choosing` reads what the user wants to see. `deep` looks inside of things,
by the ways of `members`: `containers` and `models`. `look` is what is told of one tensor or
array; `readers` finds who reads it: `arrays` or `tensors`. `sharing` and `maps` say who shares
memory with whom; `converting` and `entering`, what converting would do.
"""

from __future__ import annotations

from tfnp_magic.whos.choosing import EAGER_KINDS, FAMILIES, KINDS, InventoryError, is_kind
from tfnp_magic.whos.inventory import ROWS_SHOWN, Group, Inventory, take_inventory
from tfnp_magic.whos.look import Holding

__all__ = [
    "EAGER_KINDS",
    "FAMILIES",
    "KINDS",
    "ROWS_SHOWN",
    "Group",
    "Holding",
    "Inventory",
    "InventoryError",
    "is_kind",
    "take_inventory",
]
