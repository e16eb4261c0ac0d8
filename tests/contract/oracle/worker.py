"""Measures rows in a process of one world.

    python -m tests.contract.oracle.worker WORLD OUT.json [--rows NAME,NAME]
        [--rows-of MODULE] [--also MODULE:FUNCTION]

starts itself anew under the preloaded library and writes `{row name: Measured}`.
"""

from __future__ import annotations

import argparse
import collections.abc
import gc
import importlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import types

from tests.contract.oracle import build
from tests.contract.row import Row

WORLDS = ("aligned", "mmapped")
ROOT = pathlib.Path(__file__).parents[3]
ENVIRONMENT = {
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",  # or a pool hides TensorFlow's buffers from malloc
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "PYTHONHASHSEED": "0",
}

_FREEZE_EVERY = 25

Also = collections.abc.Callable[[Row, dict, types.CodeType], object]
"""Called with a row, a namespace freshly set up, and the code; gives JSON-able data."""


def run(world: str, out: pathlib.Path, *arguments: str, timeout: float | None = None) -> dict:
    """Measure in a new process; what it wrote to `out`.

    Raises
    ------
    subprocess.CalledProcessError
        The worker ended with an error, which its standard error tells.
    """
    command = [sys.executable, "-m", __spec__.name, world, str(out), *arguments]
    subprocess.run(command, check=True, cwd=ROOT, timeout=timeout)
    return json.loads(out.read_text())


def main(arguments: list[str]) -> None:
    """Read the command line, enter the world if this process is not in it, and measure."""
    asked = _parser().parse_args(arguments)
    if os.environ.get("ORACLE_WORLD") != asked.world:
        _enter(asked.world, arguments)
    del os.environ["LD_PRELOAD"]  # processes that a row starts are not of interest
    out = asked.out.resolve()
    rows = importlib.import_module(asked.rows_of).all_rows()
    wanted = [row for row in rows if not asked.rows or row.name in asked.rows.split(",")]
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        measured = measure_all(wanted, asked.world, asked.also)
        os.chdir(ROOT)
    out.write_text(json.dumps(measured, indent=1))


def _parser():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world", choices=WORLDS)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--rows", default="", help="names of rows, with commas between")
    parser.add_argument("--rows-of", default="tests.contract.rows", help="has all_rows()")
    parser.add_argument("--also", default="", help="module:function; its result is stored, too")
    return parser


def _enter(world, arguments):
    environment = {
        **os.environ,
        **ENVIRONMENT,
        "ORACLE_WORLD": world,
        "LD_PRELOAD": str(build.library()),
    }
    os.execve(sys.executable, [sys.executable, "-m", __spec__.name, *arguments], environment)


def measure_all(rows: list[Row], world: str, also: str = "") -> dict[str, dict]:
    """Every row's measurement; then, apart from all measurements, what `also` says of it.

    A row that cannot be measured has its error in `broken`, and the next one is measured.
    """
    from tests.contract.oracle.measure import measure

    configure()
    warm_up()
    told = {row.name: _or_broken(lambda row=row: measure(row, world).as_json()) for row in rows}
    if also:
        module, _, function = also.partition(":")
        hook: Also = getattr(importlib.import_module(module), function)
        for number, row in enumerate(rows):
            told[row.name]["also"] = _or_broken(lambda row=row: _once_more(row, hook))
            if number % _FREEZE_EVERY == 0:
                gc.freeze()  # what the hook's libraries cache only grows
    return told


def _once_more(row, hook):
    from tests.contract.oracle import state
    from tests.contract.oracle.measure import prepared

    with state.kept():
        space, code = prepared(row)
        said = hook(row, space, code)
        json.dumps(said)
        return said


def _or_broken(call):
    try:
        return call()
    except Exception as error:
        return {"broken": f"{type(error).__name__}: {error}"}


def configure() -> None:
    """A second CPU device, for rows that move data to it."""
    import tensorflow as tf

    host = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(host, [tf.config.LogicalDeviceConfiguration()] * 2)


def warm_up() -> None:
    """Spend the first op of the process, which takes a slow path and copies."""
    import numpy as np
    import tensorflow as tf

    from tests.contract.rows import names

    tensor = tf.constant(np.ones(3))
    variable = tf.Variable(tensor)
    _ = tensor - 1.0, tensor + 1.0, variable + np.ones(3), np.sum(tensor), tensor.numpy()
    _ = repr(tensor), tf.function(lambda x: x * 2.0)(tensor)
    names.namespace()
    gc.collect()
    gc.freeze()  # a collection before each row need not walk all of TensorFlow


if __name__ == "__main__":
    main(sys.argv[1:])
