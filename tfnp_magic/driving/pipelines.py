"""Conversions counted by the ``tf.data`` pipeline that they belong to."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tfnp_magic.activity import Pipeline, Share
from tfnp_magic.locks import new_lock
from tfnp_magic.model import MAX_SITES, READS, Place, Site
from tfnp_magic.scope import inner

if TYPE_CHECKING:
    from tfnp_magic.recorder.recorder import Recorder
    from tfnp_magic.recorder.seen import Seen

_MOST_ELEMENTS = 256
"""Tensors of elements whose reads are told as such: the latest that came out."""


class Pipelines:
    """The pipelines of one recording; see `tfnp_magic.recorder.recorder.Observer`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = weakref.ref(recorder)
        self._told: list[Pipeline] = recorder.recording.pipelines
        self._known: dict[tuple[Site, str, tuple[str, ...]], Pipeline] = {}
        self._elements: OrderedDict[int, tuple[weakref.ref[Any], Pipeline]] = OrderedDict()
        self._lock = new_lock()

    def at(self, site: Site, route: str, steps: tuple[str, ...]) -> Pipeline:
        """The one that is iterated over there; it may be a new one."""
        with self._lock:
            if len(self._known) >= MAX_SITES:
                steps = ()
            key = site, route, steps
            pipeline = self._known.get(key)
            if pipeline is None:
                pipeline = self._known[key] = Pipeline(site, route, steps)
                self._told.append(pipeline)
            return pipeline

    def holds(self, pipeline: Pipeline, nbytes: int | None, where: Place | None) -> None:
        """It has so many bytes of constants.

        Of several pipelines alike, made anew for each iteration, the largest is told.
        """
        with self._lock:
            before = pipeline.embedded_nbytes
            largest = None if nbytes is None or before is None else max(nbytes, before)
            pipeline.embedded_nbytes = largest
            pipeline.embedded_at = where or pipeline.embedded_at

    def begins(self, pipeline: Pipeline) -> None:
        """An iteration begins."""
        with self._lock:
            pipeline.iterations += 1

    def came_out(self, pipeline: Pipeline, tensors: Iterable[Any]) -> None:
        """One element came out, which is made of these tensors."""
        with self._lock:
            if pipeline.elements is not None:
                pipeline.elements += 1
            for tensor in tensors:
                self._elements[id(tensor)] = weakref.ref(tensor), pipeline
                self._elements.move_to_end(id(tensor))
            while len(self._elements) > _MOST_ELEMENTS:
                self._elements.popitem(last=False)

    def comes_out_unseen(self, pipeline: Pipeline) -> None:
        """A graph has the iterator: how many elements come out is not told to Python."""
        pipeline.elements = None

    def observe(self, seen: Seen, identity: int, *, small: bool) -> None:
        """Count it where a Python function of a pipeline made it, or an element is read."""
        pipeline = self._pipeline_of_function()
        if pipeline is not None:
            self._count(pipeline.python, seen, small=small)
        elif seen.direction in READS:
            pipeline = self._pipeline_of_element(identity)
            if pipeline is not None:
                self._count(pipeline.read, seen, small=small)

    def _pipeline_of_function(self) -> Pipeline | None:
        recorder = self._recorder()
        if inner.driver is None or recorder is None:
            return None
        return inner.driver.pipelines.get(recorder)

    def _pipeline_of_element(self, identity: int) -> Pipeline | None:
        """Numbers of objects are given again: only while the element lives is it this one."""
        found = self._elements.get(identity)
        if found is None:
            return None
        tensor = found[0]()
        return found[1] if tensor is not None and id(tensor) == identity else None

    def _count(self, share: Share, seen: Seen, *, small: bool) -> None:
        with self._lock:
            if small:
                share.small += 1
                return
            share.count += 1
            known = share.nbytes is not None and seen.nbytes is not None
            share.nbytes = share.nbytes + seen.nbytes if known else None  # type: ignore[operator]


def pipelines_of(recorder: Recorder) -> Pipelines:
    """Those of this recorder, which counts conversions by them from now on."""
    return recorder.observer(Pipelines)
