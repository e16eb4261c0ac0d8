"""All figures as one Markdown table, and its place in a file."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

from tests.benchmarks.figures import Figure, Figures, quartiles

BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"


def table(
    figures: Figures, cells: Mapping[str, str], tools: Mapping[str, str], notes: Sequence[str]
) -> str:
    """A row for each cell, a column for each tool: ratios, then microseconds.

    Parameters
    ----------
    figures
        What was measured.
    cells, tools
        Their titles, in order.
    notes
        Sentences below the table.
    """
    rows = [["cell", *tools.values()], ["---", *["--:"] * len(tools)]]
    for cell, title in cells.items():
        found = [figures[cell][tool] for tool in tools]
        rows.append([title, *map(ratio, found)])
        if any(figure.added_us for figure in found):
            rows.append(["… added µs per conversion", *map(added, found)])
    rows.append(["starting and stopping, ms", *(around(figures, tool) for tool in tools)])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", "\n".join(notes)]).rstrip() + "\n"


def ratio(figure: Figure) -> str:
    """A figure's ratio, with its quartiles, or why there is none."""
    return _one_line(figure.absent) if figure.absent else spread(figure.ratios, "{:.2f}")


def added(figure: Figure) -> str:
    if figure.absent or not figure.added_us:
        return "-"
    return spread(figure.added_us, "{:.2f}")


def around(figures: Figures, tool: str) -> str:
    """Over all cells; "-" for tools that live as long as their process."""
    values = [ms for found in figures.values() for ms in found[tool].around_ms]
    return spread(values, "{:.0f}") if values else "-"


def spread(values: Sequence[float], form: str) -> str:
    """The median, and the quartiles in brackets."""
    lower, middle, upper = map(form.format, quartiles(values))
    return f"{middle} ({lower} to {upper})"


def write_into(path: pathlib.Path, text: str) -> None:
    """Put the text between the file's two markers.

    Raises
    ------
    ValueError
        When the file does not hold each marker once, in order; it is left as it was.
    """
    old = path.read_text(encoding="utf-8")
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or (old.count(BEGIN), old.count(END)) != (1, 1):
        raise ValueError(f"{path} must hold {BEGIN} and, below it, {END}, each once")
    path.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}", encoding="utf-8")


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")[:120]
