"""Budgets for tests, in pytest: the marker ``interop``, the fixture ``interop``, their failures.

Nothing but this file is imported, and nothing traced, until a test has the one or the other.
See `tfnp_magic.testing` for what they do.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tfnp_magic.testing.blocks import Interop
    from tfnp_magic.testing.watching import Watch

_MARKER = (
    "interop(max_copied=..., max_silent_casts=..., ...): fail the test if it converts more between "
    "TensorFlow and NumPy than that; `help('tfnp_magic.testing.limits')` lists all limits."
)

_watch: pytest.StashKey[Watch] = pytest.StashKey()
_unreadable: pytest.StashKey[BaseException] = pytest.StashKey()

_EXCEEDED, _REPORT = "interop limits exceeded", "interop report"
"""Titles of the sections that a test's report may get."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that shows what marked tests did."""
    group = parser.getgroup("interop", "conversions between TensorFlow and NumPy (tfnp_magic)")
    group.addoption(
        "--interop-report",
        action="store_true",
        help="show, for each test marked `interop`, the report of all its conversions",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARKER)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Read a marked test's limits; it is an error of the test where that cannot be done."""
    marks = list(item.iter_markers("interop"))
    if not marks:
        return
    from tfnp_magic.testing.limits import LimitError, limits_of
    from tfnp_magic.testing.watching import Watch

    merged: dict[str, Any] = {}
    try:
        for mark in reversed(marks):  # the closest comes first, and wins
            limits_of("@pytest.mark.interop", mark.args, mark.kwargs)
            merged.update(mark.kwargs)
    except LimitError as error:
        item.stash[_unreadable] = wrong = pytest.fail.Exception(str(error), pytrace=False)
        raise wrong from None
    item.stash[_watch] = Watch(item, limits_of("@pytest.mark.interop", (), merged))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Trace a marked test, and fail it where a limit is exceeded."""
    watch = item.stash.get(_watch, None)
    if watch is None or watch.limits is None:
        return (yield)
    if watch.suits_method(item):
        item.obj = watch.around(item.obj)  # type: ignore[attr-defined]
        return (yield)
    with watch:
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the test's outcome does not show."""
    report = yield
    raised = call.excinfo.value if call.excinfo else None
    if raised is not None and raised is item.stash.get(_unreadable, None):
        # An expected failure is what a test does, and not what its marker says.
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)
    watch = item.stash.get(_watch, None)
    if watch is not None and report.when == "call":
        if report.failed:
            report.sections += [(_EXCEEDED, text) for text in watch.untold]
        if watch.recording is not None and item.config.getoption("interop_report"):
            report.sections.append((_REPORT, str(watch.recording)))
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the reports that were asked for: pytest shows no sections of tests that passed."""
    if not config.getoption("interop_report") or terminalreporter.hasopt("P"):
        return
    for report in terminalreporter.getreports("passed"):
        for name, text in report.sections:
            if name == _REPORT:
                terminalreporter.write_sep("_", f"{_REPORT}: {report.nodeid}")
                terminalreporter.write_line(text)


@pytest.fixture
def interop(request: pytest.FixtureRequest) -> Interop:
    """Trace a part of the test: ``with interop(max_copied="1MB") as rec:``.

    The test fails when the block is left, if it exceeded a limit; `rec` is its recording. In
    fixtures that are torn down after a marked test, ``interop.recording`` is the whole test's.
    """
    from tfnp_magic.testing.blocks import Interop
    from tfnp_magic.testing.watching import Watch

    watch = request.node.stash.get(_watch, None)
    if watch is None or watch.limits is None:
        request.node.stash[_watch] = watch = Watch(request.node, None)
    return Interop(watch)
