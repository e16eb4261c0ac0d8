"""What rows run on: one or two accelerators, and the oracle that watches them."""

from __future__ import annotations

import dataclasses

from tests.device.oracle import CudaOracle, FakeOracle

MOST = 2
"""Accelerators that a row may need."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """Where rows run.

    Attributes
    ----------
    devices
        Names of its accelerators, at most `MOST`.
    oracle
        Has `window()`; see `tests.device.oracle`.
    is_fake
        Whether the numbers that a row states hold here.
    """

    devices: tuple[str, ...]
    oracle: object
    is_fake: bool = False


def split_cpu() -> None:
    """Make two logical devices of the CPU; before TensorFlow has made its devices."""
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration() for _ in range(2)]
    tf.config.set_logical_device_configuration(cpu, halves)


def with_fake(accelerator) -> Machine:
    """The fake accelerator's two devices."""
    return Machine(("XPU:0", "XPU:1"), FakeOracle(accelerator), is_fake=True)


def cuda_unavailable() -> str:
    """Why no GPU can be measured; empty if one can."""
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return "TensorFlow sees no GPU: tf.config.list_physical_devices('GPU') is empty"
    return _unmeasured()


def with_cuda() -> Machine:
    """The GPUs that TensorFlow sees."""
    return Machine(_gpus(), CudaOracle())


def _gpus():
    import tensorflow as tf

    found = tf.config.list_logical_devices("GPU")[:MOST]
    return tuple(device.name.removeprefix("/device:") for device in found)


def _unmeasured():
    """Whether the profiler misses a copy that must be there, as it does without CUPTI."""
    import numpy as np
    import tensorflow as tf

    array = np.ones(1000, "f4")
    with CudaOracle().window() as window, tf.device(_gpus()[0]):
        tf.constant(array)
    saw, made = window.moved.host_to_device, array.nbytes
    if saw >= made:
        return ""
    return f"TensorFlow's profiler saw {saw:,} of {made:,} bytes that were copied: is CUPTI there?"
