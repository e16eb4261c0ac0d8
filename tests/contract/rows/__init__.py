"""The rows of the contract suite, one module per family."""

from __future__ import annotations

from tests.contract.row import Row
from tests.contract.rows import (
    composite,
    creation,
    dtypes,
    exchange,
    functions_and_keras,
    layouts,
    methods,
    numpy_functions,
    operators,
    pandas_objects,
    python_values,
    tensorflow_functions,
    threads,
    variables,
)

FAMILIES = (
    creation, operators, numpy_functions, tensorflow_functions, python_values, methods, variables,
    composite, dtypes, layouts, pandas_objects, exchange, functions_and_keras, threads,
)  # fmt: skip


def all_rows() -> list[Row]:
    """Every row of every family; no two have one name."""
    rows = [row for family in FAMILIES for row in family.ROWS]
    names = [row.name for row in rows]
    assert len(set(names)) == len(names), sorted({n for n in names if names.count(n) > 1})
    return rows
