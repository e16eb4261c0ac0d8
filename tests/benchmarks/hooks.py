"""How much of ours is hooked into TensorFlow and Python."""

from __future__ import annotations

import sys

from tfnp_magic import scope
from tfnp_magic.probes import carriers, probes


def hooks_in_place() -> int:
    """Patches that are in, traces that are open, and hooks of the interpreter's that are taken."""
    taken = [hook for hook in (sys.getprofile(), sys.gettrace()) if hook is not None]
    return len(probes._in) + len(carriers._in) + len(scope._open) + len(taken)


def namespaces() -> dict[tuple[str, str], int]:
    """What stands where conversions pass, to be compared: it must not change by loading."""
    from tensorflow.python import pywrap_tfe
    from tensorflow.python.eager import context
    from tensorflow.python.framework import ops

    owners = (*ops.EagerTensor.__mro__, pywrap_tfe, context.Context)
    return {
        (owner.__name__, name): id(value)
        for owner in owners
        for name, value in vars(owner).items()
        if name != "__annotations__"  # Python makes it anew when somebody asks
    }
