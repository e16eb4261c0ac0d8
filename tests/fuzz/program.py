"""A random cell: its statements, and its text as one pastes it."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.contract.row import Row

FILE = "<fuzzed cell>"
"""The file name of the code of every cell."""


@dataclasses.dataclass(frozen=True)
class Statement:
    """One statement of a cell, maybe of several lines.

    Attributes
    ----------
    text
        As it stands in the cell.
    row
        Which names cross and how, if that is known; its `line` counts from the statement's own
        first. None where nothing is known of the bytes.
    measured
        What the oracle measured of each of these names; see `measuring.measured`.
    """

    text: str
    row: Row | None = None
    measured: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def height(self) -> int:
        """How many lines it has."""
        return self.text.count("\n") + 1


@dataclasses.dataclass(frozen=True)
class Program:
    """A cell.

    Attributes
    ----------
    statements
        In order.
    filter
        What happens to warnings: ``always``, ``default`` or ``error``.
    raises
        Whether the last statement raised, when the cell was written.
    """

    statements: tuple[Statement, ...]
    filter: str = "always"
    raises: bool = False

    @property
    def text(self) -> str:
        """The cell, without the magic's line."""
        return "\n".join(one.text for one in self.statements)

    def placed(self) -> list[tuple[int, Statement]]:
        """Each statement with its first line in the cell."""
        line, found = 1, []
        for one in self.statements:
            found.append((line, one))
            line += one.height
        return found

    def pasted(self) -> str:
        """The cell and what it needs, as they can be pasted into a notebook."""
        head = ["from tests.fuzz.prelude import *", "np.random.seed(0); random.seed(0)"]
        head += ["tf.random.set_seed(0)", f"warnings.simplefilter({self.filter!r})"]
        return "\n".join([*head, "", "%%interop_trace -o rec", self.text])
