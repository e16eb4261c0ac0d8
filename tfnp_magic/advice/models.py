"""Models that were called for a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

from tfnp_magic.activity import ModelCalls
from tfnp_magic.advice.finding import Finding, where
from tfnp_magic.advice.phrases import sums, took_text
from tfnp_magic.figures import bytes_text, counted, times
from tfnp_magic.model import NUMPY_TO_TENSORFLOW
from tfnp_magic.recording import Recording

FEW_ROWS, MANY_CALLS = 8, 10
"""Rows at a time that a model is called for, and how often, to be worth a finding."""


def of_small_batches(recording: Recording) -> Iterator[Finding]:
    """Models that were called again and again for a few rows each."""
    return (_of_small(calls, recording) for calls in recording.models if _is_small(calls))


def _is_small(calls: ModelCalls) -> bool:
    few = calls.rows is not None and calls.rows <= FEW_ROWS * calls.calls
    return _method(calls) in _AT_ONCE and few and calls.calls >= MANY_CALLS


def _method(calls: ModelCalls) -> str:
    return calls.route.rpartition(".")[2]


_AT_ONCE = {
    "predict": "`model.predict(np.stack(rows))`; for one row, `model(row)` is quicker.",
    "evaluate": "`model.evaluate(np.stack(rows), np.stack(targets))`.",
}
"""Methods that take any number of rows, and how to hand them over."""


def _of_small(calls: ModelCalls, recording: Recording) -> Finding:
    into = [
        crossing
        for crossing in recording.ledger
        if (crossing.site, crossing.direction) == (calls.site, NUMPY_TO_TENSORFLOW)
        and crossing.route == calls.route
    ]
    figures = sums(into)
    nbytes = figures["nbytes"] if into else None
    size = f" ({bytes_text(nbytes)})" if into else ""
    what = (
        f"{where(calls.site)}: {calls.route} ran {times(calls.calls)} for "
        f"{counted(calls.rows or 0, 'row')} in all{size}"
        f"{took_text(calls.duration_ns, recording)}."
    )
    return Finding(
        "small-batches",
        calls.site,
        what,
        f"Hand over all rows at once: {_AT_ONCE[_method(calls)]}",
        calls.calls,
        nbytes,
        figures["copied_bytes"] if into else None,
        figures["moved_bytes"] if into else None,
        calls.duration_ns,
    )
