"""Methods of Keras models that run over batches, and how far they are.

Chokepoints: ``TensorFlowTrainer.fit``, ``evaluate``, ``predict`` and their ``_on_batch``
companions (keras/src/backend/tensorflow/trainer.py), of which every model is a subclass;
``CallbackList``, which they tell where they are (keras/src/callbacks/callback_list.py), on
the thread that called: Keras holds TensorFlow for not thread-safe. Checked on Keras 3.15;
with another backend than TensorFlow, the trainer's module is never imported.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from tfnp_magic.driving.model_calls import RunningCall, Validation, call_here, counter_of
from tfnp_magic.probes.awaited import Awaited
from tfnp_magic.probes.patch import AttributePatch, among_tensorflows, without_our_frame
from tfnp_magic.probes.reporting import ask, attempt
from tfnp_magic.scope import overhearing

if TYPE_CHECKING:
    from tfnp_magic.recorder.recorder import Recorder

NAME = "Keras model"

_TRAINER = "keras.src.backend.tensorflow.trainer"
_CALLBACKS = "keras.src.callbacks.callback_list"

_METHODS = ("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch")

_VALIDATION = "_use_cached_eval_dataset"
"""What `fit` hands `evaluate`, and nobody else does."""


def patches() -> list[Awaited]:
    """The methods of both classes, once Keras is there."""
    return [Awaited(NAME, _TRAINER, _patches)]


def _patches() -> list[AttributePatch]:
    trainer = sys.modules[_TRAINER].TensorFlowTrainer
    callbacks = sys.modules[_CALLBACKS].CallbackList
    return [
        *(AttributePatch(trainer, method, _around_method(method)) for method in _METHODS),
        *(AttributePatch(callbacks, name, _before(tell)) for name, tell in _BEFORE.items()),
        *(AttributePatch(callbacks, name, _after(tell)) for name, tell in _AFTER.items()),
        AttributePatch(callbacks, "on_epoch_end", _around_epoch_end),
    ]


def _around_method(method: str) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        @functools.wraps(original)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            hearing = [recorder for recorder in overhearing() if recorder.hears(NAME)]
            data = args[0] if args else kwargs.get("x")
            part = None
            if hearing:
                is_validation = bool(kwargs.get(_VALIDATION))
                frame = sys._getframe(1)
                part = ask(NAME, hearing, _part, hearing, method, frame, self, data, is_validation)
                del frame
            del data
            done = False
            try:
                if part is not None:
                    part.begin()
                result = original(self, *args, **kwargs)
                done = True
            except BaseException as exc:
                without_our_frame(exc)
                raise
            finally:
                if part is not None:
                    part.end(done=done)
            return result

        return among_tensorflows(call)

    return make


def _part(
    hearing: list[Recorder],
    method: str,
    frame: FrameType,
    model: Any,
    data: Any,
    is_validation: bool,
) -> RunningCall | Validation:
    """What begins: a call in the recordings that hear it, or a part of the one that runs."""
    outer = call_here()
    if is_validation and outer is not None and outer.model == id(model):
        return Validation(outer, _length_of_validation(model))
    entries, rows = {}, _rows(data)
    for recorder in hearing:
        counter = counter_of(recorder)
        calls = entries[counter] = counter.entry(frame, f"{type(model).__name__}.{method}")
        calls.calls += 1
        calls.rows = None if calls.rows is None or rows is None else calls.rows + rows
    is_batch = method.endswith("_on_batch")
    stride = 1 if is_batch else int(getattr(model, "steps_per_execution", 1))
    return RunningCall(id(model), stride, entries, is_batch=is_batch)


def _length_of_validation(model: Any) -> int | None:
    """How many batches of validation data there are; None where Keras does not know yet."""
    iterator = getattr(model, "_eval_epoch_iterator", None)
    return getattr(iterator, "num_batches", None)


_OF_LIBRARIES = ("numpy", "tensorflow", "keras", "pandas", "scipy", "jax", "jaxlib", "torch")
"""Packages whose objects have a shape that may be asked for: it runs no code of the user's."""


def _rows(data: Any) -> int | None:
    """Rows of the first array of what a model is given; None where that has no length."""
    for _ in range(_DEPTH):
        if type(data) in (list, tuple) and data:
            data = data[0]
        elif type(data) is dict and data:
            data = next(iter(data.values()))
    if type(data).__module__.partition(".")[0] not in _OF_LIBRARIES:
        return None
    shape = getattr(data, "shape", None)
    try:
        return int(shape[0])  # type: ignore[index]
    except (TypeError, IndexError, ValueError):  # a data set, a number, an unknown length
        return None


_DEPTH = 4
"""Lists in lists that are looked into for the first array."""


_Tell = Callable[[RunningCall, Any, tuple[Any, ...]], None]
"""Given the call, its list of callbacks, and what that was told."""


def _begin_epoch(call: RunningCall, callbacks: Any, told: tuple[Any, ...]) -> None:
    call.begin_epoch()


def _begin_batch(call: RunningCall, callbacks: Any, told: tuple[Any, ...]) -> None:
    call.begin_batch(int(told[0]) if told else 0)


def _end_batch(call: RunningCall, callbacks: Any, told: tuple[Any, ...]) -> None:
    call.end_batch((callbacks.params or {}).get("steps"))


def _break_off(call: RunningCall, callbacks: Any, told: tuple[Any, ...]) -> None:
    call.break_off()


_BEFORE: dict[str, _Tell] = {
    "on_epoch_begin": _begin_epoch,
    **{f"on_{kind}_batch_begin": _begin_batch for kind in ("train", "test", "predict")},
    **{f"on_{kind}_end": _break_off for kind in ("train", "test", "predict")},
}
_AFTER: dict[str, _Tell] = {
    f"on_{kind}_batch_end": _end_batch for kind in ("train", "test", "predict")
}


def _before(tell: _Tell) -> Callable[[Any], Any]:
    """What callbacks do at a beginning is part of what begins."""

    def make(original: Any) -> Any:
        @functools.wraps(original)
        def on_begin(self: Any, *args: Any, **kwargs: Any) -> Any:
            call = call_here()
            if call is not None:
                attempt(NAME, tell, call, self, args)
            try:
                return original(self, *args, **kwargs)
            except BaseException as exc:
                without_our_frame(exc)
                raise

        return on_begin

    return make


def _after(tell: _Tell) -> Callable[[Any], Any]:
    """What callbacks do at an end is part of what ends."""

    def make(original: Any) -> Any:
        @functools.wraps(original)
        def on_end(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                result = original(self, *args, **kwargs)
            except BaseException as exc:
                without_our_frame(exc)
                raise
            call = call_here()
            if call is not None:
                attempt(NAME, tell, call, self, args)
            return result

        return on_end

    return make


def _around_epoch_end(original: Any) -> Any:
    """The last batch may have found no more data; the callbacks are the epoch's."""
    return _before(_break_off)(_after(_end_epoch)(original))


def _end_epoch(call: RunningCall, callbacks: Any, told: tuple[Any, ...]) -> None:
    call.end_epoch()
