"""Ops of TensorFlow's: those that run while something else does, and those that wait."""

from __future__ import annotations

import contextlib
import threading

import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import op_callbacks


def ops_of(run):
    """Types of the ops that a function runs."""
    ops = []
    op_callbacks.add_op_callback(on_op := lambda op_type, *_, **__: ops.append(op_type))
    try:
        run()
        found = list(ops)
        tf.ones(1) + 1
    finally:
        op_callbacks.remove_op_callback(on_op)
    assert ops[len(found) :], "the callback must be able to see an op"
    return found


@contextlib.contextmanager
def ops_that_wait(value):
    """Make tensors of this float32 value whose op waits for the block's end, and all ops after."""
    go = threading.Event()

    def slow():
        go.wait(5)
        return value

    with context.execution_mode(context.ASYNC):
        yield lambda: tf.py_function(slow, [], tf.float32)
        go.set()
