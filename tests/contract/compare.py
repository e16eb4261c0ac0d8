"""Holds what a trace claims of a row against what the oracle measured."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.contract.row import FROM_PY, TO_PY, Row
from tfnp_magic.model import CASTS

EXACT, INFERRED, UNKNOWN, BLIND = "exact", "inferred", "unknown", "blind"

SMALL = 64
"""Bytes of Python's values, and of a library's own, that a recording only counts."""

_MOST_SMALL = 8
"""More small claims than this are not tried in every selection."""

_ALIKE = {"uint8": "int8", "int4": "int8", "uint4": "int8", "qint8": "int8", "quint8": "int8",
          "uint16": "int16", "uint32": "int32", "qint32": "int32", "uint64": "int64"}  # fmt: skip
"""Integers that numbers have the same bytes in: the oracle takes one for the other."""


_BAKED = "baked into the graph"
"""How the reason of a constant begins, whose copies `test_baking` counts another way.

It is copied within messages, too. There the oracle finds it only near the beginning, so that it
counts a few copies less, and how many depends on the lengths of names.
"""


def differences(row: Row, told: dict) -> list[str]:
    """What a trace got wrong, a sentence each; empty for a row that it got right.

    Parameters
    ----------
    told
        The oracle's measurement of the row in one world, with the trace's claims in ``also``.
    """
    if "broken" in told or "broken" in told["also"]:
        return [f"broken: {told.get('broken') or told['also']['broken']}"]
    found = [f"lost: {text}" for text in told["also"]["lost"]]
    for direction in sorted(set(row.crosses.values())):
        names = [name for name, way in row.crosses.items() if way == direction]
        measured = {name: told["crossed"][name] for name in names}
        claims = [c for c in told["also"]["crossings"] if c["direction"] == direction]
        found += _of_direction(row, direction, measured, claims)
    extra = {c["direction"] for c in told["also"]["crossings"]} - set(row.crosses.values())
    found += [
        f"claims {c['route']} {c['direction']} of {c['nbytes']} bytes"
        for c in told["also"]["crossings"]
        if c["direction"] in extra and _is_large(c)
    ]
    return found


def _of_direction(row: Row, direction: str, measured: dict, claims: list[dict]) -> Iterator[str]:
    if not claims:
        # What is small, and asked for by nobody, is counted and not listed.
        if any((one["nbytes"] or 0) > SMALL or one["nbytes"] is None for one in measured.values()):
            yield f"{direction}: not seen"
        return
    claims = _without_companions(row, direction, measured, claims)
    yield from _of_counts(row, direction, measured, claims)
    yield from _of_copies(direction, measured, claims)
    yield from _of_aliases(direction, measured, claims)
    yield from _of_casts(row, direction, measured, claims)
    lines = {claim["line"] for claim in claims} - {None}
    if lines - {row.line}:
        yield f"{direction}: line {lines}, not {row.line}"


def _of_counts(row: Row, direction: str, measured: dict, claims: list[dict]) -> Iterator[str]:
    count = _count(row, measured)
    claimed = sum(claim["count"] for claim in claims)
    if claimed != count and not _is_one_of_many(measured, claimed):
        yield f"{direction}: {claimed} conversions, not {count}"
    if direction == FROM_PY:
        yield from _of_python_sizes(measured, claims)
        return
    nbytes, said = _nbytes(row, measured), _total((claim["nbytes"], 1) for claim in claims)
    if nbytes is not None and said is not None and said != nbytes:
        yield f"{direction}: {said} bytes, not {nbytes}"


def _of_python_sizes(measured: dict, claims: list[dict]) -> Iterator[str]:
    """Python numbers have no bytes: claimed are the tensor's, which a copy of them shows."""
    buffers = [buffer for one in measured.values() for buffer in one["buffers"] or ()]
    sizes = {buffer["nbytes"] for buffer in buffers}
    if any(buffer["layout"] == "packed" for buffer in buffers):
        sizes.add(_total((buffer["nbytes"], 1) for buffer in buffers))
    for claim in claims:
        if sizes and claim["nbytes"] is not None and claim["nbytes"] / claim["count"] not in sizes:
            yield f"{FROM_PY}: {claim['nbytes']} bytes; made were {sorted(sizes)}"


def _of_copies(direction: str, measured: dict, claims: list[dict]) -> Iterator[str]:
    at_most = any(one["at_most"] for one in measured.values())
    at_least = any(claim["reason"].startswith(_BAKED) for claim in claims)
    together = sum(claim["count"] for claim in claims) == 1
    of_all = {
        "copied_bytes": _total((one["copied_bytes"], 1) for one in measured.values()),
        "copies": _copies(measured, together),
    }
    for what, told in of_all.items():
        said = _total((claim[what], 1) for claim in claims)
        if told is None or said is None or said == told or (at_most and said < told):
            continue
        if at_least and said > told:
            continue
        yield f"{direction}: {what} {said}, not {'more than ' if at_most else ''}{told}"


def _copies(measured: dict, together: bool) -> int | None:
    """How many copies were made of the operands.

    A buffer that holds several of them is one copy of what one conversion put together, but
    one of each where each was converted.
    """
    copies = _total((one["copies"], 1) for one in measured.values())
    if copies is None or not together:
        return copies
    packed = [
        sum(buffer["layout"] == "packed" for buffer in one["buffers"]) for one in measured.values()
    ]
    return copies - sum(packed) + max(packed)


def _is_one_of_many(measured: dict, claimed: int) -> bool:
    """Whether several operands became one tensor: a list of arrays is one conversion."""
    return claimed == 1 and len(measured) > 1


def _of_aliases(direction: str, measured: dict, claims: list[dict]) -> Iterator[str]:
    """The result may be another value than the converted one: a view need not show in it."""
    aliased = any(one["aliased"] and one["shape"] != [] for one in measured.values())
    shares = [c for c in claims if c["storage"] == "view" and c["evidence"] == "observed"]
    may_share = [c for c in claims if c["storage"] in ("view", "unknown")]
    if aliased and not may_share:
        yield f"{direction}: it shares memory; claimed is a copy"
    if _total((one["copies"], 1) for one in measured.values()) == 0 and not may_share:
        yield f"{direction}: claimed is a copy; none was made"
    is_copied = any(one["copies"] and not one["at_most"] for one in measured.values())
    if direction != TO_PY and shares == claims and is_copied and not aliased:
        yield f"{direction}: claimed to share memory; it was copied"


def _of_casts(row: Row, direction: str, measured: dict, claims: list[dict]) -> Iterator[str]:
    casts = {one["cast"] for one in measured.values()} - {None}
    claimed = {claim["dtype_to"] for claim in claims if _shows(claim)}
    if direction not in (TO_PY, FROM_PY) and not _is_unmeasured(measured):
        at_most = any(one["at_most"] for one in measured.values())
        expected, said = (set(map(_alike, names)) for names in (casts, claimed))
        if any(claim["cast"] == "unknown" for claim in claims):
            return
        if said != expected and not (at_most and said < expected):
            yield f"{direction}: cast to {claimed or 'nothing'}, not {casts or 'nothing'}"
            return
    for claim in claims:
        if claim["cast"] in CASTS and (claim["cast"] == "explicit") != row.asked:
            yield f"{direction}: the cast is claimed {claim['cast']}"
    changed = {one["values_changed"] for one in measured.values()} - {None}
    said = {c["values_changed"] for c in claims if c["cast"] in CASTS} - {None}
    if casts and casts == claimed and said and any(changed) != any(said):
        yield f"{direction}: values changed {said}, not {changed}"


def _shows(claim: dict) -> bool:
    """Whether a claimed cast gives other bytes, so that the oracle can see it."""
    if claim["cast"] not in CASTS:
        return False
    before, after = _alike(claim["dtype_from"]), _alike(claim["dtype_to"])
    return before != after and (before, after) != ("bool", "int8")


def _alike(dtype: str) -> str:
    """One name for all dtypes that the oracle cannot tell apart."""
    return _ALIKE.get(dtype, dtype)


def _is_unmeasured(measured: dict) -> bool:
    return any(one["copies"] is None for one in measured.values())


def _without_companions(row: Row, direction: str, measured: dict, claims: list[dict]) -> list[dict]:
    """Without small values that came along (an axis, a shape) and that the row does not name.

    They are left out only where the figures fit only without them.
    """
    small = [claim for claim in claims if not _is_large(claim)]
    large = [claim for claim in claims if _is_large(claim)]
    for kept in _selections(small):
        chosen = [*large, *kept]
        if chosen and _fits(row, direction, measured, chosen):
            return chosen
    return claims


def _selections(small: list[dict]) -> Iterator[tuple[dict, ...]]:
    """The most first: all of them, and then fewer and fewer."""
    sizes = range(len(small), -1, -1) if len(small) <= _MOST_SMALL else (len(small), 0)
    for size in sizes:
        yield from itertools.combinations(small, size)


def _fits(row: Row, direction: str, measured: dict, claims: list[dict]) -> bool:
    return not [*_of_counts(row, direction, measured, claims)]


def _count(row: Row, measured: dict) -> int:
    return sum(row.counts.get(name, 1) for name in measured)


def _nbytes(row: Row, measured: dict) -> int | None:
    return _total((one["nbytes"], row.counts.get(name, 1)) for name, one in measured.items())


def _is_large(claim: dict) -> bool:
    return claim["nbytes"] is None or claim["nbytes"] > SMALL * claim["count"]


def _total(parts) -> int | None:
    total = 0
    for part, count in parts:
        if part is None:
            return None
        total += part * count
    return total


def standing(row: Row, told: dict) -> str:
    """How sure the trace is of a row that it got right: exact, inferred or unknown."""
    claims = [c for c in told["also"]["crossings"] if c["direction"] in row.crosses.values()]
    if any(c["storage"] == "unknown" or c["copied_bytes"] is None for c in claims):
        return UNKNOWN
    if any("inferred" in (c["evidence"], c["cast_evidence"]) for c in claims):
        return INFERRED
    return EXACT
