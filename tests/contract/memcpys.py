"""How often contents were copied, as a preloaded library counts it, next to what a trace claims.

    python -m tests.contract.memcpys OUT.json

runs each of `CASES` twice in a process of its own: under the library, which compares every
byte of every ``memcpy``, and then under a trace.
"""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from tests.contract.oracle import build

SOURCE = pathlib.Path(__file__).with_suffix(".c")
ROOT = pathlib.Path(__file__).parents[2]

SETUP = """
import numpy as np, tensorflow as tf, keras
n = 263
a, b = (np.random.default_rng(seed).standard_normal((n, n)) for seed in (1, 2))
small = np.random.default_rng(3).standard_normal((100, 100))
numbers = small.ravel().tolist()
x = tf.constant(np.random.default_rng(4).standard_normal((n, n)))
v = tf.Variable(x)
ds = tf.data.Dataset.range(2)
def gradient():
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(v * a)
    return tape.gradient(y, v)
def loop(x):
    return tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * a), (0, x))
def names(x):
    return {f"a rather long name of an output, number {i}": x + a for i in range(3)}
def in_graph():
    with tf.Graph().as_default() as g:
        tf.constant(a)
        tf.constant(b)
    return g
class Adds(keras.layers.Layer):
    def call(self, x):
        return x + tf.constant(a, tf.float32)
"""

CASES = {
    "added": ("tf.function(lambda x: x + a)(x)", {"a": 0}),
    "multiplied": ("tf.function(lambda x: x * a)(x)", {"a": 0}),
    "made with a shape": ("tf.function(lambda x: x + tf.constant(a, shape=(n, n)))(x)", {"a": 0}),
    "twice": ("tf.function(lambda x: x + a + tf.constant(a))(x)", {"a": 0}),
    "two": ("tf.function(lambda x: x + a - b)(x)", {"a": 0, "b": 0}),
    "two sizes": ("tf.function(lambda x: (x + a)[:100, :100] + small)(x)", {"a": 0, "small": 0}),
    "two functions": (
        "tf.function(lambda x: x[:100, :100] + small)(x) + tf.function(lambda x: x + a)(x)[0, 0]",
        {"a": 0, "small": 0},
    ),
    "one of many": (
        "tf.function(lambda x: x + a + sum(tf.constant(i * small[0]) for i in range(40))[0])(x)",
        {"a": 0},
    ),
    "in a list": ("tf.function(lambda x: tf.constant(numbers, tf.float64))(x)",
                  {"np.array(numbers)": 1}),
    "names": ("tf.function(names)(x)", {"a": 0}),
    "gradient": ("tf.function(gradient)()", {"a": 0}),
    "loop": ("tf.function(loop)(x)", {"a": 0}),
    "concrete": ("tf.function(lambda x: x + a).get_concrete_function(x)", {"a": 0}),
    "nested": ("tf.function(lambda x: tf.function(lambda y: y + a)(x) * 2)(x)", {"a": 0}),
    "map": ("ds.map(lambda i: a)", {"a": 0}),
    "parallel map": ("ds.map(lambda i: a, num_parallel_calls=2)", {"a": 0}),
    "filter": ("ds.filter(lambda i: tf.reduce_sum(a) > 0)", {"a": 0}),
    "flat map": ("ds.flat_map(lambda i: tf.data.Dataset.from_tensors(a))", {"a": 0}),
    "group": ("ds.group_by_window(lambda i: tf.cast(tf.size(tf.constant(a)), tf.int64), "
              "lambda key, window: window.map(lambda i: b), 2)", {"a": 0, "b": 0}),
    "graph": ("in_graph()", {"a": 0, "b": 0}),
    "transposed": ("tf.function(lambda x: x + a.T)(x)", {"a.T": 2}),
    "every other": ("tf.function(lambda x: x[::2] + a[::2])(x)", {"a[::2]": 1}),
    "cast": ("tf.function(lambda x: tf.cast(x, tf.float32) + tf.constant(a, tf.float32))(x)",
             {"a.astype('f4')": 1}),
    "keras": ("keras.Sequential([keras.Input((n,)), Adds()]).predict(np.ones((n, n), 'f4'), "
              "batch_size=n, verbose=0)", {"a.astype('f4')": 2}),
}  # fmt: skip
"""Code, and the contents that it bakes into graphs; with each the copies that NumPy makes in
another way than by ``memcpy``: a cast, one that puts elements in order.
"""


def library() -> pathlib.Path:
    """Compiled anew into a folder of its own."""
    target = pathlib.Path(tempfile.mkdtemp()) / "memcpys.so"
    flags = [flag for flag in build.FLAGS if flag != "-g"]
    subprocess.run([build.compiler(), *flags, str(SOURCE), "-o", str(target), "-ldl"], check=True)
    return target


def run(out: pathlib.Path, *names: str) -> dict:
    """Measure in a new process; what it wrote to `out`.

    Raises
    ------
    subprocess.CalledProcessError
        The process ended with an error, which its standard error tells.
    """
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "LD_PRELOAD": str(library()),
    }
    command = [sys.executable, "-m", __spec__.name, str(out), *names]
    subprocess.run(command, check=True, cwd=ROOT, env=environment)
    return json.loads(out.read_text())


def main(out: str, *names: str) -> None:
    """Measure in this process, under the library."""
    space: dict = {"__name__": "__main__"}
    exec(compile(SETUP, "<setup>", "exec"), space)
    for code, _ in CASES.values():
        exec(compile(code, "<first>", "eval"), space)
    told = {}
    for name, (code, contents) in CASES.items():
        if not names or name in names:
            counted = _counted(space, code, list(contents))
            told[name] = {"counted": counted, "claimed": _claimed(space, code)}
    pathlib.Path(out).write_text(json.dumps(told, indent=1))


def _counted(space, code, names):
    import numpy as np

    process = ctypes.CDLL(None)
    process.memcpys_of.restype = ctypes.c_long
    contents = [np.ascontiguousarray(eval(name, space)).copy() for name in names]
    addresses = (ctypes.c_void_p * len(names))(*(one.ctypes.data for one in contents))
    sizes = (ctypes.c_size_t * len(names))(*(one.nbytes for one in contents))
    compiled = compile(code, "<counted>", "eval")
    process.memcpys_begin(addresses, sizes, len(names))
    eval(compiled, space)
    process.memcpys_end()
    return [[one.nbytes, process.memcpys_of(n)] for n, one in enumerate(contents)]


def _claimed(space, code):
    from tests.contract.cells import traced_cell

    with traced_cell("<claimed>", code) as recording:
        eval(compile(code, "<claimed>", "eval"), space)
    return {
        "lost": recording.lost,
        "baked": [
            [c.copies, c.copied_bytes]
            for c in recording.ledger
            if c.reason.startswith("baked") and c.nbytes > 65536 * c.count
        ],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
