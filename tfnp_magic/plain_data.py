"""Records as plain data, and back: what JSON can hold, told by their annotations alone.

A dataclass or a named tuple is an object with its fields' names; a tuple is a list; a dict
whose keys are no texts is a list of pairs; a float that JSON has no number for is ``"nan"``,
``"inf"`` or ``"-inf"``. Nothing in the data chooses a type, so that nothing but these records
can come of it, whoever wrote it; and what does not fit its annotation is refused.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tfnp_magic.activity import FunctionCalls, ModelCalls, Pipeline
from tfnp_magic.values import ValueChange

_FOR_TYPE_CHECKERS = {
    kind.__name__: kind for kind in (FunctionCalls, ModelCalls, Pipeline, ValueChange)
}
"""Types that annotations name without their modules importing them."""

LARGEST = 2**63 - 1
"""The largest whole number there is, either way: that of a DataFrame's columns."""


class Misfit(ValueError):
    """Something that does not fit its annotation.

    Attributes
    ----------
    complaint
        What is wrong with it: ``should be a text and is null``.
    path
        Where it stands: ``.ledger[3].count``; empty for the outermost.
    unknown
        Whether it is a field that the record does not have.
    """

    def __init__(self, complaint: str, path: str = "", *, unknown: bool = False) -> None:
        super().__init__(complaint)
        self.complaint, self.path, self.unknown = complaint, path, unknown


class Form(NamedTuple):
    """How values of one type become plain data and come back; both raise `Misfit`."""

    to_plain: Callable[[Any], Any]
    from_plain: Callable[[Any], Any]


@functools.cache
def form_of(kind: Any) -> Form:
    """The form of a dataclass, a named tuple, or an annotation of one of their fields.

    Raises
    ------
    TypeError
        For an annotation that plain data has no form for.
    """
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    outer, inner = typing.get_origin(kind), typing.get_args(kind)
    if outer in (typing.Union, types.UnionType) and len(inner) == 2 and inner[1] is types.NoneType:
        return _optional(form_of(inner[0]))
    if outer is list:
        return _sequence(list, form_of(inner[0]))
    if outer is tuple and inner[1:] == (...,):
        return _sequence(tuple, form_of(inner[0]))
    if outer is dict:
        return _mapping(form_of(inner[1])) if inner[0] is str else _pairs(*map(form_of, inner))
    if isinstance(kind, type) and (dataclasses.is_dataclass(kind) or hasattr(kind, "_fields")):
        return _record(kind)
    raise TypeError(f"no form of plain data for {kind!r}")


def _misfit(form: str, value: Any) -> Misfit:
    is_what = _KINDS.get(type(value), f"of type {type(value).__name__}")
    return Misfit(f"should be {form} and is {is_what}")


_KINDS = {
    str: "a text", bool: "true or false", int: "a whole number", float: "a number",
    list: "a list", dict: "an object", types.NoneType: "null",
}  # fmt: skip
"""What JSON's values are called, by their types in Python."""


# Forms of single values.


def _exactly(kind: type) -> Form:
    name = _KINDS[kind]

    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise _misfit(name, value)
        return value

    return Form(check, check)


def _index(value: Any) -> int:
    """A whole number, NumPy's included."""
    try:
        return _whole(operator.index(value))
    except TypeError:
        raise _misfit(_KINDS[int], value) from None


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise _misfit(_KINDS[int], value)
    if abs(value) > LARGEST:
        raise Misfit("is too large a number")
    return value


def _float_to_plain(value: Any) -> float | str:
    if not isinstance(value, float):
        raise _misfit(_KINDS[float], value)
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _float_from_plain(value: Any) -> float:
    if type(value) is float or value in _NO_JSON_NUMBERS:
        return float(value)
    if type(value) is not int:
        raise _misfit(_KINDS[float], value)
    return float(_whole(value))


_NO_JSON_NUMBERS = ("nan", "inf", "-inf")

_SIMPLE = {
    str: _exactly(str),
    bool: _exactly(bool),
    int: Form(_index, _whole),
    float: Form(_float_to_plain, _float_from_plain),
}


def _optional(form: Form) -> Form:
    def to_plain(value: Any) -> Any:
        return None if value is None else form.to_plain(value)

    def from_plain(value: Any) -> Any:
        return None if value is None else form.from_plain(value)

    return Form(to_plain, from_plain)


# Forms of what has parts.


def _sequence(kind: type, form: Form) -> Form:
    def to_plain(value: Any) -> list[Any]:
        if not isinstance(value, kind):
            raise _misfit("a list", value)
        return _each(form.to_plain, value)

    def from_plain(value: Any) -> Any:
        if type(value) is not list:
            raise _misfit("a list", value)
        return kind(_each(form.from_plain, value))

    return Form(to_plain, from_plain)


def _each(convert: Callable[[Any], Any], values: Any) -> list[Any]:
    converted: list[Any] = []
    try:
        # Not a comprehension: the length says which one did not fit.
        for value in values:
            converted.append(convert(value))  # noqa: PERF401
    except Misfit as misfit:
        misfit.path = f"[{len(converted)}]{misfit.path}"
        raise
    return converted


def _within(step: str, convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except Misfit as misfit:
        misfit.path = f"{step}{misfit.path}"
        raise


def _mapping(form: Form) -> Form:
    text = _SIMPLE[str]

    def convert(part: Callable[[Any], Any], value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _misfit("an object", value)
        return dict(zip(_each(text.to_plain, value), _each(part, value.values()), strict=True))

    return Form(
        functools.partial(convert, form.to_plain),
        functools.partial(convert, form.from_plain),
    )


def _pairs(key: Form, form: Form) -> Form:
    def to_plain(value: Any) -> list[Any]:
        if not isinstance(value, dict):
            raise _misfit("an object", value)
        keys, values = _each(key.to_plain, value), _each(form.to_plain, value.values())
        return [[one, other] for one, other in zip(keys, values, strict=True)]

    def pair(value: Any) -> tuple[Any, Any]:
        if type(value) is not list or len(value) != 2:
            raise _misfit("a pair", value)
        return _within("[0]", key.from_plain, value[0]), _within("[1]", form.from_plain, value[1])

    def from_plain(value: Any) -> dict[Any, Any]:
        if type(value) is not list:
            raise _misfit("a list", value)
        found = dict(_each(pair, value))
        if len(found) < len(value):
            raise Misfit("holds a key twice")
        return found

    return Form(to_plain, from_plain)


def _record(kind: type) -> Form:
    """Fields by name: those with a default may be missing, and there are no others."""
    hints = typing.get_type_hints(kind, localns=_FOR_TYPE_CHECKERS)
    forms = {name: form_of(hint) for name, hint in hints.items()}
    required = set(forms) - _defaulted(kind)

    writers = {name: form.to_plain for name, form in forms.items()}
    readers = {name: form.from_plain for name, form in forms.items()}

    def to_plain(value: Any) -> dict[str, Any]:
        if type(value) is not kind:
            raise _misfit(f"a {kind.__name__}", value)
        return _fields(writers, {name: getattr(value, name) for name in writers})

    def from_plain(value: Any) -> Any:
        if type(value) is not dict:
            raise _misfit("an object", value)
        found = _fields(readers, value)
        for name in sorted(required - found.keys()):
            raise Misfit(f"lacks the field {name!r}")
        return kind(**found)

    return Form(to_plain, from_plain)


def _defaulted(kind: Any) -> set[str]:
    if not dataclasses.is_dataclass(kind):
        return set(kind._field_defaults)
    missing = dataclasses.MISSING
    return {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is not missing or field.default_factory is not missing
    }


def _fields(
    converters: Mapping[str, Callable[[Any], Any]], values: dict[str, Any]
) -> dict[str, Any]:
    converted = {}
    name = ""
    try:
        for name, value in values.items():
            if name not in converters:
                raise Misfit("is no field that it has", unknown=True)
            converted[name] = converters[name](value)
    except Misfit as misfit:
        misfit.path = f".{_shown(name)}{misfit.path}"
        raise
    return converted


def _shown(name: str) -> str:
    """A field's name, or the beginning of what stands in its place, without control characters."""
    return name if name.isidentifier() and len(name) <= _LONGEST else ascii(name[:_LONGEST])


_LONGEST = 60
