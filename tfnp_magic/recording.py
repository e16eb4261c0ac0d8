"""All that one traced run left, and the views of it: the object that users hold."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tfnp_magic.model import (
    KINDS_OF_MOVE,
    OTHER_LINES,
    Crossing,
    Hazard,
    Moment,
    Moves,
    kind_of_move,
)

if TYPE_CHECKING:
    import os

    from tfnp_magic.activity import FunctionCalls, ModelCalls, Pipeline


@dataclasses.dataclass
class Recording:
    """All that one traced run left: print it for the report, or ask it for tables.

    `summary`, `crossings`, `findings`, `by_line` and `diff` give DataFrames, whose columns
    docs/reference.md lists; `save` keeps everything in a file. The attributes are plain data.

    Attributes
    ----------
    title
        What was traced: ``In[3]``, or the file of the ``with`` statement.
    source
        Text of the traced cell, with the magic's line first; empty for a file.
    ledger
        The crossings, in the order in which their sites were first reached. There are at most
        `tfnp_magic.model.MAX_SITES` of these; see `sites_dropped`.
    hazards
        Memory that a writable array shares with a tensor: what was written to first.
    hazards_unwatched
        How many more such pairs there were than could be watched in a small part of the time.
    housekeeping, housekeeping_bytes
        How many conversions were too small to tell one by one, and their bytes: asked
        for by nobody, and either of a Python value of at most `HOUSEKEEPING_PYTHON`
        bytes (axes, shapes, the ``1`` in ``t + 1``) or of a single number of at most
        `HOUSEKEEPING_ARRAY` bytes that the user did not hand over (TensorFlow's
        gradient scalars, what Keras logs). They are not in the ledger.
    housekeeping_moves
        Bytes that these moved, by `kind_of_move`.
    moments, moments_dropped
        When the ledger's conversions happened, in the order of their beginnings, and how many
        conversions are in no moment. Of what graphs did (``--graph``) there is none.
    left_out
        Crossings of threads or tasks that the traced code did not start.
    graph_calls
        How often a ``tf.function`` graph ran.
    looked_into_graphs
        Whether TensorFlow's profiler ran, and what graphs cast and moved is in the ledger.
    functions, pipelines, models
        The ``tf.function`` calls, ``tf.data`` pipelines and Keras models that drove
        conversions; see `tfnp_magic.activity`.
    not_seen
        Kinds of conversion that this run could not see, a sentence each.
    forbidden
        What rules of `tfnp_magic.guards` forbade, but could not be raised at its line, for it
        showed only afterwards: a sentence each.
    lost
        What our own failures cost, a sentence each.
    duration_ns
        Nanoseconds from the start of the trace to its end; 0 while it runs.
    error
        Name of the exception that ended the traced code, or None.
    versions
        Versions of TensorFlow, NumPy and others; TensorFlow is absent when it was
        never imported.
    """

    title: str = ""
    source: str = ""
    ledger: list[Crossing] = dataclasses.field(default_factory=list)
    hazards: list[Hazard] = dataclasses.field(default_factory=list)
    hazards_unwatched: int = 0
    housekeeping: int = 0
    housekeeping_bytes: int = 0
    housekeeping_moves: dict[str, int] = dataclasses.field(default_factory=dict)
    moments: list[Moment] = dataclasses.field(default_factory=list)
    moments_dropped: int = 0
    left_out: int = 0
    graph_calls: int = 0
    looked_into_graphs: bool = False
    functions: list[FunctionCalls] = dataclasses.field(default_factory=list)
    pipelines: list[Pipeline] = dataclasses.field(default_factory=list)
    models: list[ModelCalls] = dataclasses.field(default_factory=list)
    not_seen: list[str] = dataclasses.field(default_factory=list)
    forbidden: list[str] = dataclasses.field(default_factory=list)
    lost: list[str] = dataclasses.field(default_factory=list)
    duration_ns: int = 0
    error: str | None = None
    versions: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def sites_dropped(self) -> int:
        """How many conversions there were at sites beyond the first `MAX_SITES`.

        The ledger has them at `tfnp_magic.model.OTHER_LINES`, a crossing for each route and
        outcome, with all their figures: the totals are complete.
        """
        return sum(crossing.count for crossing in self.ledger if crossing.site == OTHER_LINES)

    def moves(self) -> Moves:
        """Bytes that moved in all, by direction: the ledger's, and housekeeping's.

        What a graph moved while it ran is in it where `looked_into_graphs`.
        """
        totals: dict[str, int | None] = dict(self.housekeeping_moves)
        for crossing in self.ledger:
            kind = kind_of_move(crossing.device_from, crossing.device_to)
            before, nbytes = totals.get(kind, 0), crossing.moved_bytes
            totals[kind] = None if before is None or nbytes is None else before + nbytes
        return Moves(*(totals.get(kind, 0) for kind in KINDS_OF_MOVE))

    def summary(self) -> Any:
        """Return the summary table: one row per line, route and outcome.

        Where there were more lines than are told apart (`sites_dropped`), the further ones'
        conversions are in rows without a line whose ``inner`` is ``(other lines)``.

        Returns
        -------
        pandas.DataFrame
            The columns of `tfnp_magic.views.summary.COLUMNS`.
        """
        from tfnp_magic.views.summary import summary_frame

        return summary_frame(self)

    def crossings(self) -> Any:
        """Return the ledger in full: one row per site, route, outcome and dtype.

        Returns
        -------
        pandas.DataFrame
            The columns of `tfnp_magic.views.summary.LEDGER_COLUMNS`: those of `summary`, then
            the evidence for each claim, the innermost line's ``source`` and ``function``, and
            what casts did to the values, in figures.
        """
        from tfnp_magic.views.summary import ledger_frame

        return ledger_frame(self)

    def findings(self) -> Any:
        """Return what the report says first, the worst on top: one row per finding.

        Returns
        -------
        pandas.DataFrame
            The columns of `tfnp_magic.views.findings.COLUMNS`.
        """
        from tfnp_magic.views.findings import findings_frame

        return findings_frame(self)

    def by_line(self) -> Any:
        """Return one row per line that converted: figures as in the annotated cell.

        Returns
        -------
        pandas.DataFrame
            The columns of `tfnp_magic.views.lines.COLUMNS`.
        """
        from tfnp_magic.views.lines import by_line_frame

        return by_line_frame(self)

    def diff(self, other: Recording) -> Any:
        """Compare by line with a later run, also after the cell was edited.

        Parameters
        ----------
        other
            What is compared with this recording: "after", where this one is "before".

        Returns
        -------
        pandas.DataFrame
            The columns of `tfnp_magic.views.diff.COLUMNS`.
        """
        from tfnp_magic.views.diff import diff_frame

        return diff_frame(self, other)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything into a file that `tfnp_magic.load` reads; see `tfnp_magic.saved`."""
        from tfnp_magic.saved import save

        save(self, path)

    def to_perfetto(self, path: str | os.PathLike[str]) -> None:
        """Write the cell's timeline into a file that Perfetto and chrome://tracing open."""
        from tfnp_magic.views.timeline.perfetto import write

        write(self, path)

    def __str__(self) -> str:
        from tfnp_magic.views.text import report

        return report(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from tfnp_magic.views.html import report

        return report(self)
