"""What a trace does where something happens that its rules name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from tfnp_magic import interrupts
from tfnp_magic.guards.allowing import is_allowed
from tfnp_magic.guards.rules import FORBID, LATE, STOP, WARN, Rule
from tfnp_magic.guards.violations import Met, Violation, in_graph, retrace_of, violations_of
from tfnp_magic.views.wording import plain

if TYPE_CHECKING:
    from tfnp_magic.driving.retraces import Difference
    from tfnp_magic.frames.route import Route
    from tfnp_magic.model import Crossing, Site, Verdict
    from tfnp_magic.recorder.seen import Seen


class InteropError(Exception):
    """A conversion that a trace forbids, raised at its line before its result is used.

    Its message says what happened, with line and figures, and what to do. AutoGraph, in whose
    functions it is raised, makes another of the same class and keeps this one as its context;
    both have the same attributes.

    Attributes
    ----------
    kind
        One of `tfnp_magic.guards.KINDS`; empty where several came together.
    crossing
        The conversion, as a `Crossing` that counts it alone; None for a retrace.
    site
        Where it happened.
    """

    # No `__init__`: AutoGraph makes new ones only of classes that have none of their own
    # (`_ErrorMetadata.create_exception`, tensorflow/python/autograph/pyct/error_utils.py).
    _details: tuple[str, Crossing | None, Site | None] | None = None

    @classmethod
    def of(
        cls, message: str, kind: str, crossing: Crossing | None, site: Site | None
    ) -> InteropError:
        """One with all that is known of it."""
        error = cls(message)
        error._details = kind, crossing, site
        return error

    @property
    def kind(self) -> str:
        """What it is, by its kind."""
        return self._told()[0]

    @property
    def crossing(self) -> Crossing | None:
        """What crossed."""
        return self._told()[1]

    @property
    def site(self) -> Site | None:
        """Where it happened."""
        return self._told()[2]

    def _told(self) -> tuple[str, Crossing | None, Site | None]:
        error: BaseException | None = self
        while error is not None:
            if isinstance(error, InteropError) and error._details is not None:
                return error._details
            error = error.__cause__ or error.__context__
        return "", None, None


class InteropWarning(UserWarning):
    """A conversion that a trace was asked to warn of."""


Stop = Callable[[FrameType, "Crossing | None", str], None]
"""Stops at a frame of the user's, with the conversion and what is said of it."""


class Guard:
    """The rules of one trace.

    Parameters
    ----------
    rules
        From `tfnp_magic.guards.rules_of`.
    stop
        Stops in a debugger; needed where one of the rules says so.
    source
        Text of the traced cell.
    """

    def __init__(self, rules: Iterable[Rule], stop: Stop | None = None, source: str = "") -> None:
        order = (STOP, WARN, FORBID)
        self._rules = sorted(rules, key=lambda rule: order.index(rule.action))
        self._stop, self._source = stop, source
        self._kinds = {rule.kind for rule in self._rules}

    def meet(
        self,
        site: Site,
        route: Route,
        seen: Seen,
        verdict: Verdict,
        frame: FrameType | None,
        *,
        small: bool = False,
    ) -> str | None:
        """Act on one conversion, by the user's line that `frame` is at.

        Parameters
        ----------
        site, route, seen, verdict
            Where, how and what it was.
        frame
            The user's innermost; None where that is gone, so that nothing can be raised there.
        small
            Whether it is only counted; see `Recording.housekeeping`.

        Returns
        -------
        str or None
            What was forbidden, where that cannot be raised.

        Raises
        ------
        InteropError
            If it is forbidden.
        """
        met = Met(site, route, seen, verdict)
        for violation in violations_of(met, self._kinds, self._source):
            for rule in self._applying(violation, small=small):
                told = self._act(rule, violation, met.crossing(), site, frame)
                if told:
                    return told
        return None

    def meet_late(self, site: Site, route: Route, seen: Seen, verdict: Verdict) -> list[str]:
        """The same of a look whose storage shows only when its line has gone on: what is forbidden.

        Warnings are given; nothing is raised, and nothing stops.
        """
        met = Met(site, route, seen, verdict)
        return self._told(violations_of(met, self._kinds & LATE, self._source), site)

    def meet_in_graphs(self, crossings: Iterable[Crossing]) -> list[str]:
        """The same of what graphs did, as the profiler tells it when the trace is over."""
        return [
            text for crossing in crossings for text in self._told(in_graph(crossing), crossing.site)
        ]

    def _told(self, violations: Iterable[Violation], site: Site) -> list[str]:
        """What is forbidden of this, by a line that has gone on."""
        told = (
            self._act(rule, violation, None, site, None)
            for violation in violations
            for rule in self._applying(violation, small=False)
        )
        return [text for text in told if text]

    def meet_retrace(
        self, name: str, site: Site, found: list[Difference], frame: FrameType | None
    ) -> None:
        """The same of a graph that will be built, or was, though the function has one.

        Parameters
        ----------
        name, found
            The function's, and what is new about its graph.

        Raises
        ------
        InteropError
            If it is forbidden.
        """
        violation = retrace_of(name, site, found)
        for rule in self._applying(violation, small=False):
            self._act(rule, violation, None, site, frame)

    def _applying(self, violation: Violation, *, small: bool) -> Sequence[Rule]:
        """Rules for it, the one that raises last."""
        if violation.kind not in self._kinds or is_allowed(violation.kind):
            return ()
        return [
            rule
            for rule in self._rules
            if rule.kind == violation.kind
            and rule.applies(violation.nbytes, explicit=violation.explicit, small=small)
        ]

    def _act(
        self,
        rule: Rule,
        violation: Violation,
        crossing: Crossing | None,
        site: Site,
        frame: FrameType | None,
    ) -> str | None:
        text = _text(rule, violation)
        if rule.action == STOP:
            if frame is not None and self._stop is not None:
                self._stop(frame, crossing, text)
        elif rule.action == WARN:
            _warn(text, frame)
        elif frame is None:
            return text
        else:
            _raise(InteropError.of(text, violation.kind, crossing, site))
        return None


def _text(rule: Rule, violation: Violation) -> str:
    said = plain(f"{violation.what}. {violation.instead}".rstrip())
    if rule.action != FORBID:
        return said
    return (
        f"{said} It is forbidden here (`{rule.text}`); where it is meant, put "
        f'`with tfnp_magic.allow("{violation.kind}"):` around it.'
    )


def _raise(error: InteropError) -> None:
    raise error


def _warn(text: str, frame: FrameType | None) -> None:
    """Warn at the user's line: as often as the filters let it, an error if they say so."""
    if frame is None:
        warnings.warn(text, InteropWarning, stacklevel=2)
        return
    code, names = frame.f_code, frame.f_globals
    warnings.warn_explicit(
        text,
        InteropWarning,
        code.co_filename,
        frame.f_lineno,
        names.get("__name__"),
        names.setdefault("__warningregistry__", {}),
    )


# What these raise is the user's, and goes through our probes untouched.
interrupts.carriers.update({_raise.__code__, _warn.__code__})
