"""Why a graph was built again: forms of arguments compared, and causes in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfnp_magic.activity import Retrace
from tfnp_magic.driving.retraces import (
    MAX_COMPARED,
    MAX_SAMPLES,
    NEST,
    OBJECT,
    OTHER,
    TENSOR,
    VALUE,
    Difference,
    Form,
    Reasons,
    differences,
    nearest,
)


def value(of):
    return Form(VALUE, type(of).__name__, repr(of), hash(of))


def tensor(shape=(), dtype="float32", what="tensor", number=None):
    which = () if number is None else (("which", Form(NEST, f"Variable {number} of the call")),)
    return Form(TENSOR, what, dtype=dtype, shape=str(shape), parts=which)


def thing(number, what="Dense"):
    return Form(OBJECT, what, same=number)


def nest(*parts, what="list"):
    return Form(NEST, what, parts=tuple(enumerate(parts)))


def mapping(**parts):
    return Form(NEST, "dict", parts=tuple(parts.items()))


def difference(new, old):
    found = differences({"x": new}, {"x": old})
    return found[0] if found else None


@pytest.mark.parametrize(
    ("new", "old", "kind", "sample"),
    [
        (value(4), value(3), "python value", "4"),
        (value(0.5), value(3), "python value", "0.5"),
        (value("b"), value("a"), "python value", "'b'"),
        (value(None), value(3), "python value", "None"),
        (value(3), value(None), "python value", "3"),
        (value(3), tensor(), "python value", "3"),
        (value(3), thing(1), "python value", "3"),
        (tensor(), value(3), "structure", "tensor after Python int"),
        (tensor(), value(None), "structure", "tensor after None"),
        (value(None), tensor(), "structure", "None after tensor"),
        (tensor((4,)), tensor((3,)), "shape", "(4,)"),
        (tensor(dtype="int32"), tensor(), "dtype", "int32 after float32"),
        (tensor((4,), "int32"), tensor(), "dtype", "int32 after float32"),
        (tensor(what="Variable"), tensor(), "structure", "Variable after tensor"),
        (tensor(what="RaggedTensor"), tensor((2,)), "structure", "RaggedTensor after tensor"),
        (thing(2), thing(1), "other object", ""),
        (thing(1, "Adam"), tensor(), "structure", "Adam object after tensor"),
        (thing(1, "function"), value(None), "structure", "function after None"),
        (nest(tensor()), nest(), "structure", "list of 1 after list of 0"),
        (nest(tensor(), what="tuple"), nest(tensor()), "structure", "tuple of 1 after list of 1"),
        (mapping(a=tensor()), mapping(b=tensor()), "structure", "other keys"),
        (nest(what="*args"), nest(tensor(), what="*args"), "structure",
         "0 arguments after 1 argument"),
        (nest(tensor(), what="Point"), tensor(), "structure", "Point after tensor"),
        (nest(tensor((2,))), nest(tensor((1,))), "shape", "(2,)"),
        (nest(nest(value(2))), nest(nest(value(1))), "python value", "2"),
        (tensor(number=1), tensor(number=2), "structure",
         "Variable 1 of the call after Variable 2 of the call"),
        (Form(OTHER, "MyType", same=1), Form(OTHER, "MyType", same=2), "unknown", ""),
    ],
)  # fmt: skip
def test_what_is_new_about_an_argument(new, old, kind, sample):
    found = difference(new, old)
    assert (found.kind, found.argument, found.sample) == (kind, "x", sample)


@pytest.mark.parametrize(
    "form",
    [value(3), tensor((2, 3)), thing(1), nest(tensor(), value(1)), mapping(a=value("a")),
     Form(OTHER, "MyType", same=1)],
)  # fmt: skip
def test_nothing_is_new_about_an_equal_argument(form):
    assert difference(form, form) is None


def test_values_that_are_written_alike_differ_by_what_they_are():
    """Long strings are cut."""
    new, old = Form(VALUE, "str", "'aaa…", 1), Form(VALUE, "str", "'aaa…", 2)
    assert difference(new, old).kind == "python value"


def test_part_of_an_argument_is_told_apart_from_the_whole():
    assert difference(nest(value(2)), nest(value(1))).within
    assert not difference(value(2), value(1)).within


def test_each_argument_that_differs_is_told():
    found = differences(
        {"x": tensor((2,)), "k": value(2), "same": value(1), "more": value(1)},
        {"x": tensor((1,)), "k": value(1), "same": value(1), "gone": tensor()},
    )
    assert [(d.argument, d.kind, d.sample) for d in found] == [
        ("x", "shape", "(2,)"), ("k", "python value", "2"),
        ("more", "structure", "one argument more"), ("gone", "structure", "one argument less"),
    ]  # fmt: skip


one, two = [Difference("shape", "x")], [Difference("shape", "x"), Difference("dtype", "y")]


def test_earlier_graph_with_fewest_differences_is_compared_with():
    assert nearest([two, one, two]) is one
    assert nearest([two, list(two)]) is two
    assert nearest([]) is None


def test_search_ends_at_one_difference_and_is_bounded():
    def graphs(found):
        for number in range(10_000):
            asked.append(number)
            yield found

    asked = []
    nearest(graphs(one))
    assert len(asked) == 1
    asked = []
    nearest(graphs(two))
    assert len(asked) == MAX_COMPARED


def told(*found):
    """What is told of retraces, each of which these differences caused."""
    retraces: list[Retrace] = []
    reasons = Reasons(retraces)
    for each in found:
        reasons.add(each if isinstance(each, list) else [each], 10)
    return retraces


def test_retraces_are_counted_by_kind_and_argument():
    found = [Difference("python value", "k", "int", str(n)) for n in range(3)]
    found.append(Difference("shape", "x", "tensor", "(2,)"))
    found.append(Difference("python value", "n", "int", "3"))
    assert [(r.kind, r.argument, r.count, r.duration_ns) for r in told(*found)] == [
        ("python value", "k", 3, 30), ("shape", "x", 1, 10), ("python value", "n", 1, 10),
    ]  # fmt: skip


def int_(number, **more):
    return Difference("python value", "k", "int", str(number), **more)


@pytest.mark.parametrize(
    ("found", "cause", "what"),
    [
        ([int_(3)], "a new Python int (3)", "int"),
        ([int_(3), int_(4)], "each new Python int (3, 4)", "int"),
        ([int_(3), int_(3)], "each new Python int (3)", "int"),
        ([int_(3), Difference("python value", "k", "str", "'a'")],
         "each new Python value (3, 'a')", ""),
        ([Difference("python value", "k", "range", "")], "a new Python range", "range"),
        ([int_(1, within=True)], "a new Python int in it (1)", "int"),
        ([Difference("shape", "x", "tensor", "(2,)")], "a new shape: (2,)", "tensor"),
        ([Difference("shape", "x", "tensor", "(2,)"), Difference("shape", "x", "tensor", "(3,)")],
         "each new shape: (2,), (3,)", "tensor"),
        ([Difference("dtype", "x", "tensor", "int32 after float32")],
         "another dtype: int32 after float32", "tensor"),
        ([Difference("structure", "x", "list", "list of 2 after list of 1")],
         "another structure: list of 2 after list of 1", "list"),
        ([Difference("other object", "net", "Net")], "another Net object", "Net"),
        ([Difference("other object", "net", "Net")] * 2, "each new Net object", "Net"),
        ([Difference("other object", "net", "Net"), Difference("other object", "net", "Other")],
         "each new object", ""),
        ([Difference("new function")] * 2, "each new tf.function of the same code", ""),
        ([Difference("context", sample="while a model is saved")],
         "another place of the call: while a model is saved", ""),
        ([Difference("unknown")], "nothing that its arguments tell", ""),
        ([Difference("unknown", "x", "MyType")], "another MyType", "MyType"),
    ],
)  # fmt: skip
def test_cause_in_words(found, cause, what):
    (retrace,) = told(*found)
    assert (retrace.cause, retrace.what) == (cause, what)


def test_several_arguments_that_are_new_at_once_are_one_reason():
    (retrace,) = told([Difference("shape", "x", "tensor", "(2,)"), int_(3)])
    assert (retrace.kind, retrace.argument) == ("python value", "x, k")
    assert retrace.cause == "x: a new shape: (2,); k: a new Python int (3)"


@given(st.lists(st.integers(0, 10), min_size=1))
def test_examples_are_distinct_and_few_however_many_retraces_there_were(numbers):
    (retrace,) = told(*map(int_, numbers))
    distinct = list(dict.fromkeys(map(str, numbers)))
    examples = retrace.cause.partition("(")[2].rstrip(")").split(", ")
    assert examples[:MAX_SAMPLES] == distinct[:MAX_SAMPLES]
    assert examples[MAX_SAMPLES:] == (["…"] if len(distinct) > MAX_SAMPLES else [])
    assert retrace.count == len(numbers)
