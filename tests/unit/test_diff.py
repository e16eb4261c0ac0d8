"""Two recordings compared by line: which line is which, and figures that add up."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.golden import recordings
from tests.golden.recordings import crossing
from tests.unit.test_saved import any_recording
from tfnp_magic.figures import known_sum
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, Place, Site
from tfnp_magic.recording import Recording
from tfnp_magic.views.diff import COLUMNS, FIGURES, diff_frame
from tfnp_magic.views.edited import bare, edited_lines, similar, without_figures

laws = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
every_recording = pytest.mark.parametrize("make", recordings.ALL.values(), ids=recordings.ALL)


# Recordings of cells and files, from their texts.


def place(source, line, text, function="<module>"):
    return Place(source, line, function, text.strip())


def cell(text, counts, title="In[3]", inner=()):
    """A traced cell: how often each of its lines converted, and what lines elsewhere did."""
    lines = text.split("\n")
    ledger = [
        at(place(title, number, lines[number - 1]), count) for number, count in counts.items()
    ]
    ledger += [at(where, count) for where, count in inner]
    return Recording(title=title, source=text, ledger=ledger)


def script(lines, path="/home/someone/train.py", source="train.py"):
    """What `trace()` leaves of a file: lines that converted, without the file's text."""
    ledger = [at(place(source, number, text), count) for number, text, count in lines]
    return Recording(title=path, ledger=ledger)


def at(where, count, **facts):
    return crossing(Site(where, None), "tf.constant", NUMPY_TO_TENSORFLOW, count=count, **facts)


def told(before, after):
    """Lines, change and counts of each row."""
    frame = before.diff(after)
    names = ["line_before", "line_after", "change", "count_before", "count_after"]
    return [
        tuple(None if value is pd.NA else value for value in row)
        for row in frame[names].itertuples(index=False)
    ]


LOOP = """%%interop_trace -o before
for row in rows:
    t = tf.constant(row)
    total += t.numpy()
print(np.sum(t))"""


def test_a_line_put_above_moves_the_others_and_changes_none():
    after = LOOP.replace("for row", "rows = rows[:5]\n\nfor row")
    rows = told(cell(LOOP, {3: 10, 4: 10, 5: 1}), cell(after, {5: 5, 6: 5, 7: 1}, "In[4]"))
    assert rows == [(3, 5, "same", 10, 5), (4, 6, "same", 10, 5), (5, 7, "same", 1, 1)]


def test_a_changed_line_is_the_edited_one_and_shows_what_it_is_now():
    after = LOOP.replace("tf.constant(row)", "tf.constant(row, tf.float32)")
    before, later = cell(LOOP, {3: 10, 4: 10}), cell(after, {3: 10, 4: 9}, "In[4]")
    assert told(before, later) == [(3, 3, "edited", 10, 10), (4, 4, "same", 10, 9)]
    frame = before.diff(later)
    assert list(frame["code"]) == ["t = tf.constant(row, tf.float32)", "total += t.numpy()"]
    assert list(frame["source"]) == ["In[4]", "In[4]"]


def test_a_conversion_moved_out_of_a_loop_is_the_same_line():
    before = LOOP.replace("tf.constant(row)", "tf.constant(rows)")
    after = before.replace("    t = tf.constant(rows)\n", "").replace(
        "for row", "t = tf.constant(rows)\nfor row"
    )
    rows = told(cell(before, {3: 10, 4: 10}), cell(after, {2: 1, 4: 10}))
    assert rows == [(3, 2, "same", 10, 1), (4, 4, "same", 10, 10)]


def test_a_conversion_moved_out_of_a_loop_and_changed_is_known_by_the_name_it_assigns_to():
    after = LOOP.replace("    t = tf.constant(row)\n", "").replace(
        "for row", "t = tf.constant(rows)\nfor row"
    )
    rows = told(cell(LOOP, {3: 10, 4: 10}), cell(after, {2: 1, 4: 10}))
    assert rows == [(3, 2, "edited", 10, 1), (4, 4, "same", 10, 10)]
    other = after.replace("t = tf.constant(rows)", "u = tf.constant(rows)")
    rows = told(cell(LOOP, {3: 10}), cell(other, {2: 1}))
    assert rows == [(None, 2, "added", 0, 1), (3, None, "removed", 10, 0)]


def test_a_line_that_is_gone_stands_below_the_line_that_it_stood_below():
    after = LOOP.replace("    total += t.numpy()\n", "").replace("print", "x = 1\nprint")
    rows = told(cell(LOOP, {3: 10, 4: 9, 5: 1}), cell(after, {3: 10, 5: 1}))
    assert rows == [(3, 3, "same", 10, 10), (4, None, "removed", 9, 0), (5, 5, "same", 1, 1)]


def test_an_unlike_line_in_its_place_is_another():
    after = LOOP.replace("total += t.numpy()", "values.append(t)")
    before, later = cell(LOOP, {4: 10}), cell(after, {4: 3})
    assert told(before, later) == [(4, None, "removed", 10, 0), (None, 4, "added", 0, 3)]
    assert list(before.diff(later)["code"]) == ["total += t.numpy()", "values.append(t)"]


def test_equal_lines_are_told_apart_by_their_order():
    before = "%%interop_trace\nx.numpy()\ny = 1\nx.numpy()\nx.numpy()"
    after = "%%interop_trace\nx.numpy()\nz = 2\ny = 1\nx.numpy()\nw = 3\nx.numpy()"
    rows = told(cell(before, {2: 1, 4: 2, 5: 3}), cell(after, {2: 1, 5: 2, 7: 3}))
    assert rows == [(2, 2, "same", 1, 1), (4, 5, "same", 2, 2), (5, 7, "same", 3, 3)]


def test_of_equal_lines_one_may_be_gone():
    before = "%%interop_trace\nx.numpy()\nx.numpy()\nx.numpy()"
    rows = told(cell(before, {2: 1, 3: 2, 4: 3}), cell(before[:-10], {2: 1, 3: 2}))
    assert rows == [(2, 2, "same", 1, 1), (3, 3, "same", 2, 2), (4, None, "removed", 3, 0)]


def test_lines_that_changed_places_are_the_same():
    before = "%%interop_trace\na = tf.constant(x)\nb = y.numpy()\nc = np.sum(z)"
    after = "%%interop_trace\nc = np.sum(z)\na = tf.constant(x)\nb = y.numpy()"
    rows = told(cell(before, {2: 1, 3: 2, 4: 3}), cell(after, {2: 3, 3: 1, 4: 2}))
    assert rows == [(4, 2, "same", 3, 3), (2, 3, "same", 1, 1), (3, 4, "same", 2, 2)]


def test_a_line_that_stopped_converting_is_there_with_nothing():
    """Its code is what the cell holds now, also where the recording tells of no such line."""
    after = LOOP.replace("tf.constant(row)", "tf.constant(batch)  # now a tensor")
    before, later = cell(LOOP, {3: 10, 4: 10}), cell(after, {4: 10}, "In[4]")
    assert told(before, later) == [(3, 3, "edited", 10, 0), (4, 4, "same", 10, 10)]
    assert list(before.diff(later).iloc[0][["source", "code"]]) == [
        "In[4]", "t = tf.constant(batch)",
    ]  # fmt: skip
    assert told(later, before)[0] == (3, 3, "edited", 0, 10)


def test_comments_indentation_and_the_magics_options_do_not_count():
    after = "\n".join(
        (
            "%%interop_trace --annotate -o after",
            "# converts",
            "if True:",
            "    for row in rows:  # each",
            "        t = tf.constant(row)  # tfnp: 10 conversions, 80 B copied",
            "        total += t.numpy()  # mine  # tfnp: 10 conversions",
            "print(np.sum(t))",
        )
    )
    before, later = cell(LOOP, {1: 1, 3: 10, 4: 10}), cell(after, {1: 1, 5: 10, 6: 9})
    assert told(before, later) == [
        (1, 1, "same", 1, 1), (3, 5, "same", 10, 10), (4, 6, "same", 10, 9),
    ]  # fmt: skip
    assert list(before.diff(later)["code"])[1:] == [
        "t = tf.constant(row)", "total += t.numpy()  # mine",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("x = 1  # one", "x = 1"),
        ("  '#' + \"it's # \" + '\\'#'  # it's", "'#' + \"it's # \" + '\\'#'"),
        ("'''a # b''' # c", "'''a # b'''"),
        ("don't say # here", "don't say"),
        ("# nothing", ""),
        ("\t", ""),
        ("%%interop_trace -o rec --graph", "%%interop_trace"),
        ("%%time", "%%time"),
        ("x" * 100_000 + "  # long", "x" * 100_000 + "  # long"),
    ],
)
def test_a_comment_is_told_from_a_sign_in_a_text(line, code):
    assert bare(line) == code


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("x = f(a,  # tfnp: 3 conversions", "x = f(a,"),
        ("x = 1  # mine  # tfnp: 3 conversions", "x = 1  # mine"),
        ("x = 1  # tfnp: 3 conversions # mine", "x = 1 # mine"),
        ("x = '# tfnp: 3'", "x = '# tfnp: 3'"),
        ("%%interop_trace --annotate", "%%interop_trace --annotate"),
    ],
)
def test_figures_of_an_older_run_are_not_shown(line, shown):
    assert without_figures(line) == shown


# Lines that are in no traced cell's text.


def test_a_function_of_a_cell_that_ran_again_under_another_number_is_the_same():
    helper = "return x - np.mean(x)"
    before = cell(LOOP, {3: 1}, "In[3]", [(place("In[2]", 2, helper, "normalise"), 7)])
    after = cell(LOOP, {3: 1}, "In[6]", [(place("In[5]", 4, helper, "normalise"), 8)])
    assert told(before, after) == [(3, 3, "same", 1, 1), (2, 4, "same", 7, 8)]
    assert list(before.diff(after)["source"]) == ["In[6]", "In[5]"]


def test_a_function_that_was_edited_in_its_cell_is_known_by_its_name():
    def inner(source, line, text, function):
        return [(place(source, line, text, function), 7)]

    before = cell(LOOP, {}, "In[3]", inner("In[2]", 2, "return x - np.mean(x)", "normalise"))
    after = inner("In[5]", 4, "return x - np.mean(x, 0)", "normalise")
    assert told(before, cell(LOOP, {}, "In[6]", after)) == [(2, 4, "edited", 7, 7)]
    other = inner("In[5]", 4, "return x - np.mean(x, 0)", "other")
    assert told(before, cell(LOOP, {}, "In[6]", other)) == [
        (2, None, "removed", 7, 0), (None, 4, "added", 0, 7),
    ]  # fmt: skip


def test_the_same_number_of_a_cell_comes_before_another_with_the_same_text():
    helper = "return np.sum(x)"
    inner = [(place(f"In[{number}]", 2, helper, "f"), number) for number in (10, 2)]
    before, after = cell(LOOP, {}, "In[11]", inner), cell(LOOP, {}, "In[12]", inner[::-1])
    assert told(before, after) == [(2, 2, "same", 2, 2), (2, 2, "same", 10, 10)]
    assert list(before.diff(after)["source"]) == ["In[2]", "In[10]"]


def test_lines_of_a_file_are_the_same_by_number_and_text():
    lines = [(10, "a.numpy()", 1), (11, "a.numpy()", 2)]
    assert told(script(lines), script(lines[1:])) == [
        (10, None, "removed", 1, 0), (11, 11, "same", 2, 2),
    ]  # fmt: skip


def test_lines_of_an_edited_file_are_known_by_their_texts():
    before = [(10, "a.numpy()", 1), (12, "b = tf.constant(x)", 2), (20, "np.sum(c)", 3)]
    after = [(12, "a.numpy()", 1), (14, "b = tf.constant(x, y)", 2), (30, "d.numpy()[:2]", 4)]
    assert told(script(before), script(after)) == [
        (10, 12, "same", 1, 1), (12, 14, "edited", 2, 2), (20, None, "removed", 3, 0),
        (None, 30, "added", 0, 4),
    ]  # fmt: skip


def test_a_traced_file_may_have_another_name():
    """In a notebook, a cell with ``trace()`` is a file of its own, named anew when edited."""
    lines = [(10, "a.numpy()", 1)]
    before = script(lines, "/tmp/ipykernel_1/11.py", "/tmp/ipykernel_1/11.py")
    after = script([(11, "a.numpy()", 1)], "/tmp/ipykernel_1/22.py", "/tmp/ipykernel_1/22.py")
    assert told(before, after) == [(10, 11, "same", 1, 1)]


def test_lines_whose_text_is_not_at_hand_are_known_by_their_number():
    before, after = [(10, "", 1), (12, "", 2)], [(12, "", 3), (13, "", 4)]
    assert told(script(before), script(after)) == [
        (10, None, "removed", 1, 0), (12, 12, "same", 2, 3), (None, 13, "added", 0, 4),
    ]  # fmt: skip


def test_another_module_is_another_even_with_the_same_text():
    module = place("features.py", 3, "return tf.cast(x, y)", "f")
    other = place("project.py", 3, "return tf.cast(x, y)", "f")
    before, after = cell(LOOP, {}, inner=[(module, 2)]), cell(LOOP, {}, inner=[(other, 2)])
    assert told(before, after) == [(3, None, "removed", 2, 0), (None, 3, "added", 0, 2)]


def test_figures_count_at_the_innermost_line_and_no_lines_come_last():
    line, inner = place("In[3]", 3, "t = tf.constant(row)"), place("f.py", 7, "x.numpy()", "f")
    ledger = [
        crossing(Site(None, None), "tf.constant", NUMPY_TO_TENSORFLOW, count=2),
        crossing(Site(line, inner), "Tensor.numpy", NUMPY_TO_TENSORFLOW, count=3),
        crossing(Site(None, inner), "Tensor.numpy", NUMPY_TO_TENSORFLOW, count=4),
        crossing(Site(line, None), "tf.constant", NUMPY_TO_TENSORFLOW, count=5),
    ]
    recording = Recording(title="In[3]", source=LOOP, ledger=ledger)
    assert told(recording, Recording(title="In[4]", source=LOOP)) == [
        (3, 3, "same", 5, 0), (7, None, "removed", 7, 0), (None, None, "same", 2, 0),
    ]  # fmt: skip


# The frame.

TEXT = "str"
DTYPES = {
    "line_before": "Int64", "line_after": "Int64", "source": TEXT, "code": TEXT, "change": TEXT,
    "count_before": "int64", "count_after": "int64", "bytes_before": "Int64",
    "bytes_after": "Int64", "copied_bytes_before": "Int64", "copied_bytes_after": "Int64",
    "moved_bytes_before": "Int64", "moved_bytes_after": "Int64", "seconds_before": "float64",
    "seconds_after": "float64", "silent_casts_before": "int64", "silent_casts_after": "int64",
}  # fmt: skip


@every_recording
def test_the_frame_has_the_same_columns_and_dtypes_whatever_was_recorded(make):
    expected = {name: pd.Series([], dtype=kind).dtype for name, kind in DTYPES.items()}
    for frame in (make().diff(make()), make().diff(Recording()), Recording().diff(make())):
        assert dict(frame.dtypes) == expected
        assert tuple(frame) == COLUMNS


def test_each_figure_is_what_the_line_came_to():
    where = place("In[3]", 3, "t = tf.constant(row)")
    facts = {
        "nbytes": 8_000, "copied_bytes": 4_000, "cast": "silent", "device_to": "GPU:0",
        "moved_bytes": 4_000, "duration_ns": 2_000_000,
    }  # fmt: skip
    before = Recording(title="In[3]", ledger=[at(where, 2, **facts), at(where, 1)])
    row = before.diff(Recording()).iloc[0]
    assert [row[f"{name}_before"] for name in FIGURES] == [3, 8_040, 4_080, 4_000, 0.002012345, 2]
    assert [row[f"{name}_after"] for name in FIGURES] == [0, 0, 0, 0, 0.0, 0]


def test_what_is_unknown_is_missing_and_not_nothing():
    where = place("In[3]", 3, "x = tf.constant(a)")
    unknown = at(
        where, 1, nbytes=None, copied_bytes=None, duration_ns=None, moved_bytes=None,
        device_to="GPU:0",
    )  # fmt: skip
    recording = Recording(title="In[3]", ledger=[unknown, at(where, 1)])
    row = recording.diff(recording).iloc[0]
    for side in ("before", "after"):
        names = [f"{name}_{side}" for name in ("bytes", "copied_bytes", "moved_bytes", "seconds")]
        assert row[names].isna().all()


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (None, "diff takes another Recording, and not NoneType"),
        (pd.DataFrame(), "diff takes another Recording, and not DataFrame"),
        ("rec.json", "diff takes another Recording, and not str: read the file with "
                     "`tfnp_magic.load`"),
        (Path("rec.json"), f"diff takes another Recording, and not {type(Path()).__name__}: read "
                           "the file with `tfnp_magic.load`"),
    ],
)  # fmt: skip
def test_only_a_recording_is_compared(other, sentence):
    with pytest.raises(TypeError) as refused:
        Recording().diff(other)
    assert str(refused.value) == sentence


# Laws.


def sums_are_the_totals(frame, side, recording):
    ledger = recording.ledger
    assert frame[f"count_{side}"].sum() == sum(c.count for c in ledger)
    silent = sum(c.count for c in ledger if c.cast == "silent")
    assert frame[f"silent_casts_{side}"].sum() == silent
    for column, field in (("bytes", "nbytes"), ("copied_bytes", "copied_bytes")):
        known = frame[f"{column}_{side}"]
        total = known_sum(getattr(c, field) for c in ledger)
        assert known.isna().any() == (total is None)
        assert total is None or known.sum() == total


@every_recording
def test_nothing_differs_from_itself(make):
    same_as_itself(make())


@laws
@given(recording=any_recording)
def test_no_recording_differs_from_itself(recording):
    same_as_itself(recording)


def same_as_itself(recording):
    frame = diff_frame(recording, recording)
    assert (frame["change"] == "same").all()
    assert frame["line_before"].equals(frame["line_after"].rename("line_before"))
    for figure in FIGURES:
        assert frame[f"{figure}_before"].equals(frame[f"{figure}_after"].rename(None))
    sums_are_the_totals(frame, "before", recording)


CODES = ("t = tf.constant(a)", "t = tf.constant(b, c)", "x.numpy()", "x.numpy()", "y = 1", "", "#")


@st.composite
def cells(draw):
    lines = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=9))
    numbers = [number for number, line in enumerate(lines, 2) if line not in ("", "#")]
    counts = draw(st.dictionaries(st.sampled_from(numbers), st.integers(1, 9))) if numbers else {}
    inner = draw(
        st.dictionaries(
            st.tuples(
                st.sampled_from(["In[1]", "In[2]", "f.py"]),
                st.integers(1, 4),
                st.sampled_from(["f", "<module>"]),
                st.sampled_from(CODES),
            ),
            st.integers(1, 9),
            max_size=4,
        )
    )
    inner = [(place(*key[:2], key[3], key[2]), count) for key, count in inner.items()]
    text = "\n".join(["%%interop_trace", *lines])
    if draw(st.booleans()):
        return cell(text, counts, draw(st.sampled_from(["In[3]", "In[4]"])), inner)
    recording = cell(text, counts, "a.py", inner)
    return dataclasses.replace(recording, source="")


@settings(laws, max_examples=150)
@given(before=cells(), after=cells())
def test_every_line_is_told_once_and_nothing_is_lost(before, after):
    frame = before.diff(after)
    sums_are_the_totals(frame, "before", before)
    sums_are_the_totals(frame, "after", after)
    missing = frame["line_before"].isna(), frame["line_after"].isna()
    assert (missing[0] == (frame["change"] == "added")).all()
    assert (missing[1] == (frame["change"] == "removed")).all()
    assert (frame["count_before"] + frame["count_after"] > 0).all()
    back = after.diff(before)
    assert frame["count_before"].sum() == back["count_after"].sum()
    traced = frame[frame["source"].isin({before.title, after.title})]
    assert traced["line_after"].dropna().is_monotonic_increasing


def test_a_long_cell_that_was_written_anew_is_compared_in_a_moment():
    """Only lines with figures are compared for similarity, and long ones in part."""
    before = {n: f"value_{n} = tf.constant(a[{n}])" for n in range(2, 1000)}
    after = {n: f"other_{n} = np.asarray(b[{n}])" for n in range(2, 1000)}
    before[7], after[7] = "x" * 100_000, "x" * 99_999 + "y"
    pairs = edited_lines(before, after, ({7, 8}, {7, 9}))
    assert pairs.same == {}
    assert pairs.edited[7] == 7
    assert len(pairs.edited) <= 4


def test_a_long_piece_that_was_edited_line_by_line_is_paired_line_by_line():
    before = {n: f"x{n} = tf.constant(a[{n}])" for n in range(2, 60)}
    after = {n: f"y{n} = tf.constant(b[{n}])" for n in range(2, 60)}
    assert edited_lines(before, after, (set(before), set())).edited == {n: n for n in before}


def test_the_most_similar_are_paired_first_and_their_order_is_kept():
    before = {1: "t = tf.constant(first)", 2: "u = tf.constant(second)"}
    after = {1: "u = tf.constant(second, x)", 2: "t = tf.constant(first, x)"}
    assert similar(before, after) == {2: 1}
    assert similar(before, {3: "v = tf.constant(third)"}) in ({1: 3}, {2: 3})
    assert similar({}, after) == {}
