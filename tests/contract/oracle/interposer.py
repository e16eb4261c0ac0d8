"""The preloaded library as Python sees it: open a watch, and read which buffers were copies."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os

import numpy as np

LIMIT = 4096
"""As many needles as the library holds; as in `interpose.c`."""


class _Needle(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Block(ctypes.Structure):
    _fields_ = [
        ("address", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("written", ctypes.c_size_t),
        ("needle", ctypes.c_int32),
        ("freed", ctypes.c_int32),
    ]


@dataclasses.dataclass(frozen=True)
class Block:
    """An allocation of a needle's size that was made during the watch.

    Attributes
    ----------
    address, size
        In bytes, as asked for.
    needle
        Index of the needle that it held at some time; None if it held none.
    freed
        Whether it was freed before the watch ended.
    """

    address: int
    size: int
    needle: int | None
    freed: bool


def world() -> str:
    """Which malloc this process runs under: `aligned` or `mmapped`."""
    return os.environ["ORACLE_WORLD"]


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    try:
        library.oracle_blocks.restype = ctypes.POINTER(_Block)
    except AttributeError:
        raise RuntimeError("the process was not started under the oracle's library") from None
    return library


@contextlib.contextmanager
def watch(contents: list[np.ndarray]):
    """Collect the blocks that are allocated inside, into the list that it gives.

    Parameters
    ----------
    contents
        Contiguous bytes to look for. Where a block fits several, the first wins.

    Raises
    ------
    RuntimeError
        The library is not preloaded, or its log was too small for what happened.
    """
    if len(contents) > LIMIT:
        raise RuntimeError(f"{len(contents)} contents are more than the oracle can look for")
    library = _library()
    needles = (_Needle * len(contents))(*((one.ctypes.data, one.nbytes) for one in contents))
    blocks: list[Block] = []
    library.oracle_begin(needles, len(contents))
    try:
        yield blocks
    finally:
        count = library.oracle_end()
        found = library.oracle_blocks()
        blocks.extend(_block(found[i]) for i in range(count))
    if library.oracle_lost():
        raise RuntimeError("the oracle's log was too small for all allocations")


def _block(block: _Block) -> Block:
    needle = block.needle if block.needle >= 0 else None
    return Block(block.address, block.size, needle, bool(block.freed))
