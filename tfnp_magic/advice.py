"""From a recording to what its reader should know first, ranked by harm. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tfnp_magic.model import (
    PYTHON_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    Crossing,
    Hazard,
    Place,
    Recording,
    Site,
)
from tfnp_magic.values import ValueChange, in_words


class Finding(NamedTuple):
    """One thing that can hurt, in a sentence.

    Attributes
    ----------
    kind
        ``written`` (shared memory was written to), ``cast`` (a cast changed values), or
        ``shared`` (memory that can be written to is shared).
    site
        Where it came about.
    sentence
        What happened, with line and figures, and what to write instead.
    """

    kind: str
    site: Site
    sentence: str


def findings(recording: Recording) -> list[Finding]:
    """What to know first: memory written to, values that casts changed, memory shared."""
    return [
        *(Finding("written", h.site, of_written(h)) for h in recording.hazards if h.written),
        *_of_casts(recording.ledger),
        *(Finding("shared", h.site, _of_shared(h)) for h in recording.hazards if not h.written),
    ]


def of_written(hazard: Hazard, title: str = "") -> str:
    """Say that shared memory was written to; with a title, where the lines are another cell's."""
    where, array = _where(hazard.site) + (f" of {title}" if title else ""), _array(hazard)
    if hazard.holder:
        return (
            f"{where}: {hazard.route} took {array} in place for {hazard.holder}, which still "
            f"held it when {_writer(hazard)}: what is computed from it may be wrong. "
            f"{_instead_of_sharing(hazard)}"
        )
    return (
        f"{where}: {_tensor(hazard)} shares memory with {array}, and {_writer(hazard)}: "
        f"{hazard.tensor or 'the tensor'} changed with it. {_instead_of_sharing(hazard)}"
    )


def _of_shared(hazard: Hazard) -> str:
    return (
        f"{_where(hazard.site)}: {_tensor(hazard)} shares memory with {_array(hazard)}, which "
        f"can be written to: that would change {hazard.tensor or 'the tensor'}. "
        f"{_instead_of_sharing(hazard)}{_SAMPLED if hazard.sampled else ''}"
    )


_SAMPLED = (
    " Only blocks of so much memory were compared: that nothing was written there is not certain."
)


def _where(site: Site) -> str:
    """``line 4``, or the inner line and its file where no line of the cell led there."""
    if site.line is not None:
        return f"line {site.line.line}"
    if site.inner is not None:
        return f"line {site.inner.line} of {site.inner.source}"
    return "somewhere"


def _array(hazard: Hazard) -> str:
    name = f"`{hazard.array}`" if hazard.array else "an array"
    made = hazard.made_at
    if made is None:
        return name
    line = hazard.site.line
    here = " on that line" if line is not None and made.line == line.line else ""
    return f"{name} (made{here or f' on line {made.line}'})"


def _tensor(hazard: Hazard) -> str:
    what = f"a tensor by {hazard.route}"
    return f"`{hazard.tensor}`, {what}," if hazard.tensor else what


def _writer(hazard: Hazard) -> str:
    """Which line wrote to it, or between which lines that happened."""
    name = f"`{hazard.array}`" if hazard.array else "it"
    if hazard.written_at is not None:
        return f"line {hazard.written_at.line} wrote to {name}"
    return f"{name} was written to{_between(hazard)}"


def _between(hazard: Hazard) -> str:
    after, before = hazard.intact_at, hazard.written_before
    if after is not None and before is not None and after != before:
        return f" between {_line(after, hazard.site)} and {_line(before, hazard.site)}"
    if after is not None:
        return f" after {_line(after, hazard.site)}"
    return "" if before is None else f" before {_line(before, hazard.site)}"


def _line(place: Place, site: Site) -> str:
    """``line 4``, and its file where that is another than the site's."""
    here = site.line or site.inner
    other = here is not None and place.source != here.source
    return f"line {place.line}" + (f" of {place.source}" if other else "")


def _instead_of_sharing(hazard: Hazard) -> str:
    if hazard.direction == TENSORFLOW_TO_NUMPY:
        return f"Take a copy: `{hazard.tensor or 'tensor'}.numpy()`."
    return f"Hand over a copy: `{hazard.array or 'array'}.copy()`."


def _of_casts(ledger: list[Crossing]) -> Iterator[Finding]:
    """Silent casts that changed values, and asked-for ones that lost more than precision."""
    for crossing in ledger:
        values = crossing.values
        if values is None or not values.changed or crossing.cast == "none":
            continue
        if crossing.cast == "explicit" and not _is_broken(values):
            continue
        asked = "silently " if crossing.cast == "silent" else ""
        yield Finding(
            "cast",
            crossing.site,
            f"{_where(crossing.site)}: {crossing.route} {asked}cast {crossing.dtype_from} to "
            f"{crossing.dtype_to}: {in_words(values)}. {_instead(crossing)}",
        )


def _is_broken(values: ValueChange) -> bool:
    """Whether values became something else altogether: infinite, wrapped around, invented."""
    return bool(values.became_nonfinite or values.became_finite or values.out_of_range)


def _instead(crossing: Crossing) -> str:
    if crossing.direction == PYTHON_TO_TENSORFLOW:
        return "Use a dtype that holds them."
    if crossing.cast == "explicit":
        return f"Use a dtype that holds them, such as {crossing.dtype_from}."
    if crossing.direction.startswith("numpy"):
        return (
            f"Convert first, on purpose: `tf.constant(array, tf.{crossing.dtype_to})`, or "
            f"keep the tensor in {crossing.dtype_from}."
        )
    return f"Say so, if it is meant: `np.asarray(tensor, {crossing.dtype_to!r})`."
