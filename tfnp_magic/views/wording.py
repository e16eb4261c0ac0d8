"""Sentences and numbers that the text and the HTML view share."""

from __future__ import annotations

import re

from tfnp_magic.model import Crossing, Recording, Site

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Return the text without control characters, so that source cannot steer a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\t", "    "))


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


def seconds_text(nanoseconds: int | None) -> str:
    """``1.25 s``, ``3.10 ms``, ``12.0 us``."""
    if nanoseconds is None:
        return "unknown"
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= scale:
            return f"{nanoseconds / scale:.3g} {unit}"
    return f"{nanoseconds} ns"


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 line``, ``2 lines``, ``1,000 lines``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def totals(recording: Recording) -> str:
    """One sentence: how many crossings, what they copied, moved, cast and shared."""
    ledger = recording.ledger
    name = recording.title or "The traced code"
    ended = f" (ended by {recording.error})" if recording.error else ""
    if not ledger:
        return f"{name}{ended}: no conversions between TensorFlow and NumPy."
    count = sum(crossing.count for crossing in ledger)
    parts = [
        f"{counted(count, 'conversion')} on {counted(len(_lines(ledger)), 'line')}",
        f"{_sum_text(ledger, 'nbytes')} crossed",
        f"{_sum_text(ledger, 'copied_bytes')} copied",
        *_moves(ledger),
        _casts(ledger),
        *_sharing(ledger),
    ]
    return f"{name}{ended}: {', '.join(parts)}."


def _lines(ledger: list[Crossing]) -> set[object]:
    return {crossing.site.line or crossing.site.inner for crossing in ledger}


def _sum_text(ledger: list[Crossing], what: str) -> str:
    """The sum of what is known; ``at least`` where a part is not."""
    values = [getattr(crossing, what) for crossing in ledger]
    known = [value for value in values if value is not None]
    return ("at least " if len(known) < len(values) else "") + bytes_text(sum(known))


_HOSTS = ("host", "graph")


def _is_host(device: str) -> bool:
    return device in _HOSTS or device.upper().startswith("CPU")


def _moves(ledger: list[Crossing]) -> list[str]:
    """Bytes that went between host and accelerators, by direction; empty without any."""
    kinds = {"host to device": (True, False), "device to host": (False, True)}
    texts = []
    for name, ends in kinds.items():
        moved = [c for c in ledger if (_is_host(c.device_from), _is_host(c.device_to)) == ends]
        if moved:
            texts.append(f"{_sum_text(moved, 'nbytes')} from {name}")
    return texts


def _casts(ledger: list[Crossing]) -> str:
    silent = [crossing for crossing in ledger if crossing.cast == "silent"]
    if not silent:
        return "no silent casts"
    kinds = sorted({f"{crossing.dtype_from} → {crossing.dtype_to}" for crossing in silent})
    number = counted(sum(crossing.count for crossing in silent), "silent cast")
    return f"{number} ({', '.join(kinds)})"


def _sharing(ledger: list[Crossing]) -> list[str]:
    """Conversions after which writing to an array changes a tensor."""
    shared = sum(crossing.count for crossing in ledger if "writing" in crossing.reason)
    return [f"{shared:,} left a writable array sharing a tensor's memory"] if shared else []


def remarks(recording: Recording) -> list[str]:
    """Sentences on what the table does not hold: small things, losses, blind spots."""
    sentences = []
    if recording.housekeeping:
        sentences.append(
            f"Not listed: {counted(recording.housekeeping, 'small conversion')} that nobody "
            f"asked for ({bytes_text(recording.housekeeping_bytes)}): axes, shapes, Python "
            "numbers, scalars of the libraries' own."
        )
    if recording.left_out:
        sentences.append(
            f"Left out: {counted(recording.left_out, 'conversion')} of threads or tasks "
            "that this code did not start."
        )
    sentences += [f"Lost: {text}." for text in recording.lost]
    if recording.graph_calls:
        sentences.append(f"Graphs ran {counted(recording.graph_calls, 'time')}.")
    if recording.not_seen:
        sentences.append(f"Not seen: {'; '.join(recording.not_seen)}.")
    return sentences


def inner_text(site: Site) -> str:
    """``helper in In[2], line 4``; empty where the line itself made the call."""
    place = site.inner
    if place is None:
        return ""
    function = "" if place.function.startswith("<") else f"{place.function} in "
    return f"{function}{place.source}, line {place.line}"


def shapes_text(crossing_shapes: dict[tuple[int, ...], int], others: int) -> str:
    """``(32, 64)``, or the commonest shapes with their counts."""
    ordered = sorted(crossing_shapes.items(), key=lambda item: -item[1])
    if len(ordered) == 1 and not others:
        return str(ordered[0][0])
    shown = [f"{shape} x{count}" for shape, count in ordered[:3]]
    rest = sum(count for _, count in ordered[3:]) + others
    return ", ".join(shown) + (f", others x{rest}" if rest else "")
