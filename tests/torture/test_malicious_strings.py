"""Whatever stands in a name, a dtype, a message or a source: views show it, and nothing more.

Each text of each recording made by hand is replaced by an attack, those included that only a
hand-written file can hold (directions, kinds of storage). A piece of HTML then has no element
and no attribute that the recording's own report has not in some state; a text has no character
that steers a terminal.
"""

from __future__ import annotations

import functools
import json
import sys

import pytest

import tfnp_magic
from tests.golden import recordings, test_whos
from tests.plugin.test_telling import text_of
from tests.torture.strings import ATTACKS, LINES, TERMINAL, Page, poisoned, steers
from tfnp_magic.advice import findings
from tfnp_magic.cell_text import comments
from tfnp_magic.cell_text.line_ends import UnreadableCell, line_ends
from tfnp_magic.driving.retraces import Difference
from tfnp_magic.guards import FORBID, Guard, InteropError, rules_of
from tfnp_magic.recording import Recording
from tfnp_magic.scripts.tracing import _page
from tfnp_magic.shell.session_runs import SessionRuns
from tfnp_magic.testing.exceeded import outcome_of
from tfnp_magic.testing.telling import unsure_texts
from tfnp_magic.views import html, text, wording
from tfnp_magic.views.annotated.html import annotated_html
from tfnp_magic.views.annotated.text import annotated_text
from tfnp_magic.views.session.wording import Footer
from tfnp_magic.views.timeline.html import timeline_html
from tfnp_magic.views.timeline.text import timeline_text

KINDS = (
    "direction", "storage", "evidence", "cast", "cast_evidence", "move_evidence", "device_from",
    "device_to", "kind",
)  # fmt: skip
"""Texts that are ours in a trace, whatever the user does: only a file can hold others."""

MADE = {**recordings.ALL, "helpers": recordings.cell_with_helpers, "long": recordings.long_cell}

every_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
every_kept = pytest.mark.parametrize("kept", [KINDS, ()], ids=["of a trace", "of a file"])


@functools.cache
def attacked(attack, kept):
    return [poisoned(make(), attack, kept=kept) for make in MADE.values()]


def session_of(recording):
    runs = SessionRuns()
    for cell_id in ("a", "a", None):
        runs.add(recording, recording.source, cell_id)
    runs.lost.append(recording.title)
    return runs.report()


def merged_of(recording):
    error = RuntimeError(recording.title)
    return tfnp_magic.merge({recording.title: recording, "two": recording, "failed": error})


TEXTS = {
    "report": lambda rec: text.report(rec, 120),
    "narrow report": lambda rec: text.report(rec, 40),
    "annotated": lambda rec: annotated_text(rec, 100) or "",
    "timeline": lambda rec: timeline_text(rec, 100) or "",
    "session": lambda rec: str(session_of(rec)),
    "footer": lambda rec: repr(Footer(rec)),
    "merged": lambda rec: str(merged_of(rec)),
    "budget": lambda rec: text_of(rec, max_copied=1, max_conversions=1, max_silent_casts=0),
    "unsure": lambda rec: "".join(unsure_texts(rec, outcome_of(rec, {"max_copied": 10}))),
}
PAGES = {
    "report": html.report,
    "annotated": annotated_html,
    "timeline": timeline_html,
    "session": lambda rec: session_of(rec)._repr_html_(),
    "footer": lambda rec: Footer(rec)._repr_html_(),
    "merged": lambda rec: merged_of(rec)._repr_html_(),
}


@every_kept
@every_attack
@pytest.mark.parametrize("view", TEXTS.values(), ids=TEXTS)
def test_no_text_steers_the_terminal(view, attack, kept):
    for recording in attacked(attack, kept):
        shown = view(recording)
        assert steers(shown) == set()
        shown.encode("utf-8")


@functools.cache
def elements_of(view):
    """What the view's HTML is made of where nobody attacks, of all recordings made by hand.

    Code, too: a sentence shows as code what stands in it between backticks.
    """
    ours = Page("<code style=''></code>").elements
    return ours.union(*(Page(view(make())).elements for make in MADE.values()))


@every_kept
@every_attack
@pytest.mark.parametrize("view", PAGES.values(), ids=PAGES)
def test_no_page_has_an_element_that_is_not_ours(view, attack, kept):
    ours = elements_of(view)
    for recording in attacked(attack, kept):
        page = view(recording)
        assert Page(page).elements <= ours
        assert steers(page) == set()
        page.encode("utf-8")


@every_attack
def test_a_scripts_page_keeps_its_frame(attack):
    ours = Page(_page_of(recordings.many_rows())).elements
    for recording in attacked(attack, KINDS):
        assert Page(_page_of(recording)).elements <= ours | elements_of(html.report)


def _page_of(recording):
    """The page without its declaration, which the parser here refuses from anybody."""
    return _page(recording).removeprefix("<!DOCTYPE html>")


@every_kept
@every_attack
def test_no_advice_steers_the_terminal_where_a_guard_says_it(attack, kept):
    for recording in attacked(attack, kept):
        for finding in findings(recording):
            assert steers(text.plain(finding.sentence)) == set()


@every_kept
@every_attack
def test_every_table_can_be_made(attack, kept):
    for recording in attacked(attack, kept):
        for frame in (
            recording.summary(), recording.crossings(), recording.findings(), recording.by_line(),
            recording.diff(recording),
        ):  # fmt: skip
            assert list(frame.columns)


@every_kept
@every_attack
def test_what_is_saved_comes_back_and_a_timelines_file_is_json(tmp_path, attack, kept):
    for recording in attacked(attack, kept):
        path = tmp_path / "rec.json"
        recording.save(path)
        back = tfnp_magic.load(path)
        # Halves of a surrogate pair that stand side by side are one character then.
        assert back == recording or any(map("\ud800".__le__, attack))
        recording.to_perfetto(path)
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
        assert steers(_texts(document["traceEvents"])) <= set("\t")


def _texts(events):
    return "".join(str(event.get("name", "")) for event in events)


@every_attack
def test_inventories_show_names_and_no_more(attack):
    ours = set().union(*(Page(make()._repr_html_()).elements for make in test_whos.MADE))
    for make in test_whos.MADE:
        inventory = poisoned(make(), attack, kept=("outcome",))
        assert steers(repr(inventory)) == set()
        page = inventory._repr_html_()
        assert Page(page).elements <= ours
        assert steers(page) == set()


@every_attack
def test_no_comment_becomes_code(attack):
    """What stands behind a line of the cell stays in one comment, whatever dtypes are called."""
    cell = "x = tf.constant(a)\ny = x - b\n"
    facts = {"dtype_from": attack, "dtype_to": "x" + attack, "device_to": attack, "cast": "silent"}
    lines = cell.splitlines()
    ledger = [
        recordings.crossing(recordings.line(number, lines[number - 1]), attack, kind, **facts)
        for number in (1, 2)
        for kind in ("numpy → tensorflow", "in graph")
    ]
    recording = Recording(title="In[3]", source=cell, ledger=ledger)
    told = comments.annotated(cell, recording)
    assert told != cell
    assert [line.split("  # tfnp:")[0] for line in told.split("\n")] == cell.split("\n")
    assert steers(told) == set()
    assert comments.without_comments(told) == cell
    assert line_ends(told).tokens == line_ends(cell).tokens


@every_attack
def test_a_cell_that_holds_anything_is_annotated_without_changing_its_code(attack):
    cell = f"x = tf.constant(a)  # {attack}\ny = {attack!r}\n"
    recording = Recording(title="In[3]", source=cell, ledger=recordings.one_conversion().ledger)
    try:
        told = comments.annotated(cell, recording)
    except comments.NotAnnotated:
        with pytest.raises(UnreadableCell):
            line_ends(cell)
        return
    assert line_ends(told).tokens == line_ends(cell).tokens


@pytest.mark.parametrize("attack", [LINES, TERMINAL])
def test_a_guards_sentence_does_not_steer_the_terminal(attack):
    """A function's name is what its ``__name__`` says."""
    guard, site = Guard(rules_of(FORBID, "retrace")), recordings.line(3, attack, attack)
    difference = Difference("dtype", attack, attack, attack)
    with pytest.raises(InteropError) as raised:
        guard.meet_retrace(attack, site, [difference], sys._getframe())
    assert "is traced again" in str(raised.value)
    assert steers(str(raised.value)) == set()


def test_a_word_of_a_megabyte_is_folded_without_looking_at_it_again_and_again(monkeypatch):
    """Here of 20,000 characters; a megabyte would have taken hours."""
    looked_at, usual = 0, wording._columns_of

    def columns_of(character):
        nonlocal looked_at
        looked_at += 1
        return usual(character)

    monkeypatch.setattr(wording, "_columns_of", columns_of)
    assert set(map(len, wording.folded("x" * 20_000, 100).split("\n"))) == {100}
    assert looked_at < 5 * 20_000


def test_an_attack_is_one_where_it_is_not_defended_against():
    """The parser and the laws here would see it."""
    assert steers(LINES) > {"\r", "\u2028"}
    assert ("script", "") in Page("<p><script>alert(1)</script></p>").elements
    with pytest.raises(AssertionError):
        Page("<p></code></p>")
