"""What drove conversions, in sentences: which there are, and in which order."""

from __future__ import annotations

import pytest

from tests.golden import recordings
from tests.unit.test_advice import at, site
from tfnp_magic.activity import FunctionCalls, ModelCalls, Pipeline, Share
from tfnp_magic.model import Site
from tfnp_magic.recording import Recording
from tfnp_magic.views import html, markup, text
from tfnp_magic.views.activities import MOST, activities, share_text


def called(number, name="f"):
    return FunctionCalls(name, site(number), calls=1)


def test_recording_without_any_says_nothing():
    assert activities(Recording()) == []


def test_sentences_are_in_the_order_of_lines_whatever_drove():
    told = activities(
        Recording(
            functions=[called(7), FunctionCalls("g", Site(None, None), calls=2)],
            pipelines=[Pipeline(site(3), "iteration", iterations=1)],
            models=[ModelCalls(site(5), "Sequential.fit", calls=1)],
        )
    )
    assert [sentence.split(":")[0] for sentence in told] == [
        "line 3", "line 5", "line 7", "somewhere",
    ]  # fmt: skip


def test_too_many_are_cut_and_counted():
    told = activities(Recording(functions=[called(number) for number in range(1, MOST + 4)]))
    assert len(told) == MOST + 1
    assert told[-1].startswith("… and 3 more functions, pipelines or models")


def test_pipeline_that_a_model_made_of_arrays_is_the_models_affair():
    made = Pipeline(site(3), "Sequential.fit", iterations=1, made_by="Sequential.fit")
    assert activities(Recording(pipelines=[made])) == []
    made.python.add(80, small=False)
    assert len(activities(Recording(pipelines=[made]))) == 1


def test_elements_that_a_graph_took_are_not_made_up():
    (said,) = activities(
        Recording(pipelines=[Pipeline(site(3), "Sequential.fit", iterations=2, elements=None)])
    )
    assert said == "line 3: a pipeline was iterated twice by Sequential.fit."


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (Share(), "no conversion"),
        (Share(0, 0, 1), "1 small conversion"),
        (Share(1, 8), "1 conversion (8 B)"),
        (Share(2, None, 3), "2 conversions of unknown size and 3 small"),
    ],
)
def test_share_is_told(share, told):
    assert share_text(share) == told


def test_adding_what_is_not_known_makes_the_sum_unknown():
    share = Share()
    share.add(8, small=False)
    share.add(None, small=True)
    assert share == Share(1, 8, 1)
    share.add(None, small=False)
    share.add(8, small=False)
    assert share == Share(3, None, 1)


def test_epochs_alike_are_told_once_and_others_one_by_one():
    def said(*shares):
        calls = ModelCalls(site(5), "Sequential.fit", 1, len(shares), 10, per_epoch=list(shares))
        return activities(Recording(models=[calls]))[0]

    assert "each epoch: 1 conversion (8 B)" in said(Share(1, 8), Share(1, 8, 2))
    assert "epoch 1: 1 conversion (8 B), epoch 2: no conversion" in said(Share(1, 8), Share())
    assert said(Share(1, 8), *[Share()] * 9).endswith("epoch 3: no conversion, ….")


def test_both_views_show_every_sentence():
    recording = recordings.driven()
    shown = " ".join(text.report(recording, 120).split())
    page = html.report(recording)
    for sentence in activities(recording):
        assert f"- {sentence}" in shown
        assert markup.prose(sentence) in page


def test_a_function_of_the_same_cell_is_told_with_both_lines():
    inner = Site(at(7), at(3))
    (said,) = activities(Recording(functions=[FunctionCalls("f", inner, calls=1, traces=1)]))
    assert said.startswith("line 3 (run by line 7): `f` was called once; 1 graph was built, in")
