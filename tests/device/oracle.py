"""What really moved between host memory and accelerators, told by others than our probes.

The fake accelerator counts in its own copy callbacks. Of a GPU, TensorFlow's profiler records
every copy that CUDA's driver made, with its bytes. Its format is nowhere described but in the
source of what writes it, of openxla/xla: ``xla/backends/profiler/gpu/cupti_collector.cc``
(``PerDeviceCollector``, at 0c24afff) and ``cupti_buffer_events.cc``
(``AddMemcpyActivityEvent``, at 3e1a45f9).
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import tempfile
from typing import NamedTuple


class Moved(NamedTuple):
    """Bytes that went from one memory to another, by direction."""

    host_to_device: int
    device_to_host: int
    device_to_device: int


class Window:
    """One stretch of time; what moved in it is known once it is over."""

    moved: Moved


class FakeOracle:
    """Asks the fake accelerator's counters.

    Parameters
    ----------
    accelerator
        The loaded `tests.device.accelerator`.
    """

    def __init__(self, accelerator):
        self._accelerator = accelerator

    @contextlib.contextmanager
    def window(self):
        """What the code inside moves; a copy counts as soon as it is queued."""
        window = Window()
        _settle()
        before = self._accelerator.counters()
        try:
            yield window
        finally:
            _settle()
            counted = self._accelerator.counters().since(before)
            window.moved = Moved(counted.h2d_bytes, counted.d2h_bytes, counted.d2d_bytes)


class CudaOracle:
    """Asks TensorFlow's profiler, a session for each window."""

    @contextlib.contextmanager
    def window(self):
        """What the code inside moves."""
        import tensorflow as tf

        window = Window()
        options = tf.profiler.experimental.ProfilerOptions(
            host_tracer_level=0, python_tracer_level=0, device_tracer_level=1
        )
        with tempfile.TemporaryDirectory() as folder:
            _settle()
            tf.profiler.experimental.start(folder, options)
            try:
                yield window
            finally:
                _settle()
                tf.profiler.experimental.stop()
                window.moved = moved_in(_spaces(folder))


def _settle():
    import tensorflow as tf

    tf.test.experimental.sync_devices()


def _spaces(folder):
    """The profiles that the profiler left in a folder, one per host."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    for file in sorted(pathlib.Path(folder).rglob("*.xplane.pb")):
        yield xplane_pb2.XSpace.FromString(file.read_bytes())


_DEVICE_PLANE = "/device:GPU:"
_STREAM = "Stream #"
_DETAILS = "memcpy_details"
_SIZE = re.compile(r"\b(?:size|num_bytes):(\d+)\b")
_KINDS = re.compile(r"\bkind_src:(\w+) kind_dst:(\w+)")
_ON_HOST = {"pageable", "pinned"}
_ON_DEVICE = {"device", "array", "device_static"}


def moved_in(spaces) -> Moved:
    """Bytes of all copies on the GPUs' own timelines.

    The host's plane repeats each copy as the driver's call, and lines that are derived from
    the streams repeat their events: neither counts.

    Parameters
    ----------
    spaces
        Profiles, as XSpace protocol buffers.

    Raises
    ------
    ValueError
        A copy does not tell its bytes, or where from and where to.
    """
    totals = dict.fromkeys(Moved._fields, 0)
    for name, details in _copies(spaces):
        direction = _direction(name, details)
        if direction:
            totals[direction] += _size(name, details)
    return Moved(**totals)


def _copies(spaces):
    for space in spaces:
        for plane in space.planes:
            if plane.name.startswith(_DEVICE_PLANE):
                for line in plane.lines:
                    if line.name.startswith(_STREAM):
                        yield from _copies_on(plane, line)


def _copies_on(plane, line):
    for event in line.events:
        name = plane.event_metadata[event.metadata_id].name
        told = {plane.stat_metadata[stat.metadata_id].name: stat for stat in event.stats}
        if _DETAILS in told:
            yield name, _text(plane, told[_DETAILS])
        elif name.startswith("Memcpy"):
            raise ValueError(f"{name} on {plane.name} has no {_DETAILS}")


def _text(plane, stat):
    if stat.WhichOneof("value") == "ref_value":
        return plane.stat_metadata[stat.ref_value].name
    return stat.str_value


def _direction(name, details):
    """Which of the totals a copy belongs to; None where it stays in one memory."""
    if name in _DIRECTIONS:
        return _DIRECTIONS[name]
    kinds = _KINDS.search(details)
    ends = [_end(kind) for kind in kinds.groups()] if kinds else [None]
    if None in ends:
        raise ValueError(f"{name} does not tell where from and where to: {details}")
    return None if ends[0] == ends[1] else "_to_".join(ends)


_DIRECTIONS = {
    "MemcpyH2D": "host_to_device",
    "MemcpyD2H": "device_to_host",
    "MemcpyD2D": None,  # within one GPU
    "MemcpyP2P": "device_to_device",
}


def _end(kind):
    return "host" if kind in _ON_HOST else "device" if kind in _ON_DEVICE else None


def _size(name, details):
    size = _SIZE.search(details)
    if not size:
        raise ValueError(f"{name} does not tell its bytes: {details}")
    return int(size[1])
