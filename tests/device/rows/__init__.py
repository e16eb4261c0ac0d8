"""The rows of the device suite, one module per family."""

from __future__ import annotations

from tests.device.row import Row
from tests.device.rows import (
    copies,
    dtypes,
    graphs,
    integers,
    libraries,
    operands,
    ops,
    pipelines,
    questions,
    readers,
    scalars,
    strategies,
    variables,
)

FAMILIES = (
    readers, questions, ops, operands, scalars, dtypes, copies, variables, libraries, pipelines,
    strategies, integers, graphs,
)  # fmt: skip


def all_rows() -> list[Row]:
    """Every row of every family; no two have one name."""
    rows = [row for family in FAMILIES for row in family.ROWS]
    names = [row.name for row in rows]
    assert len(set(names)) == len(names), sorted({n for n in names if names.count(n) > 1})
    return rows
