"""What TensorFlow's modules and Keras's models hold, and what a user would type for it.

Nothing is built and no op runs: a model without weights has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfnp_magic.whos.containers import (
    Members,
    Way,
    attribute,
    attributes,
    is_among,
    is_private,
    item,
    items_of,
    namespace_of,
    suffixed,
    value_of,
)
from tfnp_magic.whos.look import bases_of, is_a

_TRACKABLE = "tensorflow.python.trackable.data_structures"
_KERAS = ("keras.src", "tf_keras.src")


def _wrapped(thing: Any) -> Members:
    """Look below a proxy that TensorFlow puts around a module's dicts and tuples."""
    return [("", object.__getattribute__(thing, "__wrapped__"))]


def _stored(thing: Any) -> Iterator[Any]:
    """Read the elements of the list that TensorFlow makes of a module's."""
    return list.__iter__(attributes(thing)["_storage"])


_BOOKKEEPING = frozenset({
    "_call_context_args", "_call_has_context_arg", "_compiled_trainable_state", "_functional",
    "_inbound_nodes", "_inputs", "_inputs_struct", "_losses", "_losses_override", "_nodes",
    "_nodes_by_depth", "_operations", "_operations_by_depth", "_outbound_nodes", "_outputs",
    "_outputs_struct", "_tracked", "_trainable_variables_indices", "_obj_reference_counts_dict",
})  # fmt: skip
"""Attributes of Keras's that hold nothing, or again what others hold.

Source: ``Layer.__init__``, ``Functional.__init__``, ``Trainer.compile`` (Keras 3.3 to 3.15).
"""

_LAYERS = ("_layers", "_self_tracked_trackables")
_REGISTERS = (
    "_trainable_variables", "_non_trainable_variables", "_variables",
    "_trainable_weights", "_non_trainable_weights",
)  # fmt: skip
"""Lists of a Keras object's own Variables, in the order of its ``variables``, its state first."""

_COMPUTED_WEIGHTS = ("lora_enabled", "quantization_mode")
"""Attributes that, where true, say that ``layer.kernel`` is not the Variable itself."""


def _parts_of_keras(thing: Any) -> Members:
    """Name what a layer, model, optimizer or metric holds as its public properties do."""
    held = {name: value for name, value in attributes(thing).items() if not _is_symbolic(value)}
    for name, value in held.items():
        if not is_private(name):
            yield f".{name}", value
            yield from _nearest(f".{name}", value)
    is_model = _is_any(thing, "models.model.Model", "engine.training.Model")
    if is_model:
        yield from _layers_of(thing, held, "layers")
    for name, value in held.items():
        if is_private(name) and not _is_bookkeeping(name):
            yield f".{_public_name(thing, name, held)}", value
            yield from _nearest(f".{name}", value)
    if not is_model:
        yield from _layers_of(thing, held, "")
    yield from _registered(thing, held)


def _is_symbolic(thing: Any) -> bool:
    """Whether it stands for what goes through a model, and has no data."""
    return _is_any(
        thing, "backend.common.keras_tensor.KerasTensor", "engine.keras_tensor.KerasTensor"
    )


def _nearest(name: str, held: Any) -> Members:
    """Give the elements of a list or dict, for else a register below would name them first."""
    for number, element in enumerate(_listed(held)):
        yield item(name, number), element
    if is_among(bases_of(type(held)), dict):
        for key, element in items_of(held):
            yield value_of(name, key), element


def _is_bookkeeping(name: str) -> bool:
    return name.startswith("_self_") or name in (*_BOOKKEEPING, *_LAYERS, *_REGISTERS)


def _layers_of(thing: Any, held: Mapping[str, Any], public: str) -> Members:
    """Give a model's layers as its property ``layers`` numbers them; another layer's as held.

    Source: ``Sequential.layers`` leaves out the input that Keras put in front.
    """
    for name in _LAYERS:
        layers = [layer for layer in _listed(held.get(name)) if _is_keras(layer)]
        if layers and _has_input_in_front(thing, layers[0]):
            del layers[0]
        for number, layer in enumerate(layers):
            yield f".{public or name}[{number}]", layer


def _has_input_in_front(model: Any, layer: Any) -> bool:
    return _is_any(model, "models.sequential.Sequential", "engine.sequential.Sequential") and (
        _is_any(layer, "layers.core.input_layer.InputLayer", "engine.input_layer.InputLayer")
    )


def _public_name(thing: Any, name: str, held: Mapping[str, Any]) -> str:
    """``kernel`` for ``_kernel`` where a property of Keras's gives that."""
    public = name.lstrip("_")
    if not _is_any(held[name], *_VARIABLES) or any(held.get(word) for word in _COMPUTED_WEIGHTS):
        return name
    for base in bases_of(type(thing)):
        if public in namespace_of(base):
            module = namespace_of(base).get("__module__")
            ours = type(module) is str and module.startswith(_KERAS)
            is_property = type(namespace_of(base)[public]) is property
            return public if ours and is_property else name
    return name


def _registered(thing: Any, held: Mapping[str, Any]) -> Members:
    """Give the Variables that nothing else holds; an optimizer has the model's, too."""
    is_optimizer = _is_any(thing, *_OPTIMIZERS)
    number = 0
    for name in _REGISTERS:
        if is_optimizer and name == "_trainable_variables":
            continue
        for variable in _listed(held.get(name)):
            yield f".variables[{number}]", variable
            number += 1


def _listed(thing: Any) -> list[Any]:
    """Give the elements of a list of whatever kind Keras or TensorFlow made of it."""
    if is_a(thing, f"{_TRACKABLE}.ListWrapper"):
        return list(_stored(thing))
    return list(list.__iter__(thing)) if is_among(bases_of(type(thing)), list) else []


_VARIABLES = (
    "backend.common.variables.Variable", "backend.common.variables.KerasVariable",
)  # fmt: skip
_OPTIMIZERS = (
    "optimizers.base_optimizer.BaseOptimizer", "optimizers.optimizer._BaseOptimizer",
)  # fmt: skip
_PARTS = (
    "layers.layer.Layer", "engine.base_layer.Layer", *_OPTIMIZERS, "metrics.metric.Metric",
    "metrics.base_metric.Metric", "random.seed_generator.SeedGenerator",
)  # fmt: skip


def _is_keras(thing: Any) -> bool:
    """Whether it is a layer, model, optimizer, metric or seed generator of Keras."""
    return _is_any(thing, *_PARTS)


def _is_any(thing: Any, *paths: str) -> bool:
    return any(is_a(thing, f"{package}.{path}") for package in _KERAS for path in paths)


_MODULE = "tensorflow.python.trackable.autotrackable.AutoTrackable"
"""Base of `tf.Module`, `tf.train.Checkpoint`, `tf.random.Generator` and loaded SavedModels."""


def _parts_of_module(thing: Any) -> Members:
    return [
        (name, value)
        for name, value in attributes(thing).items()
        if not name.startswith(("_self_", "_tf_api_names"))
    ]


def way_into_model(thing: Any) -> Way | None:
    """How to look into what TensorFlow or Keras made; None for anything else."""
    if is_a(thing, f"{_TRACKABLE}.ListWrapper"):
        return Way(None, item, _stored)
    if is_a(thing, f"{_TRACKABLE}._DictWrapper") or is_a(thing, f"{_TRACKABLE}._TupleWrapper"):
        return Way(_wrapped, suffixed)
    if _is_keras(thing):
        return Way(_parts_of_keras, suffixed)
    return Way(_parts_of_module, attribute) if is_a(thing, _MODULE) else None
