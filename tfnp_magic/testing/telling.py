"""What became of limits, in words: a sentence for each, then the lines that add most to them."""

from __future__ import annotations

from collections.abc import Iterator

from tfnp_magic.advice.finding import where
from tfnp_magic.advice.memory import of_hazards
from tfnp_magic.figures import bytes_text, counted, times
from tfnp_magic.model import CASTS, Crossing, Hazard, Place, Site, kind_of_move
from tfnp_magic.recording import Recording
from tfnp_magic.testing.exceeded import Excess, Outcome
from tfnp_magic.testing.limits import BYTES, LIMITS
from tfnp_magic.testing.measured import Part, Rebuilt
from tfnp_magic.views.lines import Amount
from tfnp_magic.views.summary import reasons_text, values_text
from tfnp_magic.views.wording import arrow, plain

MOST_LINES = 10
"""Lines of source that a failure shows."""

_MOST_PLACES = 3
"""Places that a warning names."""


def failure_text(outcome: Outcome, where: str = "") -> str:
    """All exceeded limits, a sentence each, and the lines that exceeded them, the worst first.

    Parameters
    ----------
    outcome
        With at least one limit that was exceeded.
    where
        What the limits are of, if not of the whole test: ``the block at test_x.py:12``.
    """
    beginning = f"{where}: " if where else ""
    sentences = [f"{beginning}{_sentence(excess)}" for excess in outcome.exceeded]
    rows = _rows(outcome.exceeded)
    shown = [_told(row) for row in rows[:MOST_LINES]]
    more = len(rows) - MOST_LINES
    rest = [f"  … and {more:,} more"] if more > 0 else []
    return "\n".join([*sentences, *([""] if rows else []), *shown, *rest])


def unsure_texts(recording: Recording, outcome: Outcome) -> list[str]:
    """A sentence for each limit that cannot be said to be kept, and one for what was lost."""
    texts = [_unsure(excess) for excess in outcome.unsure]
    texts += [f"limits may be exceeded unseen: {text}" for text in recording.lost]
    return [plain(text) for text in texts]


def _sentence(excess: Excess) -> str:
    """``max_copied: 12.0 MB copied, 10.0 MB allowed.``."""
    limit = LIMITS[excess.limit]
    least = "at least " if excess.amount.unknown else ""
    if limit.unit != BYTES:
        much = counted(excess.amount.known, limit.noun, limit.plural)
        return f"{excess.limit}: {least}{much}, {excess.allowed:,} allowed."
    much, allowed = bytes_text(excess.amount.known), bytes_text(excess.allowed)
    if much == allowed:
        much, allowed = f"{excess.amount.known:,} bytes", f"{excess.allowed:,} bytes"
    return f"{excess.limit}: {least}{much} {limit.noun}, {allowed} allowed."


def _unsure(excess: Excess) -> str:
    limit, unknown = LIMITS[excess.limit], excess.amount.unknown
    is_bytes = limit.unit == BYTES
    known = bytes_text(excess.amount.known) if is_bytes else f"{excess.amount.known:,}"
    allowed = bytes_text(excess.allowed) if is_bytes else f"{excess.allowed:,}"
    places = [_at(part.site) for part in excess.parts if part.amount.unknown]
    shown = ", ".join(dict.fromkeys(places[:_MOST_PLACES]))
    at = f" ({shown}{', …' if len(places) > _MOST_PLACES else ''})" if shown else ""
    return (
        f"{excess.limit} cannot be said to be kept: of {counted(unknown, 'conversion')}{at} it is "
        f"not known; of the others it is {known}, and {allowed} allowed."
    )


class _Row:
    """One thing at one line that adds to limits that were exceeded."""

    def __init__(self, part: Part) -> None:
        self.site, self.of = part.site, part.of
        self.amounts: dict[str, Amount] = {}
        self.weight = 0.0

    def add(self, excess: Excess, part: Part) -> None:
        """It adds to this limit, too; its weight is the largest share that it has in any."""
        self.amounts[excess.limit] = part.amount
        self.weight = max(self.weight, part.amount.known / (excess.amount.known or 1))


def _rows(exceeded: list[Excess]) -> list[_Row]:
    rows: dict[int | tuple[int, ...], _Row] = {}
    for excess in exceeded:
        for part in excess.parts:
            rows.setdefault(_identity(part), _Row(part)).add(excess, part)
    return sorted(rows.values(), key=lambda row: -row.weight)


def _identity(part: Part) -> int | tuple[int, ...]:
    of = part.of
    if isinstance(of, Rebuilt):
        return id(of.retrace)
    return id(of) if isinstance(of, Hazard) else tuple(map(id, of))


def _told(row: _Row) -> str:
    line = row.site.line or row.site.inner
    inner = row.site.inner if line is not row.site.inner else None
    lines = [_source(line) if line else "on no line that is known"]
    if inner is not None and inner != line:
        lines.append(f"    in {_source(inner)}")
    lines.append(f"    {_what(row)}")
    return "\n".join(f"  {plain(text)}" for text in lines)


def _source(place: Place) -> str:
    """``test_x.py:12: t = tf.constant(a)``."""
    if not place.line:
        return place.source
    return f"{place.source}:{place.line}: {place.code}".rstrip(": ")


def _at(site: Site) -> str:
    place = site.inner or site.line
    return f"{place.source}:{place.line}" if place else "on no line that is known"


def _what(row: _Row) -> str:
    if isinstance(row.of, Rebuilt):
        calls, retrace = row.of
        because = f" for argument `{retrace.argument}`" if retrace.argument else ""
        why = f": {retrace.cause}" if retrace.cause else ""
        return f"`{calls.name}` was built again {times(retrace.count)}{because}{why}"
    if isinstance(row.of, Hazard):
        (finding,) = of_hazards(Recording(hazards=[row.of]))
        return finding.what.removeprefix(f"{where(row.site)}: ")
    count = sum(crossing.count for crossing in row.of)
    facts = ", ".join(_facts(row, row.of))
    often = f", {times(count)}" if count > 1 else ""
    return f"{row.of[0].route}{often}: {facts}{_reasons(row, row.of)}"


def _facts(row: _Row, group: tuple[Crossing, ...]) -> Iterator[str]:
    """What the conversions add to each limit that was exceeded, and the dtypes and devices."""
    for name, amount in row.amounts.items():
        limit = LIMITS[name]
        if limit.unit == BYTES:
            yield f"{_least(amount, bytes_text(amount.known))} {limit.noun}"
        elif name in _COUNTED:
            yield _least(amount, counted(amount.known, limit.noun, limit.plural))
    yield from _ends(group)


_COUNTED = ("max_copies", "max_moves")
"""Counts that may differ from how often the conversion happened."""


def _reasons(row: _Row, group: tuple[Crossing, ...]) -> str:
    """Why it copied, in brackets, where that is what was limited."""
    reasons = reasons_text(list(group))
    is_asked = not row.amounts.keys().isdisjoint(("max_copied", "max_copies"))
    return f" ({reasons})" if is_asked and reasons else ""


def _ends(group: tuple[Crossing, ...]) -> Iterator[str]:
    first = group[0]
    if kind_of_move(first.device_from, first.device_to):
        yield arrow(first.device_from, first.device_to)
    if first.cast == "unknown":
        yield f"{first.dtype_from} into an unknown dtype"
    elif first.cast in CASTS:
        yield f"{first.cast} cast {arrow(first.dtype_from, first.dtype_to)}"
        if values := values_text(list(group)):
            yield values
    else:
        yield arrow(first.dtype_from, first.dtype_to)


def _least(amount: Amount, text: str) -> str:
    return f"at least {text}" if amount.unknown else text
