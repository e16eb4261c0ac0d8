"""What an op moves to the device it runs on: inputs that live elsewhere.

TensorFlow copies such an input in C++ as it runs the op, and keeps the copy with the tensor:
its mirror. Which mirrors a tensor has is looked at before and after the op: a new one is a
move that happened. Of inputs that become tensors only in there (arrays, Python numbers,
Variables) it is told by TensorFlow's rules: where it places them, and where the op ran.

Source: ``CopyInputToExpectedDevice`` (tensorflow/core/common_runtime/eager/execute.cc) and
``ConvertToEagerTensor`` (tensorflow/python/eager/pywrap_tensor.cc); measured on 2.16 and 2.21.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, NamedTuple

from tfnp_magic import runtime
from tfnp_magic.facts import (
    eager_tensor_type,
    is_computed,
    itemsize_of,
    shape_of_tensor,
    short_device,
    tensor_nbytes,
)
from tfnp_magic.interrupts import raised_by_signal
from tfnp_magic.kernels import (
    Kernel,
    argument_at,
    arguments_of,
    has_kernel,
    kernel_of,
)
from tfnp_magic.model import DEVICE_TO_DEVICE, HOST_DEVICE, is_host, is_remote
from tfnp_magic.placement import HANDLES, default_device
from tfnp_magic.probes.dtype_hints import (
    Call,
    default_of,
    dtype_of_tensor,
    inputs_of,
    wanted_dtype,
)
from tfnp_magic.probes.python_values import is_number
from tfnp_magic.probes.reporting import report
from tfnp_magic.recorder.seen import Seen
from tfnp_magic.scope import inner, listeners
from tfnp_magic.verdict import INFERRED, OBSERVED, of_input

NAME = "op input"


class _Input(NamedTuple):
    """A tensor among an op's inputs, and the devices that held a copy of it before the op ran."""

    position: int
    tensor: Any
    mirrors: frozenset[str] | None


class _Data(NamedTuple):
    """What moved; `nbytes` is None where it is not known."""

    shape: tuple[int, ...]
    dtype: str
    nbytes: int | None
    identity: int


class _Leg(NamedTuple):
    """One way that data went for the op.

    Attributes
    ----------
    data
        What.
    device_from, device_to
        From where, and to where.
    mirrored
        Whether a copy was there before, so that nothing moved; None if unknown.
    why
        Why the op has it there.
    evidence
        How that is known.
    """

    data: _Data
    device_from: str
    device_to: str
    mirrored: bool | None
    why: str
    evidence: str = OBSERVED


def watch(op: str, inputs: Sequence[Any], rest: tuple[Any, ...] = ()) -> Transfers | None:
    """Look at an op's inputs before it runs; None where nothing can move, or nobody asks.

    Parameters
    ----------
    op, inputs
        The op's name, and its inputs.
    rest
        Names and values of its attributes.
    """
    if not runtime.has_several_devices() or inner.absorbing:
        return None
    try:
        return Transfers(op, inputs, rest)
    except Exception as error:
        _give_up(error)
        return None


def _give_up(error: Exception) -> None:
    """Our own failure: nobody was told yet, so those who hear are asked for only now."""
    if raised_by_signal(error):
        raise error
    for recorder in listeners():
        recorder.silence(NAME, error)


class Transfers:
    """What one call of an op moves: made before it runs, and asked afterwards.

    Attributes
    ----------
    device
        Where it ran; None until then, and if it failed.
    """

    def __init__(self, op: str, inputs: Sequence[Any], rest: tuple[Any, ...]) -> None:
        self.device: str | None = None
        self._op = op.decode() if isinstance(op, bytes) else op
        self._inputs, self._call = inputs, Call(tuple(inputs), rest)
        self._kernel = Kernel(frozenset(), frozenset())
        self._looked = [
            _Input(position, tensor, runtime.mirrors_of(tensor))
            for position, value in enumerate(inputs)
            for tensor in tensors_in(value)
        ]
        self._are_tensors = len(self._looked) == len(inputs)
        self._kept = {
            position: _mirrors_of_number(value, self._wanted(position, value))
            for position, value in enumerate(inputs)
            if is_number(value)
        }

    def _wanted(self, position: int, value: Any) -> str | None:
        """Dtype that a value comes to have; off the fast path, all are tensors already."""
        return wanted_dtype(self._op, position, self._call) or default_of(value)

    def is_kept(self, position: int) -> bool:
        """Whether TensorFlow had converted this Python number before, and kept the tensor."""
        return self._kept.get(position) is not None

    def tell(self, frame: FrameType, result: Any = None, *, failed: bool = False) -> None:
        """Report what the op moved of tensors and Variables, once it has run or failed.

        Parameters
        ----------
        frame
            The caller of the op.
        result
            What the op gave.
        failed
            Whether it raised: inputs may have been moved before.
        """
        try:
            if not failed:
                self.device = device_of_op(self._op, self._inputs, result)
                self._kernel = self._kernel_that_ran(self.device, result)
            legs = [*self._of_tensors(), *self._of_variables(), *self._of_results(result)]
        except Exception as error:
            _give_up(error)
            return
        if legs:
            hearing = listeners()
            for leg in legs:
                report(NAME, hearing, frame, self._seen, leg)

    def _kernel_that_ran(self, device: str, result: Any) -> Kernel:
        inputs = tuple(map(_number_of_dtype, self._inputs))
        return kernel_of(self._op, device, inputs, tuple(map(_number_of_dtype, _listed(result))))

    def _is_on_host(self, position: int) -> bool | None:
        """Whether the kernel that ran reads this input from host memory; None for a graph."""
        argument = argument_at(self._op, position, len(self._inputs))
        return None if argument is None else argument[0] in self._kernel.on_host

    def _of_tensors(self) -> Iterator[_Leg]:
        served: set[tuple[int, str]] = set()  # by an earlier input that is the same tensor
        for one in self._looked:
            for leg in self._of_tensor(one):
                moved = runtime.handle_of(one.tensor), leg.device_to
                if leg.evidence == OBSERVED and moved in served:
                    leg = leg._replace(mirrored=True)
                yield leg
                served.add(moved)

    def _of_tensor(self, one: _Input) -> Iterator[_Leg]:
        tensor, own = one.tensor, short_device(one.tensor.backing_device)
        on_host = None if self.device is None else self._is_on_host(one.position)
        is_mixed = on_host is False and self._is_mixed(tensor)
        if own == self.device and on_host is False and not is_mixed:
            return  # most inputs: they are where they are read
        dtype = tensor.dtype.name
        if dtype == "string" or dtype in HANDLES:
            return
        now = runtime.mirrors_of(tensor)
        for target in sorted((now or frozenset()) - (one.mirrors or frozenset())):
            yield _Leg(_data_of(tensor), own, target, False, self._why(target))
        if self.device is None or on_host is None:
            return
        if is_mixed:
            why = f"{self._op}'s kernel has int32 in both memories, and takes it anew each time"
            yield _Leg(_data_of(tensor), HOST_DEVICE, self.device, False, why, INFERRED)
        if not on_host or dtype == "int32":
            yield from self._by_mirror(one, own, HOST_DEVICE if on_host else self.device)
        elif not is_host(own):
            yield _Leg(_data_of(tensor), own, HOST_DEVICE, False, self._why_host(), INFERRED)

    def _is_mixed(self, tensor: Any) -> bool:
        """Whether it is int32 for a kernel on an accelerator that leaves int32 in host memory.

        Measured of ``ZerosLike`` and ``OnesLike``: what goes to the device does so at each call.
        """
        away = self.device is not None and not is_host(self.device)
        return bool(away and self._kernel.on_host and tensor.dtype.name == "int32")

    def _by_mirror(self, one: _Input, own: str, read_on: str) -> Iterator[_Leg]:
        """What the op read elsewhere without a new mirror: by an old one, as far as is known."""
        if own == read_on:
            return
        if one.mirrors is None or is_remote(own) or is_remote(read_on):
            yield _Leg(_data_of(one.tensor), own, read_on, None, self._why(read_on))
        elif read_on in one.mirrors:
            yield _Leg(_data_of(one.tensor), own, read_on, True, self._why(read_on))

    def _of_variables(self) -> Iterator[_Leg]:
        """Variables that the op read in C++: their values become tensors that nobody sees."""
        if self.device is None or self._are_tensors:
            return
        kind, types = sys.modules["tensorflow"].Variable, inputs_of(self._op).types
        for position, value in enumerate(self._inputs):
            if not isinstance(value, kind) or types[position] in HANDLES:
                continue
            shape, dtype, home = tuple(value.shape), value.dtype.name, short_device(value.device)
            data = _Data(shape, dtype, tensor_nbytes(value), id(value))
            yield from self._onward(position, data, home, frozenset())

    def _of_results(self, result: Any) -> Iterator[_Leg]:
        """Results that the kernel leaves where TensorFlow does not keep tensors of their dtype."""
        if self.device is None or is_host(self.device):
            return
        if self._op in _FROM_PIPELINES:
            yield from self._of_elements(result)
            return
        names, values = arguments_of(self._op).results, _listed(result)
        if len(names) != len(values):
            return
        for (name, _), value in zip(names, values, strict=True):
            if name not in self._kernel.on_host:
                continue
            for tensor in tensors_in(value):
                own = short_device(tensor.backing_device)
                if own == self.device:
                    why = f"{self._op} leaves this result in host memory"
                    yield _Leg(_data_of(tensor), HOST_DEVICE, own, False, why, INFERRED)

    def _of_elements(self, result: Any) -> Iterator[_Leg]:
        """Elements that a pipeline hands out on a device: it moved them ahead."""
        for value in _listed(result):
            for tensor in tensors_in(value):
                own = short_device(tensor.backing_device)
                if not is_host(own):
                    why = "the pipeline moved it ahead of time (prefetch_to_device)"
                    yield _Leg(_data_of(tensor), HOST_DEVICE, own, False, why, INFERRED)

    def of_value(self, position: int, seen: Seen) -> Seen | None:
        """A value became a tensor in the op, and the op read it on another device than that's.

        Parameters
        ----------
        position
            Which of the inputs.
        seen
            How it became a tensor.

        Returns
        -------
        Seen or None
            None where it lay where the op read it.
        """
        dtype = seen.dtype_to
        nbytes = math.prod(seen.shape) * (itemsize_of(dtype) or 0)
        data = _Data(seen.shape, dtype, nbytes, seen.identity)
        mirrors = self._kept.get(position) or frozenset()
        legs = list(self._onward(position, data, seen.device_to, mirrors))
        return self._seen(legs[0]) if legs else None

    def _onward(
        self, position: int, data: _Data, placed: str, mirrors: frozenset[str]
    ) -> Iterator[_Leg]:
        """What happened in the op to a tensor that lay at a known place before."""
        if self.device is None or data.dtype == "string" or data.dtype in HANDLES:
            return
        if self._is_on_host(position):
            if not is_host(placed) and data.dtype != "int32":
                yield _Leg(data, placed, HOST_DEVICE, False, self._why_host(), INFERRED)
        elif placed != self.device:
            mirrored, why = self.device in mirrors, self._why(self.device)
            yield _Leg(data, placed, self.device, mirrored, why, INFERRED)

    def _seen(self, leg: _Leg) -> Seen:
        data = leg.data
        storage, move = of_input(
            leg.device_from, leg.device_to, data.nbytes, leg.mirrored, leg.why, leg.evidence
        )
        return Seen(
            f"tf.raw_ops.{self._op}",
            DEVICE_TO_DEVICE,
            data.shape,
            data.dtype,
            data.dtype,
            leg.device_from,
            leg.device_to,
            data.nbytes,
            storage,
            None,
            data.identity,
            move=move,
        )

    def _why(self, target: str) -> str:
        """Why the op read its input there."""
        wanted = default_device()
        kind = wanted.partition(":")[0]
        if (
            is_host(target)
            and kind != "CPU"
            and not has_kernel(self._op, wanted, self._kernel.types)
        ):
            return f"{self._op} has no kernel for {kind}, so it ran on {target}"
        return f"{self._op} ran on {target}"

    def _why_host(self) -> str:
        return f"{self._op} reads this input from host memory, and keeps no copy there"


_FROM_PIPELINES = frozenset({"IteratorGetNext", "MultiDeviceIteratorGetNextFromShard"})
"""Ops that hand out elements of a ``tf.data`` pipeline."""


def _data_of(tensor: Any) -> _Data:
    known = is_computed(tensor)
    shape, nbytes = (shape_of_tensor(tensor), tensor_nbytes(tensor)) if known else ((), None)
    return _Data(shape, tensor.dtype.name, nbytes, id(tensor))


def _listed(result: Any) -> Sequence[Any]:
    return result if isinstance(result, list | tuple) else [result]


def _number_of_dtype(value: Any) -> int:
    """TensorFlow's number of a tensor's dtype, or of the first in a list; 0 for anything else."""
    if isinstance(value, eager_tensor_type()):
        return int(value._datatype_enum())
    dtype = dtype_of_tensor(value)
    return 0 if dtype is None else _number_of(dtype)


def _number_of(dtype: str) -> int:
    return int(sys.modules["tensorflow"].as_dtype(dtype).as_datatype_enum)


def tensors_in(value: Any) -> Iterator[Any]:
    """The eager tensors that an input or a result consists of."""
    kind = eager_tensor_type()
    if isinstance(value, kind):
        yield value
    elif isinstance(value, list | tuple):
        yield from (part for part in value if isinstance(part, kind))


def _mirrors_of_number(value: Any, dtype: str | None) -> frozenset[str] | None:
    """Devices that hold a copy of a Python number that TensorFlow kept; None if it kept none."""
    numbers = [0] if dtype is None else [_number_of(dtype), 0]
    device = runtime.context().device_name or ""
    found = (runtime.mirrors_of_number(value, number, device) for number in numbers)
    return next((mirrors for mirrors in found if mirrors is not None), None)


def device_of_op(op: str, inputs: Sequence[Any], result: Any) -> str:
    """Where an op ran: what its results say, else its Variable, else by its kernels."""
    for value in _listed(result):
        for tensor in tensors_in(value):
            return short_device(tensor.device)
    for value in inputs:
        for tensor in tensors_in(value):
            if tensor.dtype.name == "resource":
                return short_device(tensor.device)
    device = default_device()
    return device if has_kernel(op, device, frozenset()) else HOST_DEVICE
