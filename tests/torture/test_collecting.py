"""What is left of a trace is collected without Python code of ours.

While the collector runs, an interrupt waits for the next Python code. If that is a callback or
a finalizer, the KeyboardInterrupt is lost there, and the user's cell goes on.
"""

from __future__ import annotations

import _weakrefset
import contextlib
import gc
import io
import sys
import threading
import weakref
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from IPython.core.interactiveshell import InteractiveShell

import tfnp_magic
from tfnp_magic.shell import extension


def conversions():
    array = np.ones((4, 3), np.float32)
    tensor = tf.constant(array)
    return array, tensor, np.asarray(tensor), tensor.numpy(), np.sum(tensor)


def pipeline():
    dataset = tf.data.Dataset.from_tensor_slices(np.ones((4, 3), np.float32)).map(
        lambda x: tf.numpy_function(np.sum, [x], tf.float32)
    )
    return dataset, list(dataset.as_numpy_iterator()), list(dataset)


def generator():
    def numbers():
        yield from np.arange(4.0)

    dataset = tf.data.Dataset.from_generator(
        numbers, output_signature=tf.TensorSpec((), tf.float64)
    ).prefetch(2)
    return dataset, list(dataset)


def function():
    @tf.function
    def doubled(x):
        return 2 * x

    return doubled, doubled(np.ones(3, np.float32)).numpy()


def model():
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    return net, net.predict(np.ones((8, 3), np.float32), verbose=0)


def on_a_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(conversions()))
    thread.start()
    thread.join()
    return thread, results


ACTS = [conversions, pipeline, generator, function, model, on_a_thread]


@pytest.fixture(autouse=True)
def _only_where_we_look():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def run_while_collecting(*left):
    """How often the collector ran code of ours, and of `weakref`, when it took what is given."""
    calls = Counter()

    def note(frame, event, _):
        name = frame.f_code.co_filename
        if event == "call" and name.startswith((OURS, *OF_WEAK_REFERENCES)):
            calls[f"{name}: {frame.f_code.co_name}"] += 1

    cycle = [left]
    cycle.append(cycle)
    del left, cycle
    sys.setprofile(note)
    gc.collect()
    sys.setprofile(None)
    return calls


OURS = str(Path(tfnp_magic.__file__).parent)
OF_WEAK_REFERENCES = weakref.__file__, _weakrefset.__file__


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_the_collector_runs_nothing_more_than_without_a_trace(act):
    def traced():
        with tfnp_magic.trace() as recording:
            made = act()
        assert recording.ledger
        return recording, made, str(recording)

    run_while_collecting(act())
    without = max((run_while_collecting(act()) for _ in range(2)), key=Counter.total)
    run_while_collecting(traced())
    assert run_while_collecting(traced()) - without == {}


def test_cells_are_collected_without_code_of_ours():
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "tfnp_magic")
    shell.push({"np": np, "tf": tf})
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            shell.run_cell("%interop_trace on")
            for _ in range(3):
                shell.run_cell("%%interop_trace -q -o rec\nnp.sum(tf.constant(np.ones(3)))")
                shell.run_cell("t = tf.constant(np.ones(3))\nu = np.asarray(t)")
            shell.run_cell("%interop_trace off")
            shell.run_cell("rec = t = u = None")
        assert run_while_collecting() == {}
    finally:
        extension.unload(shell)
        InteractiveShell.clear_instance()
