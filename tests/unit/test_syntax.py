"""A cell as Python reads it: magics stand for nothing, and nothing is warned of."""

from __future__ import annotations

import ast
import warnings

import pytest

from tfnp_magic.cell_text.syntax import as_python, parsed, tree_of


@pytest.mark.parametrize(
    ("cell", "python"),
    [
        ("%%interop_trace -q\na = 1", "pass\na = 1"),
        ("for a in b:\n    !ls {a} \\\n      -l\n    c", "for a in b:\n    pass\n\n    c"),
        ("files = !ls\nfiles?\n'%x'\nf(\n  %a)", "pass\npass\n'%x'\nf(\n  %a)"),
        ("a\r\n%b\rc", "a\npass\nc"),
    ],
)
def test_statements_of_ipythons_are_passed_over_and_lines_keep_their_numbers(cell, python):
    assert as_python(cell) == python


@pytest.mark.parametrize(
    "text",
    [
        r'x = "\d"', r"x = '\d\\\n\'\d'", r'x = b"\N\d\x41"', r'x = "\N{EM DASH}\u0041\101\q"',
        'x = "a\\\n\\d"', '"""\n\\d\n"""', r'x = r"\d\""', r'x = Rb"\d"', r'x = u"\d"',
        'x = """\\\r\n\\d"""', r'x = f"\d{y}\w"', r'x = f"\{y}"',
    ],
)  # fmt: skip
def test_escapes_that_are_none_mean_the_same_and_warn_of_nothing(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ast.dump(parsed(text)) == ast.dump(tree)


@pytest.mark.parametrize("text", ["$ a", "a\0b", "f(", "(" * 500 + ")" * 500, "x = '\\N{}'"])
def test_what_python_does_not_understand_has_no_tree(text):
    assert parsed(text) is tree_of(text) is None
