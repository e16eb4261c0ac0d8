"""What tests can ask of the fake accelerator, and tell it."""

from __future__ import annotations

import contextlib
import ctypes
import functools
from typing import NamedTuple

from tests.device.accelerator import build


class Counters(NamedTuple):
    """Copies that were asked for, by direction, of both devices."""

    h2d_calls: int
    h2d_bytes: int
    d2h_calls: int
    d2h_bytes: int
    d2d_calls: int
    d2d_bytes: int

    def since(self, earlier: Counters) -> Counters:
        """What came after the earlier ones."""
        return Counters(*(now - then for now, then in zip(self, earlier, strict=True)))


class Accelerator:
    """The loaded library.

    Parameters
    ----------
    library
        The one that TensorFlow has loaded.
    """

    def __init__(self, library: ctypes.CDLL):
        self._library = library
        library.xpu_pending.restype = ctypes.c_uint64
        library.xpu_delay_kernels.argtypes = [ctypes.c_uint64]
        library.xpu_hold.argtypes = [ctypes.c_uint64]

    def counters(self) -> Counters:
        """The copies so far."""
        counted = (ctypes.c_uint64 * len(Counters._fields))()
        self._library.xpu_counters(counted)
        return Counters(*counted)

    def pending(self) -> int:
        """How much work waits or runs on the devices: kernels, copies, and waits for another."""
        return self._library.xpu_pending()

    @contextlib.contextmanager
    def delay_kernels(self, microseconds: int):
        """Each kernel that the code inside asks for takes this long."""
        self._library.xpu_delay_kernels(microseconds)
        try:
            yield
        finally:
            self._library.xpu_delay_kernels(0)

    @contextlib.contextmanager
    def held(self, at_most: float = 10):
        """No kernel starts while the code inside runs; copies before the first of them do.

        Parameters
        ----------
        at_most
            Seconds after which a kernel starts all the same. Code that waits for the device and
            keeps Python's lock meanwhile, as ``tf.constant`` does, would else wait for ever.

        Raises
        ------
        RuntimeError
            A kernel has started for that reason.
        """
        self._library.xpu_hold(round(at_most * 1000))
        try:
            yield
        except BaseException:
            self._library.xpu_release()
            raise
        if not self._library.xpu_release():
            raise RuntimeError("what should run while kernels are held waits for them")


@functools.cache
def load() -> Accelerator:
    """The accelerator, its devices known to TensorFlow.

    Raises
    ------
    RuntimeError
        TensorFlow has made its devices already.
    """
    from tensorflow.python.eager import context
    from tensorflow.python.framework import load_library

    # TensorFlow would take the library, list its devices, and have none of them.
    if context.context()._initialized:
        raise RuntimeError(
            "The fake accelerator must be loaded before TensorFlow makes its devices, "
            "which it does with the first tensor."
        )
    path = str(build.library())
    load_library.load_pluggable_device_library(path)
    return Accelerator(ctypes.CDLL(path))
