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
        ``new function``, ``context`` (another device, strategy or graph around the call)
        or ``unknown``; of several, the one that is worst.
    argument
        Name of the parameter that caused it; ``x, k`` where several were new at once, and
        empty where it was no argument.
    cause
        What was new about it, in a user's words: ``each new Python int (3, 4, 5, …)``.
    count
        How many graphs were built for this reason.
    duration_ns
        Nanoseconds that building them took.
    what
        Type of what was new, where it was always the same: ``int``, ``bool``, ``Dense``.
    """

    kind: str
    argument: str
    cause: str = ""
    count: int = 0
    duration_ns: int = 0
    what: str = ""


@dataclasses.dataclass(slots=True)
class FunctionCalls:
    """The calls of one ``tf.function`` from one line.

    One whose code is a library's, such as Keras's train step, is told only where it built
    a graph after its first; so is one that was called while another's graph was built.

    Attributes
    ----------
    name
        The function's own name; of a library's function, the route by which it was called.
    site
        Where it was called, or its graph asked for.
    defined_at
        Where the Python function begins; None where its source is not the user's.
    calls
        How often it was called, be it that the call raised.
    traces
        How many graphs were built: those of `retraces`, and the function's first; two of
        these, if it made its own Variables. One that failed is not counted.
    duration_ns
        Nanoseconds that building all of them took.
    retraces
        Those that came after the function's first, by reason.
    inside
        Whether that happened while another function's graph was built: there are no calls
        then, and the time is part of the other's.
    """

    name: str
    site: Site
    defined_at: Place | None = None
    calls: int = 0
    traces: int = 0
    duration_ns: int = 0
    retraces: list[Retrace] = dataclasses.field(default_factory=list)
    inside: bool = False


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

    def add(self, nbytes: int | None, *, small: bool) -> None:
        """Count one conversion more."""
        if small:
            self.small += 1
            return
        self.count += 1
        self.nbytes = None if self.nbytes is None or nbytes is None else self.nbytes + nbytes


@dataclasses.dataclass(slots=True)
class Pipeline:
    """The iterations over one ``tf.data`` pipeline from one line.

    Attributes
    ----------
    site
        Where its iterator was made: the line of the ``for``, of ``iter(ds)``, of
        ``model.fit``; where it is an earlier cell's iterator, that of the first ``next``.
    route
        By what: ``iteration``, ``list``, ``iter``, ``tf.data.Dataset.as_numpy_iterator``,
        ``Sequential.fit``.
    steps
        What it is made of, first to last: ``from_generator``, ``map``, ``batch``.
    iterations
        How often an iteration began; 0 where one of before the trace went on.
    elements
        How many elements came out; None where a graph took them, which Python does not see.
    embedded_nbytes, embedded_at
        Bytes of the tensors that are constants of the pipeline, and the line where arrays
        became such; None for bytes that are not known, and for a line of before the trace.
    made_by
        The library's function that made the pipeline, as ``Sequential.fit`` does of arrays;
        empty where the user's code made it, or where that was before the trace.
    python
        What the Python functions in it converted, in and out.
    read
        What was read of the elements, by ``.numpy()`` or NumPy, soon after they came out.
    """

    site: Site
    route: str
    steps: tuple[str, ...] = ()
    iterations: int = 0
    elements: int | None = 0
    embedded_nbytes: int | None = 0
    embedded_at: Place | None = None
    made_by: str = ""
    python: Share = dataclasses.field(default_factory=Share)
    read: Share = dataclasses.field(default_factory=Share)


@dataclasses.dataclass(slots=True)
class ModelCalls:
    """The calls of one method of a Keras model from one line.

    What one method does inside another of the same model, as `fit` evaluates its validation
    data, is part of it. What a callback calls is an entry of its own, and counted there alone.

    Attributes
    ----------
    site, route
        Where, and as the user calls it: ``Sequential.fit``, ``Functional.predict``.
    calls
        How often it was called.
    epochs
        How many epochs began, in all calls; 0 where the method has none.
    batches
        How many batches ran, in all calls, without those of the validation.
    validation_batches
        How many batches of validation data ran.
    rows
        How many rows of data were handed over in all calls; None where that is not told.
    outside
        What was converted outside of batches: of the data before the first, what is logged.
    in_batches
        What was converted from the beginning to the end of batches, callbacks included.
    validation
        What was converted while `fit` evaluated its validation data.
    feeding
        What was converted meanwhile on other threads: by generators, workers and pipelines.
    per_epoch
        What of the first three was converted in each epoch, the first `MAX_EPOCHS`; the rest
        in `later_epochs`.
    duration_ns
        Nanoseconds inside the calls.
    """

    site: Site
    route: str
    calls: int = 0
    epochs: int = 0
    batches: int = 0
    validation_batches: int = 0
    rows: int | None = 0
    outside: Share = dataclasses.field(default_factory=Share)
    in_batches: Share = dataclasses.field(default_factory=Share)
    validation: Share = dataclasses.field(default_factory=Share)
    feeding: Share = dataclasses.field(default_factory=Share)
    per_epoch: list[Share] = dataclasses.field(default_factory=list)
    later_epochs: Share = dataclasses.field(default_factory=Share)
    duration_ns: int = 0


MAX_EPOCHS = 32
"""Epochs that are told one by one."""
