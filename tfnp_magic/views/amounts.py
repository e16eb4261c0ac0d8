"""Figures of a line as short text, and as shares of a whole recording's."""

from __future__ import annotations

from tfnp_magic.figures import bytes_text, seconds_text
from tfnp_magic.views.lines import Amount, Figures

COLUMNS = ("count", "copied", "moved", "time", "casts")
"""The figures that `cells_of` tells, in their order."""

AT_LEAST, UNKNOWN = "≥", "?"
"""Stands before a sum of which a part is unknown; stands for one of which all is."""


def shares_of(figures: Figures, totals: Figures) -> dict[str, float]:
    """Which part of the totals the figures are; of what is known."""
    return {
        "count": _share(figures.count, totals.count),
        "copied": _share(figures.copied.known, totals.copied.known),
        "moved": _share(figures.moved.known, totals.moved.known),
        "time": _share(figures.duration.known, totals.duration.known),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def cells_of(figures: Figures) -> dict[str, str]:
    """The figures as short text; what does not apply is empty."""
    silent, casts = figures.silent_casts, figures.casts
    return {
        "count": number_text(figures.count),
        "copied": amount_text(figures.copied),
        "moved": amount_text(figures.moved) if figures.moves else "",
        "time": time_text(figures.duration),
        "casts": f"{number_text(silent)} silent" if silent else number_text(casts) * bool(casts),
    }


def amount_text(amount: Amount) -> str:
    """``1.5 MB``, ``≥1.5 MB``, ``?``."""
    size = amount.known
    return _least(amount, bytes_text(size) if size < _LARGEST_BYTES else f"{size:.1e} B")


def time_text(duration: Amount) -> str:
    """``1.2 s``, ``35 ms``, ``12 µs``, ``<1 µs``; as `amount_text` where parts are unknown."""
    time = duration.known
    if time < _SHORT:
        return _least(duration, f"{time / 1000:.0f} µs" if time >= 1000 else "<1 µs")
    return _least(duration, seconds_text(time) if time < _LONG else f"{time / 1e9:.1e} s")


def _least(amount: Amount, text: str) -> str:
    if not amount.unknown:
        return text
    return AT_LEAST + text if amount.known else UNKNOWN


def number_text(number: int) -> str:
    """All digits, or so many that a row fits a terminal."""
    return f"{number:,}" if number < _LARGEST_NUMBER else f"{number:.1e}"


_LARGEST_NUMBER, _LARGEST_BYTES, _LONG = 10**7, 10**15, 9 * 10**12
"""Above these, numbers are rounded, so that a row fits a terminal; the DataFrame has all digits."""

_SHORT = 99_500
"""Nanoseconds below which a time is told in microseconds."""
