"""What can be read of arrays; nothing here needs TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfnp_magic.facts import HOST, Span, is_aligned, short_device, span_of_array

from .arrays import aligned_buffer, layouts

byte_bounds = getattr(getattr(np.lib, "array_utils", np), "byte_bounds")  # noqa: B009 - NumPy 1


@settings(deadline=None, max_examples=50)
@given(layouts())
def test_span_is_what_numpy_says_of_the_lowest_and_the_highest_byte(array):
    """NumPy's own answer for an empty array counts bytes that it does not have."""
    span = span_of_array(array)
    if array.size:
        assert span == byte_bounds(array)
    else:
        assert span.start == span.stop == array.__array_interface__["data"][0]


@pytest.mark.parametrize(
    ("array", "start", "stop"),
    [
        (np.arange(10, dtype="i4")[::-1], -36, 4),
        (np.zeros((4, 6), "f8")[:, 1:3], 0, 160),
        (np.zeros(10, "i2")[::4], 0, 18),
        (np.array(1.0), 0, 8),
        (np.zeros((3, 0, 2)), 0, 0),
        (np.broadcast_to(np.float32(1), (100,)), 0, 4),
        (np.zeros(3, "S0"), 0, 3),
        (np.zeros(4, "V0"), 0, 0),
    ],
    ids=["reversed", "columns", "gaps", "0-d", "empty", "broadcast", "S0 is S1", "no bytes"],
)
def test_span_of(array, start, stop):
    address = array.__array_interface__["data"][0]
    assert span_of_array(array) == (address + start, address + stop)


def test_span_of_a_read_only_array_reads_it_only():
    array = np.arange(3.0)
    array.flags.writeable = False
    assert span_of_array(array).stop - span_of_array(array).start == 24


spans = st.builds(
    lambda start, length: Span(start, start + length), st.integers(0, 9), st.integers(0, 9)
)


@settings(max_examples=50)
@given(spans, spans)
def test_spans_overlap_if_and_only_if_they_have_a_byte_in_common(one, other):
    common = set(range(*one)) & set(range(*other))
    assert one.overlaps(other) == other.overlaps(one) == bool(common)


@settings(deadline=None, max_examples=25)
@given(layouts(), layouts())
def test_arrays_whose_spans_do_not_overlap_share_no_memory(one, other):
    if not span_of_array(one).overlaps(span_of_array(other)):
        assert not np.shares_memory(one, other)
    if one.size:
        assert span_of_array(one).overlaps(span_of_array(one[...]))


@pytest.mark.parametrize(
    ("name", "short"),
    [
        (None, HOST),
        ("", HOST),
        ("/job:localhost/replica:0/task:0/device:CPU:0", "CPU:0"),
        ("/job:localhost/replica:0/task:0/device:GPU:1", "GPU:1"),
        ("/job:worker/replica:0/task:3/device:XPU:0", "XPU:0 of /job:worker/replica:0/task:3"),
        ("/device:TPU:7", "TPU:7"),
        ("GPU:0", "GPU:0"),
    ],
)
def test_device_names_are_shortened_to_kind_and_number(name, short):
    assert short_device(name) == short


@pytest.mark.parametrize("offset", [0, 1, 8, 16, 32, 63, 64, 128])
def test_an_array_is_aligned_where_its_first_element_is(offset):
    assert is_aligned(aligned_buffer()[offset:]) == (offset % 64 == 0)


def test_nothing_imports_tensorflow_and_what_a_shell_loads_imports_no_pandas_either():
    """In a process of its own: another test may have imported them here."""
    program = """
import sys, tfnp_magic, tfnp_magic.facts, tfnp_magic.verdict, tfnp_magic.model, tfnp_magic.tracing
import tfnp_magic.probes, tfnp_magic.views.text, tfnp_magic.views.html, tfnp_magic.views.summary
print([name for name in ("tensorflow", "pandas", "keras", "IPython") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
