"""Runs the same command line with plain Python and with us in front of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
NOTHING = "no conversions between TensorFlow and NumPy: neither was imported"
SECONDS = 120


class Ran(NamedTuple):
    """What a process left."""

    status: int
    out: str
    err: str


def plain(folder: Path, *words: str, **how) -> Ran:
    """``python word word …`` in a folder."""
    return _run([sys.executable, *words], folder, **how)


def traced(folder: Path, *words: str, **how) -> Ran:
    """``python -m tfnp_magic word word …`` in a folder."""
    return _run([sys.executable, "-m", "tfnp_magic", *words], folder, **how)


def _run(command, folder, stdin="", env=None, **how) -> Ran:
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1", "PYTHONDONTWRITEBYTECODE": "1", **(env or {}),
    }  # fmt: skip
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    ran = subprocess.run(
        command, cwd=folder, env=environment, input=stdin, text=True, timeout=SECONDS,
        encoding="utf-8", **pipes,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout or "", ran.stderr or "")


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    """Put files into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
