"""Memory in bytes, of what a recorder holds and of what our files allocated."""

from __future__ import annotations

import contextlib
import gc
import sys
import tracemalloc
import types
from pathlib import Path

import tfnp_magic

_OURS = tracemalloc.Filter(True, str(Path(tfnp_magic.__file__).parent / "*"))

_NOT_HELD = (type, types.ModuleType, types.CodeType, types.FunctionType, types.FrameType)


def held_by(recorder):
    """Bytes of everything that a recorder leads to, but for code and its namespaces."""
    seen, waiting, total = set(), [recorder], 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or issubclass(type(thing), _NOT_HELD):
            continue
        if type(thing) is dict and "__builtins__" in thing:
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        waiting += gc.get_referents(thing)
    return total


@contextlib.contextmanager
def allocations():
    """Give a function that says how many bytes are allocated at present: by us, and in all."""

    def now():
        gc.collect()
        ours = tracemalloc.take_snapshot().filter_traces([_OURS])
        return sum(trace.size for trace in ours.traces), tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        yield now
    finally:
        tracemalloc.stop()
