"""What timelines look like, as text and as pictures: files, renewed by ``--renew``, and laws."""

from __future__ import annotations

import base64
import re
import unicodedata
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ledgers import recordings as any_recordings
from tfnp_magic.model import (
    DEVICE_TO_DEVICE,
    IN_GRAPH,
    NUMPY_TO_TENSORFLOW,
    PYTHON_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    TENSORFLOW_TO_PYTHON,
    Moment,
    Place,
    Site,
)
from tfnp_magic.recording import Recording
from tfnp_magic.views.timeline.axis import ticks_of
from tfnp_magic.views.timeline.html import BARS, timeline_html
from tfnp_magic.views.timeline.lanes import LANES, Span, bars_of, lane_of, lanes_of, span_of
from tfnp_magic.views.timeline.strip import BAR, BASELINE, HEIGHT, svg
from tfnp_magic.views.timeline.text import timeline_text
from tfnp_magic.views.wording import width_of

from . import recordings
from .conftest import EXPECTED
from .recordings import HOSTILE, crossing, line

WIDTHS = (120, 80)
MS = 1_000_000

every_width = pytest.mark.parametrize("width", WIDTHS)


def training():
    """All lanes: a move at first, reads in a loop, casts of unknown time, copies at the end."""
    loop = {"count": 3000, "nbytes": 12_000, "copied_bytes": 12_000}
    read = {"device_from": "GPU:0", "device_to": "host", **loop}
    steps = [200 + 5 * number for number in range(300)]
    return Recording(
        title="In[5]",
        ledger=[
            crossing(
                line(3), "tf.constant", NUMPY_TO_TENSORFLOW, device_to="GPU:0", cast="silent",
                dtype_from="float64", nbytes=8 * MS, moved_bytes=4 * MS, duration_ns=9 * MS,
            ),
            crossing(
                line(6), "Tensor.numpy", TENSORFLOW_TO_NUMPY, moved_bytes=12_000,
                duration_ns=210 * MS, **read,
            ),
            crossing(
                line(7), "Tensor.numpy", TENSORFLOW_TO_NUMPY, mirror=True, moved_bytes=0,
                storage="view", duration_ns=9 * MS, **read,
            ),
            crossing(
                line(9), "operator *", NUMPY_TO_TENSORFLOW, cast="silent", dtype_from="float64",
                duration_ns=None, **loop,
            ),
            crossing(
                Site(None, Place("project/feed.py", 31, "produce", "t.numpy()")), "Tensor.numpy",
                TENSORFLOW_TO_NUMPY, count=50, nbytes=50 * MS, copied_bytes=50 * MS,
                duration_ns=2000 * MS,
            ),
        ],
        moments=[
            Moment(0, 100 * MS, 109 * MS, 1, 9 * MS, 8 * MS),
            *(Moment(1, t * MS, (t + 4) * MS, 10, 700_000, 40) for t in steps),
            *(Moment(2, (t + 1) * MS, (t + 4) * MS, 10, 30_000, 40) for t in steps),
            *(Moment(3, t * MS, (t + 5) * MS, 10, None, 40) for t in steps[::2]),
            *(Moment(4, t * MS, (t + 40) * MS, 1, 40 * MS, MS, 1) for t in range(1900, 4150, 45)),
        ],
        duration_ns=4300 * MS,
    )  # fmt: skip


def burst():
    """All of it in a thousandth of the time, and what could not be kept."""
    each = {"count": 20, "nbytes": 800, "copied_bytes": 1600, "duration_ns": 246_900}
    ledger = [
        crossing(line(number), "tf.constant", NUMPY_TO_TENSORFLOW, **each) for number in (4, 8, 120)
    ]
    moments = [
        Moment(number % 3, 7_000 * MS + number * 40_000, 7_000 * MS + number * 40_000 + 12_345, 1,
               12_345, 40)
        for number in range(58)
    ]  # fmt: skip
    return Recording(
        title="In[3]", ledger=ledger, moments=moments, moments_dropped=2, duration_ns=12_000 * MS
    )


def one():
    recording = recordings.one_conversion()
    recording.moments = [Moment(0, 400_000, 412_345, 1, 12_345, 40)]
    return recording


def hostile():
    recording = recordings.hostile()
    place = Place(f"{HOSTILE}.py", 3, HOSTILE, HOSTILE)
    recording.ledger[0].site = Site(None, place)
    recording.moments = [Moment(n, n * MS, n * MS + 12_345, 1, 12_345, 40) for n in range(3)]
    recording.duration_ns = 3 * MS
    return recording


ALL = {make.__name__: make for make in (training, burst, one, hostile)}
every_recording = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


@every_recording
@every_width
def test_text_reads_as_reviewed(make, width, expect):
    expect(f"timeline-{make.__name__}-{width}.txt", timeline_text(make(), width))


@every_recording
def test_html_reads_as_reviewed(make, expect):
    report = timeline_html(make())
    for number, picture in enumerate(pictures(report)):
        packed = base64.b64encode(picture.encode()).decode()
        report = report.replace(packed, f"[picture {number}]", 1)
    lines = re.sub(r"(?=<tr>|<th |<td |<p |<span |</tbody>)", "\n", report)
    expect(f"timeline-{make.__name__}.html", lines)


def test_no_expected_timeline_is_left_over():
    known = {f"timeline-{name}.html" for name in ALL}
    known |= {f"timeline-{name}-{width}.txt" for name in ALL for width in WIDTHS}
    assert {path.name for path in EXPECTED.glob("timeline-*")} == known


@pytest.mark.parametrize("make", recordings.ALL.values(), ids=recordings.ALL)
def test_there_is_no_timeline_without_moments(make):
    recording = make()
    recording.moments = []
    assert timeline_html(recording) == timeline_text(recording, 80) == ""


# Lanes.


@pytest.mark.parametrize(
    ("direction", "facts", "lane"),
    [
        (NUMPY_TO_TENSORFLOW, {"device_to": "GPU:0", "cast": "silent"}, "host → device"),
        (NUMPY_TO_TENSORFLOW, {"device_to": "GPU:0", "moved_bytes": None}, "host → device"),
        (TENSORFLOW_TO_NUMPY, {"device_from": "GPU:0", "device_to": "host"}, "device → host"),
        (DEVICE_TO_DEVICE, {"device_from": "GPU:0", "device_to": "CPU:0"}, "device → host"),
        (TENSORFLOW_TO_PYTHON, {"device_from": "GPU:0", "device_to": "host"}, "device → host"),
        (NUMPY_TO_TENSORFLOW, {"cast": "silent"}, "casts"),
        (NUMPY_TO_TENSORFLOW, {"cast": "explicit", "storage": "view"}, "casts"),
        (PYTHON_TO_TENSORFLOW, {"cast": "silent"}, "casts"),
        (NUMPY_TO_TENSORFLOW, {}, "copies"),
        (TENSORFLOW_TO_NUMPY, {"device_from": "CPU:0", "device_to": "host"}, "copies"),
        (
            TENSORFLOW_TO_NUMPY,
            {"device_from": "GPU:0", "device_to": "host", "mirror": True, "moved_bytes": 0},
            "copies",
        ),
        (NUMPY_TO_TENSORFLOW, {"storage": "view"}, "the rest"),
        (NUMPY_TO_TENSORFLOW, {"storage": "unknown"}, "the rest"),
        (PYTHON_TO_TENSORFLOW, {}, "the rest"),
        (TENSORFLOW_TO_PYTHON, {}, "the rest"),
        (DEVICE_TO_DEVICE, {"device_from": "GPU:0", "device_to": "GPU:1"}, "the rest"),
    ],
)
def test_a_crossing_is_in_one_lane(direction, facts, lane):
    facts = {"moved_bytes": 40, **facts}
    assert lane_of(crossing(line(2), "route", direction, **facts)) == lane


def test_lanes_hold_all_conversions_but_those_in_graphs():
    recording = training()
    recording.ledger.append(crossing(line(4), "Cast in f", IN_GRAPH, count=7))
    lanes = lanes_of(recording)
    assert [lane.name for lane in lanes] == list(LANES)
    total = sum(each.count for each in recording.ledger if each.direction != IN_GRAPH)
    assert sum(lane.count for lane in lanes) == total
    assert sum(len(lane.moments) for lane in lanes) == len(recording.moments)
    assert "inside graphs" in timeline_text(recording, 120)
    assert "inside graphs" not in timeline_text(training(), 120)


def test_a_lanes_bytes_are_those_that_moved_were_copied_or_crossed():
    told = {lane.name: lane.nbytes.exact for lane in lanes_of(training())}
    assert told == {
        "host → device": 4 * MS, "device → host": 12_000, "copies": 50 * MS, "casts": 12_000,
        "the rest": 12_000,
    }  # fmt: skip


# Bars.

times = st.integers(0, 5000)
moments = st.builds(
    lambda start, took, count, busy: Moment(0, start, start + took, count, busy),
    times, times, st.integers(1, 1000), st.none() | st.integers(0, 5000),
)  # fmt: skip


@given(st.lists(moments, min_size=1, max_size=20), st.integers(1, 60))
def test_bars_stand_where_something_happened_and_nowhere_else(some, number):
    span = span_of(Recording(moments=some, duration_ns=7000))
    bars = bars_of(some, span, number)
    width = span.duration_ns / number
    for at, height in enumerate(bars.heights):
        # In whole numbers: a bar begins and ends between two nanoseconds.
        left, right = span.start_ns * number + at * span.duration_ns, span.start_ns * number
        right += (at + 1) * span.duration_ns
        inside = any(m.start_ns * number < right - 1e-3 and m.stop_ns * number > left + 1e-3
                     for m in some)  # fmt: skip
        near = any(m.start_ns * number <= right + 1e-3 and m.stop_ns * number >= left - 1e-3
                   for m in some)  # fmt: skip
        assert not inside or height > 0
        assert not height or near
        assert 0 <= height <= 1 + 1e-9
    assert width > 0


@given(st.lists(moments, min_size=1, max_size=20), st.integers(1, 60))
def test_the_bars_hold_all_of_the_time_or_all_conversions(some, number):
    span = Span(0, max(moment.stop_ns for moment in some) + 1)
    bars = bars_of(some, span, number)
    known = sum(m.count for m in some if m.busy_ns is not None)
    assert bars.is_time == (2 * known >= sum(m.count for m in some))
    least = 0.08 * bars.peak
    high = sum(height * bars.peak for height in bars.heights if height * bars.peak > least * 1.001)
    whole = sum(m.busy_ns or 0 for m in some) * number / span.duration_ns
    whole = whole if bars.is_time else sum(m.count for m in some)
    low = sum(1 for height in bars.heights if 0 < height * bars.peak <= least * 1.001)
    assert high - 1e-6 * whole <= whole <= (high + low * least) * (1 + 1e-6) + 1e-9


def test_a_bar_is_as_high_as_its_share_of_time_compared_with_the_busiest():
    some = [Moment(0, 0, 100, 4, 20), Moment(0, 150, 200, 1, 50), Moment(0, 350, 350, 1, None)]
    bars = bars_of(some, Span(0, 400), 4)
    assert bars.heights == pytest.approx([0.4, 1.0, 0.0, 0.08])
    assert (bars.peak, bars.is_time) == (pytest.approx(0.5), True)


def test_bars_count_conversions_where_most_times_are_unknown():
    some = [Moment(0, 0, 100, 40, None), Moment(0, 150, 160, 10, None), Moment(0, 390, 399, 9, 5)]
    bars = bars_of(some, Span(0, 400), 4)
    assert bars.heights == pytest.approx([1.0, 0.25, 0.0, 0.225])
    assert (bars.peak, bars.is_time) == (40, False)


def test_a_moment_that_is_longer_than_a_bar_is_spread_over_those_that_it_covers():
    bars = bars_of([Moment(0, 50, 350, 1, 300)], Span(0, 400), 4)
    assert bars.heights == pytest.approx([0.5, 1.0, 1.0, 0.5])
    assert bars.peak == pytest.approx(1.0)


def test_a_peak_above_100_percent_tells_of_several_threads():
    some = [Moment(0, 0, 100, 1, 100, thread) for thread in range(3)]
    recording = Recording(ledger=[crossing(line(2), "r", NUMPY_TO_TENSORFLOW)], moments=some)
    assert " 300 % " in timeline_text(recording, 80)


# What part of the time is drawn, and its axis.


def of_times(*times, duration=0):
    return Recording(moments=[Moment(0, t, t + 1000) for t in times], duration_ns=duration)


def test_all_of_the_time_is_drawn_unless_it_all_happened_in_a_small_part():
    assert span_of(of_times(0, 10**9, duration=10**10)) == Span(0, 10**10)
    assert span_of(of_times(5 * 10**9, duration=10**10)) == Span(0, 10**10)
    start, stop = span_of(of_times(5 * 10**9, 5 * 10**9 + 10**7, duration=10**10))
    assert 5 * 10**9 - 10**6 < start < 5 * 10**9
    assert 5 * 10**9 + 10**7 < stop < 5 * 10**9 + 2 * 10**7
    assert span_of(of_times(0, 10**6, duration=10**10)).start_ns == 0


def test_a_recording_that_was_not_told_when_it_ended_ends_with_its_last_conversion():
    assert span_of(of_times(0, 10**9)) == Span(0, 10**9 + 1000)


@pytest.mark.parametrize(
    ("span", "most", "labels"),
    [
        (Span(0, 2_500_000_000), 5, ["0 s", "0.5 s", "1.0 s", "1.5 s", "2.0 s", "2.5 s"]),
        (Span(0, 2_347_000_000), 5, ["0 s", "0.5 s", "1.0 s", "1.5 s", "2.35 s"]),
        (Span(0, 1_000_000), 5, ["0 ms", "0.2 ms", "0.4 ms", "0.6 ms", "0.8 ms", "1.0 ms"]),
        (Span(0, 12_345), 3, ["0 µs", "5 µs", "12.3 µs"]),
        (Span(0, 3_600 * 10**9), 4, ["0 s", "1,000 s", "2,000 s", "3,600 s"]),
        (Span(7 * 10**9, 7 * 10**9 + 10**7), 2, ["7.000 s", "7.005 s", "7.010 s"]),
        (Span(0, 1), 4, ["0 ns", "1 ns"]),
    ],
)
def test_times_on_the_axis_are_round_and_the_last_is_the_end(span, most, labels):
    assert [tick.label for tick in ticks_of(span, most)] == labels


@given(st.integers(0, 10**13), st.integers(1, 10**13), st.integers(1, 12))
def test_times_on_the_axis_are_few_and_in_order_and_apart(start, duration, most):
    shares = [tick.share for tick in ticks_of(Span(start, start + duration), most)]
    assert shares[-1] == 1
    assert len(shares) <= most + 2
    assert shares == sorted(set(shares))
    assert all(0 <= share <= 1 for share in shares)


# The text.


@every_recording
@every_width
def test_text_fits_and_prints_all_numbers(make, width):
    text = timeline_text(make(), width)
    assert max(map(width_of, text.split("\n"))) <= width
    categories = {unicodedata.category(character) for character in text if character != "\n"}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    for lane in lanes_of(make()):
        (row,) = (row for row in text.split("\n") if row.startswith(lane.name))
        assert f" {lane.count:,} " in row


of_a_file = st.integers(-600, 600) | st.integers(-(2**62), 2**62)
"""Times that nobody recorded: a file may have been changed by hand."""


@st.composite
def timed(draw):
    recording = draw(any_recordings())
    if recording.ledger:
        crossing_of = st.integers(0, len(recording.ledger) - 1)
        amount = st.none() | st.integers(0, 10**12)
        some = st.builds(
            lambda of, start, took, count, busy: Moment(of, start, start + took, count, busy),
            crossing_of, st.integers(0, 10**13), st.integers(0, 10**12), st.integers(1, 10**9),
            amount,
        )  # fmt: skip
        some |= st.builds(Moment, crossing_of, of_a_file, of_a_file, st.integers(0, 3), st.none())
        recording.moments = draw(st.lists(some, max_size=8))
    recording.duration_ns = draw(st.just(0) | st.integers(0, 10**13))
    return recording


@settings(deadline=None)
@given(timed(), st.sampled_from([80, 93, 120, 200]))
def test_any_recording_fits_in_text_and_is_drawn(recording, width):
    text, html = timeline_text(recording, width), timeline_html(recording)
    assert bool(text) == bool(html) == bool(recording.moments)
    assert max(map(width_of, text.split("\n"))) <= width
    for picture in pictures(html):
        ET.fromstring(picture)


def test_the_axis_stands_below_the_bars():
    """A conversion at each time on the axis is drawn above its mark."""
    ledger = [crossing(line(2), "tf.constant", NUMPY_TO_TENSORFLOW)]
    at = [number * 500 * MS for number in range(5)]
    moments = [Moment(0, t, t + 1000, 1, 1000) for t in at]
    recording = Recording(ledger=ledger, moments=moments, duration_ns=2500 * MS)
    rows = timeline_text(recording, 120).split("\n")
    (axis,) = (row for row in rows if "╵" in row)
    (lane,) = (row for row in rows if row.startswith("copies"))
    marks = [position for position, character in enumerate(axis) if character == "╵"]
    bars = [position for position, character in enumerate(lane) if character in "▁▂▃▄▅▆▇█"]
    assert len(bars) == len(at)
    assert set(marks[:-1]) <= {bar + shift for bar in bars for shift in (0, 1)}
    assert len(marks) >= 4


# The pictures.


class Pictures(HTMLParser):
    """Sources and texts of a timeline's images; styles of its elements."""

    def __init__(self, report: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.texts: list[str] = []
        self.feed(report)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            told = dict(attrs)
            self.sources.append(told["src"])
            self.texts.append(told["alt"])


def pictures(report):
    prefix = "data:image/svg+xml;base64,"
    sources = Pictures(report).sources
    assert all(source.startswith(prefix) for source in sources)
    return [base64.b64decode(source[len(prefix) :], validate=True).decode() for source in sources]


OUTLINE = re.compile(r"M([\d.]+) ([\d.]+)v-([\d.]+)h([\d.]+)v([\d.]+)z")


def bars_in(picture):
    """Left edges, widths and heights of the bars in a picture."""
    root = ET.fromstring(picture)
    (bars,) = (path for path in root if path.get("fill") == BAR)
    outlines = OUTLINE.findall(bars.get("d"))
    assert "".join(f"M{x} {y}v-{h}h{w}v{b}z" for x, y, h, w, b in outlines) == bars.get("d")
    assert {(y, b == h) for _, y, h, _, b in outlines} <= {(str(HEIGHT - 1), True)}
    return [(float(x), float(w), float(h)) for x, _, h, w, _ in outlines]


@every_recording
def test_each_lane_has_a_picture_that_says_in_words_when_it_was(make):
    report = timeline_html(make())
    lanes = lanes_of(make())
    assert len(pictures(report)) == len(lanes)
    assert all(re.fullmatch(r"between .* and .*", text) for text in Pictures(report).texts)
    if make is training:
        assert Pictures(report).texts[0] == "between 100 ms and 109 ms"


@every_recording
def test_pictures_hold_bars_and_nothing_else(make):
    for picture in pictures(timeline_html(make())):
        root = ET.fromstring(picture)
        kinds = {element.tag.partition("}")[2] for element in root.iter()}
        assert kinds == {"svg", "path"}
        assert {name for element in root.iter() for name in element.attrib} == {
            "viewBox", "width", "height", "preserveAspectRatio", "fill", "d",
        }  # fmt: skip
        assert root.get("viewBox") == f"0 0 {BARS} {HEIGHT}"
        assert {path.get("fill") for path in root} == {BAR, BASELINE}
        assert "".join(root.itertext()) == ""
        rest = picture.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?:|href|url|script|style|&|<!", rest)


def test_bars_are_drawn_where_and_as_long_as_the_conversions_were():
    picture = dict(zip(LANES, pictures(timeline_html(training())), strict=True))
    (move,) = {(x, w) for x, w, _ in bars_in(picture["host → device"])[:1]}
    per_bar = 4300 / BARS
    assert move[0] == int(100 / per_bar)
    reads = bars_in(picture["device → host"])
    assert reads[0][0] == int(200 / per_bar)
    end = max(x + w for x, w, _ in reads)
    assert (end - 1) * per_bar < 200 + 5 * 299 + 4 <= end * per_bar
    copies = bars_in(picture["copies"])
    assert copies[0][0] == int(1900 / per_bar)
    assert max(h for _, _, h in copies) == HEIGHT - 1


def test_heights_are_shares_of_time():
    """Half of the time in one part, all of it in another."""
    moments = [Moment(0, 0, 100 * MS, 5, 50 * MS), Moment(0, 200 * MS, 300 * MS, 1, 100 * MS)]
    ledger = [crossing(line(2), "tf.constant", NUMPY_TO_TENSORFLOW)]
    recording = Recording(ledger=ledger, moments=moments, duration_ns=400 * MS)
    (picture,) = pictures(timeline_html(recording))
    assert bars_in(picture) == [(0, 100, (HEIGHT - 1) / 2), (200, 100, HEIGHT - 1)]


@pytest.mark.parametrize("at", [0, 200, 399])
def test_a_bar_all_by_itself_can_be_seen_and_stays_in_the_picture(at):
    heights = [0.0] * BARS
    heights[at] = 0.001
    assert bars_in(svg(heights)) == []
    heights[at] = 0.08
    ((left, width, height),) = bars_in(svg(heights))
    assert (width, left) == (2, min(at, BARS - 2))
    assert height >= 1.5


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [BAR, BASELINE])
@pytest.mark.parametrize("background", ["#ffffff", "#111111"])
def test_bars_and_their_line_stand_out_on_white_and_on_black(colour, background):
    darker, lighter = sorted((luminance(colour), luminance(background)))
    assert (lighter + 0.05) / (darker + 0.05) >= 3


def test_many_moments_are_drawn_as_few_bars():
    """What a picture takes depends on its bars, not on how many moments there were."""
    ledger = [crossing(line(2), "tf.constant", NUMPY_TO_TENSORFLOW)]
    moments = [Moment(0, n * MS, n * MS + n % 97 * 7000, 9, n % 89 * 7000) for n in range(9000)]
    recording = Recording(ledger=ledger, moments=moments, duration_ns=9000 * MS)
    assert len(timeline_html(recording)) < 30_000


def test_html_is_made_only_of_what_an_untrusted_notebook_keeps():
    report = timeline_html(hostile())
    for forbidden in ("<style", "<script", "<svg", "role=", "aria-", "hsla(", "\x1b", "\u202e"):
        assert forbidden not in report
    styles = " ".join(re.findall(r'style="([^"]*)"', report))
    assert not re.search(r"var\(|--|hsla?\(|currentcolor|rgb\(|url\(|(^|;)color:", styles)
