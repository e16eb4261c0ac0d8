"""Verdicts, with NumPy arrays standing in for the tensors at the other end."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tfnp_magic import verdict
from tfnp_magic.facts import Span, span_of_array
from tfnp_magic.probes.reporting import array_facts
from tfnp_magic.verdict import (
    is_cast,
    of_constructor,
    of_gathered,
    of_op_argument,
    of_other_device,
)

from .arrays import DTYPES, aligned_buffer, flat_arrays

laws = settings(deadline=None, max_examples=50)


def copy_of(array, dtype=None):
    """An array elsewhere; kept alive by the caller, so that its address is no other's."""
    return np.array(array, dtype=dtype or array.dtype.newbyteorder("="), order="C")


class Construction(NamedTuple):
    """The user's array, the buffers that NumPy filled on the way, in order, and the tensor."""

    mine: np.ndarray
    buffers: list[np.ndarray]
    tensor: np.ndarray


@st.composite
def constructions(draw):
    """As it can come about: copied by NumPy, cast by NumPy, then shared or copied by TensorFlow."""
    mine = draw(flat_arrays())
    layout = draw(st.sampled_from(("as it is", "reversed", "gaps")))
    if layout != "as it is" and mine.ndim:
        mine = mine[..., ::-1] if layout == "reversed" else mine[..., ::2]
    buffers = [copy_of(mine)] if draw(st.booleans()) else []
    if draw(st.booleans()):
        dtype = "complex64" if mine.dtype.kind == "c" else "float32"
        if mine.dtype.newbyteorder("=") != dtype:
            buffers.append(copy_of(mine, dtype))
    last = buffers[-1] if buffers else mine
    can_share = last.flags.c_contiguous and last.flags.aligned and last.dtype.isnative
    tensor = last.view() if can_share and draw(st.booleans()) else copy_of(last)
    return Construction(mine, buffers, tensor)


def judge_construction(construction, *, visible=True, watched=True, noise=()):
    mine, buffers, tensor = construction
    copied_before = bool(buffers) and buffers[0].dtype == mine.dtype.newbyteorder("=")
    return of_constructor(
        array_facts(mine),
        span_of_array(tensor) if visible else None,
        tuple(map(span_of_array, (*noise, *buffers))) if watched else None,
        tensor.dtype.name,
        tensor.nbytes,
        copied_before=copied_before,
        handed=span_of_array(buffers[0] if copied_before else mine),
    )


@laws
@given(constructions())
def test_a_tensor_made_of_an_array_is_a_view_if_and_only_if_they_share_memory(construction):
    found = judge_construction(construction)
    event(found.kind)
    shares = np.shares_memory(construction.mine, construction.tensor)
    assert (found.kind, found.evidence) == ("view" if shares else "copy", "observed")


@laws
@given(constructions())
def test_a_constructions_copies_are_the_buffers_that_were_filled(construction):
    """Counted and weighed; what NumPy took for something else meanwhile is not among them."""
    mine, buffers, tensor = construction
    filled = [*buffers]
    if not any(np.shares_memory(tensor, other) for other in (mine, *buffers)):
        filled.append(tensor)
    nbytes = sum(array.nbytes for array in filled)
    found = judge_construction(construction, noise=[np.zeros(3001, np.uint8)])
    assert (found.copies, found.copied_bytes) == (len(filled), nbytes)


@laws
@given(constructions())
def test_where_numpys_buffers_were_not_watched_a_cast_may_hide_one(construction):
    """Without a cast, everything that may have been copied shows at the ends."""
    mine, _, tensor = construction
    full, found = judge_construction(construction), judge_construction(construction, watched=False)
    if found.copies is None:
        assert is_cast(str(mine.dtype), tensor.dtype.name)
        assert (found.kind, found.evidence) == ("copy", "inferred")
        assert found.copied_bytes <= full.copied_bytes
    else:
        assert found[:2] == full[:2]
        assert found[3:] == full[3:]


@laws
@given(constructions(), st.booleans())
def test_a_tensor_whose_memory_cannot_be_seen_is_never_said_to_be_observed(construction, watched):
    """Nor to be a copy where it may be a view: aligned, contiguous, and not copied before."""
    mine, buffers, tensor = construction
    found = judge_construction(construction, visible=False, watched=watched)
    assert (found.kind, found.evidence) in (("copy", "inferred"), ("unknown", ""))
    may_share = array_facts(mine).contiguous and mine.ctypes.data % 64 == 0
    cast = is_cast(str(mine.dtype), tensor.dtype.name)
    assert (found.kind == "copy") == (bool(buffers) or cast or not may_share)
    assert "NumPy copied it" not in found.reason or buffers


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
    event(f"{found.evidence} {found.kind}")
    assert ((found.kind, found.evidence) == ("view", "observed")) == shares


def test_a_result_in_the_gaps_of_an_array_shares_nothing_with_it():
    """`base[::2]` was copied, whatever tensor lies in the memory between its elements."""
    base = aligned_buffer().view(np.float32)
    mine, result = base[::2], base[1:2]
    assert span_of_array(mine).overlaps(span_of_array(result))
    assert not np.shares_memory(mine, result)
    found = of_op_argument(array_facts(mine), "float32", mine.nbytes, (span_of_array(result),))
    assert (found.kind, found.evidence) == ("copy", "inferred")


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
    assert (found.kind, found.copied_bytes) == (("view", 0) if in_place else ("copy", 99))


@laws
@given(flat_arrays(), st.sampled_from(("bool", "float32", "float64")), st.sampled_from((0, 16, 64)))
def test_what_numpy_converted_for_an_op_is_copied_again_unless_it_came_out_aligned(
    mine, wanted, offset
):
    buffer = Span(6400 + offset, 6400 + offset + 8)
    gaps = np.repeat(mine.reshape(-1), 2)[::2]
    found = of_op_argument(array_facts(gaps), wanted, 8, (), buffer)
    copies = 2 if offset == 16 else 1
    assert found[:2] == ("copy", "inferred")
    assert (found.copies, found.copied_bytes) == (copies, 8 * copies)


EMPTY = np.zeros((3, 0), np.float32)
STRINGS = np.array(["a", "bc"])
ALIGNED = aligned_buffer().view(np.float32)
SCALAR = verdict.ArrayFacts("float32", 4, None, True, False)


def every_verdict():
    """All that the functions can say, by all combinations of what they look at."""
    flags = (True, False)
    arrays = (ALIGNED, ALIGNED[1:], ALIGNED[::2], ALIGNED.astype(">f4"), EMPTY)
    for array, copies, visible, dtype_to in itertools.product(
        arrays, range(3), flags, ("float32", "float64")
    ):
        for result in (array, np.ones(array.shape, np.float32)):
            facts, span = array_facts(array), span_of_array(result)
            seen = span if visible else None
            taken = (span_of_array(array.copy()), span)[:copies]
            for buffers in (taken, None):
                yield of_constructor(
                    facts, seen, buffers, dtype_to, array.nbytes,
                    copied_before=bool(copies), handed=span_of_array(array),
                )  # fmt: skip
            yield of_op_argument(facts, dtype_to, array.nbytes, (span,) if visible else ())
            yield of_op_argument(facts, dtype_to, array.nbytes, (), span)
            yield of_other_device(facts, array.nbytes, taken)
            yield of_gathered(array.nbytes, seen, taken)
            yield of_gathered(array.nbytes, seen, None)
    yield of_gathered(None, None, None)
    yield of_constructor(
        array_facts(STRINGS), None, None, "string", None, copied_before=False, handed=None
    )
    yield verdict.of_scalar(8)
    yield of_op_argument(SCALAR, "float32", 4, ())
    for owns_data, is_array in itertools.product(flags, flags):
        yield verdict.of_numpy_method(owns_data, 8, is_array)
    yield verdict.of_string_read()
    for size, cast in itertools.product((8, 9), flags):
        yield verdict.of_copying_read(8, (Span(0, size),), cast)
    for one, other in itertools.product(flags, flags):
        yield verdict.of_kept_view(one, other)
    for buffers, may in itertools.product((None, (), (Span(0, 8),)), flags):
        yield verdict.of_dropped_view(may, 8, buffers)
    for before in (verdict.shared("shared"), verdict.copied("copied", 8), verdict.unknown("?")):
        yield verdict.once_more(before, 4, "cast")


def test_every_verdict():
    """Has a reason, and evidence unless it is unknown; views copy nothing, copies something."""
    for found in set(every_verdict()):
        assert found.reason, found
        assert not found.reason.endswith((" ", ".", ";")), found
        assert found.kind in ("copy", "view", "unknown"), found
        evidences = ("",) if found.kind == "unknown" else ("observed", "inferred")
        assert found.evidence in evidences, found
        if found.kind == "unknown":
            assert (found.copied_bytes, found.copies) == (None, None), found
        elif found.kind == "view":
            assert (found.copied_bytes, found.copies) == (0, 0), found
        else:
            assert (found.copied_bytes == 0) == (found.copies == 0), found


def test_the_verdicts_that_were_looked_at_are_all_there_are():
    assert {found.kind for found in every_verdict()} == {"copy", "view", "unknown"}
    assert len({found.reason for found in every_verdict()}) >= 20


def test_an_empty_array_has_nothing_to_share_even_at_the_same_address():
    facts, span = array_facts(EMPTY), span_of_array(EMPTY)
    for found in (
        of_constructor(facts, span, (), "float32", 0, copied_before=False),
        of_op_argument(facts, "float32", 0, (span,)),
    ):
        assert (found.kind, found.copied_bytes) == ("copy", 0)


@pytest.mark.parametrize("writable", [True, False])
def test_sharing_with_an_array_that_can_be_written_to_is_said(writable):
    array = aligned_buffer().view(np.float32)
    array.flags.writeable = writable
    facts, span = array_facts(array), span_of_array(array)
    for found in (
        of_constructor(facts, span, (), "float32", array.nbytes, copied_before=False),
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


@laws
@given(st.sampled_from(NAMES), st.sampled_from(NAMES), st.booleans(), st.booleans())
def test_a_cast_is_silent_unless_it_was_asked_for(one, other, asked, observed):
    found = verdict.cast_of(one, other, asked=asked, observed=observed)
    if one == other:
        assert found == ("none", "", None)
    else:
        assert found.kind == ("explicit" if asked else "silent")
        assert found.evidence == ("observed" if observed else "inferred")


# Moves.


@pytest.mark.parametrize(
    "ends", list(itertools.product(("host", "CPU:0", "CPU:1", "graph"), repeat=2))
)
def test_nothing_moves_between_ends_that_are_host_memory(ends):
    assert verdict.move_of(*ends, 40) == (*ends, 0, "", False)


@pytest.mark.parametrize("ends", [("host", "GPU:0"), ("GPU:0", "host"), ("GPU:0", "GPU:1")])
def test_what_crosses_to_or_from_an_accelerator_moves(ends):
    assert verdict.move_of(*ends, 40) == (*ends, 40, "observed", False)
    assert verdict.move_of(*ends, None).nbytes is None
