"""TensorFlow's types of arguments, as `tfnp_magic.driving.retraces` compares them.

They are those of tensorflow/core/function/trace_type/default_types.py and of the ``TypeSpec``
classes; checked on 2.16 and 2.21. Told apart by their names: none of them is public.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from tfnp_magic.driving.retraces import (
    CONTEXT,
    NEST,
    OBJECT,
    OTHER,
    TENSOR,
    VALUE,
    Difference,
    Form,
)

MAX_TEXT = 20
"""Characters of a Python value that are kept."""

_WRITTEN = (int, float, bool, complex, str, bytes, type(None))
"""Types whose values are written out."""

_MOST_DIGITS = 10**18


def forms_of(function_type: Any, polymorphic: Any) -> dict[str, Form]:
    """Each argument's form in the type of one graph, by its name as the user knows it.

    Parameters
    ----------
    function_type
        The graph's: TensorFlow numbers there what ``*args`` took.
    polymorphic
        The function's own.
    """
    starred = _starred(polymorphic)
    forms: dict[str, Form] = {}
    taken: dict[str, list[tuple[Hashable, Form]]] = {name: [] for name in starred}
    for name, parameter in function_type.parameters.items():
        form = form_of(parameter.type_constraint)
        base, _, number = name.rpartition("_")
        if base in taken and number.isdigit():
            taken[base].append((int(number), form))
        else:
            forms[name] = form
    for name, parts in taken.items():
        forms[f"*{name}"] = Form(NEST, f"*{name}", parts=tuple(parts))
    return forms


def _starred(polymorphic: Any) -> list[str]:
    parameters = polymorphic.parameters.values()
    return [each.name for each in parameters if each.kind is each.VAR_POSITIONAL]


def form_of(kind: Any) -> Form:
    """The form of one argument, or of a part of one, by the name of its type."""
    name = type(kind).__name__
    if name == "Literal":
        return _value(kind.value)
    if name == "Weakref":
        return _object(kind._ref())
    if name == "VariableSpec":
        return _variable(kind)
    if hasattr(kind, "shape") and hasattr(kind, "dtype"):
        return _tensor(kind, _WHATS.get(name, name.removesuffix("Spec")))
    parts = _parts(kind, name)
    if parts is None:  # a class of the user's own, or one that is not known: as TensorFlow asks it
        return Form(OTHER, name, same=hash(kind))
    return Form(NEST, _nest_name(kind, name), parts=tuple(parts))


_WHATS = {"TensorSpec": "tensor"}


def _value(value: Any) -> Form:
    what = type(value).__name__
    if type(value) is object:  # stands for NaN, which equals nothing
        return Form(VALUE, "float", "nan", "nan")
    if type(value) not in _WRITTEN or (isinstance(value, int) and abs(value) > _MOST_DIGITS):
        return Form(VALUE, what, "", hash(value))
    text = repr(value[: MAX_TEXT + 1] if isinstance(value, str | bytes) else value)
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}…"
    # Long ones may begin alike; equal ones of two types are one to TensorFlow.
    return Form(VALUE, what, text, hash(value))


def _object(target: Any) -> Form:
    if target is None:  # it is gone; whatever came after is another
        return Form(OBJECT, "object", same=object())
    return Form(OBJECT, _object_name(target), same=id(target))


def _object_name(target: Any) -> str:
    if isinstance(target, type):
        return "class"
    name = type(target).__name__
    return _CALLED.get(name, name)


_CALLED = {
    "Function": "tf.function", "method": "function", "builtin_function_or_method": "function",
}  # fmt: skip


def _tensor(spec: Any, what: str) -> Form:
    return Form(TENSOR, what, dtype=_dtype_name(spec.dtype), shape=_shape_text(spec.shape))


def _variable(spec: Any) -> Form:
    """A Variable; which of several arguments are one and the same counts, too."""
    number = getattr(spec, "alias_id", None)
    which = Form(NEST, "Variable" if number is None else f"Variable {number + 1} of the call")
    return _tensor(spec, "Variable")._replace(parts=(("which", which),))


def _dtype_name(dtype: Any) -> str:
    return str(getattr(dtype, "name", dtype))


def _shape_text(shape: Any) -> str:
    if getattr(shape, "rank", 0) is None:
        return "of any rank"
    return str(tuple(shape))


def _parts(kind: Any, name: str) -> Iterable[tuple[Hashable, Form]] | None:
    """What it is made of, by key; None where that is not known."""
    if name == "Dict":
        return [(key, form_of(part)) for key, part in kind.mapping.items()]
    if name == "Attrs":
        kind, name = kind.named_attributes, "NamedTuple"
    if name == "NamedTuple":
        components = kind.attributes.components
        return list(zip(kind.attribute_names, map(form_of, components), strict=True))
    if name == "List":
        kind = kind.components_tuple
    if name in ("List", "Tuple", "CustomNestTraceType"):
        return list(enumerate(map(form_of, kind.components)))
    return _serialized(kind)


def _serialized(spec: Any) -> list[tuple[Hashable, Form]] | None:
    """What a ``TypeSpec`` is told by: other specs, shapes, dtypes."""
    serialize = getattr(spec, "_serialize", None)
    return None if serialize is None else list(enumerate(map(_of_part, serialize())))


def _of_part(part: Any) -> Form:
    name = type(part).__name__
    if name == "TensorShape":
        return Form(TENSOR, "tensor", shape=_shape_text(part))
    if name == "DType":
        return Form(TENSOR, "tensor", dtype=part.name)
    if isinstance(part, list | tuple):
        return Form(NEST, "tuple", parts=tuple(enumerate(map(_of_part, part))))
    if isinstance(part, dict):
        return Form(NEST, "dict", parts=tuple((key, _of_part(each)) for key, each in part.items()))
    if hasattr(part, "_serialize") or hasattr(part, "most_specific_common_supertype"):
        return form_of(part)
    return Form(OTHER, type(part).__name__, same=repr(part) if type(part) in _WRITTEN else None)


def _nest_name(kind: Any, name: str) -> str:
    if name in ("List", "Tuple", "Dict"):
        return name.lower()
    named = getattr(kind, "named_attributes", kind)
    value_type = getattr(kind, "value_type", None) if name == "CustomNestTraceType" else None
    own = getattr(named, "type_name", None) or getattr(value_type, "__name__", None)
    return str(own or name.removesuffix("Spec"))


_ELSEWHERE = {
    "parent_graph": "in another graph, or in none",
    "device_functions": "on another device",
    "colocation_stack": "beside another op",
    "in_cross_replica_context": "under another distribution strategy",
    "variable_policy": "while a model is saved",
    "xla_context_id": "in another compilation by XLA",
}
"""Fields of ``EagerContext`` (tensorflow/python/eager/polymorphic_function/function_context.py)."""


def context_differences(new: Any, old: Any) -> list[Difference]:
    """What is new about where the call stands; its scope type is left out."""
    new, old = new.context, old.context
    return [
        Difference(CONTEXT, sample=_ELSEWHERE.get(field, field))
        for field in getattr(new, "_fields", ())
        if getattr(new, field) != getattr(old, field, None)
    ]
