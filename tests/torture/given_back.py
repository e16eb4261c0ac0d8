"""What of ours may have stayed in, and how it is taken out so that a test can go on."""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf

import tfnp_magic
from tests.contract.conftest import owners_now
from tfnp_magic import scope
from tfnp_magic.in_graphs.profiling import profiler
from tfnp_magic.probes import carriers, probes

ARRAY = np.ones((20, 3), np.float32)
TENSOR = tf.constant(ARRAY)


def convert():
    """One conversion of each family that a trace of arrays and tensors meets."""
    TENSOR.numpy()
    np.sum(TENSOR)
    tf.constant(ARRAY)
    return TENSOR - ARRAY


def counted(recording):
    return sum(crossing.count for crossing in recording.ledger)


def state_now():
    """What a trace may touch, after a first trace has filled TensorFlow's caches."""
    for _ in range(2):
        with tfnp_magic.trace():
            convert()
    return owners_now()


def left_behind(before):
    """What is not as before; empty where all is well."""
    found = []
    if scope._open or scope.is_tracing():
        found.append(f"open: {scope._open}")
    if probes._in or carriers._in or probes._users or carriers._users:
        found.append(f"in: {len(probes._in)} and {len(carriers._in)} patches")
    if profiler._looking or profiler.is_running:
        found.append("the profiler runs")
    if [finder for finder in sys.meta_path if "tfnp_magic" in type(finder).__module__]:
        found.append("an import is watched")
    if scope.inner.owners is not None or scope.inner.absorbing or scope.inner.driver is not None:
        found.append("the thread still works for a trace")
    if owners_now() != before:
        found.append("an owner is not as it was found")
    return found


def next_trace_counts():
    """How many of four conversions the next trace sees."""
    with tfnp_magic.trace() as recording:
        convert()
    assert recording.lost == []
    return counted(recording)
