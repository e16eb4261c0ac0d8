"""What the functions behind graphs say of their nodes: dtypes, inputs, and the lines they are of.

When a graph is made ready, the functions that it calls are put in their callers' place, and
their nodes get names such as ``while/body/_1/while/Cast`` and ``PartitionedCall/Cast``
(tensorflow/core/common_runtime/inline_function_utils.cc, lower_while_op.cc, lower_if_op.cc,
lower_case_op.cc, 2.21). Here these are led back to the function that has the node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from tfnp_magic.in_graphs.shapes import dtype_named


class Line(NamedTuple):
    """A line of source that made a node."""

    filename: str
    number: int
    function: str


class Library(Protocol):
    """The functions that a program has."""

    def names(self) -> Iterable[str]:
        """Names of all of them."""

    def definition(self, name: str) -> Any:
        """A ``FunctionDef``; None where there is none of that name."""

    def lines(self, name: str, node: str) -> list[Line]:
        """The lines of Python that led to a node, the innermost last; empty if unknown."""


class Node(NamedTuple):
    """A node of a function.

    Attributes
    ----------
    function
        Name of the function that has it.
    definition
        Its ``NodeDef``.
    """

    function: str
    definition: Any

    def dtype(self, attribute: str) -> str:
        """Name of a dtype that an attribute tells; empty where it does not."""
        if attribute not in self.definition.attr:
            return ""
        return dtype_named(self.definition.attr[attribute].type)

    def position_of(self, producer: str) -> int | None:
        """Which of its inputs a node is; None where none is, or several are."""
        inputs = [name for name in self.definition.input if not name.startswith("^")]
        at = [i for i, name in enumerate(inputs) if _is_of(name, producer)]
        return at[0] if len(at) == 1 else None

    def waits_for(self, producer: str) -> bool:
        """Whether it waits for a node without getting anything of it."""
        waits = (name[1:] for name in self.definition.input if name.startswith("^"))
        return self.position_of(producer) is None and any(_is_of(n, producer) for n in waits)


def _is_of(tensor: str, node: str) -> bool:
    """Whether a function's ``add:z:0`` is the result of the node that runs as ``f/add``."""
    return f"/{node}".endswith(f"/{tensor.partition(':')[0]}")


class Nodes:
    """Finds nodes by the names that they run by.

    Parameters
    ----------
    library
        The functions.
    called
        Names of those that were called themselves: they are no pipeline's.
    """

    def __init__(self, library: Library, called: Iterable[str] = ()) -> None:
        self.library, self._called = library, set(called)
        self._nodes: dict[str, dict[str, Any]] = {}
        self._found: dict[tuple[tuple[str, ...], str], list[Node]] = {}

    def find(self, functions: tuple[str, ...], path: str) -> list[Node]:
        """The node of that name in a function's graph, or in one of those that it calls.

        Parameters
        ----------
        functions
            Names of the functions that it may be; empty where any may be it.
        path
            Name of the node as it ran.

        Returns
        -------
        list of Node
            Empty where there is none; several where it may be any of them.
        """
        key = functions, path
        if key not in self._found:
            among = functions or self._any()
            self._found[key] = [node for name in among for node in self._walk(name, path, 0)]
        return self._found[key]

    def _any(self) -> list[str]:
        """All functions that something in a graph may be of; TensorFlow wraps eager ops, too."""
        names = set(self.library.names()) - self._called
        return sorted(name for name in names if not name.startswith("__wrapped__"))

    def _walk(self, function: str, path: str, depth: int) -> Iterator[Node]:
        nodes = self._nodes_of(function)
        if path in nodes:
            yield Node(function, nodes[path])
            return
        for caller, rest in _splits(path):
            if caller in nodes and depth < _DEEPEST:
                for called, inner in _called(nodes[caller], rest):
                    yield from self._walk(called, inner, depth + 1)

    def _nodes_of(self, function: str) -> dict[str, Any]:
        if function not in self._nodes:
            definition = self.library.definition(function)
            found = () if definition is None else definition.node_def
            self._nodes[function] = {node.name: node for node in found}
        return self._nodes[function]

    def is_compiled(self, function: str) -> bool:
        """Whether XLA compiles it, or one that it calls, as ``jit_compile=True`` asks for."""
        seen: set[str] = set()
        waiting = [function]
        while waiting:
            name = waiting.pop()
            definition = None if name in seen else self.library.definition(name)
            seen.add(name)
            if definition is None:
                continue
            if _COMPILE in definition.attr and definition.attr[_COMPILE].b:
                return True
            waiting += [called for node in definition.node_def for called in _functions_in(node)]
        return False


_COMPILE = "_XlaMustCompile"

_DEEPEST = 16
"""Calls within calls that are followed."""

_BRANCH = re.compile(r"(?P<branch>body|cond|then|else|branch(?P<number>\d+))/_\d+/(?P<rest>.+)")
_ATTRIBUTES = {"body": "body", "cond": "cond", "then": "then_branch", "else": "else_branch"}


def _splits(path: str) -> Iterator[tuple[str, str]]:
    """``a``, ``b/c`` and ``a/b``, ``c`` for ``a/b/c``."""
    parts = path.split("/")
    for at in range(1, len(parts)):
        yield "/".join(parts[:at]), "/".join(parts[at:])


def _called(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """The function that a node calls to run what has this path below it, and the path in there."""
    branch = _BRANCH.fullmatch(path)
    if branch is None:
        name = node.attr["f"].func.name if "f" in node.attr else node.op
        yield name, path
    elif branch["number"] is not None:
        functions = node.attr["branches"].list.func
        number = int(branch["number"])
        if number < len(functions):
            yield functions[number].name, branch["rest"]
    elif _ATTRIBUTES[branch["branch"]] in node.attr:
        yield node.attr[_ATTRIBUTES[branch["branch"]]].func.name, branch["rest"]


def _functions_in(node: Any) -> list[str]:
    """Names of all functions that a node may call."""
    one = [node.attr[name].func.name for name in _CALLING if name in node.attr]
    several = node.attr["branches"].list.func if "branches" in node.attr else ()
    return [*one, *(function.name for function in several)]


_CALLING = ("f", *_ATTRIBUTES.values())

_GENERATED = re.compile(r"__(?P<kind>inference|forward|backward)_(?P<name>.*?)(?:_\d+)?")


def short_name(function: str) -> str:
    """``scale`` for ``__inference_scale_52``, as the user calls it."""
    found = _GENERATED.fullmatch(function)
    if found is None:
        return function
    name = found["name"].removeprefix("Dataset_")
    return f"gradient of {name}" if found["kind"] == "backward" else name
