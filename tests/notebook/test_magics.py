"""The line form, the options, their errors, help and completion."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Kernel, arrows

OPTIONS = (
    "the options are -o (--output), -q (--quiet), -c (--check-values), -g (--graph), "
    "-a (--annotate), --forbid, --warn, --pdb, --no-quiet, --no-graph, --no-annotate"
)


# --- the line form -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "shown", "ledger"),
    [
        ("%interop_trace -o rec np.sum(t)", repr(np.float64(15.0)), [("np.sum", 1, 1)]),
        ("%interop_trace -o rec np.sum(t);", "", [("np.sum", 1, 1)]),
        ("%interop_trace -o rec x = np.sum(t)", "", [("np.sum", 1, 1)]),
        ("%interop_trace -o rec x = np.sum(t); x + 1", repr(np.float64(16.0)), [("np.sum", 1, 1)]),
        (
            "%interop_trace --output=rec {'{t}': np.sum(t)}['{t}']",
            repr(np.float64(15.0)),
            [("np.sum", 1, 1)],
        ),
        ('%interop_trace -o rec "it\'s {a} $t \\"-o\\""', "'it\\'s {a} $t \"-o\"'", []),
        ("%interop_trace -o rec -- -np.sum(t)", repr(np.float64(-15.0)), [("np.sum", 1, 1)]),
        ("%interop_trace -o rec 1 - -2", "3", []),
        ("%interop_trace -qo rec 1", "1", []),
        ("%interop_trace    -q   -o   rec    1", "1", []),
        ("%interop_trace -o rec %env HOME", None, []),
    ],
)
def test_a_line_is_traced_and_has_its_value(
    kernel: Kernel, line: str, shown: str | None, ledger: list[tuple[str, int, int]]
) -> None:
    outcome = kernel.run(line)
    assert outcome.status == ("ok", "", "")
    assert shown is None or outcome.text("execute_result") == shown
    assert kernel.ledger() == ledger
    quiet = "-q" in line
    assert outcome.kinds[-1:] == (["execute_result"] if quiet else ["report"])


def test_a_lines_value_can_be_assigned(kernel: Kernel) -> None:
    outcome = kernel.run("r = %interop_trace np.sum(t)\nprint(r)")
    assert outcome.kinds == ["stdout", "report"]
    assert outcome.text("stdout") == "15.0\n"


def test_an_assigned_line_defines_its_names(kernel: Kernel) -> None:
    kernel.run("%interop_trace -q y = np.sum(t)")
    assert kernel.value("float(y)") == 15.0


def test_a_line_in_a_function_sees_the_functions_names(kernel: Kernel) -> None:
    """Also from comprehensions and lambdas; and names of the function hide global ones."""
    kernel.run(
        "k = 'global'\n"
        "def f(xs, k):\n"
        "    r = %interop_trace -o rec [k * float(np.sum(x)) for x in xs] + (lambda: [k])()\n"
        "    return r, k"
    )
    outcome = kernel.run("f([t, t], 2)")
    assert outcome.text("execute_result") == "([30.0, 30.0, 2], 2)"
    assert sum(count for _, _, count in kernel.ledger()) == 2
    assert kernel.value("k") == "global"


def test_an_error_in_a_line_is_the_lines_own(kernel: Kernel) -> None:
    outcome = kernel.run("x = 1\n%interop_trace -o rec np.sum(t) / 0 + 1/0\n")
    assert outcome.status == ("error", "ZeroDivisionError", "division by zero")
    assert outcome.kinds == ["stderr", "error", "report"]  # NumPy warns of its own division
    assert arrows(outcome.text("error"))[0].startswith("2 get_ipython().run_line_magic(")
    assert arrows(outcome.text("error"))[-1] == "1 np.sum(t) / 0 + 1/0"
    assert "cell.py" not in outcome.text("error")
    assert kernel.value("rec.error") == "ZeroDivisionError"
    assert kernel.ledger() == [("np.sum", 1, 1)]


def test_a_line_that_cannot_be_compiled_leaves_nothing_armed(kernel: Kernel) -> None:
    outcome = kernel.run("%interop_trace -o rec 1 +")
    assert outcome.status[:2] == ("error", "SyntaxError")
    assert outcome.reports == []
    assert kernel.run("np.sum(t)").kinds == ["execute_result"]


def test_lines_in_a_traced_cell_have_recordings_of_their_own(kernel: Kernel) -> None:
    outcome = kernel.run(
        "%%interop_trace -o rec\n%interop_trace -o one x = tf.constant(a)\nx = t.numpy()"
    )
    assert [name for name, _, _ in kernel.ledger("one")] == ["tf.constant"]
    assert [(line, count) for _, line, count in kernel.ledger()] == [(2, 1), (3, 1)]
    assert outcome.kinds == ["report", "report"]


# --- called by a program -----------------------------------------------------------


def test_a_program_can_run_the_cell_magic(kernel: Kernel) -> None:
    """It runs in place, the value of its last expression is returned, errors are raised."""
    outcome = kernel.run(
        "run = get_ipython().run_cell_magic\n"
        "x = run('interop_trace', '-o rec', 'y = np.sum(t)\\nfloat(y)')\n"
        "try:\n"
        "    run('interop_trace', '-q -o failed', 'tf.constant(a)\\n1/0\\n')\n"
        "except ZeroDivisionError as error:\n"
        "    print('raised', error)\n"
        "x"
    )
    assert outcome.text("stdout") == "raised division by zero\n"
    assert outcome.text("execute_result") == "15.0"
    assert kernel.ledger() == [("np.sum", 2, 1)]
    assert kernel.value("rec.ledger[0].site.line.code") == "y = np.sum(t)"
    assert kernel.value("failed.error") == "ZeroDivisionError"
    assert outcome.kinds == ["stdout", "execute_result", "report"]


# --- options -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "shows"),
    [("", 1), ("-q", 0), ("--quiet", 0), ("-o rec", 1), ("-q -o rec", 0), ("--output=rec -q", 0)],
)
def test_options_say_what_is_shown_and_stored(kernel: Kernel, options: str, shows: int) -> None:
    outcome = kernel.run(f"%%interop_trace {options}\nnp.sum(t);")
    assert outcome.kinds == ["report"] * shows
    assert kernel.value("'rec' in globals()") is ("rec" in options)


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("%%interop_trace -g -o rec\nf(t);", ["report"]),
        ("%%interop_trace --graph --output=rec\nf(t);", ["report"]),
        ("%%interop_trace -qgo rec\nf(t);", []),
        ("%interop_trace --graph -o rec f(t);", ["report"]),
        ("%interop_trace -gqo rec f(t);", []),
    ],
)
def test_graphs_are_looked_into_on_request(kernel: Kernel, code: str, kinds: list[str]) -> None:
    """And nothing that the profiler says of itself is shown."""
    kernel.run("f = tf.function(lambda x: tf.cast(x, tf.float16)); f(t);")
    assert kernel.run(code).kinds == kinds
    told = "[(c.direction, c.dtype_to, c.count, c.site.line.line) for c in rec.ledger]"
    line = 2 if code.startswith("%%") else 1
    assert kernel.value(told) == [("in graph", "float16", 1, line)]
    kernel.run("%%interop_trace -q -o rec\nf(t);")
    assert kernel.value("(rec.ledger, rec.graph_calls)") == ([], 1)


def test_a_recording_replaces_what_had_its_name(kernel: Kernel) -> None:
    kernel.run("rec = 1")
    kernel.run("%%interop_trace -q -o rec\nassert rec == 1\nnp.sum(t);")
    assert kernel.value("type(rec).__name__") == "Recording"


NAMELESS = "-o needs a Python variable name, and {!r} is none"

WHOS_KNOWN = (
    "-k (--kind), -d (--device), -m (--min-size), -s (--sort), -n (--limit), --deep, -o (--output)"
)
ERRORS = {
    "%%interop_trace -z\nhit = 1": f"unrecognized arguments: -z; {OPTIONS}",
    "%%interop_trace rec\nhit = 1": f"unrecognized arguments: rec; {OPTIONS}",
    "%%interop_trace -h\nhit = 1": f"unrecognized arguments: -h; {OPTIONS}",
    "%%interop_trace -o\nhit = 1": f"argument -o/--output: expected one argument; {OPTIONS}",
    "%%interop_trace -o 'x\nhit = 1": f"No closing quotation; {OPTIONS}",
    "%%interop_trace -c most\nhit = 1": (
        "-c (--check-values) is one of sample, all, none, not 'most'"
    ),
    "%interop_trace -c most hit": "-c (--check-values) is one of sample, all, none, not 'most'",
    "%%interop_trace -o a-b\nhit = 1": NAMELESS.format("a-b"),
    "%%interop_trace -o 1\nhit = 1": NAMELESS.format("1"),
    "%%interop_trace -o class\nhit = 1": NAMELESS.format("class"),
    "%%interop_trace -o rec?\nhit = 1": NAMELESS.format("rec?"),
    "%%interop_trace -z\n%%time\nhit = 1": f"unrecognized arguments: -z; {OPTIONS}",
    "%%interop_trace -o a.b\n%%time\nhit = 1": NAMELESS.format("a.b"),
    "%interop_trace -z hit": f"unrecognized arguments: -z; {OPTIONS}",
    "%interop_trace -o a.b 1": NAMELESS.format("a.b"),
    "%interop_trace -o": f"argument -o/--output: expected one argument; {OPTIONS}",
    "%interop_trace -a hit": (
        "-a (--annotate) makes a copy of a cell: begin the cell with %%interop_trace --annotate"
    ),
    "%interop_trace -qao rec hit": (
        "-a (--annotate) makes a copy of a cell: begin the cell with %%interop_trace --annotate"
    ),
    "%interop_trace": (
        "%interop_trace traces the expression behind it; "
        "to trace a cell, begin it with %%interop_trace"
    ),
    "%interop_trace -q": (
        "%interop_trace traces the expression behind it; "
        "to trace a cell, begin it with %%interop_trace"
    ),
    "%%interop_trace": (
        "%%interop_trace is a cell magic, but the cell body is empty. "
        "Did you mean the line magic %interop_trace (single %)?"
    ),
    "%%interop_trace -o rec\n  \n\n": (
        "%%interop_trace: the cell is empty; put the code to trace below this line"
    ),
    "%tfnp_whos -z": f"unrecognized arguments: -z; the options are {WHOS_KNOWN}",
    "%tfnp_whos -k": f"argument -k/--kind: expected one argument; the options are {WHOS_KNOWN}",
    "%tfnp_whos -o a-b": NAMELESS.format("a-b"),
}


@pytest.mark.parametrize(("cell", "message"), ERRORS.items(), ids=list(map(repr, ERRORS)))
def test_a_wrong_line_is_one_sentence_and_the_body_does_not_run(
    kernel: Kernel, cell: str, message: str
) -> None:
    outcome = kernel.run(cell)
    assert outcome.status == ("error", "UsageError", message)
    assert [(o.kind, o.text.strip()) for o in outcome.outputs] == [
        ("stderr", f"UsageError: {message}")
    ]
    assert kernel.value("{'hit', 'rec'} & set(globals())") == set()


# --- help and completion -----------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (
            "%%interop_trace?",
            ["%interop_trace [-o NAME] [-q]", "--output", "--quiet", "--graph", "await"],
        ),
        ("%interop_trace?", ["%interop_trace [-o NAME] [-q]", "--output", "--quiet", "--"]),
        ("?%%interop_trace", ["%interop_trace [-o NAME] [-q]"]),
        ("%tfnp_whos?", ["--kind", "--output", "names"]),
    ],
)
def test_help_shows_the_options(kernel: Kernel, line: str, parts: list[str]) -> None:
    outcome = kernel.run(line)
    assert outcome.outputs == []
    (page,) = outcome.reply["payload"]
    assert [part for part in parts if part not in page["data"]["text/plain"]] == []


WHOS = ["--deep", "--device", "--kind", "--limit", "--min-size", "--output", "--sort"]
TRACE = [
    "--annotate", "--check-values", "--forbid", "--graph", "--no-annotate", "--no-graph",
    "--no-quiet", "--output", "--pdb", "--quiet", "--warn", "-a", "-c", "-g", "-o", "-q",
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("%%interop_trace -", TRACE),
        ("%interop_trace -", TRACE),
        ("    %interop_trace -", TRACE),
        ("x = %interop_trace -", TRACE),
        ("x = 1\n%interop_trace -", TRACE),
        ("%%interop_trace -q --o", ["--output"]),
        ("%interop_trace --o", ["--output"]),
        ("%tfnp_whos -", sorted([*WHOS, "-d", "-k", "-m", "-n", "-o", "-s"])),
        ("%tfnp_whos t -k Tensor --", WHOS),
        ("%tfnp_whos --de", ["--deep", "--device"]),
    ],
)
def test_options_complete(kernel: Kernel, line: str, options: list[str]) -> None:
    assert sorted(kernel.complete(line)) == options


def test_other_completions_are_not_in_the_way(kernel: Kernel) -> None:
    kernel.run("some_tensor = t")
    assert kernel.complete("%%interop_trace -o rec\nsome_t") == ["some_tensor"]
    assert kernel.complete("%%interop_tr") == ["%%interop_trace"]
    assert not set(TRACE) & set(kernel.complete("%interop_tracer -"))


def test_a_cell_that_is_being_typed_ends_with_a_blank_line(kernel: Kernel) -> None:
    """As for any cell magic; a terminal runs the cell as soon as it is complete."""

    def status(code: str) -> str:
        asked = kernel.client.is_complete(code)
        return str(kernel._reply(asked)["status"])

    assert status("%%interop_trace") == "incomplete"
    assert status("%%interop_trace\nx = 1") == "incomplete"
    assert status("%%interop_trace\nx = 1\n\n") == "complete"


# --- %tfnp_whos --------------------------------------------------------------------


def test_whos_lists_what_is_asked_for(kernel: Kernel) -> None:
    everything = kernel.run("%tfnp_whos")
    assert everything.kinds == ["display_data"]
    shown = everything.text("display_data")
    assert "Tensor" in shown
    assert "ndarray" in shown
    for kind in ("-k ndarray", "ndarray"):
        arrays = kernel.run(f"%tfnp_whos {kind}").text("display_data")
        assert "ndarray" in arrays
        assert " Tensor " not in arrays
    named = kernel.run("%tfnp_whos t").text("display_data")
    assert "Tensor" in named
    assert "ndarray" not in named


def test_whos_is_shown_from_the_middle_of_a_cell_and_is_not_its_value(kernel: Kernel) -> None:
    outcome = kernel.run("%tfnp_whos\n5")
    assert outcome.kinds == ["display_data", "execute_result"]
    assert outcome.text("execute_result") == "5"


def test_whos_stores_a_table_instead_of_showing_it(kernel: Kernel) -> None:
    assert kernel.run("%tfnp_whos -o table t a").outputs == []
    assert kernel.value("type(table).__name__") == "DataFrame"
    assert kernel.value("sorted(table['name'])") == ["a", "t"]


def test_whos_does_not_list_itself_or_ipythons_names(kernel: Kernel) -> None:
    kernel.run("t")
    kernel.run("%tfnp_whos -o table")
    assert kernel.value("sorted(table['name'])") == ["a", "t"]


# --- unloading ---------------------------------------------------------------------


@pytest.mark.parametrize("word", ["unload", "reload"])
def test_the_extension_can_go_in_the_middle_of_a_traced_cell(
    bare_kernel: Kernel, word: str
) -> None:
    """The trace ends there; what it has seen is stored and shown."""
    outcome = bare_kernel.run(
        f"%%interop_trace -o rec\nx = np.sum(t)\n%{word}_ext tfnp_magic\nx = tf.constant(a)\n5"
    )
    assert outcome.status == ("ok", "", "")
    assert sorted(outcome.kinds) == ["execute_result", "report"]
    assert bare_kernel.ledger() == [("np.sum", 2, 1)]
    assert bare_kernel.value("rec.error") is None


def test_after_unloading_the_magics_are_unknown(bare_kernel: Kernel) -> None:
    bare_kernel.run("%unload_ext tfnp_magic")
    gone = bare_kernel.run("%%interop_trace\nhit = 1")
    assert gone.status == ("error", "UsageError", "Cell magic `%%interop_trace` not found.")
    assert not set(TRACE) & set(bare_kernel.complete("%%interop_trace -"))
    assert bare_kernel.value("'hit' in globals()") is False


def test_reloading_leaves_one_of_each(bare_kernel: Kernel) -> None:
    bare_kernel.run("%load_ext tfnp_magic\n%reload_ext tfnp_magic\n%reload_ext tfnp_magic")
    outcome = bare_kernel.run("%%interop_trace -o rec\nnp.sum(t);")
    assert outcome.kinds == ["report"]
    assert bare_kernel.ledger() == [("np.sum", 2, 1)]
    assert sorted(bare_kernel.complete("%%interop_trace -")) == TRACE
