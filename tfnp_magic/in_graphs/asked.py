"""Whether the user wrote a cast, or a library put it in."""

from __future__ import annotations

import ast
import functools
import itertools
import linecache

from tfnp_magic.cell_text.syntax import parsed
from tfnp_magic.frames.site import is_library
from tfnp_magic.in_graphs.nodes import Line

_WORDS = ("cast", "astype", "convert")
"""One of them is in the name of whatever casts because it was asked to."""


def asks_for_cast(lines: list[Line]) -> bool:
    """Whether the user wrote a cast that ran; True where that is not known.

    Parameters
    ----------
    lines
        The lines that led to it, the innermost last. TensorFlow leaves its own out.
    """
    if not lines:
        return True
    if is_library(lines[-1].filename):
        return False
    text = _statement_at(lines[-1].filename, lines[-1].number)
    return not text or any(word in text for word in _WORDS)


def innermost_in_graph(lines: list[Line]) -> Line | None:
    """The user's innermost line within what was made a graph, where that is told.

    Lines outside of it led to it: the call of ``fit``, whose graph is Keras's own. Where a
    library's code came last, the user's is in the graph only if the library called it.
    """
    own = [at for at, line in enumerate(lines) if not is_library(line.filename)]
    if not own or lines[own[-1]].function == "<module>":
        return None
    called_by_library = any(after - before > 1 for before, after in itertools.pairwise(own))
    return lines[own[-1]] if own[-1] == len(lines) - 1 or called_by_library else None


def _statement_at(filename: str, number: int) -> str:
    """The text of the innermost statement at a line; empty where it is not at hand."""
    source = "".join(linecache.getlines(filename))
    at = [span for span in _statements(source) if span[0] <= number <= span[1]]
    if not at:
        return linecache.getline(filename, number)
    first, last = min(at, key=lambda span: span[1] - span[0])
    return "\n".join(source.splitlines()[first - 1 : last])


@functools.lru_cache(maxsize=64)
def _statements(source: str) -> list[tuple[int, int]]:
    """First and last lines of a source's statements; of compound ones, of their heads alone."""
    tree = parsed(source)
    nodes = ast.walk(tree) if tree is not None else ()
    return [_lines_of(node) for node in nodes if isinstance(node, ast.stmt)]


def _lines_of(node: ast.stmt) -> tuple[int, int]:
    body = getattr(node, "body", None)
    if body:
        return node.lineno, max(node.lineno, body[0].lineno - 1)
    return node.lineno, node.end_lineno or node.lineno
