"""A chokepoint that this TensorFlow, Python or machine lacks is named in the report.

Nothing else is lost by it: the trace begins, the other families are in, all is given back.
"""

from __future__ import annotations

import contextlib
import functools
import platform
import sysconfig

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import constant_op, tensor_util

import tfnp_magic
from tests.contract.conftest import owners_now
from tfnp_magic import runtime
from tfnp_magic.probes import CATALOGUE, allocations, baking, buffer, probes, slot
from tfnp_magic.probes.awaited import Awaited
from tfnp_magic.probes.patch import AttributePatch

FAMILIES = [
    pytest.param(family, what, id=family.__name__.rpartition(".")[2]) for family, what in CATALOGUE
]
A = np.ones((30, 4), "f4")


@pytest.fixture(autouse=True)
def _several_devices(monkeypatch):
    """Families that have nothing to do on one device are put in as well."""
    monkeypatch.setattr(runtime, "has_several_devices", lambda: True)


def told_of(recording, what):
    """The reasons that a report gives for a family that could not be hooked."""
    beginning = f"{what}: not seen here ("
    return [text for text in recording.not_seen if text.startswith(beginning)]


@contextlib.contextmanager
def trace_begun_without(lack):
    """Trace; what `lack` takes away is missing as the trace begins, and back for what it traces."""
    before = owners_now()
    with contextlib.ExitStack() as stack:
        with lack:
            recording = stack.enter_context(tfnp_magic.trace())
        yield recording
    assert owners_now() == before


@contextlib.contextmanager
def without(owner, name):
    """The owner as of a TensorFlow that has no such attribute, nor inherits it."""
    holders = [kind for kind in getattr(owner, "__mro__", (owner,)) if name in vars(kind)]
    kept = [(kind, vars(kind)[name]) for kind in holders]
    try:
        for kind, _ in kept:
            delattr(kind, name)
        yield
    finally:
        for kind, value in kept:
            setattr(kind, name, value)


def attributes_of(family):
    """What a family swaps: pairs of owner and name; none where it swaps something else."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(runtime, "has_several_devices", lambda: True)
        patches = family.patches()
    parts = [part for each in patches for part in (each._make() if awaits(each) else [each])]
    found = [(part.owner, part.name) for part in parts if isinstance(part, AttributePatch)]
    return [(owner, name) for owner, name in found if name not in vars(object)]


def awaits(patch):
    return isinstance(patch, Awaited)


def convert():
    tensor = tf.constant(A)
    return tensor.numpy(), np.sum(tensor), A + tensor


ATTRIBUTES = [
    pytest.param(
        what, owner, name, id=f"{family.__name__.rpartition('.')[2]}: {owner.__name__}.{name}"
    )
    for family, what in CATALOGUE
    for owner, name in dict.fromkeys(attributes_of(family))
]


def test_most_families_swap_attributes():
    assert len({param.values[0] for param in ATTRIBUTES}) >= len(CATALOGUE) - 5


@pytest.mark.parametrize(("what", "owner", "name"), ATTRIBUTES)
def test_attribute_that_is_gone_is_named_in_the_report(what, owner, name):
    with trace_begun_without(without(owner, name)) as recording:
        convert()
    (told,) = told_of(recording, what)
    assert name in told
    assert told in str(recording).replace("\n", " ")
    assert recording.lost == []


@pytest.mark.parametrize(("family", "what"), FAMILIES)
def test_family_whose_module_has_moved_is_named_and_the_others_are_in(family, what, monkeypatch):
    def patches():
        raise KeyError("tensorflow.python.elsewhere")

    with tfnp_magic.trace() as whole:
        usual = len(probes._in)
    own = len(family.patches()) if not told_of(whole, what) else 0
    monkeypatch.setattr(family, "patches", patches)
    with tfnp_magic.trace() as recording:
        convert()
        assert len(probes._in) == usual - own
    (told,) = told_of(recording, what)
    assert told.endswith("(KeyError: 'tensorflow.python.elsewhere')")
    others = [each for _, each in CATALOGUE if each != what]
    assert all(told_of(recording, each) == told_of(whole, each) for each in others)


@pytest.mark.parametrize(
    ("module", "name", "what"),
    [
        (constant_op, "convert_to_eager_tensor", "arrays that become tensors by tf.constant"),
        (tensor_util, "make_tensor_proto", "constants written into graphs"),
    ],
)
def test_function_that_is_a_plain_one_no_more_is_named_in_the_report(
    module, name, what, monkeypatch
):
    monkeypatch.setattr(module, name, functools.partial(vars(module)[name]))
    with tfnp_magic.trace() as recording:
        convert()
    (told,) = (text for text in recording.not_seen if text.startswith(what))
    assert "is not a plain function" in told


# What machine code stands in for.


def named(recording):
    """Which of the families in machine code a report names."""
    return {
        family
        for family, what in CATALOGUE
        if family in (allocations, baking, buffer) and told_of(recording, what)
    }


def afresh(monkeypatch):
    """As in a process that has not traced before."""
    monkeypatch.setattr(buffer, "_slots", {})


def test_machine_that_there_is_no_code_for_is_named(monkeypatch):
    afresh(monkeypatch)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with tfnp_magic.trace() as recording:
        convert()
    assert named(recording) == {allocations, baking, buffer}
    assert any("no code for aarch64" in text for text in recording.not_seen)
    assert {c.route for c in recording.ledger} >= {"tf.constant", "Tensor.numpy"}


def test_free_threaded_python_is_named(monkeypatch):
    afresh(monkeypatch)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: int(name == "Py_GIL_DISABLED"))
    with tfnp_magic.trace() as recording:
        convert()
    assert named(recording) >= {allocations, buffer}


@pytest.mark.parametrize("place", [15, 16, 18, 19])
def test_other_layout_of_pythons_types_is_named(place, monkeypatch):
    """Of a Python that has a field less, or one more, ahead of the slot."""
    afresh(monkeypatch)
    monkeypatch.setattr(slot, "_AS_BUFFER", place)
    with tfnp_magic.trace() as recording:
        convert()
    assert named(recording) == {buffer}
    assert any("layout of Python's type objects" in text for text in recording.not_seen)


def test_slot_that_python_itself_knows_otherwise_is_left_alone(monkeypatch):
    afresh(monkeypatch)
    monkeypatch.setattr(slot, "_is_laid_out", lambda kind: False)
    with tfnp_magic.trace() as recording:
        convert()
    assert named(recording) == {buffer}


def test_other_version_of_numpys_memory_functions_is_named(monkeypatch):
    monkeypatch.setattr(allocations, "_VERSION_FIELD", 126)  # holds a zero
    with tfnp_magic.trace() as recording:
        convert()
    assert named(recording) == {allocations}


def test_runtime_whose_functions_are_not_found_is_named(monkeypatch):
    monkeypatch.setattr(runtime, "is_known", lambda: False)
    with tfnp_magic.trace() as recording:
        convert()
    assert any("this TensorFlow's runtime cannot be asked" in text for text in recording.not_seen)
