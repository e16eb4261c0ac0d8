"""The summary table: a recording as a pandas DataFrame."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tfnp_magic.figures import counted, known_sum
from tfnp_magic.model import Crossing
from tfnp_magic.recording import Recording
from tfnp_magic.values import ValueChange, in_words, merge
from tfnp_magic.views.dataframes import frame_of, seconds
from tfnp_magic.views.wording import inner_text, shapes_text

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "line", "code", "inner", "route", "direction", "explicit", "count", "shape",
    "dtype_from", "dtype_to", "cast", "device_from", "device_to", "bytes", "copied_bytes",
    "storage", "seconds", "reason", "copies", "values", "moved_bytes", "mirror", "waited_seconds",
)  # fmt: skip
"""Stable, documented in docs/reference.md; new ones may be added behind."""

LEDGER_COLUMNS = (
    *COLUMNS, "evidence", "source", "function", "cast_evidence", "move_evidence",
    "values_checked", "values_changed", "largest_relative_error",
)  # fmt: skip


MOST_ROWS = 60
"""Rows of the table that a report shows; the DataFrame has them all."""


def summary_frame(recording: Recording) -> pd.DataFrame:
    """One row per line, route and outcome, in the order of the lines.

    Returns
    -------
    DataFrame
        ``line`` (Int64) is missing for what no line of the cell led to, ``bytes`` and
        its like (Int64) are missing where unknown, ``seconds`` and ``waited_seconds``
        (float64) are NaN where an op ran around the conversion or that was not told apart,
        the other columns are pandas' default for text. An empty recording gives no rows.
    """
    return frame_of(list(map(_row, grouped(recording.ledger))), _dtypes(COLUMNS))


def ledger_frame(recording: Recording) -> pd.DataFrame:
    """One row per crossing as recorded, in the order in which the sites were reached."""
    rows = []
    for crossing in recording.ledger:
        place = crossing.site.inner or crossing.site.line
        rows.append(
            {
                **_row([crossing]),
                "evidence": crossing.evidence,
                "cast_evidence": crossing.cast_evidence,
                "move_evidence": crossing.move_evidence,
                **_values_row(crossing.values),
                "source": place.source if place else "",
                "function": place.function if place else "",
            }
        )
    return frame_of(rows, _dtypes(LEDGER_COLUMNS))


def told_rows(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows that a report shows: silent casts, then those of most bytes; in their order.

    Parameters
    ----------
    summary
        As `summary_frame` gives it.
    """
    if len(summary) <= MOST_ROWS:
        return summary
    parts = (summary[name].fillna(0) for name in ("bytes", "copied_bytes", "moved_bytes"))
    weight = sum(parts).astype("float64").where(summary["cast"] != "silent", float("inf"))
    heaviest = weight.sort_values(ascending=False, kind="stable").index[:MOST_ROWS]
    return summary.loc[sorted(heaviest)]


def untold_rows(summary: pd.DataFrame) -> str:
    """A sentence on the rows that a report does not show; empty where it shows all."""
    more = len(summary) - MOST_ROWS
    return f"… and {counted(more, 'more row')} of less weight: `rec.summary()`." if more > 0 else ""


def grouped(ledger: Iterable[Crossing]) -> list[list[Crossing]]:
    """Crossings that differ only in evidence, reason or column of the line, by line."""
    groups: dict[tuple[Any, ...], list[Crossing]] = {}
    for crossing in ledger:
        key = tuple(getattr(crossing, name) for name in _GROUP_BY)
        groups.setdefault(key, []).append(crossing)
    return sorted(groups.values(), key=lambda group: _line(group[0]))


_GROUP_BY = (
    "site", "route", "direction", "explicit", "dtype_from", "dtype_to", "cast",
    "device_from", "device_to", "storage", "mirror",
)  # fmt: skip


def _line(crossing: Crossing) -> float:
    return crossing.site.line.line if crossing.site.line else float("inf")


def _row(group: list[Crossing]) -> dict[str, Any]:
    first = group[0]
    line = first.site.line
    fields = {field.name: getattr(first, field.name) for field in dataclasses.fields(Crossing)}
    return {
        **{name: fields[name] for name in COLUMNS if name in fields},
        "line": line.line if line else None,
        "code": line.code if line else "",
        "inner": inner_text(first.site),
        "count": sum(crossing.count for crossing in group),
        "shape": shapes_of(group),
        "bytes": known_sum(crossing.nbytes for crossing in group),
        "copied_bytes": known_sum(crossing.copied_bytes for crossing in group),
        "seconds": seconds(known_sum(crossing.duration_ns for crossing in group)),
        "reason": reasons_text(group),
        "copies": known_sum(crossing.copies for crossing in group),
        "values": values_text(group),
        "moved_bytes": known_sum(crossing.moved_bytes for crossing in group),
        "waited_seconds": seconds(known_sum(crossing.waited_ns for crossing in group)),
    }


def shapes_of(group: list[Crossing]) -> str:
    """The shapes of all crossings, with how often each was seen; empty where none was."""
    shapes: Counter[tuple[int, ...]] = Counter()
    for crossing in group:
        shapes.update(crossing.shapes)
    return shapes_text(dict(shapes), sum(crossing.other_shapes for crossing in group))


def _values_row(values: ValueChange | None) -> dict[str, Any]:
    """What became of the values, in figures; missing where that was not looked at."""
    if values is None:
        return {"values_checked": None, "values_changed": None, "largest_relative_error": None}
    return {
        "values_checked": values.checked,
        "values_changed": values.changed,
        "largest_relative_error": values.largest_relative_error,
    }


def values_text(group: list[Crossing]) -> str:
    """What casts did to the values; empty where that was not looked at."""
    known = [crossing.values for crossing in group if crossing.values is not None]
    return in_words(functools.reduce(merge, known)) if known else ""


def reasons_text(group: list[Crossing]) -> str:
    """The reason; with several, each with how often it held, the commonest first."""
    counts: Counter[str] = Counter()
    for crossing in group:
        counts[crossing.reason] += crossing.count
    if len(counts) == 1:
        return group[0].reason
    return "; ".join(f"{count} x {reason}" for reason, count in counts.most_common())


def _dtypes(columns: Iterable[str]) -> dict[str, str]:
    return {name: _DTYPES.get(name, "str") for name in columns}


_DTYPES = {
    "line": "Int64", "explicit": "bool", "mirror": "bool", "count": "int64", "bytes": "Int64",
    "copied_bytes": "Int64", "moved_bytes": "Int64", "copies": "Int64",
    "seconds": "float64", "waited_seconds": "float64",
    "values_checked": "Int64", "values_changed": "Int64", "largest_relative_error": "float64",
}  # fmt: skip
