"""A marked test is traced, and fails where it did more than its marker allows."""

from __future__ import annotations

import pytest

ALIGNED = """
def aligned(count=1000):
    buffer = np.empty(count * 8 + 64, np.uint8)
    start = -buffer.ctypes.data % 64
    array = buffer[start : start + count * 8].view(np.float64)
    array[:] = 1.0
    return array

@tf.function
def function(number):
    return number
"""
"""TensorFlow shares such memory."""

FIGURES = {
    "max_crossed": (8_000, "tensor = tf.constant(A)", "crossed between"),
    "max_copied": (8_000, "array = tf.ones(2000).numpy()", "copied"),
    "max_conversions": (2, "array = tf.constant(A).numpy()", "2 conversions"),
    "max_copies": (1, "array = tf.ones(2000).numpy()", "1 copy"),
    "max_casts": (1, "tensor = tf.constant(A, tf.float32)", "1 cast"),
    "max_silent_casts": (1, "tensor = tf.ones(1000) + A", "1 silent cast"),
    "max_retraces": (2, "results = [function(number) for number in range(3)]", "2 retraces"),
    "max_hazards": (1, "a = aligned(); tensor = tf.squeeze(a)", "1 writable array sharing"),
    "max_written": (1, "a = aligned(); tensor = tf.squeeze(a); a[:] = 2", "1 array written to"),
}
"""For each limit what a line comes to; moves have none without an accelerator."""


@pytest.mark.parametrize("name", FIGURES)
def test_as_much_as_allowed_passes_and_says_nothing(run, name):
    figure, code, _ = FIGURES[name]
    result = run(f"{ALIGNED}\n@pytest.mark.interop({name}={figure})\ndef test_it():\n    {code}\n")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*max_*")


@pytest.mark.parametrize("name", FIGURES)
def test_more_than_allowed_fails_with_the_line(run, name):
    figure, code, said = FIGURES[name]
    result = run(
        f"{ALIGNED}\n@pytest.mark.interop({name}={figure - 1})\ndef test_it():\n    {code}\n"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"{name}: *{said}*allowed.", f"  test_it.py:*: {code[:30]}*"])
    result.stdout.fnmatch_lines([f"FAILED test_it.py::test_it - Failed: {name}:*"])


@pytest.mark.parametrize(
    "name", ["max_moved", "max_moves", "max_host_to_device", "max_device_to_host",
             "max_device_to_device"]
)  # fmt: skip
def test_in_host_memory_nothing_moves(run, name):
    result = run(
        f"@pytest.mark.interop({name}=0)\ndef test_it():\n    tf.constant(A).numpy()\n",
        "-W", "error",
    )  # fmt: skip
    result.assert_outcomes(passed=1)


def test_nothing_is_said_of_limits_that_are_kept_however_much_is_shown(run):
    text = "@pytest.mark.interop(max_copied='1MB')\ndef test_it():\n    tf.constant(A)\n"
    result = run(text, "-rA", "-vv")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*copied*")


def test_fixtures_are_not_counted_and_all_of_the_call_is(run):
    result = run(
        """
        @pytest.fixture
        def made():
            yield tf.constant(A)
            tf.constant(A)

        @pytest.mark.interop(max_conversions=0)
        def test_kept(made):
            pass

        @pytest.mark.interop(max_conversions=1)
        def test_not(made):
            made.numpy()
            made.numpy()
        """.replace("\n        ", "\n")
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["max_conversions: 2 conversions, 1 allowed."])


def test_what_a_module_converts_is_told_at_the_line_of_the_test(run, pytester):
    pytester.makepyfile(meal="import tensorflow as tf\ndef feed(a):\n    return tf.constant(a)\n")
    pytester.syspathinsert()
    result = run(
        "import meal\n@pytest.mark.interop(max_copies=0)\ndef test_it():\n    meal.feed(A)\n"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["  test_it.py:*: meal.feed(A)", "      in meal.py:3: return tf.constant(a)"]
    )


def test_the_closest_marker_wins_for_each_limit(run):
    result = run(
        """
pytestmark = pytest.mark.interop(max_conversions=0, max_silent_casts=0)

@pytest.mark.interop(max_conversions=1)
class TestIt:
    def test_as_the_class(self):
        tf.constant(A)

    @pytest.mark.interop(max_conversions=2)
    def test_as_the_function(self):
        tf.constant(A).numpy()

    @pytest.mark.interop(max_conversions=None)
    def test_without(self):
        tf.constant(A).numpy()

    @pytest.mark.interop(max_conversions=9)
    def test_with_what_the_module_says(self):
        tf.ones(1000) + A

def test_as_the_module():
    tf.constant(A)
"""
    )
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(
        [
            "max_silent_casts: 1 silent cast, 0 allowed.",
            "max_conversions: 1 conversion, 0 allowed.",
        ]
    )


def test_parameters_can_have_their_own(run):
    result = run(
        """
@pytest.mark.parametrize("number", [
    pytest.param(1, marks=pytest.mark.interop(max_conversions=0)),
    pytest.param(2, marks=pytest.mark.interop(max_conversions=1)),
])
def test_it(number):
    tf.constant(A)
"""
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_it[[]1] - *"])


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("max_copy=1", "'max_copy' is no limit."),
        ("max_copied=-1", 'max_copied is bytes, as in 4096 or "10MB", and not -1.'),
        ("max_copied='ten'", "max_copied is bytes, as in 4096 or \"10MB\", and not 'ten'."),
        ("max_copies='1'", "max_copies is a number, 0 or more, and not '1'."),
        ("'1MB'", "'1MB' has no name."),
    ],
)
@pytest.mark.parametrize("also", ["", "@pytest.mark.xfail", "@pytest.mark.interop(max_copies=9)"])
def test_a_marker_that_cannot_be_read_is_an_error_of_its_test_alone(run, marker, said, also):
    result = run(
        f"{also}\n@pytest.mark.interop({marker})\ndef test_it():\n    pass\n\n"
        "def test_other():\n    pass\n"
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"@pytest.mark.interop: {said} Limits are given by name: *"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_no_report_says_that_such_an_error_was_expected(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.xfail
        @pytest.mark.interop(max_copy=1)
        def test_it():
            pass
        """
    )
    reports = pytester.inline_run("-p", "no:cacheprovider").getreports()
    (setup,) = [report for report in reports if getattr(report, "when", "") == "setup"]
    assert setup.failed
    assert not hasattr(setup, "wasxfail")


def test_the_tests_own_exception_is_what_is_shown(run):
    result = run(
        """
@pytest.mark.interop(max_conversions=0)
def test_it():
    tf.constant(A)
    assert A is None, "its own"
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E       AssertionError: its own",
            "*- interop limits exceeded -*",
            "max_conversions: 1 conversion, 0 allowed.",
            "  test_it.py:*: tf.constant(A)",
            "FAILED test_it.py::test_it - AssertionError: its own",
        ]
    )


def test_a_test_that_skips_is_skipped_and_one_that_is_expected_to_fail_fails_so(run):
    result = run(
        """
allows_nothing = pytest.mark.interop(max_conversions=0)

@allows_nothing
def test_skips():
    tf.constant(A)
    pytest.skip("for no reason")

@allows_nothing
@pytest.mark.skip
def test_is_skipped():
    tf.constant(A)

@allows_nothing
def test_gives_up():
    tf.constant(A)
    pytest.xfail("known")

@allows_nothing
@pytest.mark.xfail(strict=True)
def test_exceeds():
    tf.constant(A)

@allows_nothing
@pytest.mark.xfail(strict=True)
def test_keeps():
    pass

@allows_nothing
@pytest.mark.xfail(run=False)
def test_does_not_run():
    tf.constant(A)
""",
        "-rs",
    )
    result.assert_outcomes(skipped=2, xfailed=3, failed=1)
    result.stdout.fnmatch_lines(["[[]XPASS(strict)[]]*"])
    result.stdout.no_fnmatch_line("*exceeded*")


def test_what_is_not_known_warns(run):
    text = "@pytest.mark.interop(max_copied=9)\ndef test_it():\n    tf.constant(['a']).numpy()\n"
    result = run(text)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        ["*test_it.py:6: BudgetWarning: max_copied cannot be said to be kept: of 2 conversions *"]
    )
    strict = run(text, "-W", "error::tfnp_magic.testing.watching.BudgetWarning")
    strict.assert_outcomes(failed=1)


def test_the_report_is_shown_where_it_is_asked_for(run):
    text = """
@pytest.mark.interop
def test_marked():
    tf.constant(A)

@pytest.mark.interop(max_copies=0)
def test_fails():
    np.sum(tf.ones(77))
    tf.constant(A)

def test_other():
    tf.ones(3).numpy()
"""
    said = "test_it.py::test_marked: 1 conversion on 1 line, 8.0 kB crossed, *"
    result = run(text, "--interop-report")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*- interop report -*", "test_it.py::test_fails: 2 conversions*"])
    result.stdout.fnmatch_lines(["_* interop report: test_it.py::test_marked _*", said])
    result.stdout.no_fnmatch_line("*test_other: *")
    run(text).stdout.no_fnmatch_line("*interop report*")
    all_shown = run(text, "--interop-report", "-rA").stdout.str()
    assert all_shown.count("test_it.py::test_marked: 1 conversion") == 1


def test_the_marker_and_the_option_are_listed(run):
    run("", "--markers").stdout.fnmatch_lines(["@pytest.mark.interop(max_copied=..., *"])
    run("", "--help").stdout.fnmatch_lines(["*--interop-report *"])
