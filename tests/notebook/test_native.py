"""A traced cell is the cell that the user typed: the same cell untraced is the oracle."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest
from conftest import LEFT_BEHIND, Kernel, Outcome, Output, arrows, wait_until

SAME = {
    "last expression": "np.sum(t)",
    "no expression": "x = np.sum(t)",
    "silenced by a semicolon": "np.sum(t);",
    "semicolon in a comment": "np.sum(t)  # a;",
    "an expression that is not the last": "np.sum(t)\nx = 1",
    "several lines and blank ones": "\n\nx = np.sum(t)\n\n\nx + 1\n\n",
    "a comment only": "# nothing",
    "print, then a value": "print('x', end='')\nprint('y')\n5",
    "an unfinished line": "print('x', end='')",
    "stderr": "import sys\nprint('x', file=sys.stderr)\nprint('y')",
    "display": "display(t)\nnp.sum(t)",
    "await": "x = await asyncio.sleep(0, 3)\nx",
    "await as the last expression": "await asyncio.sleep(0, np.sum(t))",
    "async for and async with": (
        "async def each():\n    yield 1\nasync for x in each():\n    print(x)\n"
        "async with asyncio.Lock():\n    print('held')"
    ),
    "an error": "x = 1\nnp.sum(t)\n1/0\nx = 2",
    "an error in a function": "def f(x):\n    y = x\n    return y / 0\n\nf(np.sum(t))",
    "an error of TensorFlow": "tf.constant(a)\ntf.reshape(t, (4, 4))",
    "an error after await": "await asyncio.sleep(0)\nraise KeyError('k')",
    "an error in a coroutine": "async def f():\n    raise KeyError('k')\n\nawait f()",
    "an error with a cause": (
        "try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise KeyError from e"
    ),
    "an error of a conversion": "try:\n    pass\nfinally:\n    tf.constant([object()])",
    "an error while showing": "class Bad:\n    def __repr__(self):\n        1/0\n\nBad()",
    "an exit": "import sys, warnings\nwarnings.simplefilter('always')\nsys.exit(3)",
    "a SyntaxError": "x = 1\nif x\n    y",
    "an IndentationError": "x = 1\n   y = 2",
    "an unfinished string": "x = '''a\nb",
    "a misplaced return": "x = 1\nreturn x",
    "__future__": "from __future__ import annotations\ndef f(x: undefined): ...\nf.__annotations__",
    # Python 3.12 and later warn of the fork, at some moment before or after what is echoed.
    "shell command": "import warnings\nwith warnings.catch_warnings():\n"
    "    warnings.simplefilter('ignore')\n    !echo hi",
    "shell command with a value": "x = !echo hi\nx",
    "a magic": "%env TFNP_MAGIC_TEST=1\nnp.sum(t)",
    "a magic with a value": "x = %env HOME\ntype(x)",
    "a missing magic": "%no_such_magic",
    "help": "np.sum?",
    "classes and closures": "class C:\n    n = [t for _ in range(2)]\n(lambda: len(C.n))()",
    "a deleted name": "x = 1\ndel x\nx",
    "form feeds and unicode": "x = 'ä\\x0cö'\nprint(x)\n1/0",
}


@pytest.mark.parametrize("body", SAME.values(), ids=SAME)
def test_a_traced_cell_shows_what_the_untraced_shows(kernel: Kernel, body: str) -> None:
    """Reply, results, streams and tracebacks; the report comes on top, and last."""
    untraced, traced = kernel.both(body)
    assert traced.status == untraced.status
    assert traced.own == untraced.own
    assert traced.count == untraced.count + 1
    assert traced.reply["payload"] == untraced.reply["payload"]
    assert "report" not in traced.kinds[:-1]


@pytest.mark.parametrize("mode", ["all", "last", "none", "last_expr_or_assign"])
def test_interactivity_is_honoured(kernel: Kernel, mode: str) -> None:
    setting = "get_ipython().ast_node_interactivity"
    kernel.run(f"{setting} = {mode!r}", silent=True)
    untraced, traced = kernel.both("1\n2\nx = 3")
    kernel.run(f"{setting} = 'last_expr'", silent=True)
    assert traced.own == untraced.own
    assert len(traced.reports) == 1


def test_an_indented_body_runs_as_it_does_alone(kernel: Kernel) -> None:
    """IPython dedents a cell that is pasted with its indentation; our line is no reason not to."""
    body = "    x = 1\n    if x:\n        x = 1/0\n"
    alone, traced = kernel.run(body), kernel.run(f"%%interop_trace\n\n{body}")
    assert traced.status == alone.status == ("error", "ZeroDivisionError", "division by zero")
    assert arrows(alone.text("error")) == ["3     x = 1/0"]
    assert arrows(traced.text("error")) == ["5     x = 1/0"]


def test_an_error_is_on_the_line_that_the_user_sees(kernel: Kernel) -> None:
    traced = kernel.run("%%interop_trace -o rec\n\nx = np.sum(t)\n\nx = 1/0  # here\n")
    assert arrows(traced.text("error")) == ["5 x = 1/0  # here"]
    assert kernel.ledger() == [("np.sum", 3, 1)]


def test_values_are_kept_as_results(kernel: Kernel) -> None:
    """`_`, `__`, `_n`, `Out[n]` and the history are those of any cell."""
    traced = kernel.run("%%interop_trace\nnp.sum(t)")
    n = traced.count
    assert kernel.run("float(_)").text("execute_result") == "15.0"
    assert kernel.value(f"[float(Out[{n}]), float(_{n}), float(__)]") == [15.0, 15.0, 15.0]
    assert kernel.value("len(In)") == n + 2
    shown = kernel.run(f"%history {n}")
    assert shown.text("stdout") == "%%interop_trace\nnp.sum(t)\n"


def test_a_silenced_value_is_no_result(kernel: Kernel) -> None:
    """As in IPython: a trailing `;` keeps the value out of `Out`, too."""
    untraced, traced = kernel.both("np.sum(t);")
    assert kernel.value(f"[{untraced.count} in Out, {traced.count} in Out]") == [False, False]
    assert traced.kinds == ["report"]


def test_the_history_has_the_cell_whatever_words_are_in_it(kernel: Kernel) -> None:
    """IPython leaves out cells with a line magic's call and the word "paste" in them."""
    traced = kernel.run("%%interop_trace -q\npaste = 1\npaste")
    raw = f"get_ipython().history_manager.input_hist_raw[{traced.count}]"
    assert kernel.value(raw) == "%%interop_trace -q\npaste = 1\npaste"
    assert kernel.value("_") == 1


def test_a_cell_run_again_from_its_transformed_text_is_traced_again(kernel: Kernel) -> None:
    """`In` has no magic's line; the texts of lines are still the cell's own."""
    n = kernel.run("%%interop_trace -o rec\nx = np.sum(t)").count
    kernel.run("%%interop_trace -q\n'another cell'\n'with other lines'")
    kernel.run(f"del rec\nx = get_ipython().run_cell(In[{n}])")
    assert kernel.ledger() == [("np.sum", 2, 1)]
    assert kernel.value("rec.ledger[0].site.line.code") == "x = np.sum(t)"


def test_the_cells_code_is_in_the_report_as_it_was_typed(kernel: Kernel) -> None:
    traced = kernel.run("%%interop_trace -o rec\nx = 1\n%timeit -n1 -r1 np.sum(t)\n")
    assert kernel.value("rec.source") == (
        "%%interop_trace -o rec\nx = 1\n%timeit -n1 -r1 np.sum(t)\n"
    )
    assert kernel.value("rec.title") == f"In[{traced.count}]"
    assert kernel.value("rec.ledger[0].site.line.code") == "%timeit -n1 -r1 np.sum(t)"


# --- await -------------------------------------------------------------------------


def test_conversions_of_coroutines_and_tasks_of_the_cell_count(kernel: Kernel) -> None:
    traced = kernel.run(
        "%%interop_trace -o rec\n"
        "async def one():\n"
        "    await asyncio.sleep(0.001)\n"
        "    return tf.constant(a)\n"
        "x = await one()\n"
        "x = await asyncio.gather(one(), one(), one())\n"
        "x = await asyncio.create_task(one())\n"
        "len(x)"
    )
    assert traced.text("execute_result") == "6"
    assert kernel.ledger() == [("tf.constant", 4, 5)]
    assert kernel.value("rec.left_out") == 0


def test_a_task_of_an_earlier_cell_is_left_out_and_reported(kernel: Kernel) -> None:
    kernel.run(
        "beats = 0\n"
        "async def convert():\n"
        "    global beats\n"
        "    while True:\n"
        "        np.sum(t)\n"
        "        beats += 1\n"
        "        await asyncio.sleep(0.001)\n"
        "task = asyncio.create_task(convert())\n"
        "await asyncio.sleep(0.01)"
    )
    traced = kernel.run(
        "%%interop_trace -o rec\n"
        "before = beats\n"
        "while beats < before + 3:\n"
        "    await asyncio.sleep(0.001)\n"
        "x = tf.constant(a)\n"
        "meanwhile = beats - before"
    )
    kernel.run("task.cancel()")
    assert kernel.ledger() == [("tf.constant", 5, 1)]
    left_out, meanwhile = kernel.value("[rec.left_out, meanwhile]")
    assert left_out >= meanwhile >= 3
    assert "that this code did not start" in traced.reports[0]


def test_a_task_that_outlives_its_cell_is_not_heard_after_it(kernel: Kernel) -> None:
    kernel.run(
        "%%interop_trace -o rec\n"
        "async def convert():\n"
        "    for _ in range(3):\n"
        "        np.sum(t)\n"
        "        await asyncio.sleep(0.5)\n"
        "task = asyncio.create_task(convert())\n"
        "await asyncio.sleep(0)"
    )
    kernel.run("%%interop_trace -o later\nawait task")
    assert kernel.ledger() == [("np.sum", 4, 1)]
    assert kernel.value("[len(later.ledger), later.left_out]") == [0, 2]


# --- errors ------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["-o rec", "-q -o rec"])
def test_an_error_leaves_the_recording_up_to_it(kernel: Kernel, options: str) -> None:
    traced = kernel.run(f"%%interop_trace {options}\nnp.sum(t)\n1/0\ntf.constant(a)")
    assert traced.status == ("error", "ZeroDivisionError", "division by zero")
    assert traced.kinds == ["error"] + ["report"] * ("-q" not in options)
    assert kernel.value("rec.error") == "ZeroDivisionError"
    assert kernel.ledger() == [("np.sum", 2, 1)]


def test_an_error_stops_the_cells_that_wait(kernel: Kernel) -> None:
    """What "Run All" relies on: the kernel aborts the requests queued behind a failure."""
    first = kernel.client.execute("%%interop_trace -q\ntime.sleep(0.2)\n1/0", stop_on_error=True)
    second = kernel.client.execute("went_on = True")
    assert kernel.await_cell(first).status[0] == "error"
    assert kernel._reply(second)["status"] in ("aborted", "error")
    wait_until(lambda: kernel.client.is_alive())
    assert kernel.value("'went_on' in globals()") is False


def test_a_cell_that_cannot_be_compiled_leaves_nothing_armed(kernel: Kernel) -> None:
    kernel.run("%%interop_trace -o rec\nif x\n")
    following = kernel.run("x = np.sum(t)\nx")
    assert following.kinds == ["execute_result"]
    assert kernel.value("'rec' in globals()") is False


def test_an_error_is_not_blamed_on_a_line_that_went_well(kernel: Kernel) -> None:
    traced = kernel.run("%interop_trace -o rec np.sum(t)\n1/0")
    assert traced.kinds == ["error", "report"]
    assert kernel.value("rec.error") is None


# --- Ctrl-C ------------------------------------------------------------------------

LOOPS = {
    "np.sum": "np.sum(t)",
    "numpy": "t.numpy()",
    "tf.constant": "tf.constant(a)",
    "operator": "t - a",
    "sleep": "time.sleep(30)",
}

LOST_BY_TENSORFLOW = "__array__ of numpy.ndarray object at 0x> returned a result with an exception"
"""Untraced, too, tf.constant turns some interrupts into a SystemError; one in ten or less."""


NUMPY_LOSES_INTERRUPTS = np.lib.NumpyVersion(np.__version__) < "2.0.0"
"""Of what is raised as it asks a tensor for an attribute, traced or not; a user would try again."""


def time_keeps_errors(kernel: Kernel) -> bool:
    """Whether ``%%time`` shows its cell's error and goes on, as IPython 8.12 does."""
    return kernel.run("%%time\nx = 1\n1/0", silent=True).status[0] == "ok"


def interrupted(kernel: Kernel, code: str, after_s: float) -> Outcome:
    """Run a cell that prints "started", and interrupt it, once, a while after that."""
    ended = threading.Event()

    def again() -> None:
        while not ended.wait(5):
            kernel.manager.interrupt_kernel()

    def interrupt(output: Output) -> None:
        if output.kind == "stdout" and "started" in output.text:
            time.sleep(after_s)
            kernel.manager.interrupt_kernel()
            if NUMPY_LOSES_INTERRUPTS:
                threading.Thread(target=again).start()

    try:
        return kernel.run(code, during=interrupt, timeout_s=20)
    finally:
        ended.set()


@pytest.mark.parametrize("body", LOOPS.values(), ids=LOOPS)
def test_an_interrupt_ends_a_traced_cell_as_any_cell(kernel: Kernel, body: str) -> None:
    """At ten moments; one of them may be lost, as Python loses what arrives in a finalizer."""
    moments = random.Random(body)
    failures = []
    for _ in range(10):
        try:
            check_that_an_interrupt_ends_the_cell(kernel, body, moments.uniform(0, 0.05))
        except AssertionError as error:
            failures.append(str(error))
    assert len(failures) <= 1, failures


def check_that_an_interrupt_ends_the_cell(kernel: Kernel, body: str, after_s: float) -> None:
    loop = f"x = np.sum(t)\nprint('started', flush=True)\nwhile True:\n    {body}"
    lines = [f"{number} {line}" for number, line in enumerate(loop.splitlines(), 2)]
    outcome = interrupted(kernel, f"%%interop_trace -o rec\n{loop}", after_s)
    assert outcome.kinds == ["stdout", "error", "report"]
    if LOST_BY_TENSORFLOW not in outcome.status[2]:
        assert outcome.status == ("error", "KeyboardInterrupt", "")
    assert arrows(outcome.text("error"))[:1] in [[line] for line in lines]
    assert kernel.value("[rec.error, rec.lost]") == [outcome.status[1], []]
    assert kernel.ledger()[0][:2] == ("np.sum", 2)
    assert kernel.value("len(__import__('tfnp_magic.probes').probes.probes._in)") == 0
    kernel.run("del rec", silent=True)


@pytest.mark.parametrize(
    "trace",
    [
        "get_ipython().run_line_magic('interop_trace', '-q 1')",
        "with tfnp_magic.trace(): pass",
    ],
)
def test_an_interrupt_leaves_nothing_in_wherever_it_comes(kernel: Kernel, trace: str) -> None:
    """Also while a trace begins or ends; here that is nearly all the time.

    Not with `run_cell` in the loop: IPython takes an interrupt that comes in a callback of
    its events for the callback's own, and the loop goes on.
    """
    loop = f"print('started', flush=True)\nwhile True:\n    {trace}"
    moments = random.Random(trace)
    lost = 0
    for _ in range(10):
        try:
            outcome = interrupted(kernel, loop, moments.uniform(0, 0.05))
            assert outcome.status == ("error", "KeyboardInterrupt", "")
        except AssertionError:  # in a finalizer Python itself loses it
            lost += 1
        assert kernel.value(LEFT_BEHIND) == [0, 0, [], [0, 0]]
    assert lost <= 1


def test_an_interrupt_of_an_awaiting_cell_is_that_of_any_cell(kernel: Kernel) -> None:
    body = "x = np.sum(t)\nprint('started', flush=True)\nwhile True:\n    await asyncio.sleep(0.01)"
    untraced = interrupted(kernel, f"# untraced\n{body}", 0.02)
    traced = interrupted(kernel, f"%%interop_trace -o rec\n{body}", 0.02)
    assert traced.status == untraced.status
    assert traced.status[0] == "error"
    assert traced.own[0] == untraced.own[0]
    assert arrows(traced.text("error"))[0] == arrows(untraced.text("error"))[0]
    assert kernel.value("rec.error") == traced.status[1]
    assert kernel.ledger() == [("np.sum", 2, 1)]


# --- other magics ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "line", "count"),
    [
        ("%%time\n%%interop_trace -o rec\nx = 1\nnp.sum(t)", 3, 1),
        ("%%interop_trace -o rec\n%%time\nx = 1\nnp.sum(t)", 4, 1),
        ("%%interop_trace -o rec\n\n%%time\nx = 1\nnp.sum(t)", 5, 1),
        ("%%interop_trace -o rec\nx = 1\n%time np.sum(t)", 3, 1),
        ("%%timeit -n 5 -r 2\n%%interop_trace -o rec\nnp.sum(t)", 2, 10),
        ("%%interop_trace -o rec\nx = %timeit -n 5 -r 2 -o -q np.sum(t)", 2, 10),
        ("%%interop_trace -o rec\n%%timeit -n 5 -r 2\nnp.sum(t)", 2, 10),
        ("%%capture out\n%%interop_trace -o rec\nx = 1\nnp.sum(t)", 3, 1),
        ("%%interop_trace -o rec\n%%capture out\nx = 1\nnp.sum(t)", 2, 1),
    ],
    ids=lambda value: value.replace("\n", " ") if isinstance(value, str) else "",
)
def test_other_magics_stand_around_it_or_in_it(
    kernel: Kernel, cell: str, line: int, count: int
) -> None:
    """Lines are counted from the line of `%%interop_trace`."""
    outcome = kernel.run(cell)
    assert outcome.status == ("ok", "", "")
    assert kernel.ledger() == [("np.sum", line, count)]
    assert len(outcome.reports) == (0 if cell.startswith("%%capture") else 1)
    timed = "time" in cell and "-q" not in cell
    assert ("CPU times" in outcome.text("stdout") or "per loop" in outcome.text("stdout")) == timed
    valued = "%%time\n" in cell or "%time " in cell
    assert outcome.text("execute_result") == (repr(np.float64(15.0)) if valued else "")


def test_capture_around_it_captures_the_report_behind_the_cells_output(kernel: Kernel) -> None:
    kernel.run("%%capture out\n%%interop_trace\nprint('mine')\nnp.sum(t)")
    assert kernel.value("out.stdout") == "mine\n"
    result, report = kernel.value("[o.data['text/plain'] for o in out.outputs]")
    assert result == repr(np.float64(15.0))
    assert "1 conversion on 1 line" in report


def test_an_error_below_time_is_that_of_time(kernel: Kernel) -> None:
    untraced = kernel.run("%%time\nx = 1\n1/0")
    traced = kernel.run("%%interop_trace -o rec\n%%time\nx = 1\n1/0")
    assert traced.status == untraced.status
    assert "<timed exec>:2" in untraced.text("error")
    assert "<timed exec>:2" in traced.text("error")
    if time_keeps_errors(kernel):
        assert kernel.value("rec.error") is None
        return
    assert kernel.value("rec.error") == "ZeroDivisionError"
    assert arrows(traced.text("error"))[1].startswith("2 get_ipython().run_cell_magic('time'")
    assert "cell.py" not in traced.text("error")


def test_an_interrupt_below_time_stores_the_recording(kernel: Kernel) -> None:
    loop = "print('started', flush=True)\nwhile True:\n    np.sum(t)"
    cell = f"%%interop_trace -o rec\n%%time\n{loop}"
    if time_keeps_errors(kernel):
        status, error = ("ok", ""), None
    else:
        status, error = ("error", "KeyboardInterrupt"), "KeyboardInterrupt"
    assert interrupted(kernel, cell, 0.02).status[:2] == status
    assert kernel.value("rec.error") == error


# --- nesting -----------------------------------------------------------------------


def test_a_with_block_in_a_traced_cell_records_its_own_part(kernel: Kernel) -> None:
    kernel.run(
        "%%interop_trace -o rec\nnp.sum(t)\n"
        "with tfnp_magic.trace() as part:\n    tf.constant(a)\nt.numpy()"
    )
    routes = [("np.sum", 2, 1), ("tf.constant", 4, 1), ("Tensor.numpy()", 5, 1)]
    assert [(line, count) for _, line, count in kernel.ledger()] == [(2, 1), (4, 1), (5, 1)]
    assert kernel.ledger()[:2] == routes[:2]
    assert kernel.ledger("part") == [("tf.constant", 4, 1)]


def test_a_cell_that_runs_a_traced_cell_goes_on_being_traced(kernel: Kernel) -> None:
    outcome = kernel.run(
        "%%interop_trace -o outer\n"
        "np.sum(t)\n"
        "x = get_ipython().run_cell('%%interop_trace -o nested\\n\\ny = tf.constant(a)')\n"
        "print('between')\n"
        "x = np.mean(t)"
    )
    assert kernel.ledger("nested") == [("tf.constant", 3, 1)]
    assert [(line, n) for _, line, n in kernel.ledger("outer")] == [(2, 1), (3, 1), (5, 1)]
    assert outcome.kinds == ["report", "stdout", "report"]


def test_a_nested_cell_that_fails_does_not_end_the_outer_trace(kernel: Kernel) -> None:
    kernel.run(
        "%%interop_trace -o outer\n"
        "x = get_ipython().run_cell('%%interop_trace -o nested\\n1/0')\n"
        "x = np.sum(t)"
    )
    assert kernel.value("[nested.error, outer.error]") == ["ZeroDivisionError", None]
    assert kernel.ledger("outer") == [("np.sum", 3, 1)]


def test_an_untraced_cell_run_by_a_traced_one_is_part_of_it(kernel: Kernel) -> None:
    kernel.run(
        "%%interop_trace -o rec\nx = get_ipython().run_cell('y = np.sum(t)')\nx = tf.constant(a)"
    )
    assert kernel.ledger() == [("np.sum", 2, 1), ("tf.constant", 3, 1)]


# --- silent requests ---------------------------------------------------------------


@pytest.mark.parametrize(
    "cell", ["%%interop_trace -o rec\nnp.sum(t)", "%interop_trace -o rec np.sum(t)"]
)
def test_a_silent_request_is_traced_and_shows_nothing_then_or_later(
    kernel: Kernel, cell: str
) -> None:
    assert kernel.run(cell, silent=True).outputs == []
    assert len(kernel.ledger()) == 1
    assert kernel.run("5").kinds == ["execute_result"]


def test_a_request_without_history_shows_its_report(kernel: Kernel) -> None:
    outcome = kernel.run("%%interop_trace\nnp.sum(t)", store_history=False)
    assert outcome.kinds == ["execute_result", "report"]


def test_a_silent_request_that_fails_says_so_in_its_recording(kernel: Kernel) -> None:
    kernel.run("%%interop_trace -o rec\n1/0", silent=True)
    assert kernel.value("rec.error") == "ZeroDivisionError"


# --- threads -----------------------------------------------------------------------


def test_a_cell_that_ends_in_another_thread_does_not_end_this_one(kernel: Kernel) -> None:
    """Each thread's cells (a subshell's) end their own traces, in whatever order."""
    kernel.run(
        "import threading\n"
        "began, end = threading.Event(), threading.Event()\n"
        "def other():\n"
        "    cell = '%%interop_trace -q -o theirs\\nbegan.set(); end.wait(); None'\n"
        "    get_ipython().run_cell(cell)\n"
        "thread = threading.Thread(target=other)"
    )
    kernel.run("%%interop_trace -q -o mine\nthread.start()\nx = began.wait(5)\nx = np.sum(t)")
    opened = kernel.value("len(__import__('tfnp_magic.scope').scope._open)")
    kernel.run("end.set(); thread.join(5)")
    assert opened == 1
    assert kernel.ledger("mine") == [("np.sum", 4, 1)]
    assert kernel.value("theirs.duration_ns > 0") is True
