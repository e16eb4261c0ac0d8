"""What the cells and the tools are called: on the command line, and in the table."""

from __future__ import annotations

CELLS = {
    "numpy": "100,000 `t.numpy()`",
    "asarray": "100,000 `np.asarray(t)`",
    "minus": "100,000 `t - a`",
    "pure": "100,000 `t * u`, no conversion",
    "training": "training loop, `tf.function`",
    "fit": "Keras `fit` on arrays",
    "predict": "Keras `predict` on arrays",
    "pipeline": "`tf.data` with `numpy_function`",
    "large": "arrays of 100 MB",
    "deep": "100,000 `t.numpy()`, loop 50 deep",
    "calls": "20,000 `t.numpy()`, 50 calls each",
}
"""Each cell, and its row. The counts are those of ``--scale 1``."""

PER_CROSSING = ("numpy", "asarray", "minus", "deep", "calls")
"""Cells whose every step is one conversion."""

TOOLS = {
    "loaded": "extension loaded, no trace",
    "tfnp_magic": "**tfnp_magic**",
    "setprofile": "no-op `sys.setprofile`",
    "cProfile": "cProfile",
    "viztracer": "viztracer",
    "pyinstrument": "pyinstrument",
    "line_profiler": "line_profiler",
    "memray": "memray",
    "tf_profiler": "TensorFlow's profiler, with Python",
    "scalene": "Scalene",
    "debug_dump": "`enable_dump_debug_info`",
}
"""Each tool, and its column."""

PACKAGES = ("viztracer", "pyinstrument", "line_profiler", "memray", "scalene")
"""Tools that have to be installed: ``pip install -e '.[bench]'``."""

SEPARATE = ("scalene", "debug_dump")
"""Tools that want, or spoil, a whole process."""

CLOSELY = ("loaded", "tfnp_magic")
"""Tools whose ratios are to be told from 1.00: they get all the rounds, others fewer."""
