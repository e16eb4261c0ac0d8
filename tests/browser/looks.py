"""What an output with a table looks like, as Chromium computed it."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from playwright.sync_api import Locator

_READ = """output => {
    const read = element => {
        const own = getComputedStyle(element), layers = [];
        let leaf = element;
        while (leaf.firstElementChild) leaf = leaf.firstElementChild;
        for (let e = leaf; e; e = e.parentElement) layers.push(getComputedStyle(e).backgroundColor);
        return {
            text: element.textContent, align: own.textAlign, weight: Number(own.fontWeight),
            background: own.backgroundColor, colour: getComputedStyle(leaf).color, layers,
        };
    };
    const table = output.querySelector("table");
    const elements = [...output.querySelectorAll("*")];
    return {
        sentence: read(output.querySelector("p")),
        header: [...table.tHead.rows[0].cells].map(read),
        rows: [...table.tBodies[0].rows].map(row => [...row.cells].map(read)),
        elements: elements.map(element => [element.localName, element.textContent]),
        overflow: getComputedStyle(table.parentElement).overflowX,
        trusted: output.classList.contains("jp-mod-trusted"),
    };
}"""


@dataclasses.dataclass(frozen=True)
class Piece:
    """A sentence or a cell: its text, and computed style.

    `layers` are the background colours from the innermost element out to the page.
    """

    text: str
    align: str
    weight: int
    background: str
    colour: str
    layers: list[str]

    @property
    def is_bold(self) -> bool:
        return self.weight >= 600

    @property
    def has_background(self) -> bool:
        return _rgba(self.background)[3] > 0

    @property
    def contrast(self) -> float:
        """WCAG's ratio of the text to what is painted behind it, from 1 to 21."""
        behind = (255.0, 255.0, 255.0)
        for layer in reversed(self.layers):
            behind = _over(layer, behind)
        darker, lighter = sorted(map(_luminance, (behind, _over(self.colour, behind))))
        return (lighter + 0.05) / (darker + 0.05)


@dataclasses.dataclass(frozen=True)
class Shown:
    """An output that holds a sentence and a table."""

    sentence: Piece
    header: list[Piece]
    rows: list[list[Piece]]
    elements: list[tuple[str, str]]
    overflow: str
    trusted: bool

    @property
    def columns(self) -> list[str]:
        return [piece.text for piece in self.header]

    @property
    def records(self) -> list[dict[str, str]]:
        return [{k: cell.text for k, cell in cells.items()} for cells in self.cells]

    @property
    def cells(self) -> list[dict[str, Piece]]:
        """The rows, by the names of their columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    @property
    def pieces(self) -> list[Piece]:
        return [self.sentence, *self.header, *(cell for row in self.rows for cell in row)]


def shown(output: Locator) -> Shown:
    """Read an output whose MIME type is HTML."""
    found: dict[str, Any] = output.locator(".jp-RenderedHTML").evaluate(_READ, timeout=5_000)
    return Shown(
        sentence=Piece(**found.pop("sentence")),
        header=[Piece(**cell) for cell in found.pop("header")],
        rows=[[Piece(**cell) for cell in row] for row in found.pop("rows")],
        elements=[(name, text) for name, text in found.pop("elements")],
        **found,
    )


Colour = tuple[float, float, float]


def _rgba(colour: str) -> list[float]:
    """``rgb(1, 2, 3)`` or ``rgba(1, 2, 3, 0.5)`` as four numbers."""
    numbers = [float(number) for number in re.findall(r"[\d.]+", colour)]
    assert re.match(r"rgba?\(", colour), f"cannot read the colour {colour}"
    return numbers if len(numbers) == 4 else [*numbers, 1.0]


def _over(colour: str, behind: Colour) -> Colour:
    *channels, alpha = _rgba(colour)
    red, green, blue = (
        alpha * front + (1 - alpha) * back for front, back in zip(channels, behind, strict=True)
    )
    return red, green, blue


def _luminance(colour: Colour) -> float:
    shares = [channel / 255 for channel in colour]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
