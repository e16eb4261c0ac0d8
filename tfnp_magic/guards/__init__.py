"""Guards: what is forbidden raises at the user's line, or warns there, or stops in the debugger.

`rules` reads what the user wrote, `violations` says which kinds one conversion is of, `guard`
acts, `allowing` is `tfnp_magic.allow`, and `debugging` stops in IPython's debugger.
"""

from __future__ import annotations

from tfnp_magic.guards.allowing import allow
from tfnp_magic.guards.guard import Guard, InteropError, InteropWarning
from tfnp_magic.guards.rules import FORBID, KINDS, STOP, WARN, GuardError, rules_of

__all__ = [
    "FORBID", "KINDS", "STOP", "WARN", "Guard", "GuardError", "InteropError", "InteropWarning",
    "allow", "rules_of",
]  # fmt: skip
