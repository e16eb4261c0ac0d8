"""Methods of `unittest.TestCase`, coroutines, and tests that other plugins run."""

from __future__ import annotations

UNITTEST = """
import unittest

@pytest.mark.interop(max_conversions=1)
class TestIt(unittest.TestCase):
    def setUp(self):
        self.tensor = tf.constant(A)

    def tearDown(self):
        self.tensor.numpy()

    def test_keeps(self):
        self.tensor.numpy()

    def test_exceeds(self):
        self.tensor.numpy()
        self.tensor.numpy()

    @unittest.expectedFailure
    def test_exceeds_as_expected(self):
        self.tensor.numpy()
        self.tensor.numpy()

    def test_skips(self):
        self.tensor.numpy()
        self.tensor.numpy()
        self.skipTest("for no reason")

    def test_fails(self):
        self.tensor.numpy()
        self.tensor.numpy()
        self.fail("its own")
"""


def test_methods_of_unittest_are_held_to_limits_without_their_setup(run):
    result = run(UNITTEST)
    result.assert_outcomes(passed=1, failed=2, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["max_conversions: 2 conversions, 1 allowed."])
    result.stdout.fnmatch_lines(["FAILED *::test_exceeds - Failed: max_conversions: 2 *"])
    result.stdout.fnmatch_lines(
        ["E       AssertionError: its own", "*- interop limits exceeded -*", "max_conversions: 2 *"]
    )


def test_coroutines_of_unittest_are_held_to_limits(run):
    result = run(
        """
import asyncio, unittest

@pytest.mark.interop(max_conversions=1)
class TestIt(unittest.IsolatedAsyncioTestCase):
    async def test_keeps(self):
        await asyncio.sleep(0)
        tf.constant(A)

    async def test_exceeds(self):
        await asyncio.sleep(0)
        tf.constant(A).numpy()
"""
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["  test_it.py:*: tf.constant(A).numpy()"])


def test_coroutines_are_held_to_limits_by_what_they_and_their_tasks_do(run):
    """AnyIO runs the test in a context that it made before, for the fixture."""
    result = run(
        """
import asyncio

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.fixture
async def made(anyio_backend):
    return tf.constant(A)

async def read(tensor):
    await asyncio.sleep(0)
    tensor.numpy()

@pytest.mark.anyio
@pytest.mark.interop(max_conversions=2)
async def test_keeps(made):
    await asyncio.gather(read(made), read(made))

@pytest.mark.anyio
@pytest.mark.interop(max_conversions=2)
async def test_exceeds(made, interop):
    with interop() as rec:
        await asyncio.gather(read(made), read(made))
        await asyncio.to_thread(made.numpy)
    assert sum(each.count for each in rec.ledger) == 3
"""
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["max_conversions: 3 conversions, 2 allowed."])


def test_threads_of_the_test_count(run):
    result = run(
        """
import threading

@pytest.mark.interop(max_conversions=0)
def test_it():
    thread = threading.Thread(target=tf.constant, args=(A,))
    thread.start()
    thread.join()
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["max_conversions: 1 conversion, 0 allowed."])


def test_all_examples_of_hypothesis_count(run):
    result = run(
        """
from hypothesis import given, settings, strategies as st

@pytest.mark.interop(max_conversions=4)
@settings(max_examples=5, database=None)
@given(st.integers())
def test_it(number):
    tf.constant(A)
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["      tf.constant, 5 times: float64"])


def test_a_test_that_runs_out_of_time_is_no_longer_traced(run):
    result = run(
        """
import time

@pytest.mark.interop(max_conversions=0)
@pytest.mark.timeout(0.2, method="signal")
def test_it():
    tf.constant(A)
    while True:
        time.sleep(0.01)

def test_after():
    from tfnp_magic import scope
    assert not scope.is_tracing()
"""
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED *Timeout*"])


def test_the_debugger_finds_nothing_traced(run):
    result = run(
        """
import pdb

class Stop(pdb.Pdb):
    def interaction(self, *args):
        from tfnp_magic import scope
        print("tracing", scope.is_tracing())

@pytest.mark.interop(max_conversions=0)
def test_exceeds():
    tf.constant(A)

@pytest.mark.interop(max_conversions=0)
def test_raises():
    tf.constant(A)
    raise OSError("its own")
""",
        "--pdb",
        "--pdbcls=test_it:Stop",
    )
    result.assert_outcomes(failed=2)
    assert result.stdout.str().count("tracing False") == 2


def test_an_inherited_test_is_told_at_the_lines_where_it_is_written(run, pytester):
    pytester.makepyfile(
        common="""
        class Common:
            def test_it(self):
                self.make()
        """
    )
    pytester.syspathinsert()
    result = run(
        """
from common import Common

@pytest.mark.interop(max_conversions=0)
class TestIt(Common):
    def make(self):
        tf.constant(A)
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  test_it.py:*: tf.constant(A)"])


def test_what_a_test_made_is_gone_when_it_is_over(run):
    result = run(
        """
import weakref

@pytest.fixture
def made():
    arrays = []
    yield arrays
    assert [array() for array in arrays] == [None]

@pytest.mark.interop(max_hazards=0)
def test_it(made, interop):
    array = A.copy()
    made.append(weakref.ref(array))
    tensor = tf.constant(array)
"""
    )
    result.assert_outcomes(passed=1)


def test_each_run_of_a_test_that_is_run_again_is_judged_alone(run, pytester):
    pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for _ in range(3):
                runtestprotocol(item, nextitem=nextitem)
            return True
        """
    )
    result = run(
        """
@pytest.mark.interop(max_conversions=1)
def test_keeps():
    tf.constant(A)

def test_raises(interop):
    with interop(max_conversions=0):
        tf.constant(A)
        raise OSError("its own")
"""
    )
    result.assert_outcomes(passed=3, failed=3)
    assert result.stdout.str().count("the block at test_it.py:") == 3
