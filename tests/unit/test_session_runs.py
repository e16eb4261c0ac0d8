"""What a session remembers: which cell it was, sums over runs, bounds, and what is said of it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfnp_magic.advice import KINDS
from tfnp_magic.model import IN_GRAPH, Crossing, Place, Site
from tfnp_magic.recording import Recording
from tfnp_magic.shell import session_runs
from tfnp_magic.shell.defaults import InteropTrace
from tfnp_magic.shell.session_runs import SessionRuns
from tfnp_magic.tracing import CHECKS
from tfnp_magic.views.lines import figures_of, lines_of
from tfnp_magic.views.session.frames import COLUMNS
from tfnp_magic.views.session.lines import table_of
from tfnp_magic.views.session.wording import _IN_A_FEW_WORDS, footer_text

from .ledgers import recordings

SCRIPT = "a = load()\nb = clean(a)\nc = tf.constant(b)\nd = c * 2"


def crossing(line: int = 1, **changed) -> Crossing:
    place = Place("In[7]", line, "<module>", "c = tf.constant(b)")
    figures = {"count": 1, "nbytes": 8, "copied_bytes": 8, "duration_ns": 5, "moved_bytes": 0}
    return dataclasses.replace(
        Crossing(
            Site(place, None), "tf.constant", "numpy → tensorflow", True, "float32", "float32",
            "none", "host", "CPU:0", "copy", "observed", "", **figures,
        ),
        **changed,
    )  # fmt: skip


def run(number: int, *ledger: Crossing, **changed) -> Recording:
    return Recording(title=f"In[{number}]", source=SCRIPT, ledger=list(ledger), **changed)


def titles(runs: SessionRuns) -> list[tuple[str, int]]:
    return [(cell.latest.title, cell.sums.runs) for cell in runs.cells]


TEN_LINES = "\n".join(f"x{number} = f(a, {number})" for number in range(10))


@st.composite
def _crossings(draw) -> Crossing:
    """At a line of the cell, or in a function of another cell or a file, or at no known line."""
    number, deeper = draw(st.integers(1, 10)), draw(st.integers(1, 4))
    place = Place("In[7]", number, "<module>", TEN_LINES.splitlines()[number - 1])
    inner = draw(
        st.sampled_from(
            [
                None,
                Place("In[2]", deeper, "f", "return tf.constant(x)"),
                Place("project/f.py", deeper, "f", "return y"),
            ]
        )
    )
    is_known = draw(st.booleans())
    return crossing(site=Site(place if is_known else None, inner), count=draw(st.integers(1, 9)))


_runs = st.builds(
    Recording,
    title=st.just("In[7]"),
    source=st.just(TEN_LINES),
    ledger=st.lists(_crossings(), max_size=6),
)


# --- which cell it was ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "is_known"),
    [
        ("np.sum(t)", "np.sum(t)", True),
        ("np.sum(t)", "np.sum(t)  # again", True),
        ("np.sum(t)", "np.sum(u)", False),  # in a terminal, another line
        (SCRIPT, SCRIPT.replace("* 2", "* 3"), True),
        (SCRIPT, "\n\n" + SCRIPT, True),
        (SCRIPT, f"%%interop_trace -q\n{SCRIPT}", True),
        (SCRIPT, "x = 1\ny = 2\nz = 3\nd = c * 2", False),
        ("", "", True),
    ],
)
def test_a_cell_without_an_id_is_known_by_its_text(first: str, second: str, is_known: bool) -> None:
    runs = SessionRuns()
    runs.add(run(1), first, None)
    runs.add(run(2), second, None)
    assert len(runs.cells) == (1 if is_known else 2)


def test_a_cell_with_an_id_is_known_by_nothing_else() -> None:
    runs = SessionRuns()
    runs.add(run(1), SCRIPT, "one")
    runs.add(run(2), SCRIPT, "two")
    runs.add(run(3), SCRIPT, None)
    runs.add(run(4), "another()", "one")
    assert titles(runs) == [("In[2]", 1), ("In[3]", 1), ("In[4]", 2)]
    assert runs.cells[-1].previous.title == "In[1]"


# --- sums and bounds ------------------------------------------------------------------


@given(st.lists(st.tuples(recordings(), st.sampled_from("abc")), max_size=6))
def test_sums_are_those_of_all_runs_and_two_recordings_stay(ran) -> None:
    runs = SessionRuns()
    for recording, cell_id in ran:
        runs.add(recording, SCRIPT, cell_id)
    everything = figures_of(crossing for recording, _ in ran for crossing in recording.ledger)
    assert runs.total.figures == everything
    for cell in runs.cells:
        mine = [recording for recording, cell_id in ran if cell_id == cell.cell_id]
        assert cell.sums.figures == figures_of(c for recording in mine for c in recording.ledger)
        assert [cell.previous, cell.latest][-len(mine) :] == mine[-2:]


@settings(deadline=None)
@given(st.lists(st.tuples(recordings(), st.sampled_from("abc")), max_size=6))
def test_whatever_ran_can_be_told(ran) -> None:
    runs = SessionRuns()
    for recording, cell_id in ran:
        runs.add(recording, SCRIPT, cell_id)
    report = runs.report()
    assert str(report).startswith("Session: ")
    assert report._repr_html_().startswith("<div")
    summary = report.summary()
    assert list(summary.columns) == list(COLUMNS)
    assert summary["runs"].sum() == len(ran)
    latest = [figures_of(cell.latest.ledger).count for cell in report.cells]
    assert report.by_line()["count"].sum() == sum(latest)


def test_changes_are_those_of_cells_that_ran_twice() -> None:
    runs = SessionRuns()
    runs.add(run(1, crossing(3, count=4)), SCRIPT, "one")
    assert list(runs.report().changes().columns)[:3] == ["cell", "line_before", "line_after"]
    assert len(runs.report().changes()) == 0
    runs.add(run(2, crossing(3)), SCRIPT, "two")
    runs.add(run(3, crossing(3)), SCRIPT, "one")
    (row,) = runs.report().changes().to_dict("records")
    assert (row["cell"], row["count_before"], row["count_after"]) == ("In[3]", 4, 1)


def test_a_line_that_converts_no_more_and_one_that_is_gone_are_told() -> None:
    runs = SessionRuns()
    runs.add(run(7, crossing(3, count=4), crossing(4)), SCRIPT, "one")
    latest = run(7, crossing(4))
    latest.source = SCRIPT.replace("d = c * 2", "with_other_words()")
    runs.add(latest, latest.source, "one")
    rows = [line.split() for line in str(runs.report()).splitlines()[-3:]]
    assert rows[0][:7] == ["3", "copied", "8", "B", "→", "0", "B,"]
    assert rows[1][:3] == ["\u2013", "line", "gone,"]
    assert rows[2][:2] == ["4", "1"]


@given(_runs, _runs)
def test_each_line_that_converts_has_a_row(before: Recording, after: Recording) -> None:
    runs = SessionRuns()
    for recording in (before, after):
        runs.add(recording, TEN_LINES, "one")
    table, more = table_of(runs.cells[0])
    lines = [line for line in lines_of(after) if line.own.count]
    assert sorted(row[1] for row in table.rows if row[1]) == sorted(
        str(line.own.count) for line in lines
    )
    assert more == ""


def test_a_report_is_of_its_moment() -> None:
    runs = SessionRuns()
    runs.add(run(1, crossing()), SCRIPT, "one")
    then = runs.report()
    text = str(then)
    runs.add(run(2, crossing(count=5)), SCRIPT, "one")
    assert str(then) == text
    assert str(runs.report()) != text


def test_cells_beyond_the_bound_are_forgotten_with_a_sentence(monkeypatch) -> None:
    monkeypatch.setattr(session_runs, "MAX_CELLS", 3)
    runs = SessionRuns()
    for number in range(5):
        runs.add(run(number, crossing()), SCRIPT, f"cell {number}")
    assert titles(runs) == [("In[2]", 1), ("In[3]", 1), ("In[4]", 1)]
    assert runs.total.runs == 5
    text = str(runs.report())
    assert "5 runs of 3 cells that are kept and 2 forgotten ones: 5 conversions" in text
    assert "Forgotten: the lines of 2 cells that ran longest ago" in text


def test_large_recordings_are_let_go_first_of_the_cells_that_ran_longest_ago(monkeypatch) -> None:
    monkeypatch.setattr(session_runs, "MAX_KEPT", 10)
    runs = SessionRuns()
    for number in range(4):
        runs.add(run(number, *[crossing()] * 4), SCRIPT, f"cell {number}")
    assert titles(runs) == [("In[2]", 1), ("In[3]", 1)]
    runs.add(run(9, *[crossing()] * 100), SCRIPT, "large")
    assert titles(runs) == [("In[9]", 1)]  # the latest is always kept
    assert runs.total.figures.count == 116


# --- what is said -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recording", "said"),
    [
        (run(7), ""),
        (run(7, housekeeping=3), ""),
        (run(7, crossing()), "In[7]: 1 conversion on 1 line, 8 B copied"),
        (run(7, crossing(), crossing(2)), "In[7]: 2 conversions on 2 lines, 16 B copied"),
        (run(7, crossing(copied_bytes=None)), "In[7]: 1 conversion on 1 line, ? copied"),
        (
            run(7, crossing(device_to="GPU:0", moved_bytes=2000)),
            "In[7]: 1 conversion on 1 line, 8 B copied, 2.0 kB moved",
        ),
        (
            run(7, crossing(4, cast="silent", count=2), crossing(9, cast="silent")),
            "In[7]: 3 conversions on 2 lines, 16 B copied, 3 silent casts (lines 4, 9)",
        ),
        (
            run(7, crossing(direction=IN_GRAPH, count=3), looked_into_graphs=True),
            "In[7]: 3 casts and moves inside graphs",
        ),
        (
            run(7, crossing(device_from="GPU:0", device_to="GPU:1", direction="device → device")),
            "In[7]: 1 move between devices on 1 line, 8 B copied",
        ),
        (run(7, error="ValueError"), ""),
        (
            run(7, crossing(), error="ValueError"),
            "In[7] (ended by ValueError): 1 conversion on 1 line, 8 B copied",
        ),
        (run(7, lost=["the probe"]), "In[7]: lost: the probe"),
        (run(7, forbidden=["line 3."]), "In[7]: forbidden, and seen too late: line 3."),
    ],
)
def test_a_footer_is_one_line(recording: Recording, said: str) -> None:
    assert footer_text(recording) == said


def test_a_footer_has_words_for_each_kind_of_finding() -> None:
    assert set(_IN_A_FEW_WORDS) == set(KINDS)


def test_cells_beyond_the_report_are_named(monkeypatch) -> None:
    runs = SessionRuns()
    for number in range(40):
        runs.add(run(number, *[crossing()] * (number % 8 > 0)), SCRIPT, f"cell {number}")
    text = str(runs.report())
    assert "Not shown: 5 cells that converted nothing." in text
    assert "Not shown: 5 cells that ran before these" in text
    assert text.count("\n\nIn[") == 30


def test_an_unknown_run_is_refused_with_those_that_there_are() -> None:
    runs = SessionRuns()
    runs.add(run(1), SCRIPT, "one")
    with pytest.raises(KeyError, match=r"no run 'In\[3\]' is kept; there are In\[1\]"):
        runs.report().recording("In[3]")


def test_the_defaults_know_the_same_checks() -> None:
    assert set(InteropTrace.check_values.values) == set(CHECKS)
