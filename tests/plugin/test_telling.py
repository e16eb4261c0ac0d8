"""What a failure says: a sentence for each limit, then the lines, the worst first."""

from __future__ import annotations

import pytest

from tests.golden.recordings import HOSTILE, crossing, line, many_rows
from tests.plugin.cases import CASES, FROM, into, moved, recording_of
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, Place, Site
from tfnp_magic.testing.exceeded import outcome_of
from tfnp_magic.testing.telling import MOST_LINES, failure_text, unsure_texts


def text_of(recording, where="", **limits):
    return failure_text(outcome_of(recording, limits), where)


SENTENCES = {
    "max_crossed": "max_crossed: 280 B crossed between TensorFlow and NumPy, 0 B allowed.",
    "max_copied": "max_copied: 160 B copied, 0 B allowed.",
    "max_moved": "max_moved: 36 B moved between host and devices, 0 B allowed.",
    "max_host_to_device": "max_host_to_device: 9 B moved from host to device, 0 B allowed.",
    "max_device_to_host": "max_device_to_host: 11 B moved from device to host, 0 B allowed.",
    "max_device_to_device": "max_device_to_device: 20 B moved from device to device, 0 B allowed.",
    "max_conversions": "max_conversions: 4 conversions, 0 allowed.",
    "max_copies": "max_copies: 5 copies, 0 allowed.",
    "max_moves": "max_moves: 6 moves, 0 allowed.",
    "max_casts": "max_casts: 3 casts, 0 allowed.",
    "max_silent_casts": "max_silent_casts: 2 silent casts, 0 allowed.",
    "max_retraces": "max_retraces: 4 retraces, 0 allowed.",
    "max_hazards": "max_hazards: 2 writable arrays sharing a tensor's memory, 0 allowed.",
    "max_written": "max_written: 1 array written to while it shared a tensor's memory, 0 allowed.",
}


@pytest.mark.parametrize("name", CASES)
def test_the_first_line_says_what_is_and_what_is_allowed(name):
    _, recording = CASES[name]
    text = text_of(recording, **{name: 0})
    assert text.splitlines()[0] == SENTENCES[name]
    assert "  test_x.py:3: t = tf.constant(a)" in text.splitlines()


def test_each_limit_that_was_exceeded_has_a_sentence_and_each_line_one_entry():
    text = text_of(recording_of(into(cast="silent", dtype_from="float64")),
                   max_copied=1, max_silent_casts=0, max_casts=9)  # fmt: skip
    assert text == (
        "max_copied: 80 B copied, 1 B allowed.\n"
        "max_silent_casts: 1 silent cast, 0 allowed.\n"
        "\n"
        "  test_x.py:3: t = tf.constant(a)\n"
        "      tf.constant: 80 B copied, silent cast float64 → float32 (two copies: NumPy's was "
        "not 64-byte aligned, so TensorFlow made another)"
    )


def test_figures_that_look_the_same_are_told_to_the_byte():
    text = text_of(recording_of(into(copied_bytes=10_000_008)), max_copied=10_000_000)
    assert text.startswith("max_copied: 10,000,008 bytes copied, 10,000,000 bytes allowed.")


def test_a_line_that_ran_elsewhere_is_shown_with_the_line_there():
    inner = Place("feed.py", 31, "normalise", "return tf.constant(x)")
    site = Site(line(4, "train(a)", "test_x.py").line, inner)
    text = text_of(recording_of(crossing(site, "tf.constant", NUMPY_TO_TENSORFLOW)), max_copies=1)
    assert text.splitlines()[2:5] == [
        "  test_x.py:4: train(a)",
        "      in feed.py:31: return tf.constant(x)",
        "      tf.constant: 2 copies, float32 (two copies: NumPy's was not 64-byte aligned, so "
        "TensorFlow made another)",
    ]


def test_what_is_on_no_line_is_told_as_well():
    nowhere = crossing(Site(None, None), "tf.constant", NUMPY_TO_TENSORFLOW)
    assert "  on no line that is known\n" in text_of(recording_of(nowhere), max_copies=1)


def test_the_lines_that_add_most_to_any_limit_come_first():
    ledger = [
        crossing(line(number, "x", "test_x.py"), "tf.constant", NUMPY_TO_TENSORFLOW,
                 copied_bytes=copied, cast=cast)
        for number, copied, cast in [(1, 10, "none"), (2, 60, "none"), (3, 30, "silent")]
    ]  # fmt: skip
    text = text_of(recording_of(*ledger), max_copied=1, max_silent_casts=0)
    assert [part[:1] for part in text.split("test_x.py:")[1:]] == ["3", "2", "1"]


def test_of_many_lines_the_first_are_shown_and_the_rest_counted():
    ledger = [
        crossing(line(number, "x", "test_x.py"), "tf.constant", NUMPY_TO_TENSORFLOW)
        for number in range(1, MOST_LINES + 4)
    ]
    text = text_of(recording_of(*ledger), max_copies=1)
    assert text.count("test_x.py:") == MOST_LINES
    assert text.splitlines()[-1] == "  … and 3 more"


def test_moves_are_told_with_their_devices():
    assert "moving, twice: 7 B moved between host and devices, GPU:0 → host" in text_of(
        recording_of(moved(*FROM, 7, count=2)), max_moved=1
    )


def test_a_part_that_is_not_known_makes_it_at_least():
    text = text_of(recording_of(into(), into(copied_bytes=None, storage="view")), max_copied=1)
    assert text.startswith("max_copied: at least 80 B copied, 1 B allowed.")


def test_the_block_is_named():
    text = text_of(recording_of(into()), where="the block at test_x.py:2", max_copies=0)
    assert text.startswith("the block at test_x.py:2: max_copies: 2 copies, 0 allowed.\n")


def test_source_cannot_steer_the_terminal():
    hostile = crossing(line(1, HOSTILE, "test_x.py"), HOSTILE, NUMPY_TO_TENSORFLOW)
    text = text_of(recording_of(hostile), max_copies=0)
    assert "\x1b" not in text
    assert "right to left" in text


def test_all_of_a_real_report_can_be_told():
    names = {name: 0 for name in CASES if name not in ("max_moved", "max_device_to_device")}
    text = text_of(many_rows(), **names)
    assert "operator -, 1,200 times: " in text


def test_what_is_not_known_is_said_with_its_place_and_what_is_known():
    unknown, known = into(copied_bytes=None, count=3), into(copied_bytes=5, storage="view")
    recording = recording_of(unknown, known)
    (text,) = unsure_texts(recording, outcome_of(recording, {"max_copied": 10}))
    assert text == (
        "max_copied cannot be said to be kept: of 3 conversions (test_x.py:3) it is not known; "
        "of the others it is 5 B, and 10 B allowed."
    )


def test_what_was_lost_is_said():
    recording = recording_of(lost=["the fast path probe failed (ValueError: no)"])
    (text,) = unsure_texts(recording, outcome_of(recording, {"max_copied": 10}))
    assert text == "limits may be exceeded unseen: the fast path probe failed (ValueError: no)"
