"""Tests that run in a process of their own show as if they had run in this one."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]

CONFTEST = """
import pathlib
from tests.device.own_process import OwnProcess

def pytest_configure(config):
    if not config.pluginmanager.has_plugin("tests.device.inside"):
        config.pluginmanager.register(OwnProcess(pathlib.Path(__file__).parent))

def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.getreports("passed"):
        terminalreporter.write_line(f"told {report.user_properties}")
"""

TESTS = """
import os, pytest

@pytest.fixture(scope="session")
def process():
    return os.getpid(), os.getppid()

def test_passes(process, record_property):
    record_property("parent", os.getppid())

def test_fails():
    print("printed inside")
    assert [1, 2] == [1, 3]

@pytest.mark.skip(reason="not today")
def test_skips():
    pass

@pytest.mark.xfail(strict=True, reason="known")
def test_xfails():
    assert False

@pytest.mark.xfail(strict=True, reason="known")
def test_does_not_xfail():
    pass

@pytest.fixture
def broken():
    raise ValueError("no fixture")

def test_has_no_fixture(broken):
    pass
"""

DIES = """
import os

def test_before():
    pass

def test_dies():
    os.write(2, b"my last words")
    os._exit(7)

def test_after():
    pass
"""


@pytest.fixture
def run(tmp_path):
    """A pytest of a folder `apart`, whose tests have their own process, and one beside it."""

    def run(text, *arguments):
        (tmp_path / "apart").mkdir()
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        (tmp_path / "apart/conftest.py").write_text(CONFTEST)
        (tmp_path / "apart/test_apart.py").write_text(text)
        (tmp_path / "test_beside.py").write_text("def test_beside():\n    pass\n")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *arguments]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "pytest_timeout",
        }
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_outcomes_and_tracebacks_are_those_of_the_child(run):
    done = run(TESTS)
    assert "2 failed, 2 passed, 1 skipped, 1 xfailed, 1 error" in done.stdout
    assert "E       assert [1, 2] == [1, 3]" in done.stdout
    assert "printed inside" in done.stdout
    assert "ValueError: no fixture" in done.stdout
    assert "[XPASS(strict)] known" in done.stdout
    assert "not today" in done.stdout
    assert done.returncode == 1


def test_properties_come_along_and_the_parent_waits(run):
    done = run(TESTS, "-k", "passes or beside")
    assert "2 passed, 5 deselected" in done.stdout
    assert "told [('parent'," in done.stdout
    assert "told []" in done.stdout


def test_the_first_failure_can_end_it(run):
    done = run(TESTS, "-x")
    assert "1 failed, 1 passed" in done.stdout
    assert "stopping after 1 failures" in done.stdout


def test_what_a_dying_child_printed_is_the_failure_of_all_that_it_leaves(run):
    done = run(DIES)
    assert "1 failed, 2 passed, 1 error" in done.stdout
    assert "ended with 7" in done.stdout
    assert done.stdout.count("my last words") >= 2  # once more in a summary that is not cut
    assert "FAILED apart/test_apart.py::test_dies" in done.stdout
