"""Where TensorFlow places the tensors that it makes of values.

Measured on 2.16 and 2.21: on the device that a ``with tf.device`` around names, else on the
first accelerator; int32 and strings stay in host memory, whatever device they claim
(``ConvertToEagerTensor``, tensorflow/python/eager/pywrap_tensor.cc).
"""

from __future__ import annotations

from tfnp_magic import runtime
from tfnp_magic.facts import short_device
from tfnp_magic.model import HOST_DEVICE, is_host, is_remote

HANDLES = frozenset({"resource", "variant"})
"""Dtypes of what stands for data that is elsewhere."""

STAYS_ON_HOST = frozenset({"int32", "string", *HANDLES})
"""Dtypes of values that TensorFlow leaves in host memory, whatever the device."""


def default_device() -> str:
    """Where TensorFlow places what it converts, here and now: ``GPU:0``."""
    name = runtime.context().device_name
    if name:
        return short_device(name)
    known = [device.name for device in runtime.devices()]
    return next((name for name in known if not name.startswith("CPU")), HOST_DEVICE)


def placed_on(dtype: str) -> str:
    """The same for a value of this dtype."""
    device = default_device()
    stays = dtype in STAYS_ON_HOST and not is_host(device) and not is_remote(device)
    return HOST_DEVICE if stays else device
