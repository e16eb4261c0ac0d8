"""What is known of iterations over pipelines, and of the graphs that run, while a trace is open."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import FrameType
from typing import Any, NamedTuple

from tfnp_magic.activity import Pipeline
from tfnp_magic.driving.callers import Call, Iteration, callers
from tfnp_magic.driving.driver import NOBODY, Driver
from tfnp_magic.driving.pipelines import Pipelines, pipelines_of
from tfnp_magic.facts import eager_tensor_type
from tfnp_magic.lifetimes import WhileAlive
from tfnp_magic.model import Place
from tfnp_magic.probes import contents
from tfnp_magic.probes.contents import Content, Contents
from tfnp_magic.probes.python_functions import generators_of
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.scope import inner, overhearing, tokens_here


def module_of(name: str) -> Any:
    """One of TensorFlow's own modules; some it imports only when they are needed."""
    full = f"tensorflow.python.{name}"
    return sys.modules.get(full) or importlib.import_module(full)


def is_eager() -> bool:
    """Whether ops run at once here, and are not put into a graph."""
    return bool(module_of("eager.context").executing_eagerly())


class Watch:
    """What the chokepoints know of each other's, while they are in.

    Attributes
    ----------
    contents
        What pipelines and graphs are made of.
    origins
        Where the source of a pipeline was made, by the source.
    """

    def __init__(self) -> None:
        self.contents = Contents()
        self.origins: WhileAlive[Any, _Origins] = WhileAlive()
        self._first_token = module_of("ops.script_ops")._py_funcs._unique_id
        self._knows_older = False
        self._variants: dict[Any, tuple[int, ...]] = {}

    def creates(self, iterator: Any, dataset: Any, frame: FrameType) -> None:
        """An iterator was made: who made it drives what it does."""
        callers.goes_on()
        hearing = overhearing()
        content = self.contents.of_dataset(dataset)
        driver = Driver(frame, hearing)
        for recorder in hearing:
            driver.pipelines[recorder] = self._pipeline(recorder, frame, dataset)
        self._add(iterator, content, driver, callers.period)
        self._look_for_older(content)

    def _add(self, iterator: Any, content: Content, driver: Driver, period: int) -> Iteration:
        resource = id(iterator._iterator_resource)
        iteration = Iteration(
            content.tokens,
            content.once,
            content.has_options,
            driver,
            resource,
            period,
        )
        iteration.started = not period
        callers.add(iterator, iteration)
        return iteration

    def asks(self, iterator: Any, frame: FrameType) -> list[_Waiting] | None:
        """An iterator is asked for an element: who counts it; None for one in a graph."""
        callers.goes_on()
        dataset = vars(iterator).get("_dataset")
        if dataset is None or not is_eager():
            return None
        iteration = callers.of(iterator)
        if iteration is None:
            content = self.contents.of_dataset(dataset)
            iteration = self._add(iterator, content, NOBODY, 0)
            self._look_for_older(content)
        hearing = overhearing()
        if not all(recorder in iteration.driver.pipelines for recorder in hearing):
            self._consumes(iteration, iterator, frame)
        if not iteration.started:
            self._starts(iteration)
        pipelines = iteration.driver.pipelines
        return [(pipelines_of(r), p) for r in hearing if (p := pipelines.get(r)) is not None]

    def _starts(self, iteration: Iteration) -> None:
        """An iteration begins when the first element is asked for."""
        iteration.started = True
        for recorder, pipeline in list(iteration.driver.pipelines.items()):
            pipelines_of(recorder).begins(pipeline)

    def _consumes(self, iteration: Iteration, iterator: Any, frame: FrameType) -> None:
        """Of an iterator that a trace does not know, it knows who goes on with it."""
        hearing = [one for one in overhearing() if not iteration.driver.knows(one)]
        if not hearing:
            return
        driver = Driver(frame, hearing)
        for recorder in hearing:
            driver.pipelines[recorder] = self._pipeline(recorder, frame, iterator._dataset)
        iteration.driver = iteration.driver.joined_by(driver)

    def _pipeline(self, recorder: Recorder, frame: FrameType, dataset: Any) -> Pipeline:
        content = self.contents.of_dataset(dataset)
        site, route = recorder.whereabouts(frame, "iteration")
        found = pipelines_of(recorder).at(site, route.name, content.steps)
        origins = list(self._origins_of(dataset, recorder))
        where = next((origin.line for origin in origins if origin.line is not None), None)
        pipelines_of(recorder).holds(found, content.embedded_nbytes, where)
        found.made_by = next((origin.maker for origin in origins if origin.maker), "")
        return found

    def gives(self, waiting: list[_Waiting], element: Any, is_element: bool) -> None:
        """It was given one; of one that may be none, it is not known whether it is."""
        for pipelines, pipeline in waiting:
            if is_element:
                pipelines.came_out(pipeline, _tensors_of(element))
            else:
                pipelines.comes_out_unseen(pipeline)

    def makes(self, source: Any, given: Any, frame: FrameType) -> None:
        """The source of a pipeline was made: of arrays, unless its tensors were there before."""
        if not is_eager():
            return
        before = {id(tensor) for tensor in _tensors_of(given)}
        embeds = any(id(tensor) not in before for tensor in source._tensors)
        origins: _Origins = WhileAlive()
        for recorder in overhearing():
            site, route = recorder.whereabouts(frame, _OWN)
            maker = "" if route.name.startswith(_OWN) else route.name
            origins[recorder] = _Origin(site.line if embeds else None, maker)
        self.origins[source] = origins

    def _origins_of(self, dataset: Any, recorder: Recorder) -> Iterator[_Origin]:
        """Where the sources of a pipeline were made, as far as that was seen."""
        known = self.origins.get(dataset)
        if known is not None and recorder in known:
            yield known[recorder]
        for each in dataset._inputs():
            for origin in self._origins_of(each, recorder):
                # What a generator is made of is no array of the user's.
                yield origin._replace(line=None) if contents.is_generator(dataset) else origin

    def runs(self, dataset: Any, frame: FrameType) -> Call | None:
        """A pipeline is run as a whole, while its caller waits."""
        callers.goes_on()
        content = self.contents.of_dataset(dataset)
        if not content.tokens:
            return None
        self._look_for_older(content)
        return self._begin(frame, content.tokens, frozenset())

    def calls(
        self, context: Any, name: Any, inputs: Sequence[Any], frame: FrameType
    ) -> Call | None:
        """A graph is called; None where it can call no Python function and has no iterator."""
        callers.goes_on()
        content = contents.NOTHING
        if contents.calls_python():
            content = self._of_call(name, inputs)
            if content.iterates:
                self._find_older()
        known = callers.resources
        resources = [id(each) for each in inputs if id(each) in known] if known else ()
        calls_python = bool(content.tokens)
        if resources:
            calls_python |= self._hands_over(resources, context, frame)
        if not calls_python or context.is_async():  # nobody will ask who called, or not in time
            return None
        self._look_for_older(content)
        return self._begin(frame, content.tokens, frozenset(map(id, inputs)))

    def _of_call(self, name: Any, inputs: Sequence[Any]) -> Content:
        variants = self._variants.get(name)
        if variants is None:
            places = [i for i, each in enumerate(inputs) if each.dtype.name == "variant"]
            variants = self._variants[name] = tuple(places)
        content = self.contents.of_function(name)
        if not variants:
            return content
        given = [self.contents.of_variant(inputs[place]) for place in variants]
        return contents.joined([content, *given])

    def _hands_over(self, resources: Iterable[int], context: Any, frame: FrameType) -> bool:
        """A graph is given an iterator: elements come out inside; whether it can call Python."""
        calls_python, hearing = False, overhearing()
        for resource in resources:
            iteration = callers.resources.get(resource)
            iterator = None if iteration is None else iteration.iterator()
            if iteration is None or iterator is None:
                continue
            calls_python |= bool(iteration.tokens)
            if iteration.started and all(_is_unseen(iteration, r) for r in hearing):
                continue  # it was given to a graph before
            if context.is_async():
                continue
            waiting = self.asks(iterator, frame)
            if waiting:
                self.gives(waiting, None, False)
        return calls_python

    def _begin(self, frame: FrameType, tokens: frozenset[str], inputs: frozenset[int]) -> Call:
        call = Call(frame, overhearing(), inner.driver, tokens_here(), tokens, inputs)
        callers.begin(call)
        return call

    def _look_for_older(self, content: Content) -> None:
        """Iterators of before the trace may call the same functions; generators have numbers."""
        if self._knows_older:
            return
        registry = module_of("ops.script_ops")._py_funcs
        older = [token for token in content.tokens if _number(token) < self._first_token]
        if any(generators_of(registry.get(token)) is None for token in older):
            self._find_older()

    def _find_older(self) -> None:
        if self._knows_older:
            return
        self._knows_older = True
        for iterator in contents.all_iterators():
            dataset = vars(iterator).get("_dataset")
            if dataset is None or callers.of(iterator) is not None:
                continue
            if isinstance(iterator._iterator_resource, eager_tensor_type()):
                self._add(iterator, self.contents.of_dataset(dataset), NOBODY, 0)


_Waiting = tuple[Pipelines, Pipeline]
"""Who counts the element that an iterator is asked for, and in what."""


def _is_unseen(iteration: Iteration, recorder: Recorder) -> bool:
    """Whether a recorder was told before that it does not see the elements."""
    pipeline = iteration.driver.pipelines.get(recorder)
    return pipeline is not None and pipeline.elements is None


class _Origin(NamedTuple):
    """Where the source of a pipeline was made.

    Attributes
    ----------
    line
        Where arrays became constants; None where none did.
    maker
        The library's function that made it; empty where the user's code did.
    """

    line: Place | None
    maker: str


_Origins = WhileAlive[Recorder, _Origin]

_OWN = "tf.data."
"""Begins the names of what a user makes a pipeline with."""


def _number(token: str) -> int:
    """``pyfunc_12`` was registered as the twelfth."""
    return int(token.rpartition("_")[2])


def _tensors_of(element: Any, depth: int = 4) -> Iterator[Any]:
    """The eager tensors in nested tuples, lists and dicts."""
    if isinstance(element, eager_tensor_type()):
        yield element
    elif depth and isinstance(element, tuple | list):
        for part in element:
            yield from _tensors_of(part, depth - 1)
    elif depth and type(element) is dict:
        for part in element.values():
            yield from _tensors_of(part, depth - 1)
