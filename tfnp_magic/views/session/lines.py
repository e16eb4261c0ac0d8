"""The lines of one cell of a session as a table: figures of the latest run, and what changed."""

from __future__ import annotations

from typing import Any

from tfnp_magic.figures import counted
from tfnp_magic.shell.session_runs import CellRuns
from tfnp_magic.views.amounts import cells_of
from tfnp_magic.views.diff import diff_frame
from tfnp_magic.views.edited import without_figures
from tfnp_magic.views.lines import Figures, Line, lines_of, traced_sources
from tfnp_magic.views.session.wording import changes, compared
from tfnp_magic.views.tables import Table

_MOST_ROWS = 20
"""Lines of a cell that a report tells, those with most bytes."""


_NUMBERS = ("line", "count", "copied", "moved", "time", "casts")


def table_of(cell: CellRuns) -> tuple[Table, str]:
    """The lines of the latest run, with what changed; and a sentence on those left out."""
    changed = _changes_by_line(cell)
    own = traced_sources(cell.latest)
    lines = [line for line in lines_of(cell.latest) if line.own.count]
    heaviest = {id(line) for line in sorted(lines, key=_weight)[-_MOST_ROWS:]}
    told = [line for line in lines if id(line) in heaviest]
    rows = {
        _key(line): [
            _where(line, own), *cells_of(line.own).values(), changed.get(_key(line), ""),
            _code(line),
        ]
        for line in told
    }  # fmt: skip
    known = {_key(line) for line in lines}
    gone = [(key, text) for key, text in changed.items() if text and key not in known]
    for key, text in gone[:_MOST_ROWS]:
        source, number, code = key
        where_ = "\u2013" if number is None else _named(source, number, own)
        rows[key] = [where_, *[""] * 5, text, code]
    # What is gone stands where it stood.
    ordered = [rows[key] for key in [*(changed or rows)] if key in rows]
    table = _without_empty(Table([*_NUMBERS, "against the run before", "code"], ordered, 2))
    more = len(lines) - len(told) + len(gone[_MOST_ROWS:])
    return table, f"Not shown: {counted(more, 'further line')}." if more else ""


def _weight(line: Line) -> tuple[int, int]:
    return line.own.copied.known + line.own.moved.known, line.own.count


def _where(line: Line, own: set[str]) -> str:
    place = line.place
    if place is None:
        return "?"
    return _named(place.source, place.line, own) if place.line else place.source


def _named(source: str, line: int, own: set[str]) -> str:
    return str(line) if source in own else f"{source}, {line}"


def _code(line: Line) -> str:
    return without_figures(line.place.code) if line.place else "(on no line that is known)"


_Key = tuple[str, "int | None", str]
"""Source, number and code of a line in the latest run; where it is gone, without a number."""


def _key(line: Line) -> _Key:
    place = line.place
    if place is None:
        return "", None, ""
    return place.source, place.line or None, without_figures(place.code)


def _changes_by_line(cell: CellRuns) -> dict[_Key, str]:
    """What changed at each line; the title of the run before does not matter."""
    if cell.previous is None:
        return {}
    texts: dict[_Key, str] = {}
    for row in diff_frame(cell.previous, cell.latest).astype(object).to_dict("records"):
        sides = [
            {name: _known(row[f"{name}_{side}"]) for name in compared(Figures())}
            for side in ("before", "after")
        ]
        changed = [] if row["change"] == "added" else changes(*sides)
        key = row["source"], _known(row["line_after"]), row["code"]
        texts[key] = ", ".join([*_edit(row), *changed])
    return texts


def _edit(row: dict[str, Any]) -> list[str]:
    named = {"added": "new line", "removed": "line gone", "edited": "edited"}
    return [named[row["change"]]] if row["change"] in named else []


def _known(value: Any) -> Any:
    """None for pandas' missing value."""
    return value if isinstance(value, int) else None


def _without_empty(table: Table) -> Table:
    """The table without columns that say nothing."""
    columns = [
        (name, at >= len(table.head) - table.words)
        for at, name in enumerate(table.head)
        if any(row[at] for row in table.rows) or name in ("line", "count", "code")
    ]
    at = [table.head.index(name) for name, _ in columns]
    rows = [[row[position] for position in at] for row in table.rows]
    return Table([name for name, _ in columns], rows, sum(is_words for _, is_words in columns))
