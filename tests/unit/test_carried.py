"""Which copies of memory carried a constant: told from what was noted of them."""

from __future__ import annotations

import numpy as np
import pytest

from tfnp_magic.facts import Span
from tfnp_magic.probes.carried import Places, beginning_of, print_of
from tfnp_magic.probes.memory_copies import ENTRY, HEAD, LEAST

THREAD = 5
NBYTES = LEAST + 16
CONTENT = np.random.default_rng(1).bytes(NBYTES)
OTHER = np.random.default_rng(2).bytes(NBYTES)
MINE = 0x1000_0000
"""Where the user's array lies."""


def copy(start, to, content=CONTENT, thread=THREAD):
    """An entry as the machine code writes it."""
    size = len(content)
    quarter, half = size // 4 & -8, size // 2 & -8
    places = quarter, half, half + quarter, size - 8
    samples = b"".join(content[at : at + 8] for at in places)
    words = [np.frombuffer(part, "u8") for part in (samples, content[: 8 * HEAD])]
    return np.array([(thread, to, start, size, *words)], ENTRY)


def all_of(*entries):
    return np.concatenate(entries)


LOOK = print_of(copy(MINE, 0), THREAD, NBYTES)


def followed(*entries, look=LOOK):
    places = Places(look, {MINE})
    places.follow(all_of(*entries))
    return places.copies


def message(before=100, after=50, content=CONTENT):
    return bytes(before) + content + bytes(after)


def test_each_copy_of_just_the_content_counts():
    assert followed(copy(MINE, 1), copy(1, 1 << 20), copy(99 << 20, 2 << 20)) == 3


def test_other_content_of_the_same_size_does_not():
    assert followed(copy(MINE, 1), copy(1, 2, OTHER)) == 1


@pytest.mark.parametrize("at", [0, NBYTES // 4, NBYTES // 2, 3 * NBYTES // 4 - 3, NBYTES - 8])
def test_content_that_differs_at_a_sample_is_another(at):
    changed = bytearray(CONTENT)
    changed[at] ^= 1
    assert followed(copy(MINE, 1, bytes(changed))) == 0


@pytest.mark.parametrize("before", [0, 100, 950, 5000])
def test_message_that_holds_it_counts(before):
    # Written into a message at 1 << 20, which is copied then.
    inside = copy(MINE, (1 << 20) + before)
    assert followed(inside, copy(1 << 20, 2 << 20, message(before))) == 2


def test_message_that_holds_it_twice_counts_twice():
    first, second = (1 << 20) + 100, (1 << 20) + 100 + NBYTES
    both = bytes(100) + CONTENT + CONTENT
    assert followed(copy(MINE, first), copy(MINE, second), copy(1 << 20, 2 << 20, both)) == 4


def test_message_that_nobody_was_seen_to_write_counts_by_its_beginning():
    assert followed(copy(MINE, 1), copy(5 << 20, 6 << 20, message(200))) == 2


def test_message_whose_place_was_copied_over_does_not_count():
    far = 5000  # beyond what is noted of the message's own content
    inside, over = copy(MINE, (1 << 20) + far), copy(9 << 20, (1 << 20) + far, OTHER)
    held = message(far, content=OTHER)
    assert followed(inside, over, copy(1 << 20, 2 << 20, held)) == 1


def test_message_that_holds_something_else_by_now_does_not_count():
    inside, held = copy(MINE, (1 << 20) + 100), message(100, content=OTHER)
    assert followed(inside, copy(1 << 20, 2 << 20, held)) == 1


def test_part_of_it_is_no_copy_of_it():
    assert followed(copy(MINE, 1), copy(1, 2 << 20, CONTENT[: LEAST + 8])) == 1


def test_larger_data_of_one_value_is_not_taken_for_a_constant_of_that_value():
    zeros = print_of(copy(MINE, 0, bytes(NBYTES)), THREAD, NBYTES)
    assert not zeros.is_distinct
    assert followed(copy(8 << 20, 9 << 20, bytes(3 * NBYTES)), look=zeros) == 0


def test_print_is_that_of_the_last_copy_on_the_thread():
    entries = all_of(copy(1, 2, OTHER), copy(3, 4), copy(5, 6, OTHER, thread=6))
    assert print_of(entries, THREAD, NBYTES) == LOOK
    assert print_of(entries, THREAD, NBYTES + 8) is None


BYTES = 0x2000_0000


def test_contiguous_array_begins_with_its_own_memory():
    assert beginning_of(LOOK, copy(MINE, BYTES), MINE, ()) == (MINE, 0)


def test_array_that_is_put_in_order_was_written_to_bytes_first():
    assert beginning_of(LOOK, copy(BYTES, 1), MINE, ()) == (BYTES, 1)


def test_cast_was_written_to_an_array_first():
    made = Span(BYTES, BYTES + NBYTES)
    assert beginning_of(LOOK, copy(BYTES, 1), MINE, (made,)) == (BYTES, 1)


def test_cast_of_a_transposed_array_was_written_twice():
    made = Span(1 << 30, (1 << 30) + NBYTES)
    assert beginning_of(LOOK, copy(BYTES, 1), MINE, (made,)) == (BYTES, 2)


def test_array_of_numpy_that_was_copied_into_is_counted_already():
    made = Span(BYTES, BYTES + NBYTES)
    entries = all_of(copy(MINE, BYTES), copy(BYTES, 1))
    assert beginning_of(LOOK, entries, MINE, (made,)) == (MINE, 0)


def test_memory_of_what_is_no_array_is_taken_for_its_own():
    assert beginning_of(LOOK, copy(BYTES, 1), None, ()) == (BYTES, 0)
