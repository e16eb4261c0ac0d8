"""The benchmark's table, from figures that were made up: no TensorFlow, no clock."""

from __future__ import annotations

import pytest

from tests.benchmarks.figures import Figure, quartiles
from tests.benchmarks.table import BEGIN, END, table, write_into


def figure(*rounds, crossings=None):
    made = Figure()
    for untraced, under in rounds:
        made.add(untraced, under, crossings)
    return made


def rows(text):
    return [
        [part.strip() for part in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("|")
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], (3.0, 3.0, 3.0)),
        ([2.0, 1.0], (1.25, 1.5, 1.75)),
        ([5.0, 1.0, 4.0, 2.0, 3.0], (2.0, 3.0, 4.0)),
        ([1.0, 1.0, 1.0, 1.0, 900.0], (1.0, 1.0, 1.0)),
    ],
)
def test_quartiles_lie_within_what_was_measured(values, expected):
    """One round that somebody else's work slowed down moves neither median nor quartiles."""
    assert quartiles(values) == expected


def test_ratio_is_that_of_a_round_and_not_of_sums():
    """A slow machine's rounds weigh no more than a fast one's."""
    assert figure((1.0, 2.0), (100.0, 100.0)).ratios == [2.0, 1.0]


def test_added_time_is_per_conversion():
    assert figure((1.0, 1.5), crossings=100_000).added_us == [pytest.approx(5.0)]


@pytest.mark.parametrize("crossings", [None, 0])
def test_no_added_time_where_nothing_is_converted(crossings):
    assert figure((1.0, 1.5), crossings=crossings).added_us == []


def test_table_has_cells_as_rows_and_tools_as_columns():
    figures = {
        "one": {"us": figure((1.0, 1.1)), "them": figure((1.0, 2.0))},
        "two": {"us": figure((1.0, 1.2)), "them": figure((1.0, 3.0))},
    }
    text = table(figures, {"one": "One", "two": "Two"}, {"us": "Us", "them": "Them"}, ["A note."])
    assert rows(text) == [
        ["cell", "Us", "Them"],
        ["---", "--:", "--:"],
        ["One", "1.10 (1.10 to 1.10)", "2.00 (2.00 to 2.00)"],
        ["Two", "1.20 (1.20 to 1.20)", "3.00 (3.00 to 3.00)"],
        ["starting and stopping, ms", "-", "-"],
    ]
    assert text.endswith("|\n\nA note.\n")


def test_microseconds_have_a_row_where_each_step_is_a_conversion():
    figures = {"one": {"us": figure((1.0, 1.2), crossings=100_000)}}
    text = table(figures, {"one": "One"}, {"us": "Us"}, [])
    assert rows(text)[3] == ["… added µs per conversion", "2.00 (2.00 to 2.00)"]


def test_starting_and_stopping_is_the_median_over_all_cells():
    figures = {
        "one": {"us": Figure(ratios=[1.0], around_ms=[1.0])},
        "two": {"us": Figure(ratios=[1.0], around_ms=[3.0])},
    }
    text = table(figures, {"one": "One", "two": "Two"}, {"us": "Us"}, [])
    assert rows(text)[-1][1] == "2 (2 to 2)"


@pytest.mark.parametrize("reason", ["not installed", "failed: OSError: no\nroom"])
def test_what_could_not_be_measured_is_named(reason):
    """A neighbour that is missing or fails leaves its reason, not a gap."""
    figures = {"one": {"us": figure((1.0, 1.1)), "them": Figure(absent=reason)}}
    text = table(figures, {"one": "One"}, {"us": "Us", "them": "Them"}, [])
    assert rows(text)[2][2] == reason.replace("\n", " ")


def test_failure_after_some_rounds_is_not_shown_as_a_figure():
    figures = {"one": {"us": Figure(ratios=[1.0], added_us=[1.0], absent="failed: late")}}
    text = table(figures, {"one": "One"}, {"us": "Us"}, [])
    assert [row[1] for row in rows(text)[2:4]] == ["failed: late", "-"]


def test_writing_replaces_what_stands_between_the_markers(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"Above.\n\n{BEGIN}\nold\n{END}\n\nBelow.\n", encoding="utf-8")
    write_into(readme, "new µ\n")
    expected = f"Above.\n\n{BEGIN}\n\nnew µ\n\n{END}\n\nBelow.\n"
    assert readme.read_text(encoding="utf-8") == expected
    write_into(readme, "new µ\n")
    assert readme.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize(
    "text", ["no marker", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"]
)
def test_file_without_its_two_markers_is_left_as_it_was(tmp_path, text):
    readme = tmp_path / "README.md"
    readme.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="each once"):
        write_into(readme, "new")
    assert readme.read_text(encoding="utf-8") == text
