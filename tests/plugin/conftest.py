"""Runs of pytest inside of this one; after each, nothing is traced."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic
from tfnp_magic import scope
from tfnp_magic.testing import blocks

assert blocks

HEAD = """
import numpy as np
import pytest
import tensorflow as tf

A = np.ones(1000)
"""
"""What the test files below begin with; its array is of 8,000 bytes, which is cast when added."""


@pytest.fixture(scope="session", autouse=True)
def _all_imported():
    """A run inside of this one forgets the modules that it was the first to import."""
    with tfnp_magic.trace() as rec:
        print(tf.ones(3) + np.ones(3))
        tf.function(lambda x: x)(np.ones(3))
    assert "operator +" in str(rec)


@pytest.fixture(autouse=True)
def _untraced_after():
    yield
    assert not scope.is_tracing()
    assert scope.inner.owners is None


@pytest.fixture
def run(pytester, monkeypatch):
    """Run pytest, in this process, on one file of tests."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run_it(text, *options, head=HEAD):
        pytester.makepyfile(test_it=head + text)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers", *options)

    return run_it
