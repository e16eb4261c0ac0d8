"""What can be seen of a cell that ran, as plain data: all of it must be the same when traced."""

from __future__ import annotations

import dataclasses
import gc
import random
import re
import sys
import threading
import traceback
import types
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.eager.polymorphic_function.polymorphic_function import Function

from tests.contract.oracle import values
from tests.fuzz import prelude

_ADDRESS = re.compile(r"0x[0-9a-f]{4,}|/tmp/\S+|\bid=\d+|pyfunc_\d+|__\w+_\d+\b|_\d+\b")
"""What differs from run to run in messages."""

_SHARED_BY_ALL = (bool, int, float, str, bytes, type(None), type, types.BuiltinFunctionType)
"""Python has one object of many such values, and counts who else uses it."""

_SMALLEST = 4096
"""Bytes of memory of which the oracle's malloc says where it lies, and so whether it is shared."""

_OF_PRELUDE = frozenset(prelude.__all__) | {"__name__", "__builtins__", "__warningregistry__"}


@dataclasses.dataclass
class Outcome:
    """What can be seen of one run.

    Attributes
    ----------
    error
        What it raised: for each exception of the chain its type, message and frames.
    values
        Each name's value, bit by bit.
    sharing
        Pairs of names whose memory overlaps.
    references
        Each name's reference count.
    warnings
        Category, text, file and line.
    printed
        On standard output.
    random
        States of all generators.
    threads
        How many there are.
    alive, garbage
        Which values live on when the names are gone, and after a collection.
    tensors
        How many tensors live on that nobody named.
    """

    error: list[Any]
    values: dict[str, Any]
    sharing: list[tuple[str, str]]
    references: dict[str, int]
    warnings: list[Any]
    printed: str
    random: list[Any]
    threads: int
    alive: list[str] = dataclasses.field(default_factory=list)
    garbage: list[str] = dataclasses.field(default_factory=list)
    tensors: int = 0

    def differences(self, other: Outcome) -> list[str]:
        """What differs, a sentence each."""
        return [
            f"{field.name}: untraced {mine}, traced {theirs}"
            for field in dataclasses.fields(self)
            for mine, theirs in _differing(getattr(self, field.name), getattr(other, field.name))
        ]


def _differing(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    if one == other:
        return
    if isinstance(one, dict):
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                yield (key, one.get(key)), other.get(key)
    else:
        yield one, other


def seen(space: dict[str, Any], error: Any, caught: list[Any], printed: str) -> Outcome:
    """Look at a namespace after a run, then empty it, and look at what stays."""
    names = {name: value for name, value in space.items() if name not in _OF_PRELUDE}
    told_error = _error(error)
    # Its frames hold their functions' arguments, and ours among them, as long as it lives.
    _let_go(error)
    references = {
        name: sys.getrefcount(names[name])
        for name in names
        if not isinstance(names[name], _SHARED_BY_ALL) and not _is_small(names[name])
    }
    told = Outcome(
        told_error,
        {name: described(value) for name, value in names.items()},
        _sharing(names),
        references,
        [_warning(one) for one in caught],
        _masked(printed),
        _random(),
        threading.active_count(),
    )
    ends = {name: ref for name, value in names.items() if (ref := _weak(value)) is not None}
    error = None
    caught.clear()
    names.clear()
    space.clear()
    told.alive = [name for name, ref in ends.items() if ref() is not None]
    gc.collect()
    told.garbage = [name for name, ref in ends.items() if ref() is not None]
    told.tensors = sum(issubclass(type(one), tf.Tensor) for one in gc.get_objects())
    return told


def _is_small(value: Any) -> bool:
    """Whether it is chance where it lies, and so whether an op kept it."""
    return isinstance(value, np.ndarray) and value.nbytes < _SMALLEST


def _weak(value: Any) -> weakref.ref[Any] | None:
    if isinstance(value, (np.ndarray, tf.Tensor, tf.Variable, Function)):
        return weakref.ref(value)
    return None


def _let_go(error: BaseException | None) -> None:
    """The frames of an exception hold what their functions used."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _error(error: BaseException | None) -> list[Any]:
    chain = []
    while error is not None:
        frames = [
            (frame.f_code.co_filename, line, frame.f_code.co_name)
            for frame, line in traceback.walk_tb(error.__traceback__)
        ]
        # The first is ours, which runs the cell.
        chain.append((type(error).__name__, _masked(str(error)), _cells(frames)))
        chain.append(getattr(error, "__notes__", None))
        error = error.__cause__ or error.__context__
    return chain


def _cells(frames: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    return [
        ("autograph", 0, name) if "__autograph" in file else (file, line, name)
        for file, line, name in frames
        if not file.endswith("fuzz/running.py")
    ]


def _warning(one: Any) -> tuple[Any, ...]:
    return one.category.__name__, _masked(str(one.message)), one.filename, one.lineno


def _masked(text: str) -> str:
    return _ADDRESS.sub("…", text)


def _random() -> list[Any]:
    legacy = np.random.get_state()
    return [
        random.getstate(),
        (legacy[0], legacy[1].tobytes(), *legacy[2:]),
        context.context()._rng.getstate() if context.context()._rng else None,
    ]


def _sharing(names: dict[str, Any]) -> list[tuple[str, str]]:
    """Names with overlapping memory; what TensorFlow keeps of small numbers is left out."""
    views = [(name, view) for name, value in names.items() for view in values.views(value)]
    views = [(name, view) for name, view in views if view.nbytes >= _SMALLEST]
    return [
        (one, other)
        for position, (one, view) in enumerate(views)
        for other, further in views[position + 1 :]
        if np.may_share_memory(view, further)
    ]


def described(value: Any, depth: int = 0) -> Any:
    """A value as plain data that is equal only if it is the same, bit by bit."""
    if isinstance(value, np.ma.MaskedArray):
        return "masked", described(value.data, depth), described(np.asarray(value.mask), depth)
    if isinstance(value, (np.ndarray, np.generic)):
        return _array(value)
    if isinstance(value, tf.Variable):
        return "variable", _tensor(value.value()), value.name.split("_")[0]
    if isinstance(value, tf.Tensor):
        return _tensor(value)
    if isinstance(value, memoryview):
        return "memoryview", value.format, value.shape, value.readonly, value.tobytes()
    if isinstance(value, Function):
        return "function", value.experimental_get_tracing_count()
    if isinstance(value, weakref.ref):
        return "reference", value() is None
    if isinstance(value, tf.data.Dataset):
        return "pipeline", repr(value.element_spec)
    if isinstance(value, (list, tuple, set)) and depth < 3:
        return type(value).__name__, [described(one, depth + 1) for one in value]
    if isinstance(value, (types.FunctionType, type)):
        return type(value).__name__, value.__name__
    if isinstance(value, float):
        return "float", value.hex()
    return type(value).__name__, _masked(repr(value))


def _array(value: Any) -> tuple[Any, ...]:
    array = np.asarray(value)
    flags = (
        ()
        if isinstance(value, np.generic)
        else tuple(value.flags[name] for name in ("C", "F", "O", "W", "A"))
    )
    # Between the numbers of 80 bits lies what was there before.
    is_told = array.dtype.hasobject or array.dtype.char in "gG"
    content = repr(array.tolist()) if is_told else array.tobytes()
    kept = type(value).__name__, str(value.dtype), value.shape, value.strides, flags
    return *kept, _masked(content) if isinstance(content, str) else content


def _tensor(tensor: Any) -> tuple[Any, ...]:
    if not hasattr(tensor, "_numpy_internal"):
        return type(tensor).__name__, tensor.dtype.name, str(tensor.shape)
    kept = type(tensor).__name__, tensor.dtype.name, tuple(tensor.shape), tensor.device
    if tensor.dtype in (tf.resource, tf.variant):
        return kept
    value = tensor._numpy_internal()  # of one string, it is that
    return *kept, tensor.backing_device, value if isinstance(value, bytes) else _array(value)
