"""The oracles: TensorFlow's profile of a GPU by hand-made ones, the fake one by its device.

The profiles are as ``xla/backends/profiler/gpu/cupti_collector.cc`` writes them.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.device import machines
from tests.device.oracle import CudaOracle, FakeOracle, Moved, moved_in

MODERN = "kind_src:{0} kind_dst:{1} size:{2} dest:0 async:1"
OLDER = "kind:{0} size:{2} dest:0 async:1"
"""As it once was, and as ROCm's profiler writes it, where the kind is always ``Unknown``."""


class Profile:
    """An XSpace in the making."""

    def __init__(self):
        from tensorflow.tsl.profiler.protobuf import xplane_pb2

        self.space = xplane_pb2.XSpace()

    def copy(
        self, name, details, plane="/device:GPU:0", line="Stream #13(MemcpyH2D)", by_value=False
    ):
        """Add a copy; the text of its details is by reference, unless `by_value`."""
        event, plane = self._event(plane, line, name)
        stat = event.stats.add(metadata_id=self._id(plane.stat_metadata, "memcpy_details"))
        if by_value:
            stat.str_value = details
        else:
            stat.ref_value = self._id(plane.stat_metadata, details)

    def kernel(self, name):
        self._event("/device:GPU:0", "Stream #14(Compute)", name)

    def moved(self):
        spaces = [type(self.space).FromString(self.space.SerializeToString())]
        return moved_in(spaces)

    def _event(self, plane_name, line_name, name):
        plane = self._named(self.space.planes, plane_name)
        line = self._named(plane.lines, line_name)
        return line.events.add(metadata_id=self._id(plane.event_metadata, name)), plane

    @staticmethod
    def _named(many, name):
        return next((one for one in many if one.name == name), None) or many.add(name=name)

    @staticmethod
    def _id(metadata, name):
        for number, known in metadata.items():
            if known.name == name:
                return number
        number = len(metadata) + 1
        metadata[number].id = number
        metadata[number].name = name
        return number


@pytest.fixture
def profile():
    return Profile()


@pytest.mark.parametrize("host", ["pageable", "pinned", "unknown"])
def test_copies_between_host_and_gpu_count_whatever_host_memory_it_is(profile, host):
    profile.copy("MemcpyH2D", MODERN.format(host, "device", 4000))
    profile.copy("MemcpyH2D", MODERN.format(host, "device", 8))
    profile.copy("MemcpyD2H", MODERN.format("device", host, 16), line="Stream #15(MemcpyD2H)")
    assert profile.moved() == Moved(4008, 16, 0)


def test_copies_between_gpus_count_and_copies_within_one_do_not(profile):
    profile.copy("MemcpyP2P", MODERN.format("device", "device", 4000), plane="/device:GPU:1")
    profile.copy("MemcpyD2D", MODERN.format("device", "device", 99))
    assert profile.moved() == Moved(0, 0, 4000)


def test_copies_of_all_gpus_and_streams_add_up(profile):
    profile.copy("MemcpyH2D", MODERN.format("pinned", "device", 1))
    profile.copy("MemcpyH2D", MODERN.format("pinned", "device", 2), line="Stream #20")
    profile.copy("MemcpyH2D", MODERN.format("pinned", "device", 4), plane="/device:GPU:1")
    assert profile.moved() == Moved(7, 0, 0)


def test_what_repeats_a_copy_does_not_count(profile):
    """The driver's call on the host's plane, others' planes, and lines made of the streams."""
    details = MODERN.format("pageable", "device", 4000)
    profile.copy("MemcpyH2D", details)
    profile.copy("MemcpyH2D", details, plane="/host:CUPTI", line="Host Threads/1")
    profile.copy("MemcpyH2D", details, plane="/device:CUSTOM:1")
    for line in ("TensorFlow Ops", "Framework Ops", "XLA Ops", "Source code"):
        profile.copy("MemcpyH2D", details, line=line)
    profile.kernel("void square_kernel<float>")
    assert profile.moved() == Moved(4000, 0, 0)


@pytest.mark.parametrize("kind", ["pageable", "Unknown"])
def test_older_details_count(profile, kind):
    profile.copy("MemcpyH2D", OLDER.format(kind, "", 4000))
    assert profile.moved() == Moved(4000, 0, 0)


def test_details_may_stand_in_the_event_itself(profile):
    profile.copy("MemcpyD2H", MODERN.format("device", "pinned", 4000), by_value=True)
    assert profile.moved() == Moved(0, 4000, 0)


@pytest.mark.parametrize(
    ("source", "destination", "moved"),
    [
        ("array", "pinned", Moved(0, 12, 0)),
        ("pageable", "array", Moved(12, 0, 0)),
        ("device_static", "array", Moved(0, 0, 0)),
        ("pageable", "pinned", Moved(0, 0, 0)),
    ],
)
def test_copies_of_other_kinds_are_told_by_their_ends(profile, source, destination, moved):
    profile.copy("MemcpyOther", MODERN.format(source, destination, 12))
    assert profile.moved() == moved


@pytest.mark.parametrize(
    "details", [MODERN.format("managed", "device", 12), OLDER.format("", "", 12)]
)
def test_a_copy_that_does_not_tell_its_ends_is_no_zero(profile, details):
    profile.copy("MemcpyOther", details)
    with pytest.raises(ValueError, match="where from"):
        profile.moved()


def test_a_copy_that_does_not_tell_its_bytes_is_no_zero(profile):
    profile.copy("MemcpyH2D", "kind_src:pinned kind_dst:device")
    with pytest.raises(ValueError, match="bytes"):
        profile.moved()


def test_a_copy_without_details_is_no_zero(profile):
    profile._event("/device:GPU:0", "Stream #13", "MemcpyH2D")
    with pytest.raises(ValueError, match="memcpy_details"):
        profile.moved()


def test_a_profile_without_gpus_moved_nothing(profile):
    assert profile.moved() == Moved(0, 0, 0)


def test_the_profiler_runs_where_there_is_no_gpu_and_gives_back_what_the_code_raised(accelerator):
    import tensorflow as tf

    with CudaOracle().window() as window:
        tf.square(tf.constant(np.ones(9)))
    assert window.moved == Moved(0, 0, 0)
    with pytest.raises(KeyError), CudaOracle().window():
        raise KeyError
    with CudaOracle().window() as window:
        pass
    assert window.moved == Moved(0, 0, 0)


def test_a_machine_without_gpus_says_so(accelerator):
    assert "list_physical_devices('GPU') is empty" in machines.cuda_unavailable()


def test_the_fake_counts_each_way_and_what_an_error_left(accelerator):
    import tensorflow as tf

    oracle = FakeOracle(accelerator)
    array = np.ones(10, "f4")
    with oracle.window() as window, tf.device("XPU:0"):
        there = tf.constant(array)
    assert window.moved == Moved(40, 0, 0)
    with oracle.window() as window, tf.device("XPU:1"):
        tf.identity(there)
    assert window.moved == Moved(0, 0, 40)
    with pytest.raises(ValueError), oracle.window() as window:  # noqa: PT012 - both are one call's
        there.numpy()
        raise ValueError
    assert window.moved == Moved(0, 40, 0)
    with oracle.window() as window:
        pass
    assert window.moved == Moved(0, 0, 0)
