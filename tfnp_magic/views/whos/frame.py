"""An inventory as a DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfnp_magic.views.whos.cells import first_of
from tfnp_magic.views.whos.converting import in_full

if TYPE_CHECKING:
    import pandas as pd

    from tfnp_magic.whos import Group, Inventory

_MOST_PARTNERS = 100
"""Names of a group that a row spells out: in one of 10,000, each row would have all others."""


def frame(inventory: Inventory) -> pd.DataFrame:
    """Give all rows as a DataFrame, one per name, in their order.

    Returns
    -------
    DataFrame
        ``name``, ``kind``, ``shape`` (tuple), ``dtype``, ``device`` (object: None where
        unknown), ``bytes`` (Int64), ``contiguous``, ``aligned``, ``writable`` (boolean),
        ``shares_with`` (the other names of the group, comma-separated, no more than 100;
        empty for none), ``backing_device`` (object: where the bytes are), ``mirrors`` (where
        TensorFlow keeps copies of them, comma-separated), ``computed`` (boolean: False before
        its op ran), ``group`` (Int64: number of the group), ``also`` (what else can be typed
        for the same object, comma-separated), ``converting`` (what the usual ways would do,
        ``np.asarray: view; .numpy(): copy of 4.0 MB``) and ``why`` (the reason of each).
    """
    import pandas as pd  # the extension imports pandas only when a DataFrame is asked for

    rows = inventory.rows
    groups = {group.number: group for group in inventory.groups}
    columns: dict[str, tuple[str, list[Any]]] = {
        "name": ("object", [row.name for row in rows]),
        "kind": ("object", [row.kind for row in rows]),
        "shape": ("object", [row.shape for row in rows]),
        "dtype": ("object", [row.dtype for row in rows]),
        "device": ("object", [row.device for row in rows]),
        "bytes": ("Int64", [row.nbytes for row in rows]),
        "contiguous": ("boolean", [row.contiguous for row in rows]),
        "aligned": ("boolean", [row.aligned for row in rows]),
        "writable": ("boolean", [row.writable for row in rows]),
        "shares_with": ("object", [_others(groups.get(row.group or 0), row.name) for row in rows]),
        "backing_device": ("object", [row.backing_device for row in rows]),
        "mirrors": ("object", [", ".join(row.mirrors) for row in rows]),
        "computed": ("boolean", [row.computed for row in rows]),
        "group": ("Int64", [row.group for row in rows]),
        "also": ("object", [", ".join(row.also) for row in rows]),
        "converting": (
            "object",
            ["; ".join(map(in_full, row.conversions)) for row in rows],
        ),
        "why": ("object", ["; ".join(_whys(row.conversions)) for row in rows]),
    }
    return pd.DataFrame(
        {name: pd.Series(facts, dtype=dtype) for name, (dtype, facts) in columns.items()}
    )


def _others(group: Group | None, name: str) -> str:
    if group is None:
        return ""
    others = (other for other in group.names if other != name)
    return first_of(others, len(group.names) - 1, _MOST_PARTNERS)


def _whys(conversions: Any) -> list[str]:
    return [f"{each.route}: {each.reason}" for each in conversions]
