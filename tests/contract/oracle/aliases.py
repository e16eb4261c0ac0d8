"""Whether a result shares memory with an operand: by address, and by a flipped byte."""

from __future__ import annotations

import ctypes

import numpy as np

from tests.contract.oracle import values


def aliased(operand, result) -> tuple[bool, bool | None]:
    """Whether they share memory: by address, and by a flipped byte.

    Both must live. A `tf.Variable` in the result does not count. A byte of the operand is
    flipped and given back; None if its memory is write-protected or has nothing to flip.
    """
    ours = values.views(operand)
    theirs = values.views(result, with_variables=False)
    shared = any(np.may_share_memory(one, other) for one in ours for other in theirs)
    return shared, _seen_flipped(ours, theirs)


_byte_bounds = getattr(np.lib, "array_utils", np).byte_bounds  # of NumPy itself before 2.0


def _seen_flipped(ours, theirs):
    addresses = [address for one in ours for address in _places(one, theirs) if writable(address)]
    if not addresses:
        return None
    return any(_changes(address, theirs) for address in addresses)


def _places(array, others):
    """Some addresses of the array's elements: at its ends, its middle, and what others start at."""
    if not array.size:
        return []
    ends = {_address(array, index) for index in (0, array.size // 2, array.size - 1)}
    low, high = _byte_bounds(array)
    starts = {_address(other, 0) for other in others if other.size}
    return sorted(ends | {address for address in starts if low <= address < high})


def _address(array, index):
    at = np.unravel_index(index, array.shape)
    return array.ctypes.data + sum(int(i) * step for i, step in zip(at, array.strides, strict=True))


def writable(address: int) -> bool:
    """Whether the process may write there; a file may be mapped for reading only."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            bounds, rights, *_ = line.split()
            low, high = (int(bound, 16) for bound in bounds.split("-"))
            if low <= address < high:
                return "w" in rights
    return False


def _changes(address, views):
    """Whether any view reads differently while the byte at `address` is another."""
    byte = ctypes.c_ubyte.from_address(address)
    before = [view.tobytes() for view in views]
    byte.value ^= 1  # 0 and 1 stay the only values of a bool
    try:
        return [view.tobytes() for view in views] != before
    finally:
        byte.value ^= 1
