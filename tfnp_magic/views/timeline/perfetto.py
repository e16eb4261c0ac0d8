"""The timeline as a file for https://ui.perfetto.dev and ``chrome://tracing``.

The format is the Trace Event Format, as JSON: an object whose ``traceEvents`` are *complete
events* (``"ph": "X"``), each with ``ts`` and ``dur`` in **microseconds** from the start of the
trace, down to nanoseconds as decimals; and *metadata events* (``"ph": "M"``), which name the
process and the tracks. It is read without TensorFlow, and nothing is looked up.

Tracks
------
The first is the traced code. Then there is one for each lane of the timeline (see
`tfnp_magic.views.timeline.lanes`), and one more for each other thread that converted in it:
``copies (thread 1)``. On a track, what overlaps must lie within one another, which moments of
several crossings in a loop do not: a lane has as many tracks as moments overlap in it, ``copies``
and ``copies, row 2``.

Slices
------
A slice is one `Moment`: conversions of one crossing that followed one another; most often one.
Its name is the route, and the line. Its ``args``:

``conversions``, ``bytes``, ``busy_us``
    of the moment: how many, the bytes that crossed, and microseconds inside the converting
    calls, which may be less than ``dur``, as several conversions have pauses between them;
``line``, ``code``, ``source``, ``route``, ``direction``, ``dtype``, ``device``, ``cast``,
``storage``, ``reason``, ``thread``
    where, how and what, as in ``Recording.crossings()``; ``inner`` is the line below it;
``in_all``
    of all conversions of the crossing, also outside of the moment: ``conversions``, ``bytes``,
    ``copied_bytes``, ``moved_bytes``, ``shapes``, ``busy_us``.

What is not known is ``"unknown"``.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from typing import Any

from tfnp_magic.model import Crossing, Moment
from tfnp_magic.recording import Recording
from tfnp_magic.views.timeline.lanes import LANES, lane_of
from tfnp_magic.views.wording import arrow, inner_text, plain, shapes_text

_PROCESS = 1
_CODE = 1
"""Number of the track of the traced code; those of the lanes come after it."""

_Slice = dict[str, Any]


def write(recording: Recording, path: str | os.PathLike[str]) -> None:
    """Write the timeline into a file; what stood there before is replaced.

    One whose name ends in ``.gz`` is compressed, which Perfetto reads, too.

    Raises
    ------
    OSError
        Where the file cannot be written, as `open` raises it.
    """
    document = {
        "traceEvents": list(slices_of(recording)),
        "displayTimeUnit": "ns",
        "otherData": {"made by": "tfnp_magic", "unit of ts and dur": "microseconds"},
    }
    # Perfetto shows JSON's escapes of other than ASCII characters as they are.
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    opened = gzip.open if os.fspath(path).endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.write(text)


def slices_of(recording: Recording) -> Iterator[_Slice]:
    """All that the file tells, in the Trace Event Format: names of tracks, then slices."""
    title = plain(recording.title) or "the traced code"
    yield _named("process_name", 0, f"tfnp_magic: {title}")
    yield from _track(_CODE, "traced code")
    # A file without any slice opens, but as an empty page.
    end = max([recording.duration_ns, *(moment.stop_ns for moment in recording.moments)])
    yield _slice(_CODE, title, "trace", 0, end, _about(recording))
    crossings = {n: _facts(crossing) for n, crossing in enumerate(recording.ledger)}
    for number, (name, lane, moments) in enumerate(_tracks(recording), _CODE + 1):
        yield from _track(number, name)
        for moment in moments:
            crossing = recording.ledger[moment.crossing]
            args = {**_of_moment(moment), **crossings[moment.crossing]}
            span = moment.start_ns, max(moment.stop_ns - moment.start_ns, 0)
            yield _slice(number, _title(crossing), lane, *span, args)


def _tracks(recording: Recording) -> Iterator[tuple[str, str, list[Moment]]]:
    """Name, lane and moments of each track that has any."""
    groups: dict[tuple[int, int], list[Moment]] = {}
    lanes = [LANES.index(lane_of(crossing)) for crossing in recording.ledger]
    for moment in recording.moments:
        groups.setdefault((lanes[moment.crossing], moment.thread), []).append(moment)
    for (lane, thread), moments in sorted(groups.items(), key=lambda group: group[0]):
        name = LANES[lane] + (f" (thread {thread})" if thread else "")
        for number, row in enumerate(_rows(moments), 1):
            yield (f"{name}, row {number}" if number > 1 else name), LANES[lane], row


def _rows(moments: list[Moment]) -> list[list[Moment]]:
    """The moments in as few rows as may be, in each of which they follow one another."""
    rows: list[list[Moment]] = []
    for moment in sorted(moments, key=lambda moment: (moment.start_ns, moment.stop_ns)):
        for row in rows:
            if row[-1].stop_ns <= moment.start_ns:
                row.append(moment)
                break
        else:
            rows.append([moment])
    return rows


def _title(crossing: Crossing) -> str:
    place = crossing.site.line
    return plain(
        f"{crossing.route} (line {place.line})" if place and place.line else crossing.route
    )


def _of_moment(moment: Moment) -> dict[str, Any]:
    return {
        "conversions": moment.count,
        "bytes": _known(moment.nbytes),
        "busy_us": _microseconds(moment.busy_ns),
        "thread": moment.thread,
    }


def _facts(crossing: Crossing) -> dict[str, Any]:
    place = crossing.site.line or crossing.site.inner
    facts = {
        "line": place.line if place and place.line else "unknown",
        "code": place.code if place else "unknown",
        "source": place.source if place else "unknown",
        "inner": inner_text(crossing.site),
        "route": crossing.route,
        "direction": crossing.direction,
        "dtype": arrow(crossing.dtype_from, crossing.dtype_to),
        "device": arrow(crossing.device_from, crossing.device_to),
        "cast": crossing.cast,
        "storage": crossing.storage,
        "reason": crossing.reason,
    }
    return {
        **{name: plain(fact) if isinstance(fact, str) else fact for name, fact in facts.items()},
        "in_all": _in_all(crossing),
    }


def _in_all(crossing: Crossing) -> dict[str, Any]:
    return {
        "conversions": crossing.count,
        "bytes": _known(crossing.nbytes),
        "copied_bytes": _known(crossing.copied_bytes),
        "moved_bytes": _known(crossing.moved_bytes),
        "shapes": shapes_text(crossing.shapes, crossing.other_shapes),
        "busy_us": _microseconds(crossing.duration_ns),
    }


def _about(recording: Recording) -> dict[str, Any]:
    return {
        "conversions": sum(moment.count for moment in recording.moments),
        "conversions_not_drawn": recording.moments_dropped,
        "error": plain(recording.error or "none"),
        "versions": {plain(name): plain(text) for name, text in recording.versions.items()},
    }


def _known(value: int | None) -> int | str:
    return "unknown" if value is None else value


def _microseconds(nanoseconds: int | None) -> float | str:
    return "unknown" if nanoseconds is None else nanoseconds / 1000


def _slice(
    track: int, name: str, kind: str, start_ns: int, duration_ns: int, args: dict[str, Any]
) -> _Slice:
    times = {"ts": start_ns / 1000, "dur": duration_ns / 1000}
    return {"ph": "X", "pid": _PROCESS, "tid": track, "name": name, "cat": kind, **times,
            "args": args}  # fmt: skip


def _track(number: int, name: str) -> Iterator[_Slice]:
    yield _named("thread_name", number, name)
    order = {"sort_index": number}
    yield {"ph": "M", "pid": _PROCESS, "tid": number, "name": "thread_sort_index", "args": order}


def _named(what: str, track: int, name: str) -> _Slice:
    return {"ph": "M", "pid": _PROCESS, "tid": track, "name": what, "args": {"name": name}}
