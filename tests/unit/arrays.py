"""Arrays of many layouts, for laws that hold for all of them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

DTYPES = ("bool", "int8", "uint16", "int32", "float16", "float32", "float64", ">f8", "complex128")
BASE = 512
ALIGNMENT = 64


def aligned_buffer(nbytes=BASE):
    """Zeros that begin at a multiple of 64."""
    raw = np.zeros(nbytes + ALIGNMENT, np.uint8)
    skip = -raw.ctypes.data % ALIGNMENT
    return raw[skip : skip + nbytes]


@st.composite
def flat_arrays(draw, dtypes=DTYPES):
    """Contiguous and not empty, in a base buffer, aligned or not, writable or not."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    offset = draw(st.sampled_from((0, 64, 128, 8, 16, 4, 1)))
    shape = draw(st.sampled_from(((), (1,), (5,), (2, 3), (1, 2, 4))))
    array = np.ndarray(shape, dtype, aligned_buffer(), offset)
    array.flags.writeable = draw(st.booleans())
    return array


@st.composite
def layouts(draw):
    """Slices with steps in both directions, transposed, broadcast, empty, without axes."""
    array = np.zeros(
        draw(st.sampled_from(((7,), (5, 4), (2, 3, 4)))), draw(st.sampled_from(DTYPES))
    )
    kind = draw(st.sampled_from(("sliced", "scalar", "broadcast", "fields")))
    if kind == "scalar":
        return array[(1,) * array.ndim + (...,)]
    if kind == "broadcast":
        return np.broadcast_to(array, (3, *array.shape))
    if kind == "fields":
        return np.zeros(array.shape, [("skipped", "i4"), ("field", "f8")])["field"]
    bound = st.none() | st.integers(-8, 8)
    axis = st.builds(slice, bound, bound, st.integers(-3, 3).filter(bool))
    view = array[draw(st.tuples(*[axis] * array.ndim))]
    return view.T if draw(st.booleans()) else view
