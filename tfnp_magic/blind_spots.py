"""What no probe sees, on any machine: each is a strict xfail row of the contract tests.

The README's list and a report's last sentence are made of these rows;
``tests/contract/test_blind_spots.py`` fails where they differ.
"""

from __future__ import annotations

from typing import NamedTuple


class BlindSpot(NamedTuple):
    """One kind of conversion that a trace can miss.

    Attributes
    ----------
    name
        Short, as a report lists it, and as the tests call their row.
    detail
        What is missed, for the README.
    in_graphs
        Whether only a cell that ran a graph can have it.
    """

    name: str
    detail: str
    in_graphs: bool = False


BLIND_SPOTS = (
    BlindSpot(
        "casts and moves inside graphs",
        "what a `tf.function`, a `tf.data` pipeline or `fit` casts or moves while its graph runs",
        in_graphs=True,
    ),
    BlindSpot(
        "protocol buffers filled from arrays",
        "`tf.train.FloatList(value=array)`",
    ),
)


def not_seen(ran_graphs: bool) -> list[str]:
    """The blind spots that may concern a report, by name."""
    return [spot.name for spot in BLIND_SPOTS if ran_graphs or not spot.in_graphs]
