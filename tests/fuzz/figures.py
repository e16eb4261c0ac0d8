"""How many cells ran, and what was compared."""

from __future__ import annotations

import collections
import dataclasses
import json
import time


@dataclasses.dataclass
class Figures:
    """Counted over all cells.

    Attributes
    ----------
    programs, statements, raised
        Cells, their statements, and cells that raised.
    crossings
        Conversions that were recorded.
    standings
        Statements whose bytes the oracle measured, by how sure the recording was of them.
    unsteady
        Cells that differ from run to run without any trace: nothing is said of them.
    started
        When, by the clock of `time.monotonic`.
    """

    programs: int = 0
    statements: int = 0
    raised: int = 0
    crossings: int = 0
    unsteady: int = 0
    standings: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    started: float = dataclasses.field(default_factory=time.monotonic)

    def as_json(self) -> str:
        """All of it, with the time that it took in seconds."""
        plain = {**vars(self), "seconds": round(time.monotonic() - self.started, 1)}
        del plain["started"]
        return json.dumps(plain)

    def __str__(self) -> str:
        sure = ", ".join(f"{count:,} {standing}" for standing, count in self.standings.items())
        seconds = time.monotonic() - self.started
        return (
            f"{self.programs:,} cells of {self.statements:,} statements in {seconds:,.0f} s: "
            f"{self.raised:,} raised, {self.unsteady:,} unsteady; {self.crossings:,} crossings; "
            f"statements measured: {sure or 'none'}"
        )
