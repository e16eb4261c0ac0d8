"""From a recording to findings on casts and shared memory: which there are, what they say."""

from __future__ import annotations

import pytest

from tfnp_magic.advice import findings, of_written
from tfnp_magic.model import (
    NUMPY_TO_TENSORFLOW,
    PYTHON_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    Crossing,
    Hazard,
    Place,
    Site,
)
from tfnp_magic.recording import Recording
from tfnp_magic.values import ValueChange

LOST = ValueChange(10, 10, 3, fraction_lost=3)
"""Three of ten values lost a fraction."""

ROUNDED = ValueChange(10, 10, 10, largest_relative_error=3e-8)
DIGITS = ValueChange(10, 10, 4, inexact_integers=4, exact_up_to=2**24, largest_relative_error=3e-8)
BROKEN = {
    "became_nonfinite": ValueChange(10, 10, 4, became_nonfinite=4),
    "became_finite": ValueChange(10, 10, 4, became_finite=4),
    "out_of_range": ValueChange(10, 10, 4, out_of_range=4),
}


def at(line, source="In[3]"):
    return Place(source, line, "<module>", "")


def site(line):
    return Site(at(line), None)


def crossing(line=4, cast="silent", values=LOST, **facts):
    usual = {
        "route": "operator +", "direction": NUMPY_TO_TENSORFLOW, "explicit": False,
        "dtype_from": "float64", "dtype_to": "int32", "device_from": "host",
        "device_to": "CPU:0", "storage": "copy", "evidence": "observed", "reason": "cast",
    }  # fmt: skip
    return Crossing(site=site(line), cast=cast, values=values, **{**usual, **facts})


def hazard(line=4, **facts):
    usual = {
        "site": site(line), "route": "tf.squeeze", "direction": NUMPY_TO_TENSORFLOW,
        "nbytes": 48, "array": "a", "tensor": "t",
    }  # fmt: skip
    return Hazard(**{**usual, **facts})


def sentence(thing):
    ledger, hazards = ([thing], []) if isinstance(thing, Crossing) else ([], [thing])
    (finding,) = findings(Recording(ledger=ledger, hazards=hazards))
    assert finding.site == thing.site
    return finding.sentence


def kinds(*, ledger=(), hazards=()):
    return [f.kind for f in findings(Recording(ledger=list(ledger), hazards=list(hazards)))]


# Which.


def test_recording_without_anything_has_no_findings():
    assert findings(Recording()) == []


@pytest.mark.parametrize(
    "values", [LOST, ROUNDED, DIGITS, *BROKEN.values()], ids=lambda v: str(v[2:9])
)
def test_silent_cast_that_changed_values_is_found(values):
    assert kinds(ledger=[crossing(values=values)]) == ["cast"]


@pytest.mark.parametrize("values", BROKEN.values(), ids=BROKEN)
def test_cast_that_was_asked_for_is_found_where_it_broke_values(values):
    assert kinds(ledger=[crossing(cast="explicit", values=values)]) == ["cast"]


@pytest.mark.parametrize(
    "quiet",
    [
        {"values": None},
        {"values": ValueChange(10, 10)},
        {"values": ValueChange(10, 10), "cast": "explicit"},
        {"values": None, "cast": "explicit"},
        {"values": LOST, "cast": "explicit"},
        {"values": ROUNDED, "cast": "explicit"},
        {"values": DIGITS, "cast": "explicit"},
        {"values": LOST, "cast": "none"},
    ],
    ids=str,
)
def test_other_casts_are_not(quiet):
    assert kinds(ledger=[crossing(**quiet)]) == []


# What they say.


def test_cast_is_told_with_line_dtypes_and_what_became_of_the_values():
    assert sentence(crossing(values=ROUNDED, dtype_to="float32")) == (
        "line 4: operator + silently cast float64 to float32: all 10 values changed, largest "
        "relative error 3.0e-08. Convert first, on purpose: `tf.constant(array, tf.float32)`, or "
        "keep the tensor in float64."
    )


def test_what_a_cast_breaks_is_not_to_be_cast_on_purpose_first_of_all():
    assert sentence(crossing()) == (
        "line 4: operator + silently cast float64 to int32: 3 of 10 values lost a fraction. "
        "Keep the tensor in float64: `tf.cast(tensor, tf.float64)`; or, if it is meant, convert "
        "first: `tf.constant(array, tf.int32)`."
    )


def test_integers_that_lose_digits_are_kept_by_float64():
    said = sentence(crossing(dtype_from="int64", dtype_to="float32", values=DIGITS))
    assert "integers being exact up to 2^24" in said
    assert said.endswith("exact up to 2^53: `tf.cast(tensor, tf.float64)`.")
    beyond = sentence(crossing(dtype_from="int64", dtype_to="float64", values=DIGITS))
    assert "2^53" not in beyond


def fed(code, values=ROUNDED, **facts):
    place = Place("In[3]", 4, "<module>", code)
    found = crossing(dtype_to="float32", values=values, shapes={(10,): 1}, **facts)
    found.site = Site(place, None)
    return sentence(found)


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("scores = model.predict(x, verbose=0)", "`x.astype('float32')`"),
        ("model.predict(x[:10])", "`array.astype('float32')`"),
        ("model.predict(x, y)", "`array.astype('float32')`"),
        ("model.predict(x=x)", "`array.astype('float32')`"),
        ("a, b = m.predict(x), n.predict(y)", "`array.astype('float32')`"),
        ("", "`array.astype('float32')`"),
    ],
)
def test_data_of_a_model_is_named_only_where_it_is_all_that_the_line_hands_over(code, named):
    assert f"Convert once, on purpose: {named}" in fed(code, route="Sequential.predict")


def test_integers_are_no_dtype_for_a_model():
    said = fed("model.predict(x)", DIGITS, route="Sequential.predict", dtype_from="int64")
    assert said.endswith(
        "Hand over values that float32 holds, or give the model `dtype='float64'`."
    )


def test_generator_whose_values_break_is_to_be_declared():
    route = "tf.data.Dataset.from_generator"
    assert "Yield float32 (`array.astype('float32')`" in fed("for row in rows:", route=route)
    broken = fed("for row in rows:", BROKEN["became_nonfinite"], route=route)
    assert "Declare float64 in `output_signature`" in broken


def test_cast_of_python_values_cannot_be_asked_for_otherwise():
    said = sentence(crossing(direction=PYTHON_TO_TENSORFLOW, dtype_from="int", cast="explicit",
                             values=BROKEN["out_of_range"]))  # fmt: skip
    assert said.endswith("Use a dtype that holds them.")


def test_cast_that_was_asked_for_is_not_called_silent():
    said = sentence(crossing(cast="explicit", values=BROKEN["became_nonfinite"]))
    assert "silently" not in said
    assert said.endswith("Use a dtype that holds them, such as float64.")


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("out[:] = t", "`out`"),
        ("out[i] = other[i] = t", "the array"),
        ("f(out)[:] = t", "the array"),
    ],
)
def test_array_that_breaks_what_is_written_into_it_is_to_have_another_dtype(code, named):
    said = fed(code, LOST, direction=TENSORFLOW_TO_NUMPY, route="operator []=")
    assert said.endswith(
        f"Make {named} float64; or say so, if it is meant: `np.asarray(tensor, 'float32')`."
    )


def test_cast_of_what_a_tensor_was_read_into_is_to_be_said():
    said = sentence(crossing(direction=TENSORFLOW_TO_NUMPY, route="np.copyto", values=ROUNDED))
    assert said.endswith("Say so, if it is meant: `np.asarray(tensor, 'int32')`.")


def test_write_is_told_with_both_names_and_both_lines():
    said = sentence(hazard(written=True, made_at=at(2), written_at=at(6), intact_at=at(4)))
    assert said.startswith(
        "line 4: `t`, a tensor by tf.squeeze, shares memory (48 B) with `a` (made on line 2), and "
        "line 6 wrote to `a`: "
    )
    assert said.endswith("changed with it. Hand over a copy: `a.copy()`.")


def test_array_that_the_line_itself_made_is_said_to_be():
    said = sentence(hazard(written=True, made_at=at(4)))
    assert "`a` (made on that line)" in said


@pytest.mark.parametrize(
    ("after", "before", "told"),
    [
        (at(4), at(7), "`a` was written to between line 4 and line 7"),
        (at(4), None, "`a` was written to after line 4"),
        (None, at(7), "`a` was written to before line 7"),
        (at(4), at(4), "`a` was written to after line 4"),
        (None, None, "`a` was written to: "),
        (at(4, "features.py"), at(7), "between line 4 of features.py and line 7:"),
        (at(4), at(7, "features.py"), "between line 4 and line 7 of features.py:"),
        (at(4, "features.py"), None, "after line 4 of features.py:"),
    ],
)
def test_where_no_line_is_known_to_have_written_it_is_told_between_which(after, before, told):
    assert told in sentence(hazard(written=True, intact_at=after, written_before=before))


def test_ends_without_names_are_described():
    said = sentence(hazard(array="", tensor="", written=True, intact_at=at(4)))
    assert said == (
        "line 4: a tensor by tf.squeeze shares memory (48 B) with an array, and it was written to "
        "after line 4: the tensor changed with it. Hand over a copy: `array.copy()`."
    )


def test_view_of_a_tensor_is_to_be_copied_the_other_way():
    read = hazard(direction=TENSORFLOW_TO_NUMPY, route="Tensor._numpy", array="x")
    assert sentence(read).endswith("Take a copy: `t.numpy()`.")
    read.tensor = ""
    assert sentence(read).endswith("Take a copy: `tensor.numpy()`.")


def test_holder_is_named_where_python_sees_no_tensor():
    held = hazard(route="operator *", tensor="", holder="a GradientTape", written=True,
                  written_at=at(6))  # fmt: skip
    said = sentence(held)
    assert said.startswith(
        "line 4: operator * took `a` (48 B) in place for a GradientTape, which still "
    )
    assert "line 6 wrote to `a`" in said
    assert said.endswith("Hand over a copy: `a.copy()`.")


@pytest.mark.parametrize("sampled", [True, False])
def test_where_only_blocks_were_compared_no_write_is_not_claimed(sampled):
    told = sentence(hazard(sampled=sampled))
    assert ("is not certain" in told) == sampled


def test_memory_that_is_only_shared_is_told_with_what_would_happen():
    said = sentence(hazard())
    assert said.startswith(
        "line 4: `t`, a tensor by tf.squeeze, shares memory (48 B) with `a`, which can"
    )
    assert "that would change" in said
    assert said.endswith("Hand over a copy: `a.copy()`.")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (Site(at(4), at(9, "features.py")), "line 4 (at line 9 of features.py): "),
        (Site(None, at(9, "features.py")), "line 9 of features.py: "),
        (Site(None, None), "somewhere: "),
    ],
)
def test_place_is_the_cells_line_or_the_innermost_with_its_file(where, told):
    assert sentence(hazard(site=where)).startswith(told)
    assert sentence(hazard(site=where, written=True)).startswith(told)


def test_places_of_a_site_without_a_line_of_the_cell_are_compared_with_its_inner_one():
    found = hazard(site=Site(None, at(9, "f.py")), written=True, intact_at=at(9, "f.py"))
    assert "after line 9:" in sentence(found)


def test_lines_of_another_cell_are_said_to_be_its():
    said = of_written(hazard(written=True, written_at=at(6)), "In[3]")
    assert said.startswith("line 4 of In[3]: ")
