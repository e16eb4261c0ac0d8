"""Processes of pytest's own: what is imported at its start, and pytest-xdist's workers."""

from __future__ import annotations

import pytest


@pytest.fixture
def run_apart(pytester, monkeypatch):
    """Run pytest in a process of its own."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run_it(*options, **files):
        pytester.makepyfile(**files)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

    return run_it


def test_nothing_is_imported_before_a_test_needs_it(run_apart):
    heavy = "('tensorflow', 'numpy', 'pandas', 'IPython')"
    result = run_apart(
        test_it=f"""
import sys
import pytest

def imported():
    return [name for name in sys.modules if name in {heavy} or name.startswith("tfnp_magic")]

def test_unmarked():
    assert sorted(imported()) == ["tfnp_magic", "tfnp_magic.pytest_plugin"]

@pytest.mark.interop(max_conversions=0, max_copied=0, max_moved=0, max_hazards=0, max_retraces=0)
def test_marked():
    pass

@pytest.mark.interop(max_conversions=0)
def test_marked_and_traced_in_part(interop):
    with interop(max_conversions=0) as rec:
        pass
    assert rec.ledger == []

def test_after():
    assert "tensorflow" not in imported()
    assert "pandas" not in imported()
"""
    )
    result.assert_outcomes(passed=4)


def test_workers_of_xdist_report_what_was_exceeded(run_apart):
    result = run_apart(
        "-n2",
        "--dist=loadfile",
        "--interop-report",
        test_one="""
import numpy as np, pytest

@pytest.mark.interop(max_conversions=1, max_copied=0)
def test_unsure():
    import tensorflow as tf
    tf.constant(["a"])

@pytest.mark.interop(max_conversions=1)
def test_exceeds():
    import tensorflow as tf
    tf.constant(np.ones(1000)).numpy()
""",
        test_other="""
import pytest

@pytest.mark.interop(max_conversions=0)
def test_keeps():
    pass

@pytest.mark.interop(max_copy=1)
def test_cannot():
    pass
""",
    )
    result.assert_outcomes(passed=2, failed=1, errors=1, warnings=1)
    for line in (
        "max_conversions: 2 conversions, 1 allowed.",
        "  test_one.py:11: tf.constant(np.ones(1000)).numpy()",
        "@pytest.mark.interop: 'max_copy' is no limit. *",
        "*BudgetWarning: max_copied cannot be said to be kept: *",
        "_* interop report: test_one.py::test_unsure _*",
        "test_other.py::test_keeps: no conversions between TensorFlow and NumPy.",
    ):
        result.stdout.fnmatch_lines([line])
