"""Some random cells, the same each time; ``TFNP_FUZZ=20000`` makes them so many."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.contract.oracle import build, worker

ASKED = os.environ.get("TFNP_FUZZ")
COUNT = int(ASKED or 300)
MOST_UNSTEADY = 0.05
WORLDS = (*worker.WORLDS,) if not build.unavailable() else ("plain", "plain")


@pytest.mark.timeout(0 if ASKED else 600)
@pytest.mark.parametrize("devices", [1, 2])
def test_cells_are_the_same_when_traced_and_told_truly(devices, tmp_path):
    """The first half with one device, where lanes are quick, in memory that can be shared."""
    out, world = tmp_path / "figures.json", WORLDS[devices - 1]
    options = [
        "--world",
        world,
        "--devices",
        str(devices),
        "--seed",
        str(devices),
        "--out",
        str(out),
    ]
    command = [sys.executable, "-m", "tests.fuzz", str(COUNT // 2), *options]
    ran = subprocess.run(command, cwd=worker.ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-8000:]
    figures = json.loads(out.read_text())
    print(f"\n{world}: {figures}")
    assert figures["programs"] >= COUNT // 2
    assert figures["crossings"] > figures["programs"]
    assert figures["unsteady"] <= MOST_UNSTEADY * figures["programs"]
    assert 0 < figures["raised"] < figures["programs"] / 2
    if world != "plain":
        measured = figures["standings"]
        assert measured.get("unknown", 0) < sum(measured.values()) / 10
