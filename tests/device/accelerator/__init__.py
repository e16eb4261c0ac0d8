"""A fake accelerator: two devices of TensorFlow, XPU, that count their copies and can be stopped.

Like a GPU's, their work is asynchronous: kernels and copies wait in a queue (`queue.h`) while
the call that asked for them has returned. Their memory is host memory, so everything can be
checked to the byte, on any machine that has a compiler. TensorFlow loads them as it loads
any plugin (`device.cc`, `kernels.cc`), before it makes its devices: once for a process.
"""

from tests.device.accelerator.build import unavailable
from tests.device.accelerator.control import Accelerator, Counters, load

__all__ = ["Accelerator", "Counters", "load", "unavailable"]
