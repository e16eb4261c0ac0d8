"""Memory that an array shares with a tensor: what was written to, and what may be."""

from __future__ import annotations

from collections.abc import Iterator

from tfnp_magic.advice.finding import Finding, where
from tfnp_magic.figures import bytes_text, times
from tfnp_magic.model import TENSORFLOW_TO_NUMPY, Hazard, Place, Site
from tfnp_magic.recording import Recording


def of_hazards(recording: Recording) -> Iterator[Finding]:
    """Shared memory: that was written to while it was, and that can be."""
    for hazard in recording.hazards:
        kind, what = (
            ("written", _what_was_written(hazard))
            if hazard.written
            else ("shared", _what_is(hazard))
        )
        instead = _instead_of_sharing(hazard)
        yield Finding(kind, hazard.site, what, instead, hazard.count, hazard.nbytes)


def of_written(hazard: Hazard, title: str = "") -> str:
    """Say that shared memory was written to; with a title, where the lines are another cell's."""
    return f"{_what_was_written(hazard, title)} {_instead_of_sharing(hazard)}"


def _what_was_written(hazard: Hazard, title: str = "") -> str:
    at, array = where(hazard.site, title), _array(hazard)
    if hazard.holder:
        return (
            f"{at}: {hazard.route} took {array}{_size(hazard)} in place for {hazard.holder}, "
            f"which still held it when {_writer(hazard)}: what is computed from it may be wrong."
        )
    return (
        f"{at}: {_tensor(hazard)} shares memory{_size(hazard)} with {array}, and "
        f"{_writer(hazard)}: {_named(hazard)} changed with it."
    )


def _what_is(hazard: Hazard) -> str:
    """That memory which can be written to is shared, and what a write would do."""
    return (
        f"{where(hazard.site)}: {_tensor(hazard)} shares memory{_size(hazard)} with "
        f"{_array(hazard)}, which can be written to: that would change "
        f"{_named(hazard)}.{_SAMPLED if hazard.sampled else ''}"
    )


def _named(hazard: Hazard) -> str:
    return f"`{hazard.tensor}`" if hazard.tensor else "the tensor"


def _size(hazard: Hazard) -> str:
    """`` (262 kB, 3 times)``."""
    often = f", {times(hazard.count)}" if hazard.count > 1 else ""
    return f" ({bytes_text(hazard.nbytes)}{often})"


_SAMPLED = (
    " Only blocks of so much memory were compared: that nothing was written there is not certain."
)


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
    if not place.line:
        return place.source
    here = site.line or site.inner
    other = here is not None and place.source != here.source
    return f"line {place.line}" + (f" of {place.source}" if other else "")


def _instead_of_sharing(hazard: Hazard) -> str:
    if hazard.direction == TENSORFLOW_TO_NUMPY:
        return f"Take a copy: `{hazard.tensor or 'tensor'}.numpy()`."
    return f"Hand over a copy: `{hazard.array or 'array'}.copy()`."
