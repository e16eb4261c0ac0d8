"""A script that measures cells in a process of its own, for tools that take all of it.

Untraced, run by Scalene, or with TensorFlow's debug dumps switched on: the same lines run.
What it measures is the cells' own time, as elsewhere, and not that of starting Python.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import tempfile


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", required=True)
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--debug-dump", action="store_true")
    parser.add_argument("--json", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.debug_dump:
            _switch_dumps_on(folder)
        found = _measure(options.cells.split(","), options.scale, options.repeats)
        pathlib.Path(options.json).write_text(json.dumps(found))


def _switch_dumps_on(folder: str) -> None:
    import tensorflow as tf

    # Its default: no values, a buffer of a thousand events.
    tf.debugging.experimental.enable_dump_debug_info(folder, tensor_debug_mode="NO_TENSOR")


def _measure(names: list[str], scale: float, repeats: int) -> dict[str, dict[str, object]]:
    import gc

    from tests.benchmarks.cells import prepare, seconds

    found: dict[str, dict[str, object]] = {}
    for name in names:
        try:
            cell = prepare(name, scale)
            times = []
            for _ in range(repeats):
                gc.collect()
                times.append(seconds(cell.body))
        except Exception as error:
            found[name] = {"failed": f"{type(error).__name__}: {error}"}
        else:
            found[name] = {"seconds": times, "crossings": cell.crossings}
    return found


if __name__ == "__main__":
    main()
