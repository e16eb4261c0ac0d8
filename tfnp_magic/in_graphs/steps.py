"""Which call ran a graph: from an op's stretch to the line of the cell, where that is certain.

Every run of a graph has a number, its *step*. Ops run on TensorFlow's threads, within a
stretch that tells their step; the function's run, which tells it too, lies within our own
marker, or within the making of a pipeline's element. Iterators tell who their parents are; the
outermost one is asked for elements within our marker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfnp_magic.in_graphs.timeline import (
    ASKED,
    CALL,
    CAPTURED,
    EAGER,
    ITERATOR,
    PROCESS,
    PRODUCE,
    RUN,
    Stretch,
    Timeline,
)

if TYPE_CHECKING:
    from tfnp_magic.in_graphs.calls import Call

AT_BUILDING = -1
"""The step of what runs while a graph is being built: constants are folded, datasets rewritten."""


class Steps:
    """Knows the call behind each step of a profile.

    Parameters
    ----------
    timeline
        The profile.
    calls
        The calls by their numbers.
    """

    def __init__(self, timeline: Timeline, calls: list[Call]) -> None:
        self._of_number = calls
        self._runs: dict[int, list[Stretch]] = {}
        for run in timeline.all(RUN):
            self._runs.setdefault(run.told.get("id", AT_BUILDING), []).append(run)
        self._parents: dict[int, int] = {}
        self._roots: dict[int, list[Stretch]] = {}
        self._makers = _makers(timeline)
        for iterator in timeline.all(ITERATOR):
            number, parent = iterator.told.get("id", 0), iterator.told.get("parent_id")
            if parent is None:
                self._roots.setdefault(number, []).append(iterator)
            else:
                self._parents[number] = parent
        self._calls: dict[int, int | None] = {}
        self._pipelines: dict[int, int | None] = {}

    def ran_in_graph(self, stretch: Stretch) -> bool:
        """Whether a graph ran it, and not an eager op for itself, or the building of a graph."""
        step = step_of(stretch)
        return step != AT_BUILDING and not any(map(_is_eager, self._runs.get(step, ())))

    def functions_of(self, stretch: Stretch) -> tuple[str, ...]:
        """Names of the functions that an op may be of; empty where none is known.

        A function's graph may ask a pipeline for elements: those ops are the pipeline's.
        """
        number = self.call_of(stretch)
        if number is None:
            return ()
        runs = self._runs.get(step_of(stretch), ())
        of_pipeline = any(run.name.startswith(CAPTURED) for run in runs)
        call = self._of_number[number]
        return call.pipelines if of_pipeline else call.functions

    def call_of(self, stretch: Stretch) -> int | None:
        """Number of the call that led to it; None where none did, or that is not certain."""
        for outer in stretch.around():
            if outer.kind == CALL:
                return int(outer.told["call"])
            if outer.kind == PROCESS:
                return self._call_of_step(outer.told.get("id", AT_BUILDING))
            # An op of a graph, on a thread of its own, or an eager one within our marker.
            if outer.kind == ASKED and outer.told.get("id") in self._runs:
                return self._call_of_step(outer.told["id"])
            if outer.kind == ITERATOR:
                return self._call_of_iterator(outer.told.get("id", 0))
            if outer.kind == PRODUCE:
                return self._call_of_iterator(self._makers.get(outer, 0))
        step = step_of(stretch)
        return None if step == AT_BUILDING else self._call_of_step(step)

    def _call_of_step(self, step: int) -> int | None:
        if step not in self._calls:
            self._calls[step] = None  # a step that leads back to itself has no call
            self._calls[step] = _only({self.call_of(run) for run in self._runs.get(step, ())})
        return self._calls[step]

    def _call_of_iterator(self, number: int) -> int | None:
        if number not in self._pipelines:
            self._pipelines[number] = None
            self._pipelines[number] = self._call_above(number)
        return self._pipelines[number]

    def _call_above(self, number: int) -> int | None:
        if number in self._parents:
            return self._call_of_iterator(self._parents[number])
        return _only({self.call_of(root) for root in self._roots.get(number, ())})


def step_of(stretch: Stretch) -> int:
    """The step that an op ran in."""
    if "step" in stretch.told:
        return int(stretch.told["step"])
    for outer in stretch.around():
        if outer.kind == PROCESS:
            return int(outer.told.get("id", AT_BUILDING))
    return AT_BUILDING


def _only(calls: set[int | None]) -> int | None:
    """The one call that is told; None where several are."""
    told = calls - {None}
    return told.pop() if len(told) == 1 else None


def _is_eager(run: Stretch) -> bool:
    """Whether it is an eager op's own run: TensorFlow wraps each in a function."""
    for outer in run.around():
        if outer.kind in (CALL, ITERATOR, PRODUCE, RUN):
            return False
        if outer.kind == EAGER:
            return not outer.told.get("is_func") and not run.name.startswith(CAPTURED)
    return False


def _makers(timeline: Timeline) -> dict[Stretch, int]:
    """The iterator that each element is made for: parent of those that are asked in there."""
    makers: dict[Stretch, int] = {}
    for iterator in timeline.all(ITERATOR):
        outer = iterator.outer
        if outer is not None and outer.kind == PRODUCE and "parent_id" in iterator.told:
            makers.setdefault(outer, iterator.told["parent_id"])
    return makers
