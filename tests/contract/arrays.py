"""Arrays with known memory, and what an oracle without our probes says of sharing."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf


@functools.cache
def is_copied_by_feeding():
    """Whether TensorFlow copies each array that it is fed, or that Python code gives it.

    2.18 does so before it looks where the array lies, to give it the dtype that it has. Told by
    what happens, without a trace: a generator fills its one array again and again.
    """
    array = at_offset(np.zeros(16, np.float32), 0)

    def fill():
        for number in (1, 2):
            array[:] = number
            yield array

    spec = tf.TensorSpec([16], tf.float32)
    first, _ = tf.data.Dataset.from_generator(fill, output_signature=spec)
    return float(first[0]) == 1


def at_offset(values, offset):
    """A copy of `values` whose address is `offset` bytes past a multiple of 64."""
    values = np.asarray(values)
    memory = np.empty(values.nbytes + 128, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    array = memory[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    array[...] = values
    assert array.ctypes.data % 64 == offset % 64
    return array


def aligned(values):
    return at_offset(values, 0)


def misaligned(values):
    return at_offset(values, 16)


def shares_by_flipping(array, tensor):
    """Whether writing to the array changes the tensor: flip a byte, look, flip it back.

    The tensor is looked at through DLPack-free, probe-free memory: `memoryview`.
    """
    raw = array.reshape(-1).view(np.uint8)
    before = bytes(memoryview(tensor))
    raw[0] ^= 0xFF
    after = bytes(memoryview(tensor))
    raw[0] ^= 0xFF
    return before != after
