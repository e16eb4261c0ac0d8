"""Round times to stand below a timeline."""

from __future__ import annotations

import math
from typing import NamedTuple

from tfnp_magic.views.timeline.lanes import Span


class Tick(NamedTuple):
    """One time on the axis.

    Attributes
    ----------
    share
        Where on the axis it is: 0 at its beginning, 1 at its end.
    label
        ``0 s``, ``1.5 ms``.
    """

    share: float
    label: str


def ticks_of(span: Span, most: int) -> list[Tick]:
    """Round times within a span, about so many, and its end."""
    step = _round_step(span.duration_ns / most)
    unit_ns, unit = _unit(span.stop_ns)
    decimals = max(0, -math.floor(math.log10(step / unit_ns) + 1e-9))

    def tick(time: float, decimals: int) -> Tick:
        label = f"{time / unit_ns:,.{decimals}f} {unit}"
        return Tick((time - span.start_ns) / span.duration_ns, label)

    first, last = math.ceil(span.start_ns / step), math.floor((span.stop_ns - 0.8 * step) / step)
    ticks = [tick(number * step, decimals if number else 0) for number in range(first, last + 1)]
    rounded = round(span.stop_ns / unit_ns, decimals) * unit_ns
    is_round = abs(span.stop_ns - rounded) * 100 < span.duration_ns
    return [*ticks, tick(span.stop_ns, decimals if is_round else decimals + 1)]


def _round_step(least: float) -> int:
    """The next of 1, 2, 5, 10, 20, … nanoseconds."""
    power = 10 ** math.floor(math.log10(max(least, 1)))
    return next(int(power * factor) for factor in (1, 2, 5, 10) if power * factor >= least * 0.999)


def _unit(nanoseconds: int) -> tuple[int, str]:
    for unit_ns, unit in ((10**9, "s"), (10**6, "ms"), (10**3, "µs")):
        if nanoseconds >= unit_ns:
            return unit_ns, unit
    return 1, "ns"
