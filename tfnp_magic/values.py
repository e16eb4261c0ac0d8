"""Whether a cast changed values, and how: compared number by number, exactly. Pure NumPy.

What is counted is what was seen: the numbers before and after. Where a dtype cannot hold
a number, the outcome differs from one dtype to the next, and the counts follow it: 1e30
becomes inf in float16 and NaN in float8_e4m3fn (both `became_nonfinite`), and the largest
number in float4_e2m1fn, which has neither (`out_of_range`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

SAMPLE = 32_768
"""Elements above which only a sample is compared: 1 to 2 ms, however large the array."""

_CHUNK = 65_536
"""Elements looked at together: they bound the memory, at some 10 MB."""


class ValueChange(NamedTuple):
    """What became of the values; each that changed is in one count, the first that applies.

    Attributes
    ----------
    total
        Elements that were cast.
    checked
        Elements compared; fewer than `total` where a sample was taken. All that follows
        is of these.
    changed
        Elements whose value differs. NaN equals NaN, and -0.0 equals 0.0.
    became_nonfinite
        Came to be infinite or NaN: too large for the float type, or unknown to it.
    became_finite
        Were NaN or infinite and are a finite number: the type has neither.
    imaginary_lost
        Had an imaginary part, in a type that has none.
    out_of_range
        Lie outside the integer type's range, so they wrapped around or worse; or outside
        that of a float type without infinity and NaN.
    became_zero
        Were not 0 and are 0 in a float type.
    fraction_lost
        Had a fraction, in an integer type.
    became_bool
        Were neither 0 nor 1 and are True or False.
    inexact_integers
        Integers that the float type can only come near to.
    exact_up_to
        Power of two up to which that float type holds every integer; None where
        `inexact_integers` is 0.
    largest_relative_error
        Greatest ``|new - old| / |old|`` in a float type, over the values in none of the
        counts above but `inexact_integers`; None where there is none.
    observed
        True: both ends were compared. False: NumPy made the cast again, which is inferred.
    """

    total: int
    checked: int
    changed: int = 0
    became_nonfinite: int = 0
    became_finite: int = 0
    imaginary_lost: int = 0
    out_of_range: int = 0
    became_zero: int = 0
    fraction_lost: int = 0
    became_bool: int = 0
    inexact_integers: int = 0
    exact_up_to: int | None = None
    largest_relative_error: float | None = None
    observed: bool = True


def compare(source: Array, result: Array, limit: int | None = SAMPLE) -> ValueChange | None:
    """Compare both ends of a cast, element by element.

    Parameters
    ----------
    source, result
        Arrays of one shape, of any layout; only read.
    limit
        Elements to compare at most, at least 2: an evenly spread sample with the first
        and the last, the same each time. None compares all.

    Returns
    -------
    ValueChange or None
        None where there are no numbers to compare: strings, objects, structured dtypes,
        dates; long double, which float64 does not hold; unequal shapes.
    """
    source, result = np.asarray(source), np.asarray(result)
    if source.shape != result.shape or not (_kind(source.dtype) and _kind(result.dtype)):
        return None
    with np.errstate(all="ignore"):
        changes = (
            _change(_elements(source, part), _elements(result, part))
            for part in _parts(source.size, limit)
        )
        return _sum(changes, source.size, observed=True)


def emulate(source: Array, dtype: Any, limit: int | None = SAMPLE) -> ValueChange | None:
    """Make the cast of `source` to `dtype` again, of a sample, and compare.

    TensorFlow casts arrays on their way in with NumPy's own casts (``pywrap_tensor.cc``:
    ``PyArray_FromAny`` with ``NPY_ARRAY_FORCECAST``; outcomes compared on 2.21), so
    NumPy's outcome is TensorFlow's.

    Parameters
    ----------
    source, limit
        As in `compare`.
    dtype
        What NumPy takes for a dtype.

    Returns
    -------
    ValueChange or None
        As in `compare`; None also where NumPy has no such cast.
    """
    source, dtype = np.asarray(source), np.dtype(dtype)
    if not (_kind(source.dtype) and _kind(dtype) and _has_cast(source.dtype, dtype)):
        return None
    with np.errstate(all="ignore"):
        parts = (_elements(source, part) for part in _parts(source.size, limit))
        changes = (_change(part, _cast(part, dtype)) for part in parts)
        return _sum(changes, source.size, observed=False)


def unchecked(source: Array) -> ValueChange | None:
    """What is said of a cast that was not looked at: how many elements it had.

    Returns
    -------
    ValueChange or None
        With nothing checked; None where there are no numbers.
    """
    return ValueChange(source.size, 0, observed=False) if _kind(source.dtype) else None


def merge(one: ValueChange, other: ValueChange) -> ValueChange:
    """Add up the changes of two casts; the order does not matter."""
    counts = {name: getattr(one, name) + getattr(other, name) for name in _COUNTS}
    bounds = [bound for bound in (one.exact_up_to, other.exact_up_to) if bound is not None]
    errors = [
        error
        for error in (one.largest_relative_error, other.largest_relative_error)
        if error is not None
    ]
    return ValueChange(
        **counts,
        exact_up_to=min(bounds, default=None),
        largest_relative_error=max(errors, default=None),
        observed=one.observed and other.observed,
    )


_COUNTS = ValueChange._fields[: ValueChange._fields.index("exact_up_to")]


def _sum(changes: Iterator[ValueChange], total: int, *, observed: bool) -> ValueChange:
    nothing = ValueChange(0, 0, observed=observed)
    return functools.reduce(merge, changes, nothing)._replace(total=total)


# Which elements are looked at


def _parts(size: int, limit: int | None) -> Iterator[slice | Array]:
    """Flat indices to compare, a chunk at a time."""
    if limit is not None and limit < 2:
        raise ValueError("a sample holds the first and the last element: limit must be at least 2")
    checked = size if limit is None else min(size, limit)
    for start in range(0, checked, _CHUNK):
        stop = min(start + _CHUNK, checked)
        yield slice(start, stop) if checked == size else _spread(size, checked, start, stop)


def _spread(size: int, count: int, start: int, stop: int) -> Array:
    """Indices `start` to `stop` of a sample of `count`: one from each of as many equal stretches.

    Where in its stretch an index lies follows the golden ratio. Were it the same place in
    each, a table whose row is as long as a stretch would be judged by one column.
    """
    turn = np.arange(start, stop, dtype=np.int64)
    first, behind = turn * size // count, (turn + 1) * size // count
    place = turn * 0.618033988749895 % 1.0
    indices = first + (place * (behind - first)).astype(np.int64)
    if stop == count:
        indices[-1] = size - 1
    return indices


def _elements(array: Array, part: slice | Array) -> Array:
    """Those elements in C order, without a copy of all: ``take`` and ``ravel`` make one."""
    if array.flags.c_contiguous:
        return array.reshape(-1)[part]
    picked: Array = array.flat[part]
    return picked


def _cast(elements: Array, dtype: np.dtype[Any]) -> Array:
    """As ``astype``, without its warning of a dropped imaginary part, which no errstate stops."""
    if elements.dtype.kind == "c" and _kind(dtype) in (INTEGER, FLOAT):
        elements = elements.real
    return elements.astype(dtype)


def _has_cast(dtype_from: np.dtype[Any], dtype_to: np.dtype[Any]) -> bool:
    """Whether NumPy can do it: ml_dtypes' integers, for one, do not cast to each other."""
    try:
        _cast(np.empty(0, dtype_from), dtype_to)
    except TypeError:
        return False
    return True


# What dtypes can hold

BOOL, INTEGER, FLOAT, COMPLEX = "bool", "integer", "float", "complex"


def _kind(dtype: np.dtype[Any]) -> str | None:
    """What numbers a dtype holds, ml_dtypes' among them; None for those not compared here."""
    if dtype.isbuiltin == 2:  # Registered by another package, under a kind that tells nothing.
        name = dtype.name
        if name.startswith(("int", "uint")):
            return INTEGER
        return FLOAT if name.startswith(("float", "bfloat")) else None
    if dtype.kind == "f" and dtype.itemsize <= 8:
        return FLOAT
    if dtype.kind == "c" and dtype.itemsize <= 16:
        return COMPLEX
    return {"b": BOOL, "i": INTEGER, "u": INTEGER}.get(dtype.kind)


def _range(dtype: np.dtype[Any]) -> tuple[float, float]:
    """The least integer of an integer dtype, and the least above its greatest; both exact."""
    bits = int(dtype.name.lstrip("uint"))
    return (
        (0.0, 2.0**bits)
        if dtype.name.startswith("u")
        else (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1))
    )


@functools.cache
def _saturates_at(dtype: np.dtype[Any]) -> float:
    """What infinity becomes in a float dtype: its greatest number, or itself, or NaN."""
    return float(np.array([np.inf]).astype(dtype).astype(np.float64)[0])


@functools.cache
def _exact_up_to(dtype: np.dtype[Any]) -> int:
    """The power of two after which a float dtype skips integers, found by trying."""
    powers = np.left_shift(1, np.arange(63, dtype=np.int64))
    next_ones = powers + 1
    differs = _differs(_numbers(next_ones), _numbers(next_ones.astype(dtype)))
    return int(powers[np.argmax(differs)])


# What changed


class _Numbers(NamedTuple):
    """Numbers as float64 without loss: the value is ``real + rest``, and `imag`."""

    real: Array
    rest: Array
    imag: Array

    def of(self, mask: Array) -> _Numbers:
        return _Numbers(self.real[mask], self.rest[mask], self.imag[mask])

    @property
    def finite(self) -> Array:
        return np.isfinite(self.real) & np.isfinite(self.imag)


def _numbers(array: Array) -> _Numbers:
    zeros = np.broadcast_to(0.0, array.shape)
    if array.dtype.kind == "c":
        return _Numbers(array.real.astype(np.float64), zeros, array.imag.astype(np.float64))
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        rest = _lower_half(array)
        return _Numbers((array - rest).astype(np.float64), rest.astype(np.float64), zeros)
    return _Numbers(array.astype(np.float64, copy=False), zeros, zeros)


def _lower_half(integers: Array) -> Array:
    """The lower 32 of 64 bits, so that these and the others each fit float64's 53.

    With the number's sign: so its difference to a float near it comes out exactly.
    """
    one = integers.dtype.type(1 << 32)
    half = integers & (one - integers.dtype.type(1))
    lower: Array = np.where((integers < 0) & (half != 0), half - one, half)
    return lower


def _real_difference(old: _Numbers, new: _Numbers) -> Array:
    """0 if and only if both are finite and equal; rounded only where they are far apart."""
    difference: Array = (new.real - old.real) + (new.rest - old.rest)
    return difference


def _differs(old: _Numbers, new: _Numbers) -> Array:
    real = (_real_difference(old, new) == 0) | _same_nonfinite(old.real, new.real)
    imag = (old.imag == new.imag) | _same_nonfinite(old.imag, new.imag)
    differs: Array = ~(real & imag)
    return differs


def _same_nonfinite(old: Array, new: Array) -> Array:
    same: Array = np.isnan(old) & np.isnan(new) | np.isinf(old) & (old == new)
    return same


def _change(source: Array, result: Array) -> ValueChange:
    """Compare two flat arrays of one chunk."""
    old, new = _numbers(source), _numbers(result)
    differs = _differs(old, new)
    changed = int(np.count_nonzero(differs))
    change = ValueChange(source.size, source.size, changed)
    if not changed:
        return change
    old, new = old.of(differs), new.of(differs)
    counts: dict[str, Any] = {}
    left = np.ones(changed, bool)
    for name, found in _findings(old, new, result.dtype):
        counts[name] = int(np.count_nonzero(found & left))
        left &= ~found
    change = change._replace(**counts)
    if _kind(result.dtype) not in (FLOAT, COMPLEX):
        return change
    old, new = old.of(left), new.of(left)
    change = change._replace(largest_relative_error=_largest_relative_error(old, new))
    return _inexact_integers(change, old, source.dtype, result.dtype)


def _findings(old: _Numbers, new: _Numbers, dtype: np.dtype[Any]) -> Iterator[tuple[str, Array]]:
    """What may have become of changed values in `dtype`: each finding, and which it is true of."""
    yield "became_nonfinite", ~new.finite
    yield "became_finite", ~old.finite
    kind = _kind(dtype)
    value = old.real + old.rest
    if kind == BOOL:
        yield "became_bool", (value != 0) & (value != 1) | (old.imag != 0)
        return
    if kind != COMPLEX:
        yield "imaginary_lost", old.imag != 0
    if kind == INTEGER:
        whole = np.trunc(value)
        lowest, stop = _range(dtype)
        yield "out_of_range", (whole < lowest) | (whole >= stop)
        yield "fraction_lost", whole != value
        return
    if kind == FLOAT:
        yield "out_of_range", np.abs(value) > _saturates_at(dtype)
    yield "became_zero", (new.real == 0) & (new.imag == 0)


def _inexact_integers(
    change: ValueChange, old: _Numbers, dtype_from: np.dtype[Any], dtype_to: np.dtype[Any]
) -> ValueChange:
    """Count those beyond the integers that the float type holds all of."""
    if _kind(dtype_from) != INTEGER:
        return change
    bound = _exact_up_to(dtype_to)
    count = int(np.count_nonzero(np.abs(old.real + old.rest) >= bound))
    return change._replace(inexact_integers=count, exact_up_to=bound) if count else change


def _largest_relative_error(old: _Numbers, new: _Numbers) -> float | None:
    size = _size(old.real + old.rest, old.imag)
    error = _size(_real_difference(old, new), new.imag - old.imag)
    comparable = (size > 0) & np.isfinite(size)
    return float(np.max(error[comparable] / size[comparable])) if comparable.any() else None


def _size(real: Array, imag: Array) -> Array:
    size: Array = np.hypot(real, imag) if imag.any() else np.abs(real)
    return size


# In words

_PHRASES = (
    ("became_nonfinite", "became infinite or NaN"),
    ("became_finite", "turned from NaN or infinite to finite"),
    ("imaginary_lost", "lost an imaginary part"),
    ("out_of_range", "lay outside the new type's range"),
    ("became_zero", "became 0"),
    ("fraction_lost", "lost a fraction"),
    ("became_bool", "became True or False, being neither 1 nor 0"),
    ("inexact_integers", "lost digits, integers being exact up to {bound}"),
)
"""What to say of each count, the most harmful first."""

MAX_FINDINGS = 2
"""Kinds of change that a clause tells of."""


def in_words(change: ValueChange) -> str:
    """One clause for a report: the most harmful change first.

    ``3 of 100 values became infinite or NaN, 41 changed in all``;
    ``no value changed in a sample of 32,768 of 1,000,000``.
    """
    if not change.checked:
        return f"{change.total:,} values, not compared" if change.total else "no values to change"
    told = _told(change)
    if change.checked == change.total:
        return told
    comma = "," * ("," in told)
    return f"{told}{comma} in a sample of {change.checked:,} of {change.total:,}"


def _told(change: ValueChange) -> str:
    if not change.changed:
        return "no value changed"
    found = [(getattr(change, name), phrase) for name, phrase in _PHRASES]
    found = [(count, phrase) for count, phrase in found if count][:MAX_FINDINGS]
    if not found:
        return f"{_share(change.changed, change)} changed{_error(change)}"
    (count, phrase), *others = found
    clauses = [f"{_share(count, change)} {phrase}"]
    clauses += [f"{count:,} {phrase}" for count, phrase in others]
    if change.changed > sum(count for count, _ in found):
        clauses.append(f"{change.changed:,} changed in all")
    return ", ".join(clauses).format(bound=_power(change.exact_up_to))


def _share(count: int, change: ValueChange) -> str:
    """How many, out of how many where no sample's size follows."""
    if change.checked == 1:
        return "the value"
    if change.checked < change.total:
        if count == change.checked:
            return "every value"
        return f"{count:,} value" + "s" * (count > 1)
    if count == change.checked:
        return f"all {count:,} values"
    return f"{count:,} of {change.checked:,} values"


def _error(change: ValueChange) -> str:
    error = change.largest_relative_error
    if error is None:
        return ""
    return f", {'largest ' * (change.changed > 1)}relative error {error:.1e}"


def _power(bound: int | None) -> str:
    return "" if bound is None else f"2^{bound.bit_length() - 1}"
