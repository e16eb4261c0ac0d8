"""Guards in a real kernel: a forbidden conversion ends the cell; the debugger stops at its line."""

from __future__ import annotations

import threading

import pytest
from conftest import _COLOUR, Kernel, Outcome

CAST = "y = 1\nx = t * a32\nz = 1"
"""Casts nothing: `a32` is an array of the tensor's dtype."""


def debug(kernel: Kernel, code: str, *answers: str) -> tuple[Outcome, list[str]]:
    """Run a cell, answer its debugger, and give the prompts that were answered."""
    asked = kernel.client.execute(code, allow_stdin=True)
    prompts: list[str] = []

    def answer() -> None:
        for text in answers:
            message = kernel.client.get_stdin_msg(timeout=30)
            prompts.append(message["content"]["prompt"])
            kernel.client.input(text)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        return kernel.await_cell(asked), prompts
    finally:
        thread.join()


def shown_by(outcome: Outcome) -> str:
    """What the debugger wrote, without its colours."""
    return _COLOUR.sub("", outcome.text("stdout"))


@pytest.fixture
def named(kernel: Kernel) -> Kernel:
    kernel.run("a32 = a.astype('f4'); t32 = tf.constant(a32)", silent=True)
    return kernel


def test_a_forbidden_cast_ends_the_cell_at_its_line_and_the_report_has_it(named: Kernel) -> None:
    outcome = named.run("%%interop_trace --forbid silent-cast -o rec\ny = 1\nx = t32 * a\nz = 1")
    status, name, value = outcome.status
    assert (status, name) == ("error", "InteropError")
    assert value.startswith("line 3: operator * silently cast float64 to float32")
    (error,) = [o for o in outcome.outputs if o.kind == "error"]
    assert "----> 3 x = t32 * a" in error.text
    assert "tfnp_magic/probes" not in error.text
    (report,) = outcome.reports
    assert "ended by InteropError" in report
    assert named.value("('x' in globals(), 'z' in globals(), rec.error)") == (
        False, False, "InteropError",
    )  # fmt: skip
    assert named.ledger() == [("operator *", 3, 1)]


def test_several_rules_on_the_line(named: Kernel) -> None:
    line = "%%interop_trace --forbid 'copy>1MB,retrace' --forbid=silent-cast --warn copy -q"
    outcome = named.run(f"{line}\nx = t32.numpy()\ny = t32 * a")
    assert outcome.status[1] == "InteropError"
    assert "InteropWarning: line 2: Tensor.numpy copied 24 B" in outcome.text("stderr")
    assert named.value("'x' in globals()")


def test_an_expression_is_guarded_too(named: Kernel) -> None:
    outcome = named.run("%interop_trace --forbid copy:implicit t32.numpy().sum()")
    assert outcome.status[0] == "ok"
    outcome = named.run("%interop_trace --forbid copy t32.numpy().sum()")
    assert outcome.status[1] == "InteropError"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--forbid coppy", "--forbid: 'coppy' is no kind that can be guarded: they are copy, "),
        ("--warn copy>ten", "--warn: 'copy>ten': 'ten' is no size"),
        ("--pdb copy:explicit", "--pdb: 'copy:explicit': behind the colon stands `implicit`"),
        ("--forbid", "argument --forbid: expected one argument; the options are -o (--output)"),
    ],
)
def test_what_cannot_be_read_is_said_and_the_cell_does_not_run(
    named: Kernel, options: str, says: str
) -> None:
    outcome = named.run(f"%%interop_trace {options}\nx = 1")
    assert outcome.status[1] == "UsageError"
    assert says in outcome.status[2]
    assert named.value("'x' in globals()") is False


def test_the_debugger_stops_at_the_line_with_the_crossing(named: Kernel) -> None:
    outcome, prompts = debug(
        named,
        "%%interop_trace --pdb silent-cast -q -o rec\ny = 1\nx = t32 * a\nz = 1",
        "p (_crossing.route, _crossing.dtype_from, y, t32.numpy().sum())",
        "p 'x' in globals()",
        "c",
    )
    assert outcome.status[0] == "ok"
    assert prompts == ["ipdb> "] * 3
    shown = shown_by(outcome)
    assert "line 3: operator * silently cast float64 to float32" in shown
    assert "----> 3 x = t32 * a" in shown
    assert "('operator *', 'float64', 1, " in shown
    assert "\nFalse" in shown
    assert named.value("('_crossing' in globals(), 'x' in globals(), z)") == (False, True, 1)
    # What was looked at in the debugger is no conversion of the cell's.
    assert named.ledger() == [("operator *", 3, 1)]


def test_stepping_goes_on_from_the_line(named: Kernel) -> None:
    """In a function: of a cell, IPython runs each statement as code of its own."""
    named.run("def two():\n    x = t32 * a\n    y = 5\n    return y", silent=True)
    outcome, prompts = debug(
        named, "%%interop_trace --pdb silent-cast -q\ntwo()", "n", "p x.dtype.name", "n", "p y", "c"
    )
    assert outcome.status[0] == "ok"
    assert len(prompts) == 5
    shown = shown_by(outcome)
    assert "----> 3     y = 5" in shown
    assert "----> 4     return y" in shown
    assert "'float32'" in shown
    assert "\n5" in shown
    assert named.value("__import__('sys').gettrace() is None")


def test_it_stops_each_time_until_the_user_quits(named: Kernel) -> None:
    outcome, prompts = debug(
        named,
        "%%interop_trace --pdb copy -q -o rec\nfor i in range(9):\n    t32.numpy()",
        "c",
        "c",
        "q",
    )
    assert len(prompts) == 3
    assert outcome.status[1] == "BdbQuit"
    assert named.value("i") == 2
    assert named.ledger() == [("Tensor.numpy", 3, 3)]
    assert named.value("__import__('sys').gettrace() is None")


def test_it_stops_in_the_users_function(named: Kernel) -> None:
    named.run("def scaled(by):\n    inside = 7\n    return t32 * by", silent=True)
    outcome, _ = debug(
        named, "%%interop_trace --pdb silent-cast -q\nscaled(a)", "p inside", "up", "c"
    )
    shown = shown_by(outcome)
    assert "----> 3     return t32 * by" in shown
    assert "\n7" in shown
    assert "----> 2 scaled(a)" in shown
    assert outcome.status[0] == "ok"


def test_post_mortem_starts_at_the_users_frames(named: Kernel) -> None:
    named.run("def read():\n    inside = 7\n    return t32.numpy()", silent=True)
    assert named.run("%%interop_trace --forbid copy -q\nread()").status[1] == "InteropError"
    outcome, _ = debug(named, "%debug", "p inside", "q")
    shown = shown_by(outcome)
    assert "----> 3     return t32.numpy()" in shown
    assert "\n7" in shown


def test_options_are_completed(named: Kernel) -> None:
    assert "--forbid" in named.complete("%%interop_trace --fo")


def test_where_nobody_can_be_asked_the_cell_goes_on(named: Kernel) -> None:
    asked = named.client.execute(
        "%%interop_trace --pdb copy -q\nfor i in range(3):\n    t32.numpy()", allow_stdin=False
    )
    outcome = named.await_cell(asked)
    assert outcome.status[0] == "ok"
    assert outcome.text("stdout").count("Nobody can be asked here") == 3
    assert named.value("(i, __import__('sys').gettrace() is None)") == (2, True)
