"""Sentences on what drove the conversions: functions, pipelines and models."""

from __future__ import annotations

from collections.abc import Iterator

from tfnp_magic.activity import FunctionCalls, ModelCalls, Pipeline, Share
from tfnp_magic.advice.finding import where
from tfnp_magic.advice.graphs import MANY_RETRACES
from tfnp_magic.figures import bytes_text, counted, seconds_text, times
from tfnp_magic.recording import Recording

MOST = 12
"""Sentences that a report shows; the recording has them all."""


def activities(recording: Recording) -> list[str]:
    """One sentence for each model, pipeline and function, by line; the first `MOST`."""
    told = [
        *((calls.site.line, _of_model(calls)) for calls in recording.models),
        *((pipeline.site.line, _of_pipeline(pipeline)) for pipeline in _users(recording)),
        *((calls.site.line, _of_function(calls)) for calls in recording.functions),
    ]
    told.sort(key=lambda pair: pair[0].line if pair[0] else float("inf"))
    sentences = [sentence for _, sentence in told]
    if len(sentences) > MOST:
        more = counted(len(sentences) - MOST, "more function, pipeline or model",
                       "more functions, pipelines or models")  # fmt: skip
        return [*sentences[:MOST], f"… and {more}: `rec.functions`, `rec.pipelines`, `rec.models`."]
    return sentences


def _users(recording: Recording) -> list[Pipeline]:
    """All pipelines but those that a library made: the model's sentence tells of its arrays."""
    return [each for each in recording.pipelines if not each.made_by or each.python.count]


def _of_function(calls: FunctionCalls) -> str:
    ran = f"was called {times(calls.calls)}" if calls.calls else "was not called"
    if calls.inside:
        ran = "was called while another function's graph was built"
    built = ""
    if calls.traces:
        graphs = counted(calls.traces, "graph was", "graphs were")
        built = f"; {graphs} built, in {seconds_text(calls.duration_ns)}"
    again = [
        f"{times(each.count)} {_because(each.argument)}: {each.cause}"
        for each in calls.retraces
        if each.count < MANY_RETRACES  # the others are findings
    ]
    why = f"; built again {', '.join(again)}" if again else ""
    return f"{where(calls.site)}: `{calls.name}` {ran}{built}{why}."


def _because(argument: str) -> str:
    return f"for argument `{argument}`" if argument else "for another reason"


def _of_pipeline(pipeline: Pipeline) -> str:
    by = "" if pipeline.route in ("", "iteration") else f" by {pipeline.route}"
    parts = [f"was iterated {times(pipeline.iterations)}{by}"] if pipeline.iterations else []
    if pipeline.elements is not None:
        parts.append(f"gave {counted(pipeline.elements, 'element')}")
    text = " and ".join(parts) or "was iterated further"
    clauses = [*_embedded(pipeline)]
    if _is_any(pipeline.python):
        clauses.append(f"its Python functions made {share_text(pipeline.python)}")
    if _is_any(pipeline.read):
        clauses.append(f"reading its elements made {share_text(pipeline.read)}")
    steps = f" ({' → '.join(pipeline.steps)})" if pipeline.steps else ""
    said = "".join(f"; {clause}" for clause in clauses)
    return f"{where(pipeline.site)}: a pipeline{steps} {text}{said}."


def _embedded(pipeline: Pipeline) -> Iterator[str]:
    if pipeline.embedded_nbytes:
        at = pipeline.embedded_at
        line = f" (line {at.line})" if at is not None else ""
        yield f"{bytes_text(pipeline.embedded_nbytes)} of arrays are embedded in it{line}"


def _of_model(calls: ModelCalls) -> str:
    ran = [f"ran {times(calls.calls)}"] if calls.calls != 1 else ["ran"]
    if calls.epochs:
        ran.append(counted(calls.epochs, "epoch"))
    if calls.batches:
        ran.append(counted(calls.batches, "batch", "batches"))
    if calls.rows:
        ran.append(f"{counted(calls.rows, 'row')} in all")
    shares = [*_phases(calls)]
    return (
        f"{where(calls.site)}: {calls.route} {', '.join(ran)}, {seconds_text(calls.duration_ns)}: "
        f"{'; '.join(shares)}."
    )


def _phases(calls: ModelCalls) -> Iterator[str]:
    if not calls.batches:
        yield share_text(calls.outside)
        return
    yield f"{share_text(calls.outside)} outside of batches"
    yield f"{share_text(calls.in_batches)} in batches{_per_batch(calls)}"
    if calls.validation_batches:
        batches = counted(calls.validation_batches, "batch", "batches")
        yield f"{share_text(calls.validation)} in {batches} of validation"
    if _is_any(calls.feeding):
        yield f"{share_text(calls.feeding)} on threads that fed it"
    if len(calls.per_epoch) > 1:
        yield _per_epoch(calls.per_epoch, later=_is_any(calls.later_epochs))


def _per_batch(calls: ModelCalls) -> str:
    count = calls.in_batches.count
    if not count or calls.batches < 2:
        return ""
    return f" ({count / calls.batches:.3g} each)"


def _per_epoch(shares: list[Share], *, later: bool) -> str:
    if all(_is_alike(share, shares[0]) for share in shares):
        return f"each epoch: {share_text(shares[0])}"
    shown = [f"epoch {number}: {share_text(share)}" for number, share in
             enumerate(shares[:_MOST_EPOCHS], 1)]  # fmt: skip
    more = ", …" if later or len(shares) > _MOST_EPOCHS else ""
    return ", ".join(shown) + more


_MOST_EPOCHS = 3
"""Epochs that differ and are told one by one; the recording has more."""


def _is_alike(one: Share, other: Share) -> bool:
    return (one.count, one.nbytes) == (other.count, other.nbytes)


def _is_any(share: Share) -> bool:
    return bool(share.count or share.small)


def share_text(share: Share) -> str:
    """``2 conversions (92.2 kB) and 40 small ones``."""
    if not share.count:
        return f"{counted(share.small, 'small conversion')}" if share.small else "no conversion"
    small = f" and {share.small:,} small" if share.small else ""
    size = "of unknown size" if share.nbytes is None else f"({bytes_text(share.nbytes)})"
    return f"{counted(share.count, 'conversion')} {size}{small}"
