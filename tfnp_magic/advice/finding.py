"""What a finding is, and how it names a place."""

from __future__ import annotations

import dataclasses

from tfnp_magic.model import Site


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that can hurt, in a sentence.

    Attributes
    ----------
    kind
        ``written`` (shared memory was written to), ``cast`` (a cast changed values),
        ``retrace`` (a ``tf.function`` built its graph again and again), ``baked-constant``
        (large data became part of a graph), ``loop`` (a conversion for each turn of a loop),
        ``small-batches`` (a model called for a few rows at a time), or ``shared`` (memory that
        can be written to is shared).
    site
        Where it came about.
    sentence
        What happened, with line and figures, and what to write instead.
    count, nbytes
        How often, and the bytes of what crossed in all; None where not all are known.
    """

    kind: str
    site: Site
    sentence: str
    count: int = 1
    nbytes: int | None = None


def where(site: Site) -> str:
    """``line 4``, or the inner line and its file where no line of the cell led there.

    Of a function in the same cell, its own line comes first: that is what to change.
    """
    line, inner = site
    if line is None:
        return "somewhere" if inner is None else f"line {inner.line} of {inner.source}"
    if inner is not None and inner.source == line.source and inner.line != line.line:
        return f"line {inner.line} (run by line {line.line})"
    return f"line {line.line}"
