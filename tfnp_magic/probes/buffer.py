"""Tensor to array by the C buffer protocol: ``np.asarray(t)``, ``np.sum(t)``, ``memoryview(t)``.

Chokepoint: the ``bf_getbuffer`` slot of ``EagerTensor`` (``EagerTensor_getbuffer`` in
tensorflow/python/eager/pywrap_tensor.cc, 2.21). No Python method is called on this way.
"""

from __future__ import annotations

import sys
import threading
import weakref
from typing import Any

import numpy as np

from tfnp_magic import runtime
from tfnp_magic.facts import eager_tensor_type
from tfnp_magic.frames.route import BYTES_LIKE
from tfnp_magic.probes.looks import is_second_look, note_look
from tfnp_magic.probes.reporting import ask, fail, read_of, report
from tfnp_magic.probes.slot import BufferSlot, PyBuffer
from tfnp_magic.probes.waits import Arrival, arrive
from tfnp_magic.recorder.lanes import learn, refuse
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import Seen, clock
from tfnp_magic.scope import lane_here, listeners, overhearing

NAME = "buffer protocol"

_SIMPLE = 0
"""``PyBUF_SIMPLE``: bytes are wanted; NumPy asks for shape and format (``PyBUF_FULL_RO``)."""

_slots: dict[int, BufferSlot] = {}


class _Announced(threading.local):
    """The request that this thread's C code is about to make: whose buffer, and how it stood."""

    tensor: weakref.ref[Any] | None = None
    arrival: Arrival | None = None

    def take(self, tensor: Any) -> Arrival | None:
        """How the tensor stood, if it is the one; and forget it."""
        is_its = self.tensor is not None and self.tensor() is tensor
        arrival, self.tensor, self.arrival = self.arrival, None, None
        return arrival if is_its else None


_announced = _Announced()


def stood(probe: str, hearing: list[Recorder], tensor: Any) -> Arrival | None:
    """How a tensor stands that will be read; before a request in vain, if that was the last.

    Of a dtype without a buffer format (bfloat16, float8), TensorFlow moves the data first and
    then refuses (``EagerTensor_getbuffer``, pywrap_tensor.cc, 2.21): NumPy asks ``__array__``.
    """
    return _announced.take(tensor) or ask(probe, hearing, arrive, tensor)


def patches() -> list[BufferSlot]:
    """The slot, with code made once per process: another thread may still be in it."""
    kind = eager_tensor_type()
    if id(kind) not in _slots:
        _slots[id(kind)] = BufferSlot(kind, _heard, _announce)
    slot = _slots[id(kind)]
    # Before TensorFlow has set its devices up, nobody knows.
    slot.heralds = len(runtime.devices()) != 1
    return [slot]


def _announce(tensor: Any) -> None:
    """A buffer will be asked for: see whether the data must move for it."""
    if not runtime.has_several_devices():
        for slot in _slots.values():
            slot.heralds = False
        return
    hearing = overhearing()
    _announced.arrival = ask(NAME, hearing, arrive, tensor) if hearing else None
    _announced.tensor = weakref.ref(tensor)


def _heard(tensor: Any, view: int, flags: int, stack: int, duration_ns: int) -> None:
    lane = lane_here()  # with one, nothing can move, so nothing was announced
    arrival = _announced.take(tensor) if lane is None else None
    hearing = listeners() if lane is None else [lane.recorder]
    if not hearing:
        return
    frame, remnant = sys._getframe(2), PyBuffer.from_address(view).obj
    facts = (flags, remnant.dtype, remnant.shape) if type(remnant) is np.ndarray else ()
    if lane is not None:
        try:
            groove = lane.find_look((lane.standing(frame), *facts), frame, id(tensor))
            if groove is not None and groove.stack == stack:
                stop = clock()
                lane.look(groove, frame, (remnant, tensor), (stop - duration_ns, stop))
                if not remnant.shape:  # `np.array([s, t, …])` looks at all, then asks each
                    note_look(tensor, frame, stack)
                return
        except Exception as error:
            fail(NAME, hearing, error)
    if ask(NAME, hearing, is_second_look, tensor, frame, stack):
        ask(NAME, hearing, refuse, frame)
        return
    lowest = BYTES_LIKE if flags == _SIMPLE else NAME
    seen = report(NAME, hearing, frame, _describe, tensor, lowest, remnant, duration_ns, arrival)
    if seen is not None and seen.told is not None and facts:
        ask(NAME, hearing, learn, hearing, frame, facts, seen, stack)


def _describe(
    tensor: Any, lowest: str, remnant: Any, duration_ns: int, arrival: Arrival | None
) -> Seen:
    return read_of(tensor, lowest, remnant, duration_ns, exported=True, arrival=arrival)
