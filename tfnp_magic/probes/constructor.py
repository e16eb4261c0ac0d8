"""Array to tensor by way of ``EagerTensor(value, device, dtype)``.

Chokepoints: ``EagerTensor.__init__`` (C, tensorflow/python/eager/pywrap_tensor.cc
``EagerTensor_init``) and, for who and which array, ``convert_to_eager_tensor``
(tensorflow/python/framework/constant_op.py), which copies an ndarray before it hands
it on. Checked on 2.21.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tfnp_magic.facts import (
    HOST,
    Span,
    eager_tensor_type,
    lives_on_host,
    shape_of_tensor,
    short_device,
    span_of_array,
    span_of_tensor,
    tensor_nbytes,
)
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, Verdict
from tfnp_magic.probes.patch import AttributePatch, CodePatch, without_our_frame
from tfnp_magic.probes.reporting import array_facts, python_value, report, scalar_facts
from tfnp_magic.probes.sources import arrays_within, dtype_name, is_array_like, numpy_memory
from tfnp_magic.recorder import Seen, clock
from tfnp_magic.scope import inner, listeners
from tfnp_magic.verdict import ArrayFacts, of_constructor

NAME = "tensor constructor"


def patches() -> list[AttributePatch | CodePatch]:
    """The constructor, and the function that says whose array it was."""
    constant_op = sys.modules["tensorflow.python.framework.constant_op"]
    return [
        AttributePatch(eager_tensor_type(), "__init__", _around_init),
        CodePatch(constant_op.convert_to_eager_tensor, _around_convert),
    ]


def _around_convert(original: Any) -> Any:
    def convert_to_eager_tensor(value: Any, *args: Any, **kwargs: Any) -> Any:
        outer, inner.handed = inner.handed, value
        try:
            return original(value, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            inner.handed = outer

    return convert_to_eager_tensor


def _around_init(original: Any) -> Any:
    def __init__(self: Any, value: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        hearing = listeners()
        if not hearing:
            return original(self, value, *args, **kwargs)
        started = clock()
        inner.absorbing += 1
        try:
            original(self, value, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            inner.absorbing -= 1
        duration = clock() - started
        given = inner.handed
        report(NAME, hearing, sys._getframe(1), _describe, self, value, given, duration)
        return None

    return __init__


def _describe(tensor: Any, value: Any, given: Any, duration_ns: int) -> Seen | None:
    if isinstance(value, eager_tensor_type()):
        return None
    if isinstance(value, np.ndarray):
        copied = _is_copy_of(value, given)
        mine = given if copied else value
        source = array_facts(mine)
        return _seen(tensor, source, span_of_array(value), copied, duration_ns, id(mine))
    if isinstance(value, np.generic):
        return _seen(tensor, scalar_facts(value), None, False, duration_ns, id(value))
    if is_array_like(value):
        memory = numpy_memory(value)
        if memory is None:
            dtype = dtype_name(value)
            return _seen_from_objects(tensor, dtype, duration_ns, id(value))
        # NumPy may call it read-only; through the pandas object it can be written to.
        source = array_facts(memory)._replace(writable=True)
        return _seen(tensor, source, source.span, False, duration_ns, id(value))
    dtype_within = arrays_within(value)
    if dtype_within is not None:
        return _seen_from_objects(tensor, dtype_within, duration_ns, id(value))
    return python_value(value, tensor, "tf.constant", duration_ns)


def _is_copy_of(value: np.ndarray[Any, Any], given: Any) -> bool:
    return (
        isinstance(given, np.ndarray)
        and given is not value
        and given.shape == value.shape
        and given.dtype == value.dtype
    )


def _seen(
    tensor: Any,
    source: ArrayFacts,
    handed: Span | None,
    copied_before: bool,
    duration_ns: int,
    identity: int,
) -> Seen:
    dtype_to = tensor.dtype.name
    nbytes = tensor_nbytes(tensor)
    if handed is None and nbytes is not None:
        verdict = Verdict("copy", "inferred", "a scalar has no memory to share", nbytes)
    elif not lives_on_host(tensor) and nbytes is not None:
        before = source.nbytes if copied_before else 0
        verdict = Verdict("copy", "inferred", "copied to another device's memory", before + nbytes)
    else:
        result = span_of_tensor(tensor)
        verdict = of_constructor(source, handed, copied_before, result, dtype_to, nbytes)
    return _of(tensor, source.dtype, source.nbytes, verdict, duration_ns, identity)


def _seen_from_objects(tensor: Any, dtype: str, duration_ns: int, identity: int) -> Seen:
    """Several arrays, or an object that makes its array on demand: one tensor of them."""
    nbytes = tensor_nbytes(tensor)
    reason = "its arrays were put together into a new buffer"
    verdict = Verdict("copy", "inferred", reason, nbytes)
    return _of(tensor, dtype, nbytes, verdict, duration_ns, identity)


def _of(
    tensor: Any, dtype: str, nbytes: int | None, verdict: Verdict, duration_ns: int, identity: int
) -> Seen:
    return Seen(
        "tf.constant",
        NUMPY_TO_TENSORFLOW,
        shape_of_tensor(tensor),
        dtype,
        tensor.dtype.name,
        HOST,
        short_device(tensor.backing_device),
        nbytes,
        verdict,
        duration_ns,
        identity,
    )
