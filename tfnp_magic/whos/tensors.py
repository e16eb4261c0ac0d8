"""TensorFlow's tensors and Variables, read without moving them or waiting for an op."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tfnp_magic import facts, runtime
from tfnp_magic.model import is_host
from tfnp_magic.whos.look import Holding, Look, Part, Reader, Shape, ask, dims, is_a

_EAGER = "tensorflow.python.framework.ops.EagerTensor"
_RAGGED = "tensorflow.python.ops.ragged.ragged_tensor.RaggedTensor"
_VARIABLE = "tensorflow.python.ops.variables.Variable"
_FRAMEWORK = "tensorflow.python.framework"
_KERAS = "keras.src.backend.common"


def _device(name: str | None) -> str | None:
    return facts.short_device(name) if name else None


def _place(device: str | None) -> str:
    """Where the bytes on a device are: ``host``, ``GPU:0``, or that of another process."""
    short = facts.short_device(device)
    return facts.HOST if is_host(short) else short


def _is_computed(*tensors: Any) -> bool | None:
    """Whether the ops of all have run; None where the runtime cannot be asked, and one may not."""
    for tensor in tensors:
        if is_a(tensor, _EAGER) and not ask(functools.partial(facts.is_computed, tensor)):
            ready = ask(functools.partial(runtime.is_ready, tensor))
            return None if ready is None else False
    return True


def _tensor_part(tensor: Any) -> Part:
    """Find a tensor's memory; a symbolic one has none, and none is sought before its op ran."""
    if not is_a(tensor, _EAGER):
        return Part(id(tensor), None)
    place = ask(lambda: _place(tensor.backing_device)) or facts.HOST
    if not _is_computed(tensor):
        return Part(id(tensor), None, None, place)
    view = ask(lambda: facts.host_view(tensor))
    address = _address_on(place, tensor)
    return Part(id(tensor), ask(lambda: facts.tensor_nbytes(tensor)), view, place, address)


def _address_on(place: str, tensor: Any) -> int | None:
    """Where a computed tensor, or its mirror, begins on an accelerator."""
    return None if place == facts.HOST else ask(lambda: runtime.address_on(tensor, place))


def _mirrors_of(tensor: Any, part: Part) -> list[Part]:
    """Find the copies of a tensor that its handle keeps on other devices."""
    return ask(lambda: list(_mirrors(tensor, part))) or []


def _mirrors(tensor: Any, part: Part) -> Iterator[Part]:
    """Ask for each; between the CPUs of one process the runtime lends the buffer: no copy."""
    if not is_a(tensor, _EAGER) or not runtime.has_several_devices():
        return
    devices = runtime.mirrors_of(tensor) or ()
    are_made = bool(devices) and _has_made_its_mirrors(tensor)
    for device in devices:
        place = _place(device)
        if place != facts.HOST or part.place != facts.HOST:
            seen = are_made and device == "CPU:0"
            view = ask(lambda: _host_mirror(tensor)) if seen else None
            address = _address_on(place, tensor) if are_made else None
            yield Part((part.key, device), part.nbytes, view, place, address)


def _has_made_its_mirrors(tensor: Any) -> bool:
    """Whether none of them may still wait for an op: only an asynchronous executor promises any.

    Source: ``EagerCopyToDevice`` (tensorflow/core/common_runtime/eager/execute.cc, 2.21).
    """
    return not facts.runs_asynchronously() and facts.is_computed(tensor)


def _host_mirror(tensor: Any) -> np.ndarray[Any, Any] | None:
    """Look at a tensor's mirror in host memory, which must be there: a read gets it as it is."""
    view = facts.raw_read()(tensor)
    return view if isinstance(view, np.ndarray) and tensor.dtype.size else None


def _look_at_tensor(tensor: Any) -> Look:
    part, computed = _tensor_part(tensor), _is_computed(tensor)
    found = Holding(
        shape=ask(lambda: dims(tensor.shape)) if computed else None,
        dtype=ask(lambda: tensor.dtype.name),
        device=ask(lambda: _device(tensor.device)),
        backing_device=ask(lambda: _device(tensor.backing_device)),
        contiguous=True,
        aligned=None if part.view is None else facts.is_aligned(part.view),
        writable=False,
        computed=computed,
    )
    return Look(found, [part], _mirrors_of(tensor, part))


def _look_at_weak_tensor(weak: Any) -> Look:
    return _look_at_tensor(weak.tensor)


def _look_at_tensors(found: Holding, tensors: Sequence[Any]) -> Look:
    """Add the memory of all the tensors that an object is made of."""
    parts = [_tensor_part(tensor) for tensor in tensors]
    pairs = zip(tensors, parts, strict=True)
    mirrors = [mirror for pair in pairs for mirror in _mirrors_of(*pair)]
    computed = _is_computed(*tensors)
    return Look(dataclasses.replace(found, computed=computed), parts, mirrors)


def _look_at_composite(shape: Shape | None, values: Any, *others: Any) -> Look:
    """Look at the values, with the bytes of all parts."""
    found = dataclasses.replace(_look_at_tensor(values).facts, shape=shape)
    return _look_at_tensors(found, [values, *(other for other in others if other is not None)])


def _look_at_ragged(ragged: Any) -> Look:
    """Look at a RaggedTensor, whose parts were asked for their shapes when it was made."""
    splits, values = [], ragged
    while is_a(values, _RAGGED):
        splits.append(values.row_splits)
        values = values.values

    def shape() -> Shape:
        ends = splits[0].shape[0]
        rows = None if ends is None else ends - 1
        return (rows, *(None for _ in splits), *dims(values.shape[1:]))

    return _look_at_composite(ask(shape), values, *splits)


def _look_at_sparse(sparse: Any) -> Look:
    """Look at a SparseTensor, whose shape was found when it was made."""
    shape = ask(lambda: dims(sparse.shape))
    return _look_at_composite(shape, sparse.values, sparse.indices, sparse.dense_shape)


def _look_at_slices(slices: Any) -> Look:
    dense_shape = slices.dense_shape
    view = None if dense_shape is None else _tensor_part(dense_shape).view
    shape = None if view is None else dims(view)
    return _look_at_composite(shape, slices.values, slices.indices, dense_shape)


def _look_at_tensor_array(tensors: Any) -> Look:
    """Look at the tensors written to an eager TensorArray and not yet read from it."""
    written = ask(lambda: list(tensors._implementation._tensor_array))
    if written is None:
        return Look(Holding(dtype=ask(lambda: tensors.dtype.name)))
    found = Holding(
        shape=ask(lambda: (len(written), *dims(tensors.element_shape))),
        dtype=ask(lambda: tensors.dtype.name),
        writable=True,
    )
    look = _look_at_tensors(found, [tensor for tensor in written if tensor is not None])
    return look if look.parts else look._replace(parts=[Part(id(tensors), 0)])


def _look_at_variable(variable: Any) -> Look:
    """Look at a Variable from outside; of a distributed one, at all replicas."""
    spread = is_a(variable, "tensorflow.python.distribute.values.DistributedValues")
    replicas = variable._values if spread else (variable,)
    devices = ask(lambda: [one.device for one in replicas])
    device = None if devices is None else ", ".join(map(facts.short_device, devices))
    found = Holding(
        shape=ask(lambda: dims(variable.shape)),
        dtype=ask(lambda: variable.dtype.name),
        device=device,
        backing_device=device,
        contiguous=True,
        writable=True,
    )
    nbytes = ask(lambda: facts.tensor_nbytes(variable))
    places = map(_place, devices or [None] * len(replicas))
    parts = [Part(id(one), nbytes, None, at) for one, at in zip(replicas, places, strict=True)]
    return Look(found, parts)


def _look_at_keras_variable(variable: Any) -> Look:
    """Look at the backend's Variable below: ``.value`` of Keras may create or cast it."""
    below = variable._value
    if is_a(below, _VARIABLE):
        return _look_at_variable(below)
    found = dataclasses.replace(_look_at_symbol(variable).facts, writable=True)
    return Look(found, [Part(id(variable), None)])


def _look_at_symbol(tensor: Any) -> Look:
    """Look at a tensor without data: it has neither bytes nor memory."""
    dtype = ask(lambda: tensor.dtype)
    found = Holding(
        shape=ask(lambda: dims(tensor.shape)),
        dtype=None if dtype is None else ask(lambda: getattr(dtype, "name", None) or str(dtype)),
        device=ask(lambda: _device(tensor.device)),
    )
    return Look(found)


READERS: dict[str, tuple[str, Reader]] = {
    _EAGER: ("Tensor", _look_at_tensor),
    f"{_FRAMEWORK}.tensor.Tensor": ("SymbolicTensor", _look_at_symbol),
    f"{_FRAMEWORK}.weak_tensor.WeakTensor": ("Tensor", _look_at_weak_tensor),
    f"{_FRAMEWORK}.sparse_tensor.SparseTensor": ("SparseTensor", _look_at_sparse),
    f"{_FRAMEWORK}.indexed_slices.IndexedSlices": ("IndexedSlices", _look_at_slices),
    "tensorflow.python.ops.tensor_array_ops.TensorArray": ("TensorArray", _look_at_tensor_array),
    _RAGGED: ("RaggedTensor", _look_at_ragged),
    _VARIABLE: ("Variable", _look_at_variable),
    f"{_KERAS}.variables.Variable": ("Variable", _look_at_keras_variable),
    f"{_KERAS}.variables.KerasVariable": ("Variable", _look_at_keras_variable),  # before 3.5
    f"{_KERAS}.keras_tensor.KerasTensor": ("SymbolicTensor", _look_at_symbol),
}
"""Kind and reader of each type, by the type's own path."""
