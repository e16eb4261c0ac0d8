"""One kernel for all notebook tests, and what a cell sent while it ran."""

from __future__ import annotations

import ast
import dataclasses
import queue
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

PRELUDE = """\
shell = get_ipython()
for name in [n for n in shell.user_ns if not n.startswith('_') and n not in shell.user_ns_hidden]:
    del shell.user_ns[name]
get_ipython().compile.reset_compiler_flags()
%reload_ext tfnp_magic
import asyncio, time
import numpy as np
import tensorflow as tf
import tfnp_magic
from IPython.display import display
a = np.arange(6.0)
t = tf.constant(a)
"""
LEFT_BEHIND = """[
    len(__import__('tfnp_magic.probes').probes.probes._in),
    len(__import__('tfnp_magic.scope').scope._open),
    [type(f).__name__ for f in __import__('sys').meta_path if 'tfnp' in type(f).__module__],
    [len(x) for m in [get_ipython().magics_manager.registry.get('InteropMagics')] if m
     for x in (m.tracer._running, m.tracer._to_show)],
]"""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclasses.dataclass
class Output:
    """One thing that a cell showed: a stream's text, a result, a display or an error."""

    kind: str
    text: str
    data: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def is_report(self) -> bool:
        return self.kind == "display_data" and "conversion" in self.text


@dataclasses.dataclass
class Outcome:
    """What the kernel sent for one cell, in the order in which it sent it."""

    reply: dict[str, Any]
    outputs: list[Output]

    @property
    def status(self) -> tuple[str, str, str]:
        name, value = self.reply.get("ename", ""), self.reply.get("evalue", "")
        return self.reply["status"], name, comparable(value)

    @property
    def count(self) -> int:
        return int(self.reply["execution_count"])

    @property
    def own(self) -> list[tuple[str, str]]:
        """What is not ours: the outputs without the reports, tracebacks made comparable."""
        return [(o.kind, comparable(o.text)) for o in self.outputs if not o.is_report]

    @property
    def reports(self) -> list[str]:
        return [o.text for o in self.outputs if o.is_report]

    @property
    def kinds(self) -> list[str]:
        return ["report" if o.is_report else o.kind for o in self.outputs]

    def text(self, kind: str) -> str:
        return "".join(o.text for o in self.outputs if o.kind == kind)


def comparable(text: str) -> str:
    """The text without addresses, the cell's number, and its first line in a traceback.

    The first line is the magic's in a traced cell and a comment in an untraced one.
    """
    for what, instead in (
        (r"In\[\d+\]", "In[n]"),
        (r"(\S*/)?\b\d{5,}\.py\b", "cell.py"),
        (r"0x[0-9a-f]{6,}", "0x"),
    ):
        text = re.sub(what, instead, text)
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not re.match(r"\s+1 ", line))


def arrows(traceback: str) -> list[str]:
    """The failing lines of a traceback, with their numbers."""
    return [line.split(">", 1)[1].strip() for line in traceback.splitlines() if "-> " in line]


class Kernel:
    """A running kernel, asked one cell at a time."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(
        self,
        code: str,
        during: Callable[[Output], None] | None = None,
        timeout_s: float = 60,
        **how: Any,
    ) -> Outcome:
        """Run a cell; `during` is called with each output as it comes."""
        asked = self.client.execute(code, **how)
        try:
            return self.await_cell(asked, during, timeout_s)
        except queue.Empty:
            self.manager.interrupt_kernel()  # for the tests after this one
            self.await_cell(asked)
            raise AssertionError(f"the cell did not end: {code}") from None

    def await_cell(
        self,
        asked: str,
        during: Callable[[Output], None] | None = None,
        timeout_s: float = 60,
    ) -> Outcome:
        outputs: list[Output] = []
        end = time.monotonic() + timeout_s
        while True:
            message = self.client.get_iopub_msg(timeout=max(0, end - time.monotonic()))
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return Outcome(self._reply(asked), _joined(outputs))
            if kind not in ("status", "execute_input"):
                outputs.append(_output(kind, content))
                if during is not None:
                    during(outputs[-1])

    def _reply(self, asked: str) -> dict[str, Any]:
        while True:
            message = self.client.get_shell_msg(timeout=60)
            if message["parent_header"].get("msg_id") == asked:
                return message["content"]

    def value(self, expression: str) -> Any:
        """A literal out of the kernel's namespace."""
        asked = self.client.execute("", silent=True, user_expressions={"it": expression})
        it = self.await_cell(asked).reply["user_expressions"]["it"]
        assert it["status"] == "ok", it
        return ast.literal_eval(it["data"]["text/plain"])

    def ledger(self, name: str = "rec") -> list[tuple[str, int, int]]:
        """Route, line and count of a recording's crossings, whatever became of the data."""
        rows = self.value(
            f"[(c.route, c.site.line and c.site.line.line, c.count) for c in {name}.ledger]"
        )
        counts: Counter[tuple[str, int]] = Counter()
        for route, line, count in rows:
            counts[route, line] += count
        return [(*key, count) for key, count in counts.items()]

    def complete(self, code: str) -> list[str]:
        asked = self.client.complete(code, len(code))
        matches = self._reply(asked)["matches"]
        assert isinstance(matches, list)
        return matches

    def both(self, body: str, options: str = "-o rec") -> tuple[Outcome, Outcome]:
        """Run the body below a comment, then below the magic."""
        return self.run(f"# untraced\n{body}"), self.run(f"%%interop_trace {options}\n{body}")


def _output(kind: str, content: dict[str, Any]) -> Output:
    if kind == "stream":
        return Output(content["name"], content["text"])
    if kind == "error":
        return Output(kind, _COLOUR.sub("", "\n".join(content["traceback"])))
    return Output(kind, content["data"].get("text/plain", ""), content["data"])


def _joined(outputs: list[Output]) -> list[Output]:
    """Pieces of one stream as one: where a stream is cut is a matter of time."""
    joined: list[Output] = []
    for output in outputs:
        if joined and output.kind == joined[-1].kind in ("stdout", "stderr"):
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


@pytest.fixture(scope="session")
def session_kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    try:
        yield kernel
    finally:
        kernel.close()


@pytest.fixture
def kernel(session_kernel: Kernel) -> Iterator[Kernel]:
    """The session's kernel with a fresh namespace; afterwards nothing of ours may be in."""
    outcome = session_kernel.run(PRELUDE, silent=True)
    assert outcome.status[0] == "ok", outcome
    yield session_kernel
    assert session_kernel.value(LEFT_BEHIND) == [0, 0, [], [0, 0]]


@pytest.fixture
def bare_kernel(session_kernel: Kernel, kernel: Kernel) -> Iterator[Kernel]:
    """The same for tests that unload the extension; the next test loads it again."""
    yield session_kernel
    session_kernel.run("%reload_ext tfnp_magic", silent=True)


@pytest.fixture(autouse=True)
def nothing_stays_hooked() -> Iterator[None]:
    """In the test process itself, no probe is in and no trace open, before and after."""
    assert _hooked() == ([], ())
    yield
    assert _hooked() == ([], ())


def _hooked() -> tuple[list[Any], tuple[Any, ...]]:
    probes, scope = sys.modules.get("tfnp_magic.probes"), sys.modules.get("tfnp_magic.scope")
    return (probes.probes._in if probes else [], scope._open if scope else ())


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.01)
