"""The annotated cell of hand-made recordings: files, renewed by ``--renew``, and laws."""

from __future__ import annotations

import dataclasses
import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.ledgers import recordings as any_recordings
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, Place, Site
from tfnp_magic.recording import Recording
from tfnp_magic.views.annotated.html import annotated_html
from tfnp_magic.views.annotated.rows import AROUND, MOST_LINES, WHOLE, code_text
from tfnp_magic.views.annotated.text import annotated_text, mark_of
from tfnp_magic.views.wording import width_of

from . import recordings
from .conftest import EXPECTED
from .recordings import crossing, line

WIDTHS = (120, 80)
REVIEWED = (
    recordings.cell_with_helpers, recordings.long_cell, recordings.device_moves,
    recordings.hostile,
)  # fmt: skip
EVERY = {**recordings.ALL, **{make.__name__: make for make in REVIEWED}}

every_recording = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


def constant(number, code="", source="In[3]", **facts):
    return crossing(line(number, code, source), "tf.constant", NUMPY_TO_TENSORFLOW, **facts)


def cell(*lines, ledger):
    return Recording(title="In[3]", source="\n".join(lines), ledger=ledger)


# The text.


@pytest.mark.parametrize("make", REVIEWED, ids=lambda make: make.__name__)
@pytest.mark.parametrize("width", WIDTHS)
def test_annotated_cell_reads_as_reviewed(make, width, expect):
    expect(f"annotated-{make.__name__}-{width}.txt", annotated_text(make(), width))


def test_no_expected_cell_is_left_over():
    known = {f"annotated-{make.__name__}-{width}.txt" for make in REVIEWED for width in WIDTHS}
    assert {path.name for path in EXPECTED.glob("annotated-*")} == known


SOURCES = st.text(
    st.sampled_from("ab \t\n\r\x0c\x00\x1b\u0301\u200d\u2028\u202e漢字👩한🏳") | st.characters(),
    max_size=60,
)


@settings(max_examples=200)
@given(
    any_recordings(sources=SOURCES, codes=SOURCES),
    st.integers(80, 130),
    st.sampled_from(["In[3]", "x" * 200, "漢字" * 60 + ".py"]),
)
@example(cell("\t" * 30 + "漢", ledger=[constant(1)]), 80, "In[3]")
@example(cell("漢\t字" * 50, ledger=[constant(1, count=10**12, copied_bytes=10**24)]), 80, "In[3]")
def test_no_line_is_wider_than_the_page_whatever_the_source(recording, width, title):
    recording.title = title
    shown = annotated_text(recording, width)
    assert max(map(width_of, shown.split("\n"))) <= width
    categories = {unicodedata.category(character) for character in shown if character != "\n"}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_the_largest_figures_leave_room_for_code():
    most = constant(
        99_999, "x = f(a)", count=10**15, copied_bytes=10**21, moved_bytes=10**21,
        device_to="GPU:0", duration_ns=10**19, cast="silent",
    )  # fmt: skip
    (row,) = annotated_text(Recording(ledger=[most]), 80).split("\n")[1:2]
    assert row.split() == [
        "99999", "█", "1.0e+15", "1.0e+21", "B", "1.0e+21", "B", "1.0e+10", "s", "1.0e+15",
        "silent", "x", "=", "f(a)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("\tx", "    x"),
        ("  \tx", "    x"),
        ("    \tx", "        x"),
        ("漢\tx", "漢  x"),
        ("\t漢\tx", "    漢  x"),
        ("e\u0301\tx", "e\u0301   x"),
        ("x = 1  \t ", "x = 1"),
        ("a\x1b[31m", "a\N{REPLACEMENT CHARACTER}[31m"),
    ],
)
def test_tabs_go_to_the_next_stop_and_what_steers_a_terminal_is_shown(source, shown):
    assert code_text(source) == shown


def test_a_line_of_a_hundred_thousand_characters_is_cut_at_once():
    recording = cell("x" * 100_000, ledger=[constant(1)])
    assert max(map(len, annotated_text(recording, 120).split("\n"))) == 120
    assert len(annotated_html(recording)) < 5_000


def test_every_line_of_the_cell_is_there_once_with_its_number():
    recording = recordings.cell_with_helpers()
    shown = annotated_text(recording, 1000).split("\n\nIn[2]")[0].split("\n")[2:]
    numbered = [row for row in shown if row[:4].strip()]
    assert [int(row[:4]) for row in numbered] == list(range(1, 10))
    for row, text in zip(numbered, recording.source.splitlines(), strict=True):
        assert row.endswith(code_text(text))


def test_lines_are_counted_as_python_does():
    """A form feed and U+2028 end no line of source; a carriage return does."""
    recording = cell("a = '\x0c\u2028'", "b = 1\rc = 2", "t = tf.constant(a)", ledger=[constant(4)])
    rows = annotated_text(recording, 80).split("\n")
    row = next(row for row in rows if row.endswith("t = tf.constant(a)"))
    assert row.split()[:3] == ["4", "█", "1"]


def rows_of(recording, width=200):
    """The cells of each row, between the header and the legend."""
    shown = annotated_text(recording, width).split("\n")
    return [re.split(r" {2,}", row.strip()) for row in shown[1:-2]]


def test_zero_is_told_apart_from_unknown_and_at_least_from_exact():
    view = {"storage": "view", "copied_bytes": 0, "copies": 0}
    unknown = {"copied_bytes": None, "duration_ns": None}
    recording = Recording(
        ledger=[
            constant(1, "a", **view),
            constant(2, "b", **unknown),
            constant(3, "c"),
            constant(3, "c", **unknown, reason="another"),
        ]
    )
    assert rows_of(recording) == [
        ["1 ▒", "1", "0 B", "12 µs", "a"],
        ["2 ░", "1", "?", "?", "b"],
        ["3 █", "2", "≥80 B", "≥12 µs", "c"],
    ]


def test_a_caller_has_called_figures_without_heat_in_a_row_of_their_own():
    inner = Place("In[2]", 4, "f", "return np.std(x)")
    here, below = constant(1, "y = f(tf.constant(a))"), constant(1, "y = f(tf.constant(a))")
    below.site = Site(below.site.line, inner)
    recording = Recording(title="In[3]", ledger=[here, below])
    assert rows_of(recording) == [
        ["In[3]"],
        ["1 ▒", "1", "80 B", "12 µs", "y = f(tf.constant(a))"],
        ["↳ 1", "80 B", "12 µs", "(in functions it calls)"],
        [""],
        ["In[2]"],
        ["4 ▒", "1", "80 B", "12 µs", "return np.std(x)"],
    ]
    only_called = Recording(title="In[3]", ledger=[below])
    assert rows_of(only_called)[1] == ["1", "↳ 1", "80 B", "12 µs", "y = f(tf.constant(a))"]


@pytest.mark.parametrize(
    ("share", "mark"),
    [(0, " "), (0.01, "░"), (0.25, "░"), (0.26, "▒"), (0.5, "▒"), (0.75, "▓"), (1, "█")],
)
def test_marks_go_by_quarters(share, mark):
    assert mark_of(share) == mark


@pytest.mark.parametrize(
    ("hot", "facts"),
    [
        (1, {"count": 99}),
        (2, {"copied_bytes": 10_000}),
        (3, {"moved_bytes": 4_000, "device_to": "GPU:0"}),
        (4, {"duration_ns": 10**9}),
    ],
)
def test_a_line_is_as_hot_as_its_largest_share(hot, facts):
    recording = Recording(
        ledger=[constant(n, "code", **(facts if n == hot else {})) for n in range(1, 6)]
    )
    marks = {n: row[0].split()[1] for n, row in enumerate(rows_of(recording), 1)}
    assert {n for n, mark in marks.items() if mark == "█"} == {hot}


def test_no_sign_of_the_legend_is_parted_from_its_meaning():
    _, legend = annotated_text(recordings.cell_with_helpers(), 80).rsplit("\n\n", 1)
    assert [sign.strip()[0] for sign in legend.replace("\n", " ").split(";")] == list("░↳≥?")
    assert [row[0] for row in legend.split("\n")] == list("░↳")


def test_columns_that_say_nothing_are_left_out():
    assert annotated_text(recordings.one_conversion(), 80).split("\n")[0].split() == [
        "line", "count", "copied", "time", "code",
    ]  # fmt: skip


def test_a_long_cell_shows_the_lines_around_those_with_figures_and_how_many_it_leaves_out():
    rows = annotated_text(recordings.long_cell(), 80).split("\n")[1:-2]
    shown = [int(row[:4]) for row in rows if row[:4].strip()]
    near = {near for n in (4, 9, 120) for near in range(n - AROUND, n + AROUND + 1)}
    assert shown == sorted(near | {1})  # a gap of one line is no gap
    gaps = [int(re.search(r"… (\d+) lines$", row)[1]) for row in rows if "…" in row]
    assert len(shown) + sum(gaps) == 200


def test_a_cell_is_shown_whole_up_to_a_length():
    lines = [f"x_{n} = 1" for n in range(WHOLE)]
    assert "…" not in annotated_text(cell(*lines, ledger=[constant(1)]), 80)
    assert "…" in annotated_text(cell(*lines, "y = 1", ledger=[constant(1)]), 80)


def test_of_very_many_lines_the_hottest_are_shown_and_the_others_counted():
    number = MOST_LINES + 30
    lines = [f"x_{n} = tf.constant(a)" for n in range(1, number + 1)]
    ledger = [constant(n, count=100 if n > 40 else 1) for n in range(1, number + 1)]
    shown = annotated_text(cell(*lines, ledger=ledger), 80).split("\n")
    numbered = {int(row[:4]) for row in shown[1:] if row[:4].strip().isdigit()}
    assert {*range(41, number + 1)} <= numbered
    assert len(numbered) == MOST_LINES + 2 * AROUND
    assert [row.strip() for row in shown if "…" in row] == ["… 26 lines with conversions"]


def test_a_cell_without_a_line_that_converted_is_not_shown():
    elsewhere = constant(1, "yield x", "feed.py")
    elsewhere.site = Site(None, elsewhere.site.line)
    assert [row[-1] for row in rows_of(cell("a = 1", "b = 2", ledger=[elsewhere]))] == ["yield x"]


@every_recording
def test_without_conversions_there_is_no_annotated_cell(make):
    recording = dataclasses.replace(make(), ledger=[])
    assert annotated_text(recording, 80) == annotated_html(recording) == ""
