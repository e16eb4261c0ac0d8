"""Numbers as a reader wants them."""

from __future__ import annotations

from collections.abc import Iterable


def known_sum(values: Iterable[int | None]) -> int | None:
    """The sum; None where a part is not known."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def plus(total: int | None, part: int | None) -> int | None:
    """The sum with one part more; None where either is not known."""
    return None if total is None or part is None else total + part


def less(total: int | None, part: int | None) -> int | None:
    """The sum with one part less; None where either is not known."""
    return None if total is None or part is None else total - part


def product(figure: int | None, times: int) -> int | None:
    """So many times the figure; None where it is not known."""
    return None if figure is None else figure * times


def bytes_text(nbytes: int | None) -> str:
    """``1.5 MB``; powers of 1000; exact below 1 kB."""
    if nbytes is None:
        return "unknown"
    size = float(nbytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 line``, ``2 lines``, ``1,000 lines``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def times(number: int) -> str:
    """``once``, ``twice``, ``3,000 times``."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def seconds_text(nanoseconds: int) -> str:
    """``1.2 s``, ``35 ms``, ``0.4 ms``."""
    milliseconds = nanoseconds / 1e6
    if milliseconds >= 999.5:
        return f"{milliseconds / 1000:,.1f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 9.95 else f"{milliseconds:.1f} ms"
