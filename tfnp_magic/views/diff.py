"""Two recordings compared by line, also where the code was edited between them."""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tfnp_magic.recording import Recording
from tfnp_magic.views.dataframes import frame_of
from tfnp_magic.views.edited import without_figures
from tfnp_magic.views.lines import figures_of, figures_row
from tfnp_magic.views.pairing import TRACED, Key, Pairs, Side, pairs_of, side_of

if TYPE_CHECKING:
    import pandas as pd

FIGURES = ("count", "bytes", "copied_bytes", "moved_bytes", "seconds", "silent_casts")

COLUMNS = (
    "line_before", "line_after", "source", "code", "change",
    *(f"{figure}_{side}" for figure in FIGURES for side in ("before", "after")),
)  # fmt: skip
"""Stable, documented in docs/reference.md; new ones may be added behind."""


def diff_frame(before: Recording, after: Recording) -> pd.DataFrame:
    """One row per line that converted in either run, in the order of the lines after.

    The traced code comes first. A traced cell's lines are known again by its text: it does not
    matter that lines were put above one, nor that it was moved out of a loop. Lines of files
    are known by number and text; those of functions from earlier cells also where their cell
    ran again, under another number.

    Returns
    -------
    DataFrame
        ``line_before`` and ``line_after`` (Int64) are missing where there is no such line, and
        both for what happened on no line that is known. ``source`` and ``code`` are those
        after, or before where the line is gone. ``change`` is ``same`` (the code is; the line
        may stand elsewhere), ``edited``, ``added`` or ``removed``. The figures are the lines'
        own, as in `by_line`, and add up to the totals of either run: ``count`` and
        ``silent_casts`` (int64), bytes (Int64) and ``seconds`` (float64) are 0 where a line
        converted nothing, and missing where a part is unknown.

    Raises
    ------
    TypeError
        Where `after` is no recording.
    """
    if not isinstance(after, Recording):
        raise TypeError(_no_recording(after))
    sides = side_of(before), side_of(after)
    rows = [_cells(row, *sides) for row in _rows(*sides)]
    return frame_of(rows, {name: _dtype(name) for name in COLUMNS})


def _no_recording(other: Any) -> str:
    how = ": read the file with `tfnp_magic.load`" if isinstance(other, str | os.PathLike) else ""
    return f"diff takes another Recording, and not {type(other).__name__}{how}"


class _Row(NamedTuple):
    """A line before, or the same line after, or both; None on both sides for no line."""

    before: Key | None
    after: Key | None
    change: str


def _rows(before: Side, after: Side) -> list[_Row]:
    pairs = pairs_of(before, after)
    paired = {**pairs.same, **pairs.edited}
    origins = {other: key for key, other in paired.items()}
    rows = [_Row(key, paired.get(key), _change(key, pairs, "removed")) for key in before.places]
    told = {row.after for row in rows}
    rows += [
        _Row(origins.get(key), key, _change(origins.get(key), pairs, "added"))
        for key in after.places
        if key not in told
    ]
    rows.sort(key=_order_by(paired))
    if None in before.crossings or None in after.crossings:
        rows.append(_Row(None, None, "same"))
    return rows


def _change(key: Key | None, pairs: Pairs, otherwise: str) -> str:
    if key in pairs.same:
        return "same"
    return "edited" if key in pairs.edited else otherwise


def _order_by(paired: dict[Key, Key]) -> Callable[[_Row], Any]:
    """By the lines after; what was removed stands below the line that it stood below."""
    kept = sorted(paired)

    def above(key: Key) -> Key:
        at = bisect_left(kept, key) - 1
        is_there = at >= 0 and kept[at][0] == key[0]
        return paired[kept[at]] if is_there else (key[0], 0)

    def order(row: _Row) -> Any:
        source, line = row.after or (above(row.before) if row.before else _NOWHERE)
        removed = row.before[1] if row.before and row.after is None else 0
        return source != TRACED, _natural(source), line, row.after is None, removed

    return order


_NOWHERE = ("", 0)


def _natural(text: str) -> list[Any]:
    """``In[2]`` before ``In[10]``."""
    parts = re.split(r"([0-9]+)", text)
    return [(len(part), part) if odd % 2 else part for odd, part in enumerate(parts)]


def _cells(row: _Row, before: Side, after: Side) -> dict[str, Any]:
    source, code = _text_of(row, before, after)
    figures = _figures(before, row.before), _figures(after, row.after)
    return {
        "line_before": (row.before[1] or None) if row.before else None,
        "line_after": (row.after[1] or None) if row.after else None,
        "source": source,
        "code": without_figures(code),
        "change": row.change,
        **{f"{name}_before": value for name, value in figures[0].items()},
        **{f"{name}_after": value for name, value in figures[1].items()},
    }


def _text_of(row: _Row, before: Side, after: Side) -> tuple[str, str]:
    """Source and code of the line after, or of that before where it is gone."""
    if row.after in after.places:
        place = after.places[row.after]
        return place.source, place.code
    if row.after is not None:  # it stands in the cell, but converts nothing any more
        return after.title, after.cell[row.after[1]]
    if row.before is None:
        return "", ""
    place = before.places[row.before]
    return place.source, place.code


def _figures(side: Side, key: Key | None) -> dict[str, Any]:
    row = figures_row(figures_of(side.crossings.get(key, [])))
    return {name: row[name] for name in FIGURES}


def _dtype(name: str) -> str:
    if name in ("source", "code", "change"):
        return "str"
    if name.startswith("seconds"):
        return "float64"
    return "int64" if name.startswith(("count", "silent_casts")) else "Int64"
