"""Verdicts, with NumPy arrays standing in for the tensors at the other end."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tfnp_magic import verdict
from tfnp_magic.facts import span_of_array
from tfnp_magic.probes.reporting import array_facts
from tfnp_magic.verdict import is_cast, of_constructor, of_op_argument

from .arrays import DTYPES, aligned_buffer, flat_arrays

laws = settings(deadline=None, max_examples=50)


def copy_of(array, dtype=None):
    """An array elsewhere; kept alive by the caller, so that its address is no other's."""
    return np.array(array, dtype=dtype or array.dtype.newbyteorder("="), order="C")


@st.composite
def constructions(draw):
    """The user's array, what TensorFlow was handed, and the tensor, as it can come about.

    TensorFlow shares what it is handed or copies it; what it casts it copies.
    """
    mine = draw(flat_arrays())
    layout = draw(st.sampled_from(("as it is", "reversed", "gaps")))
    if layout != "as it is" and mine.ndim:
        mine = mine[..., ::-1] if layout == "reversed" else mine[..., ::2]
    copied_before = draw(st.booleans())
    handed = copy_of(mine) if copied_before else mine
    can_share = handed.flags.c_contiguous and handed.dtype.isnative
    how = draw(st.sampled_from(("shared", "copied", "cast")))
    if how == "shared" and can_share:
        tensor = handed.view()
    elif how == "cast":
        tensor = copy_of(handed, "complex64" if handed.dtype.kind == "c" else "float32")
    else:
        tensor = copy_of(handed)
    return mine, handed, copied_before, tensor


def judge_construction(mine, handed, copied_before, tensor, *, visible=True):
    return of_constructor(
        array_facts(mine),
        span_of_array(handed),
        copied_before,
        span_of_array(tensor) if visible else None,
        tensor.dtype.name,
        tensor.nbytes,
    )


@laws
@given(constructions())
def test_a_tensor_made_of_an_array_is_a_view_if_and_only_if_they_share_memory(construction):
    mine, _, _, tensor = construction
    found = judge_construction(*construction)
    event(found.storage)
    assert (found.storage, found.evidence) == (
        "view" if np.shares_memory(mine, tensor) else "copy",
        "observed",
    )


@laws
@given(constructions())
def test_a_constructions_copied_bytes_are_those_of_the_buffers_that_were_filled(construction):
    mine, handed, _, tensor = construction
    buffers = {id(base): array for array in (mine, handed, tensor) for base in [base_of(array)]}
    filled = sum(array.nbytes for base, array in buffers.items() if base != id(base_of(mine)))
    assert judge_construction(*construction).copied_bytes == filled


def base_of(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


@laws
@given(constructions())
def test_a_tensor_whose_memory_cannot_be_seen_is_never_said_to_be_observed(construction):
    """Nor to be a copy where it may be a view: aligned, contiguous, and not copied before."""
    mine, _, copied_before, tensor = construction
    found = judge_construction(*construction, visible=False)
    assert (found.storage, found.evidence) in (("copy", "inferred"), ("unknown", ""))
    may_share = array_facts(mine).contiguous and mine.ctypes.data % 64 == 0
    is_copied = copied_before or is_cast(str(mine.dtype), tensor.dtype.name) or not may_share
    assert (found.storage == "copy") == is_copied
    assert "NumPy copied it" not in found.reason or copied_before


@st.composite
def op_calls(draw):
    """An array handed to an op, with results that are parts of it or elsewhere.

    The op reads a contiguous array in place or from a copy.
    """
    mine = draw(flat_arrays())
    if mine.ndim and draw(st.booleans()):
        mine = mine[..., :: draw(st.sampled_from((-1, 2)))]
    facts = array_facts(mine)
    results = [np.zeros(3, np.float32)]
    if facts.contiguous:
        read = mine if draw(st.booleans()) else copy_of(mine)
        flat = read.reshape(-1)
        results.append(flat[draw(st.integers(0, flat.size)) :])
    else:  # another view of the user's memory: a tensor that shares its base
        results.append(copy_of(mine))
    return mine, results


@laws
@given(op_calls(), st.sampled_from(DTYPES))
def test_an_ops_argument_is_seen_as_a_view_if_and_only_if_a_result_shares_its_memory(call, wanted):
    mine, results = call
    shares = any(np.shares_memory(mine, result) for result in results)
    dtype_to = str(mine.dtype) if shares else np.dtype(wanted).newbyteorder("=").name
    spans = tuple(span_of_array(result) for result in results)
    found = of_op_argument(array_facts(mine), dtype_to, mine.nbytes, spans)
    event(f"{found.evidence} {found.storage}")
    assert ((found.storage, found.evidence) == ("view", "observed")) == shares


def test_a_result_in_the_gaps_of_an_array_shares_nothing_with_it():
    """`base[::2]` was copied, whatever tensor lies in the memory between its elements."""
    base = aligned_buffer().view(np.float32)
    mine, result = base[::2], base[1:2]
    assert span_of_array(mine).overlaps(span_of_array(result))
    assert not np.shares_memory(mine, result)
    found = of_op_argument(array_facts(mine), "float32", mine.nbytes, (span_of_array(result),))
    assert (found.storage, found.evidence) == ("copy", "inferred")


@laws
@given(flat_arrays(), st.sampled_from(DTYPES))
def test_without_a_result_to_look_at_an_op_reads_in_place_what_tensorflows_rule_lets_it(
    mine, wanted
):
    wanted = np.dtype(wanted).newbyteorder("=").name
    found = of_op_argument(array_facts(mine), wanted, 99, ())
    aligned = mine.ctypes.data % 64 == 0
    in_place = aligned and mine.flags.aligned and str(mine.dtype) == wanted
    assert found.evidence == "inferred"
    assert (found.storage, found.copied_bytes) == (("view", 0) if in_place else ("copy", 99))


EMPTY = np.zeros((3, 0), np.float32)
STRINGS = np.array(["a", "bc"])
ALIGNED = aligned_buffer().view(np.float32)
SCALAR = verdict.ArrayFacts("float32", 4, None, True, False)


def every_verdict():
    """All that the functions can say, by all combinations of what they look at."""
    flags = (True, False)
    arrays = (ALIGNED, ALIGNED[1:], ALIGNED[::2], ALIGNED.astype(">f4"), EMPTY)
    for array, copied, visible, dtype_to in itertools.product(
        arrays, flags, flags, ("float32", "float64")
    ):
        for result in (array, np.ones(array.shape, np.float32)):
            facts, span = array_facts(array), span_of_array(result)
            seen = span if visible else None
            yield of_constructor(facts, span_of_array(array), copied, seen, dtype_to, array.nbytes)
            yield of_op_argument(facts, dtype_to, array.nbytes, (span,) if visible else ())
    yield of_constructor(array_facts(STRINGS), None, False, None, "string", None)
    yield of_constructor(SCALAR, None, False, None, "float64", 8)
    yield of_op_argument(SCALAR, "float32", 4, ())
    for owns_data, is_array in itertools.product(flags, flags):
        yield verdict.of_numpy_method(owns_data, 8, is_array)
    yield verdict.of_string_read()
    yield verdict.of_copying_read(8)
    for one, other in itertools.product(flags, flags):
        yield verdict.of_kept_view(one, other)
    yield verdict.of_dropped_view(True)
    yield verdict.of_dropped_view(False)


@pytest.mark.parametrize("found", sorted(set(every_verdict()), key=str), ids=lambda v: v.reason)
def test_every_verdict(found):
    """Has a reason, and evidence unless it is unknown; views copy nothing, copies something."""
    assert found.reason
    assert not found.reason.endswith((" ", ".", ";"))
    assert found.storage in ("copy", "view", "unknown")
    assert found.evidence in (("",) if found.storage == "unknown" else ("observed", "inferred"))
    if found.storage == "unknown":
        assert found.copied_bytes is None
    elif found.storage == "view":
        assert found.copied_bytes == 0
    else:
        nothing_to_copy = "no elements" in found.reason
        assert (found.copied_bytes == 0) == nothing_to_copy


def test_the_verdicts_that_were_looked_at_are_all_there_are():
    assert {found.storage for found in every_verdict()} == {"copy", "view", "unknown"}
    assert len({found.reason for found in every_verdict()}) >= 20


def test_an_empty_array_has_nothing_to_share_even_at_the_same_address():
    facts, span = array_facts(EMPTY), span_of_array(EMPTY)
    for found in (
        of_constructor(facts, span, False, span, "float32", 0),
        of_op_argument(facts, "float32", 0, (span,)),
    ):
        assert (found.storage, found.copied_bytes) == ("copy", 0)


@pytest.mark.parametrize("writable", [True, False])
def test_sharing_with_an_array_that_can_be_written_to_is_said(writable):
    array = aligned_buffer().view(np.float32)
    array.flags.writeable = writable
    facts, span = array_facts(array), span_of_array(array)
    for found in (
        of_constructor(facts, span, False, span, "float32", array.nbytes),
        of_op_argument(facts, "float32", array.nbytes, (span,)),
        verdict.of_kept_view(True, writable),
    ):
        assert ("writing" in found.reason) == writable


# Casts.

NAMES = sorted({np.dtype(name).name for name in DTYPES} | {"int64", "bfloat16"})


@laws
@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_a_cast_is_a_change_of_dtype_in_either_direction(one, other):
    assert is_cast(one, other) == is_cast(other, one) == (one != other)


@pytest.mark.parametrize("name", ["int16", "float32", "float64", "complex128", "uint64"])
def test_byte_order_is_no_cast(name):
    swapped = str(np.dtype(name).newbyteorder("S"))
    assert swapped != name
    assert not is_cast(swapped, name)
    assert not is_cast(name, swapped)
    assert is_cast(swapped, "bool")
    assert is_cast("bool", swapped)


@pytest.mark.parametrize("text", ["<U5", ">U5", "|S3", "object", "string"])
def test_a_string_is_no_cast(text):
    assert not is_cast(text, "string")
    assert not is_cast("string", text)


def test_pandas_extension_dtypes_are_those_of_the_same_values():
    assert not is_cast("Int64", "int64")
    assert not is_cast("Float32", "float32")
    assert is_cast("Int64", "int32")


def test_what_a_mixed_dataframe_casts_is_not_known():
    assert not is_cast(verdict.MIXED, "float64")
