"""An inventory as text, for terminals and logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tfnp_magic.views.whos.cells import HEADINGS, LEGEND, SAME, Cells, cells_of, rows_shown
from tfnp_magic.views.whos.converting import reasons
from tfnp_magic.views.whos.words import NOTHING, hidden, remarks, totals, warnings
from tfnp_magic.views.wording import cut, folded, page_width, plain, width_of

if TYPE_CHECKING:
    from tfnp_magic.whos import Inventory

_GAP = "  "
_RIGHT = "size"
_WIDEST = {"name": 48, "kind": 32, "shape": 32, "dtype": 40, "device": 40, "shares": 40}
_NARROWEST = {"name": 24}
"""Columns that a field keeps where the page is narrow; `_LEAST` where nothing is said here."""
_LEAST = 10
"""Columns that any field keeps, the name too where all others are as narrow as they may be."""

_IS = ("name", "kind", "shape", "dtype", "device", "size")
_HAS = ("name", "layout", "shares", "converting")
"""Fields of the two blocks that a table falls into where the page is too narrow."""


def text(inventory: Inventory, width: int | None = None) -> str:
    """Totals, a table that fits the page, and sentences.

    Parameters
    ----------
    inventory
        Any.
    width
        Columns of the terminal; by default the present one's, and no less than 80.
    """
    width = page_width(width)
    if not inventory.rows:
        return "\n".join(_folded([NOTHING, *inventory.remarks], width))
    shown = rows_shown(inventory)
    cells = cells_of(shown, inventory.groups)
    sections = [
        _folded([totals(inventory)], width),
        table(cells, width),
        _folded([legend(cells), hidden(inventory)], width),
        _items(warnings(inventory), width, "!"),
        _items(remarks(inventory), width, "-"),
        _under("What converting would do, and why:", _items(reasons(shown), width, "-")),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _folded(sentences: Sequence[str], width: int) -> list[str]:
    return [folded(plain(sentence), width) for sentence in sentences if sentence]


def _items(sentences: Sequence[str], width: int, mark: str) -> list[str]:
    return [folded(plain(sentence), width, f"  {mark} ", "    ") for sentence in sentences]


def _under(heading: str, items: list[str]) -> list[str]:
    return [heading, *items] if items else []


def legend(cells: Sequence[Cells]) -> str:
    """Say what the signs of the layouts mean, those that occur."""
    signs = {sign for row in cells for sign in row.layout.split()}
    told = [f"{sign} {meaning}" for sign, meaning in LEGEND.items() if sign in signs]
    same = any(SAME in row.shares for row in cells)
    layout = f"Layout: {', '.join(told)}." if told else ""
    return f"{layout} {SAME} stands before other names of the same object." if same else layout


# ---- table ------------------------------------------------------------------------------


def table(cells: Sequence[Cells], width: int) -> list[str]:
    """Lines of one table where it fits, with one way of converting at least; else of two."""
    fields = [field for field in HEADINGS if field == "name" or any(_column(cells, field))]
    for form in (cells, _shortened(cells)):
        if _taken(widths := _widths(form, fields)) <= width:
            return list(_lines(form, widths))
    blocks = [[field for field in fields if field in block] for block in (_IS, _HAS)]
    lines: list[str] = []
    for block in blocks[: 1 + (len(blocks[1]) > 1)]:
        lines += [*([""] if lines else []), *_block(cells, block, width)]
    return lines


def _block(cells: Sequence[Cells], fields: Sequence[str], width: int) -> list[str]:
    if _taken(_widths(cells, fields)) > width:
        cells = _shortened(cells)
    return list(_lines(cells, _narrowed(_widths(cells, fields), width)))


def _shortened(cells: Sequence[Cells]) -> list[Cells]:
    """Leave only the usual way of converting."""
    return [row._replace(converting=row.first_way) for row in cells]


def _column(cells: Sequence[Cells], field: str) -> list[str]:
    return [getattr(row, field) for row in cells]


def _widths(cells: Sequence[Cells], fields: Sequence[str]) -> dict[str, int]:
    return {field: max(map(width_of, (HEADINGS[field], *_shown(cells, field)))) for field in fields}


def _shown(cells: Sequence[Cells], field: str) -> Iterator[str]:
    limit = _WIDEST.get(field)
    return (fitted(text, limit, field) if limit else text for text in _column(cells, field))


def _taken(widths: dict[str, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)


def _narrowed(widths: dict[str, int], width: int) -> dict[str, int]:
    """Take from the widest column until all fit."""
    widths = dict(widths)
    while _taken(widths) > width:
        room = {field: n for field, n in widths.items() if n > _NARROWEST.get(field, _LEAST)}
        room = room or {field: n for field, n in widths.items() if n > _LEAST}
        if not room:
            break
        widths[max(room, key=lambda field: widths[field])] -= 1
    return widths


def _lines(cells: Sequence[Cells], widths: dict[str, int]) -> Iterator[str]:
    for row in (HEADINGS, *(row._asdict() for row in cells)):
        padded = (_padded(row[field], widths[field], field) for field in widths)
        yield _GAP.join(padded).rstrip()


def _padded(content: str, width: int, field: str) -> str:
    content = fitted(content, width, field)
    blanks = " " * (width - width_of(content))
    return blanks + content if field == _RIGHT else content + blanks


def fitted(content: str, limit: int, field: str) -> str:
    """Cut what is too wide; a name in its middle, for its end says most."""
    if width_of(content) <= limit or field != "name":
        return cut(content, limit)
    end = cut(content[::-1], limit // 2).rstrip("…")[::-1]
    return cut(content, limit - width_of(end)) + end
