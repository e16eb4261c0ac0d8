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
    """Names and type attributes of an op's inputs and results, in order."""

    inputs: tuple[tuple[str, str], ...]
    results: tuple[tuple[str, str], ...]


@functools.cache
def arguments_of(op: str) -> Arguments:
    """What the registered op of this name has; nothing for an unknown one, as a graph."""
    definition = sys.modules["tensorflow.python.framework.op_def_registry"].get(op)
    if definition is None:
        return Arguments((), ())
    inputs, results = definition.input_arg, definition.output_arg
    return Arguments(
        tuple((argument.name, argument.type_attr) for argument in inputs),
        tuple((argument.name, argument.type_attr) for argument in results),
    )


def has_kernel(op: str, device: str, types: Types) -> bool:
    """Whether an op can run on a kind of device (``GPU:0``), with these dtypes."""
    return bool(_chosen(op, _kind(device), types))


def may_use_host_memory(op: str, device: str) -> bool:
    """Whether any of the op's kernels for a kind of device has an argument in host memory."""
    return _may_use_host_memory(op, _kind(device))


@functools.cache
def _may_use_host_memory(op: str, kind: str) -> bool:
    return any(k.host_memory_arg for k in _registered(op) if k.device_type in (kind, "DEFAULT"))


@functools.lru_cache(maxsize=4096)
def in_host_memory(op: str, device: str, types: Types) -> frozenset[str]:
    """Names of the arguments that the op's kernel on this device has in host memory.

    Parameters
    ----------
    op
        The op.
    device
        Where it runs: ``GPU:0``.
    types
        Its type attributes; where several kernels fit, what they agree on counts.
    """
    chosen = _chosen(op, _kind(device), types)
    names = [frozenset(kernel.host_memory_arg) for kernel in chosen]
    return frozenset.intersection(*names) if names else frozenset()


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
