"""A cell's figures as comments behind its lines: the code stays what it is, token by token.

Text and a recording in, text out: neither IPython nor TensorFlow is imported.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from tfnp_magic.cell_text.line_ends import LineEnds, UnreadableCell, line_ends
from tfnp_magic.cell_text.syntax import END
from tfnp_magic.figures import bytes_text, counted, seconds_text
from tfnp_magic.model import DEVICE_TO_DEVICE, IN_GRAPH, Crossing, Place, is_host
from tfnp_magic.recording import Recording
from tfnp_magic.views.lines import Amount, figures_of

MARK = "# tfnp:"
"""What our own comments begin with; they hold no other ``#``."""

_BEFORE = "  "
OURS = re.compile(rf" {{0,{len(_BEFORE)}}}{MARK}[^#]*?(?= *#|$)")
"""Such a comment, with the blanks that we put before it."""

_CELL_MAGIC = re.compile(r"\s*%%")

_WORTH_TELLING = 1_000_000
"""Nanoseconds from which on a line's time is told: less differs from run to run."""

_MOST_CASTS = 2
"""Pairs of dtypes that a comment names."""


class NotAnnotated(ValueError):
    """Why a cell gets no comments, as a sentence to the user."""


def annotated(cell: str, recording: Recording, above: int = 0) -> str:
    """Return the cell with the recording's figures behind its lines, and no older ones.

    Parameters
    ----------
    cell
        What was typed, with or without comments of ours.
    recording
        What tracing that text left; without comments of ours in it.
    above
        How many of the cell's lines stand above the one that the recording calls line 1.

    Raises
    ------
    NotAnnotated
        Where that could change the code, or it is not known which lines are meant.
    """
    layout = _read(cell)
    if layout.long_magic is not None:
        raise NotAnnotated(
            f"the magic in line {layout.long_magic + 1} goes over several lines, which IPython "
            "counts as one: write it into one line"
        )
    texts = _without_comments(layout)
    bare = [text.strip() for text in texts]
    for row, crossings in _by_row(recording, bare, layout.stands_at, above).items():
        texts[row] += f"{_BEFORE}{MARK} {comment_on(crossings)}"
    text = _joined(texts, layout)
    if _read(text).tokens != layout.tokens:
        raise NotAnnotated("comments would change what its code does")
    return text


def without_comments(cell: str) -> str:
    """Return the cell without our comments; as it is where it cannot be read."""
    if MARK not in cell:
        return cell
    try:
        layout = line_ends(cell)
    except UnreadableCell:
        return cell
    return _joined(_without_comments(layout), layout)


def lines_above(typed: str, traced: str) -> int | None:
    """How many lines of what was typed stand above the traced text, which is its end.

    None where it is not its end: where a program ran the traced text. All of it may be
    indented, other cell magics may stand above it, and of its own magic's line only the name
    need be known. It holds no comments of ours.
    """
    outer = END.split(without_comments(typed).rstrip("\r\n"))
    inner = END.split(traced.rstrip("\r\n"))
    above = len(outer) - len(inner)
    if above < 0 or any(line.strip() and not _CELL_MAGIC.match(line) for line in outer[:above]):
        return None
    outer, inner = outer[above:], inner.copy()
    outer[0], inner[0] = (" ".join(lines[0].split()[:1]) for lines in (outer, inner))
    same = (line.strip() == other.strip() for line, other in zip(outer, inner, strict=True))
    return above if all(same) else None


def comment_on(crossings: list[Crossing]) -> str:
    """``3 conversions, 1.2 MB copied, 3 silent casts (float64 → float32), 4.0 ms``."""
    parts = [*_numbers(crossings), *_copied(crossings), *_moved(crossings)]
    text = ", ".join([*parts, *_cast(crossings), *_time(crossings)])
    return "".join(character for character in text if character.isprintable() and character != "#")


def _read(cell: str) -> LineEnds:
    try:
        return line_ends(cell)
    except UnreadableCell as error:
        raise NotAnnotated("what was typed cannot be read as Python") from error


def _without_comments(layout: LineEnds) -> list[str]:
    texts = list(layout.lines)
    for row, column in layout.comments.items():
        # The blanks before a comment are ours only where the comment begins with ours.
        start = len(texts[row][:column].rstrip(" "))
        start = max(start, column - len(_BEFORE))
        texts[row] = texts[row][:start] + OURS.sub("", texts[row][start:])
    return texts


def _joined(lines: list[str], layout: LineEnds) -> str:
    return "".join(line + end for line, end in zip(lines, layout.ends, strict=True))


def _by_row(
    recording: Recording, bare: list[str], stands_at: dict[int, int], above: int
) -> dict[int, list[Crossing]]:
    """The crossings by the row at whose end their figures can stand."""
    by_row: defaultdict[int, list[Crossing]] = defaultdict(list)
    for crossing in recording.ledger:
        for place in _places(crossing, recording.title):
            row = place.line - 1 + above
            # The text tells it from a line of another cell that has the same number.
            if row in stands_at and place.code and bare[row] == place.code:
                by_row[stands_at[row]].append(crossing)
                break
    return by_row


def _places(crossing: Crossing, title: str) -> Iterator[Place]:
    """Where it happened in the cell, the innermost line first."""
    line, inner = crossing.site
    if inner is not None and inner.source in (title, line and line.source):
        yield inner
    if line is not None:
        yield line


def _numbers(crossings: list[Crossing]) -> Iterator[str]:
    special = (DEVICE_TO_DEVICE, IN_GRAPH)
    conversions = sum(c.count for c in crossings if c.direction not in special)
    moves = sum(c.count for c in crossings if c.direction == DEVICE_TO_DEVICE)
    in_graphs = [c for c in crossings if c.direction == IN_GRAPH]
    casts = sum(c.count for c in in_graphs if c.dtype_from != c.dtype_to)
    moves_in_graphs = sum(c.count for c in in_graphs) - casts
    if conversions:
        yield counted(conversions, "conversion")
    if moves:
        yield f"{counted(moves, 'move')} between devices"
    if casts:
        yield f"{counted(casts, 'cast')} in graphs"
    if moves_in_graphs:
        yield f"{counted(moves_in_graphs, 'move')} in graphs"


def _copied(crossings: list[Crossing]) -> Iterator[str]:
    figures = figures_of(c for c in crossings if c.direction != IN_GRAPH)
    if text := _amount_text(figures.copied):
        yield f"{text} copied"
    elif figures.count and figures.copied.exact == 0:
        yield "no copy"


def _moved(crossings: list[Crossing]) -> Iterator[str]:
    by_ends: defaultdict[tuple[str, str], list[Crossing]] = defaultdict(list)
    for crossing in crossings:
        by_ends[_memory(crossing.device_from), _memory(crossing.device_to)].append(crossing)
    for (device_from, device_to), these in by_ends.items():
        if text := _amount_text(figures_of(these).moved):
            yield f"{text} from {device_from} to {device_to}"


def _memory(device: str) -> str:
    return "host" if is_host(device) else device


def _amount_text(amount: Amount) -> str:
    """The sum, ``at least`` that of the known parts; empty where that is nothing."""
    least = "at least " if amount.unknown else ""
    return f"{least}{bytes_text(amount.known)}" if amount.known else ""


def _cast(crossings: list[Crossing]) -> Iterator[str]:
    silent = [crossing for crossing in crossings if crossing.cast == "silent"]
    if silent:
        kinds = list(dict.fromkeys(f"{c.dtype_from} → {c.dtype_to}" for c in silent))
        more = ", …" if len(kinds) > _MOST_CASTS else ""
        number = counted(sum(c.count for c in silent), "silent cast")
        yield f"{number} ({', '.join(kinds[:_MOST_CASTS])}{more})"


def _time(crossings: list[Crossing]) -> Iterator[str]:
    duration = figures_of(c for c in crossings if c.direction != IN_GRAPH).duration.exact
    waited = sum(crossing.waited_ns or 0 for crossing in crossings)
    if duration is not None and duration >= _WORTH_TELLING:
        waiting = f" ({seconds_text(waited)} waiting)" if waited >= _WORTH_TELLING else ""
        yield seconds_text(duration) + waiting
