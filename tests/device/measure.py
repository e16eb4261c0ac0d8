"""Runs a row cold, untraced and traced again, and tells what moved each time."""

from __future__ import annotations

import contextlib
import gc
from typing import Any, NamedTuple

from tests.contract.cells import traced_cell
from tests.device.machines import Machine
from tests.device.names import namespace
from tests.device.oracle import Moved
from tests.device.plain import plain
from tests.device.row import Row

FILE = "<row>"


class Ran(NamedTuple):
    """One run of a row.

    Attributes
    ----------
    device
        What the oracle says moved.
    ours
        What the recording says; None for a run that was not traced.
    lost
        What the recording says of failures of our own.
    result
        What the code's result is, as plain data, or the exception's name.
    """

    device: Moved
    ours: Any
    lost: list[str]
    result: object


class Measured(NamedTuple):
    """A row's runs, each in a namespace of its own."""

    cold: Ran
    untraced: Ran
    again: Ran


def measure(row: Row, machine: Machine, *, graph: bool = False) -> Measured:
    """Run it traced, for the first time in this process; then without a trace; then with one.

    Parameters
    ----------
    row, machine
        What is run, and where.
    graph
        Whether the traces look into graphs.
    """
    return Measured(*(_run(row, machine, traced, graph) for traced in (True, False, True)))


def warm_up(machine: Machine) -> None:
    """Spend what TensorFlow does once in a process, so that no row has it in its numbers."""
    names = namespace(machine)
    exec("t + 1.0, h + 1.0, v.numpy(), t.numpy(), repr(t), tf.square(t)", names)
    gc.collect()
    gc.freeze()  # a collection before each run need not walk all of TensorFlow


def _run(row, machine, traced, graph):
    names = _set_up(row, machine)
    code, mode = _compiled(row.code)
    trace = traced_cell(FILE, row.code, graph=graph) if traced else contextlib.nullcontext()
    error = None
    with machine.oracle.window() as window, trace as recording:
        try:
            if mode == "eval":
                names["r"] = eval(code, names)
            else:
                exec(code, names)
        except Exception as raised:
            if type(raised).__name__ != row.raises:
                raise
            error = row.raises
    return Ran(
        window.moved,
        recording.moves() if traced else None,
        recording.lost if traced else [],
        error or plain(names.get("r")),
    )


def _set_up(row, machine):
    import tensorflow as tf
    from tensorflow.python.eager import context

    context.context()._clear_caches()  # the scalars that TensorFlow keeps on each device
    tf.random.set_seed(1)
    names = namespace(machine)
    exec(compile(row.setup, "<setup>", "exec"), names)
    return names


def _compiled(text):
    """The code as an expression if it is one, else as statements."""
    try:
        return compile(text, FILE, "eval"), "eval"
    except SyntaxError:
        return compile(text, FILE, "exec"), "exec"
