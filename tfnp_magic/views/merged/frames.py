"""Recordings of several engines as DataFrames, and as one recording that is their sum."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tfnp_magic.model import KINDS_OF_MOVE, Crossing
from tfnp_magic.recording import Recording
from tfnp_magic.views.dataframes import frame_of, seconds
from tfnp_magic.views.findings import findings_frame
from tfnp_magic.views.lines import figures_of
from tfnp_magic.views.summary import grouped, ledger_frame
from tfnp_magic.views.summary import summary_frame as one_summary

if TYPE_CHECKING:
    import pandas as pd

    from tfnp_magic.merging import Engine, Merged

ENGINE_COLUMNS = (
    "engine", "conversions", "bytes", "copied_bytes", "host_to_device_bytes",
    "device_to_host_bytes", "device_to_device_bytes", "silent_casts", "hazards", "seconds",
    "cell_seconds", "error",
)  # fmt: skip
"""Stable; new ones may be added behind. See `engines_frame`."""


def summed(merged: Merged) -> Recording:
    """One recording with all that the engines recorded, in the order of the cells."""
    ledger, total = [], Recording()
    for recording in _in_order(merged).values():
        ledger += recording.ledger
        total.hazards += recording.hazards
        total.functions += recording.functions
        total.pipelines += recording.pipelines
        total.models += recording.models
        for name in _SUMS:
            setattr(total, name, getattr(total, name) + getattr(recording, name))
        for kind, nbytes in recording.housekeeping_moves.items():
            total.housekeeping_moves[kind] = total.housekeeping_moves.get(kind, 0) + nbytes
    total.ledger = ledger
    recordings = merged.recordings.values()
    total.looked_into_graphs = any(each.looked_into_graphs for each in recordings)
    texts = [text for each in recordings for text in each.not_seen]
    total.not_seen = list(dict.fromkeys(texts))
    return total


_SUMS = (
    "hazards_unwatched", "housekeeping", "housekeeping_bytes", "left_out", "graph_calls",
    "duration_ns",
)  # fmt: skip


def _in_order(merged: Merged) -> dict[Engine, Recording]:
    """The aligned recordings, cell by cell."""
    aligned = merged.aligned
    return {engine: aligned[engine] for cell in merged.cells for engine in cell.engines}


def summary_frame(merged: Merged) -> pd.DataFrame:
    """One row per line, route and outcome over all engines; see `Merged.summary`."""
    import pandas as pd

    frames = []
    for cell in merged.cells:
        owners = {
            id(crossing): engine
            for engine in cell.engines
            for crossing in merged.aligned[engine].ledger
        }
        ledger = [c for engine in cell.engines for c in merged.aligned[engine].ledger]
        frame = one_summary(Recording(ledger=ledger))
        frame["engines"] = [_number(group, owners) for group in grouped(ledger)]
        frame["cell"] = cell.name
        frames.append(frame.astype({"engines": "int64", "cell": "str"}))
    if not frames:
        frame = one_summary(Recording())
        return frame.assign(engines=pd.Series(dtype="int64"), cell=pd.Series(dtype="str"))
    return pd.concat(frames, ignore_index=True)


def _number(group: list[Crossing], owners: dict[int, Engine]) -> int:
    return len({owners[id(crossing)] for crossing in group})


def engines_frame(merged: Merged) -> pd.DataFrame:
    """One row per engine, those without a recording last.

    Returns
    -------
    DataFrame
        ``engine``; how many ``conversions``, and ``bytes`` that crossed, ``copied_bytes`` and
        bytes moved by direction (Int64), missing where a part is unknown; ``silent_casts`` and
        ``hazards`` (Int64); ``seconds`` inside converting calls and ``cell_seconds`` that the
        cell took (float64); ``error``, what ended the cell, or why there is no recording, of
        which all figures are missing then.
    """
    rows = [_row(engine, recording) for engine, recording in merged.recordings.items()]
    rows += [{"engine": engine, "error": str(why)} for engine, why in merged.absent.items()]
    return frame_of(rows, {name: _dtype(name) for name in ENGINE_COLUMNS})


def _row(engine: Engine, recording: Recording) -> dict[str, Any]:
    figures = figures_of(recording.ledger)
    moves = zip(KINDS_OF_MOVE, recording.moves(), strict=True)
    return {
        "engine": engine,
        "conversions": figures.count,
        "bytes": figures.nbytes.exact,
        "copied_bytes": figures.copied.exact,
        **{f"{kind.replace(' ', '_')}_bytes": nbytes for kind, nbytes in moves},
        "silent_casts": figures.silent_casts,
        "hazards": len(recording.hazards),
        "seconds": seconds(figures.duration.exact),
        "cell_seconds": seconds(recording.duration_ns),
        "error": recording.error or "",
    }


def _dtype(name: str) -> str:
    if name in ("engine", "error"):
        return {"engine": "object", "error": "str"}[name]
    return "float64" if name.endswith("seconds") else "Int64"


def ledgers_frame(merged: Merged) -> pd.DataFrame:
    """All ledgers, with the engine in front."""
    return _stacked(merged, ledger_frame)


def all_findings_frame(merged: Merged) -> pd.DataFrame:
    """All findings, with the engine in front."""
    return _stacked(merged, findings_frame)


def _stacked(merged: Merged, frame_for: Callable[[Recording], pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    frames = []
    for engine, recording in merged.recordings.items():
        frame = frame_for(recording)
        frame.insert(0, "engine", pd.Series([engine] * len(frame), index=frame.index, dtype=object))
        frames.append(frame)
    if not frames:
        frame = frame_for(Recording())
        frame.insert(0, "engine", pd.Series(dtype=object))
        return frame
    return pd.concat(frames, ignore_index=True)
