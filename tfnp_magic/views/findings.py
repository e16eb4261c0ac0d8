"""Findings as a pandas DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfnp_magic.advice import Finding, findings
from tfnp_magic.recording import Recording
from tfnp_magic.views.dataframes import frame_of, seconds
from tfnp_magic.views.wording import inner_text

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "rank", "kind", "source", "line", "inner", "what", "instead", "count", "bytes",
    "copied_bytes", "moved_bytes", "seconds",
)  # fmt: skip
"""Stable, documented in `findings_frame`; new ones may be added behind."""


def findings_frame(recording: Recording) -> pd.DataFrame:
    """One row per finding, the most harmful first; no rows on a clean cell.

    Returns
    -------
    DataFrame
        ``rank`` (int64)
            From 1, in the order of harm: values that a cast broke, memory written to while it
            was shared, values that were rounded, costs, memory that may be written to.
        ``kind``
            One of `tfnp_magic.advice.KINDS`.
        ``source``, ``line`` (Int64), ``inner``
            ``In[3]`` or a file, the line in it, and what that line ran where it came about in
            a function elsewhere. Of what no line of the cell led to, the innermost line that
            the user wrote; missing where there is none.
        ``what``, ``instead``
            What happened, and what to write instead, in sentences; ``instead`` may be empty.
        ``count`` (int64)
            How often.
        ``bytes``, ``copied_bytes``, ``moved_bytes`` (Int64)
            Bytes of what crossed, was written to make copies, and went to another device's
            memory, in all; missing where not all are known or the finding is of no conversion.
        ``seconds`` (float64)
            That it took in all; NaN where not told.
    """
    rows = [_row(rank, finding) for rank, finding in enumerate(findings(recording), 1)]
    return frame_of(rows, {name: _DTYPES.get(name, "str") for name in COLUMNS})


_DTYPES = {
    "rank": "int64", "line": "Int64", "count": "int64", "bytes": "Int64",
    "copied_bytes": "Int64", "moved_bytes": "Int64", "seconds": "float64",
}  # fmt: skip


def _row(rank: int, finding: Finding) -> dict[str, Any]:
    line, inner = finding.site
    place = line or inner
    return {
        "rank": rank,
        "kind": finding.kind,
        "source": place.source if place else "",
        "line": place.line if place else None,
        "inner": inner_text(finding.site) if line else "",
        "what": finding.what,
        "instead": finding.instead,
        "count": finding.count,
        "bytes": finding.nbytes,
        "copied_bytes": finding.copied_bytes,
        "moved_bytes": finding.moved_bytes,
        "seconds": seconds(finding.duration_ns),
    }
