"""Regions in which what is guarded elsewhere is let pass."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType

from tfnp_magic.guards.rules import KINDS, kinds_of

_allowed: ContextVar[frozenset[str]] = ContextVar("tfnp_magic_allowed", default=frozenset())


class allow:  # noqa: N801 - used like a function: `with tfnp_magic.allow("copy"):`
    """Let conversions of some kinds pass in a ``with`` block, whatever a trace forbids.

    It holds for this thread and task: what others do meanwhile is guarded as before, also the
    work that this block hands to them. Blocks may be nested; an inner one adds its kinds.

    Parameters
    ----------
    kinds
        Any of `tfnp_magic.guards.KINDS` (``"copy"``, ``"silent-cast"``, …), ``"move"`` for
        moves in any direction, or ``"any"``; all kinds, if none is given. Without sizes.

    Raises
    ------
    GuardError
        For an unknown kind.

    Examples
    --------
    >>> import tfnp_magic
    >>> with tfnp_magic.allow("device-to-host"):
    ...     pass
    """

    def __init__(self, *kinds: str) -> None:
        self._kinds = kinds_of(kinds) if kinds else frozenset(KINDS)
        self._before: list[Token[frozenset[str]]] = []

    def __enter__(self) -> None:
        self._before.append(_allowed.set(_allowed.get() | self._kinds))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _allowed.reset(self._before.pop())


def is_allowed(kind: str) -> bool:
    """Whether conversions of this kind pass, here and now."""
    return kind in _allowed.get()
