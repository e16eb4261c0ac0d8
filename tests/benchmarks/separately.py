"""Processes of their own: for tools that want one, and for loading the extension."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from tests.benchmarks import names
from tests.benchmarks.figures import Figure, Figures

ROOT = pathlib.Path(__file__).parents[2]
_SCRIPT = pathlib.Path(__file__).with_name("in_process.py")
_REPEATS = 4
_TIMEOUT = 600

_LOADING = """
import time
import tensorflow
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell()
start = time.perf_counter()
shell.run_line_magic("load_ext", "tfnp_magic")
took = time.perf_counter() - start
print(took * 1e3)
"""

_HOOKS = """
import tensorflow
from IPython.core.interactiveshell import InteractiveShell
from tests.benchmarks.hooks import hooks_in_place, namespaces
shell, before = InteractiveShell(), namespaces()
shell.run_line_magic("load_ext", "tfnp_magic")
print(hooks_in_place() + (namespaces() != before))
"""


def measure_separately(
    cells: Sequence[str],
    tools: Sequence[str],
    scale: float,
    rounds: int,
    installed: Callable[[str], bool],
    say: Callable[[str], None],
) -> Figures:
    """Measure cells untraced and under each tool in turn, each time in a fresh process."""
    found = {cell: {tool: Figure() for tool in tools} for cell in cells}
    for number in range(rounds):
        untraced = _run_script("", cells, scale)
        for tool in tools:
            say(f"{tool}: process {number + 1} of {rounds}")
            if not installed(tool):
                _absent(found, tool, "not installed")
                continue
            try:
                under = _run_script(tool, cells, scale)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                _absent(found, tool, f"failed: {error}")
                continue
            for cell in cells:
                _add(found[cell][tool], untraced[cell], under[cell], cell in names.PER_CROSSING)
    return found


def loading_ms(times: int) -> list[float]:
    """Milliseconds of ``%load_ext tfnp_magic`` in fresh processes that imported TensorFlow."""
    hooks = int(_python("-c", _HOOKS).split()[-1])
    if hooks:
        raise AssertionError(f"{hooks} hooks are in place, and no trace runs")
    return [float(_python("-c", _LOADING).split()[-1]) for _ in range(times)]


def _absent(found: Figures, tool: str, reason: str) -> None:
    for figures in found.values():
        figures[tool].absent = reason


def _add(figure: Figure, untraced: Any, under: Any, per_crossing: bool) -> None:
    if "failed" in under:
        figure.absent = f"failed: {under['failed']}"
        return
    for without, with_tool in zip(untraced["seconds"], under["seconds"], strict=True):
        figure.add(without, with_tool, untraced["crossings"] if per_crossing else None)


def _run_script(tool: str, cells: Sequence[str], scale: float) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        times = pathlib.Path(folder) / "times.json"
        options = ["--cells", ",".join(cells), "--scale", str(scale)]
        options += ["--repeats", str(_REPEATS), "--json", str(times)]
        start = [str(_SCRIPT)]
        if tool == "scalene":
            profile = pathlib.Path(folder) / "profile.json"
            start = ["-m", "scalene", "run", "--outfile", str(profile), str(_SCRIPT), "---"]
        elif tool == "debug_dump":
            options.append("--debug-dump")
        said = _python(*start, *options)
        if not times.exists():
            raise RuntimeError(f"it left no times, and said: {said[-200:].strip()}")
        return json.loads(times.read_text())


def _python(*arguments: str) -> str:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, timeout=_TIMEOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no word"]
        raise RuntimeError(f"exit status {done.returncode}: {last[0][:200]}")
    return done.stdout
