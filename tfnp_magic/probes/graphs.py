"""How often graphs ran, and which call it was that ran one.

What happens inside a graph no probe sees. Where TensorFlow's own profiler looks into it
(`tfnp_magic.in_graphs.profiling`), a marker goes into its profile around each call that may run
a graph.

Chokepoints: ``Context.call_function`` and ``Context.remove_function``
(tensorflow/python/eager/context.py), through which a ``tf.function`` runs its graph, and
leaves; ``OwnedIterator._create_iterator``, ``_next_internal`` and ``get_next_as_optional``
(tensorflow/python/data/ops/iterator_ops.py), ``DatasetV2.reduce`` (dataset_ops.py) and
``reduce_dataset`` (tensorflow/python/ops/gen_dataset_ops.py), which run those of pipelines;
``profiler_v2.start`` (tensorflow/python/profiler/profiler_v2.py). All checked on 2.16 and 2.21.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from tfnp_magic.in_graphs.profiling import TAKEN, profiler
from tfnp_magic.in_graphs.timeline import MARKER
from tfnp_magic.lifetimes import WhileAlive
from tfnp_magic.probes.patch import AttributePatch, CodePatch, without_our_frame
from tfnp_magic.probes.reporting import ask, attempt
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.scope import inner, listeners, overhearing

NAME = "graph call"


def patches() -> list[AttributePatch | CodePatch]:
    """The context's methods, the ops of pipelines, and what begins the user's own profile."""
    context = sys.modules["tensorflow.python.eager.context"].Context
    iterator = importlib.import_module("tensorflow.python.data.ops.iterator_ops").OwnedIterator
    dataset = importlib.import_module("tensorflow.python.data.ops.dataset_ops").DatasetV2
    ops = importlib.import_module("tensorflow.python.ops.gen_dataset_ops")
    own_profile = importlib.import_module("tensorflow.python.profiler.profiler_v2")
    return [
        AttributePatch(context, "call_function", _around_call),
        AttributePatch(context, "remove_function", _before_removal),
        AttributePatch(iterator, "_create_iterator", _around_create),
        AttributePatch(iterator, "_next_internal", _around_next),
        AttributePatch(iterator, "get_next_as_optional", _around_next),
        AttributePatch(ops, "reduce_dataset", _around_reduce),
        AttributePatch(dataset, "reduce", _before_reduce),
        CodePatch(own_profile.start, _instead_of_ours),
    ]


def _around_call(original: Any) -> Any:
    def call_function(self: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if not profiler.is_running:
                return original(self, name, *args, **kwargs)
            inputs = args[0] if args else kwargs.get("tensor_inputs", ())
            hearing = listeners()
            pipelines = ask(NAME, hearing, _iterated_by, inputs) or ()
            with _marked((_text(name),), pipelines, hearing, sys._getframe(1)):
                return original(self, name, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise

    return call_function


def _around_create(original: Any) -> Any:
    def _create_iterator(self: Any, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if not profiler.is_running:
                return original(self, dataset, *args, **kwargs)
            with _of_pipeline(dataset, (), sys._getframe(1)):
                original(self, dataset, *args, **kwargs)
            attempt(NAME, _iterators.add, self._iterator_resource, dataset)
        except BaseException as exc:
            without_our_frame(exc)
            raise

    return _create_iterator


def _around_next(original: Any) -> Any:
    def next_element(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if not profiler.is_running:
                return original(self, *args, **kwargs)
            with _of_pipeline(vars(self).get("_dataset"), (), sys._getframe(1)):
                return original(self, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise

    return next_element


def _around_reduce(original: Any) -> Any:
    def reduce_dataset(*args: Any, **kwargs: Any) -> Any:
        try:
            if not profiler.is_running:
                return original(*args, **kwargs)
            own = attempt(NAME, _function_among, kwargs) or ()
            with _of_pipeline(_reduced.dataset, own, sys._getframe(1)):
                return original(*args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise

    return reduce_dataset


def _function_among(arguments: dict[str, Any]) -> tuple[str, ...]:
    """The name of the function that reduces; none where the op is not given it by name."""
    function = arguments.get("f")
    return () if function is None else (_text(function.name),)


class _Reduced(threading.local):
    """What a thread reduces: the op that does it gets no dataset, but what it is in C++."""

    dataset: Any = None


_reduced = _Reduced()


def _before_reduce(original: Any) -> Any:
    def reduce(self: Any, *args: Any, **kwargs: Any) -> Any:
        _reduced.dataset = self
        try:
            return original(self, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            _reduced.dataset = None

    return reduce


class _Iterators:
    """The pipelines of iterators, by what a graph is given of them."""

    def __init__(self) -> None:
        self._found: WhileAlive[Any, tuple[str, ...]] = WhileAlive()

    def add(self, resource: Any, dataset: Any) -> None:
        """An iterator over a dataset was made."""
        self._found[resource] = _functions_of(dataset)

    def functions_among(self, inputs: Any) -> tuple[str, ...]:
        """Names of the functions of the pipelines whose iterators are among a graph's inputs."""
        found = [self._found.get(each, ()) for each in inputs]
        return tuple(dict.fromkeys(name for names in found for name in names))


_iterators = _Iterators()


def _iterated_by(inputs: Any) -> tuple[str, ...]:
    return _iterators.functions_among(inputs)


def _of_pipeline(dataset: Any, own: tuple[str, ...], frame: FrameType) -> Any:
    """A marker around what a pipeline does for an element; nothing of a graph's is known."""
    hearing = overhearing()
    functions = ask(NAME, hearing, _functions_of, dataset)
    pipelines = () if functions is None or dataset is None else (*functions, *own)
    return _marked((), pipelines, hearing, frame)


_functions: WhileAlive[Any, tuple[str, ...]] = WhileAlive()
"""What was found of a dataset: an iterator is asked for each element."""


def _functions_of(dataset: Any) -> tuple[str, ...]:
    """Names of the functions of a dataset and of those that it is made of."""
    if dataset is None:
        return ()
    found: tuple[str, ...] | None = _functions.get(dataset)
    if found is None:
        own = [each.function.name for each in dataset._functions()]
        inputs = [name for each in dataset._inputs() for name in _functions_of(each)]
        found = _functions[dataset] = tuple(dict.fromkeys(map(_text, own + inputs)))
    return found


class _Unmarked:
    """Stands for a marker where there is none."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


_NOTHING = _Unmarked()


def _marked(
    functions: tuple[str, ...],
    pipelines: tuple[str, ...],
    hearing: list[Recorder],
    frame: FrameType,
) -> Any:
    """A marker in the profile, while entered; nothing where a conversion absorbs all in it."""
    profiler.end_if_late()
    if inner.absorbing:
        return _NOTHING
    number = ask(NAME, hearing, profiler.calls.number, functions, pipelines, hearing, frame)
    if number is None:
        return _NOTHING
    trace = sys.modules["tensorflow.python.profiler.trace"]
    return trace.Trace(MARKER, call=number)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _before_removal(original: Any) -> Callable[..., Any]:
    def remove_function(self: Any, name: Any) -> Any:
        if profiler.is_running:
            attempt(NAME, profiler.library.remember, _text(name))
        try:
            return original(self, name)
        except BaseException as exc:
            without_our_frame(exc)
            raise

    return remove_function


def _instead_of_ours(original: Any) -> Callable[..., Any]:
    def start(*args: Any, **kwargs: Any) -> Any:
        if profiler.is_running:
            ask(NAME, [], profiler.give_way, TAKEN)
        try:
            return original(*args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise

    return start
