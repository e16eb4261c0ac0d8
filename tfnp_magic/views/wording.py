"""Sentences and numbers that the text and the HTML view share."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterable

from tfnp_magic.advice import Finding, findings
from tfnp_magic.blind_spots import could_not_look, ran_graphs, was_asked_for_graphs
from tfnp_magic.figures import bytes_text, counted
from tfnp_magic.model import (
    DEVICE_TO_DEVICE,
    IN_GRAPH,
    MAX_SITES,
    OTHER_LINES,
    Crossing,
    Hazard,
    Site,
    kind_of_move,
)
from tfnp_magic.recording import Recording

# Control and format characters, lone surrogates, separators of lines and paragraphs:
# what steers a terminal, reorders or hides what a reader sees, or cannot be encoded.
_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def plain(text: str) -> str:
    """Return the text without control characters, so that source cannot steer a terminal."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in _STEERING else character
        for character in text.replace("\t", "    ")
    )


def width_of(text: str) -> int:
    """Columns that a terminal needs: two for a wide character, none for an accent."""
    return sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, limit: int) -> str:
    """Return the text, or its beginning and an ellipsis, in at most `limit` columns."""
    taken, kept = 0, 0
    for position, character in enumerate(text):
        taken += _columns_of(character)
        if taken < limit:
            kept = position + 1
        elif taken > limit:
            return text[:kept] + "…"
    return text


def folded(text: str, width: int, first: str = "", rest: str = "") -> str:
    """Return the text in lines of at most `width` columns, broken at spaces where there are any.

    Parameters
    ----------
    text
        One paragraph, without control characters.
    width
        Columns of a line, with what it begins with.
    first, rest
        What the first line begins with, and each that follows.
    """
    lines, line, start = [], first, first
    for word in filter(None, text.split(" ")):
        begin = 0
        while begin < len(word):
            gap = "" if line == start else " "
            end = _end(word, begin, width - width_of(line) - len(gap))
            if end == len(word):
                line += gap + word[begin:]
                break
            if line != start:
                lines.append(line)
                line = start = rest
                continue
            end = max(end, begin + 1)
            line, begin = line + word[begin:end], end
    return "\n".join([*lines, line])


def _end(text: str, begin: int, room: int) -> int:
    """Up to where the characters from one on fit into that many columns.

    No more of the text is looked at than that: a word may be a megabyte.
    """
    for position in range(begin, len(text)):
        room -= _columns_of(text[position])
        if room < 0:
            return position
    return len(text)


def page_width(width: int | None) -> int:
    """Columns that a text is folded to: by default the terminal's, and no less than 80."""
    return width or max(80, shutil.get_terminal_size((120, 24)).columns)


def arrow(before: str, after: str) -> str:
    """``float64 → float32``; one of them where they are the same."""
    return before if before == after else f"{before} → {after}"


_MOST_LINES = 5
"""Lines that a sentence names."""


def totals(recording: Recording) -> str:
    """One sentence: how many crossings, what they copied, moved, cast and shared."""
    in_graphs = [crossing for crossing in recording.ledger if crossing.direction == IN_GRAPH]
    ledger = [crossing for crossing in recording.ledger if crossing.direction != IN_GRAPH]
    name = recording.title or "The traced code"
    ended = f" (ended by {recording.error})" if recording.error else ""
    if not ledger:
        parts = [*_in_graphs(in_graphs), *(_moves(recording) if in_graphs else [])]
        beside = "".join(f"; {part}" if part is parts[0] else f", {part}" for part in parts)
        return f"{name}{ended}: no conversions between TensorFlow and NumPy{beside}."
    crossed = [crossing for crossing in ledger if crossing.direction != DEVICE_TO_DEVICE]
    parts = [
        f"{_numbers(ledger)}{on_lines(ledger)}",
        f"{_sum_text(crossed, 'nbytes')} crossed",
        f"{_sum_text(ledger, 'copied_bytes')} copied",
        *_moves(recording),
        *_waits(ledger),
        _casts(ledger),
        *_in_graphs(in_graphs),
        *_sharing(recording.hazards),
    ]
    return f"{name}{ended}: {', '.join(parts)}."


def _numbers(ledger: list[Crossing]) -> str:
    """``3 conversions``, ``3 conversions and 1 move between devices``."""
    moves = sum(crossing.count for crossing in ledger if crossing.direction == DEVICE_TO_DEVICE)
    conversions = sum(crossing.count for crossing in ledger) - moves
    texts = [counted(conversions, "conversion")] if conversions or not moves else []
    return " and ".join(texts + ([f"{counted(moves, 'move')} between devices"] if moves else []))


def _in_graphs(ledger: list[Crossing]) -> list[str]:
    """``3 casts (2 of them silent) and 1 move inside graphs``; empty without any."""
    casts = [crossing for crossing in ledger if crossing.dtype_from != crossing.dtype_to]
    silent = sum(crossing.count for crossing in casts if crossing.cast == "silent")
    moves = sum(crossing.count for crossing in ledger) - sum(c.count for c in casts)
    texts = []
    if casts:
        of_these = f" ({silent:,} silent)" if silent else ""
        texts.append(f"{counted(sum(c.count for c in casts), 'cast')}{of_these}")
    if moves:
        texts.append(counted(moves, "move"))
    return [f"{' and '.join(texts)} inside graphs"] if texts else []


def on_lines(ledger: Iterable[Crossing]) -> str:
    """`` on 3 lines``; empty where no line is known, as on a library's thread."""
    places = {crossing.site.line or crossing.site.inner for crossing in ledger} - {None}
    more = "more than " if OTHER_LINES.inner in places else ""
    places -= {OTHER_LINES.inner}
    return f" on {more}{counted(len(places), 'line')}" if places else ""


def _sum_text(ledger: list[Crossing], what: str) -> str:
    """The sum of what is known; ``at least`` where a part is not."""
    values = [getattr(crossing, what) for crossing in ledger]
    known = [value for value in values if value is not None]
    return ("at least " if len(known) < len(values) else "") + bytes_text(sum(known))


def _moves(recording: Recording) -> list[str]:
    """Bytes that went between host and accelerators, by direction; empty without any."""
    texts = []
    for kind in ("host to device", "device to host", "device to device"):
        moved = [c for c in recording.ledger if kind_of_move(c.device_from, c.device_to) == kind]
        small = recording.housekeeping_moves.get(kind, 0)
        known = small + sum(c.moved_bytes or 0 for c in moved)
        least = "at least " if any(c.moved_bytes is None for c in moved) else ""
        if known:
            texts.append(f"{least}{bytes_text(known)} moved from {kind}")
        elif least:
            texts.append(f"an unknown number of bytes moved from {kind}")
    return texts


def _waits(ledger: list[Crossing]) -> list[str]:
    """How long reads waited for what an accelerator had to do before; empty if not to speak of."""
    waited = [crossing for crossing in ledger if (crossing.waited_ns or 0) >= _SHORT]
    if not waited:
        return []
    seconds = sum(crossing.waited_ns or 0 for crossing in waited) / 1e9
    lines = _of_lines([crossing.site for crossing in waited], " (", ")")
    return [f"{seconds:.3f} s waited for the device{lines}"]


_SHORT = 1_000_000
"""Nanoseconds below which waiting is not worth a word: a device answers in microseconds."""


def _casts(ledger: list[Crossing]) -> str:
    silent = [crossing for crossing in ledger if crossing.cast == "silent"]
    if not silent:
        return "no silent casts"
    kinds = sorted({f"{crossing.dtype_from} → {crossing.dtype_to}" for crossing in silent})
    number = counted(sum(crossing.count for crossing in silent), "silent cast")
    return f"{number} ({', '.join(kinds)}{_at_lines(silent)})"


def _sharing(hazards: list[Hazard]) -> list[str]:
    """Tensors that change when somebody writes to an array, and those that did."""
    if not hazards:
        return []
    written = [hazard for hazard in hazards if hazard.written]
    text = f"{counted(len(hazards), 'writable array')} sharing a tensor's memory"
    if written:
        text += f", {len(written):,} of them written to" if len(hazards) > 1 else ", written to"
    return [text + _of_lines([hazard.site for hazard in hazards], " (", ")")]


def _at_lines(ledger: list[Crossing]) -> str:
    """``, line 4`` or ``, lines 4, 7``, the first few; empty where no line is known."""
    return _of_lines([crossing.site for crossing in ledger], ", ")


def _of_lines(sites: list[Site], before: str, after: str = "") -> str:
    lines = sorted({site.line.line for site in sites if site.line})
    if not lines:
        return ""
    shown = ", ".join(str(line) for line in lines[:_MOST_LINES])
    more = ", …" if len(lines) > _MOST_LINES else ""
    return f"{before}line{'s' if len(lines) > 1 else ''} {shown}{more}{after}"


_MOST_FINDINGS = 12
"""Findings that a report tells; the recording has them all."""


def told_findings(recording: Recording) -> tuple[list[Finding], int]:
    """The findings that a report shows, the worst first; and how many more there are."""
    found = findings(recording)
    told = found[:_MOST_FINDINGS]
    return told, len(found) - len(told)


def remarks(recording: Recording, more_findings: int = 0) -> list[str]:
    """Sentences on what the report does not show: small things, losses, blind spots."""
    sentences = [f"Forbidden, and seen too late: {text}" for text in recording.forbidden]
    if recording.housekeeping:
        sentences.append(
            f"Not listed: {counted(recording.housekeeping, 'small conversion')} that nobody "
            f"asked for ({bytes_text(recording.housekeeping_bytes)}): axes, shapes, Python "
            f"numbers, scalars of the libraries' own.{_small_moves(recording)}"
        )
    if more_findings:
        sentences.append(f"Not shown: {counted(more_findings, 'more finding')}.")
    if recording.sites_dropped:
        number = counted(recording.sites_dropped, "conversion")
        sentences.append(
            f"Not told apart: {number} at sites beyond the first {MAX_SITES:,}, which are counted "
            f"in all figures, as `{inner_text(OTHER_LINES)}`."
        )
    if recording.hazards_unwatched:
        number = counted(recording.hazards_unwatched, "more conversion")
        sentences.append(f"Not watched: the memory that {number} shared: too many, or too large.")
    if recording.left_out:
        sentences.append(
            f"Left out: {counted(recording.left_out, 'conversion')} of threads or tasks "
            "that this code did not start."
        )
    sentences += [f"Lost: {text}." for text in recording.lost]
    if ran_graphs(recording):
        sentences.append(_graphs(recording))
    if recording.not_seen:
        sentences.append(f"Not seen: {'; '.join(recording.not_seen)}.")
    return sentences


def _graphs(recording: Recording) -> str:
    """How often graphs ran, and whether they were looked into."""
    calls = recording.graph_calls
    ran = f"Graphs ran {counted(calls, 'time')}" if calls else "Graphs of pipelines ran"
    if recording.looked_into_graphs:
        part = " as far as it looked" if could_not_look(recording) else ""
        return f"{ran}; what they cast and moved is TensorFlow's profiler's word{part}."
    if was_asked_for_graphs(recording):
        return f"{ran}."
    look = "`%%interop_trace --graph`"
    if not is_of_cell(recording):
        look = "`trace(graph=True)`, or `--graph` for a script,"
    return f"{ran} and were not looked into: {look} shows what they cast and moved."


def is_of_cell(recording: Recording) -> bool:
    """Whether it is a notebook cell's, and not a script's or a block's."""
    return recording.title.startswith("In[")


def _small_moves(recording: Recording) -> str:
    """What of that moved between devices, which counts in the totals."""
    moves = [
        f"{bytes_text(n)} moved from {kind}" for kind, n in recording.housekeeping_moves.items()
    ]
    return f" Of these {', '.join(moves)}." if moves else ""


def inner_text(site: Site) -> str:
    """``helper in In[2], line 4``; empty where the line itself made the call."""
    place = site.inner
    if place is None:
        return ""
    if not place.line:
        return place.source
    function = "" if place.function.startswith("<") else f"{place.function} in "
    return f"{function}{place.source}, line {place.line}"


def shapes_text(crossing_shapes: dict[tuple[int, ...], int], others: int) -> str:
    """``(32, 64)``, or the commonest shapes with their counts."""
    ordered = sorted(crossing_shapes.items(), key=lambda item: -item[1])
    if len(ordered) == 1 and not others:
        return str(ordered[0][0])
    shown = [f"{shape} x{count}" for shape, count in ordered[:3]]
    rest = sum(count for _, count in ordered[3:]) + others
    return ", ".join(shown) + (f", others x{rest}" if rest else "")
