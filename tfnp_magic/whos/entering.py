"""What TensorFlow would do with an array or a pandas object that it is handed.

``tf.constant(ndarray)`` has NumPy copy first (``convert_to_eager_tensor``,
tensorflow/python/framework/constant_op.py); TensorFlow uses that copy as it is where it
happens to be 64-byte aligned, which nobody can know before. What an op is handed, and what
gives its array on demand, as pandas objects do, has no such copy: its own memory is used
where that is aligned. Checked on 2.16 and 2.21.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfnp_magic import facts, runtime
from tfnp_magic.model import HOST_DEVICE, is_custom, is_host, is_remote
from tfnp_magic.placement import placed_on
from tfnp_magic.verdict import COPY, INFERRED, OBSERVED, VIEW
from tfnp_magic.whos.look import MOVE, Conversion, Look, bases_of, refused, unknown

CONSTANT, OPERATOR, SQUEEZE = "tf.constant", "t - a", "tf.squeeze"

_Array = np.ndarray[Any, Any]


class Here(NamedTuple):
    """Where TensorFlow places what it makes, at one moment.

    Attributes
    ----------
    is_loaded
        Whether TensorFlow is imported.
    placed
        Device for a dtype: ``CPU:0`` for any whose memory is the host's; None before TensorFlow
        has set up its devices.
    told
        What was told of plain arrays, for those that are alike: there may be very many.
    """

    is_loaded: bool
    placed: Callable[[str], str | None]
    told: dict[Hashable, tuple[Conversion, ...]]

    @staticmethod
    def now() -> Here:
        """Ask TensorFlow, but not for its devices to be set up."""
        loaded = facts.tensorflow_is_loaded()
        started = loaded and bool(runtime.devices())
        return Here(loaded, functools.cache(_placed_on) if started else lambda _: None, {})


def _placed_on(dtype: str) -> str:
    device = placed_on(dtype)
    return HOST_DEVICE if is_host(device) else device


def is_foreign(device: str) -> bool:
    """Whether a device is a program's own, or another process's: what it does is not known."""
    return is_custom(device) or is_remote(device)


# ---- dtypes -----------------------------------------------------------------------------

_NAMES = frozenset(
    {
        *("bool", "float16", "float32", "float64", "complex64", "complex128"),
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    }
)
_SUBTRACTED = _NAMES - {"bool"}
_TEXT = "string"
_OBJECTS = "object"
_REGISTERED = 2
"""``dtype.isbuiltin`` of a dtype that another library made, as ml_dtypes bfloat16 and float8."""


@functools.lru_cache(maxsize=256)
def _tensor_dtype(dtype: np.dtype[Any]) -> str | None:
    """TensorFlow's dtype of a tensor made of such elements; None where it refuses them.

    `_OBJECTS` where it depends on the elements. Source: ``NumpyTypeDescr_to_TF_DataType``
    (tensorflow/python/lib/core/ndarray_tensor.cc).
    """
    if dtype.kind in "USO":
        return _OBJECTS if dtype.kind == "O" else _TEXT
    if dtype.isbuiltin == _REGISTERED:
        return _of_ml_dtypes(dtype)
    return dtype.name if dtype.kind in "biufc" and dtype.name in _NAMES else None


def _of_ml_dtypes(dtype: np.dtype[Any]) -> str | None:
    try:
        return str(sys.modules["tensorflow"].as_dtype(dtype).name)
    except TypeError:
        return None


# ---- arrays -----------------------------------------------------------------------------


def of_array(array: Any, look: Look, here: Here) -> tuple[Conversion, ...]:
    """Tell what ``tf.constant`` and an op would do with an array."""
    data = look.parts[0].view
    if data is None:
        return ()
    if type(array) is not np.ndarray:
        return _of_array(array, data, look, here)
    alike = data.dtype, data.nbytes, data.flags.num, look.facts.aligned
    if alike not in here.told:
        here.told[alike] = _of_array(array, data, look, here)
    return here.told[alike]


def _of_array(array: Any, data: _Array, look: Look, here: Here) -> tuple[Conversion, ...]:
    entry = _entry(data, look, here)
    if isinstance(entry, Conversion):
        return (entry,)
    if not _copies_as_an_array_does(array):
        return (
            unknown(CONSTANT, "its class has a copy() of its own"),
            entry.as_argument(entry.operator),
        )
    masked = len(look.parts) > 1
    return entry.as_constant(masked), entry.as_argument(entry.operator)


def _copies_as_an_array_does(array: Any) -> bool:
    if type(array) is np.ndarray:
        return True
    owner = next((base for base in bases_of(type(array)) if "copy" in vars(base)), None)
    return owner is not None and owner.__module__.startswith("numpy")


def _entry(data: _Array, look: Look, here: Here) -> _Entry | Conversion:
    """Tell where the data goes; a whole answer where its dtype or device has one already."""
    dtype = _tensor_dtype(data.dtype)
    if dtype is None:
        return refused(CONSTANT, f"TensorFlow has no dtype for {facts.name_of_dtype(data.dtype)}")
    if dtype == _OBJECTS:
        return unknown(
            CONSTANT, "Python objects: strings are copied one by one, others are refused"
        )
    if dtype == _TEXT:
        return Conversion(CONSTANT, COPY, None, 0, INFERRED, "strings are copied one by one")
    if not data.size:
        return Conversion(CONSTANT, COPY, 0, 0, INFERRED, "no elements")
    device = here.placed(dtype)
    if device is None:
        return unknown(CONSTANT, "where TensorFlow puts tensors is not known before its first op")
    if device != HOST_DEVICE and is_foreign(device):
        return unknown(CONSTANT, f"what happens on the way to {device} is not known")
    return _Entry(data, bool(look.facts.aligned), dtype, device)


class _Entry(NamedTuple):
    """An array on its way into a tensor on a device."""

    data: _Array
    is_aligned: bool
    dtype: str
    device: str

    @property
    def operator(self) -> str:
        """Something that is often done with an array beside a tensor of its dtype."""
        return OPERATOR if self.dtype in _SUBTRACTED else SQUEEZE

    @property
    def moved(self) -> int:
        return 0 if self.device == HOST_DEVICE else self.data.nbytes

    def as_constant(self, masked: bool) -> Conversion:
        """Tell what becomes of it after NumPy has copied it."""
        native, nbytes = self.data.dtype.isnative, self.data.nbytes
        reason = "NumPy copies; TensorFlow copies again unless that is 64-byte aligned"
        if not native:
            reason = f"bytes are swapped; {reason}"
        if masked:
            reason = f"its mask is dropped; {reason}"
        least = nbytes if native else 2 * nbytes
        return self._between(CONSTANT, least, least + nbytes, reason)

    def as_argument(self, route: str) -> Conversion:
        """Tell what becomes of it where its own memory may be used."""
        data, nbytes = self.data, self.data.nbytes
        flags = data.flags
        if not (flags.c_contiguous and flags.aligned and data.dtype.isnative):
            return self._between(route, nbytes, 2 * nbytes, _why_not(data))
        if not self.is_aligned:
            return self._between(
                route, nbytes, nbytes, "not 64-byte aligned, so TensorFlow copies it"
            )
        if self.moved:
            return self._between(route, 0, 0, "64-byte aligned")
        return Conversion(route, VIEW, 0, 0, OBSERVED, _shared(route, data))

    def _between(self, route: str, least: int, most: int, reason: str) -> Conversion:
        """Put the move on top of what is copied in host memory."""
        moved = self.moved
        if moved:
            reason = f"moved to {self.device}; {reason}" if most else f"moved to {self.device}"
        exact = least == most
        return Conversion(
            route,
            MOVE if moved else COPY,
            least + moved if exact else None,
            moved,
            OBSERVED if exact else INFERRED,
            reason,
            None if exact else (least + moved, most + moved),
        )


def _why_not(data: _Array) -> str:
    if not data.dtype.isnative:
        return "not in the machine's byte order, so NumPy copies it first"
    if not data.flags.c_contiguous:
        return "not contiguous in C order, so NumPy copies it first"
    return "its elements are not aligned, so NumPy copies it first"


def _shared(route: str, data: _Array) -> str:
    """Name the accident to be warned of: a tensor that an array's owner can write to."""
    changes = "; writing changes the tensor" if data.flags.writeable else ""
    if route == OPERATOR:  # what it gives is new memory
        return f"64-byte aligned: read in place; tf.squeeze and such share it{changes}"
    return f"64-byte aligned: the tensor shares its memory{changes}"


# ---- pandas -----------------------------------------------------------------------------


def of_series(_: Any, look: Look, here: Here) -> tuple[Conversion, ...]:
    """Tell what ``tf.constant`` would do with a Series or an Index: no copy comes first."""
    data = _numpys(look)
    if data is None:
        return (_of_other_series(look),)
    entry = _entry(data, look, here)
    return (entry if isinstance(entry, Conversion) else entry.as_argument(CONSTANT),)


def _numpys(look: Look) -> _Array | None:
    """Memory of the only part, if it holds the values themselves: a category's codes do not."""
    view = look.parts[0].view if len(look.parts) == 1 else None
    if view is None or facts.name_of_dtype(view.dtype) != look.facts.dtype:
        return None
    return view


def _of_other_series(look: Look) -> Conversion:
    if look.facts.dtype in ("str", _TEXT):
        return Conversion(CONSTANT, COPY, None, 0, INFERRED, "strings are copied one by one")
    if len(look.parts) > 1:
        return unknown(CONSTANT, "pandas makes an array of tuples, which TensorFlow does not take")
    return unknown(CONSTANT, "pandas makes its NumPy array when asked")


def of_frame(_: Any, look: Look, here: Here) -> tuple[Conversion, ...]:
    """Tell what ``tf.constant`` would do with a DataFrame: with its block, or several joined."""
    if len(look.parts) > 1:
        return (_of_blocks(look, here),)
    data = _numpys(look)
    if data is None:
        return (_of_other_series(look),)
    entry = _entry(data.T, look, here)  # a block has the columns as its rows
    return (entry if isinstance(entry, Conversion) else entry.as_argument(CONSTANT),)


def _of_blocks(look: Look, here: Here) -> Conversion:
    """Tell of blocks joined by NumPy's rules, if all hold numbers: then nothing is an object.

    Source: ``interleaved_dtype`` (pandas/core/internals/managers.py, 2.2 and 3.1).
    """
    joined = _joined([part.view for part in look.parts])
    device = None if joined is None else here.placed(joined.name)
    if joined is None or device is None or is_foreign(device):
        return unknown(CONSTANT, "pandas joins its columns, by their dtypes, when asked")
    nbytes = int(np.prod([length or 0 for length in look.facts.shape or ()])) * joined.itemsize
    moved = 0 if device == HOST_DEVICE else nbytes
    reason = f"its columns are joined to an array of {joined.name}, which TensorFlow may copy again"
    outcome = MOVE if moved else COPY
    return Conversion(CONSTANT, outcome, None, moved, INFERRED, reason, (nbytes + moved, None))


def _joined(views: Sequence[_Array | None]) -> np.dtype[Any] | None:
    dtypes = [view.dtype for view in views if view is not None and view.dtype.kind in "iuf"]
    if len(dtypes) < len(views):
        return None
    joined = functools.reduce(np.promote_types, dtypes)
    return joined if joined.name in _NAMES else None
