"""Whatever is done to a trace on purpose, the tests after it find none open."""

from __future__ import annotations

import pytest

from tests.left_open import end_traces


@pytest.fixture(autouse=True)
def _no_test_fails_for_another():
    yield
    end_traces()
