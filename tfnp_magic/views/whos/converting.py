"""What converting the rows of an inventory would do, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tfnp_magic.figures import bytes_text, counted, known_sum
from tfnp_magic.views.whos.cells import brief
from tfnp_magic.views.whos.words import listed

if TYPE_CHECKING:
    from tfnp_magic.whos.look import Conversion, Holding

_MOST = 6
"""Reasons that a text tells."""

_NAMES = 4
"""Names that each of them tells."""


def told(conversion: Conversion) -> str:
    """Tell one way of converting in a sentence: "`.numpy()` copies 4.0 MB: why."."""
    if conversion.outcome == "unknown":
        return f"what `{conversion.route}` does is not known: {conversion.reason}."
    return f"`{conversion.route}` {_deed(conversion)}: {conversion.reason}."


def _deed(conversion: Conversion) -> str:
    if conversion.outcome == "view":
        return "gives a view"
    if conversion.outcome == "refused":
        return "does not convert it"
    written = copied_text(conversion)
    if conversion.outcome != "move":
        return f"copies {written or 'it'}"
    moved = "it" if conversion.moved_bytes is None else bytes_text(conversion.moved_bytes)
    more = f" and writes {written} in all" if written not in ("", moved) else ""
    return f"moves {moved}{more}"


def copied_text(conversion: Conversion) -> str:
    """``4.0 MB``, ``4.0 to 8.0 MB``, ``at least 4.0 MB``; empty where unknown."""
    if conversion.copied_bytes is not None:
        return bytes_text(conversion.copied_bytes)
    if conversion.bounds is None:
        return ""
    least, most = conversion.bounds
    if most is None:
        return f"at least {bytes_text(least)}"
    low, high = bytes_text(least), bytes_text(most)
    return f"{low.removesuffix(' ' + high.split()[-1])} to {high}"


def in_full(conversion: Conversion) -> str:
    """``np.asarray: view``, ``tf.constant: copy of 4.0 to 8.0 MB``."""
    text = brief(conversion)
    amount = copied_text(conversion)
    if conversion.outcome == "move":
        amount = "" if conversion.moved_bytes is None else bytes_text(conversion.moved_bytes)
    return f"{text} of {amount}" if amount and conversion.outcome in ("copy", "move") else text


# ---- what rows have in common -----------------------------------------------------------

_DEEDS = {
    "view": "gives a view of",
    "copy": "copies",
    "move": "moves",
    "refused": "does not convert",
}


def reasons(rows: Iterable[Holding]) -> list[str]:
    """Say why converting does what it does: what is alike for several rows once.

    Those that move or copy most come first.
    """
    alike: dict[tuple[str, str, str], list[tuple[str, Conversion]]] = {}
    for row in rows:
        for each in row.conversions:
            alike.setdefault((each.outcome, each.reason, each.route), []).append((row.name, each))
    joined: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = {}
    for (outcome, reason, route), found in sorted(alike.items(), key=lambda item: -_cost(item[1])):
        names = tuple(name for name, _ in found)
        amount = _amount([each for _, each in found])
        joined.setdefault((outcome, amount, reason, names), []).append(route)
    sentences = [_sentence(*key, routes) for key, routes in joined.items()]
    if (more := len(sentences) - _MOST) > 0:
        return [*sentences[:_MOST], f"Not told: {counted(more, 'more reason')}; `-o df` keeps all."]
    return sentences


def _cost(found: Iterable[tuple[str, Conversion]]) -> int:
    return sum(
        (each.moved_bytes or 0) + (each.copied_bytes or (each.bounds or (0,))[0])
        for _, each in found
    )


def _amount(found: Sequence[Conversion]) -> str:
    """Tell what they move, or copy, together; empty where nothing is, or not known how much."""
    if found[0].outcome == "move":
        moved = known_sum(each.moved_bytes for each in found)
        return "" if moved is None else bytes_text(moved)
    if found[0].outcome != "copy":
        return ""
    bounds = [each.bounds or (each.copied_bytes, each.copied_bytes) for each in found]
    least, most = (known_sum(ends) for ends in zip(*bounds, strict=True))
    if least is None:
        return ""
    exact = least if least == most else None
    return copied_text(found[0]._replace(copied_bytes=exact, bounds=(least, most)))


def _sentence(
    outcome: str, amount: str, reason: str, names: Sequence[str], routes: Sequence[str]
) -> str:
    ways = " or ".join(f"`{route}`" for route in routes)
    if outcome == "unknown":
        return f"What {ways} does with {listed(names, _NAMES)} is not known: {reason}."
    more = f" ({amount})" if amount else ""
    return f"{ways} {_DEEDS[outcome]} {listed(names, _NAMES)}{more}: {reason}."
