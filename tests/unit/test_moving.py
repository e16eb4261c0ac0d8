"""Verdicts on moves, and what a recording says of all of them."""

from __future__ import annotations

import itertools

import pytest

from tests.golden.recordings import ALL
from tfnp_magic import model, verdict
from tfnp_magic.model import Crossing, Moves, Site
from tfnp_magic.recording import Recording

REMOTE = "CPU:0 of /job:worker/replica:0/task:1"
DEVICES = ("CPU:0", "CPU:1", "GPU:0", "GPU:1", REMOTE)
MIRRORED = (True, False, None)


@pytest.mark.parametrize(("device_from", "device_to"), list(itertools.permutations(DEVICES, 2)))
@pytest.mark.parametrize("mirrored", MIRRORED)
def test_input_moves_only_between_two_memories_and_without_a_mirror(
    device_from, device_to, mirrored
):
    storage, move = verdict.of_input(device_from, device_to, 40, mirrored, "Mul ran there")
    both_host = {device_from, device_to} == {"CPU:0", "CPU:1"}
    assert (move.device_from, move.device_to) == (device_from, device_to)
    if both_host:
        assert (move.nbytes, move.mirror, storage.kind) == (0, False, "view")
    elif mirrored is None:
        assert (move.nbytes, move.mirror, storage.kind) == (None, False, "unknown")
    elif mirrored:
        assert (move.nbytes, move.mirror, storage.copied_bytes) == (0, True, 0)
    else:
        assert (move.nbytes, move.mirror, storage.copied_bytes) == (40, False, 40)
    assert "Mul ran there" in storage.reason


def test_empty_input_moves_no_byte_and_copies_nothing():
    storage, move = verdict.of_input("GPU:0", "CPU:0", 0, False, "Mul ran there")
    assert (storage.copies, move.nbytes) == (0, 0)


@pytest.mark.parametrize(
    ("device_from", "device_to", "same", "moved", "kind"),
    [
        ("GPU:0", "CPU:0", None, 40, "copy"),
        ("CPU:0", "GPU:0", None, 40, "copy"),
        ("GPU:0", "GPU:1", None, 40, "copy"),
        ("GPU:0", "GPU:0", None, 0, "view"),
        ("CPU:0", "CPU:1", True, 0, "view"),
        ("CPU:0", "CPU:0", True, 0, "view"),
        ("CPU:0", "CPU:1", False, 0, "copy"),
        ("CPU:0", "CPU:1", None, 0, "unknown"),
    ],
)
def test_copy_on_request_moves_each_time_between_memories(
    device_from, device_to, same, moved, kind
):
    storage, move = verdict.of_device_copy(device_from, device_to, 40, same)
    assert (move.nbytes, move.mirror, storage.kind) == (moved, False, kind)


def test_value_placed_on_a_device_moves_unless_tensorflow_kept_it():
    assert verdict.of_placing("CPU:1", 40) == ("host", "CPU:1", 0, "", False)
    assert verdict.of_placing("GPU:0", 40) == ("host", "GPU:0", 40, "observed", False)
    assert verdict.of_placing("GPU:0", 4, kept=True) == ("host", "GPU:0", 0, "observed", True)
    assert verdict.of_placing("GPU:0", 4, "inferred").evidence == "inferred"


def test_reading_moves_what_host_memory_has_no_mirror_of():
    assert verdict.of_reading("CPU:0", 40, None) == ("CPU:0", "host", 0, "", False)
    assert verdict.of_reading("GPU:0", 40, False) == ("GPU:0", "host", 40, "observed", False)
    assert verdict.of_reading("GPU:0", 40, True) == ("GPU:0", "host", 0, "observed", True)
    assert verdict.of_reading("GPU:0", 40, None).nbytes is None


def test_move_adds_its_buffer_to_what_the_reader_copied():
    copied = verdict.copied("copied", 40, "observed")
    shared = verdict.shared("a view", "observed")

    def moved(storage, mirrored, nbytes=40):
        return verdict.with_move(storage, verdict.of_reading("GPU:0", nbytes, mirrored))

    assert moved(copied, False)[0:2] == ("copy", "observed")
    assert moved(copied, False)[3:] == (80, 2)
    assert moved(shared, False)[3:] == (40, 1)
    assert moved(shared, False).kind == "copy"
    assert moved(copied, True)[3:] == (40, 1)
    assert moved(shared, True)[3:] == (0, 0)
    assert moved(shared, True).kind == "view"
    assert moved(copied, None)[3:] == moved(shared, None)[3:] == (None, None)
    assert (moved(copied, None).kind, moved(shared, None).kind) == ("copy", "unknown")
    assert moved(verdict.NOTHING, False, 0) == verdict.NOTHING
    host = verdict.of_reading("CPU:0", 40, None)
    assert verdict.with_move(copied, host) == copied


def crossing(device_from, device_to, moved_bytes):
    return Crossing(
        Site(None, None), "tf.square", model.DEVICE_TO_DEVICE, False, "float32", "float32",
        "none", device_from, device_to, "copy", "observed", "", moved_bytes=moved_bytes,
    )  # fmt: skip


def test_recording_sums_moves_by_direction_with_the_small_ones():
    recording = Recording(
        ledger=[
            crossing("host", "GPU:0", 40),
            crossing("CPU:0", "GPU:0", 4),
            crossing("GPU:0", "host", 8),
            crossing("GPU:0", "GPU:1", 16),
            crossing("CPU:0", "CPU:1", 0),
        ],
        housekeeping_moves={"host to device": 1, "device to host": 2},
    )
    assert recording.moves() == Moves(45, 10, 16)


def test_sum_of_moves_is_unknown_where_one_of_them_is():
    recording = Recording(ledger=[crossing("host", "GPU:0", 40), crossing("host", "GPU:1", None)])
    assert recording.moves() == Moves(None, 0, 0)
    assert Recording().moves() == Moves(0, 0, 0)


def test_hand_made_recording_says_its_moves():
    assert ALL["device_moves"]().moves() == Moves(4_000_008, 8_000_001, None)
