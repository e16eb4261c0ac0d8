"""Rows as a DataFrame whose columns and dtypes are those promised, whatever the rows hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def frame_of(rows: Sequence[Mapping[str, Any]], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Return one row for each mapping.

    Parameters
    ----------
    rows
        Values by column; what a row lacks is missing.
    dtypes
        The columns in their order, each with its dtype; said for every one, as pandas would
        infer others where there are no rows.
    """
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(dtypes)).astype(dict(dtypes))


def seconds(nanoseconds: int | None) -> float | None:
    """Nanoseconds as seconds; None stays what it is: not known."""
    return None if nanoseconds is None else nanoseconds / 1e9
