"""Recordings for Hypothesis: any figures at any places, known or not."""

from __future__ import annotations

from hypothesis import strategies as st

from tfnp_magic.model import Crossing, Place, Site
from tfnp_magic.recording import Recording

CELL = "In[3]"

_sources = st.sampled_from([CELL, "In[1]", "In[12]", "project/features.py", "/home/a/b.py"])
_amounts = st.none() | st.integers(0, 10**16)


_sites = st.tuples(st.none() | st.just(CELL), st.none() | _sources, st.integers(1, 70))
_casts = st.sampled_from(["none", "silent", "explicit"])
_devices = st.sampled_from(
    [("host", "CPU:0"), ("host", "GPU:0"), ("GPU:0", "host"), ("GPU:1", "GPU:0")]
)


_code, _text = st.just("x = 1"), st.just("%%interop_trace\n" * 40)


@st.composite
def crossings(draw, codes=_code):
    """Each figure by itself, so that no law rests on what real conversions come to."""
    outer, deeper, number = draw(_sites)
    code, cast, devices = draw(codes), draw(_casts), draw(_devices)
    line = outer and Place(outer, number, "<module>", code)
    inner = deeper and Place(deeper, draw(st.integers(1, 70)), "scale", code)
    figures = ("nbytes", "copied_bytes", "duration_ns", "copies", "moved_bytes", "waited_ns")
    return Crossing(
        Site(line, inner), draw(st.sampled_from(["tf.constant", "np.std"])),
        "numpy → tensorflow", True, "float32" if cast == "none" else "float64", "float32", cast,
        *devices, draw(st.sampled_from(["copy", "view", "unknown"])), "", "a reason",
        count=draw(st.integers(1, 10**9)),
        **dict(zip(figures, draw(st.tuples(*[_amounts] * len(figures))), strict=True)),
    )  # fmt: skip


def recordings(sources=_text, codes=_code):
    """Of a cell that is shorter than some of its lines' numbers."""
    ledgers = st.lists(crossings(codes), max_size=6)
    return st.builds(Recording, title=st.just(CELL), source=sources, ledger=ledgers)
