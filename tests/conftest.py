"""Options that the tests know, and what is said at their end."""

from __future__ import annotations

import collections
import gc
import os

import pytest

os.environ["COLUMNS"] = "120"
"""Reports are folded to it, whatever terminal or process the tests run in."""

pytest_plugins = ["pytester"]
"""For tests/plugin; pytest wants it here."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--renew", action="store_true", help="write the reports expected by tests/golden anew"
    )
    parser.addoption(
        "--accelerator",
        choices=("fake", "cuda"),
        default="fake",
        help="what tests/device measures: the fake accelerator (default), or a GPU by the profiler",
    )


def pytest_collection_finish():
    """Libraries and tests stay to the end: collecting garbage, they need not be looked through.

    That takes half a second, of TensorFlow, Keras and some ten thousand tests.
    """
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter):
    """How sure the trace was of the rows of `tests/contract/test_truth`."""
    reports = [
        r for kind in ("passed", "failed", "xfailed") for r in terminalreporter.getreports(kind)
    ]
    standings = collections.Counter(
        value for report in reports for name, value in report.user_properties if name == "standing"
    )
    if standings:
        wrong = sum(
            1
            for report in terminalreporter.getreports("failed")
            if any(name == "standing" for name, _ in report.user_properties)
        )
        told = ", ".join(f"{count:,} {standing}" for standing, count in sorted(standings.items()))
        terminalreporter.write_sep("-", "routes")
        terminalreporter.write_line(
            f"{sum(standings.values()):,} routes in two malloc worlds: {told}; {wrong:,} wrong"
        )
