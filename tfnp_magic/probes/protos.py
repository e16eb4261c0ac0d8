"""Values written into a ``TensorProto`` (a graph's constants), and read out of one.

Chokepoints: ``tensor_util.make_tensor_proto`` and ``MakeNdarray``
(tensorflow/python/framework/tensor_util.py, 2.21). They are bound under many names at
import (``tf.make_tensor_proto``), so their code is swapped, not an attribute.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tfnp_magic.facts import HOST, eager_tensor_type, itemsize_of, short_device, span_of_array
from tfnp_magic.guards.guard import InteropError
from tfnp_magic.model import (
    GRAPH,
    NUMPY_TO_TENSORFLOW,
    PYTHON_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    TENSORFLOW_TO_PYTHON,
    Storage,
)
from tfnp_magic.probes import baking
from tfnp_magic.probes.allocations import Taken, ring
from tfnp_magic.probes.memory_copies import LEAST
from tfnp_magic.probes.patch import CodePatch, without_our_frame
from tfnp_magic.probes.reporting import ask, report
from tfnp_magic.probes.sources import arrays_within, dtype_name, is_array_like
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import Seen, clock
from tfnp_magic.scope import inner, listeners, overhearing
from tfnp_magic.verdict import copied, of_proto

NAME = "TensorProto"


def patches() -> list[CodePatch]:
    """Both functions."""
    module = sys.modules["tensorflow.python.framework.tensor_util"]
    return [
        CodePatch(module.make_tensor_proto, _around_make),
        CodePatch(module.MakeNdarray, _around_read),
    ]


def _around_make(original: Any) -> Any:
    def make_tensor_proto(values: Any, *args: Any, **kwargs: Any) -> Any:
        hearing = overhearing()
        mark = ask(baking.NAME, hearing, _begin_to_bake, values, hearing) if hearing else None
        return _traced(original, _describe_make, values, args, kwargs, mark)

    return make_tensor_proto


def _around_read(original: Any) -> Any:
    def make_ndarray(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        return _traced(original, _describe_read, tensor, args, kwargs, None)

    return make_ndarray


def _traced(
    original: Any, describe: Any, value: Any, args: Any, kwargs: Any, baked_at: int | None
) -> Any:
    hearing = listeners()
    started, mark = clock(), ring.mark()
    inner.absorbing += 1
    try:
        result = original(value, *args, **kwargs)
    except BaseException as exc:
        without_our_frame(exc)  # this frame; the caller's own drops itself likewise
        raise
    finally:
        inner.absorbing -= 1
    if hearing:
        duration, taken = clock() - started, ring.since(mark)
        counted = baked_at is not None
        try:
            seen = report(
                NAME, hearing, sys._getframe(3), describe, value, result, taken, duration, counted
            )
        except InteropError as exc:
            without_our_frame(exc)
            raise
        if counted:
            of_content = value, result, taken
            ask(baking.NAME, hearing, _is_baked, baked_at, hearing, seen, *of_content)
    return result


def _begin_to_bake(values: Any, hearing: list[Recorder]) -> int | None:
    """The moment before a constant is baked, if its copies are counted."""
    return baking.begin(_nbytes_of(values), hearing) if _in_graph() else None


def _nbytes_of(values: Any) -> int:
    """Bytes of what is handed over; of nested lists, those of numbers of eight bytes."""
    if isinstance(values, list | tuple):
        count = 1
        while isinstance(values, list | tuple) and values:
            count *= len(values)
            values = values[0]
        return 8 * count
    if isinstance(values, eager_tensor_type()):
        return int(np.prod(values.shape, dtype=np.int64)) * int(values.dtype.size)
    return int(getattr(values, "nbytes", 0))


def _is_baked(
    mark: int, hearing: list[Recorder], seen: Seen | None, values: Any, proto: Any, taken: Taken
) -> None:
    origin = span_of_array(values).start if isinstance(values, np.ndarray) else None
    count = int(np.prod([dim.size for dim in proto.tensor_shape.dim], dtype=np.int64))
    size = sys.modules["tensorflow"].as_dtype(proto.dtype).size
    baking.made(mark, hearing, seen, count * size if size else None, origin, taken)


def _describe_make(values: Any, proto: Any, taken: Taken, duration_ns: int, counted: bool) -> Seen:
    dtype = sys.modules["tensorflow"].as_dtype(proto.dtype)
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    direction, dtype_from, device = _origin(values)
    # A Python number with a shape is written once, however many elements it fills.
    count = np.size(values) if direction == PYTHON_TO_TENSORFLOW else np.prod(shape, dtype=np.int64)
    to_nbytes = int(count) * dtype.size if dtype.size else None
    nbytes = to_nbytes
    if to_nbytes is not None and (itemsize := itemsize_of(dtype_from)):
        nbytes = int(count) * itemsize
    known = direction != PYTHON_TO_TENSORFLOW and not _in_graph()
    storage = of_proto(nbytes, to_nbytes, taken) if known else _of_unknown_copies(to_nbytes)
    return Seen(
        "tf.make_tensor_proto",
        direction,
        shape,
        dtype_from,
        dtype.name,
        device,
        GRAPH if _in_graph() else HOST,
        nbytes,
        storage,
        duration_ns,
        id(values),
        is_corrected=counted,
    )


def _origin(values: Any) -> tuple[str, str, str]:
    """Direction, dtype and device of what was written."""
    if isinstance(values, eager_tensor_type()):
        return TENSORFLOW_TO_PYTHON, values.dtype.name, short_device(values.backing_device)
    if isinstance(values, np.ndarray | np.generic) or is_array_like(values):
        return NUMPY_TO_TENSORFLOW, dtype_name(values), HOST
    dtype = arrays_within(values)
    if dtype is not None:
        return NUMPY_TO_TENSORFLOW, dtype, HOST
    return PYTHON_TO_TENSORFLOW, type(values).__name__, HOST


def _of_unknown_copies(nbytes: int | None) -> Storage:
    """Python values go through arrays first; a graph copies a constant again and again."""
    if _in_graph():
        reason = "baked into the graph as a constant, which is copied again as the graph is built"
        if nbytes is not None and nbytes < LEAST:
            reason += f"; copies of less than {LEAST:,} bytes are not counted"
        return copied(reason, None, copies=None)
    return copied("made an array of, then written into a TensorProto", None, copies=None)


def _in_graph() -> bool:
    return not sys.modules["tensorflow"].executing_eagerly()


def _describe_read(proto: Any, array: Any, taken: Taken, duration_ns: int, counted: bool) -> Seen:
    dtype = sys.modules["tensorflow"].as_dtype(proto.dtype).name
    storage = copied("read out of a TensorProto", int(array.nbytes))
    return Seen(
        "tf.make_ndarray",
        TENSORFLOW_TO_NUMPY,
        array.shape,
        dtype,
        str(array.dtype) if dtype != "string" else dtype,
        GRAPH if _in_graph() else HOST,
        HOST,
        int(array.nbytes),
        storage,
        duration_ns,
        id(proto),
    )
