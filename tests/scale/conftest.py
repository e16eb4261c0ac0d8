"""Real TensorFlow on the CPU, and how many crossings the largest tests make.

``TFNP_SCALE=10`` makes ten times as many: ten million, as long as that takes.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pytest

from tfnp_magic import scope


@pytest.fixture
def million():
    """A million, or as many of them as asked for."""
    return 1_000_000 * int(os.environ.get("TFNP_SCALE", "1"))


@pytest.fixture(autouse=True)
def _nothing_stays_open():
    yield
    assert scope._open == ()
