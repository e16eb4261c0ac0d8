"""Figures as comments behind a cell's lines: where they stand, and that the code stays itself."""

from __future__ import annotations

import ast
import re
import sys
import textwrap

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from tfnp_magic.cell_text.comments import (
    MARK,
    NotAnnotated,
    annotated,
    comment_on,
    lines_above,
    without_comments,
)
from tfnp_magic.model import (
    DEVICE_TO_DEVICE,
    IN_GRAPH,
    NUMPY_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    Crossing,
    Place,
    Site,
)
from tfnp_magic.recording import Recording

END = re.compile(r"\r\n|\r|\n")
ONE = "  # tfnp: 1 conversion, 80 B copied"
TWO = "  # tfnp: 2 conversions, 160 B copied"


NOWHERE = Site(None, None)


def crossing(site=NOWHERE, **facts):
    """One array of ten float64 that was copied, unless told."""
    usual = {
        "route": "tf.constant", "direction": NUMPY_TO_TENSORFLOW, "explicit": True,
        "dtype_from": "float64", "dtype_to": "float64", "cast": "none", "device_from": "host",
        "device_to": "CPU:0", "storage": "copy", "evidence": "observed", "reason": "",
        "count": 1, "nbytes": 80, "copied_bytes": 80, "copies": 1, "duration_ns": 5_000,
    }  # fmt: skip
    return Crossing(site=site, **{**usual, **facts})


def place(cell, number, source="In[3]"):
    """As in a recording: comments of ours are not in the text that is traced."""
    code = END.split(without_comments(cell))[number - 1].strip()
    return Place(source, number, "<module>", code)


def recording_of(cell, numbers):
    """Each of these lines of the cell, counted from 1, converted once."""
    ledger = [crossing(Site(place(cell, number), None)) for number in numbers]
    return Recording(title="In[3]", source=cell, ledger=ledger)


def with_comments(cell, *numbers):
    return annotated(cell, recording_of(cell, numbers))


# --- what a comment says -----------------------------------------------------------


@pytest.mark.parametrize(
    ("crossings", "text"),
    [
        ([crossing()], "1 conversion, 80 B copied"),
        (
            [
                crossing(count=3, copied_bytes=1_200_000, duration_ns=3_500_000),
                crossing(copied_bytes=0, duration_ns=500_000),
            ],
            "4 conversions, 1.2 MB copied, 4.0 ms",
        ),
        (
            [crossing(count=1_200, copied_bytes=9_800_000, cast="silent", dtype_to="float32")],
            "1,200 conversions, 9.8 MB copied, 1,200 silent casts (float64 → float32)",
        ),
        ([crossing(cast="explicit", dtype_to="float32")], "1 conversion, 80 B copied"),
        ([crossing(storage="view", copied_bytes=0)], "1 conversion, no copy"),
        ([crossing(copied_bytes=None)], "1 conversion"),
        ([crossing(copied_bytes=None), crossing()], "2 conversions, at least 80 B copied"),
        ([crossing(copied_bytes=None), crossing(copied_bytes=0)], "2 conversions"),
        (
            [
                crossing(
                    direction=TENSORFLOW_TO_NUMPY, device_from="GPU:0", device_to="host",
                    moved_bytes=96_000_000, duration_ns=40_000_000, waited_ns=36_000_000,
                )
            ],
            "1 conversion, 80 B copied, 96.0 MB from GPU:0 to host, 40 ms (36 ms waiting)",
        ),
        (
            [
                crossing(device_to="GPU:0", moved_bytes=None),
                crossing(device_to="GPU:0", moved_bytes=80),
                crossing(device_to="GPU:1", moved_bytes=None),
            ],
            "3 conversions, 240 B copied, at least 80 B from host to GPU:0",
        ),
        (
            [crossing(direction=DEVICE_TO_DEVICE, device_from="GPU:0", device_to="GPU:1",
                      copied_bytes=0, moved_bytes=80)],
            "1 move between devices, no copy, 80 B from GPU:0 to GPU:1",
        ),
        (
            [crossing(direction=IN_GRAPH, cast="silent", dtype_to="float16", count=2,
                      duration_ns=None)],
            "2 casts in graphs, 2 silent casts (float64 → float16)",
        ),
        (
            [crossing(cast="silent", dtype_to=name) for name in ("float32", "int64", "int8")],
            "3 conversions, 240 B copied, "
            "3 silent casts (float64 → float32, float64 → int64, …)",
        ),
        ([crossing(duration_ns=999_999)], "1 conversion, 80 B copied"),
        ([crossing(duration_ns=None), crossing(duration_ns=9_000_000)],
         "2 conversions, 160 B copied"),
        (
            [crossing(cast="silent", dtype_from="a#b\n\x1b[31m", dtype_to="int8")],
            "1 conversion, 80 B copied, 1 silent cast (ab[31m → int8)",
        ),
    ],
)  # fmt: skip
def test_a_comment_tells_what_is_known_and_worth_telling(crossings, text):
    assert comment_on(crossings) == text


# --- where it stands ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "numbers", "expected"),
    [
        ("%%interop_trace -a\nx = f(a)\ny = 1\n", [2],
         f"%%interop_trace -a\nx = f(a){ONE}\ny = 1\n"),
        ("x = f(a)", [1], f"x = f(a){ONE}"),
        ("x = f(a)\r\ny = g(x)\r\n", [1, 2], f"x = f(a){ONE}\r\ny = g(x){ONE}\r\n"),
        ("x = f(a)\ry = 1\r", [1], f"x = f(a){ONE}\ry = 1\r"),
        ("x = f(a);", [1], f"x = f(a);{ONE}"),
        ("x = f(a)  # mine", [1], f"x = f(a)  # mine{ONE}"),
        ("x = f(a) # type: ignore", [1], f"x = f(a) # type: ignore{ONE}"),
        ("x = f(a)   \n", [1], f"x = f(a)   {ONE}\n"),
        ("x = '漢字 👩‍💻'.join(a)\n", [1], f"x = '漢字 👩‍💻'.join(a){ONE}\n"),
        ("if x:\n\ty = f(a)\n\tz = 1", [2], f"if x:\n\ty = f(a){ONE}\n\tz = 1"),
        ("\f\nx = f(a)\n\f\n", [2], f"\f\nx = f(a){ONE}\n\f\n"),
        # In brackets each line has its own; behind a backslash or in a string, the next does.
        ("x = g(f(a),\n  f(b))", [1, 2], f"x = g(f(a),{ONE}\n  f(b)){ONE}"),
        ("x = f(a) + \\\n  f(b)", [1, 2], f"x = f(a) + \\\n  f(b){TWO}"),
        ("x = f(a) + \\\n\n", [1], f"x = f(a) + \\\n{ONE}\n"),
        ("x = f('''\nb\n''')\ny = 1", [1], f"x = f('''\nb\n'''){ONE}\ny = 1"),
        ("x = f'''\n{a}\n'''", [2], f"x = f'''\n{{a}}\n'''{ONE}"),
        ("x = f'''{\na}'''; y", [1, 2], f"x = f'''{{\na}}'''; y{TWO}"),
        ("@d(f(a))\ndef g(\n    x=f(b),\n): return x", [1, 3],
         f"@d(f(a)){ONE}\ndef g(\n    x=f(b),{ONE}\n): return x"),
        ("async def g():\n    async with x as y:\n        await f(y)\nawait g()", [3, 4],
         f"async def g():\n    async with x as y:\n        await f(y){ONE}\nawait g(){ONE}"),
        # Behind a magic, a comment would be part of its line.
        ("%time x = f(a)\ny = f(x)", [1, 2], f"%time x = f(a)\ny = f(x){ONE}"),
        ("x = %time f(a)\ny = f(x)", [1, 2], f"x = %time f(a)\ny = f(x){ONE}"),
        ("x = !echo 'it\ny = f(x)", [2], f"x = !echo 'it\ny = f(x){ONE}"),
        ("if x:\n    !it's\n    f(a)", [2, 3], f"if x:\n    !it's\n    f(a){ONE}"),
        ("f?\n?f\nf??\nf(a)", [1, 2, 3, 4], f"f?\n?f\nf??\nf(a){ONE}"),
        ("/f a\n,f a\n;f a\nf(a)", [1, 2, 3, 4], f"/f a\n,f a\n;f a\nf(a){ONE}"),
        ("%%interop_trace -a\n\n%%time\nf(a)", [3, 4], f"%%interop_trace -a\n\n%%time\nf(a){ONE}"),
        ("%%interop_trace -a\n    x = f(a)\n    y = 1\n", [2],
         f"%%interop_trace -a\n    x = f(a){ONE}\n    y = 1\n"),
        # These only look like magics.
        ("x = (f(a)\n  % 3)\nx %= f(a)\ny = x != f(a)", [1, 2, 3, 4],
         f"x = (f(a){ONE}\n  % 3){ONE}\nx %= f(a){ONE}\ny = x != f(a){ONE}"),
        ("x = ['%time', f(a), f'{a!r}', \"?\"]", [1],
         f"x = ['%time', f(a), f'{{a!r}}', \"?\"]{ONE}"),
    ],
)  # fmt: skip
def test_a_comment_stands_behind_its_line_or_the_next_where_it_can(cell, numbers, expected):
    copied = with_comments(cell, *numbers)
    assert copied == expected
    assert without_comments(copied) == cell


@pytest.mark.skipif(sys.version_info < (3, 12), reason="f-strings of Python 3.12")
@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("x = f'{f(a, \n  b)=}'", [1, 2]),
        ("x = f'{ # mine\n f(a)\n }'", [1, 2]),
        ("x = f'{f(a)[\"k\"]}' f'{f(b)['k']}'", [1, 1]),
    ],
)
def test_within_a_newer_f_string_there_is_no_comment(cell, numbers):
    assert with_comments(cell, *numbers) == f"{cell}{TWO}"


def test_several_crossings_of_a_line_are_one_comment():
    assert with_comments("x = f(a)", 1, 1) == f"x = f(a){TWO}"


def test_what_another_cells_function_converted_stands_at_the_line_that_called_it():
    cell = "x = f(a)"
    inner = Place("In[2]", 1, "f", "return tf.constant(a)")
    recording = recording_of(cell, [1])
    recording.ledger[0].site = Site(place(cell, 1), inner)
    assert annotated(cell, recording) == f"x = f(a){ONE}"


def test_what_a_function_of_the_cell_converted_stands_at_its_own_line():
    """Also where another line drove it, as a loop drives the functions of a pipeline."""
    cell = "%%interop_trace\nds = ds.map(\n    lambda x: f(x))\nfor x in ds: pass"
    recording = recording_of(cell, [])
    recording.ledger = [
        crossing(Site(place(cell, 4), place(cell, 3))),
        crossing(Site(None, place(cell, 3))),
    ]
    assert annotated(cell, recording) == cell.replace("f(x))", f"f(x)){TWO}")


def test_a_line_is_not_taken_for_another_cells_line_of_the_same_number():
    """Cells that no prompt counted share one number: their texts tell them apart."""
    cell = "y = 1\nx = f(a)"
    recording = recording_of(cell, [2])
    recording.ledger[0].site = Site(place(cell, 2), Place("In[3]", 1, "f", "return g(a)"))
    assert annotated(cell, recording) == f"y = 1\nx = f(a){ONE}"
    recording.ledger[0].site = Site(Place("In[3]", 1, "<module>", "x = f(a)"), None)
    assert annotated(cell, recording) == cell


def test_lines_are_counted_from_where_the_trace_begins():
    traced = "%%interop_trace -a\nx = f(a)"
    cell = f"%%time\n\n{traced}"
    assert annotated(cell, recording_of(traced, [2]), above=2) == f"{cell}{ONE}"


def test_what_has_no_line_in_the_cell_has_no_comment():
    recording = recording_of("x = f(a)", [])
    recording.ledger = [
        crossing(),
        crossing(Site(Place("In[3]", 7, "<module>", "x = f(a)"), None)),
        crossing(Site(None, Place("other.py", 1, "<module>", "x = f(a)"))),
    ]
    assert annotated("x = f(a)", recording) == "x = f(a)"


# --- renewing ----------------------------------------------------------------------


def test_older_comments_give_way_and_are_gone_where_nothing_converts_now():
    old = "x = f(a)  # mine  # tfnp: 9 conversions\ny = g(x)  # tfnp: 1 conversion, no copy\n"
    assert with_comments(old, 1) == f"x = f(a)  # mine{ONE}\ny = g(x)\n"
    assert without_comments(old) == "x = f(a)  # mine\ny = g(x)\n"


@pytest.mark.parametrize(
    ("edited", "bare"),
    [
        ("x = 1  # tfnp: 1 conversion  # mine", "x = 1  # mine"),
        ("x = 1 # tfnp: 1 conversion   # mine", "x = 1   # mine"),
        ("x = 1# tfnp: 1 conversion", "x = 1"),
        ("x = 1  # tfnp: 1 conversion  # tfnp: 2 conversions", "x = 1"),
        ("# x = 1  # tfnp: 1 conversion", "# x = 1"),
        ("x = 1 \t  # tfnp: 1 conversion", "x = 1 \t"),
        ("x = f(  # tfnp: 1 conversion\n  y)", "x = f(\n  y)"),
    ],
)
def test_comments_of_ours_are_known_also_where_a_user_edited_the_line(edited, bare):
    assert without_comments(edited) == bare


@pytest.mark.parametrize(
    "text",
    [
        "x = '# tfnp: 1 conversion'",
        "x = '''\n  # tfnp: 1 conversion\n'''",
        "%time x = 1  # tfnp: 1 conversion",
        "x = 1  #tfnp: mine",
        "x = 1  # tfnp is slow",
        "x = (  # tfnp: no end",
    ],
)
def test_what_is_no_comment_of_ours_stays(text):
    assert without_comments(text) == text


# --- cells that are left alone -----------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("x = f(a)\ny = (", "what was typed cannot be read as Python"),
        ("x = f(a)\ny = 'it", "what was typed cannot be read as Python"),
        ("x = f(a)\nif x:\n    y\n  z", "what was typed cannot be read as Python"),
        ("!echo a \\\n  b\nx = f(a)", "the magic in line 1 goes over several lines"),
        ("x = 1\nf(\n  a)?\nx = f(a)", "the magic in line 2 goes over several lines"),
    ],
)
def test_a_cell_that_is_not_understood_gets_no_comments(cell, reason):
    with pytest.raises(NotAnnotated, match=re.escape(reason)):
        with_comments(cell, 1)


def test_a_comment_that_would_change_the_code_is_not_written(monkeypatch):
    monkeypatch.setattr("tfnp_magic.cell_text.comments.comment_on", lambda crossings: "3\ny = 2")
    with pytest.raises(NotAnnotated, match="comments would change what its code does"):
        with_comments("x = f(a)", 1)


# --- what was typed ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "above"),
    [
        ("%%interop_trace -a -o rec\nx = 1\n\ny = 2", 0),
        ("%%interop_trace -a -o rec\nx = 1\n\ny = 2\n\n", 0),
        ("\n  \n%%time\n%%interop_trace -a -o rec\nx = 1\n\ny = 2", 3),
        ("  %%interop_trace -a -o rec\n  x = 1\n\n  y = 2", 0),
        ("x = 0\n%%interop_trace -a -o rec\nx = 1\n\ny = 2", None),
        ("%%interop_trace -a -o rec\nx = 1\n\ny = 3", None),
        ("run('%%interop_trace -a -o rec\\nx = 1\\n\\ny = 2')", None),
        ("%%interop_trace\ncode = '''\n%%interop_trace -a -o rec\nx = 1\n\ny = 2\n'''", None),
        ("%time\nx = 1\n\ny = 2", None),
        ("%%interop_trace -a\nx = 1  # tfnp: 1 conversion\n\ny = 2", 0),
        ("y = 2", None),
        ("", None),
    ],
)
def test_the_traced_text_is_found_at_the_end_of_what_was_typed(typed, above):
    for first in ("%%interop_trace -a -o rec", "%%interop_trace"):
        assert lines_above(typed, f"{first}\nx = 1\n\ny = 2\n") == above


# --- laws --------------------------------------------------------------------------

SIMPLE = [
    "x = 1", "x = f(a);", "f(a) ; g(b)", "x = f(a,\n  b)", "x = [\n\n  a,  # mine\n  b,\n]",
    "s = '''a\n# tfnp: no\n%time b'''", 'f("""it\'s\n""", b)', 's = f"""{\n  a\n}"""',
    "s = f'{a!r}' + f'{a=}'", "x = a + \\\n  b", "x = 'a\\\n  b'", "x = r'\\\\'", "x = rb'\\\\'",
    "# mine", "x = 1  # mine", "x = 1 # type: ignore  ", "x = '# tfnp: 3'  ", "", "  \t",
    "x = '漢字 👩‍💻é'", "名前 = f(a)", "x = a % b", "x %= b", "x = (a\n  %b)", "x = a != b",
    "assert a, '?'", "x: int = f(a)", "lambda: (yield)", "del x", "pass", "print('%', a, sep='')",
]  # fmt: skip
MAGICS = [
    "%time x = f(a)", "%time it's (", "!echo it's # fine", "x = !ls 'a", "x = %time f(a)", "x?",
    "?x", "x.y??", "%who", "x: int = !ls", "!!ls", "/f a", ",f a b", ";f a",
]  # fmt: skip
HEADS = [
    "if a:", "for x in f(a):  # mine", "def g(x=f(a)):", "@d\ndef g(x):", "class A:", "try:",
    "async def g():", "with a as b, \\\n     c:", "while f(a,\n  b):",
]  # fmt: skip
TAILS = {"try:": "except f(a):\n    pass"}


def _block(head, body):
    tail = TAILS.get(head)
    block = f"{head}\n" + textwrap.indent("\n".join([*body, "pass"]), "    ", lambda line: True)
    return block if tail is None else f"{block}\n{tail}"


def programs(*statements):
    simple = st.sampled_from([text for texts in statements for text in texts])
    blocks = st.recursive(
        simple,
        lambda inner: st.builds(_block, st.sampled_from(HEADS), st.lists(inner, max_size=3)),
        max_leaves=4,
    )
    return st.lists(blocks, max_size=6).map("\n".join)


@st.composite
def annotations(draw, *statements):
    """A cell, and which of its lines converted."""
    head = draw(st.sampled_from(["", "%%interop_trace -a\n", "%%time\n%%interop_trace\n\n"]))
    cell = head + draw(programs(*statements)) + draw(st.sampled_from(["", "\n", "\n\n"]))
    number = st.integers(1, len(END.split(cell)))
    return cell, draw(st.lists(number, max_size=6))


FORM_FEED = ["\f"]
"""A line of Python, and two of IPython's, which finds no magic below it."""

ANY = annotations(SIMPLE, MAGICS, FORM_FEED)


@given(ANY, st.sampled_from(["\n", "\r\n", "\r"]))
@example(("x = 1  # tfnp", [1]), "\n")
def test_without_our_comments_it_is_what_was_typed(typed, end):
    cell, numbers = typed[0].replace("\n", end), typed[1]
    copied = with_comments(cell, *numbers)
    assert without_comments(copied) == cell
    assert len(END.findall(copied)) == len(END.findall(cell))
    for before, after in zip(END.split(cell), END.split(copied), strict=True):
        assert after == before or after.startswith(f"{before}  {MARK} ")


@given(ANY)
def test_annotating_again_changes_nothing(typed):
    cell, numbers = typed
    once = with_comments(cell, *numbers)
    assert with_comments(once, *numbers) == once
    assert with_comments(once) == cell


@given(annotations(SIMPLE, MAGICS))
def test_the_code_is_the_same_to_ipython(typed):
    """IPython's own transformers, which know nothing of us, say what is a magic."""
    cell, numbers = typed
    body = cell.partition("%%interop_trace")[2].partition("\n")[2] or cell
    above = len(END.findall(cell)) - len(END.findall(body))
    numbers = [number - above for number in numbers if number > above]
    copied = with_comments(body, *numbers)
    transform = TransformerManager().transform_cell
    assert ast.dump(ast.parse(transform(copied))) == ast.dump(ast.parse(transform(body)))


@given(annotations(SIMPLE, FORM_FEED))
def test_every_line_of_python_that_converted_is_told(typed):
    cell, numbers = typed
    numbers = [n for n in numbers if place(cell, n).code and place(cell, n).code[0] != "%"]
    copied = with_comments(cell, *numbers)
    told = [int(count) for count in re.findall(rf"{MARK} (\d+) conv", copied)]
    assert sum(told) == len(numbers)
