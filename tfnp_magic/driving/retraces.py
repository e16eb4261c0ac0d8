"""Why a ``tf.function`` built another graph: what is new about how it was called. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple

from tfnp_magic.activity import Retrace

VALUE, OBJECT, TENSOR, NEST, OTHER = "value", "object", "tensor", "nest", "other"

PYTHON_VALUE = "python value"
OTHER_OBJECT = "other object"
STRUCTURE = "structure"
DTYPE = "dtype"
SHAPE = "shape"
NEW_FUNCTION = "new function"
CONTEXT = "context"
UNKNOWN = "unknown"

_RANKS = (
    NEW_FUNCTION, PYTHON_VALUE, OTHER_OBJECT, STRUCTURE, DTYPE, SHAPE, CONTEXT, UNKNOWN,
)  # fmt: skip
"""Which kind names a reason of several: what is worst, and most easily avoided, first."""

MAX_SAMPLES = 5
"""Distinct examples that one cause names."""

MAX_COMPARED = 64
"""Earlier graphs, latest first, among which the one most like a new one is looked for."""


class Form(NamedTuple):
    """One argument as a graph is built for it: no value but those of Python's own.

    Attributes
    ----------
    kind
        ``value`` of Python's, built into the graph; ``object``, told by its identity;
        ``tensor``; ``nest``; ``other``.
    what
        Its type, as the user calls it: ``int``, ``Dense``, ``list``; ``*args`` of all that
        a function with any number of arguments was given.
    text
        How a value is written, cut to a few characters.
    same
        Equal in equal ones: a value's hash, an object's number.
    dtype, shape
        Of a tensor, as they are written.
    parts
        What a nest holds, by key or number; of a Variable, which one of the call's it is.
    """

    kind: str
    what: str = ""
    text: str = ""
    same: Hashable = None
    dtype: str = ""
    shape: str = ""
    parts: tuple[tuple[Hashable, Form], ...] = ()


class Difference(NamedTuple):
    """What is new in one argument.

    Attributes
    ----------
    kind
        As in `Retrace`.
    argument
        Name of the parameter; empty where it is no argument's.
    what
        Type of what is new.
    sample
        What is new, as an example: ``4``, ``(3, 2)``, ``float64 after float32``.
    within
        Whether it is a part of the argument.
    """

    kind: str
    argument: str = ""
    what: str = ""
    sample: str = ""
    within: bool = False


def differences(new: Mapping[str, Form], old: Mapping[str, Form]) -> list[Difference]:
    """What is new in the arguments, one `Difference` for each that differs."""
    found = []
    for name, form in new.items():
        before = old.get(name)
        if before is None:
            found.append(Difference(STRUCTURE, name, form.what, "one argument more"))
        elif (difference := _between(form, before)) is not None:
            found.append(difference._replace(argument=name))
    gone = [name for name in old if name not in new]
    found += [Difference(STRUCTURE, name, old[name].what, "one argument less") for name in gone]
    return found


def _between(new: Form, old: Form) -> Difference | None:
    if new.kind != old.kind:
        if new.kind == VALUE and new.text != "None":
            return Difference(PYTHON_VALUE, "", new.what, new.text)
        return _other_structure(new, old)
    if new.kind == VALUE:
        is_same = (new.same, new.text) == (old.same, old.text)
        return None if is_same else Difference(PYTHON_VALUE, "", new.what, new.text)
    if new.kind == TENSOR:
        return _between_tensors(new, old)
    if new.kind == NEST:
        return _between_nests(new, old)
    if (new.same, new.what) == (old.same, old.what):
        return None
    kind = OTHER_OBJECT if new.kind == OBJECT else UNKNOWN
    return Difference(kind, "", new.what)


def _between_tensors(new: Form, old: Form) -> Difference | None:
    if new.what != old.what:
        return _other_structure(new, old)
    if new.dtype != old.dtype:
        return Difference(DTYPE, "", new.what, f"{new.dtype} after {old.dtype}")
    if new.shape != old.shape:
        return Difference(SHAPE, "", new.what, new.shape)
    return _between_parts(new, old)


def _between_nests(new: Form, old: Form) -> Difference | None:
    if new.what != old.what or len(new.parts) != len(old.parts):
        return _other_structure(new, old)
    return _between_parts(new, old)


def _between_parts(new: Form, old: Form) -> Difference | None:
    before = dict(old.parts)
    for key, part in new.parts:
        if key not in before:
            return Difference(STRUCTURE, "", new.what, "other keys")
        difference = _between(part, before[key])
        if difference is not None:
            return difference._replace(within=True)
    return None


def _other_structure(new: Form, old: Form) -> Difference:
    return Difference(STRUCTURE, "", new.what, f"{_described(new)} after {_described(old)}")


_SIZED = ("list", "tuple", "dict")


def _described(form: Form) -> str:
    if form.what.startswith("*"):
        return f"{len(form.parts)} argument{'' if len(form.parts) == 1 else 's'}"
    if form.kind == NEST and form.what in _SIZED:
        return f"{form.what} of {len(form.parts)}"
    if form.kind == VALUE:
        return "None" if form.text == "None" else f"Python {form.what}"
    return _object_text(form.what) if form.kind == OBJECT else form.what


def _object_text(what: str) -> str:
    """``Dense object``; what Python has no class of the user's for is one word already."""
    return what if what in ("function", "tf.function", "class", "object") else f"{what} object"


def nearest(candidates: Iterable[list[Difference]]) -> list[Difference] | None:
    """The fewest differences from one of the earlier graphs, latest first; None without any."""
    best: list[Difference] | None = None
    for number, found in enumerate(candidates):
        if best is None or len(found) < len(best):
            best = found
        # No graph can be nearer than one that a single argument tells apart.
        if len(best) <= 1 or number + 1 >= MAX_COMPARED:
            break
    return best


Key = tuple[tuple[str, str], ...]


@dataclasses.dataclass
class _Examples:
    """What was new for one kind of difference, in one argument."""

    difference: Difference
    whats: list[str] = dataclasses.field(default_factory=list)
    samples: list[str] = dataclasses.field(default_factory=list)
    are_more: bool = False

    def add(self, difference: Difference) -> None:
        if difference.what not in self.whats and len(self.whats) < MAX_SAMPLES:
            self.whats.append(difference.what)
        if difference.sample in self.samples:
            return
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append(difference.sample)
        else:
            self.are_more = True

    def told(self, count: int) -> str:
        """The cause of `count` retraces in a user's words."""
        kind = self.difference.kind
        one = self.whats[0] if len(self.whats) == 1 else ""
        within = " in it" if self.difference.within else ""
        which = "another" if count == 1 else "each new"
        if kind == PYTHON_VALUE:
            samples = f" ({self._samples()})" if self._samples() else ""
            return f"{'a new' if count == 1 else which} Python {one or 'value'}{within}{samples}"
        if kind == SHAPE:
            return f"{'a new' if count == 1 else which} shape{within}: {self._samples()}"
        if kind == OTHER_OBJECT:
            return f"{which} {_object_text(one or 'object')}{within}"
        if kind == NEW_FUNCTION:
            return f"{which} tf.function of the same code"
        if kind == UNKNOWN:
            return f"{which} {one}{within}" if one else _UNTOLD
        named = "another place of the call" if kind == CONTEXT else f"another {kind}"
        return f"{named}{within}: {self._samples()}"

    def _samples(self) -> str:
        return ", ".join(filter(None, self.samples)) + (", …" if self.are_more else "")


_UNTOLD = "nothing that its arguments tell"


class Reasons:
    """Retraces of one function from one line, told by reason.

    Parameters
    ----------
    told
        The list that is filled.
    """

    def __init__(self, told: list[Retrace]) -> None:
        self._told = told
        self._known: dict[Key, tuple[Retrace, list[_Examples]]] = {}

    def add(self, found: list[Difference], duration_ns: int) -> None:
        """Count one graph more that these differences caused."""
        key = tuple((difference.kind, difference.argument) for difference in found)
        known = self._known.get(key)
        if known is None:
            retrace = Retrace(_worst(found), ", ".join(filter(None, (d.argument for d in found))))
            known = self._known[key] = retrace, [_Examples(difference) for difference in found]
            self._told.append(retrace)
        retrace, parts = known
        retrace.count += 1
        retrace.duration_ns += duration_ns
        for examples, difference in zip(parts, found, strict=True):
            examples.add(difference)
        retrace.what = parts[0].whats[0] if len(parts) == 1 and len(parts[0].whats) == 1 else ""
        retrace.cause = _joined(parts, retrace.count)


def _worst(found: list[Difference]) -> str:
    return min((difference.kind for difference in found), key=_RANKS.index, default=UNKNOWN)


def _joined(parts: list[_Examples], count: int) -> str:
    if len(parts) == 1:
        return parts[0].told(count)
    told = (f"{part.difference.argument or 'call'}: {part.told(count)}" for part in parts)
    return "; ".join(told) or _UNTOLD
