"""One cell, written, run untraced and traced, and compared."""

from __future__ import annotations

from tests.fuzz import claims, running, views
from tests.fuzz.figures import Figures
from tests.fuzz.genes import Gene
from tests.fuzz.program import Program
from tests.fuzz.writing import Writer

_RUNS = 5
"""How often each is run again, before a difference is taken for ours."""

_FORGET_EVERY = 50


def check(whole: bytes, genes: list[Gene], figures: Figures, *, is_watched: bool) -> None:
    """Write a cell, run it both ways, and compare.

    Raises
    ------
    AssertionError
        Something differs: the cell, and what.
    """
    program = Writer(whole, is_watched).write(genes)
    found = differing(program, figures)
    if figures.programs % _FORGET_EVERY == 1:
        running.forget()
    if found:
        raise AssertionError("\n  ".join([f"{program.pasted()}\n", *found]))


def differing(program: Program, figures: Figures) -> list[str]:
    """What differs for a cell, a sentence each."""
    untraced, traced = running.run(program, traced=False), running.run(program, traced=True)
    _count(program, traced, figures)
    found = untraced.outcome.differences(traced.outcome)
    if found and not _is_steady(program, untraced, traced):
        figures.unsteady += 1
        return []
    return [
        *found,
        *claims.wrong(program, traced.recording),
        *views.broken(traced.recording, figures.programs),
    ]


def _is_steady(program: Program, untraced: running.Ran, traced: running.Ran) -> bool:
    """Whether all runs of a kind are alike, so that the trace makes the difference."""
    return all(
        not running.run(program, traced=False).outcome.differences(untraced.outcome)
        and untraced.outcome.differences(running.run(program, traced=True).outcome)
        for _ in range(_RUNS)
    )


def _count(program: Program, traced: running.Ran, figures: Figures) -> None:
    figures.programs += 1
    figures.statements += len(program.statements)
    figures.raised += bool(traced.outcome.error)
    figures.crossings += sum(crossing.count for crossing in traced.recording.ledger)
    figures.standings += claims.standings(program, traced.recording)
