"""The functions that TensorFlow's runtime has, and those that it had while a trace ran."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from tfnp_magic.in_graphs.nodes import Line


class RuntimeLibrary:
    """Asks TensorFlow's context, and remembers what is about to be removed from it.

    Sources: ``Context.list_function_names``, ``get_function_def``, ``get_graph_debug_info``
    (tensorflow/python/eager/context.py, 2.16 to 2.21).
    """

    def __init__(self) -> None:
        self._definitions: dict[str, Any] = {}
        self._lines: dict[str, dict[str, list[Line]]] = {}
        self._names: list[str] | None = None

    def remember(self, name: str) -> None:
        """The function goes: what is known of it is needed when the trace ends."""
        self.definition(name)
        self._lines_of(name)

    def names(self) -> list[str]:
        """Names of all functions."""
        if self._names is None:
            self._names = [*{*self._definitions, *_context().list_function_names()}]
        return self._names

    def definition(self, name: str) -> Any:
        """A ``FunctionDef``; None where there is none of that name."""
        if name not in self._definitions:
            self._definitions[name] = _get_definition(name)
        return self._definitions[name]

    def lines(self, name: str, node: str) -> list[Line]:
        """The lines of Python that led to a node, the innermost last; empty if unknown."""
        return self._lines_of(name).get(node, [])

    def _lines_of(self, name: str) -> dict[str, list[Line]]:
        """The lines of the casts in a function: nobody asks for others."""
        if name not in self._lines:
            definition = self.definition(name)
            nodes = () if definition is None else definition.node_def
            casts = {node.name for node in nodes if node.op == "Cast"}
            self._lines[name] = _get_lines(name, casts)
        return self._lines[name]


def _context() -> Any:
    return sys.modules["tensorflow.python.eager.context"].context()


def _get_definition(name: str) -> Any:
    errors = sys.modules["tensorflow.python.framework.errors_impl"]
    try:
        return _context().get_function_def(name)
    except errors.NotFoundError:
        return None


def _get_lines(name: str, nodes: set[str]) -> dict[str, list[Line]]:
    """The lines of some of a function's nodes, by their names."""
    errors = sys.modules["tensorflow.python.framework.errors_impl"]
    ask = getattr(_context(), "get_graph_debug_info", None)
    if ask is None or not nodes:
        return {}
    try:
        info = ask(name)
    except errors.OpError:
        return {}
    return {
        node: [_line(info, frame) for frame in frames]
        for node, frames in (*_traces(info), *_shared_traces(info))
        if node in nodes
    }


def _traces(info: Any) -> Iterator[tuple[str, list[Any]]]:
    """Nodes with the frames that led to them, the innermost last."""
    for node, trace in info.traces.items():
        yield node.partition("@")[0], trace.file_line_cols


def _shared_traces(info: Any) -> Iterator[tuple[str, list[Any]]]:
    """The same in the form that saves space (2.15 and later)."""
    for node, number in getattr(info, "name_to_trace_id", {}).items():
        frames = [info.frames_by_id[frame] for frame in info.traces_by_id[number].frame_id]
        yield node.partition("@")[0], frames


def _line(info: Any, frame: Any) -> Line:
    return Line(info.files[frame.file_index], frame.line, frame.func)
