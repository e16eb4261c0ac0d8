"""Recordings made by hand, of which it is known what they come to."""

from __future__ import annotations

from tests.golden.recordings import crossing, line
from tfnp_magic.activity import FunctionCalls, Retrace
from tfnp_magic.model import (
    DEVICE_TO_DEVICE,
    NUMPY_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    Hazard,
)
from tfnp_magic.recording import Recording

AT = line(3, "t = tf.constant(a)", "test_x.py")


def into(**facts):
    return crossing(AT, "tf.constant", NUMPY_TO_TENSORFLOW, **facts)


def moved(device_from, device_to, moved_bytes, count=1, **facts):
    direction = DEVICE_TO_DEVICE
    if "host" in (device_from, device_to):
        direction = NUMPY_TO_TENSORFLOW if device_from == "host" else TENSORFLOW_TO_NUMPY
    facts = {"move_evidence": "observed", "copied_bytes": 0, "copies": 0, **facts}
    return crossing(
        AT, "moving", direction, device_from=device_from, device_to=device_to,
        moved_bytes=moved_bytes, count=count, **facts,
    )  # fmt: skip


TO, FROM, ACROSS = ("host", "GPU:0"), ("GPU:0", "host"), ("GPU:0", "GPU:1")


def recording_of(*ledger, **facts):
    return Recording(title="test_x.py::test_it", ledger=list(ledger), **facts)


def calls(*retraces):
    return FunctionCalls("f", AT, calls=9, traces=5, retraces=list(retraces))


CASES = {
    "max_crossed": (7 * 40, recording_of(into(nbytes=240), into(), moved(*ACROSS, 9, nbytes=900))),
    "max_copied": (160, recording_of(into(), into(), into(copied_bytes=0))),
    "max_moved": (
        36,
        recording_of(
            moved(*TO, 5), moved(*FROM, 7), moved(*ACROSS, 20), moved(*FROM, 0, mirror=True),
            into(), housekeeping_moves={"device to host": 4},
        ),
    ),
    "max_host_to_device": (
        9,
        recording_of(moved(*TO, 5), moved(*FROM, 7), housekeeping_moves={"host to device": 4}),
    ),
    "max_device_to_host": (
        11,
        recording_of(moved(*TO, 5), moved(*FROM, 7), housekeeping_moves={"device to host": 4}),
    ),
    "max_device_to_device": (20, recording_of(moved(*TO, 5), moved(*ACROSS, 20))),
    "max_conversions": (4, recording_of(into(count=3), into(), moved(*ACROSS, 20, count=9))),
    "max_copies": (5, recording_of(into(copies=3), into())),
    "max_moves": (
        6,
        recording_of(
            moved(*TO, 5, count=2), moved(*FROM, None), moved(*ACROSS, 7, count=3),
            moved(*FROM, 0, count=9, mirror=True), moved(*FROM, 0), into(),
        ),
    ),
    "max_casts": (3, recording_of(into(cast="explicit"), into(cast="silent", count=2), into())),
    "max_silent_casts": (2, recording_of(into(cast="explicit"), into(cast="silent", count=2))),
    "max_retraces": (
        4,
        recording_of(functions=[calls(Retrace("shape", "x", count=3), Retrace("", "", count=1))]),
    ),
    "max_hazards": (
        2,
        recording_of(
            hazards=[Hazard(AT, "tf.squeeze", NUMPY_TO_TENSORFLOW, 40, count=5, written=written)
                     for written in (True, False)]
        ),
    ),
    "max_written": (
        1,
        recording_of(
            hazards=[Hazard(AT, "tf.squeeze", NUMPY_TO_TENSORFLOW, 40, written=written)
                     for written in (True, False)]
        ),
    ),
}  # fmt: skip
"""For each limit a recording, and what it comes to."""


UNKNOWN = {
    "max_crossed": into(nbytes=None, count=3),
    "max_copied": into(copied_bytes=None, count=3),
    "max_copies": into(copies=None, count=3),
    "max_moved": moved(*TO, None, count=3),
    "max_host_to_device": moved(*TO, None, count=3),
    "max_device_to_host": moved(*FROM, None, count=3),
    "max_device_to_device": moved(*ACROSS, None, count=3),
    "max_moves": moved(*TO, None, count=3, move_evidence=""),
}
"""For each limit that can be unknown, what is not known of three conversions."""
