"""What the views say of an inventory: cells, sentences, HTML and the DataFrame."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tfnp_magic.views.whos.cells import cells_of, rows_shown, signs_meant
from tfnp_magic.views.whos.converting import in_full, reasons, told
from tfnp_magic.views.whos.html import html
from tfnp_magic.views.whos.text import fitted, text
from tfnp_magic.views.whos.words import hidden, listed, remarks, totals, warnings
from tfnp_magic.views.wording import width_of
from tfnp_magic.whos import Group, Holding, Inventory, take_inventory
from tfnp_magic.whos.look import Conversion

VIEW = Conversion("np.asarray", "view", 0, 0, "observed", "host memory, read in place")
COPY = Conversion(".numpy()", "copy", 4_000_000, 0, "inferred", "`.numpy()` always copies")


def inventory(*rows, groups=(), **more):
    return Inventory(rows, groups, {"host": 8}, **more)


def cells(of=None, **facts):
    (found,) = cells_of([Holding("x", **facts)], [of] if of else [])
    return found


# ---- cells ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "layout", "meant"),
    [
        (
            (True, True, True), "C A W",
            "contiguous in C order, 64-byte aligned, writable",
        ),
        (
            (False, None, False), "- ? -",
            "not contiguous in C order, 64-byte aligned: not known, not writable",
        ),
    ],
)  # fmt: skip
def test_a_layout_is_three_signs(flags, layout, meant):
    facts = dict(zip(("contiguous", "aligned", "writable"), flags, strict=True))
    assert cells(kind="Tensor", **facts).layout == layout
    assert signs_meant(layout) == meant


def test_what_has_no_data_has_no_layout_size_or_device():
    found = cells(kind="SymbolicTensor", shape=(None, 3))
    assert (found.layout, found.size, found.device) == ("", "none", "")


@pytest.mark.parametrize(
    ("kind", "writable", "tensors", "marked"),
    [
        ("ndarray", True, ("t",), True),
        ("ndarray", False, ("t",), False),
        ("ndarray", True, (), False),
        ("TensorArray", True, ("x", "t"), False),
    ],
)
def test_what_a_write_to_can_change_a_tensor_is_marked(kind, writable, tensors, marked):
    group = Group(1, ("x", "t"), ("x",), tensors, {"host": 8}, True)
    found = cells(group, kind=kind, writable=writable, group=1)
    assert found.is_marked == marked
    assert found.layout.endswith("W!") == marked


def test_partners_are_the_first_few_and_a_number():
    names = tuple("abcdex")
    group = Group(3, names, (), (), {"host": 8}, True)
    assert cells(group, group=3).shares == "3: a, b, c and 2 more"
    assert cells(also=("d['w']",)).shares == "= d['w']"


# ---- rows -------------------------------------------------------------------------------


def rows(*sizes):
    return [Holding(f"x{n}", "Tensor", nbytes=size) for n, size in enumerate(sizes)]


def test_without_an_order_the_largest_are_shown_in_the_order_of_their_names():
    found = inventory(*rows(1, 30, None, 20, 10), limit=3)
    assert [row.name for row in rows_shown(found)] == ["x1", "x3", "x4"]
    assert hidden(found) == (
        "Shown are 3 of 5, the largest: none of the other 2 is known to have more than 10 B. "
        "`-n 0` shows all, `-o df` keeps all in a DataFrame."
    )


def test_with_an_order_the_first_are_shown():
    found = inventory(*rows(1, 30, 20), limit=2, order="name")
    assert [row.name for row in rows_shown(found)] == ["x0", "x1"]
    assert hidden(found).startswith("Shown are 2 of 3. `-n 0` shows all")


@pytest.mark.parametrize("limit", [0, 3, 4])
def test_nothing_is_said_where_all_are_shown(limit):
    found = inventory(*rows(1, 2, 3), limit=limit)
    assert len(rows_shown(found)) == 3
    assert hidden(found) == ""


def test_the_frame_has_all_rows_whatever_is_shown():
    assert len(inventory(*rows(1, 2, 3), limit=1).to_frame()) == 3


# ---- sentences --------------------------------------------------------------------------


def test_members_are_counted_apart_from_names():
    found = rows(8, 8, 8)
    assert totals(inventory(*found)).startswith("3 names hold 8 B")
    assert totals(inventory(*found, members=1)).startswith("2 names and 1 member of others hold")
    assert totals(inventory(*found, members=3)).startswith("3 members of others hold 8 B")
    assert totals(inventory(*found[:1], members=1)) == "1 member of others holds 8 B."


def test_groups_that_a_write_can_spoil_are_told_first_where_there_are_many():
    groups = [
        Group(n, (f"a{n}", f"t{n}"), (f"a{n}",), (f"t{n}",) if n > 30 else (), {"host": 8}, True)
        for n in range(1, 36)
    ]
    found = inventory(*rows(1), groups=tuple(groups))
    assert len(warnings(found)) == 5
    assert [sentence.split(":")[0] for sentence in remarks(found)][:2] == ["Group 1", "Group 2"]
    assert remarks(found)[-1] == "Not told: 15 more groups sharing memory."


def test_lists_of_names_end_where_they_get_long():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdef"), 3) == "a, b, c and 3 more"
    assert listed(list("abcd"), 3) == "a, b, c and d"
    long = ["x" * 70, "y" * 40, "z" * 40]
    assert listed(long) == f"{long[0]}, {long[1]} and 1 more"


CONVERSIONS = [
    (VIEW, "np.asarray: view", "`np.asarray` gives a view: host memory, read in place."),
    (
        COPY,
        ".numpy(): copy of 4.0 MB",
        "`.numpy()` copies 4.0 MB: `.numpy()` always copies.",
    ),
    (
        Conversion("tf.constant", "copy", None, 0, "inferred", "why", (4_000_000, 8_000_000)),
        "tf.constant: copy of 4.0 to 8.0 MB",
        "`tf.constant` copies 4.0 to 8.0 MB: why.",
    ),
    (
        Conversion("tf.constant", "copy", None, 0, "inferred", "why", (4_000, None)),
        "tf.constant: copy of at least 4.0 kB",
        "`tf.constant` copies at least 4.0 kB: why.",
    ),
    (
        Conversion("np.asarray", "copy", None, 0, "inferred", "why"),
        "np.asarray: copy",
        "`np.asarray` copies it: why.",
    ),
    (
        Conversion(".numpy()", "move", 8_000, 4_000, "observed", "why"),
        ".numpy(): move of 4.0 kB",
        "`.numpy()` moves 4.0 kB and writes 8.0 kB in all: why.",
    ),
    (
        Conversion("np.asarray", "refused", 0, 0, "inferred", "why"),
        "np.asarray: refused",
        "`np.asarray` does not convert it: why.",
    ),
    (
        Conversion("np.asarray", "unknown", None, None, "", "why"),
        "np.asarray: unknown",
        "what `np.asarray` does is not known: why.",
    ),
]


@pytest.mark.parametrize(("conversion", "short", "sentence"), CONVERSIONS)
def test_a_conversion_in_words(conversion, short, sentence):
    assert in_full(conversion) == short
    assert told(conversion) == sentence


def test_reasons_that_rows_have_in_common_are_told_once_the_dearest_first():
    found = [Holding(name, conversions=(VIEW, COPY)) for name in "ab"]
    both = VIEW._replace(route=".numpy()")
    found.append(
        Holding("c", conversions=(VIEW._replace(reason="else"), both._replace(reason="else")))
    )
    assert reasons(found) == [
        "`.numpy()` copies a and b (8.0 MB): `.numpy()` always copies.",
        "`np.asarray` gives a view of a and b: host memory, read in place.",
        "`np.asarray` or `.numpy()` gives a view of c: else.",
    ]


def test_that_not_all_reasons_are_told_is_said():
    found = [Holding(f"x{n}", conversions=(VIEW._replace(reason=f"why {n}"),)) for n in range(9)]
    assert reasons(found)[-1] == "Not told: 3 more reasons; `-o df` keeps all."


# ---- text and HTML ----------------------------------------------------------------------


@pytest.mark.parametrize("limit", [10, 11, 24])
def test_a_long_name_loses_its_middle(limit):
    name = "model.layers[12].attention.query.kernel"
    shown = fitted(name, limit, "name")
    assert width_of(shown) == limit
    assert shown.startswith("mode")
    assert shown.endswith("nel")
    assert fitted(name, limit, "dtype").endswith("…")
    assert fitted("short", limit, "name") == "short"


def test_a_wide_page_has_one_table_and_a_narrow_one_two():
    row = Holding(
        "x", "Tensor", (1000, 28, 28), "float64, int64", "GPU:0", "GPU:0", 8, conversions=(VIEW,)
    )
    wide, narrow = (text(inventory(row), width) for width in (120, 80))
    assert len(re.findall("^name", wide, re.MULTILINE)) == 1
    assert len(re.findall("^name", narrow, re.MULTILINE)) == 2


def test_html_has_the_exact_bytes_and_the_reasons_folded():
    shown = html(inventory(Holding("x", "Tensor", nbytes=4_000_000, conversions=(VIEW, COPY))))
    assert 'title="4,000,000 bytes">4.0 MB</td>' in shown
    assert "<details><summary>np.asarray: view; .numpy(): copy</summary>" in shown
    assert "always copies (inferred).</li>" in shown


def test_html_marks_by_weight_and_words_what_a_write_can_spoil():
    group = Group(1, ("a", "t"), ("a",), ("t",), {"host": 8}, True)
    array = Holding("a", "ndarray", contiguous=True, aligned=True, writable=True, group=1)
    shown = html(inventory(array, Holding("t", "Tensor", group=1), groups=(group,)))
    assert re.search('<td style="[^"]*font-weight:bold[^"]*"[^>]*>C A W!</td>', shown)
    assert "<b>!</b> Group 1: a and t share memory" in shown
    assert 'title="contiguous in C order, 64-byte aligned, writable, and writing can ' in shown


def test_html_shows_the_code_in_its_sentences_as_code():
    told = {"written": ("line 5 wrote to `a`.",), "remarks": ("`b` was not looked at.",)}
    shown = html(inventory(Holding("a"), **told))
    assert "`" not in shown
    assert shown.count("</code>") == 2


def test_the_frame_tells_conversions_groups_and_other_names():
    row = Holding("x", "Tensor", nbytes=8, group=None, also=("d['w']",), conversions=(VIEW, COPY))
    frame = inventory(row).to_frame()
    assert frame["converting"].tolist() == ["np.asarray: view; .numpy(): copy of 4.0 MB"]
    assert frame["why"][0].startswith("np.asarray: host memory, read in place; .numpy(): ")
    assert frame["also"].tolist() == ["d['w']"]
    assert frame["group"].isna().tolist() == [True]


def test_a_name_of_a_namespace_that_is_no_identifier_is_a_name_all_the_same():
    assert repr(take_inventory({"a b": np.zeros(1)})).startswith("1 name holds 8 B.")
