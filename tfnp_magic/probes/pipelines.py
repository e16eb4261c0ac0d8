"""Iterations over ``tf.data`` pipelines, and what makes graphs call Python functions.

Chokepoints: ``OwnedIterator._create_iterator``, ``_next_internal`` and
``get_next_as_optional`` (tensorflow/python/data/ops/iterator_ops.py), through which every
eager iteration goes, Keras's too; ``DatasetV2.reduce``, ``get_single_element`` and
``save`` (dataset_ops.py), which run a pipeline without an iterator; ``Context.call_function``
(tensorflow/python/eager/context.py), which runs a graph, and may hand it an iterator; and
the constructors of ``_TensorDataset`` and ``_TensorSliceDataset`` (from_tensors_op.py,
from_tensor_slices_op.py), which make constants of arrays. Checked on 2.21.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from tfnp_magic.driving.callers import callers
from tfnp_magic.probes.iterations import Watch, is_eager, module_of
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import attempt
from tfnp_magic.scope import is_tracing

NAME = "pipeline"


def patches() -> list[AttributePatch]:
    """All of them; what was seen before they went in is another period."""
    callers.next_period()
    watch = Watch()
    iterator = module_of("data.ops.iterator_ops").OwnedIterator
    dataset = module_of("data.ops.dataset_ops").DatasetV2
    sources = (
        module_of("data.ops.from_tensors_op")._TensorDataset,
        module_of("data.ops.from_tensor_slices_op")._TensorSliceDataset,
    )
    methods = ("reduce", "get_single_element", "save")
    return [
        AttributePatch(iterator, "_create_iterator", functools.partial(_around_create, watch)),
        AttributePatch(iterator, "_next_internal", functools.partial(_around_next, watch, True)),
        AttributePatch(
            iterator, "get_next_as_optional", functools.partial(_around_next, watch, False)
        ),
        *(AttributePatch(dataset, n, functools.partial(_around_run, watch)) for n in methods),
        *(
            AttributePatch(kind, "__init__", functools.partial(_around_source, watch))
            for kind in sources
        ),
        AttributePatch(
            module_of("eager.context").Context,
            "call_function",
            functools.partial(_around_call, watch),
        ),
    ]


def _around_create(watch: Watch, original: Any) -> Any:
    def _create_iterator(self: Any, dataset: Any) -> Any:
        try:
            result = original(self, dataset)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if is_tracing() and is_eager():
            attempt(NAME, watch.creates, self, dataset, sys._getframe(1))
        return result

    return _create_iterator


def _around_next(watch: Watch, is_element: bool, original: Any) -> Any:
    def _next_internal(self: Any) -> Any:
        waiting = attempt(NAME, watch.asks, self, sys._getframe(1)) if is_tracing() else None
        try:
            result = original(self)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if waiting:
            attempt(NAME, watch.gives, waiting, result, is_element)
        return result

    return functools.wraps(original)(_next_internal)


def _around_run(watch: Watch, original: Any) -> Any:
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = attempt(NAME, watch.runs, self, sys._getframe(1)) if is_tracing() else None
        try:
            return original(self, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            callers.end(call)

    return functools.wraps(original)(run)


def _around_call(watch: Watch, original: Any) -> Any:
    def call_function(self: Any, name: Any, tensor_inputs: Any, *args: Any, **kwargs: Any) -> Any:
        call = attempt(NAME, watch.calls, self, name, tensor_inputs, sys._getframe(1))
        try:
            return original(self, name, tensor_inputs, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            if call is not None:
                callers.end(call)

    return call_function


def _around_source(watch: Watch, original: Any) -> Any:
    def __init__(self: Any, element: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        try:
            original(self, element, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if is_tracing():
            attempt(NAME, watch.makes, self, element, sys._getframe(1))

    return functools.wraps(original)(__init__)
