"""How figures differ from engine to engine: by line, and in all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from tfnp_magic.figures import seconds_text
from tfnp_magic.model import Place
from tfnp_magic.recording import Recording
from tfnp_magic.views.amounts import AT_LEAST, amount_text, number_text, time_text
from tfnp_magic.views.lines import NOTHING, Amount, Figures, figures_of, lines_of

if TYPE_CHECKING:
    from tfnp_magic.merging import Engine, Merged

RANGE = " … "
"""Stands between the least and the most."""

FEWEST = 3
"""Engines from which on one can be told to differ from the others."""

_FAR = 4
"""Typical differences from the median (its median absolute deviation) that are far."""


class Spread(NamedTuple):
    """One figure on several engines.

    Attributes
    ----------
    values
        By engine; of a sum of which parts are unknown, what is known.
    outliers
        Engines that stand far from all the others; few of many, or none.
    is_least
        Whether a part of any is unknown.
    """

    values: dict[Engine, int]
    outliers: list[Engine]
    is_least: bool = False

    def text(self, how: Callable[[int], str], engines: Iterable[Engine] | None = None) -> str:
        """``300``, or ``300 … 3,000``, of these engines or all."""
        values = list(self.values.values())
        if engines is not None:
            values = [self.values[engine] for engine in engines]
        low, high = how(min(values)), how(max(values))
        least = AT_LEAST if self.is_least else ""
        return f"{least}{low}" if low == high else f"{least}{low}{RANGE}{high}"

    def others(self) -> list[Engine]:
        """The engines that are no outliers."""
        return [engine for engine in self.values if engine not in self.outliers]


class Kind(NamedTuple):
    """One kind of figure, and what is far apart in it.

    Attributes
    ----------
    name
        As in `tfnp_magic.views.amounts.COLUMNS`.
    of
        Takes it from a line's figures.
    how
        Writes it.
    part
        The part of the median up to which nothing is far from it.
    least
        The same, as a figure.
    """

    name: str
    of: Callable[[Figures], Amount]
    how: Callable[[int], str]
    part: float
    least: int


def _bytes(nbytes: int) -> str:
    return amount_text(Amount(nbytes))


def _time(nanoseconds: int) -> str:
    return time_text(Amount(nanoseconds)) if nanoseconds else "0"


COUNT = Kind("count", lambda figures: Amount(figures.count), number_text, 0.5, 0)
COPIED = Kind("copied", lambda figures: figures.copied, _bytes, 0.5, 1_000)
MOVED = Kind("moved", lambda figures: figures.moved, _bytes, 0.5, 1_000)
TIME = Kind("time", lambda figures: figures.duration, _time, 2.0, 5_000_000)
SILENT = Kind("silent", lambda figures: Amount(figures.silent_casts), number_text, 0.5, 0)
WHOLE = Kind("cell took", lambda figures: NOTHING, seconds_text, 1.0, 100_000_000)

KINDS = (COUNT, COPIED, MOVED, SILENT, TIME)
"""Figures that are told by line, in the order in which their outliers matter."""


class LineSpread(NamedTuple):
    """One line on all engines that ran its cell.

    Attributes
    ----------
    place
        Where it is; None for what is on no line.
    engines
        Those on which it converted.
    of
        Those that ran its cell, or, of a line elsewhere, all.
    total
        Its figures, added up.
    spreads
        By the name of the kind.
    """

    place: Place | None
    engines: list[Engine]
    of: list[Engine]
    total: Figures
    spreads: dict[str, Spread]


def line_spreads(merged: Merged) -> list[LineSpread]:
    """The lines of each cell, then those elsewhere, with figures by engine."""
    found: dict[tuple[str, int] | None, dict[Engine, Figures]] = {}
    places: dict[tuple[str, int] | None, Place | None] = {}
    ran = {cell.name: cell.engines for cell in merged.cells}
    for cell in merged.cells:
        for engine in cell.engines:
            for line in lines_of(merged.aligned[engine]):
                place = line.place
                if not line.crossings:
                    continue
                key = (place.source, place.line) if place else None
                places.setdefault(key, place)
                found.setdefault(key, {})[engine] = line.own
    everybody = list(merged.recordings)
    order = list(ran)
    keys = sorted(found, key=lambda key: _order(key, order))
    return [
        _line_spread(places[key], found[key], ran.get(key[0] if key else "", everybody))
        for key in keys
    ]


def _order(key: tuple[str, int] | None, cells: list[str]) -> tuple[int, str, int]:
    if key is None:
        return len(cells) + 1, "", 0
    source, line = key
    if source in cells:
        return cells.index(source), "", line
    return len(cells), source, line


def _line_spread(
    place: Place | None, by_engine: Mapping[Engine, Figures], of: list[Engine]
) -> LineSpread:
    nothing = Figures()
    each = {engine: by_engine.get(engine, nothing) for engine in of}
    spreads = {
        kind.name: spread_of({engine: kind.of(each[engine]) for engine in of}, kind)
        for kind in KINDS
    }
    return LineSpread(place, [e for e in of if e in by_engine], of, _sum(each.values()), spreads)


def _sum(parts: Iterable[Figures]) -> Figures:
    total = Figures()
    for part in parts:
        total.count += part.count
        total.copied = _plus(total.copied, part.copied)
        total.duration = _plus(total.duration, part.duration)
        total.silent_casts += part.silent_casts
        for kind, moved in part.moves.items():
            total.moves[kind] = _plus(total.moves.get(kind, NOTHING), moved)
    return total


def _plus(one: Amount, other: Amount) -> Amount:
    return Amount(one.known + other.known, one.unknown + other.unknown)


def spread_of(amounts: Mapping[Engine, Amount], kind: Kind) -> Spread:
    """The figure on each engine, and which engines stand far from the others."""
    values = {engine: amount.known for engine, amount in amounts.items()}
    is_least = any(amount.unknown for amount in amounts.values())
    return Spread(values, _outliers(values, kind), is_least)


def _outliers(values: dict[Engine, int], kind: Kind) -> list[Engine]:
    if len(values) < FEWEST:
        return []
    middle = statistics.median(values.values())
    far = {engine: abs(value - middle) for engine, value in values.items()}
    bound = max(_FAR * statistics.median(far.values()), kind.part * middle, kind.least)
    outliers = [engine for engine, distance in far.items() if distance > bound]
    # A quarter and more of them are no outliers, but a part that does something else.
    return outliers if len(outliers) <= max(1, len(values) // 4) else []


def engine_spreads(recordings: Mapping[Engine, Recording]) -> dict[str, Spread]:
    """What each engine recorded in all, by the name of the kind."""
    figures = {engine: figures_of(recording.ledger) for engine, recording in recordings.items()}
    spreads = {
        kind.name: spread_of({engine: kind.of(own) for engine, own in figures.items()}, kind)
        for kind in KINDS
    }
    whole = {engine: Amount(recording.duration_ns) for engine, recording in recordings.items()}
    return {**spreads, WHOLE.name: spread_of(whole, WHOLE)}
