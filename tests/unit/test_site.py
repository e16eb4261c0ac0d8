"""From running frames to lines that a user can look up."""

from __future__ import annotations

import json
import linecache
import os
import sys
import threading

import numpy as np
import pytest

import tfnp_magic.probes.patch
from tfnp_magic.frames.handed import was_handed_over
from tfnp_magic.frames.site import Sources, is_library, is_own, stand

from .frames import LIBRARY, MODULE, new_cell_file, run


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        (json.__file__, True),
        (os.path.__file__, True),
        (np.__file__, True),
        (LIBRARY, True),
        ("/usr/lib/python3/dist-packages/six.py", True),
        (tfnp_magic.__file__, True),
        (tfnp_magic.probes.patch.__file__, True),
        ("<frozen importlib._bootstrap>", True),
        ("<__array_function__ internals>", True),
        ("<decorator-gen-12>", True),
        ("/tmp/ipykernel_1/2.py", False),
        ("<ipython-input-3-0123456789ab>", False),
        ("<timed exec>", False),
        ("<stdin>", False),
        ("<string>", False),
        ("/tmp/__autograph_generated_fileabc.py", False),
        ("/home/someone/site-packages-notes/plan.py", False),
        (MODULE, False),
        ("project/features.py", False),
        (__file__, False),
    ],
)
def test_a_library_is_what_was_installed(filename, expected):
    assert is_library(filename) == expected


def test_only_this_package_is_our_own():
    assert is_own(tfnp_magic.probes.patch.__file__)
    assert not is_own(json.__file__)
    assert not is_own(__file__)


# Standpoints.


def names_of(standpoint):
    return tuple(frame.f_code.co_name if frame else None for frame in standpoint)


class Stands:
    """Where `convert` was called from: names of (inner, callee, cell), for each call."""

    def __init__(self):
        self.cell_file = new_cell_file()
        self.seen = []
        self.library = run(
            LIBRARY,
            "def convert(): note()\ndef public(): convert()\ndef apply(callback): callback()\n",
            name="fakelib.core",
            note=self.note,
        )
        self.module = run(
            MODULE,
            "def helper(): public()\ndef calls_back(f): f()\n",
            name="features",
            **self.library,
        )

    def note(self):
        self.seen.append(names_of(stand(sys._getframe(1), {self.cell_file})))

    def run_cell(self, source):
        run(self.cell_file, source, **{**self.module, **self.library, "note": self.note})
        return self.seen


CELL = "<module>"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("public()", (CELL, "public", CELL)),
        ("note()", (CELL, None, CELL)),
        ("helper()", ("helper", "public", CELL)),
        ("def f(): public()\nf()", ("f", "public", "f")),
        ("def f(): helper()\nf()", ("helper", "public", "f")),
        ("apply(public)", (CELL, "apply", CELL)),
        ("apply(helper)", ("helper", "public", CELL)),
        ("def f(): public()\napply(f)", ("f", "public", "f")),
        ("def f(): public()\ncalls_back(f)", ("f", "public", "f")),
        ("calls_back(helper)", ("helper", "public", CELL)),
        ("calls_back(note)", ("calls_back", None, CELL)),
        ("(lambda: apply(public))()", ("<lambda>", "apply", "<lambda>")),
        ("class C:\n    public()", ("C", "public", "C")),
    ],
)
def test_stand_finds_the_users_innermost_line_and_the_cells(source, expected):
    """Expected: the user's innermost frame, the library's that it called, the cell's."""
    assert Stands().run_cell(source) == [expected]


def test_without_a_cell_there_is_still_the_users_line():
    stands = Stands()
    stands.module["helper"]()
    assert stands.seen == [("helper", "public", None)]


def test_on_a_librarys_thread_there_is_no_line_of_the_user():
    stands = Stands()
    thread = threading.Thread(target=stands.library["public"])
    thread.start()
    thread.join()
    assert stands.seen == [(None, None, None)]
    assert names_of(stand(None, {"cell"})) == (None, None, None)


# Arguments.


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("f(thing)", True),
        ("f(other)", False),
        ("f([other, thing])", True),
        ("f({'key': thing})", True),
        ("f(other, named=(thing,))", True),
        ("f(other, thing)", True),
        ("f([[thing]])", True),
        ("f([[[thing]]])", False),
    ],
)
def test_an_argument_is_found_in_lists_and_dicts_two_levels_deep(call, expected):
    found = []
    thing = object()
    source = "def f(value, *more, **named):\n    note()\n    return value\n"

    def note():
        found.append(was_handed_over(id(thing), sys._getframe(1)))

    library = run(LIBRARY, source, note=note)
    value = eval(call, {**library, "thing": thing, "other": object()})
    assert found == [expected]
    assert value is not None


# Sources.


def places(sources, filename, source, **names):
    """The places of all calls of `here()` in the source."""
    found = []

    def here():
        found.append(sources.place_of(sys._getframe(1)))

    run(filename, source, here=here, **names)
    return found


def test_a_cells_line_is_named_and_shown_as_it_was_typed():
    filename = new_cell_file()
    typed = "%%interop_trace\n!ls; here()\n    \n"
    rewritten = "pass\nget_ipython; here()\n"
    sources = Sources({filename: "In[3]"}.get, {filename: 0}, typed)
    (place,) = places(sources, filename, rewritten, get_ipython=None)
    assert place == ("In[3]", 2, "<module>", "!ls; here()")


def test_lines_of_an_inner_magics_body_are_counted_from_the_cells_first():
    filename = new_cell_file()
    typed = "%%interop_trace\n%%time\n\nhere()\nhere()"
    sources = Sources({filename: "In[3]"}.get, {filename: 0, "<timed exec>": 3}, typed)
    body, next_line = places(sources, "<timed exec>", "here()\nhere()")
    assert body == ("In[3]", 4, "<module>", "here()")
    assert next_line.line == 5


def test_a_line_beyond_the_typed_text_is_shown_as_python_has_it():
    filename = new_cell_file()
    sources = Sources({filename: "In[3]"}.get, {filename: 0}, "%%interop_trace")
    (place,) = places(sources, filename, "pass\nhere()  # twice")
    assert place == ("In[3]", 2, "<module>", "here()  # twice")


def test_the_file_of_a_with_statement_has_its_own_lines():
    sources = Sources(lambda filename: None, {MODULE: 0}, "")
    (place,) = places(sources, MODULE, "\n\nif True:\n    here()")
    assert (place.line, place.code) == (4, "here()")


def test_code_without_a_source_has_a_line_without_text():
    linecache.cache.pop("<nowhere>", None)
    found = []
    sources = Sources(lambda filename: None, {}, "")
    namespace = {"here": lambda: found.append(sources.place_of(sys._getframe(1)))}
    exec(compile("\nhere()", "<nowhere>", "exec"), namespace)
    assert found == [("<nowhere>", 2, "<module>", "")]


def test_a_file_below_the_working_directory_is_named_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sources = Sources(lambda filename: None, {}, "")
    below = places(sources, str(tmp_path / "project" / "train.py"), "here()")
    elsewhere = places(sources, MODULE, "here()")
    assert below[0].source == os.path.join("project", "train.py")
    assert elsewhere[0].source == MODULE


@pytest.mark.skipif(sys.version_info < (3, 11), reason="3.10 has no qualified names of code")
def test_a_method_is_named_with_its_class():
    sources = Sources(lambda filename: None, {}, "")
    source = "class Scaler:\n    def fit(self): here()\nScaler().fit()"
    assert places(sources, MODULE, source)[0].function == "Scaler.fit"


def test_the_names_of_a_librarys_module_are_left_alone():
    """Its top level runs directly below the user's line when the user executes its text."""

    def note():
        was_handed_over(0, sys._getframe(1))

    names = run(LIBRARY, "setting = 1\nnote()\n", note=note)
    assert names["setting"] == 1
