"""Loading, unloading and reloading in a plain shell; waiting for TensorFlow; doing without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path
from typing import Any

import pytest

import tfnp_magic

PACKAGE = Path(tfnp_magic.__file__).resolve().parent

SHELL = """
import builtins, json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="nocolor")

def run(cell):
    return shell.run_cell(cell, store_history=True)

def load(word="load"):
    shell.run_line_magic(word + "_ext", "tfnp_magic")
"""


def in_a_shell(code: str, path: list[str] | None = None) -> tuple[Any, str]:
    """Run code in a fresh process with a plain shell.

    Parameters
    ----------
    code
        Sets `answer` to something that JSON has.
    path
        The only directories, besides the standard library, to import from.

    Returns
    -------
    The answer, and what was printed before it.
    """
    script = SHELL + textwrap.dedent(code) + "\nprint()\nprint(json.dumps(answer))\n"
    env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", PYTHONWARNINGS="ignore")
    flags = []
    if path is not None:
        env["PYTHONPATH"], flags = os.pathsep.join(path), ["-S"]
    done = subprocess.run(
        [sys.executable, *flags, "-c", script], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr + done.stdout
    shown, _, answer = done.stdout.rstrip("\n").rpartition("\n")
    return json.loads(answer), shown


SNAPSHOT = """
def snapshot():
    manager = shell.magics_manager
    return {
        "line": dict(manager.magics["line"]),
        "cell": dict(manager.magics["cell"]),
        "registry": dict(manager.registry),
        "cleanup": list(shell.input_transformers_cleanup),
        "line_transforms": list(shell.input_transformer_manager.line_transforms),
        "token": list(shell.input_transformer_manager.token_transformers),
        "post": list(shell.input_transformers_post),
        "ast": list(shell.ast_transformers),
        "events": {name: list(given) for name, given in shell.events.callbacks.items()},
        "matchers": list(shell.Completer.custom_matchers),
        "configurables": list(shell.configurables),
        "names": sorted(n for n in shell.user_ns if not n.startswith("_")),
        "builtins": sorted(vars(builtins)),
        "meta_path": list(sys.meta_path),
        "path_hooks": list(sys.path_hooks),
        "hooks": [sys.excepthook, sys.displayhook, sys.gettrace(), sys.getprofile()],
        "loaded": sorted(shell.extension_manager.loaded),
    }

def difference(before, after):
    return [name for name in before if before[name] != after[name]]

run("%load_ext json")  # IPython makes its own extension magics when they are first used
before = snapshot()
"""


def test_loading_imports_no_library() -> None:
    loaded, _ = in_a_shell(
        """
        before = set(sys.modules)
        load()
        answer = sorted({"tensorflow", "keras", "pandas", "numpy"} & set(sys.modules))
        """
    )
    assert loaded == []


def test_unloading_leaves_the_shell_as_it_was() -> None:
    answer, _ = in_a_shell(
        SNAPSHOT
        + """
load()
changed = difference(before, snapshot())
run("%%interop_trace -q\\nx = 1\\ndel x")
run("%%interop_trace -q\\n1/0")
run("%%interop_trace -q -z\\n1/0")
run("%%interop_trace -q\\n1 +")
load("unload")
answer = [changed, difference(before, snapshot())]
"""
    )
    assert answer[0] == [
        "line", "cell", "registry", "cleanup", "events", "matchers", "configurables", "loaded",
    ]  # fmt: skip
    assert answer[1] == []


def test_reloading_adds_nothing() -> None:
    """Neither by `%reload_ext`, nor by loading twice, nor by a loader who calls us directly."""
    answer, _ = in_a_shell(
        SNAPSHOT
        + """
def sizes():
    return {k: len(v) for k, v in snapshot().items()} | {
        "events": {k: len(v) for k, v in snapshot()["events"].items()}
    }

load()
once = sizes()
load(); load("reload"); load("reload")
import tfnp_magic
tfnp_magic.load_ipython_extension(shell)
again = sizes()
load("unload")
tfnp_magic.unload_ipython_extension(shell)  # a second time: nothing to do
answer = [difference(once, again), difference(before, snapshot())]
"""
    )
    assert answer == [[], []]


def test_unloading_leaves_alone_what_others_put_there() -> None:
    answer, _ = in_a_shell(
        SNAPSHOT
        + """
load()
run('''
from IPython.core.magic import register_line_magic
@register_line_magic
def tfnp_whos(line):
    return "mine"
''')
load("unload")
answer = [run("%tfnp_whos").result, difference(before, snapshot())]
"""
    )
    assert answer == ["mine", ["line", "names"]]


def test_unloading_in_a_traced_cell_takes_the_import_hook_out() -> None:
    answer, shown = in_a_shell(
        SNAPSHOT
        + """
load()
run("%%interop_trace -o rec\\n%unload_ext tfnp_magic\\nx = 1/0")
answer = [difference(before, snapshot()), shell.user_ns["rec"].error]
"""
    )
    assert answer == [["names"], None]
    assert shown.count("no conversions") == 1


def test_a_cell_that_imports_tensorflow_first_is_traced_from_there_on() -> None:
    """Also with a second trace waiting; afterwards the import system is as it was."""
    answer, shown = in_a_shell(
        SNAPSHOT
        + """
load()
run('''%%interop_trace -o rec
import numpy as np
import tfnp_magic
a = np.arange(6.0)
with tfnp_magic.trace() as part:
    import tensorflow as tf
    t = tf.constant(a)
x = np.sum(t)
''')
tensorflow = sys.modules["tensorflow"]
def ledger(name):
    return [(c.route, c.site.line.line) for c in shell.user_ns[name].ledger]
answer = [
    ledger("rec"),
    ledger("part"),
    type(tensorflow.__loader__).__module__.startswith("tfnp_magic"),
    type(tensorflow.__spec__.loader).__module__.startswith("tfnp_magic"),
    [f for f in sys.meta_path if type(f).__module__.startswith("tfnp_magic")],
]
"""
    )
    assert answer[:2] == [[["tf.constant", 7], ["np.sum", 8]], [["tf.constant", 7]]]
    assert answer[2:] == [False, False, []]
    assert "2 conversions on 2 lines" in shown


def test_an_import_that_fails_fails_as_untraced(tmp_path: Path) -> None:
    """And a later one, in another cell, finds no hook of ours."""
    broken = tmp_path / "tensorflow"
    broken.mkdir()
    (broken / "__init__.py").write_text("import no_such_part\n")
    answer, shown = in_a_shell(
        SNAPSHOT
        + f"""
sys.path.insert(0, {str(tmp_path)!r})
load()
results = [run("import tensorflow"), run("%%interop_trace -o rec\\nimport tensorflow")]
answer = [
    [str(r.error_in_exec) for r in results],
    sys.meta_path == before["meta_path"],
    "tensorflow" in sys.modules,
    shell.user_ns["rec"].error,
]
"""
    )
    assert answer == [["No module named 'no_such_part'"] * 2, True, False, "ModuleNotFoundError"]
    assert "importing.py" not in shown


def test_a_failure_of_ours_costs_the_recording_and_not_the_cell() -> None:
    """Whether the trace cannot begin or cannot end, the cell runs, and the report says so."""
    answer, _ = in_a_shell(
        """
        load()
        from tfnp_magic import tracing
        def broken(self):
            raise RuntimeError("ours")
        kept = tracing.Scope.enter, tracing.Scope.leave
        tracing.Scope.enter = broken
        first = run("%%interop_trace -q -o begun\\n41 + 1")
        tracing.Scope.enter, tracing.Scope.leave = kept[0], broken
        second = run("%%interop_trace -q -o ended\\n41 + 1")
        third = run("%interop_trace -q -o line 1/0")
        answer = [
            first.result, second.result, type(third.error_in_exec).__name__,
            *[shell.user_ns[name].lost for name in ("begun", "ended", "line")],
        ]
        """
    )
    assert answer[:3] == [42, 42, "ZeroDivisionError"]
    assert answer[3] == ["the trace could not begin (RuntimeError: ours)"]
    assert answer[4] == answer[5] == ["the trace could not end (RuntimeError: ours)"]


@pytest.mark.parametrize("cell", ["%%interop_trace -o rec\\n42", "%interop_trace -o rec 42"])
def test_an_interrupt_before_the_trace_could_end_only_delays_that(cell: str) -> None:
    """Ctrl-C may come between the last statement of the cell and the end of the trace."""
    answer, shown = in_a_shell(
        f"""
        load()
        from tfnp_magic import scope, tracing
        stop, calls = tracing.Trace.stop, []
        def interrupted(self, error=None):
            calls.append(error)
            if len(calls) == 1:
                raise KeyboardInterrupt
            return stop(self, error)
        tracing.Trace.stop = interrupted
        run("{cell}")
        answer = [len(scope._open), len(calls), type(shell.user_ns["rec"]).__name__]
        """
    )
    assert answer == [0, 2, "Recording"]
    assert shown.count("no conversions") == 1
    assert "KeyboardInterrupt" in shown


# --- without TensorFlow ------------------------------------------------------------


@pytest.fixture(scope="module")
def without_tensorflow(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Directories that hold all that is installed here, except TensorFlow and Keras."""
    bare = tmp_path_factory.mktemp("bare") / "site-packages"
    bare.mkdir()
    for installed in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(installed).iterdir():
            if not entry.name.lower().startswith(("tensorflow", "keras", "tf_keras", "tfnp_magic")):
                (bare / entry.name).symlink_to(entry)
    (bare / "tfnp_magic").symlink_to(PACKAGE)
    return [str(bare)]


def test_without_tensorflow_the_cell_runs_and_the_report_says_what_to_install(
    without_tensorflow: list[str],
) -> None:
    answer, shown = in_a_shell(
        """
        import importlib.util
        load()
        result = run("%%interop_trace -o rec\\nimport numpy as np\\nprint('ran')\\nnp.sum([1, 2])")
        line = run("%interop_trace -q 1 + 1")
        failed = run("%%interop_trace -q\\nimport tensorflow")
        answer = [
            importlib.util.find_spec("tensorflow") is not None,
            int(result.result), line.result, str(failed.error_in_exec),
            shell.user_ns["rec"].not_seen,
            len(shell.user_ns["rec"].summary()),
        ]
        """,
        without_tensorflow,
    )
    installed, value, line, failed, not_seen, rows = answer
    assert not installed
    assert (value, line, rows) == (3, 2, 0)
    assert failed == "No module named 'tensorflow'"
    assert len(not_seen) == 1
    assert "pip install 'tfnp_magic[cpu]'" in not_seen[0]
    assert shown.index("ran") < shown.index("TensorFlow is not installed here")


def test_without_tensorflow_unloading_leaves_nothing(without_tensorflow: list[str]) -> None:
    answer, _ = in_a_shell(
        SNAPSHOT
        + """
load()
run("%%interop_trace -q\\nx = 1\\ndel x")
run("%tfnp_whos")
load("unload")
answer = difference(before, snapshot())
""",
        without_tensorflow,
    )
    assert answer == []
