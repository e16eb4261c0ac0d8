"""Which line of one recording is which line of another. Pure.

A traced cell's lines are known again by the cell's text. Of all other code only the lines that
converted are known: they are paired by source and number where no number stands for another
text now, else by their texts; and those of cells also where the cell ran again, under another
number. Only then are lines compared for similarity, within one function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import NamedTuple

from tfnp_magic.cell_text.syntax import END
from tfnp_magic.model import Crossing, Place
from tfnp_magic.recording import Recording
from tfnp_magic.views.edited import anywhere, bare, edited_lines, in_order, rest, similar
from tfnp_magic.views.lines import traced_sources

Key = tuple[str, int]
"""Source and line; the traced code's own source is `TRACED`, as its name changes."""

TRACED = ""

_CELL = re.compile(r"In\[\d+\]")


class Side(NamedTuple):
    """One of the two recordings: its lines that converted, and what they did.

    Attributes
    ----------
    title
        What the recording calls the traced cell.
    cell
        All lines of the traced cell by number, bare; empty for a file.
    places, crossings
        The innermost lines that the user wrote, and what was converted there; what no line
        led to has the key None, and no place.
    """

    title: str
    cell: dict[int, str]
    places: dict[Key, Place]
    crossings: dict[Key | None, list[Crossing]]

    def texts(self) -> dict[Key, str]:
        """The bare text of each line that converted, in the lines' order."""
        return {key: bare(self.places[key].code) for key in sorted(self.places)}


def side_of(recording: Recording) -> Side:
    """The lines of a recording, by where they are."""
    lines = END.split(recording.source) if recording.source else []
    cell = {number: bare(line) for number, line in enumerate(lines, 1)}
    side = Side(recording.title, cell, {}, {})
    # Of a file, the path in its places may be relative.
    traced = {recording.title, *traced_sources(recording)}
    for crossing in recording.ledger:
        place = crossing.site.inner or crossing.site.line
        key = None
        if place is not None:
            key = TRACED if place.source in traced else place.source, place.line
            side.places.setdefault(key, place)
        side.crossings.setdefault(key, []).append(crossing)
    return side


class Pairs(NamedTuple):
    """Lines before, with the same lines after; of traced cells also those that convert nothing.

    Attributes
    ----------
    same, edited
        Lines whose text is the same, and those whose text is similar.
    """

    same: dict[Key, Key]
    edited: dict[Key, Key]


def pairs_of(before: Side, after: Side) -> Pairs:
    """Pair the lines of two recordings, each with one at most."""
    texts, others = before.texts(), after.texts()
    pairs = _in_traced_cells(before, after)
    if before.cell and after.cell:
        texts, others = _not_in_cell(before, texts), _not_in_cell(after, others)
    for name, pair, found in (
        (_source, _in_source, pairs.same),
        (_words_in_cell, anywhere, pairs.same),
        (_function, similar, pairs.edited),
        (_function_in_cell, similar, pairs.edited),
    ):
        left = rest(texts, others, {**pairs.same, **pairs.edited})
        groups, other_groups = (
            _groups(side, of_side, name)
            for side, of_side in zip((before, after), left, strict=True)
        )
        for key in groups.keys() & other_groups.keys():
            found.update(pair(groups[key], other_groups[key]))
    return pairs


def _in_traced_cells(before: Side, after: Side) -> Pairs:
    """Pair all lines of the traced cells, by the cells' texts."""
    wanted = _lines_in_cell(before), _lines_in_cell(after)
    found = edited_lines(before.cell, after.cell, wanted)
    same, edited = (
        {(TRACED, line): (TRACED, other) for line, other in pairs.items()} for pairs in found
    )
    return Pairs(same, edited)


def _lines_in_cell(side: Side) -> set[int]:
    return {line for source, line in side.places if source == TRACED and side.cell.get(line)}


def _not_in_cell(side: Side, texts: dict[Key, str]) -> dict[Key, str]:
    inside = _lines_in_cell(side)
    return {key: text for key, text in texts.items() if key[0] != TRACED or key[1] not in inside}


def _in_source(before: dict[Key, str], after: dict[Key, str]) -> dict[Key, Key]:
    """Pair the lines of one file, or of one earlier cell, that are the same."""
    common = before.keys() & after.keys()
    pairs: dict[Key, Key] = {}
    if all(before[key] == after[key] for key in common):  # unedited, as far as is known
        pairs = {key: key for key in common}
    known = _with_text(before), _with_text(after)
    pairs.update(in_order(*rest(*known, pairs)))
    return {**pairs, **anywhere(*rest(*known, pairs))}


def _with_text(texts: dict[Key, str]) -> dict[Key, str]:
    return {key: text for key, text in texts.items() if text}


# Which lines are compared with which: those of one name. None stands for no comparison.

_Name = Callable[[Key, Place, str], "Hashable | None"]


def _source(key: Key, place: Place, text: str) -> Hashable | None:
    return key[0]


def _words_in_cell(key: Key, place: Place, text: str) -> Hashable | None:
    return (place.function, text) if text and _CELL.fullmatch(place.source) else None


def _function(key: Key, place: Place, text: str) -> Hashable | None:
    return (key[0], place.function) if text else None


def _function_in_cell(key: Key, place: Place, text: str) -> Hashable | None:
    named = place.function != "<module>"
    return place.function if text and named and _CELL.fullmatch(place.source) else None


def _groups(side: Side, texts: dict[Key, str], name: _Name) -> dict[Hashable, dict[Key, str]]:
    groups: dict[Hashable, dict[Key, str]] = {}
    for key, text in texts.items():
        called = name(key, side.places[key], text)
        if called is not None:
            groups.setdefault(called, {})[key] = text
    return groups
