"""Waiting told apart from copying: a read of an accelerator's tensor waits for the ops before it.

The device is synchronised first, by TensorFlow's own ``SyncDevice`` op, and only for a call
that would wait for it anyway: one that copies from the device at once. The op takes and gives
nothing (tensorflow/core/kernels/sync_ops.cc; tf.test.experimental.sync_devices uses it; 2.16 to
2.21).
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from tfnp_magic import runtime
from tfnp_magic.facts import runs_asynchronously, short_device
from tfnp_magic.interrupts import raised_by_signal
from tfnp_magic.model import is_host
from tfnp_magic.recorder import clock


class Arrival(NamedTuple):
    """How a tensor stood before it was read into host memory.

    Attributes
    ----------
    mirrored
        Whether host memory held a copy of it; None if unknown.
    waited_ns
        Nanoseconds that were waited for its device; None if not told apart.
    """

    mirrored: bool | None
    waited_ns: int | None


def arrive(tensor: Any) -> Arrival | None:
    """Look for a tensor's mirror in host memory, and wait for its device if a read must.

    Returns
    -------
    Arrival or None
        None for a tensor in host memory, which is read there.
    """
    if not runtime.has_several_devices() or is_host(short_device(tensor.backing_device)):
        return None
    mirrored = runtime.is_mirrored_on_host(tensor)
    if mirrored is None:
        return Arrival(None, None)
    return Arrival(mirrored, 0 if mirrored else _wait_for(tensor))


def wait_before_copy(tensor: Any) -> int | None:
    """Wait for a tensor's device before a copy to another, which never uses a mirror.

    Returns
    -------
    int or None
        Nanoseconds that it took; 0 in host memory; None if not told apart.
    """
    if not runtime.has_several_devices() or is_host(short_device(tensor.backing_device)):
        return 0
    return _wait_for(tensor)


def _wait_for(tensor: Any) -> int | None:
    """Wait for the ops on a tensor's device; None where that is not done.

    Where ops of this thread run asynchronously, another op's error would be raised here, and
    be lost.
    """
    if runs_asynchronously():
        return None
    execute = sys.modules["tensorflow.python.pywrap_tfe"].TFE_Py_Execute
    original = getattr(execute, "__wrapped__", execute)
    context = sys.modules["tensorflow.python.eager.context"].context()
    started = clock()
    try:
        original(context._handle, tensor.backing_device, "SyncDevice", [], (), 0)
    except Exception as error:
        if raised_by_signal(error):
            raise
        return None  # the user's own call will tell
    return clock() - started
