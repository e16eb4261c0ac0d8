"""The fixture: a block of a test is traced, and held to limits of its own."""

from __future__ import annotations

import pytest


def test_a_block_gives_its_recording(run):
    result = run(
        """
def test_it(interop):
    tf.constant(A)
    with interop() as rec:
        tf.constant(A)
        assert not rec.duration_ns
    tf.constant(A)
    (crossing,) = rec.ledger
    assert (crossing.count, crossing.site.line.line) == (1, 10)
"""
    )
    result.assert_outcomes(passed=1)


def test_a_block_is_held_to_its_limits_when_it_is_left(run):
    result = run(
        """
def test_keeps(interop):
    tf.constant(A)
    with interop(max_conversions=1):
        tf.constant(A)
    tf.constant(A)

def test_exceeds(interop):
    with interop(max_conversions=1):
        tf.constant(A)
        tf.constant(A)
        print("came to its end")
    print("went on")
"""
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "the block at test_it.py:14: max_conversions: 2 conversions, 1 allowed.",
            "  test_it.py:15: tf.constant(A)",
            "  test_it.py:16: tf.constant(A)",
            "came to its end",
        ]
    )
    result.stdout.no_fnmatch_line("went on")


def test_what_a_block_raises_passes_and_its_limits_are_told_beside_it(run):
    result = run(
        """
def test_it(interop):
    with interop(max_conversions=0):
        tf.constant(A)
        raise OSError("its own")

def test_caught(interop):
    with pytest.raises(OSError):
        with interop(max_conversions=0):
            tf.constant(A)
            raise OSError("its own")
"""
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *OSError: its own",
            "*- interop limits exceeded -*",
            "the block at test_it.py:8: max_conversions: 1 conversion, 0 allowed.",
        ]
    )


def test_a_block_that_raised_is_not_told_of_where_the_test_passes(run):
    result = run(
        """
def test_it(interop):
    with pytest.raises(OSError):
        with interop(max_conversions=0):
            tf.constant(A)
            raise OSError("its own")
""",
        "-rA",
    )
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*exceeded*")


def test_a_block_of_a_marked_test_counts_for_both(run):
    result = run(
        """
@pytest.mark.interop(max_conversions=3)
def test_keeps(interop):
    with interop() as rec:
        tf.constant(A)
    with interop() as other:
        with interop() as within:
            tf.constant(A)
    assert [len(each.ledger) for each in (rec, other, within)] == [1, 1, 1]

@pytest.mark.interop(max_conversions=1)
def test_exceeds(interop):
    with interop(max_conversions=2):
        tf.constant(A).numpy()

@pytest.mark.interop(max_conversions=1)
def test_exceeds_both(interop):
    with interop(max_conversions=1):
        tf.constant(A).numpy()
"""
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "max_conversions: 2 conversions, 1 allowed.",
            "the block at test_it.py:23: max_conversions: 2 conversions, 1 allowed.",
            "*- interop limits exceeded -*",
            "max_conversions: 2 conversions, 1 allowed.",
        ]
    )


def test_limits_that_cannot_be_read_are_said_at_the_call(run):
    result = run(
        """
def test_it(interop):
    with pytest.raises(ValueError, match=r"^interop\\(\\): 'max_copy' is no limit\\. "):
        interop(max_copy=1)
    with pytest.raises(ValueError, match=r"^interop\\(\\): '1MB' has no name\\. "):
        interop("1MB")
"""
    )
    result.assert_outcomes(passed=1)


def test_a_block_may_be_entered_by_a_stack_and_elsewhere(run, pytester):
    pytester.makeconftest("""
import pytest

@pytest.fixture
def strict(interop):
    def begin(stack):
        return stack.enter_context(interop(max_conversions=0))
    return begin
""")
    pytester.makepyfile(meal="import tensorflow as tf\ndef feed(a):\n    return tf.constant(a)\n")
    pytester.syspathinsert()
    result = run(
        """
import contextlib, meal

def test_it(strict):
    with contextlib.ExitStack() as stack:
        rec = strict(stack)
        meal.feed(A)
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "the block at conftest.py:6: max_conversions: 1 *",
            "  test_it.py:*: meal.feed(A)",
            "      in meal.py:3: return tf.constant(a)",
        ]
    )


def test_the_whole_tests_recording_is_there_when_it_is_over(run):
    result = run(
        """
@pytest.fixture(autouse=True)
def looked_at(interop, request):
    yield
    if request.node.get_closest_marker("interop"):
        print("converted", sum(each.count for each in interop.recording.ledger))
    else:
        with pytest.raises(RuntimeError, match="for a recording of a part of it"):
            interop.recording

@pytest.mark.interop
def test_marked(interop):
    with pytest.raises(RuntimeError, match="complete when the test is over"):
        interop.recording
    tf.constant(A).numpy()

def test_unmarked():
    tf.constant(A)
""",
        "-s",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*converted 2*"])


@pytest.mark.parametrize("marked", [True, False])
def test_what_is_not_known_warns_at_the_block(run, marked):
    marker = "@pytest.mark.interop" if marked else ""
    result = run(
        f"""
{marker}
def test_it(interop):
    with interop(max_copied=9):
        tf.constant(["a"])
"""
    )
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*test_it.py:9: BudgetWarning: max_copied cannot be said *"])
