"""Options in front of the script, where the report goes, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import tfnp_magic
from tfnp_magic.__main__ import _CHECKS
from tfnp_magic.tracing import CHECKS

from .running import NOTHING, plain, traced, write

HI = {"hi.py": "import sys; print('hi', sys.argv[1:])"}


def test_checks_are_those_that_a_trace_knows():
    assert set(_CHECKS) == set(CHECKS)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "give a script, or -m and a module"),
        (["-q"], "give a script, or -m and a module"),
        (["-m"], "give a module behind -m"),
        (["-o"], "expected one argument"),
        (["-x", "hi.py"], "unrecognized arguments: -x"),
        (["--outpu", "x", "hi.py"], "unrecognized arguments: --outpu"),
        (["-c", "many", "hi.py"], "invalid choice: 'many'"),
        (["-o", "nowhere/rec.json", "hi.py"], "there is no folder"),
        (["-o", ".", "hi.py"], "'.' is a folder"),
        (["-"], "a script that comes from stdin"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence_and_nothing_runs(words, told, tmp_path):
    write(tmp_path, HI)
    found = traced(tmp_path, *words)
    assert (found.status, found.out) == (2, "")
    assert told in found.err.splitlines()[-1]


def test_help_and_version_load_nothing_heavy(tmp_path):
    code = (
        "import runpy, sys\nsys.argv[1:] = [{!r}]\n"
        "try: runpy.run_module('tfnp_magic', run_name='__main__')\n"
        "finally: print([m for m in ('numpy', 'pandas', 'IPython') if m in sys.modules])"
    )
    for option, told in (("--help", "--check-values"), ("--version", tfnp_magic.__version__)):
        found = plain(tmp_path, "-c", code.format(option))
        assert (found.status, found.err) == (0, "")
        assert told in found.out
        assert found.out.endswith("[]\n")


@pytest.mark.parametrize(
    "words",
    [
        ["-qo", "r.json"],
        ["-qor.json"],
        ["-q", "--output=r.json"],
        ["--output", "r.json", "-q", "--"],
    ],
    ids=" ".join,
)
def test_options_end_where_the_script_begins(words, tmp_path):
    write(tmp_path, HI)
    found = traced(tmp_path, *words, "hi.py", "-q", "-o", "other.json")
    assert found == (0, "hi ['-q', '-o', 'other.json']\n", "")
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["r.json"]
    assert tfnp_magic.load(tmp_path / "r.json").title == "hi.py"


@pytest.mark.parametrize("words", [["-qm", "hi"], ["-qmhi"], ["-q", "-m", "hi"]], ids=" ".join)
def test_module_ends_the_options_too(words, tmp_path):
    write(tmp_path, HI)
    assert traced(tmp_path, *words, "-m", "x") == (0, "hi ['-m', 'x']\n", "")


def test_files_lie_where_they_were_asked_for_though_the_script_goes_elsewhere(tmp_path):
    write(tmp_path, {"script.py": "import os\nos.chdir('/')\n"})
    traced(tmp_path, "-q", "-o", "r.json", "--report", "r.txt", "--html", "r.html", "script.py")
    assert tfnp_magic.load(tmp_path / "r.json").source == "import os\nos.chdir('/')\n"
    assert (tmp_path / "r.txt").read_text().startswith("script.py: no conversions")
    assert "script.py: no conversions" in (tmp_path / "r.html").read_text()


def test_file_that_cannot_be_written_any_more_is_told_and_the_status_stays(tmp_path):
    write(tmp_path, {"script.py": "import os\nos.rmdir('folder')\nraise SystemExit(4)\n"})
    (tmp_path / "folder").mkdir()
    found = traced(tmp_path, "-q", "-o", "folder/r.json", "script.py")
    assert found.status == 4
    assert "could not be written: [Errno 2]" in found.err


@pytest.mark.parametrize(
    "first", ["", "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"]
)
def test_stderr_that_nobody_reads_changes_nothing(first, tmp_path):
    write(tmp_path, {"script.py": f"{first}print('hi')\n"})
    reading, writing = os.pipe()
    os.close(reading)
    found = traced(tmp_path, "script.py", stderr=writing)
    os.close(writing)
    assert found == (0, "hi\n", "")


def test_closed_stderr_changes_nothing(tmp_path):
    write(tmp_path, HI)
    command = f"{sys.executable} -m tfnp_magic hi.py 2>&-"
    ran = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, b"hi []\n")


def test_stderr_in_ascii_gets_the_report_too(tmp_path):
    write(tmp_path, {"schön.py": "print(1)"})
    found = traced(tmp_path, "schön.py", env={"PYTHONIOENCODING": "ascii"})
    assert found == (0, "1\n", f"\nsch\\xf6n.py: {NOTHING} by what ran in this process.\n")


def test_report_goes_past_what_the_script_makes_of_stderr(tmp_path):
    write(tmp_path, {"script.py": "import io, sys\nsys.stderr = io.StringIO()\n"})
    assert NOTHING in traced(tmp_path, "script.py").err


def test_report_stands_below_the_last_output_in_one_stream(tmp_path):
    write(tmp_path, {"script.py": "print('first')\n1 / 0\n"})
    found = traced(tmp_path, "script.py", stderr=subprocess.STDOUT)
    at = [found.out.index(text) for text in ("first", "ZeroDivisionError", NOTHING)]
    assert at == sorted(at)


def test_child_that_forked_itself_off_reports_nothing(tmp_path):
    write(tmp_path, {"script.py": "import os\nif os.fork(): os.wait()\n"})
    assert traced(tmp_path, "script.py").err.count(NOTHING) == 1


def test_recording_is_complete_where_the_script_left_little_room_for_calls(tmp_path):
    write(tmp_path, {"script.py": "import sys\nsys.setrecursionlimit(60)\n"})
    found = traced(tmp_path, "-o", "r.json", "script.py")
    assert found.err.startswith("\nscript.py: no conversions")
    assert tfnp_magic.load(tmp_path / "r.json").title == "script.py"


def test_module_of_a_namespace_package_is_known_by_its_file(tmp_path):
    write(tmp_path, {"space/below/module.py": "x = 1\n"})
    traced(tmp_path, "-q", "-o", "r.json", "-m", "space.below.module")
    recording = tfnp_magic.load(tmp_path / "r.json")
    assert (recording.title, recording.source) == ("space/below/module.py", "x = 1\n")
