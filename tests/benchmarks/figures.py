"""What was measured: ratios, their medians and quartiles, and what could not be measured."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence


@dataclasses.dataclass
class Figure:
    """One cell under one tool: a ratio for each round, or the reason why there is none."""

    ratios: list[float] = dataclasses.field(default_factory=list)
    added_us: list[float] = dataclasses.field(default_factory=list)
    """Microseconds that each conversion took longer, where the cell is nothing but those."""
    around_ms: list[float] = dataclasses.field(default_factory=list)
    """Milliseconds that the tool took to start and to stop."""
    absent: str = ""

    def add(self, untraced: float, under: float, crossings: int | None) -> None:
        """Add one round: the cell's seconds without the tool and under it."""
        self.ratios.append(under / untraced)
        if crossings:
            self.added_us.append((under - untraced) / crossings * 1e6)


Figures = dict[str, dict[str, Figure]]
"""By cell, and in that by tool."""


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile, each within what was measured."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    lower, _, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, statistics.median(values), upper
