"""``%unload_ext`` and ``%reload_ext`` inside of traced cells, nested, and while threads convert."""

from __future__ import annotations

import contextlib
import io
import random
import threading

import numpy as np
import pytest
import tensorflow as tf
from IPython.core.interactiveshell import InteractiveShell

import tfnp_magic
from tests.torture.given_back import ARRAY, TENSOR, counted, left_behind, state_now
from tfnp_magic.shell import extension


@pytest.fixture
def shell():
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "tfnp_magic")
    shell.push({"np": np, "tf": tf, "a": ARRAY, "t": TENSOR, "tfnp_magic": tfnp_magic})
    before = state_now()
    yield shell
    extension.unload(shell)
    InteractiveShell.clear_instance()
    assert left_behind(before) == []


def run(shell, cell):
    """Run a cell quietly; what it printed, and the error it raised."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        result = shell.run_cell(cell)
    return out.getvalue(), result.error_in_exec or result.error_before_exec


PARTS = [
    "y = t - a",
    "np.sum(t)",
    "%unload_ext tfnp_magic",
    "%load_ext tfnp_magic",
    "%reload_ext tfnp_magic",
    "get_ipython().run_cell('%%interop_trace -q -o inner\\ny = t - a\\n%reload_ext tfnp_magic')",
    "get_ipython().run_cell('%unload_ext tfnp_magic')",
    "with tfnp_magic.trace() as block:\n    get_ipython().run_cell('%reload_ext tfnp_magic')",
]  # fmt: skip


def test_a_cell_that_unloads_ends_its_trace_there_and_runs_on(shell):
    _, error = run(shell, "%%interop_trace -o rec -q\ny = t - a\n%unload_ext tfnp_magic\nz = t - a")
    assert error is None
    assert counted(shell.user_ns["rec"]) == 1
    assert shell.user_ns["z"].shape == (20, 3)


def test_a_cell_that_reloads_can_be_followed_by_a_traced_one(shell):
    for _ in range(3):
        _, error = run(
            shell, "%%interop_trace -o rec -q\ny = t - a\n%reload_ext tfnp_magic\ny = t - a"
        )
        assert error is None
        assert counted(shell.user_ns["rec"]) == 1
        run(shell, "%%interop_trace -o after -q\ny = t - a")
        assert counted(shell.user_ns["after"]) == 1


def test_any_sequence_of_loads_within_cells_leaves_nothing_in(shell, times):
    before, rng = state_now(), random.Random(7)
    for _ in range(60 * times):
        body = "\n".join(rng.choice(PARTS) for _ in range(rng.randint(1, 4)))
        magic = rng.choice(["%%interop_trace -q\n", "%%interop_trace -q -o rec\n", ""])
        loaded = extension._shells.get(shell) is not None
        _, error = run(shell, (magic if loaded else "") + body)
        assert error is None, (body, error)
        assert left_behind(before) == [], body
        run(shell, "%reload_ext tfnp_magic\n%interop_trace -q -o after t - a")
        run(shell, "%%interop_trace -q -o after\ny = t - a")
        assert counted(shell.user_ns["after"]) == 1, body


def test_unloading_while_threads_convert_stops_counting_and_breaks_none_of_them(shell):
    over, wrong = threading.Event(), []

    def busily():
        while not over.is_set():
            try:
                assert TENSOR.numpy().sum() == 60
                assert np.sum(TENSOR) == 60
                assert (TENSOR - ARRAY).shape == (20, 3)
            except Exception as error:
                wrong.append(error)

    shell.push({"threading": threading, "busily": busily})
    begin = "threads = [threading.Thread(target=busily) for _ in range(4)]"
    begin += "\n[x.start() for x in threads];"
    try:
        for _ in range(10):
            _, error = run(
                shell, f"%%interop_trace -q -o rec\n{begin}\n%unload_ext tfnp_magic\ny = t - a"
            )
            assert error is None
            counts = counted(shell.user_ns["rec"])
            run(shell, "%load_ext tfnp_magic\ny = t - a")
            assert counted(shell.user_ns["rec"]) == counts
            over.set()
            run(shell, "[x.join() for x in threads];")
            over.clear()
    finally:
        over.set()
    assert wrong == []
