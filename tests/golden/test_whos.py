"""Inventories made by hand as text: files, renewed by ``--renew``, and laws for any width."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfnp_magic.views.whos.html import html
from tfnp_magic.views.whos.text import text
from tfnp_magic.views.wording import width_of
from tfnp_magic.whos import Group, Holding, Inventory
from tfnp_magic.whos.look import Conversion

from .conftest import EXPECTED

WIDTHS = (120, 80)

VIEW = Conversion("np.asarray", "view", 0, 0, "observed", "host memory, read in place")
REFUSED = Conversion("np.asarray", "refused", 0, 0, "inferred", "it has no values")
UNKNOWN = Conversion("np.asarray", "unknown", None, None, "", "its op may not have run yet")


def copy(route, nbytes, reason="`.numpy()` always copies"):
    return Conversion(route, "copy", nbytes, 0, "inferred", reason)


def constant(nbytes):
    why = "NumPy copies; TensorFlow copies again unless that is 64-byte aligned"
    return Conversion("tf.constant", "copy", None, 0, "inferred", why, (nbytes, 2 * nbytes))


def move(route, nbytes, device):
    return Conversion(route, "move", nbytes, nbytes, "observed", f"moved from {device}")


def tensor(name, nbytes, *, device="CPU:0", **facts):
    return Holding(
        **{
            "name": name, "kind": "Tensor", "shape": ((nbytes or 0) // 4,), "dtype": "float32",
            "device": device, "backing_device": device, "nbytes": nbytes, "contiguous": True,
            "aligned": True, "writable": False,
            "conversions": (VIEW, copy(".numpy()", nbytes)), **facts,
        }
    )  # fmt: skip


def array(name, nbytes, **facts):
    return Holding(
        **{
            "name": name, "kind": "ndarray", "shape": (nbytes // 8,), "dtype": "float64",
            "device": "host", "backing_device": "host", "nbytes": nbytes, "contiguous": True,
            "aligned": False, "writable": True,
            "conversions": (constant(nbytes), copy("t - a", nbytes, "not 64-byte aligned")),
            **facts,
        }
    )  # fmt: skip


def one_tensor():
    return Inventory((tensor("t", 4_000),), (), {"host": 4_000})


def sharing():
    """A group that a write can spoil, one that only lies in the same memory, and one in doubt."""
    rows = (
        array("a", 4_000, dtype="float32", aligned=True, group=1),
        array("base", 800, group=2),
        array("halves", 400, group=2, contiguous=False),
        tensor("t", 4_000, group=1),
        array("v", 4_000, dtype="float32", aligned=True, writable=False, group=1),
        tensor("x", 80, group=3),
        array("y", 80, group=3, writable=False, writable_below=True),
    )
    groups = (
        Group(1, ("a", "t", "v"), ("a",), ("t",), {"host": 4_000}, True),
        Group(2, ("base", "halves"), ("base", "halves"), (), {"host": 800}, True),
        Group(3, ("x", "y"), (), ("x",), {"host": 80}, False, ("y",)),
    )
    return Inventory(rows, groups, {"host": 4_880})


def devices():
    """Tensors on several devices, with mirrors, and what is not known of some."""
    gpu = {"device": "GPU:0", "unlocated": ("GPU:0",)}
    rows = (
        array("batch", 25_088_000, shape=(4_000, 28, 28)),
        tensor("ints", 40, device="GPU:0", backing_device="CPU:0"),
        tensor(
            "logits", 1_280_000, **gpu, mirrors=("host",), aligned=None,
            conversions=(VIEW, copy(".numpy()", 1_280_000)),
        ),
        tensor(
            "pixels", 98_000_000, **gpu, aligned=None,
            conversions=(move("np.asarray", 98_000_000, "GPU:0"),),
        ),
        tensor(
            "waiting", None, shape=None, contiguous=None, aligned=None, computed=False,
            conversions=(UNKNOWN,),
        ),
        Holding(
            name="weights", kind="Variable", shape=(784, 128), dtype="float32",
            device="GPU:0, GPU:1", backing_device="GPU:0, GPU:1", nbytes=802_816,
            contiguous=True, writable=True,
        ),
        Holding(
            name="words", kind="Tensor", shape=(2, None), dtype="string", device="CPU:0",
            backing_device="CPU:0", contiguous=True, writable=False,
        ),
    )  # fmt: skip
    held = {"GPU:0": 99_681_408, "GPU:1": 401_408, "host": 26_368_040}
    return Inventory(rows, (), held, ("a was written to while t shared it (In[3], line 4).",))


def hostile():
    """Names and dtypes that steer a terminal, hold markup, are wide or very long."""
    rows = (
        tensor("d['\x1b[31m<b>\u202e']", 40, also=("e['\n']",)),
        array("d['漢字の鍵']['長い名前の配列が入っている辞書']", 80, dtype="[('漢', '<f8')]"),
        array("d['" + "k" * 90 + "'][0]", 80, dtype=f"[('{'field' * 20}', '<f8')]", group=1),
        array("d['" + "k" * 90 + "'][1]", 80, note="memmap", group=1),
        Holding(
            name="m.input", kind="SymbolicTensor", shape=(None, 3), dtype="float32",
            conversions=(REFUSED,),
        ),
        tensor("`quoted`|pipe", 2 * 10**15, shape=(10**9, 10**6)),
    )  # fmt: skip
    names = (rows[2].name, rows[3].name)
    groups = (Group(1, names, names, (), {"host": 80}, True),)
    remarks = ("Not looked into: d['\x07'], which is not as its type says.",)
    return Inventory(rows, groups, {"host": 2 * 10**15 + 200}, remarks=remarks)


def many():
    """More rows than are asked for, the largest among them in the order of their names."""
    rows = tuple(array(f"x{number}", 8 * (number * 7 % 20)) for number in range(20))
    return Inventory(rows, (), {"host": 8 * 190}, limit=6)


def nothing():
    return Inventory((), (), {}, remarks=("Not all was looked at: d changed meanwhile.",))


MADE = (one_tensor, sharing, devices, hostile, many, nothing)

each = pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)


@each
@pytest.mark.parametrize("width", WIDTHS)
def test_inventory_reads_as_reviewed(make, width, expect):
    expect(f"whos-{make.__name__}-{width}.txt", text(make(), width))


def test_no_expected_inventory_is_left_over():
    known = {f"whos-{make.__name__}-{width}.txt" for make in MADE for width in WIDTHS}
    assert {path.name for path in EXPECTED.glob("whos-*")} == known


@each
@pytest.mark.parametrize("width", range(80, 131, 7))
def test_no_line_is_wider_than_the_page(make, width):
    assert max(map(width_of, text(make(), width).split("\n"))) <= width


ANY_TEXT = st.text(
    st.sampled_from("ab \t\n\r\x00\x1b\u0301\u2028\u202e漢字👩`<&'\"") | st.characters(),
    max_size=50,
)
UNKNOWABLE = st.none() | st.booleans()
ROWS = st.builds(
    Holding,
    name=ANY_TEXT,
    kind=st.sampled_from(["Tensor", "ndarray", "Variable", "SymbolicTensor", "IndexedSlices"]),
    shape=st.none() | st.lists(st.none() | st.integers(0, 10**12), max_size=6).map(tuple),
    dtype=st.none() | ANY_TEXT,
    device=st.sampled_from([None, "host", "GPU:0", "/job:worker/task:12/TPU:0, TPU:1"]),
    backing_device=st.sampled_from([None, "host", "CPU:0", "GPU:0"]),
    nbytes=st.none() | st.integers(0, 10**18),
    contiguous=UNKNOWABLE,
    aligned=UNKNOWABLE,
    writable=UNKNOWABLE,
    note=ANY_TEXT,
    mirrors=st.lists(st.sampled_from(["host", "GPU:1"]), max_size=2).map(tuple),
    computed=UNKNOWABLE,
    conversions=st.lists(
        st.sampled_from([VIEW, REFUSED, UNKNOWN, constant(10**17), move(".numpy()", 10**9, "G")]),
        max_size=2,
    ).map(tuple),
    also=st.lists(ANY_TEXT, max_size=5).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ROWS, max_size=6, unique_by=lambda row: row.name), st.integers(80, 130))
@example([tensor("漢" * 100, 4, group=None)], 80)
def test_whatever_is_listed_fits_the_page_and_steers_no_terminal(rows, width):
    shown = text(Inventory(tuple(rows), (), {"host": 1}), width)
    assert max(map(width_of, shown.split("\n"))) <= width
    categories = {unicodedata.category(character) for character in shown if character != "\n"}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@each
def test_html_has_each_shown_row_once_and_only_what_an_untrusted_notebook_keeps(make):
    inventory = make()
    shown = html(inventory)
    limit = inventory.limit or len(inventory.rows)
    assert shown.count('<th scope="row"') == min(len(inventory.rows), limit)
    stripped = ("<style", "<script", "<svg", "role=", "aria-", "var(", ";color:", "<b>\u202e")
    assert not [word for word in stripped if word in shown]
    assert not any(sign in shown for sign in "\x1b\x07\u202e")


def test_what_a_table_leaves_out_are_the_smallest_and_that_is_said():
    shown = text(many(), 120)
    names = [line.split()[0] for line in shown.splitlines() if line.startswith("x")]
    sizes = {row.name: row.nbytes for row in many().rows}
    assert sorted(sizes, key=sizes.__getitem__)[-6:] == sorted(names, key=sizes.__getitem__)
    assert names == sorted(names, key=lambda name: int(name[1:]))
    assert "Shown are 6 of 20" in shown
    assert "`-n 0` shows all" in shown
