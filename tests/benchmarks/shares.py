"""Where the time of one more conversion goes: ``python -m tests.benchmarks.shares``.

Each part of what `tfnp_magic.recorder.lanes` does for one more ``t.numpy()`` is run alone, in a
trace, and timed: medians of several rounds, less what an empty loop takes.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf

import tfnp_magic
from tfnp_magic.probes.arithmetic import facts_of
from tfnp_magic.scope import lane_here

TIMES, ROUNDS = 20_000, 7


def _nanoseconds(run: Callable[[], object]) -> float:
    """What one call of `run` takes, without the loop around it and the call itself."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter_ns()
        for _ in range(TIMES):
            _nothing()
        between = time.perf_counter_ns()
        for _ in range(TIMES):
            run()
        stopped = time.perf_counter_ns()
        rounds.append((stopped - between - (between - started)) / TIMES)
    return statistics.median(rounds)


def _nothing() -> None:
    pass


def parts() -> dict[str, float]:
    """Nanoseconds of each part."""
    tensor, array = tf.random.normal((64,)), np.random.rand(64).astype("f4")
    untraced = _nanoseconds(tensor.numpy)
    # A function that is no cell's: the walk goes through all of its frames.
    source = "import sys\ndef deep(n, run):\n"
    source += "    return deep(n - 1, run) if n else run(sys._getframe())\n"
    elsewhere: dict[str, Any] = {}
    exec(compile(source, "<elsewhere>", "exec"), elsewhere)
    with tfnp_magic.trace():
        for _ in range(TIMES):
            tensor.numpy()
        lane = lane_here()
        assert lane is not None, "this thread's conversions are not counted by a lane"
        groove, frame = next(iter(lane.grooves.values())), sys._getframe(0)
        moment = time.perf_counter_ns()
        standing = lane.standing(frame)
        return {
            "`t.numpy()`, untraced": untraced,
            "`t.numpy()`, one more in a trace": _nanoseconds(tensor.numpy),
            "whose it is: trace, context, thread, devices": _nanoseconds(lane_here),
            "the clock, twice": 2 * _nanoseconds(time.perf_counter_ns),
            "the frame walk, at depth 1": _nanoseconds(lambda: lane.standing(frame)),
            "the frame walk, 50 deep": elsewhere["deep"](
                50, lambda bottom: _nanoseconds(lambda: lane.standing(bottom))
            ),
            "reading dtype and shape, and looking both up": _nanoseconds(
                lambda: lane.grooves.get((standing, array.dtype, array.shape))
            ),
            "counting (aggregation)": _nanoseconds(
                lambda: lane.count(groove, frame, moment, moment)
            ),
            "of `t - a`: layout and address of the array": _nanoseconds(
                lambda: facts_of((tensor, array), type(tensor))
            ),
        }


if __name__ == "__main__":
    for what, nanoseconds in parts().items():
        print(f"{what:50s} {nanoseconds:8.0f} ns")
