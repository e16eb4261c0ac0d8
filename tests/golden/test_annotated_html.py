"""The annotated cell as HTML: what it is made of, what it shades, what unfolds."""

from __future__ import annotations

import re

from hypothesis import given

from tests.unit.ledgers import recordings as any_recordings
from tfnp_magic.model import Place, Site
from tfnp_magic.recording import Recording
from tfnp_magic.views.annotated.html import annotated_html
from tfnp_magic.views.wording import plain

from . import recordings
from .recordings import HOSTILE
from .test_annotated import SOURCES, constant, every_recording
from .test_reports import KEPT_TAGS, Markup


@every_recording
def test_html_is_made_only_of_what_an_untrusted_notebook_keeps(make):
    shown = annotated_html(make())
    if not shown:
        return
    markup = Markup(shown)
    assert markup.tags <= KEPT_TAGS | {"details", "summary", "ul", "li"}
    assert {name for name, _ in markup.attributes} <= {"style", "scope", "colspan"}
    styles = " ".join(value for name, value in markup.attributes if name == "style")
    assert not re.search(r"var\(|--|hsla?\(|currentcolor|light-dark|rgb\(|url\(", styles.lower())
    assert not re.search(r"(^|;)color:", styles)


@given(any_recordings(sources=SOURCES, codes=SOURCES))
def test_html_is_balanced_whatever_the_source(recording):
    Markup(annotated_html(recording))


def test_hostile_text_is_shown_as_text():
    markup = Markup(annotated_html(recordings.hostile()))
    assert sum(plain(HOSTILE) in text for text in markup.cells) >= 2
    assert "\x1b" not in "".join(markup.cells)


def html_rows(recording):
    """Texts and styles of the cells of each row that has figures."""
    rows = re.findall(r"<tr>(.*?)</tr>", annotated_html(recording))[1:]
    cells = [re.findall(r'<td style="(.*?)">(.*?)</td>', row) for row in rows]
    return [[(style, re.sub("<.*?>", "", text)) for style, text in row] for row in cells if row]


def test_each_figure_is_shaded_by_its_share_and_printed():
    recording = Recording(
        ledger=[constant(1, "a", count=3), constant(2, "b", storage="view", copied_bytes=0)]
    )
    first, second = html_rows(recording)
    assert [text for _, text in first[:4]] == ["1", "3", "80 B", "12 µs"]
    assert [text for _, text in second[:4]] == ["2", "1", "0 B", "12 µs"]
    opacity = [re.findall(r"rgba\(255,80,0,(.*?)\)", style) for style, _ in first + second]
    assert opacity[:4] == [[], ["0.45"], ["0.6"], ["0.3"]]
    assert opacity[5:9] == [[], ["0.15"], [], ["0.3"]]


def test_called_figures_are_not_shaded_and_marked():
    inner = Place("In[2]", 4, "f", "return np.std(x)")
    called = constant(1, "y = f(x)")
    called.site = Site(called.site.line, inner)
    row = html_rows(Recording(title="In[3]", ledger=[called]))[0]
    assert [text for _, text in row[:4]] == ["1", "↳ 1", "80 B", "12 µs"]
    assert not any("rgba" in style for style, _ in row)


def test_only_silent_casts_are_bold():
    silent = constant(1, "a", cast="silent", dtype_from="float64")
    asked = constant(2, "b", cast="explicit", dtype_from="float64")
    bold = re.findall("<b>(.*?)</b>", annotated_html(Recording(ledger=[silent, asked])))
    assert bold == ["1 silent", "cast silently"]


def details(recording):
    items = re.findall("<li>(.*?)</li>", annotated_html(recording))
    return [re.sub("<.*?>", "", item).replace("&#x27;", "'").split(" · ") for item in items]


def test_a_line_unfolds_to_its_routes_with_all_that_they_did():
    told = {item[0]: item[1:] for item in details(recordings.many_rows())}
    assert told["operator -"] == [
        "numpy → tensorflow", "1,200 times",
        "shape (32, 32) x1000, (16, 32) x120, (8, 32) x50, others x30", "float64 → float32",
        "cast silently", "1,100,000 of 1,228,800 values changed, largest relative error 6.0e-08",
        "1,200 copies (4.9 MB)", "cast into a new buffer to match the op's tensor", "host → CPU:0",
    ]  # fmt: skip
    assert told["np.std"][-3:] == ["CPU:0 → host", "30 ms", "line 4 of In[3] runs it"]
    assert told["normalise in In[2], line 4"] == ["1,200 conversions", "0 B copied", "30 ms"]


def test_details_say_what_moved_and_what_a_mirror_served():
    moved = [fact for item in details(recordings.device_moves()) for fact in item if "GPU" in fact]
    assert "GPU:0 → host: 4.0 MB moved" in moved
    assert "GPU:0 → host: 0 B moved, by a mirror" in moved
    assert "GPU:1 → GPU:0: unknown bytes moved" in moved


def test_a_line_of_the_cell_that_runs_a_function_of_the_cell_is_named_by_its_number():
    assert "line 8 runs it" in details(recordings.driven())[0]


def test_lines_with_figures_unfold_and_no_others():
    shown = annotated_html(recordings.cell_with_helpers())
    rows = re.findall(r"<tr>(.*?)</tr>", shown)
    plain_lines = [re.sub("<.*?>", "", row) for row in rows if "<details>" not in row]
    unfolding = [re.sub("<.*?>", "", row) for row in rows if "<details>" in row]
    assert [text[0] for text in plain_lines if text[0].isdigit()] == ["1", "2", "5", "6"]
    assert [text[0] for text in unfolding] == ["3", "4", "7", "↳", "8", "9", "4", "1", "?"]
