"""TensorFlow's own profiler, run for traces that look into graphs.

A process has one profiling session at a time. Traces that overlap share it: at each one's
beginning and end, the session ends and another begins, and what a session wrote down goes to
all that were open meanwhile.

Sources: ``ProfilerSession`` (tensorflow/python/profiler/internal/profiler_wrapper.cc) and
``profiler_v2.start`` (tensorflow/python/profiler/profiler_v2.py); checked on 2.16 and 2.21.
"""

from __future__ import annotations

import importlib
import pathlib
import re
import tempfile
import time
from typing import TYPE_CHECKING

from tfnp_magic.blind_spots import NOT_LOOKED_INTO
from tfnp_magic.in_graphs import InGraphs, look_into
from tfnp_magic.in_graphs.calls import Calls
from tfnp_magic.in_graphs.hushed import hushed
from tfnp_magic.in_graphs.library import RuntimeLibrary
from tfnp_magic.interrupts import raised_by_signal
from tfnp_magic.locks import new_rlock

if TYPE_CHECKING:
    from tfnp_magic.recorder.recorder import Recorder

MOST_SECONDS = 60
"""How long graphs are looked into: the profiler keeps in memory all that it sees."""

_MESSAGES = re.compile(rb"\b(profiler_session|save_profile|cupti_\w+)\.cc:\d+\] ")
"""What the profiler says of itself each time."""

_SETTLING_SECONDS = 0.005

BUSY = "another profiling session was running"
TAKEN = "the code started a profiling session of its own"
TOO_LONG = f"they are looked into for {MOST_SECONDS} s"


_FUSED = "what functions cast that XLA compiled (`jit_compile=True`): their ops are fused"


class _Number(int):
    """An option's value.

    TensorFlow 2.21 asks each for its truth first, takes ``3`` for ``True`` and then ignores
    it, as an option of the wrong type (``profiler_wrapper.cc``): this one has no truth.
    """

    def __bool__(self) -> bool:
        raise TypeError("a number")


# 3: an op's stretch tells the shapes of its inputs; without Python's own calls.
_OPTIONS = {"host_tracer_level": 3, "python_tracer_level": 0, "device_tracer_level": 1}


class _Session:
    """One profiling session, and the folder in which TensorFlow leaves what it saw."""

    def __init__(self) -> None:
        internal = "tensorflow.python.profiler.internal._pywrap_profiler"
        self._folder = tempfile.TemporaryDirectory(prefix="tfnp_magic_")
        self._session = importlib.import_module(internal).ProfilerSession()
        options = {name: _Number(value) for name, value in _OPTIONS.items()}
        try:
            with hushed(_MESSAGES):
                self._session.start(self._folder.name, options)
        except BaseException:
            self._folder.cleanup()
            raise

    def end(self) -> list[bytes]:
        """End it; a serialized ``XSpace`` for each host."""
        # A graph says that it is done before its threads are through with their last stretches.
        time.sleep(_SETTLING_SECONDS)
        try:
            with hushed(_MESSAGES):
                self._session.export_to_tb()
            files = sorted(pathlib.Path(self._folder.name).rglob("*.xplane.pb"))
            return [file.read_bytes() for file in files]
        finally:
            self._folder.cleanup()


class Look:
    """What one trace sees of graphs.

    Attributes
    ----------
    profiles
        What the sessions wrote down, serialized.
    unseen
        Why graphs were not looked into, or not to the end; empty where they were.
    compiled
        Whether something ran that XLA had compiled.
    """

    def __init__(self) -> None:
        self.profiles: list[bytes] = []
        self.unseen = ""
        self.compiled = False

    def into(self, recorder: Recorder) -> InGraphs:
        """What it sees for a recorder."""
        return look_into(self.profiles, recorder, profiler.calls.so_far(), profiler.library)

    def misses(self) -> list[str]:
        """What it did not see, a sentence each."""
        sentences = []
        if self.unseen:
            sentences.append(f"{NOT_LOOKED_INTO}{self.unseen}")
        if self.compiled:
            sentences.append(_FUSED)
        return sentences


class Profiler:
    """Runs sessions while somebody looks.

    Attributes
    ----------
    calls, library
        The calls that were made meanwhile, and the functions that there were.
    """

    def __init__(self) -> None:
        self.calls, self.library = Calls(), RuntimeLibrary()
        self._lock = new_rlock()
        self._looking: list[Look] = []
        self._session: _Session | None = None
        self._until = 0.0

    @property
    def is_running(self) -> bool:
        """Whether a session of ours runs."""
        return self._session is not None

    def begin(self, look: Look) -> None:
        """Look into graphs from here on; what prevents it is told by `look.unseen`."""
        with self._lock:
            self._end_session()
            if not self._seeing():
                self._until = time.monotonic() + MOST_SECONDS
            self._looking.append(look)
            self._start_session()

    def end(self, look: Look) -> None:
        """Stop looking; may be repeated."""
        with self._lock:
            if look in self._looking:
                self._end_session()
                self._looking.remove(look)
                self._start_session()

    def forget(self) -> None:
        """Let go of what calls and functions are known, unless somebody looks."""
        with self._lock:
            if not self._looking:
                self.calls, self.library = Calls(), RuntimeLibrary()

    def give_way(self, why: str) -> None:
        """End the session for good: somebody else needs the profiler, or it has run too long."""
        with self._lock:
            self._end_session()
            self._tell(why)

    def end_if_late(self) -> None:
        """End it where it has run for as long as it may."""
        if self._session is not None and time.monotonic() > self._until:
            self.give_way(TOO_LONG)

    def _start_session(self) -> None:
        if not self._seeing():
            return
        try:
            self._session = _Session()
        except Exception as error:
            if raised_by_signal(error):
                raise
            busy = type(error).__name__ in ("AlreadyExistsError", "UnavailableError")
            self._tell(BUSY if busy else f"{type(error).__name__}: {error}")

    def _seeing(self) -> list[Look]:
        """Those for whom nothing prevented it so far."""
        return [look for look in self._looking if not look.unseen]

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        try:
            profiles = session.end()
        except BaseException as error:
            self._tell(f"{type(error).__name__}: {error}")
            if not isinstance(error, Exception) or raised_by_signal(error):
                raise
            return
        for look in self._seeing():
            look.profiles += profiles

    def _tell(self, why: str) -> None:
        for look in self._seeing():
            look.unseen = why


profiler = Profiler()
