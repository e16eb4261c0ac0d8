"""A session's report as DataFrames."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tfnp_magic.recording import Recording
from tfnp_magic.shell.session_runs import CellRuns, SessionReport
from tfnp_magic.views import diff, lines
from tfnp_magic.views.dataframes import frame_of
from tfnp_magic.views.lines import Figures, figures_of, figures_row

if TYPE_CHECKING:
    import pandas as pd

FIGURES = tuple(figures_row(Figures()))

COLUMNS = (
    "cell", "cell_before", "runs", "error", *FIGURES,
    *(f"{name}_before" for name in FIGURES), *(f"{name}_of_all_runs" for name in FIGURES),
)  # fmt: skip
"""Stable; new ones may be added behind. See `summary_frame`."""


def summary_frame(report: SessionReport) -> pd.DataFrame:
    """One row per cell, in the order of their latest runs; those that convert nothing included.

    Returns
    -------
    DataFrame
        ``cell`` and ``cell_before`` are the titles of the latest run and of the one before
        (empty where there was none), ``runs`` (int64) their number, ``error`` the exception that
        ended the latest. The figures, named as in `Recording.by_line`, are the latest run's,
        those of the run before (missing where there was none), and those of all runs. Figures
        are missing, too, where a part is unknown.
    """
    return frame_of(list(map(_row, report.cells)), {name: _dtype(name) for name in COLUMNS})


def _row(cell: CellRuns) -> dict[str, Any]:
    before = figures_row(figures_of(cell.previous.ledger)) if cell.previous else {}
    of_all = figures_row(cell.sums.figures)
    return {
        "cell": cell.latest.title,
        "cell_before": cell.previous.title if cell.previous else "",
        "runs": cell.sums.runs,
        "error": cell.latest.error or "",
        **figures_row(figures_of(cell.latest.ledger)),
        **{f"{name}_before": value for name, value in before.items()},
        **{f"{name}_of_all_runs": value for name, value in of_all.items()},
    }


def _dtype(name: str) -> str:
    if name in ("cell", "cell_before", "error"):
        return "str"
    if name.startswith("seconds"):
        return "float64"
    return "int64" if name == "runs" else "Int64"


def by_line_frame(report: SessionReport) -> pd.DataFrame:
    """The lines of each cell's latest run; the columns of `Recording.by_line` behind ``cell``."""
    parts = [(cell.latest.title, cell.latest.by_line()) for cell in report.cells]
    return _joined(parts, lambda: Recording().by_line(), lines.COLUMNS)


def changes_frame(report: SessionReport) -> pd.DataFrame:
    """Latest run against the run before; the columns of `Recording.diff` behind ``cell``.

    Cells that ran once have no rows.
    """
    parts = [
        (cell.latest.title, diff.diff_frame(cell.previous, cell.latest))
        for cell in report.cells
        if cell.previous is not None
    ]
    return _joined(parts, lambda: Recording().diff(Recording()), diff.COLUMNS)


def _joined(
    parts: list[tuple[str, pd.DataFrame]], empty: Callable[[], pd.DataFrame], names: tuple[str, ...]
) -> pd.DataFrame:
    import pandas as pd

    told = [(title, frame) for title, frame in parts if len(frame)]
    whole = pd.concat([frame for _, frame in told], ignore_index=True) if told else empty()
    whole.insert(0, "cell", [title for title, frame in told for _ in range(len(frame))])
    return whole[["cell", *names]].astype({"cell": "str"})
