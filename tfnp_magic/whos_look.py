"""One tensor or array: its facts and its memory, read without converting or moving it."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tfnp_magic import facts, runtime

Shape = tuple[int | None, ...]
_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, slots=True)
class Holding:
    """What one name holds; a fact that cannot be known without a conversion is None.

    Attributes
    ----------
    name, kind
        The user's name, and one of `KINDS`.
    shape, dtype
        A length that is not fixed is None; a DataFrame has all its dtypes, sorted.
    device, backing_device
        What TensorFlow says, and where the bytes are: ``GPU:0``; ``host`` for arrays.
    nbytes
        Bytes of the elements (a ragged tensor's with its row splits, a masked array's with
        its mask, pandas objects' without index and categories); None for strings. Mirrors
        have as many again, each.
    contiguous
        Whether the elements lie in C order without gaps.
    aligned
        Whether TensorFlow could share this memory, by its address.
    writable
        Whether it can be written in place: the array's flag, True for a Variable.
    group
        Number of its `Group`; None where it shares with no other name, as far as is known.
    note
        Name of the type where it is another than the kind: ``memmap``, ``RangeIndex``.
    mirrors
        Where TensorFlow keeps copies of it, or of a part of it, beside the place where it is:
        ``GPU:0``, ``host``. A Variable has none: each read of it is made anew.
    computed
        False for a tensor whose op has yet to run: to ask its shape would be to wait. None
        where that is unknown.
    """

    name: str = ""
    kind: str = ""
    shape: Shape | None = None
    dtype: str | None = None
    device: str | None = None
    backing_device: str | None = None
    nbytes: int | None = None
    contiguous: bool | None = None
    aligned: bool | None = None
    writable: bool | None = None
    group: int | None = None
    note: str = ""
    mirrors: tuple[str, ...] = ()
    computed: bool | None = True


class Part(NamedTuple):
    """One stretch of memory of an object.

    Attributes
    ----------
    key
        The id of what owns it; of a mirror, with its device.
    nbytes
        None where unknown.
    view
        Transient; None for memory that has no address here.
    place
        ``host``, or the device.
    """

    key: Hashable
    nbytes: int | None
    view: np.ndarray[Any, Any] | None = None
    place: str = facts.HOST


class Look(NamedTuple):
    """Facts of one object, and the stretches of memory that it and its mirrors have."""

    facts: Holding
    parts: Sequence[Part] = ()
    mirrors: Sequence[Part] = ()


Reader = Callable[[Any], Look]

# The C getter: neither an object's `__class__` nor its metaclass has a say in it.
_bases: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__


def _ask(question: Callable[[], _T]) -> _T | None:
    """Give the answer, or None: a fact whose question raises is unknown."""
    try:
        return question()
    except Exception:
        return None


def look(thing: Any, known: Mapping[int, tuple[str, Reader]]) -> Look | None:
    """Facts of a tensor or array; None for anything else, whose attributes stay untouched."""
    for base in _bases(type(thing)):
        if id(base) in known:
            return _read(thing, *known[id(base)])
    return None


def _read(thing: Any, kind: str, reader: Reader) -> Look:
    look = _ask(lambda: reader(thing)) or Look(Holding(), [Part(id(thing), None)])
    sizes = [part.nbytes for part in look.parts if part.nbytes is not None]
    nbytes = sum(sizes) if look.parts and len(sizes) == len(look.parts) else None
    mirrors = tuple(sorted({mirror.place for mirror in look.mirrors}))
    found = dataclasses.replace(look.facts, kind=kind, nbytes=nbytes, mirrors=mirrors)
    return look._replace(facts=found)


def known_types() -> dict[int, tuple[str, Reader]]:
    """Readers by the id of the type, of what is imported by now; nothing is imported here."""
    known: dict[int, tuple[str, Reader]] = {}
    for path, (kind, reader) in _READERS.items():
        module, name = path.rsplit(".", 1)
        found = getattr(sys.modules.get(module), name, None)
        loaded = not path.startswith("tensorflow.") or facts.tensorflow_is_loaded()
        if loaded and isinstance(found, type):
            known[id(found)] = (kind, reader)
            if found in _reminders():
                below = functools.partial(_look_below, reader)
                known[id(_reminders()[found])] = (kind, below)
    return known


def _reminders() -> Mapping[type, type]:
    """Find the classes that TensorFlow wraps around results which should be used.

    Each attribute read through one counts as use and takes away the user's warning.
    Source: ``_WRAPPERS``, tensorflow/python/util/tf_should_use.py, 2.21.
    """
    return getattr(sys.modules.get("tensorflow.python.util.tf_should_use"), "_WRAPPERS", {})


def _look_below(reader: Reader, wrapper: Any) -> Look:
    """Look at what ``TensorArray.write`` gives, below the reminder to use it."""
    return reader(object.__getattribute__(wrapper, "_tf_should_use_wrapped_value"))


def _is_a(thing: Any, path: str) -> bool:
    """Whether the object's type descends from the one at this path, if that is imported."""
    module, name = path.rsplit(".", 1)
    return getattr(sys.modules.get(module), name, None) in _bases(type(thing))


def _dims(shape: Iterable[Any]) -> Shape:
    return tuple(None if length is None else int(length) for length in shape)


def _device(name: str | None) -> str | None:
    return facts.short_device(name) if name else None


def _array_part(owner: object, data: np.ndarray[Any, Any]) -> Part:
    return Part(id(owner), data.nbytes, data)


def _plain(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Give the same memory as a base-class array, so that no subclass's code runs."""
    return np.ndarray.view(array, np.ndarray)


def _place(device: str | None) -> str:
    """Where the bytes on a device are: ``host``, ``GPU:0``, or that of another process."""
    task, _, name = (device or "").rpartition("/device:")
    if task and not task.startswith("/job:localhost/") and task != facts._own_address():
        return f"{name} of {task}"
    return facts.HOST if not name or name.startswith("CPU:") else name


def _is_computed(*tensors: Any) -> bool | None:
    """Whether the ops of all have run; None where the runtime cannot be asked, and one may not."""
    for tensor in tensors:
        if _is_a(tensor, _EAGER) and not _ask(functools.partial(facts.is_computed, tensor)):
            ready = _ask(functools.partial(runtime.is_ready, tensor))
            return None if ready is None else False
    return True


def _tensor_part(tensor: Any) -> Part:
    """Find a tensor's memory; a symbolic one has none, and none is sought before its op ran."""
    if not _is_a(tensor, _EAGER):
        return Part(id(tensor), None)
    place = _ask(lambda: _place(tensor.backing_device)) or facts.HOST
    if not _is_computed(tensor):
        return Part(id(tensor), None, None, place)
    view = _ask(lambda: facts.host_view(tensor))
    return Part(id(tensor), _ask(lambda: facts.tensor_nbytes(tensor)), view, place)


def _mirrors_of(tensor: Any, part: Part) -> list[Part]:
    """Find the copies of a tensor that its handle keeps on other devices."""
    return _ask(lambda: list(_mirrors(tensor, part))) or []


def _mirrors(tensor: Any, part: Part) -> Iterator[Part]:
    """Ask for each; between the CPUs of one process the runtime lends the buffer: no copy."""
    if not _is_a(tensor, _EAGER) or not runtime.has_several_devices():
        return
    for device in runtime.mirrors_of(tensor) or ():
        place = _place(device)
        if place != facts.HOST or part.place != facts.HOST:
            view = _ask(lambda: _host_mirror(tensor)) if device == "CPU:0" else None
            yield Part((part.key, device), part.nbytes, view, place)


def _host_mirror(tensor: Any) -> np.ndarray[Any, Any] | None:
    """Look at a tensor's mirror in host memory, which must be there: a read gets it as it is.

    None where the copy may still wait for an op: only an asynchronous executor promises
    mirrors (``EagerCopyToDevice``, tensorflow/core/common_runtime/eager/execute.cc, 2.21).
    """
    if facts.runs_asynchronously() or not facts.is_computed(tensor):
        return None
    view = facts._raw_read()(tensor)
    return view if isinstance(view, np.ndarray) and tensor.dtype.size else None


def _look_at_tensor(tensor: Any) -> Look:
    part, computed = _tensor_part(tensor), _is_computed(tensor)
    found = Holding(
        shape=_ask(lambda: _dims(tensor.shape)) if computed else None,
        dtype=_ask(lambda: tensor.dtype.name),
        device=_ask(lambda: _device(tensor.device)),
        backing_device=_ask(lambda: _device(tensor.backing_device)),
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
    while _is_a(values, _RAGGED):
        splits.append(values.row_splits)
        values = values.values

    def shape() -> Shape:
        ends = splits[0].shape[0]
        rows = None if ends is None else ends - 1
        return (rows, *(None for _ in splits), *_dims(values.shape[1:]))

    return _look_at_composite(_ask(shape), values, *splits)


def _look_at_sparse(sparse: Any) -> Look:
    """Look at a SparseTensor, whose shape was found when it was made."""
    shape = _ask(lambda: _dims(sparse.shape))
    return _look_at_composite(shape, sparse.values, sparse.indices, sparse.dense_shape)


def _look_at_slices(slices: Any) -> Look:
    dense_shape = slices.dense_shape
    view = None if dense_shape is None else _tensor_part(dense_shape).view
    shape = None if view is None else _dims(view)
    return _look_at_composite(shape, slices.values, slices.indices, dense_shape)


def _look_at_tensor_array(tensors: Any) -> Look:
    """Look at the tensors written to an eager TensorArray and not yet read from it."""
    written = _ask(lambda: list(tensors._implementation._tensor_array))
    if written is None:
        return Look(Holding(dtype=_ask(lambda: tensors.dtype.name)))
    found = Holding(
        shape=_ask(lambda: (len(written), *_dims(tensors.element_shape))),
        dtype=_ask(lambda: tensors.dtype.name),
        writable=True,
    )
    look = _look_at_tensors(found, [tensor for tensor in written if tensor is not None])
    return look if look.parts else look._replace(parts=[Part(id(tensors), 0)])


def _look_at_variable(variable: Any) -> Look:
    """Look at a Variable from outside; of a distributed one, at all replicas."""
    spread = _is_a(variable, "tensorflow.python.distribute.values.DistributedValues")
    replicas = variable._values if spread else (variable,)
    devices = _ask(lambda: [one.device for one in replicas])
    device = None if devices is None else ", ".join(map(facts.short_device, devices))
    found = Holding(
        shape=_ask(lambda: _dims(variable.shape)),
        dtype=_ask(lambda: variable.dtype.name),
        device=device,
        backing_device=device,
        contiguous=True,
        writable=True,
    )
    nbytes = _ask(lambda: facts.tensor_nbytes(variable))
    places = map(_place, devices or [None] * len(replicas))
    parts = [Part(id(one), nbytes, None, at) for one, at in zip(replicas, places, strict=True)]
    return Look(found, parts)


def _look_at_keras_variable(variable: Any) -> Look:
    """Look at the backend's Variable below: ``.value`` of Keras may create or cast it."""
    below = variable._value
    if _is_a(below, _VARIABLE):
        return _look_at_variable(below)
    found = dataclasses.replace(_look_at_symbol(variable).facts, writable=True)
    return Look(found, [Part(id(variable), None)])


def _look_at_symbol(tensor: Any) -> Look:
    """Look at a tensor without data: it has neither bytes nor memory."""
    dtype = _ask(lambda: tensor.dtype)
    found = Holding(
        shape=_ask(lambda: _dims(tensor.shape)),
        dtype=None if dtype is None else _ask(lambda: getattr(dtype, "name", None) or str(dtype)),
        device=_ask(lambda: _device(tensor.device)),
    )
    return Look(found)


def _look_at_array(array: np.ndarray[Any, Any]) -> Look:
    data = _plain(array)
    parts = [_array_part(array, data)]
    if np.ma.MaskedArray in _bases(type(array)):
        mask = _ask(lambda: np.ma.getmask(array))
        if isinstance(mask, np.ndarray):
            parts.append(_array_part(mask, _plain(mask)))
    found = Holding(
        shape=data.shape,
        dtype=str(data.dtype),
        device=facts.HOST,
        backing_device=facts.HOST,
        contiguous=data.flags.c_contiguous,
        aligned=facts.is_aligned(data),
        writable=data.flags.writeable,
        note="" if type(array) is np.ndarray else type(array).__name__,
    )
    return Look(found, parts)


def _look_at_frame(frame: Any) -> Look:
    """Look at a DataFrame or a Series by its blocks, which no public property shows as they are.

    Source: ``BlockManager.blocks``, pandas/core/internals/managers.py; 2.2 and 3.1.
    """
    blocks = frame._mgr.blocks
    dtypes = ", ".join(sorted({str(block.dtype) for block in blocks}))
    return _look_at_columns(frame, frame.shape, dtypes, [block.values for block in blocks])


def _look_at_index(index: Any) -> Look:
    shape, arrays = (len(index),), list(_index_arrays(index))
    look = _look_at_columns(index, shape, str(index.dtype), arrays)
    note = "" if type(index) is sys.modules["pandas"].Index else type(index).__name__
    return look._replace(facts=dataclasses.replace(look.facts, writable=False, note=note))


def _index_arrays(index: Any) -> Iterator[Any]:
    """Find an Index's arrays; a `RangeIndex` has none, and would make one if asked."""
    if _is_a(index, "pandas.MultiIndex"):
        yield from index._codes
        for level in index._levels:
            yield from _index_arrays(level)
    elif not _is_a(index, "pandas.RangeIndex"):
        yield index._data


def _look_at_columns(owner: object, shape: Shape, dtype: str, arrays: Sequence[Any]) -> Look:
    """Look at pandas data; flags are unknown where an extension array is all there is."""
    parts = [_pandas_part(array) for array in arrays]
    views = [part.view for part in parts if part.view is not None]
    seen = bool(views) and len(views) == len(parts)
    writable = any(view.flags.writeable for view in views)
    found = Holding(
        shape=shape,
        dtype=dtype,
        device=facts.HOST,
        backing_device=facts.HOST,
        # A block of a DataFrame has its columns as rows.
        contiguous=len(views) == 1 and views[0].T.flags.c_contiguous if seen else None,
        aligned=all(map(facts.is_aligned, views)) if seen else None,
        writable=writable if writable or seen else None,
    )
    return Look(found, parts or [Part(id(owner), 0)])


def _pandas_part(values: Any) -> Part:
    """Memory of a block that is NumPy's; of another extension array, the bytes alone.

    ``Categorical``, ``DatetimeArray`` and their like keep one array in ``_ndarray``
    (pandas/_libs/arrays.pyx ``NDArrayBacked``; pandas 2.2 and 3.1).
    """
    if isinstance(values, np.ndarray):
        return _array_part(values, _plain(values))
    if _is_a(values, "pandas._libs.arrays.NDArrayBacked"):
        return _array_part(values, _plain(values._ndarray))
    return Part(id(values), _ask(lambda: int(values.nbytes)))


_EAGER = "tensorflow.python.framework.ops.EagerTensor"
_RAGGED = "tensorflow.python.ops.ragged.ragged_tensor.RaggedTensor"
_VARIABLE = "tensorflow.python.ops.variables.Variable"
_FRAMEWORK = "tensorflow.python.framework"
_KERAS = "keras.src.backend.common"

_READERS: dict[str, tuple[str, Reader]] = {
    "numpy.ndarray": ("ndarray", _look_at_array),
    "pandas.Series": ("Series", _look_at_frame),
    "pandas.DataFrame": ("DataFrame", _look_at_frame),
    "pandas.Index": ("Index", _look_at_index),
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
"""Kind and reader of each known type, by the type's own path."""
