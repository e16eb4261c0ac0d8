"""What an output looks like, as Chromium computed it: its tables, texts, images and widths."""

from __future__ import annotations

import base64
import dataclasses
import re

from playwright.sync_api import Locator, Page

_READ_TABLE = """table => {
    const read = element => {
        const own = getComputedStyle(element);
        return {
            text: (element.querySelector("summary") ?? element).textContent,
            align: own.textAlign, weight: Number(own.fontWeight), background: own.backgroundColor,
        };
    };
    const blank = {text: "", align: "", weight: 0, background: "rgba(0, 0, 0, 0)"};
    const cells = row => [...row.cells].flatMap(
        cell => [read(cell), ...Array(cell.colSpan - 1).fill(blank)]);
    return {
        caption: table.caption ? table.caption.textContent : "",
        header: table.tHead ? cells(table.tHead.rows[0]) : [],
        rows: [...table.tBodies].flatMap(body => [...body.rows]).map(cells),
        overflow: getComputedStyle(table.parentElement).overflowX,
    };
}"""

_READ_TEXTS = """root => {
    const ancestors = element => {
        const found = [];
        for (let e = element; e; e = e.parentElement) found.push(getComputedStyle(e));
        return found;
    };
    const own = element => [...element.childNodes]
        .filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data).join("").trim();
    return [root, ...root.querySelectorAll("*")]
        .filter(element => own(element) && element.checkVisibility())
        .map(element => [element, ancestors(element)])
        .map(([element, styles]) => ({
            text: own(element), colour: styles[0].color, size: parseFloat(styles[0].fontSize),
            opacity: styles.reduce((product, style) => product * style.opacity, 1),
            layers: styles.map(style => style.backgroundColor),
            pictures: styles.map(style => style.backgroundImage).filter(image => image !== "none"),
        }));
}"""

_COUNT_COLOURS = """async png => {
    const bytes = Uint8Array.from(atob(png), character => character.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, image.width, image.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
}"""

_WIDER = """root => {
    const found = [];
    for (let e = root; e; e = e.parentElement)
        if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline")
            found.push(`${e.localName}.${e.className}: ${e.scrollWidth} > ${e.clientWidth}`);
    return found;
}"""

_OVERLAPPING = """root => {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), boxes = [];
    while (texts.nextNode()) {
        const text = texts.currentNode, range = document.createRange();
        if (!text.data.trim() || !text.parentElement.checkVisibility()) continue;
        range.selectNodeContents(text);
        for (const box of range.getClientRects()) boxes.push([text, box]);
    }
    const overlap = (one, two) =>
        Math.min(one.right, two.right) - Math.max(one.left, two.left) > 1 &&
        Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top) > one.height / 2;
    return boxes.flatMap(([one, box], at) => boxes.slice(at + 1)
        .filter(([two, other]) => one !== two && overlap(box, other))
        .map(([two]) => [one.data, two.data]));
}"""

_ASKS = """root => [...root.querySelectorAll("*")].flatMap(element => [
    ...["src", "srcset", "href", "poster", "data", "action", "background"]
        .filter(name => element.hasAttribute(name)).map(name => element.getAttribute(name)),
    ...((element.getAttribute("style") ?? "").match(/url\\([^)]*/g) ?? []),
]).filter(address => !address.startsWith("data:") && !address.startsWith("#"))"""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table; of one that unfolds, the text that always stands there."""

    text: str
    align: str
    weight: int
    background: str

    @property
    def is_bold(self) -> bool:
        return self.weight >= 600

    @property
    def has_background(self) -> bool:
        return _rgba(self.background)[3] > 0


@dataclasses.dataclass(frozen=True)
class Table:
    """A table with a cell for each column, where one spans several, too."""

    caption: str
    header: list[Cell]
    rows: list[list[Cell]]
    overflow: str

    @property
    def columns(self) -> list[str]:
        return [cell.text for cell in self.header]

    @property
    def cells(self) -> list[dict[str, Cell]]:
        """The rows, by the names of their columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    @property
    def texts(self) -> list[list[str]]:
        """Caption, header and rows."""
        rows = [self.header, *self.rows]
        return [[self.caption], *([cell.text for cell in row] for row in rows)]

    @property
    def records(self) -> list[dict[str, str]]:
        return [{name: cell.text for name, cell in row.items()} for row in self.cells]


@dataclasses.dataclass(frozen=True)
class Text:
    """Characters that are shown, and what they are painted with.

    `layers` are the background colours from the text's element out to the page.
    """

    text: str
    colour: str
    size: float
    opacity: float
    layers: list[str]
    pictures: list[str]

    @property
    def contrast(self) -> float:
        """WCAG's ratio of the text to what is painted behind it, from 1 to 21."""
        assert not self.pictures, f"a picture is behind {self.text!r}"
        behind = (255.0, 255.0, 255.0)
        for layer in reversed(self.layers):
            behind = _over(layer, behind)
        text = _over(self.colour, behind, self.opacity)
        darker, lighter = sorted(map(_luminance, (behind, text)))
        return (lighter + 0.05) / (darker + 0.05)


def tables(output: Locator) -> list[Table]:
    """All tables of an output, those inside of folded details included."""
    return [_table(found) for found in output.locator("table").all()]


def table_with(output: Locator, *columns: str) -> Table:
    """The one table of the output that has these columns."""
    found = [table for table in tables(output) if set(columns) <= set(table.columns)]
    assert len(found) == 1, [table.columns for table in tables(output)]
    return found[0]


def _table(locator: Locator) -> Table:
    found = locator.evaluate(_READ_TABLE)
    header = [Cell(**cell) for cell in found["header"]]
    rows = [[Cell(**cell) for cell in row] for row in found["rows"]]
    return Table(found["caption"], header, rows, found["overflow"])


def unfold(output: Locator) -> None:
    """All details of the output at once; a user would click on each."""
    output.locator("details").evaluate_all("all => all.forEach(details => details.open = true)")


def texts(output: Locator) -> list[Text]:
    """All texts of an output that are shown now."""
    return [Text(**found) for found in output.evaluate(_READ_TEXTS)]


def assert_readable(output: Locator) -> None:
    """Unfold all details; no text is too pale for what is behind it, by WCAG's level AA."""
    unfold(output)
    found = texts(output)
    assert found
    pale = [(round(each.contrast, 2), each) for each in found if each.contrast < 4.5]
    assert not pale, min(pale, key=lambda pair: pair[0])


def assert_within_page(output: Locator) -> None:
    """Neither the output nor anything around it has to be scrolled sideways."""
    assert output.evaluate(_WIDER) == []


def assert_apart(output: Locator) -> None:
    """No text stands on another."""
    assert output.evaluate(_OVERLAPPING) == []


def assert_asks_nothing(output: Locator) -> None:
    """The output names no address that a browser would ask."""
    assert output.evaluate(_ASKS) == []


def assert_drawn(image: Locator, least: int = 2) -> None:
    """The image was loaded, and so many colours or more are seen where it stands."""
    assert image.evaluate("image => image.complete && image.naturalWidth > 0")
    assert colours(image.page, image.screenshot()) >= least


def colours(page: Page, png: bytes) -> int:
    """How many different colours the pixels of a picture have."""
    return int(page.evaluate(_COUNT_COLOURS, base64.b64encode(png).decode()))


Colour = tuple[float, float, float]


def _rgba(colour: str) -> list[float]:
    """``rgb(1, 2, 3)`` or ``rgba(1, 2, 3, 0.5)`` as four numbers."""
    numbers = [float(number) for number in re.findall(r"[\d.]+", colour)]
    assert re.match(r"rgba?\(", colour), f"cannot read the colour {colour}"
    return numbers if len(numbers) == 4 else [*numbers, 1.0]


def _over(colour: str, behind: Colour, opacity: float = 1.0) -> Colour:
    *channels, alpha = _rgba(colour)
    alpha *= opacity
    red, green, blue = (
        alpha * front + (1 - alpha) * back for front, back in zip(channels, behind, strict=True)
    )
    return red, green, blue


def _luminance(colour: Colour) -> float:
    shares = [channel / 255 for channel in colour]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
