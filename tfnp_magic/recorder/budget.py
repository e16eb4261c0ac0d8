"""How much of the traced time looks at the user's data may take."""

from __future__ import annotations

import time

SHARE = 0.05
"""Part of the traced time."""

GRACE_NS = 20_000_000
"""Nanoseconds that are allowed beside that, for short cells."""

ALWAYS = 16
"""Looks that are made whatever time they take; a loop may go on for ever."""


class Budget:
    """Time taken by looks so far, since the trace began."""

    def __init__(self) -> None:
        self._spent_ns = 0
        self._looks = 0
        self._began_ns = time.perf_counter_ns()

    def allows(self) -> bool:
        """Whether there is time for another look."""
        return self._looks < ALWAYS or self.has_time()

    def has_time(self) -> bool:
        """Whether looks have not taken more than their share of the time so far."""
        elapsed = time.perf_counter_ns() - self._began_ns
        return self._spent_ns <= GRACE_NS + SHARE * elapsed

    def look(self) -> Look:
        """Count a look and the time that it takes, in a ``with`` statement."""
        return Look(self)

    def spend(self, nanoseconds: int) -> None:
        """A look took so long."""
        self._looks += 1
        self._spent_ns += nanoseconds


class Look:
    """One look, while it is made. No generator: some conversions are looked at each time."""

    __slots__ = ("_began_ns", "_budget")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def __enter__(self) -> None:
        self._began_ns = time.perf_counter_ns()

    def __exit__(self, *_: object) -> None:
        self._budget.spend(time.perf_counter_ns() - self._began_ns)
