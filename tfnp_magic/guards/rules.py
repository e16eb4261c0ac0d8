"""What a user forbids, wants to be warned of, or to stop at: ``copy>1MB``, ``cast:implicit``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from tfnp_magic.sizes import SizeError, nbytes_of

MOVES = ("host-to-device", "device-to-host", "device-to-device")
"""Between the memory of the host and of devices, as it is counted: a mirror moves nothing."""

KINDS = ("copy", "cast", "silent-cast", *MOVES, "alias", "retrace", "baked-constant")
"""What can be guarded; ``move`` stands for all `MOVES`, ``any`` for all kinds.

``copy``
    Bytes that a conversion wrote to make copies.
``cast``, ``silent-cast``
    A conversion with another dtype at its end; ``silent-cast`` where nobody asked for it.
``host-to-device``, ``device-to-host``, ``device-to-device``
    Bytes that went from one memory to another.
``alias``
    Memory that a writable array and a tensor share.
``retrace``
    A graph that a ``tf.function`` builds though it has one; bytes are not known of it.
``baked-constant``
    An array that becomes a constant in a graph.
"""

GROUPS = {"move": MOVES, "any": KINDS}

LATE = frozenset({"copy", "alias"})
"""Kinds that may show only when the line has gone on: whether a reader kept what it looked at."""

FORBID, WARN, STOP = "forbid", "warn", "pdb"
"""What to do where a rule applies: raise, warn, or stop in the debugger."""

_RULE = re.compile(
    r"(?P<kind>[a-z-]+)(?::(?P<only>[a-z]+))?(?:\s*(?P<sign>>=?)\s*(?P<size>.+))?", re.IGNORECASE
)


class GuardError(ValueError):
    """A rule that cannot be read; the message is one sentence for the user."""


class Rule(NamedTuple):
    """One kind that is guarded.

    Attributes
    ----------
    action
        `FORBID`, `WARN` or `STOP`.
    kind
        One of `KINDS`.
    only_implicit
        Whether what the user asked for on the line is let pass.
    more_than
        Bytes of one conversion above which it applies; None if it applies whatever they are,
        but not to what is too small to be listed (`Recording.housekeeping`).
    text
        The rule as the user wrote it.
    """

    action: str
    kind: str
    only_implicit: bool
    more_than: int | None
    text: str

    def applies(self, nbytes: int | None, *, explicit: bool, small: bool) -> bool:
        """Whether it applies to so many bytes; of unknown bytes, to be safe, it does."""
        if (self.only_implicit and explicit) or (small and self.more_than is None):
            return False
        return self.more_than is None or nbytes is None or nbytes > self.more_than


def rules_of(action: str, texts: str | Iterable[str]) -> tuple[Rule, ...]:
    """Read rules: ``"copy>1MB"``, or several of them, also separated by commas.

    Parameters
    ----------
    action
        `FORBID`, `WARN` or `STOP`.
    texts
        Each one ``KIND``, ``KIND:implicit``, ``KIND>SIZE`` or ``KIND:implicit>SIZE``.

    Raises
    ------
    GuardError
        For an unknown kind, a size that is none, and anything else.
    """
    texts = [texts] if isinstance(texts, str) else list(texts)
    parts = [part.strip() for text in texts for part in str(text).strip("'\"").split(",")]
    return tuple(rule for part in parts if part for rule in _read(action, part))


def kinds_of(texts: Iterable[str]) -> frozenset[str]:
    """Kinds by their names, those of groups included.

    Raises
    ------
    GuardError
        For an unknown kind.
    """
    return frozenset(kind for text in texts for kind in _kinds(text))


def _read(action: str, text: str) -> list[Rule]:
    match = _RULE.fullmatch(text)
    if match is None:
        raise GuardError(f"{text!r} is no rule: write a kind, as in `copy`, `copy>1MB`, "
                         "`cast:implicit`")  # fmt: skip
    kinds = _kinds(match["kind"])
    only = (match["only"] or "").lower()
    if only not in ("", "implicit"):
        raise GuardError(f"{text!r}: behind the colon stands `implicit`, and not `{only}`")
    more_than = None if match["size"] is None else _more_than(text, match["sign"], match["size"])
    return [Rule(action, kind, bool(only), more_than, text) for kind in kinds]


def _more_than(text: str, sign: str, size: str) -> int:
    try:
        nbytes = nbytes_of(size.strip())
    except SizeError as error:
        raise GuardError(f"{text!r}: {error}") from None
    return nbytes if sign == ">" else nbytes - 1


def _kinds(name: str) -> tuple[str, ...]:
    name = name.strip().lower()
    if name in KINDS:
        return (name,)
    if name in GROUPS:
        return GROUPS[name]
    known = ", ".join((*KINDS, *GROUPS))
    raise GuardError(f"{name!r} is no kind that can be guarded: they are {known}")
