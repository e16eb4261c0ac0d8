"""What no probe sees, on any machine: each is a strict xfail row of the contract tests.

The README's list and a report's last sentence are made of these rows;
``tests/contract/test_blind_spots.py`` fails where they differ.
"""

from __future__ import annotations

from typing import NamedTuple

from tfnp_magic.model import NUMPY_TO_TENSORFLOW, TENSORFLOW_TO_NUMPY, Crossing
from tfnp_magic.recording import Recording
from tfnp_magic.verdict import PUT_TOGETHER


class BlindSpot(NamedTuple):
    """One kind of conversion that a trace can miss.

    Attributes
    ----------
    name
        Short, as a report lists it, and as the tests call their row.
    detail
        What is missed, for the README.
    concerns
        Which recordings can have it: ``all``, ``graphs`` (one that ran a graph and was not
        asked to look into it), ``reads``
        (one in which NumPy read a tensor in place), ``shared`` (one in which a tensor
        came to lie in an array's memory, or an op took one in place) or ``lists`` (one in which
        several arrays became one tensor).
    """

    name: str
    detail: str
    concerns: str = "all"


BLIND_SPOTS = (
    BlindSpot(
        "casts and moves inside graphs without `--graph`",
        "what a `tf.function`, a `tf.data` pipeline or `fit` casts or moves while its graph runs",
        concerns="graphs",
    ),
    BlindSpot(
        "copies that NumPy makes of read-only memory",
        "`np.argmax(t)`, `np.repeat(t, 2)`, `np.take(a, t)` and others ask for memory that can be "
        "written to, which a tensor's is not, and copy it for themselves",
        concerns="reads",
    ),
    BlindSpot(
        "writes to shared memory that was passed on",
        "to a tensor made of the one that shares it (`tf.expand_dims(tf.squeeze(a), 0)`), to the "
        "second gradient of a persistent tape, or to the outer of two tapes",
        concerns="shared",
    ),
    BlindSpot(
        "first tries at lists of arrays of several dtypes",
        "`tf.stack([whole_numbers, fractions])` casts what it meets first, gives that up and "
        "begins anew; what it ends with is told",
        concerns="lists",
    ),
    BlindSpot(
        "protocol buffers filled from arrays",
        "`tf.train.FloatList(value=array)`",
    ),
)


NOT_LOOKED_INTO = "graphs were not looked into, or not to the end: "
"""How the sentence begins that tells why, where it was asked for."""


def ran_graphs(recording: Recording) -> bool:
    """Whether a graph ran: a function's, or one of those of a pipeline."""
    return bool(recording.graph_calls or recording.pipelines)


def was_asked_for_graphs(recording: Recording) -> bool:
    """Whether it should look into graphs, be it that it could or could not."""
    return recording.looked_into_graphs or could_not_look(recording)


def could_not_look(recording: Recording) -> bool:
    """Whether it could not look into graphs, or not to the end, though it was asked for."""
    return any(text.startswith(NOT_LOOKED_INTO) for text in recording.not_seen)


def not_seen(recording: Recording) -> list[str]:
    """The blind spots that may concern a recording, by name."""
    concerned = {
        "all": True,
        "graphs": ran_graphs(recording) and not was_asked_for_graphs(recording),
        "reads": any(_is_read_in_place(crossing) for crossing in recording.ledger),
        "shared": any(_is_taken_in_place(crossing) for crossing in recording.ledger),
        "lists": any(_is_of_a_list(crossing) for crossing in recording.ledger),
    }
    return [spot.name for spot in BLIND_SPOTS if concerned[spot.concerns]]


def _is_read_in_place(crossing: Crossing) -> bool:
    return (crossing.direction, crossing.storage, crossing.evidence) == (
        TENSORFLOW_TO_NUMPY, "view", "inferred",
    )  # fmt: skip


def _is_of_a_list(crossing: Crossing) -> bool:
    return crossing.reason.startswith(PUT_TOGETHER) or crossing.route == "tf.stack"


def _is_taken_in_place(crossing: Crossing) -> bool:
    return (crossing.direction, crossing.storage) == (NUMPY_TO_TENSORFLOW, "view")
