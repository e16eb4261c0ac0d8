"""A recording as text, for terminals and logs.

The table is the summary's, but pandas does not print it: folded to a terminal's width,
its blocks do not say which line they are about, it cannot wrap a reason, and what it
prints differs from version to version.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tfnp_magic.model import kind_of_move
from tfnp_magic.recording import Recording
from tfnp_magic.views.activities import activities
from tfnp_magic.views.annotated.text import annotated_text
from tfnp_magic.views.summary import told_rows, untold_rows
from tfnp_magic.views.timeline.text import timeline_text
from tfnp_magic.views.wording import (
    arrow,
    cut,
    folded,
    page_width,
    plain,
    remarks,
    told_findings,
    totals,
    width_of,
)

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("line", "count", "bytes", "copied bytes", "copies", "moved", "seconds", "waited")
"""Columns that are aligned to the right."""

_KEYS = ("line", "route")
"""Columns that each block of a folded table begins with."""

_CUT = {"code": 40, "route": 48}
"""Columns that a reader can look up: cut where they are wider than this."""

_WRAPPED = {"inner": 40, "shape": 32, "dtype": 40, "values": 48}
"""Columns that are wrapped at this width; the others are as wide as the page at most."""

_GAP = "  "


def report(recording: Recording, width: int | None = None) -> str:
    """All sections: from the totals to what the recording lacks; those that say something.

    Parameters
    ----------
    recording
        A complete recording.
    width
        Columns that it is folded to; by default the terminal's, and no less than 80.
    """
    width = page_width(width)
    told, more_findings = told_findings(recording)
    sections = [
        folded(plain(totals(recording)), width),
        "\n".join(_item(f.sentence, width) for f in told),
        annotated_text(recording, width),
        timeline_text(recording, width),
        table(recording.summary(), width) if recording.ledger else "",
        "\n".join(_item(text, width, "-") for text in activities(recording)),
        "\n".join(folded(plain(remark), width) for remark in remarks(recording, more_findings)),
    ]
    return "\n\n".join(filter(None, sections))


def _item(sentence: str, width: int, mark: str = "!") -> str:
    """One finding as an item of a list, folded to the width."""
    return folded(plain(sentence), width, f"  {mark} ", "    ")


def table(summary: pd.DataFrame, width: int) -> str:
    """All columns of the summary, pairs of columns joined, folded to the width."""
    shown = joined(told_rows(summary))
    texts = {name: [plain(text) for text in values] for name, values in shown.items()}
    keys = [_column(name, texts[name], width) for name in _KEYS]
    room = width - sum(key.width + len(_GAP) for key in keys)
    columns = [_column(name, values, room) for name, values in texts.items()]
    blocks = [_block(block) for block in _folded(columns, keys, width)]
    return "\n\n".join([*blocks, *filter(None, [untold_rows(summary)])])


def joined(summary: pd.DataFrame) -> dict[str, list[str]]:
    """The summary's columns as text: from and to as one, numbers as a reader wants them.

    ``inner``, ``values``, ``moved`` and ``waited`` are left out where they say nothing.
    """
    columns: dict[str, list[Any]] = {str(name): summary[name].to_list() for name in summary}
    texts = {
        **columns,
        "line": [str(line) if isinstance(line, int) else "?" for line in columns["line"]],
        "explicit": ["yes" if explicit else "no" for explicit in columns["explicit"]],
        "count": [_number(count) for count in columns["count"]],
        "dtype": list(map(arrow, columns["dtype_from"], columns["dtype_to"])),
        "device": list(map(arrow, columns["device_from"], columns["device_to"])),
        "bytes": [_number(nbytes) for nbytes in columns["bytes"]],
        "copied bytes": [_number(nbytes) for nbytes in columns["copied_bytes"]],
        "copies": [_number(number) for number in columns["copies"]],
        "moved": list(map(_moved, *(columns[name] for name in _OF_MOVE))),
        "seconds": ["?" if s != s else f"{s:.6f}" for s in columns["seconds"]],
        "waited": ["?" if s != s else f"{s:.6f}" if s else "" for s in columns["waited_seconds"]],
    }
    return {name: texts[name] for name in _ORDER if name not in _OFTEN_EMPTY or any(texts[name])}


_OF_MOVE = ("device_from", "device_to", "moved_bytes", "mirror")


def _moved(device_from: str, device_to: str, nbytes: Any, mirror: bool) -> str:
    """Bytes that moved, or that a mirror served; empty where nothing goes between devices."""
    if not kind_of_move(device_from, device_to):
        return ""
    return "0 (mirror)" if mirror else _number(nbytes)


_ORDER = (
    "line", "code", "inner", "route", "direction", "explicit", "count", "shape", "dtype", "cast",
    "device", "bytes", "copied bytes", "copies", "moved", "storage", "seconds", "waited",
    "values", "reason",
)  # fmt: skip

_OFTEN_EMPTY = ("inner", "values", "moved", "waited")
"""Columns that are left out where they say nothing."""


def _number(value: Any) -> str:
    """``1,234``; ``?`` for pandas' missing value."""
    return f"{value:,}" if isinstance(value, int) else "?"


class _Column(NamedTuple):
    """One column: each of its cells as the lines that it takes."""

    name: str
    cells: list[list[str]]
    width: int


def _column(name: str, texts: list[str], room: int) -> _Column:
    if name in _CUT:
        cells = [[cut(text, _CUT[name])] for text in texts]
    else:
        limit = min(_WRAPPED.get(name, room), room)
        cells = [_wrapped(text, max(limit, len(name))) for text in texts]
    lines = [name, *(line for cell in cells for line in cell)]
    return _Column(name, cells, max(map(width_of, lines)))


def _folded(columns: list[_Column], keys: list[_Column], width: int) -> list[list[_Column]]:
    """Columns in blocks that fit the width; all but the first begin with the keys."""
    blocks: list[list[_Column]] = [[]]
    for column in columns:
        block = blocks[-1]
        taken = sum(other.width + len(_GAP) for other in block)
        if taken + column.width > width and any(other.name not in _KEYS for other in block):
            block = [*keys]
            blocks.append(block)
        if column.name not in [other.name for other in block]:
            block.append(column)
    return blocks


def _block(columns: list[_Column]) -> str:
    lines = [_GAP.join(_padded(column, column.name) for column in columns)]
    for cells in zip(*(column.cells for column in columns), strict=True):
        for number in range(max(map(len, cells))):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            lines.append(_GAP.join(map(_padded, columns, parts)))
    return "\n".join(line.rstrip() for line in lines)


def _padded(column: _Column, text: str) -> str:
    blanks = " " * (column.width - width_of(text))
    return blanks + text if column.name in NUMBERS else text + blanks


_BREAKS = re.compile(r" (?!x\d|[^()]*\))")
"""Spaces where a line may end: none within ``(32, 64) x10``."""


def _wrapped(text: str, limit: int) -> list[str]:
    lines = [""]
    for word in filter(None, _BREAKS.split(text)):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and width_of(longer) > limit:
            lines.append(cut(word, limit))
        else:
            lines[-1] = cut(longer, limit)
    return lines
