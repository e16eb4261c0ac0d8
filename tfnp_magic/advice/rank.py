"""Which finding does more harm than another.

What computes something else comes first, then what has done so only by a rounding, then what
costs, then what may go wrong later. Costs of all kinds are on one scale, so that a retrace of a
second stands above a loop that copied 10 MB.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tfnp_magic.advice.finding import Finding
from tfnp_magic.values import ValueChange

_BROKEN, _WRITTEN, _ROUNDED, _COSTS, _MAY = range(5)
_TIERS = {"written": _WRITTEN, "shared": _MAY}

_BROKEN_COUNTS = (
    "became_nonfinite", "became_finite", "imaginary_lost", "out_of_range", "became_zero",
    "fraction_lost", "became_bool", "inexact_integers",
)  # fmt: skip
# Integers that lost digits are counted as broken, though a float's rounding does it: they are
# ids, counts and times, two of which came to be one, and no tolerance makes that good. Only
# silent casts are told of for that alone; see `casts`.


class Rank(NamedTuple):
    """Sorts findings, the most harmful first; equal ones by line.

    Attributes
    ----------
    tier
        0 broken values, 1 written while shared, 2 rounded values, 3 costs, 4 shared.
    weight
        Within a tier, what is larger comes first: the share of values that changed; where
        that is the same, how much; bytes, or `cost`.
    line, inner
        Line numbers; infinite where there is none.
    """

    tier: int
    weight: tuple[float, ...]
    line: float
    inner: float


def rank(finding: Finding) -> Rank:
    """Where a finding stands among others."""
    line, inner = finding.site
    weight = _weight(finding)
    return Rank(
        _tier(finding),
        tuple(-part for part in weight),
        line.line if line else math.inf,
        inner.line if inner else math.inf,
    )


def cost(finding: Finding) -> int:
    """Bytes copied and moved, and nanoseconds, added up as far as they are known.

    One byte weighs as much as one nanosecond: memory that is new to a process fills at about
    1 GB/s, page faults included. Bytes stand beside the time, though part of it went into
    them: of ops that convert on the way only the bytes are known. Time spent waiting for a
    device does not count: the device had to compute that anyway.
    """
    took = (finding.duration_ns or 0) - (finding.waited_ns or 0)
    return (finding.copied_bytes or 0) + (finding.moved_bytes or 0) + max(took, 0)


def broken(values: ValueChange) -> int:
    """How many values became something else altogether, not merely a neighbour."""
    return sum(getattr(values, name) for name in _BROKEN_COUNTS)


def _tier(finding: Finding) -> int:
    if finding.values is not None:
        return _BROKEN if broken(finding.values) else _ROUNDED
    return _TIERS.get(finding.kind, _COSTS)


def _weight(finding: Finding) -> tuple[float, ...]:
    if finding.values is not None:
        return *_change(finding.values), finding.nbytes or 0
    if finding.kind in _TIERS:
        return (finding.nbytes or 0,)
    return cost(finding), finding.nbytes or 0


def _change(values: ValueChange) -> tuple[float, float]:
    """Share of the values that broke, else that changed, and the order of their error.

    In whole percent and powers of ten: what is finer differs from sample to sample.
    """
    number = broken(values) or values.changed
    error = values.largest_relative_error or 0.0
    magnitude = math.log10(error) if error > 0 else -math.inf
    magnitude = math.floor(magnitude) if math.isfinite(magnitude) else magnitude
    return round(number / max(values.checked, 1), 2), magnitude
