"""A recording as text, for terminals and logs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from tfnp_magic.model import Recording
from tfnp_magic.views.wording import plain, remarks, totals

if TYPE_CHECKING:
    import pandas as pd

_CODE_WIDTH = 40
_REASON_WIDTH = 72


def report(recording: Recording, width: int | None = None) -> str:
    """Totals in one sentence, the summary table, and what the table does not hold.

    Parameters
    ----------
    recording
        A complete recording.
    width
        Characters per line that the table is folded to; by default the terminal's,
        and no less than 80.
    """
    width = width or max(80, shutil.get_terminal_size((120, 24)).columns)
    parts = [plain(totals(recording))]
    if recording.ledger:
        parts.append(table(recording.summary(), width))
    parts += [plain(remark) for remark in remarks(recording)]
    return "\n".join(parts)


def table(summary: pd.DataFrame, width: int) -> str:
    """All columns of the summary, pairs of columns joined, folded to the width."""
    shown = joined(summary)
    for column, limit in (("code", _CODE_WIDTH), ("reason", _REASON_WIDTH)):
        shown[column] = [_cut(plain(text), limit) for text in shown[column]]
    if not shown["inner"].any():
        shown = shown.drop(columns="inner")
    return shown.to_string(index=False, line_width=width, na_rep="?")


def joined(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary with from/to columns as one, and numbers as a reader wants them."""
    shown = summary.copy()
    shown.insert(8, "dtype", _arrow(summary["dtype_from"], summary["dtype_to"]))
    shown.insert(12, "device", _arrow(summary["device_from"], summary["device_to"]))
    shown["explicit"] = ["yes" if explicit else "no" for explicit in summary["explicit"]]
    shown["seconds"] = ["?" if s != s else f"{s:.3g}" for s in summary["seconds"]]
    for column in ("bytes", "copied_bytes"):
        shown[column] = [_grouped_digits(value) for value in summary[column].to_list()]
    shown = shown.drop(columns=["dtype_from", "dtype_to", "device_from", "device_to"])
    return shown.rename(columns={"copied_bytes": "copied bytes"})


def _grouped_digits(value: Any) -> str:
    """``1,234``; ``?`` for pandas' missing value."""
    return f"{value:,}" if isinstance(value, int) else "?"


def _arrow(left: pd.Series, right: pd.Series) -> list[str]:
    pairs = zip(left, right, strict=True)
    return [a if a == b else f"{a} → {b}" for a, b in pairs]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
