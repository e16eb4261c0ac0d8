"""Waiting told apart from copying: to or from an accelerator, a copy waits for the ops before it.

The device is synchronised first, by TensorFlow's own ``SyncDevice`` op, and only for a call
that would wait for it anyway: one that copies and gives back control when the copy is done
(reading a tensor, copying it to a device, making one there of an array). The op takes and
gives nothing (tensorflow/core/kernels/sync_ops.cc; ``tf.test.experimental.sync_devices`` uses
it; 2.16 to 2.21).
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from tfnp_magic import runtime
from tfnp_magic.facts import runs_asynchronously, short_device
from tfnp_magic.interrupts import raised_by_signal
from tfnp_magic.kernels import has_own_kernel
from tfnp_magic.model import is_host, is_remote
from tfnp_magic.placement import placed_on
from tfnp_magic.recorder.seen import clock


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
    device = short_device(tensor.backing_device)
    if not runtime.has_several_devices() or is_host(device):
        return None
    mirrored = None if is_remote(device) else runtime.is_mirrored_on_host(tensor)
    if mirrored is None:
        return Arrival(None, None)
    return Arrival(mirrored, 0 if mirrored else _wait_for(device))


def wait_before_copy(tensor: Any, device: str | None) -> int | None:
    """Wait for both devices before a tensor is copied from one to the other.

    Parameters
    ----------
    tensor
        The tensor; the copy uses no mirror.
    device
        Name of the device that it is copied to; None for the current one.

    Returns
    -------
    int or None
        Nanoseconds that it took; 0 between memories of the host; None if not told apart.
    """
    if not runtime.has_several_devices():
        return 0
    target = short_device(device) if device else placed_on(tensor.dtype.name)
    ends = dict.fromkeys((short_device(tensor.backing_device), target))
    waits = [_wait_for(end) for end in ends if not is_host(end)]
    return None if None in waits else sum(filter(None, waits))


def wait_before_placing(dtype: str) -> int | None:
    """Wait for the device that a value of this dtype will be copied to; the same otherwise."""
    device = placed_on(dtype)
    return 0 if is_host(device) else _wait_for(device)


def _wait_for(device: str) -> int | None:
    """Wait for the ops on a device; None where that is not done.

    Where ops of this thread run asynchronously, another op's error would be raised here, and
    be lost. Another process's device is left alone.
    """
    if runs_asynchronously() or is_remote(device) or not _can_wait_for(device):
        return None
    execute = sys.modules["tensorflow.python.pywrap_tfe"].TFE_Py_Execute
    original = getattr(execute, "__wrapped__", execute)
    context = runtime.context()
    started = clock()
    try:
        original(context._handle, f"/device:{device}", "SyncDevice", [], (), 0)
    except Exception as error:
        if raised_by_signal(error):
            raise
        return None  # the user's own call will tell
    return clock() - started


def _can_wait_for(device: str) -> bool:
    """Whether `SyncDevice` waits there: its kernel for any device does so on GPUs alone."""
    return device.upper().startswith("GPU") or has_own_kernel("SyncDevice", device)
