"""What the text of a cell says of an array's names."""

from __future__ import annotations

import sys
import types

import numpy as np
import pandas as pd
import pytest

from tfnp_magic.cell_text.writes import lines_that_write, names_of
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, Hazard, Place, Site


def at(line, source="In[3]"):
    return None if line is None else Place(source, line, "<module>", "")


def lines_of(source, *, here=2, after=None, before=None, name="a", written=True, inner=None):
    """Line numbers of where the array was made and written to, as the text tells."""
    hazard = Hazard(Site(at(here), inner), "tf.squeeze", NUMPY_TO_TENSORFLOW, 48, array=name)
    hazard.written, hazard.written_before = written, at(before)
    hazard.intact_at = inner or at(after if after is not None else here)
    places = lines_that_write(source, hazard, "In[3]")
    for place in filter(None, places):
        assert place.source == "In[3]"
        assert place.code == source.split("\n")[place.line - 1].strip()
    return tuple(place and place.line for place in places)


def written_at(statement, **more):
    """Line of the statement, the third, if it writes to `a`."""
    return lines_of(f"a = make()\nt = tf.squeeze(a)\n{statement}\nprint(t)", **more)[1]


WRITES = [
    "a[0] = 1", "a[:] = 1", "a[1:, ::2] = 1", "a[0][1] = 1", "a[..., None] = b", "a[mask] = 0",
    "a += 1", "a *= a", "a[0] += 1", "a[:] @= b", "a |= b", "a.flat[1:] = 0", "a.flat = 0",
    "a.real = 0", "a.real[0] = 0", "a.T[0] = 0", "a.values[0] = 0", "a.iloc[0] = 0",
    "a.loc['x', 'y'] = 0", "a.iat[0] += 1", "a.values.flat[0] = 0",
    "a.fill(0)", "a.sort()", "a.partition(2)", "a.put(0, 1)", "a.setfield(1, 'f4')",
    "a[1:].fill(0)", "a.T.sort(axis=0)", "a.update(b)", "a.resize(3)",
    "np.copyto(a, b)", "np.copyto(a[1:], b)", "np.put(a, 0, 1)", "np.place(a, mask, 1)",
    "np.putmask(a, mask, 1)", "np.put_along_axis(a, i, 1, 0)", "np.fill_diagonal(a, 1)",
    "np.add.at(a, i, 1)", "rng.shuffle(a)", "np.random.shuffle(a)", "copyto(a, b)",
    "file.readinto(a)",
    "np.add(b, 1, out=a)", "np.add(b, 1, out=a[1:])", "np.divmod(b, 2, out=(c, a))",
    "rng.random(out=a)", "b.cumsum(out=a)", "np.add(b, 1, out=[a])",
    "a[0], b = 1, 2", "b, (c, a[1:]) = f()", "[a[0], b] = 1, 2", "*a[:2], b = f()",
    "b = a[:] = 0", "x = np.add(b, 1, out=a) + 1", "if f(): a[0] = 1",
    "with f() as g: a[0] = 1", "for i in r: a[i] = 1",
]  # fmt: skip


@pytest.mark.parametrize("statement", WRITES)
def test_statement_that_writes_to_the_array_is_named(statement):
    assert written_at(statement) == 3


OTHERS = [
    "b[0] = 1", "b[a] = 1", "b += a", "b.fill(a)", "b.a[0] = 1", "b.a += 1", "a", "a[0]",
    "b = a[0]", "a = b", "a: int = 3", "print(a[0])", "a.sum()", "a.copy()", "a.byteswap()",
    "a.astype('f8')", "np.sort(a)", "np.copyto(b, a)", "np.put(b, a, 1)", "np.add(a, a)",
    "np.add(a, 1, out=b)", "np.add(a, 1, out=None)", "f(a)[0] = 1", "(a + 1)[0] = 2",
    "a.shape = 3, 4", "a.strides = 4,", "a.dtype = 'i4'", "a.flags.writeable = False",
    "a.flags['WRITEABLE'] = False", "a.name = 'x'", "a.index = b", "a, b = b, a", "del a",
    "aa[0] = 1", "'a[0] = 1'", "# a[0] = 1", "np.copyto()", "lambda a: a[0]",
    "for a in b: pass", "f()()", "f()[0](a)", "f(x=a)", "np.add(b, 1, where=a)",
    "np.add(b, 1, out=(b, f(a)))",
]  # fmt: skip


@pytest.mark.parametrize("statement", OTHERS)
def test_statement_that_does_not_is_not(statement):
    assert written_at(statement) is None


def test_nothing_is_named_as_a_write_where_none_was_seen():
    assert written_at("a[0] = 1", written=False) is None


def test_two_lines_that_write_leave_it_open():
    source = "a = make()\nt = tf.squeeze(a)\na[0] = 1\na[1] = 1"
    assert lines_of(source) == (1, None)
    assert lines_of(source.replace("\na[1]", "; a[1]")) == (1, 3)


# Between which lines.


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        (2, 4, 3),
        (2, 3, 3),
        (3, 4, 3),
        (4, 6, 5),
        (4, None, 5),
        (6, None, None),
        (2, None, None),  # lines 3 and 5
        (2, 6, None),
    ],
)
def test_only_lines_between_the_two_looks_come_into_question(after, before, expected):
    source = "a[9] = 1\nt = tf.squeeze(a)\na[0] = 1\nx\na[1] = 1\ny"
    assert lines_of(source, after=after, before=before)[1] == expected


def test_line_before_the_memory_was_shared_does_not():
    source = "a[0] = 1\nt = tf.squeeze(a)\nalias[0] = 2"
    assert lines_of(source)[1] is None


def test_nor_where_it_came_to_be_shared_in_another_file():
    source = "a[0] = 1\nt = helper(a)\nalias[0] = 2"
    inner = at(77, "features.py")
    assert lines_of(source, inner=inner)[1] is None
    assert lines_of(source.replace("alias", "a"), inner=inner)[1] == 3


def test_in_a_loop_lines_come_again():
    source = "for i in r:\n    a[:] = i\n    t = tf.squeeze(a)"
    assert lines_of(source, here=3, after=3, before=3)[1] == 2
    assert lines_of(source, here=3, after=3, before=2)[1] == 2


@pytest.mark.parametrize("head", ["for i in r:", "while f():", "async for i in r:", "def f():"])
def test_also_where_the_loops_line_leads_to_another_file(head):
    source = f"{head}\n    a[:] = i\n    t = helper(a)"
    assert lines_of(source, here=3, inner=at(77, "features.py"))[1] == 2


@pytest.mark.parametrize(
    ("after", "before"),
    [(at(2), at(4, "In[2]")), (at(4, "In[2]"), None), (at(4, "In[2]"), at(4, "In[2]"))],
)
def test_line_of_another_cell_bounds_nothing(after, before):
    source = "a = make()\nt = tf.squeeze(a)\na[0] = 1\nx\na[1] = 2"
    hazard = Hazard(Site(at(2), None), "tf.squeeze", NUMPY_TO_TENSORFLOW, 48, array="a")
    hazard.written, hazard.intact_at, hazard.written_before = True, after, before
    assert lines_that_write(source, hazard, "In[3]")[1] is None
    assert lines_that_write(source.replace("a[1]", "b[1]"), hazard, "In[3]")[1].line == 3


# Where it was made.


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("a = 1\nt = f(a)", 1),
        ("t = f(a)\na = 1", None),
        ("a = 1\na = 2\nt = f(a)\na = 3", 2),
        ("a = 1\na += 1\nt = f(a)", 1),
        ("a = 1; b += 1\nt = f(a)", 1),
        ("b = 1; a += 1\nt = f(a)", None),
        ("x, (y, a) = g()\nt = f(a)", 1),
        ("for a in g():\n    t = f(a)", 1),
        ("with g() as a:\n    t = f(a)", 1),
        ("print(a := g())\nt = f(a)", 1),
        ("a: object = g()\nt = f(a)", 1),
        ("t = f(a := g())", 1),
        ("a[0] = 1\nt = f(a)", None),
        ("aa = 1\nt = f(a)", None),
    ],
)
def test_the_last_line_that_bound_the_name_made_it(source, made):
    here = 1 + source[: source.index("t = f(a")].count("\n")
    assert lines_of(source, here=here)[0] == made


# What IPython rewrites, and what Python does not understand.


@pytest.mark.parametrize(
    "line",
    [
        "%time f()", "!ls a[0]", "    ", "%matplotlib inline", "?print", "a?", "np.add??",
        "files = !ls", "x = %time f()", "x, y = %f", "if True:\n    %time f()",
        "if True:\n    !ls\nelse:\n    x = !ls", "'%s' % 1", "x = (7\n     % 2)", "'''\n%x\n'''",
        "'''\n!x?\n'''", "await f()", "x = '\u2028 \x0c'", "# a?",
    ],
)  # fmt: skip
def test_lines_for_ipython_and_texts_that_look_like_them_hide_nothing(line):
    source = f"%%interop_trace -o rec\na = make()\n{line}\nt = tf.squeeze(a)\na[0] = 1"
    lines = source.count("\n") + 1
    assert lines_of(source, here=lines - 1) == (2, lines)


@pytest.mark.parametrize("source", ["%%interop_trace\n%%time\na = f()\nt = f(a)\na[:] = 1"])
def test_body_of_another_cell_magic_is_read(source):
    assert lines_of(source, here=4) == (3, 5)


@pytest.mark.parametrize(
    "source", ["a = (\nt = f(a)\na[0] = 1", "$ a[0] = 1", "a = 1\n\0", "", "cd /tmp; a[0] = 1"]
)
def test_text_that_is_no_python_tells_nothing(source):
    assert lines_of(source) == (None, None)


def test_windows_line_ends_count_once():
    hazard = Hazard(Site(at(2), None), "tf.squeeze", NUMPY_TO_TENSORFLOW, 48, array="a")
    hazard.written, hazard.intact_at = True, at(2)
    made, written = lines_that_write("a = 1\r\nt = f(a)\r\na[0] = 1\r\n", hazard, "In[3]")
    assert (made.line, written.line, written.code) == (1, 3, "a[0] = 1")


@pytest.mark.parametrize("change", [{"array": ""}, {"site": Site(None, at(3))}])
def test_without_a_name_or_a_line_of_the_cell_nothing_is_told(change):
    facts = {"array": "a", "site": Site(at(2), None)} | change
    hazard = Hazard(route="r", direction="d", nbytes=1, written=True, **facts)
    assert lines_that_write("a = 1\nt = f(a)\na[0] = 1", hazard, "In[3]") == (None, None)


# Names.


def test_names_of_both_ends_are_found():
    array, tensor = np.zeros(3), object()
    assert names_of({"x": 1, "a": array, "t": tensor}, array, tensor) == ("a", "t")


def test_the_array_itself_goes_before_its_views():
    array = np.zeros(3)
    for names in ({"view": array[1:], "a": array}, {"a": array, "view": array[1:]}):
        assert names_of(names, array, None) == ("a", "")


def test_view_or_owner_is_named_where_the_array_has_no_name():
    memory = np.zeros(3)
    assert names_of({"other": np.zeros(3), "memory": memory}, memory[1:], None)[0] == "memory"
    assert names_of({"view": memory[:2]}, memory, None)[0] == "view"


def test_history_and_private_names_are_not_what_the_user_calls_it():
    array, tensor = np.zeros(3), object()
    assert names_of({"_": array, "_3": tensor, "__x": array}, array, tensor) == ("", "")


def test_ends_that_are_gone_have_no_name():
    assert names_of({"a": np.zeros(3), "none": None}, None, None) == ("", "")


@pytest.mark.parametrize("kind", [pd.Series, pd.Index])
def test_pandas_object_over_the_memory_is_named(kind):
    memory = np.arange(3.0)
    owner = kind(memory, copy=False)
    assert names_of({"other": kind([1.0]), "column": owner}, memory, None)[0] == "column"


def test_frames_and_extension_types_are_passed_over():
    names = {"frame": pd.DataFrame({"x": [1]}), "text": pd.Series(["a"], dtype="string")}
    assert names_of(names, np.zeros(3), None) == ("", "")


def test_nothing_of_the_users_is_called():
    asked = []

    class Proxy:
        def __getattribute__(self, name):
            asked.append(name)
            raise AttributeError(name)

        def __eq__(self, other):
            asked.append("==")
            return True

        __hash__ = None

    class Odd:
        __module__ = None

    names = {"proxy": Proxy(), "odd": Odd(), "module": types.ModuleType("pandas"), "sys": sys}
    assert names_of(names, np.zeros(3), object()) == ("", "")
    assert asked == []
