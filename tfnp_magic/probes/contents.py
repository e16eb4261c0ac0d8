"""What a ``tf.data`` pipeline consists of, and which Python functions its graphs call.

Read from TensorFlow's Python objects: ``DatasetV2._inputs()`` and ``_functions()``
(tensorflow/python/data/ops/dataset_ops.py), and from the definitions of graph functions
(``Context.get_function_def``, tensorflow/python/eager/context.py). An op that calls
Python (``PyFunc``, ``PyFuncStateless``, ``EagerPyFunc``) has the function's name in the
registry as its ``token``. 2.21; nothing is run for it.
"""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tfnp_magic.facts import tensor_nbytes
from tfnp_magic.figures import known_sum
from tfnp_magic.lifetimes import WhileAlive

_CALLS_PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})

# Steps that go through what is before them once.
_ONCE = frozenset(
    {"map", "batch", "padded_batch", "zip", "filter", "take", "skip", "shuffle", "enumerate",
     "concatenate", "window", "unbatch", "scan", "take_while", "shard", "unique", "prefetch",
     "options"}
)  # fmt: skip

_NAMES = {
    "tensor_slice": "from_tensor_slices", "tensor": "from_tensors",
    "sparse_tensor_slice": "from_sparse_tensor_slices", "dense_to_ragged": "ragged_batch",
    "directed_interleave": "sample_from_datasets",
}  # fmt: skip
"""What the user wrote, where TensorFlow's class has another name."""

_READERS = {
    "TFRecordDatasetV2": "TFRecordDataset", "TextLineDatasetV2": "TextLineDataset",
    "FixedLengthRecordDatasetV2": "FixedLengthRecordDataset",
}  # fmt: skip
"""Classes that the user calls by their own names."""

_UNNAMED = frozenset({"options", "dataset_v1_adapter", "variant", "restructured"})
"""Steps that nobody wrote."""


class Content(NamedTuple):
    """What a pipeline, or a graph, is made of.

    Attributes
    ----------
    steps
        First to last, as the user wrote them.
    tokens
        Of the Python functions that its graphs call.
    embedded_nbytes
        Bytes of its constants; None where not all are known.
    has_options
        Whether the user set options, by which it may begin before it is asked.
    once
        Those tokens of generators that one iteration begins at most once.
    iterates
        Whether it is a graph that asks an iterator for elements.
    """

    steps: tuple[str, ...] = ()
    tokens: frozenset[str] = frozenset()
    embedded_nbytes: int | None = 0
    has_options: bool = False
    iterates: bool = False
    once: frozenset[str] = frozenset()


NOTHING = Content()
_ASKS = Content(iterates=True)


class Contents:
    """Contents that were looked up, for as long as TensorFlow has the objects."""

    def __init__(self) -> None:
        self._of_dataset: WhileAlive[Any, Content] = WhileAlive()
        self._of_function: dict[str, Content] = {}
        self._of_variant: WhileAlive[Any, Content] = WhileAlive()

    def of_dataset(self, dataset: Any) -> Content:
        """Steps, Python functions and constants of a pipeline."""
        content: Content | None = self._of_dataset.get(dataset)
        if content is None:
            content = self._of_dataset[dataset] = self._walk(dataset)
        return content

    def _walk(self, dataset: Any) -> Content:
        name = _name_of(type(dataset).__name__)
        if is_generator(dataset):
            content = joined(self._of_wrapped(f) for f in dataset._functions())
            return content._replace(steps=("from_generator",), once=content.tokens)
        inputs = [self.of_dataset(each) for each in dataset._inputs()]
        functions = [
            self._of_wrapped(f)._replace(steps=(), once=frozenset()) for f in dataset._functions()
        ]
        content = joined([*inputs, *functions])
        return content._replace(
            steps=content.steps + _steps_of(dataset, name),
            embedded_nbytes=known_sum([content.embedded_nbytes, _constants(dataset)]),
            has_options=content.has_options or name == "options",
            once=content.once if name.removeprefix("parallel_") in _ONCE else frozenset(),
        )

    def _of_wrapped(self, wrapper: Any) -> Content:
        """Of a function of a step, and of the pipelines that it has from outside."""
        if not calls_python():
            return NOTHING
        function = wrapper.function
        captured = [t for t in function.graph.external_captures if t.dtype.name == "variant"]
        return joined([self.of_function(function.name), *map(self.of_variant, captured)])

    def of_function(self, name: str | bytes) -> Content:
        """Python functions that a graph function calls, and those that it calls."""
        name = name.decode() if isinstance(name, bytes) else name
        known = self._of_function.get(name)
        if known is None:
            known = self._of_function[name] = joined(_parts_of_function(name))
        return known

    def of_variant(self, tensor: Any) -> Content:
        """The content of the pipeline that a tensor stands for: graphs are given that."""
        content: Content | None = self._of_variant.get(tensor)
        if content is None:
            content = joined(self.of_dataset(each) for each in _datasets_of(tensor))
            self._of_variant[tensor] = content
        return content


def calls_python() -> bool:
    """Whether any graph in the process may call a Python function."""
    return len(sys.modules["tensorflow.python.ops.script_ops"]._py_funcs._funcs) > 0


def _name_of(kind: str) -> str:
    """``padded_batch`` of ``_ParallelPaddedBatchDataset``, or of an op of that name."""
    bare = re.sub(r"(Dataset)?(V\d+)?$", "", kind.lstrip("_"))
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", bare).lower()


def _steps_of(dataset: Any, name: str) -> tuple[str, ...]:
    kind = type(dataset).__name__
    if kind in _READERS:
        return (_READERS[kind],)
    name = name.removeprefix("parallel_")
    functions = dataset._functions()
    if name in _UNNAMED or (functions and all(map(_is_tensorflows, functions))):
        return ()
    return (_NAMES.get(name, name),)


def _is_tensorflows(wrapper: Any) -> bool:
    """Whether a step's function is of ``tf.data`` itself: `unbatch` is made of several steps."""
    function = getattr(wrapper, "_func", None)
    if "<locals>" not in getattr(function, "__qualname__", ""):
        return False
    code = getattr(function, "__code__", None)
    return code is not None and "tensorflow/python/data/" in code.co_filename.replace("\\", "/")


def is_generator(dataset: Any) -> bool:
    """Whether it is what ``from_generator`` makes: a step over a constant of TensorFlow's own."""
    if type(dataset).__name__ != "_FlatMapDataset":
        return False
    function = getattr(dataset._functions()[0], "_func", None)
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    return bool(file.replace("\\", "/").endswith("from_generator_op.py"))


def _constants(dataset: Any) -> int | None:
    """Bytes of the tensors that are part of a step itself."""
    tensors = vars(dataset).get("_tensors")
    if not isinstance(tensors, list | tuple):
        return 0
    return known_sum(tensor_nbytes(tensor) for tensor in tensors)


def _parts_of_function(name: str) -> Iterator[Content]:
    context = sys.modules["tensorflow.python.eager.context"].context()
    left, met = [name], {name}
    while left:
        for node in context.get_function_def(left.pop()).node_def:
            yield _of_node(node)
            for called in _functions_of(node):
                if called not in met and context.has_function(called):
                    met.add(called)
                    left.append(called)


def _of_node(node: Any) -> Content:
    if node.op in _CALLS_PYTHON:
        token = node.attr["token"].s.decode()
        return Content((), frozenset({token}))
    return _ASKS if node.op.startswith(("IteratorGetNext", "OptionalGetNext")) else NOTHING


def _functions_of(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        for function in (value.func, *value.list.func):
            if function.name:
                yield function.name


def joined(parts: Iterable[Content]) -> Content:
    """What several parts are together."""
    parts = list(parts)
    return Content(
        tuple(step for part in parts for step in part.steps),
        frozenset().union(*(part.tokens for part in parts)),
        known_sum(part.embedded_nbytes for part in parts),
        any(part.has_options for part in parts),
        any(part.iterates for part in parts),
        _once(parts),
    )


def _once(parts: list[Content]) -> frozenset[str]:
    """Tokens that one part alone has, and that part begins once."""
    found: frozenset[str] = frozenset()
    for part in parts:
        others = [other.tokens for other in parts if other is not part]
        found |= part.once.difference(*others)
    return found


def _datasets_of(tensor: Any) -> list[Any]:
    """Data sets of which this is the ``_variant_tensor``; nothing else leads from it to them."""
    kind = sys.modules["tensorflow.python.data.ops.dataset_ops"].DatasetV2
    found = []
    for holder in gc.get_referrers(tensor):
        if isinstance(holder, dict):
            found += [each for each in gc.get_referrers(holder) if isinstance(each, kind)]
        elif isinstance(holder, kind):
            found.append(holder)
    return [each for each in found if vars(each).get("_variant_tensor_attr") is tensor][:1]


def all_iterators() -> list[Any]:
    """All iterators that live, also those that were made while nothing was hooked."""
    kind = sys.modules["tensorflow.python.data.ops.iterator_ops"].OwnedIterator
    return [thing for thing in gc.get_objects() if type(thing) is kind]
