"""What a test left open is ended behind it, so that no other fails for it."""

from __future__ import annotations

import sys


def end_traces():
    """End all traces that are open, and take their probes out."""
    from tfnp_magic import scope
    from tfnp_magic.probes import probes

    for left in scope._open:
        left.leave()
        probes.release(left.token)


def mend_packages():
    """Give packages their submodules that an interrupted import left in `sys.modules` alone.

    Python makes a module known before it sets it in its package (`_find_and_load_unlocked` of
    Lib/importlib/_bootstrap.py); after an interrupt between the two, `import` does not mend it,
    and pytest's ``monkeypatch.setattr`` by a dotted name fails.
    """
    for name, module in list(sys.modules.items()):
        parent, _, child = name.rpartition(".")
        if parent.startswith("tfnp_magic") and child not in vars(sys.modules[parent]):
            setattr(sys.modules[parent], child, module)
