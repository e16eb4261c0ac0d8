"""Session mode: every cell is traced, is what it would be untraced, and counts once."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from conftest import LEFT_BEHIND, Kernel, Outcome, Output
from test_loading import in_a_shell
from test_native import SAME, interrupted

ON = "%interop_trace on"
SESSION = "get_ipython().magics_manager.registry['InteropMagics'].session"
STATE = f"(lambda s: [s.is_on, len(s._open), len(s._ended)])({SESSION})"


@pytest.fixture
def session(kernel: Kernel) -> Iterator[Kernel]:
    """A kernel in session mode; afterwards the session leaves nothing in it."""
    kernel.run(ON, silent=True)
    yield kernel
    kernel.run("%interop_trace off", silent=True)
    assert kernel.value(STATE) == [False, 0, 0]


@pytest.fixture(autouse=True)
def defaults_are_forgotten(session_kernel: Kernel) -> Iterator[None]:
    """The shell's configuration keeps what `%config` sets, also over `%reload_ext`."""
    yield
    session_kernel.run("x = get_ipython().config.pop('InteropTrace', None)", silent=True)


def run_in(kernel: Kernel, cell_id: str, code: str) -> Outcome:
    """Run code as JupyterLab runs a cell: with its id."""
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {},
               "allow_stdin": False, "stop_on_error": True}  # fmt: skip
    message = kernel.client.session.msg("execute_request", content, metadata={"cellId": cell_id})
    kernel.client.shell_channel.send(message)
    return kernel.await_cell(message["header"]["msg_id"])


def counts(kernel: Kernel) -> list[tuple[str, int, int]]:
    """Cell, runs, and conversions of all runs, of those that convert."""
    kernel.run("%interop_trace report -o found", silent=True)
    return kernel.value(
        "[(c.latest.title, c.sums.runs, c.sums.figures.count) for c in found.cells if c.converts]"
    )


def lines(kernel: Kernel) -> list[tuple[int, int]]:
    """Line and count of the latest cell that converts."""
    kernel.run("%interop_trace report -o found", silent=True)
    return kernel.value(
        "[(int(row.line), int(row['count'])) for _, row in "
        "[c for c in found.cells if c.converts][-1].latest.by_line().iterrows() if row['count']]"
    )


# --- a cell of a session is the cell that the user typed -----------------------------


@pytest.mark.parametrize("body", SAME.values(), ids=SAME)
def test_a_cell_shows_what_it_shows_without_a_session(kernel: Kernel, body: str) -> None:
    """Reply, results, streams, tracebacks; the footer comes on top, and last."""
    untraced = kernel.run(body)
    kernel.run(ON, silent=True)
    traced = kernel.run(body)
    kernel.run("%interop_trace off", silent=True)
    assert traced.status == untraced.status
    assert traced.own == untraced.own
    assert traced.count == untraced.count + 1
    assert traced.reply["payload"] == untraced.reply["payload"]
    assert "report" not in traced.kinds[:-1]
    assert kernel.value(STATE) == [False, 0, 0]


def test_the_footer_says_what_the_cell_converted(session: Kernel) -> None:
    session.run("b = np.ones((3, 3)); f = tf.constant(b.astype('f4'))", silent=True)
    outcome = session.run("np.sum(t)\ny = 1\nfor i in range(3):\n    f * b\n'done'")
    assert outcome.kinds == ["execute_result", "report"]
    (footer,) = outcome.reports
    assert footer.startswith(f"In[{outcome.count}]: 4 conversions on 2 lines, ")
    assert "3 silent casts (line 4)" in footer
    assert "\n" not in footer
    html = outcome.outputs[-1].data["text/html"]
    assert footer in html.replace("<code>", "")
    assert "<script" not in html
    assert "<style" not in html


def test_blank_lines_above_do_not_shift_the_texts_of_lines(session: Kernel) -> None:
    session.run("\n\nx = np.sum(t)\ny = np.mean(t)")
    session.run("%interop_trace report -o found", silent=True)
    assert session.value("[(c.site.line.line, c.site.line.code) for c in "
                         "found.cells[-1].latest.ledger]") == [
        (1, "x = np.sum(t)"), (2, "y = np.mean(t)"),
    ]  # fmt: skip


def test_the_footer_names_the_worst_finding(session: Kernel) -> None:
    (footer,) = session.run("for i in range(400):\n    x = tf.constant(a)").reports
    assert footer.endswith("; worst: a conversion in a loop (line 2)")


def test_a_cell_without_conversions_has_no_footer(session: Kernel) -> None:
    assert session.run("x = 1").outputs == []


def test_the_history_the_results_and_the_input_are_the_cells(session: Kernel) -> None:
    count = session.run("\n\nnp.sum(t)").count
    assert session.value(f"(In[{count}], float(Out[{count}]))") == ("np.sum(t)", 15.0)
    assert session.run("%history -l 1").text("stdout") == "\n\nnp.sum(t)\n"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("np.sum(t)\n\nx = np.sum(t)", [(1, 1), (3, 1)]),
        ("\n\nnp.sum(t)\nx = np.sum(t)", [(1, 1), (2, 1)]),  # as in a traceback
        ("await asyncio.sleep(0)\nnp.sum(t)", [(2, 1)]),
        ("%%time\nx = 1\nx = np.sum(t)", [(3, 1)]),
        ("%%capture c\nx = 1\n\nx = np.sum(t)", [(4, 1)]),
        ("%%capture c\n\nx = np.sum(t)", [(3, 1)]),
        ("x = 1\ny = %interop_trace -q np.sum(t)", [(2, 1)]),
    ],
)
def test_lines_are_the_cells(session: Kernel, cell: str, expected: list[tuple[int, int]]) -> None:
    outcome = session.run(cell)
    assert outcome.status == ("ok", "", "")
    assert lines(session) == expected


def test_a_cell_is_traced_from_its_own_first_import_of_tensorflow_on() -> None:
    """In a shell without a notebook's cell ids, and with its first line."""
    answer, shown = in_a_shell(
        """
        load()
        run("%interop_trace on")
        before = "tensorflow" in sys.modules
        run("import tensorflow as tf; x = tf.constant([1.0, 2.0]).numpy()\\nx")
        run("y = x")
        run("%interop_trace report -o found")
        found = shell.user_ns["found"]
        answer = [before, [[c.latest.title, c.sums.figures.count] for c in found.cells]]
        """
    )
    assert answer == [False, [["In[2]", 2], ["In[3]", 0]]]
    assert "In[2]: 2 conversions on 1 line, " in shown


# --- what is traced, and how often it counts ------------------------------------------


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%%interop_trace -q\nnp.sum(t); x = 1", 1),
        ("%%interop_trace\nnp.sum(t); x = 1", 1),
        ("%%interop_trace -q\n%%time\nx = np.sum(t)", 1),
        ("%%time\n%%interop_trace -q\nx = np.sum(t)", 1),
        ("%%interop_trace -q\nx = np.sum(t)\ny = %interop_trace -q np.sum(t)", 2),
        ("x = %interop_trace -q np.sum(t)", 1),
        ("with tfnp_magic.trace() as r:\n    x = np.sum(t)", 1),
        ("get_ipython().run_cell('np.sum(t); 1')", 1),
        ("get_ipython().run_cell('np.sum(t); 1', store_history=True)", 1),
        ("get_ipython().run_cell('%%interop_trace -q\\nnp.sum(t); 1', store_history=True)", 1),
        ("get_ipython().run_cell_magic('interop_trace', '-q', 'np.sum(t); 1')", 1),
        (
            "import threading\nip = get_ipython()\n"
            "def other():\n    ip.run_cell('np.sum(t); 1', store_history=True)\n"
            "thread = threading.Thread(target=other); thread.start(); thread.join()",
            1,
        ),
    ],
)
def test_a_conversion_counts_once(session: Kernel, cell: str, expected: int) -> None:
    assert session.run(cell).status == ("ok", "", "")
    assert [count for _, _, count in counts(session)] == [expected]


def test_a_cell_with_the_magic_shows_its_own_report_and_no_footer(session: Kernel) -> None:
    outcome = session.run("%%interop_trace\nx = np.sum(t)")
    assert len(outcome.reports) == 1
    assert "np.sum" in outcome.reports[0]
    assert session.run("%%interop_trace -q\nx = np.sum(t)").outputs == []


@pytest.mark.parametrize("how", [{"silent": True}, {"store_history": False}])
def test_what_no_person_runs_is_not_traced(session: Kernel, how: dict[str, bool]) -> None:
    assert session.run("x = np.sum(t)", **how).outputs == []
    assert counts(session) == []


@pytest.mark.parametrize("cell", ["np.sum(t) +", "if t:\nnp.sum(t)", "%%interop_trace -z\n1"])
def test_a_cell_that_never_runs_does_not_count(session: Kernel, cell: str) -> None:
    assert session.run(cell).status[0] == "error"
    assert session.value(STATE) == [True, 0, 0]
    session.run("%interop_trace report -o found", silent=True)
    assert session.value("found.total.runs") == 0


def test_a_cell_that_a_transformer_rejects_does_not_count(session: Kernel) -> None:
    session.run(
        "from IPython.core.error import InputRejected\n"
        "class Reject:\n    def visit(self, tree):\n        raise InputRejected('no')\n"
        "reject = Reject()\nget_ipython().ast_transformers.append(reject)",
        silent=True,
    )
    outcome = session.run("np.sum(t)")
    session.value("get_ipython().ast_transformers.pop() and None")
    assert outcome.reports == []
    session.run("%interop_trace report -o found", silent=True)
    assert session.value("found.total.runs") == 0


def test_an_error_stays_the_users_and_the_footer_comes_after_it(session: Kernel) -> None:
    outcome = session.run("np.sum(t)\n1/0\nnp.sum(t)")
    assert outcome.status[:2] == ("error", "ZeroDivisionError")
    assert outcome.kinds == ["error", "report"]
    assert "(ended by ZeroDivisionError): 1 conversion on 1 line" in outcome.reports[0]


def test_an_interrupted_cell_counts_as_far_as_it_came(session: Kernel) -> None:
    loop = "print('started', flush=True)\nwhile True:\n    np.sum(t)"
    moments = random.Random(loop)
    for _ in range(3):
        outcome = interrupted(session, loop, moments.uniform(0.01, 0.05))
        assert outcome.status[:2] == ("error", "KeyboardInterrupt")
        assert outcome.kinds[-1] == "report"
        assert "(ended by KeyboardInterrupt)" in outcome.reports[0]
    assert session.value(STATE) == [True, 0, 0]
    assert session.value(LEFT_BEHIND) == [0, 0, [], [0, 0]]


def test_conversions_of_a_cells_thread_count_and_those_after_its_end_do_not(
    session: Kernel,
) -> None:
    session.run(
        "import threading\nend = threading.Event()\n"
        "def other():\n    np.sum(t)\n    end.wait(10)\n    np.mean(t)\n"
        "thread = threading.Thread(target=other)",
        silent=True,
    )
    session.run("thread.start()\ntime.sleep(0.2)")
    session.run("end.set()\nthread.join()")
    assert [count for _, _, count in counts(session)] == [1]
    assert session.value("found.total.left_out") == 1
    assert "Left out: 1 conversion of threads" in session.value("str(found)")


def test_a_script_that_a_cell_runs_is_the_cells(session: Kernel, tmp_path) -> None:
    script = tmp_path / "other.py"
    script.write_text("import numpy as np, tensorflow as tf\nx = tf.constant(np.ones(4))\n")
    outcome = session.run(f"y = 1\n%run {script}")
    assert "1 conversion on 1 line" in outcome.reports[0]
    assert [count for _, _, count in counts(session)] == [1]


# --- on, off, report ------------------------------------------------------------------


def test_off_in_a_traced_cell_lets_its_trace_end(session: Kernel) -> None:
    outcome = session.run("np.sum(t)\n%interop_trace off\nnp.mean(t)")
    assert "2 conversions on 2 lines" in outcome.reports[0]
    assert session.value(STATE) == [False, 0, 0]
    assert session.run("np.sum(t)").reports == []
    assert [count for _, _, count in counts(session)] == [2]


def test_a_session_that_begins_in_another_ones_cell_does_not_count_that(session: Kernel) -> None:
    session.run("np.sum(t)\n%interop_trace off\n%interop_trace on\nnp.mean(t)")
    assert counts(session) == []


def test_a_session_begins_with_the_next_cell(kernel: Kernel) -> None:
    """Also where a magic further down transforms a tree of its own."""
    outcome = kernel.run(f"{ON}\n%time np.sum(t)\n%interop_trace -q np.sum(t)")
    assert outcome.reports == []
    assert kernel.value(STATE) == [True, 0, 0]
    kernel.run("%interop_trace off")
    assert counts(kernel) == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("%interop_trace on", "Session mode is on already.\n"),
        ("%interop_trace on -g", "Session mode is on already. To change its options, end it "
         "with `%interop_trace off` first.\n"),
    ],
)  # fmt: skip
def test_on_twice_says_so(session: Kernel, line: str, shown: str) -> None:
    session.run("np.sum(t)")
    assert session.run(line).text("stdout") == shown
    assert len(counts(session)) == 1


def test_off_without_a_session_says_so(kernel: Kernel) -> None:
    outcome = kernel.run("%interop_trace off")
    assert outcome.text("stdout") == "Session mode is off already.\n"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("%interop_trace report", "there is no session to report yet: begin one with "
         "`%interop_trace on`"),
        ("%interop_trace on -o rec", "`%interop_trace on` has no recording to store: "
         "`%interop_trace report -o rec` stores what the session's cells converted"),
        ("%interop_trace -o rec on", "`%interop_trace on` has no recording to store: "
         "`%interop_trace report -o rec` stores what the session's cells converted"),
        ("%interop_trace on -a", "session mode makes no copies of cells: begin a cell with "
         "%%interop_trace --annotate"),
        ("%interop_trace on -c some", "-c (--check-values) is one of sample, all, none, not "
         "'some'"),
        ("%interop_trace on --forbid nothing", "--forbid: 'nothing' is no kind"),
        ("%interop_trace off -g", "`%interop_trace off` takes no options"),
        ("%interop_trace report -g", "`%interop_trace report` takes -o (--output) only"),
        ("%interop_trace report -o 1", "-o needs a Python variable name, and '1' is none"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_sentence(
    kernel: Kernel, line: str, sentence: str
) -> None:
    outcome = kernel.run(line)
    assert outcome.status[:2] == ("error", "UsageError")
    assert outcome.status[2].startswith(sentence)
    assert kernel.value(STATE) == [False, 0, 0]


@pytest.mark.parametrize("line", ["%interop_trace -- on", "%interop_trace -q -- on"])
def test_two_dashes_trace_an_expression_that_is_named_like_a_command(
    kernel: Kernel, line: str
) -> None:
    kernel.run("on = 3", silent=True)
    assert kernel.run(line).text("execute_result") == "3"
    assert kernel.value(STATE)[0] is False
    assert kernel.run("%interop_trace on + 1").text("execute_result") == "4"


def test_a_variable_does_not_hide_a_command(kernel: Kernel) -> None:
    kernel.run("on = 3", silent=True)
    kernel.run(ON)
    assert kernel.value(STATE)[0] is True
    kernel.run("%interop_trace off")


@pytest.mark.parametrize("line", ["%interop_trace on -c none", "%interop_trace -c none on"])
def test_options_of_on_apply_to_each_cell(kernel: Kernel, line: str) -> None:
    kernel.run("f = tf.constant(a.astype('f4'))", silent=True)
    kernel.run(line)
    kernel.run("f * a")
    kernel.run("%interop_trace off\n%interop_trace report -o found", silent=True)
    assert kernel.value(
        "[c.values for c in found.cells[-1].latest.ledger if c.cast != 'none']"
    ) == [None]


def test_quiet_sessions_count_and_show_no_footer(kernel: Kernel) -> None:
    kernel.run("%interop_trace on -q", silent=True)
    assert kernel.run("np.sum(t); x = 1").outputs == []
    kernel.run("%interop_trace off", silent=True)
    assert [count for _, _, count in counts(kernel)] == [1]


def test_rules_of_a_session_guard_each_cell(kernel: Kernel) -> None:
    kernel.run("f = tf.constant(a.astype('f4'))", silent=True)
    kernel.run("%interop_trace on --forbid silent-cast", silent=True)
    outcome = kernel.run("x = 1\nf * a")
    kernel.run("%interop_trace off", silent=True)
    assert outcome.status[:2] == ("error", "InteropError")
    assert "ended by InteropError" in outcome.reports[0]


# --- the report -------------------------------------------------------------------------


def test_the_report_has_the_latest_run_and_what_changed(session: Kernel) -> None:
    first = run_in(session, "one", "x = 1\nfor i in range(4):\n    c = tf.constant(a)")
    run_in(session, "two", "np.sum(t); x = 1")
    last = run_in(session, "one", "c = tf.constant(a)")
    (report,) = session.run("%interop_trace report").reports
    paragraphs = report.split("\n\n")
    assert paragraphs[0].startswith("Session: 3 runs of 2 cells: 6 conversions, ")
    assert paragraphs[1].startswith(f"In[{first.count + 1}]: 1 conversion on 1 line, 0 B copied")
    assert paragraphs[2].startswith(f"In[{last.count}]: 1 conversion on 1 line, ")
    assert f"Against its run before, In[{first.count}]: copied " in paragraphs[2]
    assert "conversions 4 → 1" in paragraphs[2]
    assert "All 2 runs: 5 conversions, " in paragraphs[2]
    (row,) = [line for line in paragraphs[2].splitlines() if line.endswith("c = tf.constant(a)")]
    assert "conversions 4 → 1" in row


def test_cells_with_an_id_are_known_by_it_alone(session: Kernel) -> None:
    run_in(session, "one", "np.sum(t); x = 1")
    run_in(session, "two", "np.sum(t); x = 1")
    run_in(session, "one", "y = 2\nnp.mean(t); z = 3")
    assert [(runs, count) for _, runs, count in counts(session)] == [(1, 1), (2, 2)]


def test_a_cell_that_stopped_converting_says_so(session: Kernel) -> None:
    run_in(session, "one", "c = tf.constant(a)\nx = 1")
    run_in(session, "one", "c = t\nx = 1")
    (report,) = session.run("%interop_trace report").reports
    assert "no conversions any more." in report
    assert "line gone" in report


def test_the_stored_report_is_of_its_moment_and_has_dataframes(session: Kernel) -> None:
    count = session.run("np.sum(t); x = 1").count
    assert session.run("%interop_trace report -o then").outputs == []
    session.run("np.sum(t); x = 1")
    assert session.value("then.total.runs") == 1
    assert session.value("then.summary()['count'].tolist()") == [1]
    assert session.value("then.summary()['count_before'].isna().tolist()") == [True]
    assert session.value("then.by_line()[['cell', 'line']].values.tolist()") == [
        [f"In[{count}]", 1]
    ]
    assert session.value("len(then.changes())") == 0
    assert session.value(f"then.recording('In[{count}]').title") == f"In[{count}]"


# --- defaults ---------------------------------------------------------------------------


def test_defaults_apply_to_cells_and_the_line_wins(kernel: Kernel) -> None:
    kernel.run("f = tf.constant(a.astype('f4'))", silent=True)
    kernel.run("%config InteropTrace.quiet = True\n%config InteropTrace.check_values = 'none'")
    assert kernel.run("%%interop_trace -o rec\nf * a").reports == []
    assert kernel.value("{c.values for c in rec.ledger}") == {None}
    assert len(kernel.run("%%interop_trace --no-quiet -c all -o rec\nf * a").reports) == 1
    assert kernel.value("[c.values is None for c in rec.ledger if c.cast != 'none']") == [False]


def test_defaults_apply_to_a_session_from_the_next_cell_on(session: Kernel) -> None:
    session.run("%config InteropTrace.footer = False")
    assert session.run("np.sum(t); x = 1").outputs == []
    session.run("%config InteropTrace.footer = True")
    assert len(session.run("np.sum(t); x = 1").reports) == 1


def test_default_rules_guard_cells_and_other_rules_on_the_line_win(kernel: Kernel) -> None:
    kernel.run("f = tf.constant(a.astype('f4'))", silent=True)
    kernel.run("%config InteropTrace.forbid = ['silent-cast']")
    assert kernel.run("%%interop_trace -q\nx = f * a").status[1] == "InteropError"
    assert kernel.run("%%interop_trace -q --forbid retrace\nx = f * a").status[0] == "ok"


def test_annotate_as_a_default_is_for_cells(kernel: Kernel) -> None:
    kernel.run("%config InteropTrace.annotate = True")
    assert kernel.run("%interop_trace -q np.sum(t)").text("execute_result") == repr(
        np.float64(15.0)
    )
    assert kernel.run("%%interop_trace -q\nx = np.sum(t)").reply["payload"] != []
    assert kernel.run("%%interop_trace -q --no-annotate\nx = np.sum(t)").reply["payload"] == []


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("check_values = 'some'", "any of ['sample', 'all', 'none'], not the str 'some'."),
        ("graph = 'x'", "expected a boolean, not the str 'x'."),
        ("forbid = ['nothing']", "InteropTrace.forbid: 'nothing' is no kind"),
        ("warn = 'copy>'", "InteropTrace.warn: 'copy>' is no rule"),
    ],
)
def test_a_bad_default_is_refused_in_one_sentence(
    kernel: Kernel, setting: str, sentence: str
) -> None:
    name = setting.partition(" ")[0]
    before = kernel.value(f"get_ipython().run_line_magic('config', 'InteropTrace.{name}')")
    outcome = kernel.run(f"%config InteropTrace.{setting}")
    assert sentence in outcome.text("stderr")
    after = kernel.value(f"get_ipython().run_line_magic('config', 'InteropTrace.{name}')")
    assert after == before
    assert kernel.run("%config InteropTrace.footer = False").outputs == []
    assert kernel.run("%config InteropTrace.footer").text("execute_result") == "False"
    reloaded = kernel.run("%reload_ext tfnp_magic")
    assert reloaded.status[0] == "ok"
    assert "The default stays." in reloaded.text("stderr")
    assert kernel.run("%config InteropTrace.footer").text("execute_result") == "False"


def test_defaults_survive_a_reload(kernel: Kernel) -> None:
    kernel.run("%config InteropTrace.graph = True\n%reload_ext tfnp_magic")
    assert kernel.run("%config InteropTrace.graph").text("execute_result") == "True"


def test_config_describes_each_default(kernel: Kernel) -> None:
    text = kernel.run("%config InteropTrace").text("stdout")
    for name in ("check_values", "graph", "quiet", "annotate", "footer", "forbid", "warn"):
        assert f"InteropTrace.{name}=" in text


# --- loading ----------------------------------------------------------------------------


CONFIGURABLES = "[type(c).__name__ for c in get_ipython().configurables].count('InteropTrace')"


def test_reloading_in_a_cell_ends_the_session_and_shows_the_footer(session: Kernel) -> None:
    outcome = session.run("np.sum(t)\n%reload_ext tfnp_magic\nnp.mean(t)")
    assert "Session mode has ended with the extension." in outcome.text("stdout")
    assert "1 conversion on 1 line" in outcome.reports[0]
    assert session.value(STATE) == [False, 0, 0]
    assert session.value(CONFIGURABLES) == 1
    assert session.value("len(get_ipython().ast_transformers)") == 0
    assert session.run("np.sum(t)").reports == []


def test_unloading_takes_session_and_defaults_out(bare_kernel: Kernel) -> None:
    before = bare_kernel.value("len(get_ipython().ast_transformers)")
    bare_kernel.run(ON, silent=True)
    assert bare_kernel.value("len(get_ipython().ast_transformers)") == before + 1
    bare_kernel.run("np.sum(t)\n%unload_ext tfnp_magic")
    assert bare_kernel.value(CONFIGURABLES) == 0
    assert bare_kernel.value("len(get_ipython().ast_transformers)") == before
    assert bare_kernel.run("np.sum(t); x = 1").outputs == []


def test_nothing_is_hooked_between_cells(session: Kernel) -> None:
    session.run("np.sum(t)")
    assert session.value(LEFT_BEHIND) == [0, 0, [], [0, 0]]


def test_a_failure_of_ours_leaves_the_cell_alone_and_is_reported(session: Kernel) -> None:
    session.run(f"{SESSION}._tracer.trace_of = lambda *_: 1/0", silent=True)
    outcome = session.run("np.sum(t)")
    session.run(f"del {SESSION}._tracer.trace_of", silent=True)
    assert outcome.kinds == ["execute_result"]
    (report,) = session.run("%interop_trace report").outputs
    assert "Lost: a cell was not traced (ZeroDivisionError: division by zero)." in report.text


def test_a_cell_whose_end_was_not_told_does_not_end_the_session(session: Kernel) -> None:
    """An interrupt may come before IPython can tell of it."""
    session.run(f"held = {SESSION}._open[0]\nx = np.sum(t)")
    session.value(f"{SESSION}._open.append(held)")
    outcome = session.run("x = np.mean(t)")
    assert f"In[{outcome.count}]: 1 conversion on 1 line, 0 B copied" in outcome.reports


def is_footer(output: Output) -> bool:
    return output.is_report and "\n" not in output.text


def test_capture_does_not_take_the_footer(session: Kernel) -> None:
    outcome = session.run("%%capture c\nprint('x')\nx = np.sum(t)")
    assert [is_footer(output) for output in outcome.outputs] == [True]
    assert session.value("c.stdout") == "x\n"
