"""Which guarded kinds one conversion is of, and what to say of it."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import TYPE_CHECKING, NamedTuple

from tfnp_magic.advice import findings
from tfnp_magic.advice.finding import where
from tfnp_magic.advice.graphs import instead_of_retracing
from tfnp_magic.driving.retraces import Difference, Reasons
from tfnp_magic.figures import bytes_text
from tfnp_magic.guards.rules import MOVES
from tfnp_magic.model import CASTS, GRAPH, Crossing, Site, Verdict, kind_of_move
from tfnp_magic.recorder.ledger import count, crossing_of
from tfnp_magic.recording import Recording

if TYPE_CHECKING:
    from tfnp_magic.activity import Retrace
    from tfnp_magic.frames.route import Route
    from tfnp_magic.recorder.seen import Seen


class Met(NamedTuple):
    """One conversion, when it has just happened."""

    site: Site
    route: Route
    seen: Seen
    verdict: Verdict

    def crossing(self) -> Crossing:
        """It alone, as a crossing."""
        crossing = crossing_of(self.site, self.route, self.seen, self.verdict)
        count(crossing, self.seen, self.verdict)
        return crossing


class Violation(NamedTuple):
    """A kind that a conversion is of.

    Attributes
    ----------
    kind
        One of `tfnp_magic.guards.rules.KINDS`.
    nbytes
        Bytes that count for a threshold; None if not known.
    explicit
        Whether the user asked for it on the line.
    what, instead
        What happened, as a sentence without its end, and what to write in its place.
    """

    kind: str
    nbytes: int | None
    explicit: bool
    what: str
    instead: str = ""


def violations_of(met: Met, kinds: Set[str], source: str = "") -> Iterator[Violation]:
    """Those of some kinds that a conversion is of, with what is said of each.

    Parameters
    ----------
    kinds
        The ones that are asked for.
    source
        Text of the traced cell, which advice may quote.
    """
    if kinds & {"copy", "alias", "baked-constant"}:
        yield from _of_storage(met)
    if kinds & {"cast", "silent-cast"}:
        yield from _of_cast(met, source)
    if kinds & set(MOVES):
        yield from _of_move(met)


def retrace_of(name: str, site: Site, found: list[Difference]) -> Violation:
    """That a graph of this function is built, though it has one; for these differences."""
    told: list[Retrace] = []
    Reasons(told).add(found, 0)
    (retrace,) = told
    because = f"because of argument `{retrace.argument}`: " if retrace.argument else ""
    what = f"{where(site)}: `{name}` is traced again, {because}{retrace.cause}"
    return Violation("retrace", None, False, what, instead_of_retracing(retrace))


def in_graph(crossing: Crossing) -> Iterator[Violation]:
    """The same of what a graph did, which is told when the trace is over."""
    at = f"{where(crossing.site)}: {crossing.route} in a graph"
    explicit = crossing.explicit
    if crossing.cast in CASTS:
        unasked = "silently " if crossing.cast == "silent" else ""
        what = f"{at} {unasked}cast {crossing.dtype_from} to {crossing.dtype_to}"
        yield Violation("cast", crossing.nbytes, explicit, what)
        if crossing.cast == "silent":
            yield Violation("silent-cast", crossing.nbytes, False, what)
    kind = kind_of_move(crossing.device_from, crossing.device_to)
    if kind and crossing.moved_bytes != 0:
        much = "data" if crossing.moved_bytes is None else bytes_text(crossing.moved_bytes)
        what = f"{at} moved {much} from {crossing.device_from} to {crossing.device_to}"
        yield Violation(kind.replace(" ", "-"), crossing.moved_bytes, explicit, what)


def _of_storage(met: Met) -> Iterator[Violation]:
    seen, storage = met.seen, met.verdict.storage
    explicit = met.route.explicit
    if seen.device_to == GRAPH:
        what = f"{_at(met)} baked {bytes_text(seen.nbytes)} into a graph as a constant"
        instead = "Pass it to the function as an argument, or make it a `tf.Variable` outside."
        yield Violation("baked-constant", seen.nbytes, explicit, what, instead)
    elif storage.copied_bytes:
        what = f"{_at(met)} copied {bytes_text(storage.copied_bytes)} ({storage.reason})"
        yield Violation("copy", storage.copied_bytes, explicit, what)
    if seen.shared is not None and not storage.copied_bytes:
        what = f"{_at(met)} shares {bytes_text(seen.nbytes)} with a writable array"
        yield Violation("alias", seen.nbytes, explicit, what, "Copy one of them, on purpose.")


def _of_cast(met: Met, source: str) -> Iterator[Violation]:
    cast, seen = met.verdict.cast, met.seen
    if cast.kind not in CASTS:
        return
    is_silent = cast.kind == "silent"
    unasked = "silently " if is_silent else ""
    what = f"{_at(met)} {unasked}cast {seen.dtype_from} to {seen.dtype_to}"
    instead = ""
    told = findings(Recording(source=source, ledger=[met.crossing()])) if is_silent else []
    for finding in told:
        if finding.kind == "cast":
            what, instead = finding.what.rstrip("."), finding.instead
            break
    yield Violation("cast", seen.nbytes, not is_silent, what, instead)
    if is_silent:
        yield Violation("silent-cast", seen.nbytes, False, what, instead)


def _of_move(met: Met) -> Iterator[Violation]:
    move = met.verdict.move
    kind = kind_of_move(move.device_from, move.device_to)
    if not kind or move.nbytes == 0:
        return
    much = "data" if move.nbytes is None else bytes_text(move.nbytes)
    what = f"{_at(met)} moved {much} from {move.device_from} to {move.device_to}"
    yield Violation(kind.replace(" ", "-"), move.nbytes, met.route.explicit, what)


def _at(met: Met) -> str:
    return f"{where(met.site)}: {met.route.name}"
