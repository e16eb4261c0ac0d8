"""What was saved comes back equal, and what is no recording is refused in a sentence."""

from __future__ import annotations

import copy
import dataclasses
import gzip
import json
import math
import os
import stat
import subprocess
import sys
import time
import tracemalloc
import types
import typing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tfnp_magic
from tests.golden import recordings
from tfnp_magic import RecordingFileError, activity, load, saved
from tfnp_magic.model import NUMPY_TO_TENSORFLOW, Crossing, Moment, Place
from tfnp_magic.plain_data import LARGEST, Misfit, form_of
from tfnp_magic.recording import Recording
from tfnp_magic.values import ValueChange
from tfnp_magic.views import html, text

laws = settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
every_recording = pytest.mark.parametrize("make", recordings.ALL.values(), ids=recordings.ALL)


# Any recording there can be, made of its annotations.

NAMES = {**vars(activity), "ValueChange": ValueChange}
SIMPLE = {
    # Two halves of a surrogate pair side by side are the character that they stand for.
    str: st.text(st.characters(), max_size=12).map(
        lambda drawn: drawn.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    ),
    bool: st.booleans(),
    int: st.integers(0, 300) | st.integers(-(2**40), 2**53 + 9),
    float: st.floats(allow_nan=False),  # which is not equal to itself
}


def values_of(kind):
    outer, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind in SIMPLE:
        return SIMPLE[kind]
    if outer in (typing.Union, types.UnionType):
        return st.none() | values_of(inner[0])
    if outer is list:
        return st.lists(values_of(inner[0]), max_size=2)
    if outer is tuple:
        return st.lists(values_of(inner[0]), max_size=3).map(tuple)
    if outer is dict:
        return st.dictionaries(values_of(inner[0]), values_of(inner[1]), max_size=2)
    hints = typing.get_type_hints(kind, localns=NAMES)
    return st.builds(kind, **{name: values_of(hint) for name, hint in hints.items()})


def with_moments_of_its_ledger(recording):
    many = len(recording.ledger)
    for moment in recording.moments:
        moment.crossing = moment.crossing % many if many else 0
    return recording if many else dataclasses.replace(recording, moments=[])


any_recording = st.deferred(lambda: values_of(Recording)).map(with_moments_of_its_ledger)


# What was saved comes back.


@laws
@given(recording=any_recording, name=st.sampled_from(["rec.json", "rec.json.gz"]))
def test_a_recording_that_was_saved_comes_back_equal(tmp_path, recording, name):
    recording.save(tmp_path / name)
    loaded = load(tmp_path / name)
    assert loaded == recording
    assert text.report(loaded, 80) == text.report(recording, 80)


@every_recording
def test_a_recording_that_was_saved_is_shown_alike(make, tmp_path):
    make().save(tmp_path / "rec.json")
    loaded = load(tmp_path / "rec.json")
    assert loaded == make()
    assert text.report(loaded, 100) == text.report(make(), 100)
    assert html.report(loaded) == html.report(make())
    assert loaded.crossings().equals(make().crossings())


def kinds_in(value):
    """Types of all that a value is made of."""
    if dataclasses.is_dataclass(value) or hasattr(value, "_fields"):
        names = getattr(value, "_fields", None) or [f.name for f in dataclasses.fields(value)]
        parts = [getattr(value, name) for name in names]
    elif isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    else:
        parts = value if isinstance(value, list | tuple) else []
    return {type(value)}.union(*map(kinds_in, parts))


def test_the_recordings_tested_here_have_every_part_there_is():
    """One that is new must come in here, lest it is saved untested."""
    seen = set().union(*(kinds_in(make()) for make in recordings.ALL.values()), {Moment})
    parts = {
        kind
        for module in (activity, sys.modules["tfnp_magic.model"])
        for kind in vars(module).values()
        if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
    }
    assert parts <= seen
    assert all(form_of(part) for part in parts)


@pytest.mark.parametrize(
    "error", [math.inf, -math.inf, 5e-324, 1.7976931348623157e308, 0.1, -0.0, None]
)
def test_every_float_survives_to_the_bit(tmp_path, error):
    assert repr(through_file(tmp_path, values=change(error)).largest_relative_error) == repr(error)


def test_a_number_that_is_none_survives(tmp_path):
    assert math.isnan(through_file(tmp_path, values=change(math.nan)).largest_relative_error)


def change(error):
    return ValueChange(10, 10, 3, largest_relative_error=error)


def through_file(tmp_path, **facts):
    """What a crossing with these facts has of values after it was saved and loaded."""
    ledger = [recordings.crossing(recordings.line(2), "np.sum", NUMPY_TO_TENSORFLOW, **facts)]
    Recording(ledger=ledger).save(tmp_path / "rec.json")
    return load(tmp_path / "rec.json").ledger[0].values


def test_whole_numbers_beyond_a_floats_survive(tmp_path):
    recording = Recording(duration_ns=2**53 + 1, housekeeping_bytes=2**62 + 1)
    recording.save(tmp_path / "rec.json")
    assert load(tmp_path / "rec.json") == recording


def test_numpys_numbers_are_saved_as_numbers(tmp_path):
    numpy = pytest.importorskip("numpy")
    recording = Recording(duration_ns=numpy.int64(3))
    recording.save(tmp_path / "rec.json")
    assert type(load(tmp_path / "rec.json").duration_ns) is int


def test_the_file_is_json_of_the_documented_form_in_utf_8(tmp_path):
    """Also where a text holds what UTF-8 cannot: other programs read it."""
    recording = Recording(title="配列", source="a = '\ud800'  # \\ud800 \\\ud800 \u2028")
    recording.save(tmp_path / "rec.json")
    content = (tmp_path / "rec.json").read_bytes()
    assert "配列".encode() in content
    document = json.loads(content.decode("utf-8"), parse_constant=pytest.fail)
    plain = document.pop("recording")
    assert document == {
        "format": "tfnp_magic recording", "version": 1, "written_by": tfnp_magic.__version__,
    }  # fmt: skip
    assert set(plain) == {field.name for field in dataclasses.fields(Recording)}
    assert plain["source"] == recording.source
    assert load(tmp_path / "rec.json") == recording


def test_the_same_recording_gives_the_same_file(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", iter((1e9, 1.1e9)).__next__)
    for name in ("one.json.gz", "other.json.gz"):
        recordings.driven().save(tmp_path / name)
    contents = {(tmp_path / name).read_bytes() for name in ("one.json.gz", "other.json.gz")}
    assert len(contents) == 1
    assert contents.pop().startswith(b"\x1f\x8b")


def test_what_is_packed_is_told_by_the_content_and_not_by_the_name(tmp_path):
    recordings.driven().save(tmp_path / "rec.GZ")
    (tmp_path / "rec.json").write_bytes((tmp_path / "rec.GZ").read_bytes())
    assert load(tmp_path / "rec.json") == recordings.driven()
    (tmp_path / "rec.GZ").write_bytes(gzip.decompress((tmp_path / "rec.json").read_bytes()))
    assert load(tmp_path / "rec.GZ") == recordings.driven()


def test_a_path_may_be_a_text_or_bytes(tmp_path):
    Recording(title="In[1]").save(os.fsencode(tmp_path / "é.json"))
    assert load(str(tmp_path / "é.json")).title == "In[1]"


def test_loading_needs_neither_tensorflow_nor_ipython_nor_pandas(tmp_path):
    recordings.driven().save(tmp_path / "rec.json")
    code = (
        "import sys, tfnp_magic; rec = tfnp_magic.load(sys.argv[1]); rec.save(sys.argv[1] + '2')\n"
        "print(sorted({'tensorflow', 'IPython', 'pandas', 'pickle'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "rec.json")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "tensorflow" not in ran.stdout
    assert "IPython" not in ran.stdout
    assert "pandas" not in ran.stdout
    assert (tmp_path / "rec.json2").read_bytes() == (tmp_path / "rec.json").read_bytes()


# Compatibility within a version.


def changed(tmp_path, change, make=recordings.driven):
    """Save a recording, change its document, and give the file's path."""
    make().save(tmp_path / "rec.json")
    document = json.loads((tmp_path / "rec.json").read_bytes())
    change(document)
    (tmp_path / "rec.json").write_text(json.dumps(document), encoding="utf-8")
    return tmp_path / "rec.json"


def test_a_field_with_a_default_that_an_earlier_version_did_not_write_has_it(tmp_path):
    def forget(document):
        del document["recording"]["moments"]
        for crossing in document["recording"]["ledger"]:
            del crossing["waited_ns"], crossing["shapes"]

    loaded = load(changed(tmp_path, forget))
    assert loaded.moments == []
    assert [(c.waited_ns, c.shapes) for c in loaded.ledger] == [(0, {})] * len(loaded.ledger)


def test_a_field_that_a_later_version_brought_asks_for_an_upgrade(tmp_path):
    def come_later(document):
        document["written_by"] = "0.99.0"
        document["recording"]["ledger"][2]["colour"] = "red"

    with pytest.raises(RecordingFileError) as refused:
        load(changed(tmp_path, come_later))
    assert said(refused) == (
        "was written by tfnp_magic 0.99.0 and has `recording.ledger[2].colour`, which this one "
        f"({tfnp_magic.__version__}) does not know: upgrade with `pip install -U tfnp_magic`."
    )


def said(refused):
    """The sentence behind the file's name."""
    name, _, sentence = str(refused.value).partition("rec.json' ")
    assert name.startswith("'")
    return sentence


def version(number, writer="0.9.0"):
    def change(document):
        document.update(version=number, written_by=writer, recording={"anything": "else"})

    return change


OWN = tfnp_magic.__version__
UPGRADE = f"this one ({OWN}) reads format 1: upgrade with `pip install -U tfnp_magic`."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (version(3), f"was written by tfnp_magic 0.9.0, in format 3; {UPGRADE}"),
        (
            version(3, "; rm -rf /"),
            f"was written by tfnp_magic (a later one), in format 3; {UPGRADE}",
        ),
        (
            version(0, "0.4.9"),
            f"was written by tfnp_magic 0.4.9, in format 0; this one ({OWN}) reads format 1 only: "
            "load it with `pip install tfnp_magic==0.4.9`, or trace again.",
        ),
        (
            version(-2, None),
            "was written by tfnp_magic (an earlier one), in format -2; this one "
            f"({OWN}) reads format 1 only: load it with the one that wrote it, or trace again.",
        ),
    ],
)
def test_another_version_is_named_with_what_to_do(tmp_path, change, sentence):
    with pytest.raises(RecordingFileError) as refused:
        load(changed(tmp_path, change))
    assert said(refused) == sentence


# What is no recording.

OTHER = "is no recording of tfnp_magic: "
GIVE = ". Give a file that `rec.save(path)` wrote."


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not JSON"),
        (b"\x80\x04\x95", "it is not JSON"),
        (b"cposix\nsystem\n(S'touch ran'\ntR.", "it is not JSON"),
        ("é".encode("latin-1"), "it is not JSON"),
        (b"import os", "it is not JSON"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"format": "tfnp_magic recording", "version": ' + b"[" * 100_000, "it is nested too"),
        (b"9" * 5000, "it is not JSON"),
        (b"9" * 5_000_000, "it is not JSON"),
        (b"NaN", "it is not JSON"),
        (b"[1, 2]", "it is JSON, but of something else"),
        (b'{"cells": [], "nbformat": 4}', "it is JSON, but of something else"),
        (b'{"format": {}}', "it is JSON, but of something else"),
        (
            b'{"format": "tfnp_magic recording"}',
            "it does not say in which version of the format",
        ),
        (
            b'{"format": "tfnp_magic recording", "version": true}',
            "it does not say in which version of the format",
        ),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, monkeypatch, content, why):
    monkeypatch.chdir(tmp_path)
    Path("rec.json").write_bytes(content)
    with pytest.raises(RecordingFileError) as refused:
        load("rec.json")
    assert said(refused).startswith(OTHER + why)
    assert said(refused).endswith(GIVE)
    assert os.listdir() == ["rec.json"]


def test_a_path_that_holds_control_characters_does_not_steer_the_terminal(tmp_path):
    (tmp_path / "\x1b[31m.json").write_bytes(b"")
    with pytest.raises(RecordingFileError) as refused:
        load(tmp_path / "\x1b[31m.json")
    assert "\x1b" not in str(refused.value)


def test_what_is_not_there_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "rec.json")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)


@pytest.mark.parametrize("name", ["rec.json", "rec.json.gz"])
def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path, name):
    recordings.one_conversion().save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for length in range(0, len(content) - 1, 7):
        (tmp_path / name).write_bytes(content[:length])
        with pytest.raises(RecordingFileError, match=r"damaged or cut off|not JSON"):
            load(tmp_path / name)


def test_a_file_that_is_cut_off_says_where_it_ends(tmp_path):
    recordings.one_conversion().save(tmp_path / "rec.json")
    content = (tmp_path / "rec.json").read_bytes()
    (tmp_path / "rec.json").write_bytes(content[:200])
    with pytest.raises(RecordingFileError) as refused:
        load(tmp_path / "rec.json")
    assert said(refused).startswith("is damaged or cut off: it is no JSON from character 1")
    assert said(refused).endswith(
        ", of 200. Save the recording again, or take an older copy of the file."
    )


def test_a_small_file_that_unpacks_to_very_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(saved, "MOST_UNPACKED", 1000)
    (tmp_path / "rec.json").write_bytes(gzip.compress(b" " * 20_000_000))
    tracemalloc.start()
    with pytest.raises(RecordingFileError, match="more than 1,000 bytes: unpack it with `gunzip`"):
        load(tmp_path / "rec.json")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


# What does not fit.


def put(*path_and_value):
    *path, last, value = path_and_value

    def change(document):
        part = document
        for step in path:
            part = part[step]
        part[last] = value

    return change


LEDGER = ("recording", "ledger", 2)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (put(*LEDGER, "count", "3"), ".ledger[2].count` should be a whole number and is a text"),
        (put(*LEDGER, "count", None), ".ledger[2].count` should be a whole number and is null"),
        (put(*LEDGER, "count", 3.0), ".ledger[2].count` should be a whole number and is a number"),
        (
            put(*LEDGER, "count", True),
            ".ledger[2].count` should be a whole number and is true or false",
        ),
        (put(*LEDGER, "nbytes", 2**63), " its numbers are too large"),
        (put(*LEDGER, "nbytes", -(2**63)), " its numbers are too large"),
        (put(*LEDGER, "nbytes", 10**4000), " its numbers are too large"),
        (put(*LEDGER, "explicit", 1), ".ledger[2].explicit` should be true or false and"),
        (put(*LEDGER, "route", []), ".ledger[2].route` should be a text and is a list"),
        (put(*LEDGER, "site", None), ".ledger[2].site` should be an object and is null"),
        (put(*LEDGER, "site", {"line": None}), ".ledger[2].site` lacks the field 'inner'"),
        (
            put(*LEDGER, "site", "line", "line", "9"),
            ".ledger[2].site.line.line` should be a whole number and is a text",
        ),
        (
            put(*LEDGER, "shapes", {"(10,)": 1}),
            ".ledger[2].shapes` should be a list and is an object",
        ),
        (put(*LEDGER, "shapes", [[[1, "2"], 1]]), ".shapes[0][0][1]` should be a whole number"),
        (put(*LEDGER, "shapes", [[[1], 1, 2]]), ".ledger[2].shapes[0]` should be a pair"),
        (put(*LEDGER, "shapes", [[[1], 1], [[1], 2]]), ".ledger[2].shapes` holds a key twice"),
        (put(*LEDGER, "colour", 1), ".ledger[2].colour` is no field that it has"),
        (put(*LEDGER, "\x1b[2J", 1), ".ledger[2].'\\x1b[2J'` is no field that it has"),
        (put(*LEDGER, {}), ".ledger[2]` lacks the field 'cast'"),
        (put(*LEDGER, []), ".ledger[2]` should be an object and is a list"),
        (put("recording", "versions", {"numpy": 2}), ".versions[0]` should be a text"),
        (put("recording", "title", 3), ".title` should be a text and is a whole number"),
        (put("recording", "error", False), ".error` should be a text and is true or false"),
        (put("recording", "ledger", {}), ".ledger` should be a list and is an object"),
        (put("recording", []), "` should be an object and is a list"),
        (put("more", 1), " its outermost object has other fields than it should"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_place(tmp_path, change, complaint):
    with pytest.raises(RecordingFileError) as refused:
        load(changed(tmp_path, change))
    assert complaint in said(refused)
    assert said(refused).startswith("is damaged")
    assert said(refused).endswith(". Save the recording again, or take an older copy of the file.")


@pytest.mark.parametrize("number", [-1, 1, 10**9])
def test_a_moment_of_a_crossing_that_is_not_there_is_refused(tmp_path, number):
    def add(document):
        moment = {"crossing": number, "start_ns": 0, "stop_ns": 1}
        document["recording"]["moments"] = [{**moment, "crossing": 0}, moment]

    path = changed(tmp_path, add, recordings.one_conversion)
    with pytest.raises(RecordingFileError, match=r"`recording.moments\[1\].crossing` is no index"):
        load(path)


# Whatever a file holds, it is refused or can be shown.

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def parts_of(document):
    """Every list or object of a document with each of its keys."""
    if not isinstance(document, list | dict):
        return []
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    inner = [pair for key in keys for pair in parts_of(document[key])]
    return [(document, key) for key in keys] + inner


def plain_of(make):
    return {
        "format": saved.FORMAT, "version": 1, "written_by": OWN,
        "recording": form_of(Recording).to_plain(make()),
    }  # fmt: skip


PLAIN = [plain_of(make) for make in recordings.ALL.values()]


def alike(value):
    """Another value of the same type as JSON has it."""
    for kind in (bool, int, float, str):
        if type(value) is kind:
            return SIMPLE[kind]
    return anything


@settings(laws, max_examples=100)
@given(data=st.data())
def test_a_document_that_was_changed_anywhere_is_refused_or_can_be_shown(tmp_path, data):
    document = copy.deepcopy(data.draw(st.sampled_from(PLAIN)))
    for _ in range(data.draw(st.integers(1, 3))):
        part, key = data.draw(st.sampled_from(parts_of(document)))
        # Mostly of the right type: what is refused at once shows nothing.
        part[key] = data.draw(st.one_of(*[alike(part[key])] * 5, anything))
    (tmp_path / "rec.json").write_text(json.dumps(document), encoding="utf-8")
    shown_or_refused(tmp_path / "rec.json")


@laws
@given(data=st.data(), packed=st.booleans())
def test_a_file_whose_bytes_were_changed_is_refused_or_can_be_shown(tmp_path, data, packed):
    content = bytearray(json.dumps(data.draw(st.sampled_from(PLAIN))).encode())
    content = bytearray(gzip.compress(content)) if packed else content
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    (tmp_path / "rec.json").write_bytes(content)
    shown_or_refused(tmp_path / "rec.json")


def shown_or_refused(path):
    try:
        loaded = load(path)
    except RecordingFileError:
        return
    assert text.report(loaded, 80)
    assert html.report(loaded)
    loaded.by_line()
    loaded.findings()
    loaded.diff(loaded)
    loaded.to_perfetto(path.with_name("trace.json"))


# Writing.


def test_only_a_recording_is_saved():
    with pytest.raises(TypeError, match="save takes a Recording, and not dict"):
        saved.save({}, "rec.json")


@pytest.mark.parametrize(
    ("recording", "complaint"),
    [
        (Recording(title=None), "`recording.title` should be a text and is null"),
        (Recording(ledger=[Place("", 1, "", "")]), "`recording.ledger[0]` should be a Crossing"),
        (Recording(lost=("a",)), "`recording.lost` should be a list and is of type tuple"),
        (Recording(duration_ns=1.5), "`recording.duration_ns` should be a whole number"),
        (Recording(duration_ns=LARGEST + 1), "`recording.duration_ns` is too large a number"),
        (Recording(moments=[Moment(0, 0, 1)]), "`recording.moments[0].crossing` is no index"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, recording, complaint):
    (tmp_path / "rec.json").write_text("before")
    with pytest.raises(ValueError) as refused:
        recording.save(tmp_path / "rec.json")
    assert str(refused.value).startswith(f"not saved: {complaint}")
    assert (tmp_path / "rec.json").read_text() == "before"


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_new_file_has_the_permissions_that_open_gives_and_an_old_one_keeps_its_own(tmp_path):
    before = os.umask(0o027)
    try:
        Recording().save(tmp_path / "new.json")
        (tmp_path / "old.json").touch()
        (tmp_path / "old.json").chmod(0o604)
        Recording().save(tmp_path / "old.json")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new.json") == 0o640
    assert mode(tmp_path / "old.json") == 0o604
    assert load(tmp_path / "old.json") == Recording()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk full")])
def test_a_save_that_is_broken_off_leaves_the_old_file_whole_and_nothing_beside_it(
    tmp_path, monkeypatch, error
):
    Recording(title="before").save(tmp_path / "rec.json")

    def replace(*paths):
        raise error

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises((KeyboardInterrupt, OSError)):
        Recording(title="after").save(tmp_path / "rec.json")
    assert load(tmp_path / "rec.json").title == "before"
    assert os.listdir(tmp_path) == ["rec.json"]


def test_a_save_that_fails_names_the_path_that_was_given(tmp_path):
    with pytest.raises(FileNotFoundError) as failed:
        Recording().save(tmp_path / "missing" / "rec.json")
    assert failed.value.filename == str(tmp_path / "missing" / "rec.json")
    with pytest.raises(IsADirectoryError):
        Recording().save(tmp_path)


def test_a_file_that_may_not_be_written_to_is_not_replaced_either(tmp_path, monkeypatch):
    """As `open` would have it, though the folder would allow it; root may do anything."""
    Recording(title="before").save(tmp_path / "rec.json")

    def refusing(path, mode):
        if Path(path).name == "rec.json" and mode != "rb":
            raise PermissionError(13, "Permission denied", path)
        return open(path, mode)

    monkeypatch.setattr(saved, "open", refusing, raising=False)
    with pytest.raises(PermissionError, match=r"rec\.json"):
        Recording(title="after").save(tmp_path / "rec.json")
    assert load(tmp_path / "rec.json").title == "before"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "rec.json")
    Recording(title="In[1]").save(tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert load(tmp_path / "rec.json").title == "In[1]"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    """So is a device; this one is the test's own, which nobody misses if it is replaced."""
    os.mkfifo(tmp_path / "rec.json")
    reader = os.open(tmp_path / "rec.json", os.O_RDONLY | os.O_NONBLOCK)
    try:
        Recording(title="In[1]").save(tmp_path / "rec.json")
        assert stat.S_ISFIFO(os.stat(tmp_path / "rec.json").st_mode)
        (tmp_path / "copy.json").write_bytes(os.read(reader, 100_000))
    finally:
        os.close(reader)
    assert load(tmp_path / "copy.json").title == "In[1]"


# Forms of what the records do not have yet.


def test_a_type_that_plain_data_has_no_form_for_is_refused_when_it_is_written():
    with pytest.raises(TypeError, match="no form of plain data for"):
        form_of(set[int])


def test_keys_may_be_of_any_form_and_numbers_may_be_whole():
    pairs = form_of(dict[int, list[Crossing]])
    assert pairs.from_plain(pairs.to_plain({3: []})) == {3: []}
    assert form_of(float).from_plain(3) == 3.0
    with pytest.raises(Misfit, match="should be a number and is a text"):
        form_of(float).from_plain("3.0")
