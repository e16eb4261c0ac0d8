"""An inventory of a namespace as text, as HTML and as a DataFrame."""

from __future__ import annotations

import html as markup
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from tfnp_magic.whos import Group, Holding, Inventory

HEADINGS = (
    "name",
    "kind",
    "shape",
    "dtype",
    "device",
    "bytes",
    "contiguous",
    "aligned",
    "writable",
    "group",
)
UNKNOWN = "?"
LONGEST_DTYPE = 40
NAMES_IN_A_SENTENCE = 12
NOTHING = "Nothing to list: no tensors or arrays here."

CELL = "text-align:left;padding:2px 8px;white-space:pre"
HEAD = f"{CELL};border-bottom:1px solid #888888"


def text(inventory: Inventory) -> str:
    """Totals, an aligned table, and what shares memory, for a terminal."""
    if not inventory.rows:
        return NOTHING
    lines = _table([_cells(row) for row in inventory.rows])
    return "\n".join([totals(inventory), "", *lines, *_after_table(sentences(inventory))])


def html(inventory: Inventory) -> str:
    """Totals, table and groups for a notebook; they survive where it is not trusted."""
    if not inventory.rows:
        return f"<p>{NOTHING}</p>"
    head = "".join(f'<th scope="col" style="{HEAD}">{name}</th>' for name in HEADINGS)
    body = "".join(_html_row(row) for row in inventory.rows)
    notes = "".join(f"<li>{_escape(sentence)}</li>" for sentence in sentences(inventory))
    return (
        f"<div><p>{_escape(totals(inventory))}</p>"
        f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>{f'<ul>{notes}</ul>' if notes else ''}</div>"
    )


def frame(inventory: Inventory) -> pd.DataFrame:
    """Give the rows as a DataFrame, one per name.

    Returns
    -------
    DataFrame
        ``name``, ``kind``, ``shape`` (tuple), ``dtype``, ``device`` (object: None where
        unknown), ``bytes`` (Int64), ``contiguous``, ``aligned``, ``writable`` (boolean), and
        ``shares_with`` (the other names of the group, comma-separated; empty for none).
    """
    import pandas as pd  # the extension imports pandas only when a DataFrame is asked for

    rows, others = inventory.rows, _others(inventory)
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
        "shares_with": ("object", [others.get(row.name, "") for row in rows]),
    }
    return pd.DataFrame(
        {name: pd.Series(facts, dtype=dtype) for name, (dtype, facts) in columns.items()}
    )


def totals(inventory: Inventory) -> str:
    """One sentence: how many names, how many bytes, how many groups."""
    count, sharing = len(inventory.rows), len(inventory.groups)
    names = f"{count} name{'s hold' if count != 1 else ' holds'}"
    unknown = any(row.nbytes is None and row.kind != "SymbolicTensor" for row in inventory.rows)
    amount = f"{'at least ' if unknown else ''}{_amount(inventory.held_bytes)}"
    groups = {0: "no two share memory", 1: "1 group shares memory"}
    if count == 1:
        return f"{names} {amount}."
    return f"{names} {amount}; {groups.get(sharing, f'{sharing} groups share memory')}."


def sentences(inventory: Inventory) -> list[str]:
    """What was written to while shared, a sentence or two for each group, what is not known."""
    found = [f"Written to: {sentence}" for sentence in inventory.written]
    found += [_group_sentence(group) for group in inventory.groups]
    variables = [row.name for row in inventory.rows if row.kind == "Variable"]
    if variables:
        found.append(
            f"Not known: whether {_listed(variables)} share{'s' * (len(variables) == 1)} memory "
            "with an array or a tensor. Reading a Variable can copy it, so it was not read."
        )
    if elsewhere := _accelerators(inventory):
        found.append(
            f"Not known: whether different tensors on {_listed(elsewhere)} share memory there."
        )
    return found


def _accelerators(inventory: Inventory) -> list[str]:
    """Devices of the listed tensors whose memory has no address in this process."""
    places = {row.backing_device for row in inventory.rows if row.kind != "Variable"}
    return sorted(place for place in places if place and not place.startswith(("host", "CPU")))


def _group_sentence(group: Group) -> str:
    verb = "share memory" if group.certain else "may share memory (too hard to tell exactly)"
    sentence = f"Group {group.number}: {_listed(group.names)} {verb}, {_amount(group.nbytes)}."
    arrays = [name for name in group.writable if name not in group.tensors]
    if not arrays or not group.tensors:
        return sentence
    can = "can change" if group.certain else "may change"
    written = f"{_listed(arrays)} {'is' if len(arrays) == 1 else 'are'} writable"
    return f"{sentence} Warning: {written}; writing there {can} {_listed(group.tensors)}."


def _listed(names: Sequence[str]) -> str:
    if len(names) > NAMES_IN_A_SENTENCE:
        shown = [*names[:NAMES_IN_A_SENTENCE], f"{len(names) - NAMES_IN_A_SENTENCE} more"]
    else:
        shown = list(names)
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _others(inventory: Inventory) -> dict[str, str]:
    return {
        name: ", ".join(other for other in group.names if other != name)
        for group in inventory.groups
        for name in group.names
    }


def _cells(row: Holding) -> list[str]:
    cells = [
        row.name,
        f"{row.kind} ({row.note})" if row.note else row.kind,
        UNKNOWN if row.shape is None else str(row.shape),
        _clipped(row.dtype or UNKNOWN),
        _place(row),
        _bytes(row),
        *(_yes_or_no(flag) for flag in (row.contiguous, row.aligned, row.writable)),
        "" if row.group is None else str(row.group),
    ]
    return [_printable(cell) for cell in cells]


def _place(row: Holding) -> str:
    device = row.device or UNKNOWN
    if row.backing_device in (None, row.device):
        return device
    return f"{device} (held on {row.backing_device})"


def _bytes(row: Holding) -> str:
    if row.nbytes is None:
        return "none" if row.kind == "SymbolicTensor" else UNKNOWN
    return f"{row.nbytes:,}"


def _yes_or_no(flag: bool | None) -> str:
    return UNKNOWN if flag is None else "yes" if flag else "no"


def _clipped(name: str) -> str:
    return name if len(name) <= LONGEST_DTYPE else f"{name[: LONGEST_DTYPE - 1]}…"


def _amount(nbytes: int) -> str:
    """Decimal units: ``812 bytes``, ``1.2 MB``."""
    size = float(nbytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 999.95:
            return f"{size:.1f} {unit}" if unit != "bytes" else f"{nbytes} bytes"
        size /= 1000
    return f"{size:,.1f} TB"


def _printable(cell: str) -> str:
    r"""Control characters as ``\x1b``: a dtype's field names may hold a terminal's codes."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in cell
    )


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [HEADINGS, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    right = HEADINGS.index("bytes")
    return [
        "  ".join(
            cell.rjust(width) if column == right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _after_table(notes: Sequence[str]) -> list[str]:
    return ["", *map(_printable, notes)] if notes else []


def _html_row(row: Holding) -> str:
    name, *facts = map(markup.escape, _cells(row))
    cells = "".join(f'<td style="{CELL}">{fact}</td>' for fact in facts)
    return f'<tr><th scope="row" style="{CELL}">{name}</th>{cells}</tr>'


def _escape(sentence: str) -> str:
    return markup.escape(_printable(sentence))
