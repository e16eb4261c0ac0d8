"""Loading into a shell, and leaving it without a trace."""

from __future__ import annotations

import dataclasses
import weakref
from typing import Any

_MAGICS = ("interop_trace", "tfnp_whos")


@dataclasses.dataclass
class _Loaded:
    """What one shell was given, to be taken back by identity."""

    tracer: Any
    magics: Any
    matcher: Any
    progress: Any


_shells: weakref.WeakKeyDictionary[Any, _Loaded] = weakref.WeakKeyDictionary()


def load(shell: Any) -> None:
    """Give the shell its magics, transformer, callbacks and completions; once."""
    from tfnp_magic import progress
    from tfnp_magic.magics import InteropMagics, option_matcher
    from tfnp_magic.showing import opener_of

    unload(shell)
    magics = InteropMagics(shell)
    shell.register_magics(magics)
    tracer = magics.tracer
    shell.input_transformers_cleanup.append(tracer.rewrite)
    shell.events.register("post_execute", tracer.after_execute)
    shell.events.register("post_run_cell", tracer.after_cell)
    # Behind the tracer's: what a cell's own magic recorded counts once that has ended.
    shell.events.register("post_execute", magics.session.after_execute)
    shell.events.register("post_run_cell", magics.session.after_cell)
    shell.configurables.append(magics.defaults)
    if shell.Completer is not None:
        shell.Completer.custom_matchers.append(option_matcher)
    opener = opener_of(shell)
    progress.show_through(opener)
    _shells[shell] = _Loaded(tracer, magics, option_matcher, opener)


def unload(shell: Any) -> None:
    """Take it all back; a trace that runs is ended and shown. Nothing if not loaded."""
    state = _shells.pop(shell, None)
    if state is None:
        return
    try:
        try:
            state.tracer.finish()
        finally:
            state.magics.session.finish()
    finally:
        _take_back(shell, state)


def _take_back(shell: Any, state: _Loaded) -> None:
    from tfnp_magic import progress

    tracer = state.tracer
    progress.show_no_more(state.progress)
    _discard(shell.input_transformers_cleanup, tracer.rewrite)
    shell.events.unregister("post_execute", tracer.after_execute)
    shell.events.unregister("post_run_cell", tracer.after_cell)
    shell.events.unregister("post_execute", state.magics.session.after_execute)
    shell.events.unregister("post_run_cell", state.magics.session.after_cell)
    _discard(shell.configurables, state.magics.defaults)
    if shell.Completer is not None:
        _discard(shell.Completer.custom_matchers, state.matcher)
    _discard(shell.configurables, state.magics)
    _forget_magics(shell.magics_manager, state.magics)


def _forget_magics(manager: Any, magics: Any) -> None:
    if manager.registry.get(type(magics).__name__) is magics:
        del manager.registry[type(magics).__name__]
    for table in manager.magics.values():
        for name in _MAGICS:
            if getattr(table.get(name), "__self__", None) is magics:
                del table[name]


def _discard(items: list[Any], item: Any) -> None:
    if item in items:
        items.remove(item)
