"""An inventory of a namespace as text, as HTML and as a DataFrame."""

from __future__ import annotations

import html as markup
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfnp_magic.model import is_host

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
HOST = "host"
COMPUTED = {True: "", False: "not computed yet", None: "may not be computed yet"}
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
        unknown), ``bytes`` (Int64), ``contiguous``, ``aligned``, ``writable`` (boolean),
        ``shares_with`` (the other names of the group, comma-separated; empty for none),
        ``backing_device`` (object: where the bytes are), ``mirrors`` (where TensorFlow keeps
        copies of them, comma-separated), and ``computed`` (boolean: False before its op ran).
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
        "backing_device": ("object", [row.backing_device for row in rows]),
        "mirrors": ("object", [", ".join(row.mirrors) for row in rows]),
        "computed": ("boolean", [row.computed for row in rows]),
    }
    return pd.DataFrame(
        {name: pd.Series(facts, dtype=dtype) for name, (dtype, facts) in columns.items()}
    )


def totals(inventory: Inventory) -> str:
    """One sentence: how many names, how many bytes and where, how many groups."""
    count, sharing = len(inventory.rows), len(inventory.groups)
    names = f"{count} name{'s hold' if count != 1 else ' holds'}"
    unknown = any(row.nbytes is None and row.kind != "SymbolicTensor" for row in inventory.rows)
    amount = f"{'at least ' if unknown else ''}{_held(inventory.held)}"
    groups = {0: "no two share memory", 1: "1 group shares memory"}
    if count == 1:
        return f"{names} {amount}."
    return f"{names} {amount}; {groups.get(sharing, f'{sharing} groups share memory')}."


def _held(held: Mapping[str, int]) -> str:
    """``8.0 kB: 4.0 kB on GPU:0 and 4.0 kB in host memory``; no place where all is the host's."""
    total = _amount(sum(held.values()))
    places = sorted((place for place in held if held[place]), key=_order)
    if places in ([], [HOST]):
        return total
    if len(places) == 1:
        return f"{total} on {places[0]}"
    return f"{total}: {_joined([f'{_amount(held[place])} {_at(place)}' for place in places])}"


def _order(place: str) -> tuple[bool, int, str]:
    """Host memory last; ``GPU:2`` before ``GPU:10``."""
    return place == HOST, len(place), place


def _at(place: str) -> str:
    return "in host memory" if place == HOST else f"on {place}"


def sentences(inventory: Inventory) -> list[str]:
    """What was written to while shared, a sentence or two for each group, what is not known."""
    found = [f"Written to: {sentence}" for sentence in inventory.written]
    found += [_group_sentence(group) for group in inventory.groups]
    if mirrored := [row.name for row in inventory.rows if row.mirrors]:
        one = len(mirrored) == 1
        found.append(
            f"Mirrored: TensorFlow keeps the {'copy' if one else 'copies'} of {_listed(mirrored)} "
            f"that a read or an op elsewhere needed, as long as the tensor{'s' * (not one)} "
            f"live{'s' * one}."
        )
    if waiting := [row.name for row in inventory.rows if not row.computed]:
        found.append(
            f"Not waited for: {_listed(waiting)}. What is unknown of "
            f"{'it' if len(waiting) == 1 else 'them'} was not asked: that could wait for an op."
        )
    variables = [row.name for row in inventory.rows if row.kind == "Variable"]
    if variables:
        found.append(
            f"Not known: whether {_listed(variables)} share{'s' * (len(variables) == 1)} memory "
            "with an array or a tensor. Reading a Variable can copy it, so it was not read."
        )
    unlocated = [row for row in inventory.rows if row.unlocated and row.kind != "Variable"]
    if unlocated:
        places = sorted({place for row in unlocated for place in row.unlocated}, key=_order)
        one = len(unlocated) == 1
        found.append(
            f"Not known: whether {_listed([row.name for row in unlocated])} share{'s' * one} "
            f"memory on {_listed(places)} with another tensor there. "
            f"{'It' if one else 'Each'} is counted in full."
        )
    return found


def _group_sentence(group: Group) -> str:
    verb = "share memory" if group.certain else "may share memory (too hard to tell exactly)"
    sentence = f"Group {group.number}: {_listed(group.names)} {verb}, {_held(group.held)}."
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
    return _joined(shown)


def _joined(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _others(inventory: Inventory) -> dict[str, str]:
    return {
        name: ", ".join(other for other in group.names if other != name)
        for group in inventory.groups
        for name in group.names
    }


def _cells(row: Holding) -> list[str]:
    cells = [
        row.name,
        _with_notes(row.kind, [row.note, COMPUTED[row.computed]]),
        UNKNOWN if row.shape is None else str(row.shape),
        _clipped(row.dtype or UNKNOWN),
        _place(row),
        _bytes(row),
        *(_yes_or_no(flag) for flag in (row.contiguous, row.aligned, row.writable)),
        "" if row.group is None else str(row.group),
    ]
    return [_printable(cell) for cell in cells]


def _with_notes(fact: str, notes: Sequence[str]) -> str:
    said = "; ".join(filter(None, notes))
    return f"{fact} ({said})" if said else fact


def _place(row: Holding) -> str:
    """``XPU:0 (in host memory)``, ``XPU:0 (mirrored: host)``."""
    held, mirrors = row.backing_device, ", ".join(row.mirrors)
    elsewhere = "" if held in (None, row.device) else _at(HOST if is_host(held) else held)
    return _with_notes(
        row.device or UNKNOWN, [elsewhere, f"mirrored: {mirrors}" if mirrors else ""]
    )


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
