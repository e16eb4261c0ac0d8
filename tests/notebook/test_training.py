"""The notebook on functions, pipelines and models: each cell's first finding is its habit."""

from __future__ import annotations

import json

import demos
import pytest

IMAGES, PIXELS = 1797, 64

# By hand. Each first finding: kind, line, count, bytes.
FINDINGS = {
    "retraced": ("retrace", 8, 11, None),
    "baked": ("baked-constant", 7, 1, 4 * IMAGES * PIXELS * 8),
    "piped": ("cast", 4, IMAGES, IMAGES * PIXELS * 8),
    "fitted": ("cast", 16, 1, 1280 * PIXELS * 8),
    "tiny": ("small-batches", 4, 20, 20 * PIXELS * 4),
    "inside": None,
    "threaded": None,
}

_ASK = """
import json
from tfnp_magic.advice import findings
def first(rec):
    found = findings(rec)
    if not found:
        return None
    return [found[0].kind, found[0].sentence, found[0].count, found[0].nbytes]
print("ANSWER" + json.dumps({
    "findings": {name: first(globals()[name]) for name in %r},
    "lost": [text for name in %r for text in globals()[name].lost],
    "fit": [(m.route, m.epochs, m.batches, m.in_batches.count, [e.count for e in m.per_epoch])
            for m in fitted.models],
    "predict": [(m.calls, m.batches, m.rows) for m in tiny.models],
    "calls": [(f.name, f.calls, f.traces) for f in retraced.functions],
    "pipeline": [(p.steps, p.elements, p.python.count, p.python.nbytes, p.read.count)
                 for p in piped.pipelines],
    "casts": [(c.route, c.count, c.nbytes, c.dtype_to, c.evidence) for c in inside.ledger],
    "threads": [(c.route, c.count, c.nbytes, c.site.line.line) for c in threaded.ledger],
}))
"""


@pytest.fixture(scope="module")
def executed():
    """The notebook, executed in a kernel of its own, with one question asked at its end."""
    names = tuple(FINDINGS)
    return demos.executed("training", _ASK % (names, names))


@pytest.fixture(scope="module")
def answer(executed):
    text = "".join(output.text for output in executed.cells[-1].outputs if "text" in output)
    return json.loads(text.split("ANSWER")[1])


@pytest.mark.parametrize("name", FINDINGS)
def test_first_finding_is_the_cells_habit(answer, name):
    found, expected = answer["findings"][name], FINDINGS[name]
    if expected is None:
        assert found is None
        return
    kind, line, count, nbytes = expected
    assert found[0] == kind
    assert found[1].startswith(f"line {line}")
    assert found[2:] == [count, nbytes]


def test_nothing_was_lost(answer):
    assert answer["lost"] == []


def test_what_drove_the_conversions_is_counted(answer):
    assert answer["fit"] == [["Sequential.fit", 3, 60, 60, [20, 20, 20]]]
    assert answer["predict"] == [[20, 20, 20], [1, 1, 20]]
    assert answer["calls"] == [["powered", 12, 12], ["powered", 12, 1]]
    assert answer["pipeline"] == [
        [["from_generator", "batch"], 29, IMAGES, IMAGES * PIXELS * 8, 29]
    ]


def test_casts_inside_a_graph_and_conversions_on_threads_are_counted(answer):
    images = IMAGES * PIXELS * 4
    assert answer["casts"] == [["Cast in halved", 5, 5 * images, "float16", "profiled"]]
    assert answer["threads"] == [["Tensor.numpy", 50, 50 * PIXELS * 4, 5]]


def test_every_traced_cell_shows_its_report_last(executed):
    traced = [cell for cell in executed.cells if cell.source.startswith("%%interop_trace")]
    assert len(traced) == len(FINDINGS)
    for cell in traced:
        shown = [output for output in cell.outputs if output.output_type == "display_data"]
        assert len(shown) == 1
        assert "conversions" in shown[0].data["text/plain"]
