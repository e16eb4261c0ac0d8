"""Real TensorFlow, in one process; whatever is done to a test, everything comes off again.

``TFNP_TORTURE=20`` tries twenty times as many moments and programs as the ordinary run.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pytest

from tests.garbage import unheard
from tests.left_open import end_traces, mend_packages


@pytest.fixture(scope="session")
def times():
    """How many times as long as usual the random tests run."""
    return int(os.environ.get("TFNP_TORTURE", "1"))


@pytest.fixture(autouse=True)
def _no_test_fails_for_another():
    """What a failed test left open is ended behind it."""
    yield
    end_traces()
    mend_packages()


@pytest.fixture(autouse=True)
def _garbage_is_collected_unheard():
    with unheard():
        yield


@pytest.fixture
def given_back():
    """After the test, TensorFlow and Python are as before, and no trace is open."""
    from tests.torture.given_back import left_behind, state_now

    before = state_now()
    yield
    assert left_behind(before) == []
