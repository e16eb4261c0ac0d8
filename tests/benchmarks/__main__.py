"""Measure all, and print the table: ``python -m tests.benchmarks``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from tests.benchmarks import machine, names
from tests.benchmarks.figures import Figure, Figures
from tests.benchmarks.separately import loading_ms, measure_separately
from tests.benchmarks.table import spread, table, write_into

_PROCESSES = 1
_SEPARATE_SCALE = 0.1
_LOADS = 3


def main() -> None:
    options = _options()
    start = time.monotonic()
    figures = _measure(options)
    loading = loading_ms(_LOADS)
    notes = _notes(options, loading, time.monotonic() - start)
    text = table(
        figures,
        {cell: names.CELLS[cell] for cell in options.only},
        {tool: _title(tool) for tool in options.tools},
        notes,
    )
    print(text)
    if options.json:
        _keep(options.json, figures, loading, notes)
    if options.write:
        write_into(options.write, text)


def _measure(options: argparse.Namespace) -> Figures:
    from tests.benchmarks.measuring import measure
    from tests.benchmarks.tools import is_installed

    here = [tool for tool in options.tools if tool not in names.SEPARATE]
    apart = [tool for tool in options.tools if tool in names.SEPARATE]
    found: Figures = {cell: {} for cell in options.only}
    if apart:
        scale = options.scale * _SEPARATE_SCALE
        found = measure_separately(options.only, apart, scale, _PROCESSES, is_installed, _say)
    for cell in options.only:
        found[cell].update(measure(cell, here, options.scale, options.rounds, _say))
    return found


def _notes(options: argparse.Namespace, loading: list[float], took: float) -> list[str]:
    return [
        *_profiler_note(options),
        "Time under each tool as a multiple of the time without it, in the same run: the median",
        "of the rounds, and their quartiles. Each run under a tool stands between two without;",
        f"up to {options.rounds} rounds for the extension, 3 for the other tools of its process;",
        "where a cell takes long, 5 and 2.",
        "Scalene and `enable_dump_debug_info` have processes of their own, with cells a tenth",
        "as long. Starting and stopping a tool is not in the ratios, but has a row.",
        *_scale_note(options),
        f"`%load_ext tfnp_magic`, with TensorFlow imported: {spread(loading, '{:.0f}')} ms, and",
        "nothing is hooked.",
        f"Measured in {took / 60:.0f} minutes on {machine.description()}.",
    ]


def _profiler_note(options: argparse.Namespace) -> list[str]:
    from tests.benchmarks.tools import tf_profiler_sees_python

    if "tf_profiler" not in options.tools or tf_profiler_sees_python():
        return []
    return [
        "TensorFlow's profiler was asked for Python calls, but this build of TensorFlow records",
        "none: its column is that of its op tracer.",
    ]


def _scale_note(options: argparse.Namespace) -> list[str]:
    return [] if options.scale == 1 else [f"**All counts times {options.scale:g}.**"]


def _title(tool: str) -> str:
    version = machine.version_of(tool) if tool in names.PACKAGES else "?"
    return names.TOOLS[tool] + ("" if version == "?" else f" {version}")


def _keep(path: pathlib.Path, figures: Figures, loading: list[float], notes: list[str]) -> None:
    plain: dict[str, dict[str, Figure]] = figures
    cells = {
        cell: {tool: dataclasses.asdict(figure) for tool, figure in found.items()}
        for cell, found in plain.items()
    }
    path.write_text(json.dumps({"notes": notes, "load_ext_ms": loading, "cells": cells}, indent=1))


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="times all counts")
    parser.add_argument("--rounds", type=int, default=9, help="at most, for the extension")
    parser.add_argument("--only", type=_some_of(names.CELLS), default=list(names.CELLS))
    parser.add_argument("--tools", type=_some_of(names.TOOLS), default=list(names.TOOLS))
    parser.add_argument("--write", type=pathlib.Path, help="put the table between the markers")
    parser.add_argument("--json", type=pathlib.Path, help="keep every round's ratio")
    return parser.parse_args()


def _some_of(known):
    def read(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := set(chosen) - set(known):
            raise argparse.ArgumentTypeError(
                f"{', '.join(sorted(unknown))}: known are {', '.join(known)}"
            )
        return chosen

    return read


if __name__ == "__main__":
    main()
