"""Tensor to array by the C buffer protocol: ``np.asarray(t)``, ``np.sum(t)``, ``memoryview(t)``.

Chokepoint: the ``bf_getbuffer`` slot of ``EagerTensor`` (``EagerTensor_getbuffer`` in
tensorflow/python/eager/pywrap_tensor.cc, 2.21). No Python method is called on this way.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, NamedTuple

from tfnp_magic.facts import eager_tensor_type
from tfnp_magic.probes.reporting import read_of, report
from tfnp_magic.probes.slot import BufferSlot, PyBuffer
from tfnp_magic.recorder import Seen
from tfnp_magic.scope import is_tracing, listeners

NAME = "buffer protocol"

_slots: dict[int, BufferSlot] = {}


def patches() -> list[BufferSlot]:
    """The slot, with code made once per process: another thread may still be in it."""
    kind = eager_tensor_type()
    if id(kind) not in _slots:
        _slots[id(kind)] = BufferSlot(kind, _heard)
    return [_slots[id(kind)]]


def _heard(tensor: Any, view: int, flags: int, stack: int, duration_ns: int) -> None:
    if not is_tracing():
        return
    hearing = listeners()
    if not hearing:
        return
    frame = sys._getframe(2)
    if _second_look(_Look(id(tensor), id(frame), frame.f_lasti, stack)):
        return
    remnant = PyBuffer.from_address(view).obj
    report(NAME, hearing, frame, _describe, tensor, remnant, duration_ns)


def _describe(tensor: Any, remnant: Any, duration_ns: int) -> Seen:
    return read_of(
        tensor, "memoryview", remnant, to_python=False, writable=False, duration_ns=duration_ns
    )


class _Look(NamedTuple):
    """One request: which tensor, by which instruction of which frame, from which C depth."""

    tensor: int
    frame: int
    lasti: int
    stack: int


class _Looks(threading.local):
    def __init__(self) -> None:
        self.unpaired: list[_Look] = []


_looks = _Looks()


def _second_look(look: _Look) -> bool:
    """Whether this request belongs to the conversion that the one before began.

    `np.dot`, `np.inner`, `np.correlate` and `np.searchsorted` ask each operand for its
    buffer twice, first to learn its dtype, then to read it: the same tensor, by the
    same instruction, from another depth of the C stack. Operands that are the same
    tensor (`np.add(t, t)`), and iterations of a loop, come from the same depth.
    """
    unpaired = _looks.unpaired
    if unpaired and unpaired[-1][1:3] != look[1:3]:
        unpaired.clear()
    for first in unpaired:
        if first.tensor == look.tensor and first.stack != look.stack:
            unpaired.remove(first)
            return True
    unpaired.append(look)
    del unpaired[:-4]
    return False
