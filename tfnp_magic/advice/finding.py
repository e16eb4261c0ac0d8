"""What a finding is, and how it names a place."""

from __future__ import annotations

import dataclasses

from tfnp_magic.model import Place, Site
from tfnp_magic.values import ValueChange

KINDS = (
    "cast", "written", "retrace", "baked-constant", "small-batches", "loop", "repeated",
    "printed", "shared",
)  # fmt: skip
"""What `Finding.kind` can be; of each there is a recording that has it, and one that has not."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that can hurt: what happened, and what to write instead.

    Attributes
    ----------
    kind
        One of `KINDS`: ``cast`` (a cast changed values), ``written`` (shared memory was written
        to), ``retrace`` (a ``tf.function`` built its graph again and again), ``baked-constant``
        (large data became part of a graph), ``small-batches`` (a model called for a few rows at
        a time), ``loop`` (a conversion for each turn of a loop), ``repeated`` (the same large
        data converted for each turn), ``printed`` (large data moved to be printed), or
        ``shared`` (memory that can be written to is shared).
    site
        Where it came about.
    what
        What happened, with line and figures: a sentence.
    instead
        What to write instead, as a sentence or two with code between backticks; empty where
        nothing in general is right.
    count, nbytes
        How often, and the bytes of what crossed in all; None where not all are known.
    copied_bytes, moved_bytes
        Bytes written to make copies, and that went to another device's memory, in all; None
        where not all are known, or the finding is of no conversion.
    duration_ns
        Nanoseconds that it took in all; None where not told.
    waited_ns
        Nanoseconds of these that were spent waiting for a device, which had to compute anyway.
    values
        Of a cast, what became of the values.
    """

    kind: str
    site: Site
    what: str
    instead: str = ""
    count: int = 1
    nbytes: int | None = None
    copied_bytes: int | None = None
    moved_bytes: int | None = None
    duration_ns: int | None = None
    waited_ns: int | None = None
    values: ValueChange | None = None

    @property
    def sentence(self) -> str:
        """What happened and what to write instead, in one text."""
        return f"{self.what} {self.instead}".rstrip()


def where(site: Site, title: str = "") -> str:
    """``line 4``, with the line that it ran elsewhere; ``somewhere`` where no line is known.

    Of a function in the same cell, its own line comes first: that is what to change. With a
    title, the lines are another cell's.
    """
    line, inner = site
    of_title = f" of {title}" if title else ""
    if line is None:
        return "somewhere" if inner is None else _full(inner)
    if inner is None or inner == line:
        return f"line {line.line}{of_title}"
    if inner.source != line.source:
        return f"line {line.line}{of_title} (at {_full(inner)})"
    if inner.line != line.line:
        return f"line {inner.line}{of_title} (run by line {line.line})"
    return f"line {line.line}{of_title}"


def _full(place: Place) -> str:
    return f"line {place.line} of {place.source}" if place.line else place.source


def to_change(site: Site) -> Place | None:
    """The line that a user would change: the innermost that the user wrote."""
    return site.inner or site.line
