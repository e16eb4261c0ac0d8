"""One row of an inventory in words, as the text and the HTML view show it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tfnp_magic.figures import bytes_text
from tfnp_magic.model import is_host
from tfnp_magic.views.wording import cut, plain
from tfnp_magic.whos.choosing import EAGER_KINDS

if TYPE_CHECKING:
    from tfnp_magic.whos import Group, Inventory
    from tfnp_magic.whos.look import Conversion, Holding

HEADINGS = {
    "name": "name",
    "kind": "kind",
    "shape": "shape",
    "dtype": "dtype",
    "device": "device",
    "size": "size",
    "layout": "layout",
    "shares": "shares with",
    "converting": "converting",
}
"""What stands above each field of `Cells`."""

UNKNOWN = "?"
CHANGING = "W!"
LEGEND = {
    "C": "contiguous in C order",
    "A": "64-byte aligned",
    CHANGING: "writable, and writing can change a tensor",
    "W": "writable",
    "-": "not",
    UNKNOWN: "not known",
}
"""What the signs of a layout mean."""

SAME = "="
"""Stands before what else can be typed for the very same object."""

_COMPUTED = {True: "", False: "not computed yet", None: "may not be computed yet"}
_LONGEST_DTYPE = 40
_PARTNERS = 3
"""Names that a row tells of those that it shares memory with."""


class Cells(NamedTuple):
    """A row's texts, without control characters."""

    name: str
    kind: str
    shape: str
    dtype: str
    device: str
    size: str
    layout: str
    shares: str
    converting: str
    first_way: str

    @property
    def is_marked(self) -> bool:
        """Whether writing to it can change a tensor."""
        return CHANGING in self.layout


def rows_shown(inventory: Inventory) -> Sequence[Holding]:
    """Rows that a view shows; without an order that was asked for, those of most bytes."""
    rows, limit = inventory.rows, inventory.limit
    if not limit or len(rows) <= limit:
        return rows
    if inventory.order:
        return rows[:limit]
    largest = sorted(range(len(rows)), key=lambda number: -(rows[number].nbytes or 0))[:limit]
    return [rows[number] for number in sorted(largest)]


def cells_of(rows: Iterable[Holding], groups: Iterable[Group]) -> list[Cells]:
    """Put rows into words."""
    numbered = {group.number: group for group in groups}
    return [_cells(row, numbered.get(row.group or 0)) for row in rows]


def _cells(row: Holding, group: Group | None) -> Cells:
    cells = Cells(
        name=row.name,
        kind=_with_notes(row.kind, [row.note, _COMPUTED[row.computed]]),
        shape=UNKNOWN if row.shape is None else str(row.shape),
        dtype=cut(row.dtype or UNKNOWN, _LONGEST_DTYPE),
        device=_place(row),
        size=size_of(row),
        layout=_layout(row, is_changing(row, group)),
        shares=_shares(row, group),
        converting="; ".join(map(brief, row.conversions)),
        first_way="".join(map(brief, row.conversions[:1])),
    )
    return Cells(*map(plain, cells))


def is_changing(row: Holding, group: Group | None) -> bool:
    """Whether it is no tensor itself, and writing to it can change one."""
    if group is None or not group.tensors or not row.writable:
        return False
    return row.kind not in EAGER_KINDS


def _with_notes(fact: str, notes: Sequence[str]) -> str:
    said = "; ".join(filter(None, notes))
    return f"{fact} ({said})" if said else fact


def _place(row: Holding) -> str:
    """``XPU:0 (in host memory)``, ``XPU:0 (mirrored: host)``."""
    held, mirrors = row.backing_device, ", ".join(row.mirrors)
    elsewhere = ""
    if held not in (None, row.device):
        elsewhere = "in host memory" if is_host(held) else f"on {held}"
    device = row.device or ("" if row.kind == "SymbolicTensor" else UNKNOWN)
    return _with_notes(device, [elsewhere, f"mirrored: {mirrors}" if mirrors else ""])


def size_of(row: Holding) -> str:
    """``1.5 MB``; ``none`` for what has no data."""
    if row.nbytes is None:
        return "none" if row.kind == "SymbolicTensor" else UNKNOWN
    return bytes_text(row.nbytes)


def _layout(row: Holding, changes: bool) -> str:
    """``C A W``; empty for what has no data, and so no layout."""
    if row.kind == "SymbolicTensor":
        return ""
    flags = zip("CAW", (row.contiguous, row.aligned, row.writable), strict=True)
    signs = [UNKNOWN if flag is None else sign if flag else "-" for sign, flag in flags]
    return " ".join(signs) + ("!" if changes else "")


def signs_meant(layout: str) -> str:
    """``contiguous in C order, not 64-byte aligned, writable`` for ``C - W``."""
    meant = []
    for letter, sign in zip("CAW", layout.split(), strict=False):
        said = {"-": f"not {LEGEND[letter]}", UNKNOWN: f"{LEGEND[letter]}: not known"}
        meant.append(said.get(sign) or LEGEND[sign])
    return ", ".join(meant)


def _shares(row: Holding, group: Group | None) -> str:
    """``1: view, w and 12 more; = d['w']``."""
    parts = []
    if group is not None:
        others = (name for name in group.names if name != row.name)
        parts.append(f"{group.number}: {first_of(others, len(group.names) - 1, _PARTNERS)}")
    if row.also:
        parts.append(f"{SAME} {first_of(row.also, len(row.also), _PARTNERS)}")
    return "; ".join(parts)


def first_of(names: Iterable[str], number: int, most: int) -> str:
    """``a, b, c and 12 more``, of so many names."""
    shown = ", ".join(itertools.islice(names, most))
    return f"{shown} and {number - most:,} more" if number > most else shown


def brief(conversion: Conversion) -> str:
    """``np.asarray: view``."""
    return f"{conversion.route}: {conversion.outcome}"
