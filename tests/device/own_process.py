"""A folder's tests in a process of their own, with their reports as if they had run here.

Devices are registered before TensorFlow looks at them, once for a process: tests with devices
of their own would change what every other test of the process sees. So the first of them
starts one child, a pytest of its own, which runs them all and sends each report as it is made
(`tests.device.inside`).
"""

from __future__ import annotations

import ast
import collections
import os
import subprocess
import sys
import tempfile

import pytest

REPORTS_TO = "TFNP_MAGIC_REPORTS_TO"
"""Environment variable that tells the child the file descriptor for its reports."""

INSIDE = "tests.device.inside"
_PATIENCE = 30
"""Seconds that a child may take to end once all its reports are here."""


class OwnProcess:
    """Pytest plugin: gives the items of one folder to a child process.

    Parameters
    ----------
    folder
        Whose items.
    options
        Given to the child's pytest.
    environment
        What its environment has, beside this process's; None takes a variable away.
    """

    def __init__(self, folder, options=(), environment=None):
        self._folder = folder
        self._options = list(options)
        self._environment = environment or {}
        self._child = None

    def pytest_collection_modifyitems(self, items):
        """The child has the time limit: here, waiting for it is all that happens."""
        for item in self._ours(items):
            item.add_marker(pytest.mark.timeout(0))

    def pytest_runtest_protocol(self, item):
        """Give the reports of the child as the item's own."""
        if self._folder not in item.path.parents:
            return None
        if self._child is None:
            nodes = [ours.nodeid for ours in self._ours(item.session.items)]
            command = self._command(item.config, nodes)
            self._child = Child(command, item.config.rootpath, self._environment_now())
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._reports_of(item):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_unconfigure(self):
        if self._child is not None:
            self._child.end()

    def _ours(self, items):
        return [item for item in items if self._folder in item.path.parents]

    def _command(self, config, nodes):
        most = config.getoption("maxfail") or 0
        given = ["--tb", config.getoption("tbstyle"), "--maxfail", str(most)]
        if config.getoption("showlocals"):
            given.append("--showlocals")
        return [
            sys.executable, "-m", "pytest", "-p", INSIDE, "-p", "no:cacheprovider",
            "--rootdir", str(config.rootpath), "--timeout-method", "thread",
            "--capture", "sys",  # what C++ prints before it aborts is for `last_words`
            *given, *self._options, *nodes,
        ]  # fmt: skip

    def _environment_now(self):
        wanted = {**os.environ, **self._environment}
        return {name: value for name, value in wanted.items() if value is not None}

    def _reports_of(self, item):
        hook, when = item.config.hook, "setup"
        for data in self._child.reports_of(item.nodeid):
            report = hook.pytest_report_from_serializable(config=item.config, data=data)
            yield report
            when = "call" if report.when == "setup" and report.passed else "teardown"
            if report.when == "teardown":
                return
        yield _failed(item, when, self._child.last_words())


def _failed(item, when, why):
    keywords = dict.fromkeys(item.keywords, 1)
    return pytest.TestReport(item.nodeid, item.location, keywords, "failed", why, when)


class Child:
    """A pytest process, and the reports that it has sent."""

    def __init__(self, command, folder, environment):
        read, write = os.pipe()
        self._printed = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - see `end`
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, REPORTS_TO: str(write)},
            pass_fds=[write],
            stdin=subprocess.DEVNULL,
            stdout=self._printed,
            stderr=subprocess.STDOUT,
        )
        os.close(write)
        self._lines = os.fdopen(read, encoding="utf-8")
        self._reports = collections.defaultdict(list)

    def reports_of(self, nodeid):
        """Wait for a test's reports; the last one may never come, if the process ended."""
        while not any(report["when"] == "teardown" for report in self._reports[nodeid]):
            line = self._lines.readline()
            if not line.endswith("\n"):
                break
            report = ast.literal_eval(line)
            self._reports[report["nodeid"]].append(report)
        return self._reports[nodeid]

    def last_words(self):
        """How a process ended that should not have, and what it printed."""
        self._stop()
        self._printed.seek(0)
        return (
            f"the tests' own process ended with {self._process.returncode} before this test "
            f"did; it printed:\n{self._printed.read()[-20_000:]}"
        )

    def end(self):
        """Wait for a process that is through; one that is not has nobody to tell any more."""
        self._lines.close()
        self._stop()
        self._printed.close()

    def _stop(self):
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
