"""The chokepoints that conversions pass, one module per family, and their catalogue.

To add one: a module with ``NAME`` and ``patches()``, a row in `CATALOGUE`, a row in
the contract tests that makes it fire; docs/chokepoints.md shows how.

Array to tensor: `constructor`, `fast_path`, `protos`, `baking` (constants of graphs),
`graph_inputs`, `python_values`. Tensor to array: `buffer`, `reading`. Both ways: `dlpack`,
`callbacks` and `python_functions` (Python in graphs), `interpreter` (TFLite), `checkpoint`,
`sessions` (v1). Between devices: `devices`, `transfers`, `executes`, `optionals`, `waits`.
What drives conversions, and for whom: `functions`, `forms`, `graphs`, `models`, `pipelines`,
`iterations`, `contents` (of pipelines), `stands`, `tapes`, `threads`.

All use `patch` (`awaited`: of a module that is yet to be imported) and `reporting`. What tells
copies from views: `allocations` (NumPy's memory), `memory_copies` (C's ``memcpy``, by
`loaded_libraries`) with `carried`, `memory_looks` and `looks`. `slot` and `machine_code` stand
where no Python can. `sources`, `dtype_hints`, `arithmetic` and `unseen` say what was handed over,
and what became of it where no probe sees that.
"""

from __future__ import annotations

from types import ModuleType
from typing import Protocol

from tfnp_magic.locks import new_rlock
from tfnp_magic.probes import (
    allocations,
    baking,
    buffer,
    callbacks,
    checkpoint,
    constructor,
    devices,
    dlpack,
    executes,
    fast_path,
    functions,
    graph_inputs,
    graphs,
    interpreter,
    models,
    optionals,
    pipelines,
    protos,
    reading,
    sessions,
    tapes,
    threads,
)


class Patch(Protocol):
    """Something that goes in and comes out without a trace."""

    def on(self) -> None:
        """Put ours in."""

    def off(self) -> object:
        """Give the owner back as found."""


CATALOGUE: tuple[tuple[ModuleType, str], ...] = (
    (
        allocations,
        "what NumPy allocates inside conversions: copies that TensorFlow's C++ makes of arrays",
    ),
    (constructor, "arrays that become tensors by tf.constant, operators, assignments, Keras"),
    (reading, ".numpy(), printing, bool() and float() of tensors"),
    (buffer, "NumPy functions reading tensors (np.asarray(t), np.sum(t), memoryview(t))"),
    (fast_path, "arrays handed straight to TensorFlow's ops (t - a, tf.squeeze(a))"),
    (executes, "what ops off the fast path, and graphs, move of their inputs"),
    (dlpack, "memory handed over by DLPack"),
    (devices, "tensors copied to a device on request"),
    (protos, "constants written into graphs"),
    (baking, "how often those are copied as the graph is built"),
    (interpreter, "arrays into and out of the TFLite interpreter"),
    (checkpoint, "arrays read out of checkpoints (tf.train.load_variable)"),
    (sessions, "what v1 sessions are fed and return"),
    (callbacks, "arrays that Python functions in graphs get and return (tf.numpy_function)"),
    (pipelines, "which tf.data pipeline, and which line, Python functions in graphs worked for"),
    (tapes, "arrays written to while a gradient still needs them"),
    (graphs, "how often graphs ran"),
    (optionals, "what moves when a tf.experimental.Optional is looked into (Keras's fit)"),
    (functions, "calls of tf.function, and why it built graphs again"),
    (graph_inputs, "arrays that a graph casts once they are tensors (Keras's train_on_batch)"),
    (models, "what Keras models convert per epoch and per batch"),
)
"""Each family, and what a report misses where the family cannot be hooked."""


class Probes:
    """Chokepoints that are in while at least one trace is open.

    The first user puts everything in, the last one to leave gives everything back. A
    family that this TensorFlow, Python or machine cannot have hooked is left alone as
    a whole, and `missing` says so.

    Parameters
    ----------
    catalogue
        Modules with ``patches()``, each with what a report misses without it.
    """

    def __init__(self, catalogue: tuple[tuple[ModuleType, str], ...]) -> None:
        self._catalogue = catalogue
        self.missing: list[str] = []
        self._lock = new_rlock()
        self._users: set[int] = set()
        self._in: list[Patch] = []

    def acquire(self, user: int) -> None:
        """Put the probes in, unless they are."""
        with self._lock:
            try:
                if not self._users:
                    self._put_in()
                self._users.add(user)
            except BaseException:
                if not self._users:  # another trace goes on with what is in
                    self._take_out()
                raise

    def release(self, user: int) -> None:
        """Give all owners back when the last user leaves; may be repeated."""
        with self._lock:
            try:
                self._users.discard(user)
            finally:
                if not self._users:
                    self._take_out()

    def _put_in(self) -> None:
        self.missing = []
        for family, what in self._catalogue:
            before = len(self._in)
            try:
                for patch in family.patches():
                    self._in.append(patch)
                    patch.on()
            except Exception as error:
                self._take_out(before)
                self.missing.append(f"{what}: not seen here ({type(error).__name__}: {error})")

    def _take_out(self, down_to: int = 0) -> None:
        try:
            self._off(down_to)
        except BaseException:  # an interrupt: the owners come first
            self._off(down_to)
            raise

    def _off(self, down_to: int) -> None:
        while len(self._in) > down_to:
            self._in[-1].off()
            self._in.pop()


probes = Probes(CATALOGUE)

carriers = Probes(((threads, "work that was handed to threads"),))
"""Not of TensorFlow, so they do not wait for it: a thread may be started before its import."""
