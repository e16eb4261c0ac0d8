"""Shares of a model's call: which part, and which epoch, a conversion belongs to."""

from __future__ import annotations

import pytest

from tfnp_magic.activity import ModelCalls
from tfnp_magic.driving.model_calls import RunningCall, Validation
from tfnp_magic.model import Place, Site


class Counts:
    """Stands for who counts: the call only uses it as a key, and tells it when it runs."""

    def __init__(self):
        self.running = []

    def begin(self, call):
        self.running.append(call)

    def end(self, call):
        self.running.remove(call)


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def calls():
    return ModelCalls(Site(Place("In[1]", 1, "<module>", ""), None), "Model.fit")


@pytest.fixture
def call(counts, calls):
    return RunningCall(1, 1, {counts: calls}, is_batch=False)


def names(call, counts, calls):
    """Where a conversion of now is counted, by the attributes' names."""
    known = {id(calls.in_batches): "batch", id(calls.outside): "outside"}
    known[id(calls.validation)] = "validation"
    known |= {id(share): number for number, share in enumerate(calls.per_epoch)}
    return [known[id(share)] for share in call.shares[counts]]


def test_parts_follow_what_the_callbacks_tell(call, counts, calls):
    assert names(call, counts, calls) == ["outside"]
    call.begin_epoch()
    assert names(call, counts, calls) == ["outside", 0]
    call.begin_batch(0)
    assert names(call, counts, calls) == ["batch", 0]
    call.end_batch(2)
    assert names(call, counts, calls) == ["outside", 0]


def test_a_part_that_comes_again_in_the_next_epoch_is_of_that_epoch(call, counts, calls):
    for epoch in range(3):
        call.begin_epoch()
        for batch in range(2):
            call.begin_batch(batch)
            assert names(call, counts, calls) == ["batch", epoch]
            call.end_batch(2)
            assert names(call, counts, calls) == ["outside", epoch]
        call.end_epoch()
        assert names(call, counts, calls) == ["outside"]
    assert (calls.epochs, calls.batches) == (3, 6)


def test_batches_of_a_validation_are_the_validations(call, counts, calls):
    call.begin_epoch()
    validation = Validation(call, 2)
    validation.begin()
    for batch in range(2):
        call.begin_batch(batch)
        assert names(call, counts, calls) == ["validation", 0]
        call.end_batch(9)
    validation.end(done=True)
    call.begin_batch(1)
    assert names(call, counts, calls) == ["batch", 0]
    assert (calls.validation_batches, calls.batches) == (2, 0)


def test_a_batch_that_found_no_data_is_none(call, counts, calls):
    call.begin_batch(0)
    call.break_off()
    assert names(call, counts, calls) == ["outside"]
    assert calls.batches == 0


def test_a_call_that_is_one_batch_is_counted_when_it_returns(counts, calls):
    for done in (True, False):
        call = RunningCall(1, 1, {counts: calls}, is_batch=True)
        call.begin()
        assert names(call, counts, calls) == ["batch"]
        assert counts.running == [call]
        call.end(done=done)
        assert counts.running == []
    assert calls.batches == 1
    assert calls.duration_ns > 0
