"""What a cast did to the values, against Python's exact numbers."""

from __future__ import annotations

import functools
import math
import pickle
import random
import tracemalloc
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tfnp_magic import values
from tfnp_magic.values import SAMPLE, ValueChange, compare, emulate, in_words, merge, unchecked

from .arrays import layouts

try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None

laws = settings(deadline=None, max_examples=50)
needs_ml_dtypes = pytest.mark.skipif(ml_dtypes is None, reason="ml_dtypes is not installed")

NUMPY_DTYPES = (
    *("bool", "int8", "uint8", "int16", "uint32", "int64", "uint64", ">i8", ">u2"),
    *("float16", "float32", "float64", ">f4", "complex64", "complex128"),
)
ML_DTYPES = ("bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4")
DTYPES = NUMPY_DTYPES + (ML_DTYPES if ml_dtypes else ())
FINDINGS = [name for name, _ in values._PHRASES]


def dtype_of(name):
    return np.dtype(getattr(ml_dtypes, name) if name in ML_DTYPES else name)


def quiet_cast(array, dtype):
    """``astype``, with what it warns of silenced as only a test may."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return array.astype(dtype)


# Arrays that lie on the edges of dtypes

EDGES = sorted(
    {sign * (2**power + step) for power in (0, 1, 3, 4, 7, 8, 11, 15, 16, 24, 31, 32, 53, 63, 64)
     for step in (-1, 0, 1) for sign in (1, -1)}
)  # fmt: skip
FLOATS = (0.5, -0.5, 1.5, 255.5, 448.0, 1e-9, 5e-324, 7e4, 1e30, 1e39, -1e300)
numbers = (
    st.sampled_from(EDGES)
    | st.sampled_from((*FLOATS, math.nan, math.inf, -math.inf, -0.0))
    | st.floats()
    | st.integers(-(2**63), 2**64 - 1)
)


def array_of(numbers, name):
    """Those numbers in that dtype, as near as it comes."""
    dtype = dtype_of(name)
    if dtype.kind in "iu" or name in ("int4", "uint4"):
        wrapped = [int(number) % 2**64 if math.isfinite(number) else 0 for number in numbers]
        return quiet_cast(np.array(wrapped, np.uint64), dtype)
    array = np.array([float(number) for number in numbers], np.float64)
    if dtype.kind == "c":
        return quiet_cast(np.array([*map(complex, array, array[::-1])], complex), dtype)
    return quiet_cast(array, dtype)


@st.composite
def laid_out(draw, array):
    """The same values in the same shape, lying otherwise."""
    how = draw(st.sampled_from(("plain", "reversed", "gaps", "transposed", "swapped")))
    if how == "reversed":
        return np.ascontiguousarray(array[::-1])[::-1]
    if how == "gaps":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if how == "transposed":
        return np.ascontiguousarray(array.T).T
    if how == "swapped" and array.dtype.isbuiltin == 1:
        return array.astype(array.dtype.newbyteorder())
    return array


@st.composite
def sources(draw, names=DTYPES):
    drawn = draw(st.lists(numbers, max_size=8))
    array = array_of(drawn, draw(st.sampled_from(names)))
    if len(array) % 2 == 0 and draw(st.booleans()):
        array = array.reshape(2, -1)
    array = draw(laid_out(array))
    array.flags.writeable = draw(st.booleans())
    return array


@st.composite
def casts(draw):
    """The source, and the result of casting it, or of something else of the same shape."""
    source = draw(sources())
    dtype = dtype_of(draw(st.sampled_from(DTYPES)))
    assume(emulate(source, dtype) is not None)
    if draw(st.booleans()):
        return source, draw(laid_out(quiet_cast(source, dtype)))
    nudged = quiet_cast(source, dtype).reshape(-1)
    if nudged.size:
        nudged[draw(st.integers(0, nudged.size - 1))] = nudged[0]
    return source, nudged.reshape(source.shape)


# The oracle: Python's int and float, which compare exactly, and fractions


def parts_of(element):
    """Real and imaginary part as Python holds them: int or float, exact."""
    if isinstance(element, np.complexfloating):
        return float(element.real), float(element.imag)
    if isinstance(element, np.floating | np.bool_):
        return float(element), 0
    if isinstance(element, np.integer):
        return int(element), 0
    if type(element).__name__ in ("int4", "uint4"):
        return int(element), 0
    return float(element), 0


def same_part(one, other):
    both_nan = math.isnan(one) and math.isnan(other) if is_float(one, other) else False
    return both_nan or one == other


def is_float(*parts):
    return all(isinstance(part, float) for part in parts)


def pairs_of(source, result):
    return [
        (parts_of(old), parts_of(new))
        for old, new in zip(source.reshape(-1), result.reshape(-1), strict=True)
    ]


def is_changed(pair):
    return not all(map(same_part, *pair))


def is_finite(parts):
    return all(math.isfinite(part) for part in parts if isinstance(part, float))


def relative_error(pair):
    """Of a real pair, computed without rounding until the end."""
    (old, _), (new, _) = pair
    return float(abs(Fraction(new) - Fraction(old)) / abs(Fraction(old)))


# Laws of comparing


@laws
@given(casts())
def test_as_many_values_changed_as_differ_exactly(cast):
    change = compare(*cast)
    assert change.changed == sum(map(is_changed, pairs_of(*cast)))
    assert change.total == change.checked == cast[0].size


@laws
@given(casts())
def test_a_value_that_changed_is_in_one_count_at_most(cast):
    change = compare(*cast)
    assert sum(getattr(change, name) for name in FINDINGS) <= change.changed


@laws
@given(casts())
def test_what_is_said_of_infinity_and_nan_is_so(cast):
    pairs = [pair for pair in pairs_of(*cast) if is_changed(pair)]
    change = compare(*cast)
    assert change.became_nonfinite == sum(not is_finite(new) for _, new in pairs)
    assert change.became_finite == sum(not is_finite(old) and is_finite(new) for old, new in pairs)


@laws
@given(
    sources(("float64", "float32", "int64", "uint64", ">i8")),
    st.sampled_from(("float16", "float32", "float64")),
)
def test_the_largest_relative_error_is_that_of_the_exact_difference(source, dtype):
    pairs = pairs_of(source, quiet_cast(source, dtype))
    rounded = [
        pair for pair in pairs if is_changed(pair) and is_finite(pair[1][:1]) and pair[1][0] != 0
    ]
    error = emulate(source, dtype).largest_relative_error
    assert (error is None) == (not rounded)
    if rounded:
        assert error == pytest.approx(max(map(relative_error, rounded)), rel=1e-12)


@laws
@given(
    sources(("float64", "float32", "int64", "uint64", "int8")),
    st.sampled_from(("int8", "uint8", "int32", "uint32", "int64", "uint64")),
)
def test_all_that_changes_on_the_way_to_an_integer_is_explained(source, dtype):
    bounds = np.iinfo(dtype)
    olds = [old for (old, _), _ in pairs_of(source, quiet_cast(source, dtype))]
    finite = [old for old in olds if math.isfinite(old)]
    within = [old for old in finite if bounds.min <= math.trunc(old) <= bounds.max]
    change = emulate(source, dtype)
    assert change.became_finite == len(olds) - len(finite)
    assert change.out_of_range == len(finite) - len(within)
    assert change.fraction_lost == sum(old != math.trunc(old) for old in within)
    assert change.changed == sum(getattr(change, name) for name in FINDINGS)


@laws
@given(sources(("int64", "uint64", ">i8", "uint32")), st.sampled_from(("float16", "float32", "f8")))
def test_integers_lose_digits_beyond_the_mantissa_only(source, dtype):
    mantissa = np.finfo(dtype).nmant + 1
    change = emulate(source, dtype)
    assert change.changed == change.inexact_integers + change.became_nonfinite
    if change.inexact_integers:
        assert change.exact_up_to == 2**mantissa
    else:
        assert change.exact_up_to is None


@laws
@given(sources())
def test_nothing_changes_in_a_copy(source):
    assert compare(source, source.copy()).changed == 0
    assert compare(source, source) == ValueChange(source.size, source.size)


@given(layouts())
@laws
def test_any_layout_is_compared_in_place(array):
    assert compare(array, array.copy()) == ValueChange(array.size, array.size)
    assert emulate(array, "complex128").total == array.size


WIDENING = [
    *(("bool", "int8"), ("bool", "float16"), ("int8", "float16"), ("uint8", ">u2")),
    *(("int16", "float32"), ("uint32", "int64"), ("uint32", "float64"), ("float16", "float32")),
    *((">f4", "float64"), ("float32", "complex64"), ("complex64", "complex128")),
]
ML_WIDENING = [
    *(("bfloat16", "float32"), ("float8_e4m3fn", "float16"), ("float8_e5m2", "bfloat16")),
    *(("int4", "int8"), ("uint4", "float32"), ("int4", "float64"), ("bool", "bfloat16")),
]


@laws
@given(st.data(), st.sampled_from(WIDENING + (ML_WIDENING if ml_dtypes else [])))
def test_a_widening_cast_changes_nothing(data, names):
    source = data.draw(sources(names[:1]))
    assert emulate(source, dtype_of(names[1])).changed == 0


# Laws of casting again


@laws
@given(sources(), st.sampled_from(DTYPES))
def test_a_cast_made_again_says_what_the_cast_itself_says(source, name):
    dtype = dtype_of(name)
    assume(emulate(source, dtype) is not None)
    again = emulate(source, dtype)
    assert not again.observed
    assert again._replace(observed=True) == compare(source, quiet_cast(source, dtype))


@pytest.mark.parametrize("limit", [2, 1_000, 150_000, None])
@pytest.mark.parametrize(
    "dtypes", [("float64", "float32"), ("int64", "float32"), ("float32", "uint8")]
)
def test_a_sample_is_cast_as_the_whole_is(dtypes, limit):
    source = (np.arange(200_000) * 1_234.567).astype(dtypes[0])
    whole = compare(source, quiet_cast(source, dtypes[1]), limit)
    assert emulate(source, dtypes[1], limit)._replace(observed=True) == whole


# Laws of merging

counts = st.integers(0, 10**12)
changes = st.builds(
    ValueChange,
    *[counts] * len(values._COUNTS),
    st.none() | st.sampled_from((2**8, 2**24)),
    st.none() | st.floats(0, 10),
    st.booleans(),
)


@laws
@given(changes, changes, changes)
def test_changes_add_up_in_any_order(one, two, three):
    assert merge(one, two) == merge(two, one)
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@laws
@given(sources(("float64",)), sources(("float64",)), st.sampled_from(("float32", "int8", "bool")))
def test_the_changes_of_two_halves_are_those_of_the_whole(one, two, dtype):
    whole = np.concatenate([one.reshape(-1), two.reshape(-1)])
    assert merge(emulate(one, dtype), emulate(two, dtype)) == emulate(whole, dtype)


def test_a_change_survives_pickling():
    change = emulate(np.array([0.1, 1e300]), "float32")
    assert pickle.loads(pickle.dumps(change)) == change
    assert {type(field) for field in change} <= {int, float, bool, type(None)}


# Every finding: where it fires, and next to it where it must not

BIG = 2**24
FIRES = [
    ("became_nonfinite", [1e39, -1e39], "float32", 2),
    ("became_nonfinite", [70_000], "float16", 1),
    ("became_nonfinite", [1e39j, 1.0], "complex64", 1),
    ("became_finite", [np.nan, np.inf, -np.inf], "int32", 3),
    ("became_finite", [np.nan, np.inf], "bool", 2),
    ("imaginary_lost", [1 + 2j, 1 + 0j, complex(1, np.nan)], "float32", 1),
    ("imaginary_lost", [1 + 2j], "int64", 1),
    ("out_of_range", [300, -1, 255], "uint8", 2),
    ("out_of_range", [300.0, -1.0, 255.9], "uint8", 2),
    ("out_of_range", [2.0**63, -(2.0**63)], "int64", 1),
    ("out_of_range", [2**31, -(2**31)], "int32", 1),
    ("became_zero", [1e-50, 0.0, -1e-50], "float32", 2),
    ("became_zero", [1e-50 + 1e-50j, 1e-50 + 1j], "complex64", 1),
    ("fraction_lost", [1.5, -0.5, 2.0], "int32", 2),
    ("fraction_lost", [-0.5], "uint8", 1),
    ("became_bool", [0.5, 2.0, -1.0, 0.0, 1.0], "bool", 3),
    ("became_bool", [2, 1, 0], "bool", 1),
    ("became_bool", [2j, 1 + 0j], "bool", 1),
    ("inexact_integers", [BIG, BIG + 1, -BIG - 1, BIG + 2], "float32", 2),
    ("inexact_integers", [2**53 + 1, 2**53], "float64", 1),
    ("inexact_integers", [BIG + 1], "complex64", 1),
]
HOLDS = [
    ("became_nonfinite", [3e38, np.inf, np.nan], "float32"),
    ("became_finite", [np.nan, np.inf], "float16"),
    ("imaginary_lost", [1 + 2j], "complex64"),
    ("imaginary_lost", [1 + 0j], "float32"),
    ("out_of_range", [255.9, -0.9], "uint8"),
    ("out_of_range", [np.nan], "uint8"),
    ("out_of_range", [1e39], "float32"),
    ("became_zero", [0.0, -0.0, 1e-40], "float32"),
    ("became_zero", [0.5], "int32"),
    ("fraction_lost", [1.0, 300.5], "uint8"),
    ("fraction_lost", [0.5], "bool"),
    ("became_bool", [0.0, -0.0, 1.0, np.nan], "bool"),
    ("inexact_integers", [BIG, BIG + 2], "float32"),
    ("inexact_integers", [float(BIG + 1)], "float32"),
    ("inexact_integers", [2**40], "float16"),
]


@pytest.mark.parametrize(("finding", "source", "dtype", "count"), FIRES)
def test_a_finding_fires(finding, source, dtype, count):
    assert getattr(emulate(np.array(source), dtype), finding) == count


@pytest.mark.parametrize(("finding", "source", "dtype"), HOLDS)
def test_a_finding_holds_back(finding, source, dtype):
    assert getattr(emulate(np.array(source), dtype), finding) == 0


def test_every_finding_is_tried_both_ways():
    assert {row[0] for row in FIRES} == {row[0] for row in HOLDS} == set(FINDINGS)


ML_FIRES = [
    ("became_nonfinite", [500.0, np.inf, np.nan, 448.0], "float8_e4m3fn", 2),
    ("became_nonfinite", [500.0, 1e6], "float8_e5m2", 1),
    ("out_of_range", [8, -8, -9], "int4", 2),
    ("out_of_range", [-1.0, 15.5], "uint4", 1),
    ("fraction_lost", [-1.0, 15.5], "uint4", 1),
    ("inexact_integers", [256, 257, -259], "bfloat16", 2),
    ("inexact_integers", [16, 17], "float8_e4m3fn", 1),
    ("became_zero", [1e-4, 1.0], "float8_e4m3fn", 1),
]


@needs_ml_dtypes
@pytest.mark.parametrize(("finding", "source", "dtype", "count"), ML_FIRES)
def test_a_finding_fires_for_the_small_dtypes(finding, source, dtype, count):
    assert getattr(emulate(np.array(source), dtype_of(dtype)), finding) == count


@pytest.mark.skipif(not hasattr(ml_dtypes, "float4_e2m1fn"), reason="ml_dtypes below 0.5")
def test_a_float_type_without_infinity_keeps_its_largest_number_instead():
    change = emulate(np.array([100.0, 6.0, np.inf, np.nan]), ml_dtypes.float4_e2m1fn)
    assert (change.out_of_range, change.became_finite, change.changed) == (1, 2, 3)


# What equals what


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (np.array([np.nan, np.inf, -0.0]), np.array([np.nan, np.inf, 0.0], "f4"), 0),
        (np.array([np.inf, np.nan, 1.0]), np.array([-np.inf, np.inf, np.nan]), 3),
        (np.array([2**53 + 1]), np.array([2.0**53]), 1),
        (np.array([2**63 - 1]), np.array([2.0**63]), 1),
        (np.array([2**64 - 1], "u8"), np.array([2.0**64]), 1),
        (np.array([2**64 - 1], "u8"), np.array([-1]), 1),
        (np.array([-1]), np.array([np.nextafter(-1, 0)]), 1),
        (np.array([-(2**63)]), np.array([-(2.0**63)]), 0),
        (np.array([complex(np.nan, 1)]), np.array([complex(np.nan, 2)]), 1),
        (np.array(2**53 + 1), np.array(2**53), 1),
    ],
)
def test_values_are_compared_exactly(old, new, changed):
    assert compare(old, new).changed == compare(new, old).changed == changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (np.array([0.0]), np.array([5.0])),
        (np.array([1.7e308 + 1.7e308j]), np.array([1.7e308 + 1.6e308j])),
        (np.array([1.0]), np.array([False])),
        (np.array([5]), np.array([6])),
    ],
)
def test_a_change_that_no_cast_makes_is_counted_and_no_more(old, new):
    assert compare(old, new) == ValueChange(1, 1, changed=1)


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a"]),
        np.array([b"a"]),
        np.array([object()]),
        np.array(["2024-01-01"], "datetime64[D]"),
        np.array([1], "timedelta64[s]"),
        np.zeros(2, [("field", "f8")]),
        np.zeros(2, "V4"),
        np.zeros(2, np.longdouble),
        np.zeros(2, np.clongdouble),
    ],
    ids=lambda array: str(array.dtype),
)
def test_what_is_no_number_is_not_compared(array):
    assert compare(array, np.zeros(array.shape)) is None
    assert compare(np.zeros(array.shape), array) is None
    assert emulate(np.zeros(3), array.dtype) is None
    assert emulate(array, "float32") is None


def test_arrays_of_unequal_shape_are_not_compared():
    assert compare(np.zeros((2, 3)), np.zeros((3, 2))) is None


@needs_ml_dtypes
def test_a_cast_that_numpy_lacks_is_not_made_again():
    source = np.ones(3, dtype_of("int4"))
    with pytest.raises(TypeError):
        source.astype(dtype_of("uint4"))
    assert emulate(source, dtype_of("uint4")) is None
    assert compare(source, np.ones(3, dtype_of("uint4"))).changed == 0


# Samples


@pytest.mark.parametrize("limit", [2, 3, 10, 1_000, 99_999])
def test_a_sample_is_no_larger_than_asked_and_holds_both_ends(limit):
    for changed in ([0], [-1], [0, -1]):
        source = np.zeros((100, 1_000))
        source.reshape(-1)[changed] = 0.1
        change = emulate(source, "float32", limit)
        assert (change.total, change.checked) == (100_000, limit)
        assert change.changed == len(changed)


@laws
@given(st.integers(2, 500), st.integers(1, 10**12))
def test_a_sample_takes_one_element_from_each_stretch(count, more):
    size = count + more
    indices = values._spread(size, count, 0, count)
    assert len(indices) == count
    assert (indices[0], indices[-1]) == (0, size - 1)
    edges = np.arange(count + 1) * size // count
    assert np.all((edges[:-1] <= indices) & (indices < edges[1:]))


def test_a_sample_sees_every_column_of_a_table_whose_rows_are_as_long_as_its_stretches():
    table = np.zeros((4_096, 16))
    for column in range(16):
        table[:] = 0
        table[:, column] = 0.1
        assert emulate(table, "float32", 4_096).changed == pytest.approx(256, rel=0.1)


def test_a_limit_of_none_compares_all_in_chunks():
    source = np.full((2, 100_000), 0.1)[:, ::-1]
    change = emulate(source, "float32", limit=None)
    assert (change.total, change.checked, change.changed) == (200_000,) * 3
    assert emulate(source, "float32").checked == SAMPLE


def test_a_sample_of_one_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        emulate(np.zeros(3), "float32", limit=1)


@pytest.mark.parametrize(
    "view",
    [lambda a: a.T, lambda a: a[::-1, ::-1], lambda a: a[:, ::2], lambda a: a],
    ids=["transposed", "reversed", "gaps", "contiguous"],
)
@pytest.mark.parametrize("limit", [SAMPLE, None])
def test_a_large_array_is_never_copied_whole(view, limit):
    source = view(np.zeros((2_000, 1_000)))
    result = view(np.zeros((2_000, 1_000)))
    tracemalloc.start()
    try:
        compare(source, result, limit)
        emulate(source, "int64", limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < source.nbytes / 2


# Leaving things as they were


@laws
@given(casts())
def test_nothing_is_written_warned_of_or_left_set(cast):
    source, result = cast
    before = source.tobytes(), result.tobytes()
    drawn = random.getstate(), np.random.get_state()[1].tobytes()
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        settings_before = np.geterr()
        compare(source, result)
        emulate(source, result.dtype)
        assert np.geterr() == settings_before
    assert before == (source.tobytes(), result.tobytes())
    assert drawn == (random.getstate(), np.random.get_state()[1].tobytes())


def test_sampling_leaves_the_random_numbers_alone():
    drawn = random.getstate(), np.random.get_state()[1].tobytes()
    emulate(np.zeros(SAMPLE * 2), "float32")
    assert drawn == (random.getstate(), np.random.get_state()[1].tobytes())


def test_a_cast_of_what_no_integer_holds_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype in ("int8", "uint64", "bool", "float16"):
            emulate(np.array([np.nan, np.inf, 1e300]), dtype)
            emulate(np.array([complex(np.nan, 1), 1e300j]), dtype)


# In words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (ValueChange(100, 100), "no value changed"),
        (ValueChange(0, 0), "no values to change"),
        (ValueChange(40_000, 0), "40,000 values, not compared"),
        (
            ValueChange(1_000_000, 32_768),
            "no value changed in a sample of 32,768 of 1,000,000",
        ),
        (
            ValueChange(69_169, 69_169, 53_121, largest_relative_error=5.94e-8),
            "53,121 of 69,169 values changed, largest relative error 5.9e-08",
        ),
        (
            ValueChange(1, 1, 1, largest_relative_error=0.5),
            "the value changed, relative error 5.0e-01",
        ),
        (ValueChange(12, 12, 12, fraction_lost=12), "all 12 values lost a fraction"),
        (
            ValueChange(100, 100, 3, became_nonfinite=3),
            "3 of 100 values became infinite or NaN",
        ),
        (
            ValueChange(100, 100, 43, became_nonfinite=3, largest_relative_error=1e-8),
            "3 of 100 values became infinite or NaN, 43 changed in all",
        ),
        (
            ValueChange(100, 100, 41, inexact_integers=41, exact_up_to=2**24),
            "41 of 100 values lost digits, integers being exact up to 2^24",
        ),
        (
            ValueChange(9, 9, 9, became_finite=2, fraction_lost=4, out_of_range=3),
            "2 of 9 values turned from NaN or infinite to finite,"
            " 3 lay outside the new type's range, 9 changed in all",
        ),
        (
            ValueChange(1_000, 10, 1, became_zero=1),
            "1 value became 0 in a sample of 10 of 1,000",
        ),
        (
            ValueChange(1_000, 10, 10, largest_relative_error=5.94e-8),
            "every value changed, largest relative error 5.9e-08, in a sample of 10 of 1,000",
        ),
        (ValueChange(2, 2, 1, imaginary_lost=1), "1 of 2 values lost an imaginary part"),
        (
            ValueChange(3, 3, 3, became_bool=3),
            "all 3 values became True or False, being neither 1 nor 0",
        ),
    ],
)
def test_a_change_is_told_by_its_worst(change, words):
    assert in_words(change) == words


@laws
@given(casts())
def test_no_change_is_told_where_nothing_changed_and_only_there(cast):
    change = compare(*cast)
    if change.checked:
        assert (in_words(change) == "no value changed") == (change.changed == 0)
    assert "sample" not in in_words(change)


def test_the_worst_comes_first():
    every = ValueChange(99, 99, 99, **dict.fromkeys(FINDINGS, 1))
    assert in_words(every).startswith("1 of 99 values became infinite or NaN, 1 turned from NaN")
    assert functools.reduce(merge, [every] * 3).became_nonfinite == 3


def test_cast_that_was_not_looked_at_counts_its_elements_in_the_sum():
    looked_at = emulate(np.array([0.1, 0.5]), "float32")
    both = merge(looked_at, unchecked(np.zeros(3)))
    assert (both.total, both.checked, both.changed) == (5, 2, 1)
    assert in_words(both).endswith("in a sample of 2 of 5")
    assert unchecked(np.array(["text"])) is None
