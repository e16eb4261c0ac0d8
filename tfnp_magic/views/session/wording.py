"""What a footer says of a cell, and a session's report of all: sentences and tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfnp_magic.advice import Finding, findings
from tfnp_magic.advice.finding import where
from tfnp_magic.figures import bytes_text, counted
from tfnp_magic.model import DEVICE_TO_DEVICE, IN_GRAPH, Crossing
from tfnp_magic.recording import Recording
from tfnp_magic.shell.session_runs import MAX_CELLS, CellRuns, SessionReport, Sums
from tfnp_magic.views.amounts import amount_text
from tfnp_magic.views.lines import Figures, figures_of
from tfnp_magic.views.wording import on_lines

_MOST_LINES = 5
"""Lines that a sentence names."""

_MOST_CELLS = 30
"""Cells that a report tells, those that ran last; the DataFrames have all."""

_IN_A_FEW_WORDS = {
    "cast": "a cast changed values",
    "written": "shared memory was written to",
    "retrace": "a function was traced again and again",
    "baked-constant": "large data became part of a graph",
    "small-batches": "a model was called for a few rows at a time",
    "loop": "a conversion in a loop",
    "repeated": "the same data converted again and again",
    "printed": "large data moved to be printed",
    "shared": "memory shared with a writable array",
}
"""Of each kind of finding."""


class Footer:
    """One line below a cell: what it converted.

    Parameters
    ----------
    recording
        Complete.
    """

    def __init__(self, recording: Recording) -> None:
        self._text = footer_text(recording)

    def __repr__(self) -> str:
        from tfnp_magic.views.wording import plain

        return plain(self._text)

    def _repr_html_(self) -> str:
        from tfnp_magic.views.markup import prose

        style = "margin:2px 0;font-size:smaller;text-align:left"
        return f'<p style="{style}">{prose(self._text)}</p>'


def footer_text(recording: Recording) -> str:
    """``In[7]: 5 conversions on 3 lines, 1.8 MB copied``; empty where there is nothing to say."""
    parts = [", ".join(_parts(recording))] if recording.ledger else []
    found = findings(recording)
    if found:
        parts.append(_worst(found))
    if recording.forbidden:
        parts.append(f"forbidden, and seen too late: {' '.join(recording.forbidden)}")
    parts += [f"lost: {text}" for text in recording.lost]
    return f"{recording.title}{_ended(recording)}: {'; '.join(parts)}" if parts else ""


def _ended(recording: Recording) -> str:
    return f" (ended by {recording.error})" if recording.error else ""


def _parts(recording: Recording) -> list[str]:
    ledger = [crossing for crossing in recording.ledger if crossing.direction != IN_GRAPH]
    figures = figures_of(recording.ledger)
    parts = []
    if ledger:
        parts += [_numbers(ledger) + on_lines(ledger), f"{amount_text(figures.copied)} copied"]
    if figures.moved.known or figures.moved.unknown:
        parts.append(f"{amount_text(figures.moved)} moved")
    if figures.silent_casts:
        silent = [crossing for crossing in recording.ledger if crossing.cast == "silent"]
        parts.append(f"{counted(figures.silent_casts, 'silent cast')}{_lines(silent)}")
    if in_graphs := sum(c.count for c in recording.ledger if c.direction == IN_GRAPH):
        parts.append(f"{counted(in_graphs, 'cast or move', 'casts and moves')} inside graphs")
    return parts


def _numbers(ledger: Iterable[Crossing]) -> str:
    """``3 conversions``, ``3 conversions and 1 move between devices``."""
    counts = [(crossing.count, crossing.direction == DEVICE_TO_DEVICE) for crossing in ledger]
    moves = sum(count for count, moved in counts if moved)
    conversions = sum(count for count, _ in counts) - moves
    texts = [counted(conversions, "conversion")] if conversions else []
    return " and ".join(texts + ([f"{counted(moves, 'move')} between devices"] if moves else []))


def _lines(ledger: Iterable[Crossing]) -> str:
    """`` (line 4)``, `` (lines 4, 7)``, the first few; empty where no line is known."""
    lines = sorted({crossing.site.line.line for crossing in ledger if crossing.site.line})
    if not lines:
        return ""
    shown = ", ".join(str(line) for line in lines[:_MOST_LINES])
    return f" (line{'s' if len(lines) > 1 else ''} {shown}{', …' * (len(lines) > _MOST_LINES)})"


def _worst(found: list[Finding]) -> str:
    worst = found[0]
    place = where(worst.site).replace("(", "").replace(")", "")
    return f"worst: {_IN_A_FEW_WORDS[worst.kind]} ({place})"


def opening(report: SessionReport) -> str:
    """One sentence: how many cells and runs, and what they come to."""
    sums = report.total
    # How many different cells the forgotten ones were is not known: they may have run again.
    cells = counted(len(report.cells), "cell")
    more = f" that are kept and {counted(report.forgotten, 'forgotten one')}" * bool(
        report.forgotten
    )
    runs = f"{counted(sums.runs, 'run')} of {cells}{more}"
    return f"Session: {runs}: {_sums(sums)}." if sums.runs else "Session: no cell has run yet."


def _sums(sums: Sums) -> str:
    figures = sums.figures
    if not figures.count:
        return "no conversions between TensorFlow and NumPy"
    conversions, in_graphs = figures.count - sums.in_graphs, sums.in_graphs
    parts = [counted(conversions, "conversion"), f"{amount_text(figures.copied)} copied"]
    if figures.moved.known or figures.moved.unknown:
        parts.append(f"{amount_text(figures.moved)} moved")
    if figures.silent_casts:
        parts.append(counted(figures.silent_casts, "silent cast"))
    if in_graphs:
        parts.append(f"{counted(in_graphs, 'cast or move', 'casts and moves')} inside graphs")
    return ", ".join(parts)


def told_cells(report: SessionReport) -> list[CellRuns]:
    """The cells that a report shows, in the order of their latest runs."""
    return [cell for cell in report.cells if cell.converts][-_MOST_CELLS:]


def remarks(report: SessionReport) -> list[str]:
    """Sentences on what the report does not show."""
    converting = sum(cell.converts for cell in report.cells)
    silent = len(report.cells) - converting
    sentences = []
    if silent and converting:
        sentences.append(f"Not shown: {counted(silent, 'cell')} that converted nothing.")
    if converting > _MOST_CELLS:
        number = counted(converting - _MOST_CELLS, "cell")
        sentences.append(
            f"Not shown: {number} that ran before these; `summary()` and `by_line()` have them."
        )
    if report.forgotten:
        sentences.append(
            f"Forgotten: the lines of {counted(report.forgotten, 'cell')} that ran longest ago, "
            f"as the runs of at most {MAX_CELLS} cells are kept, and fewer where they are large; "
            "the sums have them."
        )
    if report.total.left_out:
        sentences.append(
            f"Left out: {counted(report.total.left_out, 'conversion')} of threads or tasks that "
            "the cell that ran then did not start."
        )
    return sentences + [f"Lost: {text}." for text in report.lost]


def heading(cell: CellRuns) -> str:
    """What the cell's latest run converted; empty parts are left out."""
    latest = cell.latest
    return footer_text(latest) or f"{latest.title}{_ended(latest)}: no conversions any more"


def comparison(cell: CellRuns) -> list[str]:
    """What changed against the run before, and what all runs come to; none after one run."""
    if cell.previous is None:
        return []
    before, after = (figures_of(run.ledger) for run in (cell.previous, cell.latest))
    changed = changes(compared(before), compared(after))
    told = f"{', '.join(changed)}" if changed else "the same figures"
    return [
        f"Against {_run_before(cell, cell.previous)}: {told}.",
        f"All {counted(cell.sums.runs, 'run')}: {_sums(cell.sums)}.",
    ]


def _run_before(cell: CellRuns, previous: Recording) -> str:
    """Which run that is, and how it is known where the notebook did not tell."""
    if cell.cell_id is not None:
        return f"its run before, {previous.title}"
    has = "most of these lines" if cell.was_edited else "the same text"
    return f"{previous.title}, which has {has}"


def compared(figures: Figures) -> dict[str, Any]:
    """Figures that are compared between runs; None where a part is unknown."""
    return {
        "count": figures.count,
        "copied_bytes": figures.copied.exact,
        "moved_bytes": figures.moved.exact,
        "silent_casts": figures.silent_casts,
    }


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """``copied 1.8 MB → 0 B`` for each figure that is another now; times always are."""
    words = {"copied_bytes": "copied", "moved_bytes": "moved"}
    texts = []
    for name, word in words.items():
        sizes = bytes_text(before[name]), bytes_text(after[name])
        if sizes[0] != sizes[1]:
            texts.append(f"{word} {' → '.join(sizes)}")
    for name, noun in (("count", "conversions"), ("silent_casts", "silent casts")):
        if before[name] != after[name]:
            texts.append(f"{noun} {before[name]:,} → {after[name]:,}")
    return texts
