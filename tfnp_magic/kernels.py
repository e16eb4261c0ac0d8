"""Which arguments an op's kernels have in host memory, by TensorFlow's own list of kernels.

A kernel for an accelerator may want an input in host memory (shapes, axes), or leave a result
there. TensorFlow runs each op as a small graph, and moves such arguments inside it, each time
anew: no mirror is kept. Measured on 2.16 and 2.21.
"""

from __future__ import annotations

import functools
import sys
from typing import Any, NamedTuple

Types = frozenset[tuple[str, int]]
"""An op's type attributes as far as known: their names, and TensorFlow's numbers of dtypes."""


class Arguments(NamedTuple):
    """Names and type attributes of an op's inputs and results, in order.

    Attributes
    ----------
    inputs, results
        Pairs of a name and an attribute; the attribute is empty where the type is fixed.
    lists
        Positions of inputs that are lists of tensors.
    """

    inputs: tuple[tuple[str, str], ...]
    results: tuple[tuple[str, str], ...]
    lists: tuple[int, ...]


@functools.cache
def arguments_of(op: str) -> Arguments:
    """What the registered op of this name has; nothing for an unknown one, as a graph."""
    definition = sys.modules["tensorflow.python.framework.op_def_registry"].get(op)
    if definition is None:
        return Arguments((), (), ())
    inputs, results = definition.input_arg, definition.output_arg
    return Arguments(
        tuple((argument.name, argument.type_attr) for argument in inputs),
        tuple((argument.name, argument.type_attr) for argument in results),
        tuple(i for i, each in enumerate(inputs) if each.number_attr or each.type_list_attr),
    )


def argument_at(op: str, position: int, number: int) -> tuple[str, str] | None:
    """Name and type attribute of the input at a position; None where that cannot be told.

    Parameters
    ----------
    op, position
        The op, and the position among what it was given.
    number
        How many inputs it was given: off the fast path, the tensors of a list come one by one.
    """
    inputs, _, lists = arguments_of(op)
    if number == len(inputs):
        return inputs[position]
    if len(lists) != 1 or number < len(inputs) - 1:
        return None
    first, in_list = lists[0], number - (len(inputs) - 1)
    if position < first:
        return inputs[position]
    return inputs[max(first, position - in_list + 1)]


def has_kernel(op: str, device: str, types: Types) -> bool:
    """Whether an op can run on a kind of device (``GPU:0``), with these dtypes."""
    return bool(_chosen(op, _kind(device), types))


def has_own_kernel(op: str, device: str) -> bool:
    """Whether there is one for this kind of device alone."""
    return any(kernel.device_type == _kind(device) for kernel in _registered(op))


class Kernel(NamedTuple):
    """What is known of the kernel that ran an op.

    Attributes
    ----------
    types
        The op's type attributes.
    on_host
        Names of the arguments that it has in host memory.
    """

    types: Types
    on_host: frozenset[str]


@functools.lru_cache(maxsize=4096)
def kernel_of(op: str, device: str, inputs: tuple[int, ...], results: tuple[int, ...]) -> Kernel:
    """What the kernel is, by TensorFlow's numbers of dtypes; 0 for what is not known.

    Parameters
    ----------
    op
        The op.
    device
        Where it ran: ``GPU:0``.
    inputs, results
        Dtypes of what it was given, and of what it gave; of a list, its first tensor's.

    Notes
    -----
    Where several kernels fit, what they agree on counts.
    """
    places = [argument_at(op, position, len(inputs)) for position in range(len(inputs))]
    given = [(place[1], dtype) for place, dtype in zip(places, inputs, strict=True) if place]
    made = arguments_of(op).results
    given += [(each[1], dtype) for each, dtype in zip(made, results, strict=False)]
    types = frozenset((name, dtype) for name, dtype in given if name and dtype)
    names = [frozenset(kernel.host_memory_arg) for kernel in _chosen(op, _kind(device), types)]
    return Kernel(types, frozenset.intersection(*names) if names else frozenset())


def _kind(device: str) -> str:
    return device.partition(":")[0].upper()


@functools.lru_cache(maxsize=4096)
def _chosen(op: str, kind: str, types: Types) -> tuple[Any, ...]:
    """Kernels that fit: the device's own, else those that are registered for any device."""
    fitting = [kernel for kernel in _registered(op) if _fits(kernel, dict(types))]
    own = tuple(kernel for kernel in fitting if kernel.device_type == kind)
    return own or tuple(kernel for kernel in fitting if kernel.device_type == "DEFAULT")


@functools.cache
def _registered(op: str) -> tuple[Any, ...]:
    """Source: tensorflow/python/framework/kernels.py, 2.16 to 2.21."""
    from tensorflow.python.framework import kernels

    return tuple(k for k in kernels.get_registered_kernels_for_op(op).kernel if not k.label)


def _fits(kernel: Any, types: dict[str, int]) -> bool:
    """Whether the kernel takes these dtypes; one that is not known, it may."""
    return all(
        rule.name not in types or types[rule.name] in rule.allowed_values.list.type
        for rule in kernel.constraint
    )
