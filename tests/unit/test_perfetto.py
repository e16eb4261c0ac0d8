"""The file for Perfetto and ``chrome://tracing``: the Trace Event Format, and what it tells."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden import recordings
from tests.golden.recordings import HOSTILE, crossing, line
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, TENSORFLOW_TO_NUMPY, Moment, Place, Site
from tfnp_magic.recording import Recording
from tfnp_magic.views.timeline.lanes import lane_of
from tfnp_magic.views.timeline.perfetto import slices_of


def two_lanes():
    """A copy and a read in place, on two threads."""
    return Recording(
        title="In[3]",
        ledger=[
            crossing(
                line(2, "x = tf.constant(a)"), "tf.constant", NUMPY_TO_TENSORFLOW, count=3,
                nbytes=120, copied_bytes=240, duration_ns=3500, dtype_from="float64",
            ),
            crossing(
                Site(Place("In[3]", 5, "<module>", "f(x)"), Place("In[2]", 4, "f", "np.std(x)")),
                "np.std", TENSORFLOW_TO_NUMPY, storage="view", nbytes=None, duration_ns=None,
                shapes={(10,): 2, (3, 4): 1},
            ),
        ],
        moments=[
            Moment(0, 1_000, 2_001, 1, 1_001, 40),
            Moment(1, 3_000, 3_000, 1, None, None),
            Moment(0, 5_000, 9_999, 2, 2_499, 80, 1),
        ],
        duration_ns=20_000,
    )  # fmt: skip


def written(recording, tmp_path):
    path = tmp_path / "trace.json"
    recording.to_perfetto(path)
    return json.loads(path.read_text(encoding="utf-8"))["traceEvents"]


def slices(entries, name=None):
    return [e for e in entries if e["ph"] == "X" and e["tid"] != 1 and name in (None, e["name"])]


def names(entries, what="thread_name"):
    return {e["tid"]: e["args"]["name"] for e in entries if e["name"] == what}


def test_each_moment_is_a_slice_with_its_times_in_microseconds(tmp_path):
    entries = written(two_lanes(), tmp_path)
    told = [(e["name"], e["ts"], e["dur"], e["cat"]) for e in slices(entries)]
    assert told == [
        ("tf.constant (line 2)", 1.0, 1.001, "copies"),
        ("tf.constant (line 2)", 5.0, 4.999, "copies"),
        ("np.std (line 5)", 3.0, 0.0, "the rest"),
    ]


def test_lanes_and_threads_have_tracks_of_their_own_in_the_timelines_order(tmp_path):
    entries = written(two_lanes(), tmp_path)
    assert names(entries) == {1: "traced code", 2: "copies", 3: "copies (thread 1)", 4: "the rest"}
    assert [e["tid"] for e in slices(entries)] == [2, 3, 4]
    assert names(entries, "process_name") == {0: "tfnp_magic: In[3]"}
    order = {e["tid"]: e["args"]["sort_index"] for e in entries if e["name"].endswith("_index")}
    assert sorted(order, key=order.get) == [1, 2, 3, 4]


def test_the_traced_code_is_a_slice_from_its_start_to_its_end(tmp_path):
    (code,) = (e for e in written(two_lanes(), tmp_path) if e["ph"] == "X" and e["tid"] == 1)
    assert (code["name"], code["ts"], code["dur"]) == ("In[3]", 0, 20)
    assert code["args"]["conversions"] == 4


def test_a_slice_tells_where_how_and_what(tmp_path):
    entries = written(two_lanes(), tmp_path)
    _, many = slices(entries, "tf.constant (line 2)")
    assert many["args"] == {
        "conversions": 2, "bytes": 80, "busy_us": 2.499, "thread": 1, "line": 2,
        "code": "x = tf.constant(a)", "source": "In[3]", "inner": "", "route": "tf.constant",
        "direction": "numpy → tensorflow", "dtype": "float64 → float32",
        "device": "host → CPU:0", "cast": "none", "storage": "copy", "reason": recordings.COPIED,
        "in_all": {
            "conversions": 3, "bytes": 120, "copied_bytes": 240, "moved_bytes": 0,
            "shapes": "(10,)", "busy_us": 3.5,
        },
    }  # fmt: skip


def test_what_is_not_known_says_so(tmp_path):
    (read,) = slices(written(two_lanes(), tmp_path), "np.std (line 5)")
    args = read["args"]
    assert args["bytes"] == args["busy_us"] == args["in_all"]["busy_us"] == "unknown"
    assert args["inner"] == "f in In[2], line 4"
    assert args["in_all"]["shapes"] == "(10,) x2, (3, 4) x1"
    nowhere = Recording(
        ledger=[crossing(Site(None, None), "tf.constant", NUMPY_TO_TENSORFLOW)],
        moments=[Moment(0, 0, 1)],
    )
    (lost,) = slices(written(nowhere, tmp_path))
    assert lost["name"] == "tf.constant"
    assert lost["args"]["line"] == lost["args"]["code"] == "unknown"


@pytest.mark.parametrize("make", recordings.ALL.values(), ids=recordings.ALL)
def test_any_recording_gives_a_file_with_at_least_the_traced_code(make, tmp_path):
    """Also an empty one: a viewer opens a file without slices as an empty page."""
    entries = written(make(), tmp_path)
    assert sum(e["ph"] == "X" for e in entries) == 1
    assert {e["ph"] for e in entries} == {"M", "X"}


def test_hostile_text_is_valid_and_shown_plainly(tmp_path):
    """A lone surrogate has no place in UTF-8; and escapes are what Perfetto does not read."""
    recording = recordings.hostile()
    recording.moments = [Moment(0, 0, 1), Moment(1, 2, 3)]
    path = tmp_path / "trace.json"
    recording.to_perfetto(path)
    content = path.read_bytes().decode("utf-8", "strict")
    assert not any(ord(character) < 32 for character in content)
    assert "\\u" not in content
    assert "漢字かな" in content
    (cast,) = (e for e in slices(json.loads(content)["traceEvents"]) if e["cat"] == "casts")
    assert "<script>alert(1)</script>" in cast["args"]["code"]
    assert "\u202e" not in content
    assert HOSTILE not in content


def test_a_path_that_cannot_be_written_is_pythons_own_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        two_lanes().to_perfetto(tmp_path / "nowhere" / "trace.json")
    with pytest.raises(IsADirectoryError):
        two_lanes().to_perfetto(tmp_path)


def test_a_file_that_stood_there_is_replaced(tmp_path):
    (tmp_path / "trace.json").write_text("x" * 100_000, encoding="utf-8")
    assert written(two_lanes(), tmp_path)


moments = st.lists(
    st.builds(
        lambda of, start, took, thread: Moment(of, start, start + took, 1, took, 1, thread),
        st.integers(0, 3), st.integers(0, 60), st.integers(0, 30), st.integers(0, 1),
    ),
    max_size=25,
)  # fmt: skip


@settings(deadline=None)
@given(moments)
def test_on_a_track_slices_follow_one_another_and_none_is_lost(some):
    views = [{"storage": "view"}, {}, {}, {"cast": "silent"}]
    ledger = [
        crossing(line(number), "tf.constant", NUMPY_TO_TENSORFLOW, **facts)
        for number, facts in enumerate(views)
    ]
    entries = list(slices_of(Recording(ledger=ledger, moments=some)))
    tracks = {}
    for each in slices(entries):
        tracks.setdefault(each["tid"], []).append(each)
    for track in tracks.values():
        for before, after in itertools.pairwise(track):
            assert round((before["ts"] + before["dur"]) * 1000) <= round(after["ts"] * 1000)
        assert len({(each["cat"], each["args"]["thread"]) for each in track}) == 1
    drawn = Counter(
        (round(e["ts"] * 1000), round(e["dur"] * 1000), e["cat"], e["args"]["thread"])
        for e in slices(entries)
    )
    assert drawn == Counter(
        (m.start_ns, m.stop_ns - m.start_ns, lane_of(ledger[m.crossing]), m.thread) for m in some
    )
    assert set(tracks) == set(names(entries)) - {1}


def test_moments_that_overlap_are_in_rows():
    ledger = [crossing(line(n), "tf.constant", NUMPY_TO_TENSORFLOW) for n in (2, 3)]
    some = [Moment(0, 0, 10), Moment(1, 5, 15), Moment(0, 10, 20), Moment(1, 15, 25)]
    entries = list(slices_of(Recording(ledger=ledger, moments=some)))
    assert names(entries) == {1: "traced code", 2: "copies", 3: "copies, row 2"}
    assert [(e["tid"], e["args"]["line"]) for e in slices(entries)] == [
        (2, 2), (2, 2), (3, 3), (3, 3),
    ]  # fmt: skip
