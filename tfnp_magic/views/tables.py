"""Rows of texts below headings, and such a table as HTML."""

from __future__ import annotations

from typing import NamedTuple

from tfnp_magic.views import markup
from tfnp_magic.views.wording import cut

_LONGEST = 400  # characters of a cell: a line of source may be a file of its own


class Table(NamedTuple):
    """Headings, and rows of as many texts.

    Attributes
    ----------
    words
        How many of the last columns are words, and begin at the left; the others are numbers.
    """

    head: list[str]
    rows: list[list[str]]
    words: int = 1


def html_of(table: Table) -> str:
    """All columns, code as such."""
    head = "".join(
        f'<th scope="col" style="{_style(table, at)}">{markup.text(name)}</th>'
        for at, name in enumerate(table.head)
    )
    return markup.table(head, "".join(f"<tr>{_cells(table, row)}</tr>" for row in table.rows))


def _cells(table: Table, row: list[str]) -> str:
    cells = []
    for at, (name, text) in enumerate(zip(table.head, row, strict=True)):
        content = (markup.code if name == "code" else markup.text)(cut(text, _LONGEST))
        cells.append(f'<td style="{_style(table, at)}">{content}</td>')
    return "".join(cells)


def _style(table: Table, at: int) -> str:
    return markup.TEXT_CELL if at >= len(table.head) - table.words else markup.NUMBER_CELL
