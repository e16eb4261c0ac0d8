"""What Hypothesis draws: for each statement what it does, and bytes that choose the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from hypothesis import strategies as st

from tests.fuzz.calls import WEIGHTED, Call

_MOST_STATEMENTS = 9
_BYTES = 16

_T = TypeVar("_T")


class Picks:
    """Choices, read one after the other off a few bytes; the first of all when they are spent."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def below(self, bound: int) -> int:
        """A number from 0."""
        return next(self._data, 0) % bound

    def one(self, among: Sequence[_T]) -> _T:
        """One of several."""
        return among[self.below(len(among))]

    def once_in(self, times: int) -> bool:
        """True as seldom as that; all bytes 0 say False."""
        return self.below(times) == times - 1


class Gene(NamedTuple):
    """One statement."""

    call: Call
    picks: bytes


_picks = st.binary(min_size=_BYTES, max_size=_BYTES)

GENES = st.tuples(
    st.binary(min_size=4, max_size=4),
    st.lists(
        st.builds(Gene, st.sampled_from(WEIGHTED), _picks),
        min_size=1,
        max_size=_MOST_STATEMENTS,
    ),
)
"""Bytes for the whole cell, and its statements."""
