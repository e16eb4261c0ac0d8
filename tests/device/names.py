"""The names that every row's setup and code may use."""

from __future__ import annotations

import numpy as np

N = 1_000
"""Elements of the common names; 4,000 bytes each."""


def aligned(values):
    """A writable copy at an address that is a multiple of 64."""
    values = np.asarray(values)
    memory = np.empty(values.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    placed = memory[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    placed[...] = values
    return placed


def namespace(machine) -> dict:
    """A fresh namespace for one row.

    ``F`` is an array of `N` float32, ``h`` a tensor of it on the host, ``t`` and ``u`` on
    the accelerators ``D0`` and ``D1``, ``v`` a variable on ``D0``; ``on(device, value)``
    makes more of them. Where there is one accelerator, ``D1`` and ``u`` are missing.
    """
    import tensorflow as tf

    def on(device, value, dtype=None):
        with tf.device(device):
            return tf.constant(value, dtype)

    array = aligned(np.random.default_rng(0).standard_normal(N).astype("f4"))
    names = {
        "np": np, "tf": tf, "aligned": aligned, "on": on,
        "F": array, "h": on("CPU:0", array),
    }  # fmt: skip
    for device_name, tensor_name, device in zip(("D0", "D1"), "tu", machine.devices, strict=False):
        names[device_name] = device
        names[tensor_name] = on(device, array)
    with tf.device(names["D0"]):
        names["v"] = tf.Variable(array)
    return names
