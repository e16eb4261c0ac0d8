"""The dtype that TensorFlow converts an op's argument to, by its rule for dtype hints."""

from __future__ import annotations

import functools
import sys
from typing import Any, NamedTuple

from tfnp_magic.facts import eager_tensor_type
from tfnp_magic.probes.sources import dtype_name


class Inputs(NamedTuple):
    """What an op says of its inputs, one entry each.

    Attributes
    ----------
    number
        How many of an op's arguments are inputs.
    types
        The dtype, where it is always the same; else empty.
    attributes
        The type attribute that tells it; empty without one.
    defaults
        That attribute's default; empty without one.
    """

    number: int
    types: tuple[str, ...]
    attributes: tuple[str, ...]
    defaults: tuple[str, ...]


@functools.cache
def inputs_of(op: str) -> Inputs:
    """What the registered op of this name says; no inputs for an unknown one."""
    registry = sys.modules["tensorflow.python.framework.op_def_registry"]
    definition = registry.get(op)
    if definition is None:
        return Inputs(0, (), (), ())
    defaults = {attr.name: _name_of(attr.default_value.type) for attr in definition.attr}
    arguments = definition.input_arg
    return Inputs(
        len(arguments),
        tuple(_name_of(argument.type) for argument in arguments),
        tuple(argument.type_attr for argument in arguments),
        tuple(defaults.get(argument.type_attr, "") for argument in arguments),
    )


def _name_of(dtype: Any) -> str:
    """Name of a dtype, given as TensorFlow's object or its number; empty for 0, which is none."""
    return str(sys.modules["tensorflow"].as_dtype(dtype).name) if dtype else ""


class Call(NamedTuple):
    """One call of an op.

    Attributes
    ----------
    inputs, rest
        Its inputs, and the names and values of attributes behind them.
    held
        ``id()`` of the arrays that a result or a tape holds on to.
    """

    inputs: tuple[Any, ...]
    rest: tuple[Any, ...]
    held: frozenset[int] = frozenset()

    def attribute(self, name: str) -> str | None:
        """Name of the dtype that the call gives to a type attribute; None if it gives none."""
        for key, value in zip(self.rest[::2], self.rest[1::2], strict=False):
            if key == name and value is not None:
                return _name_of(value)
        return None


def wanted_dtype(op: str, position: int, call: Call) -> str | None:
    """Name of the dtype that TensorFlow converts an input to; None where that is its own.

    By TensorFlow's rule (``ConvertToTensor``'s dtype hint in pywrap_tfe_src.cc, 2.21): the
    op's fixed type, or the attribute's value if it is given, or the dtype of a tensor with
    the same attribute, or what an earlier input with it came to be, or its default.
    """
    about = inputs_of(op)
    attribute = about.attributes[position]
    if about.types[position] or not attribute:
        return about.types[position] or None
    given = call.attribute(attribute)
    if given:
        return given
    alike = [p for p, name in enumerate(about.attributes) if name == attribute]
    for other in alike:
        if dtype := dtype_of_tensor(call.inputs[other]):
            return dtype
    for earlier in alike:
        if earlier < position and (dtype := _dtype_of_value(op, earlier, call)):
            return dtype
    return about.defaults[position] or None


def dtype_of_tensor(value: Any) -> str | None:
    """Of a tensor or a Variable, or the first of them in a list."""
    if isinstance(value, list | tuple):
        return next(filter(None, map(dtype_of_tensor, value)), None)
    if isinstance(value, (eager_tensor_type(), sys.modules["tensorflow"].Variable)):
        return str(value.dtype.name)
    return None


def _dtype_of_value(op: str, position: int, call: Call) -> str | None:
    """What a non-tensor input came to be."""
    value = call.inputs[position]
    if isinstance(value, list | tuple) and any(hasattr(part, "dtype") for part in value):
        value = next(part for part in value if hasattr(part, "dtype"))
    wanted = inputs_of(op).defaults[position]
    if hasattr(value, "dtype"):
        return wanted or dtype_name(value)
    return wanted or default_of(value)


def default_of(value: Any) -> str | None:
    """Dtype that TensorFlow gives a Python value."""
    while isinstance(value, list | tuple) and len(value):
        value = value[0]
    kinds: dict[type, str] = {bool: "bool", int: "int32", float: "float32", complex: "complex128"}
    return kinds.get(type(value))
