"""What a trace claims of one row: plain data, to be held against what an oracle measured."""

from __future__ import annotations

import contextlib

from tests.contract.cells import statement, traced_cell
from tests.contract.row import Row

FILE = "<row>"


def claims_of(row: Row, names: dict, code: object = None) -> dict:
    """Run the row's code under a trace of its own, and give what the recording says.

    Parameters
    ----------
    names, code
        A fresh namespace in which the row's setup has run, and the row as the oracle compiles
        it; here it is compiled anew, under a file whose text can be looked up.
    """
    text = statement(row.code) if compiled(row.code)[1] == "eval" else row.code
    code, mode = compiled(text)
    with contextlib.suppress(Exception), traced_cell(FILE, text) as recording:
        if mode == "eval":
            names["r"] = eval(code, names)
        else:
            exec(code, names)
    return {
        "crossings": [claim(crossing) for crossing in recording.ledger],
        "lost": recording.lost,
        "hazards": len(recording.hazards),
    }


def compiled(text: str):
    """The code as an expression if it is one, else as statements."""
    try:
        return compile(text, FILE, "eval"), "eval"
    except SyntaxError:
        return compile(text, FILE, "exec"), "exec"


def claim(crossing) -> dict:
    """One crossing of a recording, as `tests.contract.compare` reads it."""
    values = crossing.values
    return {
        "line": crossing.site.line.line if crossing.site.line else None,
        "route": crossing.route,
        "direction": crossing.direction,
        "count": crossing.count,
        "nbytes": crossing.nbytes,
        "copied_bytes": crossing.copied_bytes,
        "copies": crossing.copies,
        "storage": crossing.storage,
        "evidence": crossing.evidence,
        "reason": crossing.reason,
        "cast": crossing.cast,
        "cast_evidence": crossing.cast_evidence,
        "dtype_from": crossing.dtype_from,
        "dtype_to": crossing.dtype_to,
        "values_changed": None if values is None else bool(values.changed),
    }
