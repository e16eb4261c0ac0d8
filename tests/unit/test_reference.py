"""docs/reference.md lists every column, option, limit and kind that there is, and no other."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import tfnp_magic
from tfnp_magic import advice
from tfnp_magic.__main__ import _parser
from tfnp_magic.guards.rules import GROUPS, KINDS
from tfnp_magic.recording import Recording
from tfnp_magic.shell.defaults import InteropTrace
from tfnp_magic.shell.magics import _TRACE_OPTIONS, _WHOS_OPTIONS, InteropMagics
from tfnp_magic.shell.session_runs import SessionRuns
from tfnp_magic.testing.limits import LIMITS
from tfnp_magic.views import findings, lines, summary
from tfnp_magic.views.diff import COLUMNS as DIFF_COLUMNS
from tfnp_magic.views.merged.frames import ENGINE_COLUMNS
from tfnp_magic.views.session.frames import COLUMNS as SESSION_COLUMNS
from tfnp_magic.whos import take_inventory

REFERENCE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")
TEXT = ("str", "object")
"""What pandas' own dtype for text is called, in pandas 3 and 2."""


def table(heading):
    """The rows of the table below a heading, as lists of cells; without head and rule."""
    section = REFERENCE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


def named(heading):
    """The names in the first cells of the table, in order, each with the other cells."""
    return [
        (name, rest) for first, *rest in table(heading) for name in re.findall("`([^`]+)`", first)
    ]


def names(heading):
    return [name for name, _ in named(heading)]


EMPTY = Recording()
FRAMES = {
    "summary()": (EMPTY.summary, summary.COLUMNS),
    "findings()": (EMPTY.findings, findings.COLUMNS),
    "by_line()": (EMPTY.by_line, lines.COLUMNS),
    "diff()": (lambda: EMPTY.diff(EMPTY), DIFF_COLUMNS),
    "Sessions": (SessionRuns().report().summary, SESSION_COLUMNS),
    "Engines": (tfnp_magic.merge([EMPTY]).by_engine, ENGINE_COLUMNS),
    "%tfnp_whos -o": (lambda: take_inventory({"a": np.zeros(3)}, [], []).to_frame(), None),
}


@pytest.mark.parametrize("heading", FRAMES)
def test_columns_are_listed_in_their_order_with_their_dtypes(heading):
    make, columns = FRAMES[heading]
    frame = make()
    listed = named(heading)
    assert [name for name, _ in listed] == list(frame.columns)
    assert columns is None or list(columns) == list(frame.columns)
    for name, (dtype, *_) in listed:
        assert str(frame[name].dtype) in (TEXT if dtype == "text" else (dtype,)), name


def test_crossings_are_listed_behind_those_of_the_summary():
    frame = EMPTY.crossings()
    listed = named("crossings()")
    assert [*names("summary()"), *(name for name, _ in listed)] == list(frame.columns)
    for name, (dtype, *_) in listed:
        assert str(frame[name].dtype) in (TEXT if dtype == "text" else (dtype,)), name


def test_further_columns_of_sessions_and_engines_are_those_told():
    report, several = SessionRuns().report(), tfnp_magic.merge([EMPTY])
    assert list(report.by_line().columns) == ["cell", *names("by_line()")]
    assert list(report.changes().columns) == ["cell", *names("diff()")]
    assert list(several.summary().columns) == [*names("summary()"), "engines", "cell"]
    whole = [*names("summary()"), *names("crossings()")]
    assert list(several.crossings().columns) == ["engine", *whole]
    assert list(several.findings().columns) == ["engine", *names("findings()")]


def test_every_column_has_a_meaning_and_every_number_of_bytes_or_time_its_unit():
    for heading in (*FRAMES, "crossings()"):
        for name, (_, unit, meaning) in named(heading):
            assert meaning, name
            of_parts = name.endswith(("_before", "_of_all_runs"))
            if "bytes" in name and not of_parts and heading != "Sessions":
                assert unit == "bytes", name
            if "seconds" in name:
                assert unit == "seconds", name


def options(parser):
    """The words of each option, with the name of its value."""
    return [
        [f"{word} {action.metavar}" if action.metavar else word for word in action.option_strings]
        for action in parser._actions
        if action.option_strings
    ]


def listed_options(heading):
    return [re.findall("`([^`]+)`", first) for first, *_ in table(heading)]


@pytest.mark.parametrize(
    ("heading", "magic"),
    [
        ("%%interop_trace", InteropMagics.interop_trace),
        ("%tfnp_whos", InteropMagics.tfnp_whos),
    ],
)
def test_options_of_the_magics_are_listed(heading, magic):
    assert listed_options(heading) == options(magic.parser)


@pytest.mark.parametrize(
    ("known", "magic"),
    [
        (_TRACE_OPTIONS, InteropMagics.interop_trace),
        (_WHOS_OPTIONS, InteropMagics.tfnp_whos),
    ],
)
def test_options_that_tab_completes_and_messages_tell_are_all_there_are(known, magic):
    words = {word for pair in known.items() for word in pair if word}
    assert words == {word for action in magic.parser._actions for word in action.option_strings}


def test_options_of_the_command_line_are_listed():
    assert sorted(listed_options("python -m tfnp_magic")) == sorted(options(_parser()))


def test_configuration_is_listed_with_its_defaults():
    traits = InteropTrace.class_traits(config=True)
    own = {name: trait.default() for name, trait in traits.items() if name in vars(InteropTrace)}
    listed = {name: rest[0].strip("`") for name, rest in named("%config InteropTrace")}
    assert listed == {name: repr(value) for name, value in own.items()}


def test_parameters_of_trace_are_listed_with_their_defaults():
    parameters = inspect.signature(tfnp_magic.trace).parameters.values()
    told = [(name, rest[0].strip("`")) for name, rest in named("trace()")]
    assert told == [(each.name, repr(each.default)) for each in parameters]


def test_limits_are_listed_with_their_units():
    listed = [(name, rest[0]) for name, rest in named("Limits of tests")]
    assert listed == [(name, limit.unit) for name, limit in LIMITS.items()]


def test_the_pytest_option_is_named():
    plugin = Path(tfnp_magic.__file__).with_name("pytest_plugin.py").read_text(encoding="utf-8")
    (option,) = re.findall(r'addoption\(\s*"(--[\w-]+)"', plugin)
    assert f"`pytest {option}`" in REFERENCE


def test_kinds_of_guards_and_of_findings_are_listed():
    assert names("Kinds of guards") == [*KINDS, *GROUPS]
    assert names("Kinds of findings") == list(advice.KINDS)


def test_attributes_and_methods_of_a_recording_are_listed():
    fields = [field.name for field in dataclasses.fields(Recording)]
    assert names("The recording") == fields
    methods = [
        name for name, value in vars(Recording).items()
        if inspect.isfunction(value) and not name.startswith("_")
    ]  # fmt: skip
    for name in methods:
        assert re.search(rf"[`.]{name}\(", REFERENCE), name


def test_public_names_are_listed():
    assert sorted(names("Public names")) == sorted(tfnp_magic.__all__)
