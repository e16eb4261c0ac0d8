"""The annotated cell as HTML: numbers on a heat map, lines that unfold."""

from __future__ import annotations

from tfnp_magic.recording import Recording
from tfnp_magic.views import markup
from tfnp_magic.views.annotated.details import Detail, Fact, details_of
from tfnp_magic.views.annotated.rows import (
    CALLED,
    IN_CALLS,
    Block,
    Gap,
    Row,
    blocks_of,
    columns_of,
    number_of,
    signs_of,
)
from tfnp_magic.views.wording import cut

_PADDING = "padding:1px 8px;vertical-align:baseline"
_NUMBER = f"text-align:right;white-space:nowrap;{_PADDING}"
_CODE = f"text-align:left;{_PADDING};padding-left:1.6em"
_SUMMARY = "list-style-position:outside;cursor:pointer"
_DETAILS = "margin:2px 0 6px 0;padding-left:1.2em;max-width:60em;white-space:normal"
_HEADING = f"text-align:left;{_PADDING};padding-top:8px"

_LONGEST = 400  # columns of code


def annotated_html(recording: Recording) -> str:
    """The cell with figures at each line that converted; empty where none did."""
    blocks = blocks_of(recording)
    if not blocks:
        return ""
    table = _Table(columns_of(blocks))
    rows = "".join(table.block(block, headed=len(blocks) > 1) for block in blocks)
    legend = "; ".join(["Shaded by the share of the column's sum", *signs_of(blocks)])
    return markup.table(table.head(), rows) + markup.paragraph(f"{markup.text(legend)}.")


class _Table:
    """The rows of the table.

    Parameters
    ----------
    columns
        The figures that it shows.
    """

    def __init__(self, columns: list[str]) -> None:
        self._columns = columns

    def head(self) -> str:
        cells = [(name, _NUMBER) for name in ("line", *self._columns)] + [("code", _CODE)]
        return "".join(f'<th scope="col" style="{style}">{name}</th>' for name, style in cells)

    def block(self, block: Block, *, headed: bool) -> str:
        rows = "".join(f"<tr>{self._row(row)}</tr>" for row in block.rows)
        if not headed:
            return rows
        span = f'colspan="{len(self._columns) + 2}"'
        return f'<tr><th {span} style="{_HEADING}">{markup.text(block.heading)}</th></tr>{rows}'

    def _row(self, row: Row | Gap) -> str:
        if isinstance(row, Gap):
            return self._cells("", self._nothing(), markup.text(str(row)))
        if row.line is None:
            return self._cells(number_of(row), self._nothing(), _code(row.code))
        figures = "".join(self._figure(row, name) for name in self._columns)
        return self._cells(number_of(row), figures, _unfolding(row))

    def _cells(self, number: str, figures: str, code: str) -> str:
        return f'<td style="{_NUMBER}">{number}</td>{figures}<td style="{_CODE}">{code}</td>'

    def _nothing(self) -> str:
        return f'<td colspan="{len(self._columns)}" style="{_PADDING}"></td>'

    def _figure(self, row: Row, name: str) -> str:
        text = markup.text(row.cells[name])
        if name == "casts" and row.figures.silent_casts:
            text = f"<b>{text}</b>"
        if name == "count" and row.is_called:
            text = f"{CALLED} {text}"
        return f'<td style="{_NUMBER}{markup.heat(row.shares.get(name, 0.0))}">{text}</td>'


def _code(text: str) -> str:
    return markup.code(cut(text, _LONGEST), ";white-space:pre")


def _unfolding(row: Row) -> str:
    """The line's code, which unfolds to its details."""
    if row.line is None:
        return ""
    details = details_of(row.line, called=row.is_called)
    items = "".join(f"<li>{_item(detail)}</li>" for detail in details)
    summary = markup.text(row.code) if row.code == IN_CALLS else _code(row.code)
    return (
        f'<details><summary style="{_SUMMARY}">{summary}</summary>'
        f'<ul style="{_DETAILS}">{items}</ul></details>'
    )


def _item(detail: Detail) -> str:
    name = cut(detail.name, _LONGEST)
    shown = markup.code(name) if detail.is_code else markup.text(name)
    return " · ".join([shown, *map(_fact, detail.facts)])


def _fact(fact: Fact) -> str:
    text = markup.text(cut(fact.text, _LONGEST))
    return f"<b>{text}</b>" if fact.is_silent_cast else text
