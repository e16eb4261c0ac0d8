"""Whether what a recording says of a cell is what the oracle measured, and fits together."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.contract.compare import differences, standing
from tests.contract.traced import claim
from tests.fuzz.program import Program, Statement
from tfnp_magic.model import DEVICE_TO_DEVICE, HOST_DEVICE
from tfnp_magic.recording import Recording

_SEVERAL = ("its arrays", "Python objects")
"""How the reason begins where arrays of several dtypes may have become one tensor."""

UNMEASURED = "unmeasured"

_NBYTES = {"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "float16": 2, "float32": 4, "int32": 4,
           "float64": 8, "int64": 8, "complex64": 8, "complex128": 16, "bfloat16": 2}  # fmt: skip


def wrong(program: Program, recording: Recording) -> list[str]:
    """What a recording got wrong, a sentence each."""
    found = [f"lost: {text}" for text in recording.lost]
    found += _inconsistent(recording)
    for line, statement in program.placed():
        if statement.row is not None and not (program.raises and _is_last(program, statement)):
            told = _told(line, statement, recording)
            found += [f"line {line}: {text}" for text in _differences(statement, told)]
    return found


def standings(program: Program, recording: Recording) -> collections.Counter[str]:
    """How sure the recording is of each statement that the oracle measured."""
    found: collections.Counter[str] = collections.Counter()
    for line, statement in program.placed():
        if statement.row is None or not statement.row.crosses or not statement.measured:
            continue
        is_measured = all(one["copies"] is not None for one in statement.measured.values())
        told = _told(line, statement, recording)
        found[standing(statement.row, told) if is_measured else UNMEASURED] += 1
    return found


def _is_last(program: Program, statement: Statement) -> bool:
    return statement is program.statements[-1]


def _differences(statement: Statement, told: dict[str, Any]) -> list[str]:
    row = statement.row
    if not statement.measured and row.crosses:
        return []
    return differences(row, told)


def _told(line: int, statement: Statement, recording: Recording) -> dict[str, Any]:
    """The oracle's figures and the recording's, as `tests.contract.compare` reads them."""
    lines = range(line, line + statement.height)
    crossings = [
        {
            **claim(each),
            "line": each.site.line.line - line + 1,
            "dtype_from": _in_native_order(each.dtype_from),
            "dtype_to": _in_native_order(each.dtype_to),
        }
        for each in recording.ledger
        if each.site.line is not None and each.site.line.line in lines
        # Between logical CPUs there is nothing that the oracle could measure.
        if each.direction != DEVICE_TO_DEVICE
    ]
    return {"crossed": statement.measured, "also": {"crossings": crossings, "lost": []}}


def _in_native_order(dtype: str) -> str:
    return str(np.dtype(dtype).newbyteorder("=")) if dtype.startswith(">") else dtype


def _inconsistent(recording: Recording) -> Iterator[str]:
    """What cannot be, whatever was done."""
    counted = sum(crossing.count for crossing in recording.ledger)
    told = sum(one.count for one in recording.moments) + recording.moments_dropped
    if counted != told:
        yield f"{counted} conversions, but {told} in moments"
    for each in recording.ledger:
        yield from (f"{each.route} {each.shapes}: {text}" for text in _of_crossing(each))


def _of_crossing(each: Any) -> Iterator[str]:
    if each.count < 1 or sum(each.shapes.values()) + each.other_shapes != each.count:
        yield f"{each.count} conversions"
    if each.storage == "view" and (each.copied_bytes or each.copies):
        yield f"a view with {each.copied_bytes} bytes copied"
    in_host = each.device_from in ("host", HOST_DEVICE) and each.device_to == HOST_DEVICE
    if in_host and each.moved_bytes:
        yield f"{each.moved_bytes} bytes moved in host memory"
    size = _NBYTES.get(each.dtype_from)
    if each.reason.startswith(_SEVERAL):
        return
    if size and each.direction.startswith(("numpy", "tensorflow")) and not each.other_shapes:
        nbytes = sum(size * math.prod(shape) * times for shape, times in each.shapes.items())
        if each.nbytes is not None and each.nbytes != nbytes:
            yield f"{each.nbytes} bytes, not {nbytes}"
