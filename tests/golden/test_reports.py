"""What reports of hand-made recordings look like: files, renewed by ``--renew``, and laws."""

from __future__ import annotations

import dataclasses
import pickle
import re
import unicodedata
from html.parser import HTMLParser

import pandas as pd
import pytest

from tfnp_magic.model import NUMPY_TO_TENSORFLOW, Site
from tfnp_magic.recording import Recording
from tfnp_magic.views import html, text
from tfnp_magic.views.wording import bytes_text, cut, folded, plain, shapes_text, totals, width_of

from . import recordings
from .conftest import EXPECTED
from .recordings import HOSTILE, crossing, line

WIDTHS = (120, 80)

every_recording = pytest.mark.parametrize("make", recordings.ALL.values(), ids=recordings.ALL)
every_width = pytest.mark.parametrize("width", WIDTHS)


@every_recording
@every_width
def test_text_report_reads_as_reviewed(make, width, expect):
    expect(f"{make.__name__}-{width}.txt", text.report(make(), width))


def test_no_expected_report_is_left_over():
    """Of the files below these names, the test of that name takes care."""
    known = {f"{name}-{width}.txt" for name in recordings.ALL for width in WIDTHS}
    for others in ("annotated-*", "timeline-*", "whos-*"):
        known |= {path.name for path in EXPECTED.glob(others)}
    assert {path.name for path in EXPECTED.iterdir()} == known


# The text report.

COLUMNS = (
    "line", "code", "route", "direction", "explicit", "count", "shape", "dtype", "cast",
    "device", "bytes", "copied bytes", "copies", "storage", "seconds", "reason",
)  # fmt: skip
"""Those that every table has."""


@every_recording
@every_width
def test_text_holds_no_control_characters_but_newlines_and_can_be_encoded(make, width):
    report = text.report(make(), width)
    categories = {unicodedata.category(character) for character in report if character != "\n"}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert report.encode()


@every_recording
@every_width
def test_no_line_of_a_report_is_wider_than_the_page(make, width):
    assert max(map(width_of, text.report(make(), width).split("\n"))) <= width


@pytest.mark.parametrize("words", ["two words", "配列 " * 40, "a" * 300, "", "x " + "配" * 90])
def test_a_folded_text_keeps_every_sign_and_stays_within_the_page(words):
    lines = folded(words, 40, "  ! ", "    ").split("\n")
    assert max(map(width_of, lines)) <= 40
    assert "".join(line[4:] for line in lines).replace(" ", "") == words.replace(" ", "")


def blocks_of(table):
    """The table's blocks: for each its header, and where its columns begin and end."""
    for block in table.split("\n\n"):
        header, *rows = block.split("\n")
        names = [name for name in re.split(r"(?:^| ) +", header) if name]
        yield names, header, rows


@every_recording
@pytest.mark.parametrize("width", [60, 80, 100, 120, 200, 1000])
def test_table_stays_within_the_width_and_shows_every_column_once(make, width):
    recording = make()
    if not recording.ledger:
        return
    table = text.table(recording.summary(), width)
    longest = max(width_of(row) for row in table.split("\n"))
    assert longest <= max(width, 70)
    shown = [name for names, _, _ in blocks_of(table) for name in names]
    assert [shown.count(name) for name in COLUMNS if name not in ("line", "route")] == [1] * 14
    assert shown[0] == "line"
    assert all({"line"} <= set(names) for names, _, _ in blocks_of(table))


def test_each_block_of_a_folded_table_says_which_line_and_route_it_is_about():
    table = text.table(recordings.many_rows().summary(), 120)
    later = list(blocks_of(table))[1:]
    assert later
    for names, _, rows in later:
        assert names[:2] == ["line", "route"]
        assert rows[0].split()[:2] == ["4", "operator"]


def test_columns_align_below_wide_and_accented_characters():
    """Where a terminal shows two columns for a character, the next cell moves left by one."""
    codes = ["変換 = tf.constant(配列)", "e\N{COMBINING ACUTE ACCENT}t\u00e9 = 1", "plain = 1"]
    ledger = [
        crossing(line(number, code), "tf.constant", NUMPY_TO_TENSORFLOW)
        for number, code in enumerate(codes, 2)
    ]
    header, *rows = text.table(Recording(ledger=ledger).summary(), 1000).split("\n")
    starts = {width_of(row[: row.index("tf.constant  ")]) for row in rows}
    assert starts == {header.index("route")}


def test_no_word_of_a_reason_is_lost_in_a_narrow_table():
    recording = recordings.many_rows()
    table = text.table(recording.summary(), 80)
    last = table.split("\n\n")[-1]
    start = last.index("reason")
    said = " ".join(row[start:].strip() for row in last.split("\n"))
    for reason in recording.summary()["reason"]:
        assert reason in said


def test_a_line_of_a_hundred_thousand_characters_is_cut_at_once():
    site = line(2, "x" * 100_000)
    recording = Recording(ledger=[crossing(site, "y" * 100_000, NUMPY_TO_TENSORFLOW)])
    assert max(map(len, text.report(recording, 120).split("\n"))) <= 120
    assert len(html.report(recording)) < 10_000
    assert len(recording.summary()["code"][0]) == 100_000


def test_width_is_the_terminals_unless_told(monkeypatch):
    recording = recordings.many_rows()
    monkeypatch.setenv("COLUMNS", "150")
    assert text.report(recording) == text.report(recording, 150)
    monkeypatch.setenv("COLUMNS", "20")
    assert text.report(recording) == text.report(recording, 80)
    assert str(recording) == repr(recording) == text.report(recording, 80)


# The HTML report.


class Markup(HTMLParser):
    """Tags, attributes and cells of a report; fails on what is not balanced."""

    def __init__(self, report: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.cells: list[str] = []
        self._open: list[str] = []
        self.feed(report)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= set(attrs)
        self._open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self._open):
            self.cells[-1] += data


KEPT_TAGS = {
    "div", "p", "b", "i", "code", "span", "table", "caption", "thead", "tbody", "tr", "th", "td",
    "details", "summary", "ul", "li", "img",
}  # fmt: skip
"""What Jupyter's sanitiser keeps in a notebook that is not trusted."""


@every_recording
def test_html_is_made_only_of_what_an_untrusted_notebook_keeps(make):
    markup = Markup(html.report(make()))
    assert markup.tags <= KEPT_TAGS
    kept = {"style", "scope", "colspan", "title", "src", "alt"}
    assert {name for name, _ in markup.attributes} <= kept
    styles = " ".join(value for name, value in markup.attributes if name == "style")
    assert not re.search(r"var\(|--|hsla?\(|currentcolor|light-dark|rgb\(|url\(", styles.lower())
    assert not re.search(r"(^|;)color:", styles)


@every_recording
def test_html_has_no_trace_of_what_is_stripped(make):
    report = html.report(make())
    if make is not recordings.hostile:  # there, `var(` stands in the text
        assert "var(" not in report
    for forbidden in ("<style", "<script", "<svg", "role=", "aria-", "hsla(", "\x1b", "\u202e"):
        assert forbidden not in report


def test_hostile_text_is_shown_as_text_in_html():
    markup = Markup(html.report(recordings.hostile()))
    assert sum(plain(HOSTILE) in cell for cell in markup.cells) >= 4


def test_html_has_all_columns_and_as_many_cells_in_each_row():
    recording = recordings.many_rows()
    markup = Markup(html.table(recording.summary()))
    head = markup.cells[: len(COLUMNS) + 2]
    assert [name for name in head if name not in ("inner", "values")] == list(COLUMNS)
    assert len(markup.cells) == len(head) * (1 + len(recording.summary()))


def marked_cells(recording):
    return [re.sub("<.*?>", "", cell) for cell in re.findall(r"bold[^>]*>(.*?)</td>", recording)]


def test_html_marks_silent_casts_and_writable_sharing_and_nothing_else():
    """Each marked row is marked at its line, too: the table may be wider than the screen."""
    marked = marked_cells(html.table(recordings.many_rows().summary()))
    lines = [text for text in marked if text.isdigit()]
    assert len(lines) == 2
    assert [text for text in marked if text != "silent" and text not in lines] == [
        "3 x 64-byte aligned, so the tensor shares the array&#x27;s memory; "
        "1 x shares memory: writing to the array changes the tensor"
    ]
    assert marked.count("silent") == 1
    ledger = [crossing(line(2, "writing = 'silent'"), "writing", NUMPY_TO_TENSORFLOW)]
    assert not marked_cells(html.table(Recording(ledger=ledger).summary()))


# The DataFrames.

TEXT = "str"
SUMMARY_DTYPES = {
    "line": "Int64", "code": TEXT, "inner": TEXT, "route": TEXT, "direction": TEXT,
    "explicit": "bool", "count": "int64", "shape": TEXT, "dtype_from": TEXT, "dtype_to": TEXT,
    "cast": TEXT, "device_from": TEXT, "device_to": TEXT, "bytes": "Int64",
    "copied_bytes": "Int64", "storage": TEXT, "seconds": "float64", "reason": TEXT,
    "copies": "Int64", "values": TEXT, "moved_bytes": "Int64", "mirror": "bool",
    "waited_seconds": "float64",
}  # fmt: skip
LEDGER_DTYPES = {
    **SUMMARY_DTYPES, "evidence": TEXT, "source": TEXT, "function": TEXT, "cast_evidence": TEXT,
    "move_evidence": TEXT, "values_checked": "Int64", "values_changed": "Int64",
    "largest_relative_error": "float64",
}  # fmt: skip


def dtypes_of(columns):
    """The dtypes said above, as this version of pandas makes them."""
    return {name: pd.Series([], dtype=kind).dtype for name, kind in columns.items()}


@every_recording
def test_summary_has_the_same_columns_and_dtypes_whatever_was_recorded(make):
    assert dict(make().summary().dtypes) == dtypes_of(SUMMARY_DTYPES)
    assert list(make().summary()) == list(SUMMARY_DTYPES)


@every_recording
def test_ledger_has_the_same_columns_and_dtypes_whatever_was_recorded(make):
    assert dict(make().crossings().dtypes) == dtypes_of(LEDGER_DTYPES)
    assert list(make().crossings()) == list(LEDGER_DTYPES)


def test_what_is_unknown_is_missing_in_the_frame_and_a_question_mark_in_the_table():
    recording = Recording(
        ledger=[
            crossing(
                Site(None, None), "tf.constant", NUMPY_TO_TENSORFLOW,
                nbytes=None, copied_bytes=None, copies=None, duration_ns=None,
            )
        ]
    )  # fmt: skip
    row = recording.summary().iloc[0]
    missing = ["line", "bytes", "copied_bytes", "copies", "seconds"]
    assert row[missing].isna().all()
    assert not row.drop(missing).isna().any()
    cells = Markup(html.table(recording.summary())).cells
    shown = dict(zip(cells[:16], cells[16:], strict=True))
    assert {name for name, value in shown.items() if value == "?"} == {
        "line", "bytes", "copied bytes", "copies", "seconds",
    }  # fmt: skip


def test_summary_adds_up_what_differs_in_evidence_or_reason_only():
    summary = recordings.many_rows().summary()
    ledger = recordings.many_rows().crossings()
    assert len(summary) == len(ledger) - 1
    for column in ("count", "bytes"):
        assert summary[column].sum() == ledger[column].sum()
    row = summary[summary["reason"].str.contains("; 1 x ")].iloc[0]
    assert (row["count"], row["bytes"], row["seconds"]) == (4, 16_384, 36e-6)
    assert row["reason"].startswith("3 x 64-byte aligned")


def test_a_sum_with_an_unknown_part_is_unknown():
    known = crossing(line(2), "tf.constant", NUMPY_TO_TENSORFLOW)
    unknown = dataclasses.replace(known, reason="another", nbytes=None, copied_bytes=None)
    row = Recording(ledger=[known, unknown]).summary().iloc[0]
    assert row["count"] == 2
    assert row["bytes"] is pd.NA
    assert row["copied_bytes"] is pd.NA


def test_summary_is_in_the_order_of_the_lines_and_the_ledger_in_that_of_time():
    recording = recordings.many_rows()
    lines = [4, 4, 4, 4, 5, 6, 7, pd.NA, pd.NA]
    assert [str(number) for number in recording.summary()["line"]] == list(map(str, lines))
    assert recording.crossings()["line"].iloc[0] == 7


def test_ledger_names_the_innermost_place_of_the_user():
    ledger = recordings.many_rows().crossings()
    assert list(ledger["source"][:3]) == ["In[3]", "In[3]", "In[2]"]
    assert list(ledger["function"][1:4]) == ["<module>", "normalise", "Scaler.transform"]
    assert list(ledger[["source", "function"]].iloc[-1]) == ["", ""]


@every_recording
def test_a_recording_that_was_pickled_is_shown_alike(make):
    copied = pickle.loads(pickle.dumps(make()))
    assert text.report(copied, 100) == text.report(make(), 100)
    assert html.report(copied) == copied._repr_html_() == html.report(make())
    assert copied.crossings().equals(make().crossings())


# Sentences and numbers.


def test_totals_count_no_line_where_none_is_known():
    threads = [crossing(Site(None, None), "tf.constant", NUMPY_TO_TENSORFLOW)]
    assert totals(Recording(ledger=threads)).startswith("The traced code: 1 conversion, 40 B")


def test_totals_say_at_least_only_where_a_part_is_unknown():
    one = crossing(line(2), "tf.constant", NUMPY_TO_TENSORFLOW)
    other = dataclasses.replace(one, copied_bytes=None)
    sentence = totals(Recording(ledger=[one, other]))
    assert "1 line, 80 B crossed, at least 80 B copied" in sentence


@pytest.mark.parametrize(
    ("nbytes", "said"),
    [
        (None, "unknown"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_951, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (10**12, "1.0 TB"),
        (10**16, "10,000.0 TB"),
    ],
)
def test_bytes_are_said_in_three_digits(nbytes, said):
    assert bytes_text(nbytes) == said


def test_the_commonest_shapes_come_first_and_the_rest_are_counted():
    assert shapes_text({(3,): 5}, 0) == "(3,)"
    shapes = {(1,): 1, (2,): 9, (3,): 4, (4,): 2}
    assert shapes_text(shapes, 0) == "(2,) x9, (3,) x4, (4,) x2, others x1"
    assert shapes_text({(3,): 5}, 2) == "(3,) x5, others x2"


@pytest.mark.parametrize("limit", range(1, 14))
@pytest.mark.parametrize("whole", ["", "short", "配列をテンソル", "a配b列c", "0123456789ab"])
def test_a_text_is_cut_to_as_many_columns_as_a_terminal_has(whole, limit):
    shown = cut(whole, limit)
    assert width_of(shown) <= limit
    assert (shown == whole) == (width_of(whole) <= limit)
    assert shown == whole or (shown.endswith("…") and whole.startswith(shown[:-1]))
