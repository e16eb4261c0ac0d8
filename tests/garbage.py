"""Collecting garbage without callbacks: Hypothesis has one, to measure how long it takes."""

from __future__ import annotations

import contextlib
import gc


@contextlib.contextmanager
def unheard():
    """Nobody's Python code runs when a collection begins or ends.

    In it an interrupt would be lost, or it would itself meet the recursion limit.
    """
    others, gc.callbacks[:] = list(gc.callbacks), []
    try:
        yield
    finally:
        gc.callbacks[:] = others
