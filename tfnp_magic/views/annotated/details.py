"""What a line of the annotated cell unfolds to: each way in which it converted, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tfnp_magic.figures import counted, times
from tfnp_magic.model import Crossing, Site
from tfnp_magic.views.amounts import amount_text, time_text
from tfnp_magic.views.lines import NOTHING, Amount, Line, figures_of
from tfnp_magic.views.summary import grouped, reasons_text, shapes_of, values_text
from tfnp_magic.views.wording import arrow, inner_text

MOST = 12
"""Details of one line that a report shows; the DataFrames have them all."""


class Fact(NamedTuple):
    """A few words on what happened, and whether it was a silent cast."""

    text: str
    is_silent_cast: bool = False


class Detail(NamedTuple):
    """One way in which a line converted.

    Attributes
    ----------
    name
        The route; of a line that called others, the place where conversions count.
    is_code
        Whether the name is code.
    facts
        What happened, in a reader's order.
    """

    name: str
    is_code: bool
    facts: list[Fact]


def details_of(line: Line, *, called: bool) -> list[Detail]:
    """What the line itself converted, or what it led to at other lines; the first `MOST`."""
    groups = _by_place(line.calls) if called else grouped(line.crossings)
    tell = _of_place if called else _of_route
    told = [tell(group) for group in groups[:MOST]]
    if len(groups) > MOST:
        told.append(Detail(f"… and {len(groups) - MOST:,} more", False, []))
    return told


def _by_place(crossings: list[Crossing]) -> list[list[Crossing]]:
    groups: dict[str, list[Crossing]] = {}
    for crossing in crossings:
        groups.setdefault(inner_text(crossing.site), []).append(crossing)
    return list(groups.values())


def _of_place(group: list[Crossing]) -> Detail:
    figures = figures_of(group)
    facts = [Fact(counted(figures.count, "conversion")), Fact(_bytes(figures.copied, "copied"))]
    if figures.moves:
        facts.append(Fact(_bytes(figures.moved, "moved")))
    if figures.silent_casts:
        facts.append(Fact(counted(figures.silent_casts, "silent cast"), is_silent_cast=True))
    return Detail(inner_text(group[0].site), False, [*facts, *_time(figures.duration)])


def _of_route(group: list[Crossing]) -> Detail:
    first, figures = group[0], figures_of(group)
    facts = [
        Fact(first.direction),
        Fact(times(figures.count)),
        *_data(group),
        *_cast(group),
        Fact(_storage(group, figures.copied)),
        Fact(reasons_text(group)),
        *_devices(first, figures.moves),
        *_time(figures.duration),
        *_waited(group),
        *_caller(first.site),
    ]
    return Detail(first.route, True, facts)


def _data(group: list[Crossing]) -> Iterator[Fact]:
    """``shape (32, 64), float64 → float32``."""
    if shapes := shapes_of(group):
        yield Fact(f"shape {shapes}")
    yield Fact(arrow(group[0].dtype_from, group[0].dtype_to))


def _cast(group: list[Crossing]) -> Iterator[Fact]:
    kind, values = group[0].cast, values_text(group)
    if kind == "silent":
        yield Fact("cast silently", is_silent_cast=True)
    elif kind == "explicit":
        yield Fact("cast as asked")
    elif kind != "none":
        yield Fact("into which dtype is unknown")
    if values:
        yield Fact(values)


def _storage(group: list[Crossing], copied: Amount) -> str:
    """``2 copies (1.5 MB)``, ``view``."""
    first, copies = group[0], Amount()
    for crossing in group:
        copies = copies.plus(crossing.copies)
    if first.storage == "unknown":
        return "copy or view: unknown"
    if first.storage == "view" and copied == NOTHING:
        return "view"
    number = "copied" if copies.unknown else counted(copies.known, "copy", "copies")
    return f"{number} ({amount_text(copied)})" if _is_told(copied) else number


def _devices(crossing: Crossing, moves: dict[str, Amount]) -> Iterator[Fact]:
    devices = arrow(crossing.device_from, crossing.device_to)
    if not moves:
        yield Fact(devices)
    for moved in moves.values():
        by_mirror = ", by a mirror" if crossing.mirror else ""
        yield Fact(f"{devices}: {_bytes(moved, 'moved')}{by_mirror}")


def _time(duration: Amount) -> Iterator[Fact]:
    if _is_told(duration):
        yield Fact(time_text(duration))


def _waited(group: list[Crossing]) -> Iterator[Fact]:
    waited = Amount()
    for crossing in group:
        waited = waited.plus(crossing.waited_ns)
    if waited.known:
        yield Fact(f"{time_text(waited)} of it waiting")


def _caller(site: Site) -> Iterator[Fact]:
    """``line 8 runs it``, where that is another line than the one that is told of."""
    line, inner = site
    if line is not None and inner is not None and inner[:2] != line[:2]:
        of = "" if line.source == inner.source else f" of {line.source}"
        yield Fact(f"line {line.line}{of} runs it")


def _bytes(amount: Amount, verb: str) -> str:
    """``1.5 MB copied``."""
    return f"{amount_text(amount)} {verb}" if _is_told(amount) else f"unknown bytes {verb}"


def _is_told(amount: Amount) -> bool:
    return bool(amount.known) or not amount.unknown
