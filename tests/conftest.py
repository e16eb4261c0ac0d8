"""Options that the tests know."""

from __future__ import annotations

import pytest

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
