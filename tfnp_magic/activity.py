"""What drove conversions in a traced run: functions, pipelines and models. Plain data."""

from __future__ import annotations

import dataclasses

from tfnp_magic.model import Place, Site


@dataclasses.dataclass(slots=True)
class Retrace:
    """Graphs that one ``tf.function`` built anew at one line, for one reason.

    Attributes
    ----------
    kind
        ``python value``, ``dtype``, ``shape``, ``structure``, ``other object``,
        ``new function`` or ``unknown``.
    argument
        Name of the parameter that caused it; empty where none alone did.
    cause
        What was new about it, in a user's words: ``each new Python int (3, 4, 5, …)``.
    count
        How many graphs were built for this reason.
    duration_ns
        Nanoseconds that building them took.
    """

    kind: str
    argument: str
    cause: str
    count: int = 0
    duration_ns: int = 0


@dataclasses.dataclass(slots=True)
class FunctionCalls:
    """The calls of one ``tf.function`` from one line.

    Attributes
    ----------
    name
        The function's own name.
    site
        Where it was called.
    defined_at
        Where the Python function begins; None where its source is not the user's.
    calls
        How often it was called.
    traces
        How many graphs were built: the first one, and those of `retraces`.
    duration_ns
        Nanoseconds that building all of them took.
    retraces
        Those that came after the function's first, by reason.
    """

    name: str
    site: Site
    defined_at: Place | None = None
    calls: int = 0
    traces: int = 0
    duration_ns: int = 0
    retraces: list[Retrace] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Share:
    """Conversions within one part of something longer.

    Attributes
    ----------
    count, nbytes
        How many conversions of the ledger, and their bytes; None where not all are known.
    small
        How many more that are only counted; see `Recording.housekeeping`.
    """

    count: int = 0
    nbytes: int | None = 0
    small: int = 0


@dataclasses.dataclass(slots=True)
class Pipeline:
    """The iterations over one ``tf.data`` pipeline from one line.

    Attributes
    ----------
    site
        Where it was iterated.
    route
        By what: ``iteration``, ``NumpyIterator.__next__``, ``Sequential.fit``.
    steps
        What it is made of, first to last: ``from_generator``, ``map``, ``batch``.
    iterations
        How often an iteration began.
    elements
        How many elements came out.
    embedded_nbytes, embedded_at
        Bytes of arrays that became constants of the pipeline, and the line where.
    python
        What the Python functions in it converted, in and out.
    read
        What was read of the elements, by ``.numpy()`` or NumPy.
    """

    site: Site
    route: str
    steps: tuple[str, ...] = ()
    iterations: int = 0
    elements: int = 0
    embedded_nbytes: int | None = 0
    embedded_at: Place | None = None
    python: Share = dataclasses.field(default_factory=Share)
    read: Share = dataclasses.field(default_factory=Share)


@dataclasses.dataclass(slots=True)
class ModelCalls:
    """The calls of one method of a Keras model from one line.

    Attributes
    ----------
    route
        ``Sequential.fit``, ``Functional.predict``.
    calls
        How often it was called.
    epochs
        How many epochs ran, in all calls; 0 where the method has none.
    batches
        How many batches ran, in all calls.
    rows
        How many rows of data were handed over in all calls; None where that is not told.
    outside
        What was converted before the first batch and after the last.
    per_epoch
        What was converted in each epoch, the first `MAX_EPOCHS`; the rest in `later_epochs`.
    in_batches
        What was converted from the beginning to the end of batches, callbacks included.
    duration_ns
        Nanoseconds inside the calls.
    """

    site: Site
    route: str
    calls: int = 0
    epochs: int = 0
    batches: int = 0
    rows: int | None = 0
    outside: Share = dataclasses.field(default_factory=Share)
    per_epoch: list[Share] = dataclasses.field(default_factory=list)
    later_epochs: Share = dataclasses.field(default_factory=Share)
    in_batches: Share = dataclasses.field(default_factory=Share)
    duration_ns: int = 0


MAX_EPOCHS = 32
"""Epochs that are told one by one."""
