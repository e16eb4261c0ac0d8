"""The CPU of another process of a cluster is no host memory: nothing is shared with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

REMOTE = "CPU:0 of /job:worker/replica:0/task:0"


@pytest.fixture(scope="module")
def found():
    """What the recordings of `tests.contract.cluster` say."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.contract.cluster"],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert run.stdout, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("code", "moves", "ends"),
    [
        ("h + h", [0, 0, 0], []),
        ("h.cpu()", [0, 0, 0], [["CPU:0", "CPU:0", "view"]]),
        ("with tf.device(W): x = tf.constant(a)", [4000, 0, 0], [["host", REMOTE, "copy"]]),
        ("r.cpu()", [0, 4000, 0], [[REMOTE, "CPU:0", "copy"]]),
        # Whether TensorFlow had kept what it fetched is not known.
        ("r.numpy()", [0, None, 0], [[REMOTE, "host", "copy"]]),
        ("h + r", [0, None, 0], [[REMOTE, "CPU:0", "unknown"]]),
    ],
)
def test_move_to_or_from_another_process_is_one(found, code, moves, ends):
    assert found[code] == {"moves": moves, "ends": ends, "lost": []}
