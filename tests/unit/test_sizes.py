"""Numbers of bytes are read as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfnp_magic.sizes import SizeError, nbytes_of


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("0", 0),
        ("4096", 4096),
        ("4096 B", 4096),
        ("1 byte", 1),
        ("10kB", 10_000),
        ("10MB", 10_000_000),
        ("10mb", 10_000_000),
        ("1.5 GB", 1_500_000_000),
        (".5GB", 500_000_000),
        ("2.", 2),
        ("2tb", 2 * 10**12),
        ("64KiB", 65_536),
        ("1 MiB", 2**20),
        ("3G", 3 * 10**9),
    ],
)
def test_sizes_are_read_as_people_write_them(text, nbytes):
    assert nbytes_of(text) == nbytes


@pytest.mark.parametrize("text", ["", "ten", "-1", "1.2.3", "10 XB", "MB", "1e6", "10MB/s", "nan"])
def test_what_is_no_size_is_said_so(text):
    with pytest.raises(SizeError, match=r"^.* is no size; write 4096, 10MB, 1\.5GB or 64MiB"):
        nbytes_of(text)


@given(st.integers(0, 10**15))
def test_a_plain_number_is_itself(number):
    assert nbytes_of(str(number)) == number
