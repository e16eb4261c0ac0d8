"""What a process does before its first cell, and what must be so after the last."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from tests.contract.oracle import worker


@functools.cache
def begin(devices: int) -> None:
    """Make the logical CPUs, and spend what TensorFlow does only the first time."""
    host = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * devices
    tf.config.set_logical_device_configuration(host, logical)
    worker.warm_up()
    _ = list(tf.data.Dataset.from_tensors(np.ones(3)))
