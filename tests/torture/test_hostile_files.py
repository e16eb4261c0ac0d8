"""A file that somebody made to be loaded: one sentence, no code run, bounded memory."""

from __future__ import annotations

import gzip
import os
import pickle
import re
import subprocess
import sys
import textwrap

import pytest

import tfnp_magic
from tests.golden import recordings
from tests.torture.strings import ATTACKS, Page, poisoned, steers
from tests.torture.test_malicious_strings import elements_of
from tfnp_magic.recording import Recording
from tfnp_magic.views import html, text

HEAD = '{"format":"tfnp_magic recording","version":1,"written_by":"0.7.0","recording":'


class Runs:
    """What pickle would make of it is a side effect."""

    def __reduce__(self):
        return os.abort, ()


def whole(recording):
    return f"{HEAD}{recording}}}".encode()


DEEP = 300_000
FILES = {
    "a pickle": pickle.dumps(Runs()),
    "a packed pickle": gzip.compress(pickle.dumps(Runs())),
    "deep lists": whole("[" * DEEP + "]" * DEEP),
    "deep objects": whole('{"ledger":' * DEEP + "1" + "}" * DEEP),
    "deep in a field": whole('{"ledger":' + "[" * 5_000 + "]" * 5_000 + "}"),
    "a name twice": whole('{"title":"a","title":"b"}'),
    "a format twice": b'{"format":"x",' + whole("{}")[1:],
    "no number": whole('{"left_out":NaN}'),
    "infinity": whole('{"duration_ns":Infinity}'),
    "an infinite number": whole('{"duration_ns":1e999}'),
    "five million digits": whole('{"left_out":' + "9" * 5_000_000 + "}"),
    "many large numbers": whole('{"lost":[' + "9223372036854775807," * 9 + "0]}"),
    "no text": whole('{"title":["a"]}'),
    "an object for a list": whole('{"ledger":{"0":{}}}'),
    "true for a number": whole('{"left_out":true}'),
    "a class": whole('{"__class__":"os.system","title":"x"}'),
    "nothing": b"",
    "nothing, packed": gzip.compress(b""),
    "packed twice": gzip.compress(gzip.compress(whole("{}"))),
    "cut off": gzip.compress(whole("{}"))[:-6],
    "wrong sum": gzip.compress(whole("{}"))[:-8] + b"\0" * 8,
    "spaces": b" " * 30_000_000,
    "packed spaces": gzip.compress(b" " * 300_000_000, 1),
    "zeros": b"\0" * 30_000_000,
}  # fmt: skip


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_hostile_file_is_refused_with_one_sentence(tmp_path, content):
    path = tmp_path / "rec.json"
    path.write_bytes(content)
    with pytest.raises(tfnp_magic.RecordingFileError) as raised:
        tfnp_magic.load(path)
    assert str(raised.value).startswith(repr(str(path)))
    assert len(str(raised.value)) < 600
    assert steers(str(raised.value)) == set()
    assert raised.value.__cause__ is None


def test_less_than_nothing_is_shown_as_it_stands(tmp_path):
    """No trace counts so; it is the file's own claim, and hurts no view."""
    path = tmp_path / "rec.json"
    ledger = [recordings.crossing(recordings.line(2, "x"), "y", "numpy → tensorflow", count=-5)]
    Recording(title="In[1]", ledger=ledger, left_out=-3, duration_ns=-1).save(path)
    back = tfnp_magic.load(path)
    assert "-5 conversions" in text.report(back, 200)
    assert Page(html.report(back)).elements <= elements_of(html.report)


def test_a_device_without_an_end_is_refused():
    for path in ("/dev/zero", "/dev/urandom", "/dev/null"):
        with pytest.raises(tfnp_magic.RecordingFileError, match="device"):
            tfnp_magic.load(path)


@pytest.mark.parametrize("make", ["directory", "loop", "dangling link"])
def test_what_cannot_be_opened_is_an_oserror(tmp_path, make):
    path = tmp_path / "rec.json"
    if make == "directory":
        path.mkdir()
    else:
        path.symlink_to(path if make == "loop" else tmp_path / "nothing")
    with pytest.raises(OSError, match=re.escape(str(path))):
        tfnp_magic.load(path)


def test_a_gigabyte_of_nothing_takes_no_memory(tmp_path):
    """Sparse, and packed; in a process that may have half a gigabyte."""
    sparse, packed = tmp_path / "sparse", tmp_path / "packed.gz"
    with open(sparse, "wb") as file:
        file.truncate(4_000_000_000)
    with gzip.open(packed, "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(b" " * 25_000_000)
    program = """
    import resource, sys
    import tfnp_magic
    tfnp_magic.load, tfnp_magic.RecordingFileError
    resource.setrlimit(resource.RLIMIT_DATA, (400_000_000, 400_000_000))
    for path in sys.argv[1:]:
        try:
            tfnp_magic.load(path)
        except tfnp_magic.RecordingFileError as error:
            print(str(error).split(":")[1])
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), sparse, packed],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert ran.stdout.count("not JSON that begins as one does") == 2


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_loaded_recording_is_shown_as_safely_as_a_traced_one(tmp_path, attack):
    path = tmp_path / "rec.json.gz"
    poisoned(recordings.many_rows(), attack).save(path)
    back = tfnp_magic.load(path)
    assert steers(text.report(back, 100)) == set()
    assert Page(html.report(back)).elements <= elements_of(html.report)


def test_huge_numbers_that_fit_are_shown(tmp_path):
    path = tmp_path / "rec.json"
    ledger = [recordings.crossing(recordings.line(2, "x"), "y", "numpy → tensorflow", count=2**61)]
    recording = Recording(title="In[1]", ledger=ledger)
    recording.save(path)
    assert f"{2**61:,}" in text.report(tfnp_magic.load(path), 200)
