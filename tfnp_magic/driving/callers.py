"""Who may be calling a Python function of a graph at the moment: iterations and graph calls.

TensorFlow calls such a function on threads of its own, by a *token*, its name in the
registry. Which iterator or call made it do so is told by nothing, but only those whose
graphs have the token can. Where several can, generators have numbers that tell them apart.
"""

from __future__ import annotations

import dataclasses
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from tfnp_magic.driving.driver import NOBODY, Driver, either_of
from tfnp_magic.lifetimes import WhileAlive
from tfnp_magic.locks import new_lock

if TYPE_CHECKING:
    from tfnp_magic.recorder.recorder import Recorder


@dataclasses.dataclass(eq=False, slots=True)
class Iteration:
    """One iterator over a pipeline; it is not kept alive.

    Attributes
    ----------
    tokens
        Of the Python functions in the pipeline.
    once
        Those of generators that it begins once, and not again.
    begins_early
        Whether it may work before it is asked for the first one.
    driver
        Who made it, or who consumes it since, if that was an earlier trace or nobody.
    resource
        ``id()`` of the tensor by which graphs know the iterator; 0 if there is none.
    period
        In which `Callers.period` it was made; 0 if that was before all of them.
    started
        Whether an element was asked for.
    iterator
        Gives the iterator while it lives; not to be asked on TensorFlow's threads.
    begun
        Tokens of the generators that it began.
    ended_on
        The thread that let go of the iterator; 0 while it lives. It waits there for the
        Python functions that are still called, and does nothing else meanwhile.
    is_over
        Whether that thread went on since, so that none is called any more.
    """

    tokens: frozenset[str]
    once: frozenset[str]
    begins_early: bool
    driver: Driver
    resource: int = 0
    period: int = 0
    started: bool = False
    begun: set[str] = dataclasses.field(default_factory=set)
    iterator: Callable[[], Any] = lambda: None
    ended_on: int = 0
    is_over: bool = False

    def may_work(self) -> bool:
        """Whether it may be calling functions."""
        return not self.is_over and (self.started or self.begins_early)

    def may_begin(self, token: str) -> bool:
        """Whether it may begin this generator, or begin it again."""
        return token not in self.begun or token not in self.once


class Call:
    """A graph, or the whole of a pipeline, that runs while its caller waits.

    Parameters
    ----------
    frame
        The caller's; it lives as long as this does.
    hearing
        Who hears it; see `tfnp_magic.scope.overhearing`.
    outer
        What drives the caller itself, if anything does.
    tokens
        Of the Python functions in the graph.
    inputs
        ``id()`` of each tensor that the graph was given; iterators are among them.
    """

    __slots__ = ("_driver", "_hearing", "frame", "inputs", "tokens", "traces")

    def __init__(
        self,
        frame: FrameType,
        hearing: Sequence[Recorder],
        outer: Driver | None,
        traces: tuple[int, ...],
        tokens: frozenset[str],
        inputs: frozenset[int],
    ) -> None:
        self.frame, self.tokens, self.inputs = frame, tokens, inputs
        self._hearing, self.traces = hearing, traces
        self._driver = outer

    @property
    def driver(self) -> Driver:
        """Made when it is first asked for: most graphs call no Python function."""
        if self._driver is None:
            self._driver = Driver(self.frame, self._hearing, self.traces)
        return self._driver


_Beginners = tuple["Iteration | Driver", ...]


class Callers:
    """All iterations that live, and the calls that run.

    Attributes
    ----------
    resources
        Iterations by the tensor by which graphs know them; see `Iteration.resource`.
    period
        Number of the time during which everything is seen: from when the probes went in.
    """

    def __init__(self) -> None:
        self._lock = new_lock()
        self._by_iterator: dict[int, Iteration] = {}
        self._by_token: dict[str, list[Iteration]] = {}
        self._calls: dict[int, Call] = {}
        self._ended: deque[Iteration] = deque()
        self._begun: WhileAlive[Any, dict[int, _Beginners]] = WhileAlive()
        self.resources: dict[int, Iteration] = {}
        self.period = 0

    def add(self, iterator: Any, iteration: Iteration) -> None:
        """An iterator was made, or is met for the first time."""
        key = id(iterator)

        def end(_: Any) -> None:
            # Runs at any moment, on any thread: no lock.
            iteration.ended_on = threading.get_ident()
            if self._by_iterator.get(key) is iteration:
                del self._by_iterator[key]
            if self.resources.get(iteration.resource) is iteration:
                del self.resources[iteration.resource]
            self._ended.append(iteration)

        iteration.iterator = weakref.ref(iterator, end)
        with self._lock:
            self._by_iterator[key] = iteration
            if iteration.resource:
                self.resources[iteration.resource] = iteration
            for token in iteration.tokens:
                self._by_token.setdefault(token, []).append(iteration)

    def of(self, iterator: Any) -> Iteration | None:
        """The iteration of an iterator that was met before."""
        return self._by_iterator.get(id(iterator))

    def begin(self, call: Call) -> None:
        """A call begins."""
        self._calls[id(call)] = call

    def end(self, call: Call | None) -> None:
        """It ended, if there was one."""
        self._calls.pop(id(call), None)

    def goes_on(self) -> None:
        """This thread does something: what it let go of before is over."""
        if self._ended:
            self._sweep(threading.get_ident())

    def next_period(self) -> None:
        """From now on everything is seen, and what ended before is over."""
        self.period += 1
        self._sweep(0)

    def _sweep(self, thread: int) -> None:
        """Forget iterations that ended on this thread, or on any."""
        with self._lock:
            for _ in range(len(self._ended)):
                iteration = self._ended.popleft()
                if thread and iteration.ended_on != thread:
                    self._ended.append(iteration)
                    continue
                iteration.is_over = True
                for token in iteration.tokens:
                    left = [i for i in self._by_token.get(token, ()) if i is not iteration]
                    if left:
                        self._by_token[token] = left
                    else:
                        self._by_token.pop(token, None)

    def may_call(self, token: str) -> tuple[Iteration | Call, ...]:
        """Those that may be calling the function with this token.

        TensorFlow ends every pipeline with a buffer that it fills ahead: what has begun may
        be at work at any moment, also while nobody asks it for an element.
        """
        calls = [call for call in list(self._calls.values()) if token in call.tokens]
        return (*calls, *(i for i in self._by_token.get(token, ()) if i.may_work()))

    def _consuming(self, iteration: Iteration) -> list[Call]:
        """The running graphs that have the iterator among their inputs."""
        if not iteration.resource:
            return []
        return [c for c in list(self._calls.values()) if iteration.resource in c.inputs]

    def begins(self, state: Any, number: int, token: str) -> None:
        """A generator begins: from here on its number tells who iterates over it."""
        candidates = self.may_begin(token)
        if len(candidates) == 1 and isinstance(candidates[0], Iteration):
            candidates[0].begun.add(token)
        # Not the calls themselves, which have frames.
        beginners = [c.driver if isinstance(c, Call) else c for c in candidates]
        self._begun.setdefault(state, {})[number] = tuple(beginners)

    def may_begin(self, token: str) -> tuple[Iteration | Call, ...]:
        """The same for a generator's beginning: most iterations begin each only once."""
        candidates = self.may_call(token)
        left = [c for c in candidates if not isinstance(c, Iteration) or c.may_begin(token)]
        return tuple(left) or candidates

    def finishes(self, state: Any, number: int) -> None:
        """A generator is done with."""
        self._begun.get(state, {}).pop(number, None)

    def began(self, state: Any, number: int) -> _Beginners | None:
        """Who may have begun this generator; None where that was before all that is known."""
        return self._begun.get(state, {}).get(number)

    def begun_before(self, token: str) -> tuple[Iteration, ...]:
        """Those that may have begun a generator of which nothing is known."""
        older = [i for i in self._by_token.get(token, ()) if i.period != self.period]
        return tuple(i for i in older if i.may_work())

    def driver_of(self, candidates: Iterable[Iteration | Call | Driver]) -> Driver | None:
        """What drives, if it is one of these; None if there are none."""
        drivers = [self._driver(candidate) for candidate in candidates]
        return either_of(drivers) if drivers else None

    def _driver(self, candidate: Iteration | Call | Driver) -> Driver:
        if isinstance(candidate, Driver):
            return candidate
        if isinstance(candidate, Iteration) and candidate.driver is NOBODY:
            consuming = self._consuming(candidate)
            return consuming[0].driver if consuming else NOBODY
        return candidate.driver


callers = Callers()
