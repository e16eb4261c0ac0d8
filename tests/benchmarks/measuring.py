"""Rounds: each tool's run stands between two untraced ones, so that drift cancels out."""

from __future__ import annotations

import contextlib
import gc
import io
import random
import sys
import time
from collections.abc import Callable, Sequence

from tests.benchmarks import names
from tests.benchmarks.cells import Cell, prepare, seconds
from tests.benchmarks.figures import Figure
from tests.benchmarks.tools import TOOLS, is_installed

FEWER = 3
"""Rounds for tools that are not `names.CLOSELY` looked at."""

_ENOUGH = 40
"""Seconds after which a cell gets no more rounds than it must have."""

_CLOSE_AT_LEAST, _OTHERS_AT_LEAST = 5, 2


def measure(
    name: str, tools: Sequence[str], scale: float, rounds: int, say: Callable[[str], None]
) -> dict[str, Figure]:
    """Measure one cell under each tool, in rounds of changing order."""
    found = {tool: Figure(absent="" if is_installed(tool) else "not installed") for tool in tools}
    cell = prepare(name, scale)
    order, started = random.Random(0), time.monotonic()
    for number in range(rounds):
        turn = _turn(tools, number, rounds, time.monotonic() - started)
        if not turn:
            break
        order.shuffle(turn)
        before = _seconds(cell)
        for tool in turn:
            if found[tool].absent:
                continue
            try:
                under, around = _seconds_under(tool, cell)
            except Exception as error:
                found[tool].absent = f"failed: {type(error).__name__}: {error}"
                before = _seconds(cell)
                continue
            finally:
                _hand_back(tool, found[tool])
            after = _seconds(cell)
            crossings = cell.crossings if name in names.PER_CROSSING else None
            found[tool].add((before + after) / 2, under, crossings)
            found[tool].around_ms.append(around * 1e3)
            before = after
        say(f"{name}: round {number + 1} of {rounds}, untraced {before:.3f} s")
    return found


def _turn(tools: Sequence[str], number: int, rounds: int, elapsed: float) -> list[str]:
    """Name the tools of this round: long cells get fewer, and those that matter most longest."""
    close, others = rounds, min(rounds, FEWER)
    if elapsed > _ENOUGH:
        close, others = min(close, _CLOSE_AT_LEAST), min(others, _OTHERS_AT_LEAST)
    return [tool for tool in tools if number < (close if tool in names.CLOSELY else others)]


def _seconds(cell: Cell) -> float:
    gc.collect()
    return seconds(cell.body)


def _seconds_under(tool: str, cell: Cell) -> tuple[float, float]:
    """Seconds of the cell itself, and of the tool's starting and stopping."""
    gc.collect()
    # Some tools print what they found.
    with contextlib.redirect_stdout(io.StringIO()):
        start = time.perf_counter()
        with TOOLS[tool](cell) as body:
            inner = seconds(body)
        return inner, time.perf_counter() - start - inner


def _hand_back(tool: str, figure: Figure) -> None:
    """A tool that stays in would be measured as part of all that follows."""
    if sys.getprofile() is not None or sys.gettrace() is not None:
        sys.setprofile(None)
        sys.settrace(None)
        figure.absent = figure.absent or "failed: left its hook in place"
