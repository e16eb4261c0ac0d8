"""Arrays with known memory, and what an oracle without our probes says of sharing."""

from __future__ import annotations

import numpy as np


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
