"""The one place where probes go on and off; no IPython here."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping
from types import TracebackType

from tfnp_magic import __version__, progress, runtime
from tfnp_magic.blind_spots import not_seen
from tfnp_magic.facts import tensorflow_is_loaded
from tfnp_magic.frames.site import Label
from tfnp_magic.guards import FORBID, WARN, Guard, InteropError, rules_of
from tfnp_magic.importing import ImportWatch, tensorflow_is_installed
from tfnp_magic.in_graphs.profiling import Look, profiler
from tfnp_magic.interrupts import covered_from_entry, insist, raised_by_signal
from tfnp_magic.probes import carriers, probes
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import clock
from tfnp_magic.recording import Recording
from tfnp_magic.scope import Scope, inner
from tfnp_magic.values import SAMPLE

INSTALL_HINT = (
    "TensorFlow is not installed here, so there was nothing to trace: "
    "install it with `pip install 'tfnp_magic[cpu]'` (or `[tf]`, `[cuda]`)"
)

_NO_MIRRORS = (
    "whether moves happened or a mirror served: this TensorFlow's runtime cannot be asked here"
)

_LONG_PROFILE = 10_000_000
"""Bytes of a profile that take about a second to read."""

CHECKS = {"sample": SAMPLE, "all": None, "none": 0}
"""How many elements of a cast array are compared: a sample, all, or none."""


class Trace:
    """One traced run, from `start` to `stop`.

    Parameters
    ----------
    cell_files
        File names that the traced code's code objects carry; see `tfnp_magic.frames.site.Sources`.
    title
        What the user calls the traced code.
    source
        Its text, if it is a cell.
    label
        Maps a file name to what the user calls it (``In[3]``), or to None.
    check_values
        One of `CHECKS`.
    graph
        Whether to look into graphs, with TensorFlow's own profiler.
    guard
        What the user forbids or wants to be told of at once.
    """

    def __init__(
        self,
        cell_files: Mapping[str, int],
        title: str,
        source: str = "",
        label: Label | None = None,
        check_values: str = "sample",
        graph: bool = False,
        guard: Guard | None = None,
    ) -> None:
        self.recording = Recording(title=title, source=source)
        limit = CHECKS[check_values]
        self._recorder = Recorder(self.recording, cell_files, label or _unlabelled, limit, guard)
        self._scope = Scope(self._recorder)
        self._watch = ImportWatch(self._hook)
        self._look = Look() if graph else None
        self.running = False
        self._complete = False

    def start(self) -> None:
        """Begin: the probes go in, now or when TensorFlow is first imported."""
        self.running = True
        try:
            self._scope.enter()
            if tensorflow_is_loaded():
                self._hook()
            else:
                self._watch.on()
            inner.lane = self._recorder.lane()
            self._recorder.started_ns = clock()
        except BaseException:
            insist(self.leave)
            raise

    def leave(self, error: str | None = None) -> None:
        """End, and no more: everything comes out. May be repeated, as `insist` does it.

        Parameters
        ----------
        error
            Name of the exception that ended the traced code, if one did.
        """
        if self.running:
            self.recording.duration_ns = clock() - self._recorder.started_ns
            self.recording.error = error
            self._come_out()
            self.running = False

    def stop(self, error: str | None = None) -> Recording:
        """End: everything comes out, and the recording is complete. May be repeated.

        Parameters
        ----------
        error
            Name of the exception that ended the traced code, if one did.
        """
        insist(self.leave, error)
        if not self._complete:
            self._recorder.finish()
            self._add_graphs()
            self._say_what_was_not_seen()
            self._complete = True
        return self.recording

    def _hook(self) -> None:
        if self.running:
            probes.acquire(self._scope.token)
            if self._look is not None:
                profiler.begin(self._look)

    def _come_out(self) -> None:
        """Take all of it out; what fails keeps nothing else in."""
        try:
            if self._look is not None:
                profiler.end(self._look)
        finally:
            try:
                self._watch.off()
                self._scope.leave()
            finally:
                probes.release(self._scope.token)

    def _add_graphs(self) -> None:
        """Add what graphs did to the recording, all at once: an interrupt may come before."""
        look = self._look
        if look is None or not look.profiles:
            return
        recording = self.recording
        is_long = sum(map(len, look.profiles)) > _LONG_PROFILE
        try:
            with progress.of("Reading what graphs did", at_once=is_long):
                found = look.into(self._recorder)
        except Exception as error:
            if raised_by_signal(error):
                raise
            text = f"what graphs cast and moved ({type(error).__name__}: {error})"
            recording.lost.append(text)
        else:
            recording.looked_into_graphs = True
            recording.ledger += found.crossings
            if self._recorder.guard is not None:
                recording.forbidden += self._recorder.guard.meet_in_graphs(found.crossings)
            look.compiled = found.compiled
        look.profiles.clear()
        profiler.forget()

    def _say_what_was_not_seen(self) -> None:
        recording = self.recording
        recording.versions = _versions()
        recording.not_seen[:] = carriers.missing
        if not tensorflow_is_loaded():
            if not tensorflow_is_installed():
                recording.not_seen.append(INSTALL_HINT)
            return
        recording.not_seen += probes.missing
        if runtime.has_several_devices() and not runtime.is_known():
            recording.not_seen.append(_NO_MIRRORS)
        if self._look is not None:
            recording.not_seen += self._look.misses()
        recording.not_seen += not_seen(recording)


class trace:  # noqa: N801 - used like a function: `with tfnp_magic.trace() as rec:`
    """Trace the conversions of a ``with`` block, outside IPython or in it.

    Parameters
    ----------
    check_values
        How many elements of an array that was cast are compared with what they became:
        ``"sample"`` (all of 32,768, else a sample of as many, the same each time),
        ``"all"``, or ``"none"``.
    graph
        Whether to look into graphs, too: TensorFlow's own profiler then tells what they cast
        and moved while they ran. It sees each op, which costs time and memory.
    forbid, warn
        Kinds of conversion that raise an `InteropError`, or give an `InteropWarning`, at the
        line that makes them: ``"copy>1MB"``, ``"silent-cast"``, ``["move:implicit", "alias"]``.
        See `tfnp_magic.guards.KINDS`; `tfnp_magic.allow` lets them pass in a block.

    Yields
    ------
    Recording
        Complete once the block is left, also when it raises; print it, or ask it for
        ``summary()``. Lines are those of the file that holds the ``with`` statement.

    Raises
    ------
    ValueError
        For an unknown `check_values`, or a rule that cannot be read.
    InteropError
        Where something happens that is forbidden; at the end of the block, if it showed only
        after its line had gone on.

    Examples
    --------
    >>> import tfnp_magic
    >>> with tfnp_magic.trace() as rec:
    ...     pass
    >>> len(rec.ledger)
    0
    """

    def __init__(
        self,
        *,
        check_values: str = "sample",
        graph: bool = False,
        forbid: str | Iterable[str] = (),
        warn: str | Iterable[str] = (),
    ) -> None:
        if check_values not in CHECKS:
            known = ", ".join(map(repr, CHECKS))
            raise ValueError(f"check_values is one of {known}, and not {check_values!r}")
        self._check_values, self._graph = check_values, graph
        rules = (*rules_of(FORBID, forbid), *rules_of(WARN, warn))
        self._guard = Guard(rules) if rules else None
        self._trace: Trace | None = None

    def __enter__(self) -> Recording:
        filename = sys._getframe(1).f_code.co_filename
        self._trace = Trace(
            {filename: 0},
            filename,
            check_values=self._check_values,
            graph=self._graph,
            guard=self._guard,
        )
        try:
            self._trace.start()
            return self._trace.recording
        except BaseException:  # an interrupt: `__exit__` will not be called
            insist(self._trace.leave)
            raise

    @covered_from_entry
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._end(kind)
        except BaseException:
            if self._trace is not None:  # no call before: one more interrupt would come there
                insist(self._trace.leave, None if kind is None else kind.__name__)
            self._end(kind)  # once more, and no oftener: reading what graphs did may take long
            raise
        forbidden = [] if self._trace is None else self._trace.recording.forbidden
        if forbidden and kind is None:
            raise InteropError(" ".join(forbidden))

    def _end(self, kind: type[BaseException] | None) -> None:
        if self._trace is not None:
            self._trace.stop(None if kind is None else kind.__name__)


def _unlabelled(filename: str) -> str | None:
    return None


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("tensorflow", "numpy", "keras", "pandas"):
        module = sys.modules.get(name)
        version = getattr(module, "__version__", None)
        if isinstance(version, str):
            found[name] = version
    found["tfnp_magic"] = __version__
    return found
