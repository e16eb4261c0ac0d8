"""A recording is plain data."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from tfnp_magic.model import Crossing, Place, Site
from tfnp_magic.recording import Recording

PLACE = Place("In[2]", 4, "helper", "return x.numpy()")


def crossing():
    return Crossing(
        Site(PLACE, None), "tf.constant", "numpy → tensorflow", True, "float64", "float32",
        "silent", "host", "CPU:0", "copy", "observed", "cast", 3, None, 40, 1000,
        {(10,): 2, (): 1}, 4,
    )  # fmt: skip


def recording():
    return Recording(
        title="In[3]", source="%%interop_trace\n", ledger=[crossing(), crossing()],
        housekeeping=5, housekeeping_bytes=40, left_out=1, graph_calls=2, not_seen=["graphs"],
        lost=["a probe"], duration_ns=10, error="ValueError", versions={"numpy": "2.4"},
    )  # fmt: skip


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("make", [recording, crossing, Recording])
def test_pickling_gives_an_equal_one(make, protocol):
    original = make()
    copied = pickle.loads(pickle.dumps(original, protocol))
    assert copied == original
    assert copied is not original


def leaves(value):
    """All that a value is made of, below dataclasses, tuples, lists and dicts."""
    if dataclasses.is_dataclass(value):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def test_a_recording_is_made_of_strings_and_numbers():
    assert {type(leaf) for leaf in leaves(recording())} == {str, int, bool, type(None)}


def test_two_recordings_share_nothing_that_can_change():
    one, other = Recording(), Recording()
    one.ledger.append(crossing())
    one.versions["numpy"] = "2"
    one.lost.append("a probe")
    assert other == Recording()
    assert crossing().shapes is not crossing().shapes


def test_a_crossing_has_room_for_its_fields_only():
    """Memory grows with the number of sites: each is as small as can be."""
    with pytest.raises(AttributeError):
        crossing().array = "kept alive"
