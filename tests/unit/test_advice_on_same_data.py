"""What a loop's text tells: the same data converted again; and large tensors that are printed."""

from __future__ import annotations

import pytest

from tests.unit.test_advice_on_repeats import MANY, MANY_SMALL, crossing, into
from tfnp_magic.advice import findings
from tfnp_magic.advice.around import keeps_contents, keeps_name, loop_around
from tfnp_magic.advice.expressions import (
    filled_by,
    handed_to,
    in_tensorflow,
    operands_of,
    read_by,
    reduction_of,
)
from tfnp_magic.advice.instead import own_name
from tfnp_magic.advice.printing import LARGE_PRINT
from tfnp_magic.advice.repeated import AGAIN, LARGE
from tfnp_magic.model import Place, Site
from tfnp_magic.recording import Recording

CELL = "%%interop_trace\nfor step in range(9):\n    x = f(step)\n    y = v * a\n"


def line(code, number=4, source="In[3]"):
    return Site(Place(source, number, "<module>", code), None)


def made(code="y = v * a", **facts):
    """A large array made a tensor in each turn."""
    usual = {"site": line(code), "route": "operator *", "explicit": False, "count": AGAIN,
             "nbytes": LARGE, "copied_bytes": LARGE, "shapes": {(1000, 1000): AGAIN},
             "duration_ns": None}  # fmt: skip
    return into(**{**usual, **facts})


def read(code="y = t.numpy()", **facts):
    """A large tensor read in each turn."""
    usual = {"site": line(code), "count": AGAIN, "nbytes": LARGE, "copied_bytes": LARGE,
             "shapes": {(1000, 1000): AGAIN}}  # fmt: skip
    return crossing(**{**usual, **facts})


def printed(code="print(t)", **facts):
    usual = {"site": line(code, 5), "route": "print", "explicit": False, "device_from": "GPU:0",
             "count": 1, "nbytes": LARGE_PRINT, "moved_bytes": LARGE_PRINT}  # fmt: skip
    return crossing(**{**usual, **facts})


def found(*ledger, body="x = f(step)"):
    line, inner = ledger[0].site
    code = (line or inner).code
    source = f"%%interop_trace\nfor step in range(9):\n    {body}\n    {code}\n"
    return findings(Recording(title="In[3]", source=source, ledger=list(ledger)))


def only(*ledger, **facts):
    (finding,) = found(*ledger, **facts)
    return finding


# The same large data.


def test_large_array_of_each_turn_is_found_with_its_copies():
    finding = only(made())
    assert (finding.kind, finding.count, finding.copied_bytes) == ("repeated", AGAIN, LARGE)
    assert finding.sentence == (
        "line 4, in the loop of line 2: operator * converted the same array 10 times, 100 MB, "
        "100 MB copied. Convert it once, before the loop: `tensor = tf.constant(array)`."
    )


def test_array_is_named_where_the_line_has_no_other():
    once = only(made("y = tf.constant(a, tf.float32)", route="tf.constant", explicit=True))
    assert once.instead.endswith("`tensor = tf.constant(a)`.")


def test_array_that_was_cast_is_to_be_cast_at_once():
    cast = {"dtype_from": "float64", "cast": "silent", "route": "tf.add"}
    assert only(made("y = tf.add(a, 1)", **cast)).instead.endswith("tf.constant(a, tf.float32)`.")


def test_large_tensor_of_each_turn_is_found():
    finding = only(read())
    assert finding.kind == "repeated"
    assert "converted the same tensor 10 times" in finding.what
    assert finding.instead.endswith("`array = t.numpy()`.")


def test_what_moves_each_time_is_found_though_it_is_not_copied_on_the_host():
    moved = {"device_to": "GPU:0", "copied_bytes": 0, "moved_bytes": LARGE}
    assert "100 MB from host to GPU:0." in only(made(**moved)).what


@pytest.mark.parametrize(
    "body",
    ["a = f(step)", "a += 1", "a[0] = step", "a.sort()", "f(a)", "np.copyto(a, x)", "b = a",
     "v = f(step)", "v.assign_add(x)", "import a", "for a in b: pass", "del a", "a: int = 3",
     "with f() as a: pass", "lambda a: 3", "(a := f(step))", "a, b = f(step)"],
)  # fmt: skip
def test_array_that_the_loop_may_change_is_no_finding(body):
    assert found(made(), body=body) == []


@pytest.mark.parametrize(
    "body", ["x = a * 2", "x = tf.reduce_sum(a)", "x = -v", "x = a > 3", "x -= a"]
)
def test_array_that_the_loop_only_reads_is_one(body):
    assert [finding.kind for finding in found(made(), body=body)] == ["repeated"]


@pytest.mark.parametrize(
    "fine",
    [
        {"count": AGAIN - 1},
        {"copied_bytes": LARGE - 1},
        {"copied_bytes": 0},
        {"copied_bytes": None},
        {"shapes": {(1000,): 5, (999,): 5}},
        {"other_shapes": 1},
        {"route": "Variable.assign"},
        {"site": line("y = v * a[0]")},
        {"site": line("y = v * a * 2")},
        {"site": Site(None, line("y = v * a").line)},
        {"site": Site(line("g()").line, line("y = v * a", source="In[1]").line)},
        {"site": line("y = v * a", 1)},
        {"site": line("")},
    ],
    ids=str,
)
def test_few_small_or_uncertain_arrays_are_not(fine):
    assert found(made(**fine)) == []


@pytest.mark.parametrize(
    ("facts", "body"),
    [
        ({}, "t = f(step)"),
        ({"route": "Variable.numpy"}, "x"),
        ({"site": line("y = t[0].numpy()")}, "x"),
        ({"site": line("y = t.numpy() + u.numpy()")}, "x"),
    ],
    ids=str,
)
def test_tensors_that_may_be_others_are_not(facts, body):
    assert found(read(**facts), body=body) == []


def test_name_that_a_function_binds_elsewhere_is_not_certain():
    source = "def g():\n    global t\n    t = 3\nfor step in b:\n    g()\n    y = t.numpy()"
    assert not keeps_name(source, 6, "t")
    assert keeps_name(source.replace("global t", "pass"), 6, "t")


def test_one_place_is_one_finding():
    assert only(read(count=MANY, nbytes=MANY * LARGE)).kind == "loop"


# Printed.


def test_large_tensor_that_moved_to_be_printed_is_found():
    finding = only(printed())
    assert finding.sentence == (
        "line 5: print read a whole tensor to show it, 10.0 MB from GPU:0 to host, 2.0 ms. Show a "
        "part of it, and only that moves: `print(t[:5])`."
    )


def test_what_is_printed_in_each_turn_is_one_finding():
    assert only(printed(count=MANY, nbytes=MANY * LARGE_PRINT)).kind == "loop"


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"site": line("print(t, u)")}, "`print(tensor[:5])`"),
        ({"site": line("print(f(t))")}, "`print(tensor[:5])`"),
        ({"site": line("repr(t)"), "route": "repr"}, "`repr(t[:5])`"),
        ({"site": line("t"), "route": "display"}, "`tensor[:5]`"),
    ],
)
def test_tensor_is_named_where_nothing_else_is_printed(facts, shown):
    assert only(printed(**facts)).instead.endswith(f"{shown}.")


@pytest.mark.parametrize(
    "fine",
    [
        {"moved_bytes": LARGE_PRINT - 1},
        {"moved_bytes": 0, "mirror": True},
        {"moved_bytes": None},
        {"device_from": "CPU:0", "moved_bytes": 0},
        {"route": "Tensor.numpy"},
    ],
    ids=str,
)
def test_small_tensors_and_those_on_the_host_are_printed_without_a_word(fine):
    assert found(printed(**fine)) == []


# What to write instead, in a loop.


@pytest.mark.parametrize(
    ("code", "route", "says"),
    [
        ("total += float(loss)", "float", "Append `loss` to a list and convert once, after"),
        ("log(x.numpy())", "Tensor.numpy", "Append `x` to a list"),
        ("log(t.numpy())", "Tensor.numpy", "before the loop: `array = t.numpy()`."),
        ("log(x.numpy(), t.numpy())", "Tensor.numpy", "Collect the tensors in a list"),
        ("s += x.numpy().sum()", "Tensor.numpy", "`np.asarray(x).sum()` reads it without a copy"),
        ("s += x.numpy().sum(axis=0)", "Tensor.numpy", "use `tf.reduce_sum(x, axis=0)` and"),
        ("s += x.numpy().sum(0)", "Tensor.numpy", "Append `x` to a list"),
        ("s += x.numpy().round(2)", "Tensor.numpy", "Append `x` to a list"),
        ("m.append(np.mean(x))", "np.mean", "would be a move: `tf.reduce_mean(x)`"),
        ("m.append(np.dot(x, y))", "np.dot", "on a GPU each read would be a move: `tf.tensordot`"),
        ("m.append(np.median(x))", "np.median", "Use a function of TensorFlow's own"),
        ("out[step] = x", "operator []=", "Collect the tensors in a list"),
        ("print(x)", "print", "Print or format it less often"),
    ],
)  # fmt: skip
def test_remedy_is_in_the_words_of_the_line(code, route, says):
    assert says in only(crossing(site=line(code), route=route, shapes={(): MANY})).instead


def test_what_is_moved_is_computed_where_it_is():
    moved = {"device_from": "GPU:0", "moved_bytes": 4000}
    said = only(crossing(site=line("s += x.numpy().sum()"), **moved)).instead
    assert said == (
        "Use `tf.reduce_sum(x)` and convert the results once, after the loop: "
        "`tf.stack(results).numpy()`."
    )
    said = only(crossing(site=line("s += np.sum(x)"), route="np.sum", **moved)).instead
    assert said.startswith("Use `tf.reduce_sum(x)`, which stays in TensorFlow")


def test_question_of_each_turn_can_be_asked_less_often():
    asked = crossing(site=line("if x > 3:"), route="operator >", direction="tensorflow → python",
                     dtype_from="bool", dtype_to="bool", explicit=False)  # fmt: skip
    assert only(asked).instead.startswith("Ask less often, or choose in TensorFlow: `tf.where(")


@pytest.mark.parametrize(
    ("shapes", "joined"),
    [
        ({(3, 4): MANY}, "after the loop: `tf.stack(tensors).numpy()`."),
        ({(3, 4): 90, (2, 4): 10}, "after the loop: `tf.concat(tensors, 0).numpy()`."),
        ({(3, 4): 90, (3, 5): 10}, "convert once, after the loop."),
        ({(): 90, (3,): 10}, "convert once, after the loop."),
    ],
)
def test_tensors_of_a_list_are_joined_as_their_shapes_allow(shapes, joined):
    assert only(crossing(shapes=shapes)).instead.endswith(joined)


def test_nobody_is_told_to_collect_gigabytes():
    said = only(crossing(site=line("f(x.numpy())"), nbytes=2 * 10**9)).instead
    assert "list" not in said
    assert "convert only what comes out" in said


def test_small_array_that_stays_the_same_is_converted_before_the_loop():
    small = {"site": line("y = tf.constant(a)"), "count": MANY_SMALL}
    assert only(into(**small)).instead.endswith("before the loop: `tensor = tf.constant(a)`.")
    assert "tf.unstack" in only(into(**small), body="a = f(step)").instead


@pytest.mark.parametrize(
    ("route", "dtype", "name"),
    [
        ("np.mean", "float32", "tf.reduce_mean"),
        ("np.mean", "bfloat16", "tf.reduce_mean"),
        ("np.mean", "int32", ""),
        ("np.sum", "int32", ""),
        ("np.all", "bool", "tf.reduce_all"),
        ("np.all", "float32", ""),
        ("np.argmax", "int32", "tf.argmax"),
        ("np.max", "int64", "tf.reduce_max"),
        ("np.max", "bool", ""),
        ("np.stack", "string", "tf.stack"),
        ("np.median", "float32", ""),
    ],
)
def test_tensorflow_has_the_function_for_some_dtypes_only(route, dtype, name):
    assert own_name(route, dtype) == name


# The text of a line.


@pytest.mark.parametrize(
    ("code", "route", "read"),
    [
        ("total += float(loss)", "float", "loss"),
        ("if x.numpy() > 3:", "Tensor.numpy", "x"),
        ("elif x.numpy() > 3:", "Tensor.numpy", "x"),
        ("for y in f(x).numpy():", "Tensor.numpy", "f(x)"),
        ("return numpy.mean(x[0], axis=1)  # so", "np.mean", "x[0]"),
        ("await f(x.numpy())", "Tensor.numpy", "x"),
        ("a = x.numpy() + y.numpy()", "Tensor.numpy", ""),
        ("np.mean(*x)", "np.mean", ""),
        ("np.mean(x, 0)", "np.mean", ""),
        ("b = a", "float", ""),
        ("y = f(x.numpy(),", "Tensor.numpy", ""),
        ("x" * 50 + ".numpy()", "Tensor.numpy", ""),
        ("f'{`}'", "float", ""),
        ("a\0b", "float", ""),
        ("", "float", ""),
    ],
)
def test_what_a_line_reads_is_told_where_it_is_certain(code, route, read):
    assert read_by(code, route) == read


@pytest.mark.parametrize(
    ("code", "route", "names"),
    [
        ("y = v * a", "operator *", ("v", "a")),
        ("y = 2 * a", "operator *", ("a",)),
        ("y = v * a * b", "operator *", ()),
        ("y = v * a[0]", "operator *", ()),
        ("y = v - a", "operator *", ()),
        ("y = tf.matmul(v, a, transpose_b=True)", "tf.matmul", ("v", "a")),
        ("y = tf.constant(a, dtype=tf.float32)", "tf.constant", ("a",)),
        ("y = tf.constant([a, b])", "tf.constant", ()),
        ("y = tf.constant(*a)", "tf.constant", ()),
        ("y = f(tf.constant(a), tf.constant(b))", "tf.constant", ()),
        ("y = v.assign(a)", "Variable.assign", ()),
    ],
)
def test_names_that_an_op_takes_are_all_or_none(code, route, names):
    assert operands_of(code, route) == names


def test_other_texts_of_lines():
    assert in_tensorflow("np.mean(x, keepdims=True)", "np.mean", lambda _: "tf.reduce_mean") == (
        "tf.reduce_mean(x, keepdims=True)"
    )
    assert in_tensorflow("np.mean(x, dtype=d)", "np.mean", lambda _: "tf.reduce_mean") == ""
    assert in_tensorflow("np.exp(x, out=y)", "np.exp", lambda _: "tf.exp") == ""
    assert in_tensorflow("np.exp(x)", "np.exp", lambda _: "tf.exp") == "tf.exp(x)"
    assert reduction_of("a = f(x).numpy().max(axis=1)") == "np.asarray(f(x)).max(axis=1)"
    assert reduction_of("a = x.numpy()") == ""
    assert handed_to("s = model.predict(x, verbose=0)", "predict") == "x"
    assert handed_to("s = model.predict(x, **more)", "predict") == ""
    assert filled_by("out[3] = t") == "out"
    assert filled_by("out = t") == ""


def test_innermost_loop_decides():
    source = "for i in b:\n    a = f(i)\n    for j in c:\n        y = v * a\n"
    assert loop_around(source, 4) == 3
    assert keeps_contents(source, 4, "a")
    assert not keeps_contents(source, 2, "a")
    assert not keeps_contents(source, 9, "a")
