"""``%%interop_trace --annotate``: the copy that a kernel, or a terminal, is handed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conftest import Kernel, Outcome
from IPython.core.interactiveshell import InteractiveShell
from IPython.terminal.interactiveshell import TerminalInteractiveShell

ONE = "  # tfnp: 1 conversion"
THREE = "  # tfnp: 3 conversions"


def copies(outcome: Outcome) -> list[tuple[str, bool]]:
    """What the front end is asked to put below the cell, or in its place, without the bytes."""
    payload = outcome.reply["payload"]
    assert all(part["source"] == "set_next_input" for part in payload)
    return [(without_bytes(part["text"]), part["replace"]) for part in payload]


def without_bytes(text: str) -> str:
    """How many bytes are copied, and how long it takes, is a matter of chance."""
    return re.sub(r"(# tfnp: [\d,]+ conversions?)[^\n]*", r"\1", text)


def said(outcome: Outcome) -> list[str]:
    """Our own words besides the report."""
    shown = [o.text for o in outcome.outputs if o.kind == "display_data"]
    return [text for text in shown if text.startswith(("Not annotated", "The annotated"))]


# --- the copy ----------------------------------------------------------------------


def test_the_copy_has_figures_behind_the_lines_that_converted(kernel: Kernel) -> None:
    outcome = kernel.run(
        "%%interop_trace --annotate\n"
        "\n"
        "def doubled(v):\n"
        "    return tf.constant(v).numpy()  # mine\n"
        "n = 0\n"
        "for i in range(3):\n"
        "    x = doubled(a)\n"
        "np.sum(t);\n"
    )
    assert outcome.kinds == ["report"]
    assert copies(outcome) == [
        (
            "%%interop_trace --annotate\n"
            "\n"
            "def doubled(v):\n"
            "    return tf.constant(v).numpy()  # mine  # tfnp: 6 conversions\n"
            "n = 0\n"
            "for i in range(3):\n"
            "    x = doubled(a)\n"
            f"np.sum(t);{ONE}\n",
            False,
        )
    ]


def test_bytes_copied_and_silent_casts_are_told(kernel: Kernel) -> None:
    outcome = kernel.run("%%interop_trace -a\nf = tf.ones(1) * np.ones(2**18)")
    text = outcome.reply["payload"][0]["text"]
    assert re.search(
        r"np\.ones\(2\*\*18\)  # tfnp: 1 conversion, [\d.]+ MB copied, "
        r"1 silent cast \(float64 → float32\)",
        text,
    )


def test_running_the_copy_renews_it_in_its_place(kernel: Kernel) -> None:
    """Old comments go where nothing converts now, and none is doubled."""
    cell = "%%interop_trace -a\nfor i in range(n):\n    tf.constant(a)\nif not n: np.sum(t)\n"
    kernel.run("n = 3")
    first = kernel.run(cell)
    three = cell.replace("(a)\n", f"(a){THREE}\n")
    assert copies(first) == [(three, False)]
    copied = first.reply["payload"][0]["text"]
    again = kernel.run(copied)
    assert copies(again) == [(three, True)]
    kernel.run("n = 0")
    one = cell.replace("np.sum(t)\n", f"np.sum(t){ONE}\n")
    assert copies(kernel.run(copied)) == [(one, True)]


def test_the_copys_own_recording_holds_no_older_figures(kernel: Kernel) -> None:
    copied = "%%interop_trace -a -o rec\nx = np.sum(t)  # mine  # tfnp: 9 conversions"
    outcome = kernel.run(copied)
    assert "tfnp" not in outcome.reports[0]
    assert kernel.value("(rec.source, rec.ledger[0].site.line.code)") == (
        "%%interop_trace -a -o rec\nx = np.sum(t)  # mine\n",
        "x = np.sum(t)  # mine",
    )


def test_a_copy_whose_lines_no_longer_convert_has_no_comments(kernel: Kernel) -> None:
    outcome = kernel.run("%%interop_trace -a\nx = 1  # mine  # tfnp: 2 conversions")
    assert copies(outcome) == [("%%interop_trace -a\nx = 1  # mine", True)]


def test_a_semicolon_silences_the_copys_output_too(kernel: Kernel) -> None:
    outcome = kernel.run("%%interop_trace -a\nt.numpy();")
    (copied, _) = copies(outcome)[0]
    assert copied == f"%%interop_trace -a\nt.numpy();{ONE}"
    assert kernel.run(copied).kinds == ["report"]


def test_the_copys_code_does_what_the_cells_does(kernel: Kernel) -> None:
    cell = (
        "%%interop_trace -a\n"
        "s = f'''{tf.constant(a).numpy().sum()}\n"
        "# {np.sum(t)}'''\n"
        "x = %time np.sum(t)\n"
        "y = !echo it\\'s\n"
        "z = np.sum(t) + \\\n"
        "    np.sum(t)\n"
        "await asyncio.sleep(0); s, y[0], float(z)"
    )
    first = kernel.run(cell)
    copied = first.reply["payload"][0]["text"]
    assert copied.count("# tfnp:") == 2
    again = kernel.run(copied)
    value = "('15.0\\n# 15.0', \"it's\", 30.0)"
    assert (first.text("execute_result"), again.text("execute_result")) == (value, value)
    assert copies(again)[0][0] == copies(first)[0][0]


# --- other options, other magics ---------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ("-qa", []),
        ("-aq", []),
        ("-a -o rec", ["report"]),
        ("-qao rec", []),
        ("-agq", []),
        ("--annotate --quiet --output=rec", []),
    ],
)
def test_the_copy_goes_with_any_other_option(
    kernel: Kernel, options: str, kinds: list[str]
) -> None:
    outcome = kernel.run(f"%%interop_trace {options}\nx = np.sum(t)")
    assert outcome.status == ("ok", "", "")
    assert outcome.kinds == kinds
    assert copies(outcome) == [(f"%%interop_trace {options}\nx = np.sum(t){ONE}", False)]
    assert kernel.value("'rec' in globals()") is ("rec" in options)


def test_without_the_option_there_is_no_copy(kernel: Kernel) -> None:
    assert kernel.run("%%interop_trace\nx = np.sum(t)").reply["payload"] == []


@pytest.mark.parametrize(
    "magics",
    [
        "%%interop_trace -a\n%%time\n",
        "%%interop_trace -a\n\n%%time\n",
        "%%time\n%%interop_trace -a\n",
        "%%timeit -n 1 -r 1\n%%interop_trace -a\n",
        "%%prun -q\n%%interop_trace -a\n",
        "%%capture out\n%%interop_trace -a\n",
        "\n%%time\n\n%%capture out\n%%interop_trace -a\n",
        "  %%interop_trace -a\n  ",
    ],
)
def test_the_copy_is_of_all_that_was_typed(kernel: Kernel, magics: str) -> None:
    cell = f"{magics}x = np.sum(t)"
    assert copies(kernel.run(cell)) == [(f"{cell}{ONE}", False)]


def test_of_other_magics_below_ours_the_lines_are_not_known(kernel: Kernel) -> None:
    outcome = kernel.run("%%interop_trace -qa\n%%capture\nx = np.sum(t)")
    assert copies(outcome) == []
    assert said(outcome) == [
        "Not annotated: what %%capture runs has no lines in this cell; "
        "put %%capture above %%interop_trace."
    ]


def test_a_cell_that_raised_is_annotated_with_what_ran(kernel: Kernel) -> None:
    """JupyterLab ignores what a reply with an error asks for: the copy is an output, too."""
    cell = "%%interop_trace -a\nx = np.sum(t)\n1/0\nx = np.sum(t)"
    copied = f"%%interop_trace -a\nx = np.sum(t){ONE}\n1/0\nx = np.sum(t)"
    outcome = kernel.run(cell)
    assert outcome.status[:2] == ("error", "ZeroDivisionError")
    assert [o.kind for o in outcome.outputs] == ["error", "display_data", "display_data"]
    assert copies(outcome) == [(copied, False)]
    (shown,) = said(outcome)
    title, _, text = shown.partition("\n\n")
    assert title == "The annotated cell; JupyterLab puts no copy below a cell that raised:"
    assert without_bytes(text) == copied
    assert "<details>" in outcome.outputs[-1].data["text/html"]


def test_the_code_of_a_cell_that_raised_stays_text_in_html(kernel: Kernel) -> None:
    outcome = kernel.run("%%interop_trace -qa\nx = np.sum(t), '<b>\x1b[31m'\n1/0")
    html = outcome.outputs[-1].data["text/html"]
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert "\x1b" not in html


# --- where there is none -----------------------------------------------------------


def test_a_cell_without_conversions_gets_no_copy_and_a_word_why(kernel: Kernel) -> None:
    outcome = kernel.run("%%interop_trace -a\nx = 1")
    assert copies(outcome) == []
    assert said(outcome) == ["Not annotated: no line of this cell converted."]


def test_conversions_behind_which_no_comment_can_stand_are_told_so(kernel: Kernel) -> None:
    outcome = kernel.run("%%interop_trace -a\n%time x = np.sum(t)")
    assert copies(outcome) == []
    assert said(outcome) == [
        "Not annotated: what converted has no line in this cell that can have a comment."
    ]


def test_a_silent_cell_gets_none(kernel: Kernel) -> None:
    outcome = kernel.run("%%interop_trace -a -o rec\nx = np.sum(t)", silent=True)
    assert (outcome.outputs, outcome.reply["payload"]) == ([], [])
    assert kernel.ledger() == [("np.sum", 2, 1)]


def test_what_the_cell_itself_asked_for_comes_first(kernel: Kernel) -> None:
    outcome = kernel.run(
        "%%interop_trace -qa\nx = np.sum(t)\nget_ipython().set_next_input('x', replace=True)"
    )
    assert copies(outcome) == [("x", True)]
    assert said(outcome) == ["Not annotated: the cell itself set the text of the next one."]


@pytest.mark.parametrize(
    "code",
    [
        "r = get_ipython().run_cell_magic('interop_trace', '-qa', 'x = np.sum(t)\\n')",
        "r = get_ipython().run_cell('%%interop_trace -qa\\nx = np.sum(t)')",
    ],
)
def test_what_a_program_runs_is_not_copied(kernel: Kernel, code: str) -> None:
    outcome = kernel.run(code)
    assert outcome.status == ("ok", "", "")
    assert copies(outcome) == []
    assert said(outcome) == [
        "Not annotated: a program ran the traced code; only a cell as it was typed is copied."
    ]


def test_a_cell_that_is_no_python_gets_none(kernel: Kernel) -> None:
    outcome = kernel.run("%%interop_trace -a\nx = 1 +")
    assert outcome.status[:2] == ("error", "SyntaxError")
    assert copies(outcome) == []


# --- a terminal --------------------------------------------------------------------


@pytest.fixture(params=[InteractiveShell, TerminalInteractiveShell])
def shell(request: pytest.FixtureRequest) -> Any:
    """A shell in this process, with the extension."""
    shell = request.param()
    shell.run_cell("%load_ext tfnp_magic\nimport numpy as np, tensorflow as tf\na = np.ones(6)")
    yield shell
    shell.run_cell("%unload_ext tfnp_magic")


def test_in_a_terminal_the_copy_is_the_next_prompts_text(
    shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = "%%interop_trace -qa\nfor i in range(3):\n    tf.constant(a)\n"
    copied = cell.replace("(a)", f"(a){THREE}")
    shell.run_cell(cell, store_history=True)
    assert without_bytes(shell.rl_next_input) == copied
    text, shell.rl_next_input = shell.rl_next_input, None  # what a prompt does
    shell.run_cell(text + "1/0\n", store_history=True)
    assert without_bytes(shell.rl_next_input) == f"{copied}1/0\n"
    assert "annotated" not in capsys.readouterr().out
