"""Loading into a shell, and leaving it without a trace."""

from __future__ import annotations

import dataclasses
import weakref
from typing import Any

from tfnp_magic.interrupts import insist

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
    from tfnp_magic.shell.magics import InteropMagics, option_matcher
    from tfnp_magic.shell.showing import opener_of

    unload(shell)
    opener = opener_of(shell)
    magics = InteropMagics(shell)
    state = _Loaded(magics.tracer, magics, option_matcher, opener)
    # First of all: whatever happens from here on, `unload` finds what to take back.
    _shells[shell] = state
    try:
        _give(shell, state)
    except BaseException:  # an interrupt: all or nothing
        insist(unload, shell)
        raise


def _give(shell: Any, state: _Loaded) -> None:
    from tfnp_magic import progress

    tracer, magics = state.tracer, state.magics
    shell.register_magics(magics)
    shell.input_transformers_cleanup.append(tracer.rewrite)
    for event, callback in _callbacks(state):
        shell.events.register(event, callback)
    shell.configurables.append(magics.defaults)
    if shell.Completer is not None:
        shell.Completer.custom_matchers.append(state.matcher)
    progress.show_through(state.progress)


def unload(shell: Any) -> None:
    """Take it all back; a trace that runs is ended and shown. Nothing if not loaded."""
    state = _shells.get(shell)
    if state is not None:
        # However many interrupts come: no trace may stay open, and nothing of ours stays in.
        insist(_leave, shell, state)


def _leave(shell: Any, state: _Loaded) -> None:
    """End its traces and take all of it back, which may be repeated."""
    try:
        try:
            state.tracer.finish()
        finally:
            state.magics.session.finish()
    finally:
        _take_back(shell, state)
        _shells.pop(shell, None)


def _take_back(shell: Any, state: _Loaded) -> None:
    from tfnp_magic import progress

    progress.show_no_more(state.progress)
    _discard(shell.input_transformers_cleanup, state.tracer.rewrite)
    for event, callback in _callbacks(state):
        _discard(shell.events.callbacks[event], callback)
    _discard(shell.configurables, state.magics.defaults)
    if shell.Completer is not None:
        _discard(shell.Completer.custom_matchers, state.matcher)
    _discard(shell.configurables, state.magics)
    _forget_magics(shell.magics_manager, state.magics)


def _callbacks(state: _Loaded) -> list[tuple[str, Any]]:
    tracer, session = state.tracer, state.magics.session
    return [
        ("pre_execute", tracer.before_execute),
        ("post_execute", tracer.after_execute),
        ("post_run_cell", tracer.after_cell),
        # Behind the tracer's: what a cell's own magic recorded counts once that has ended.
        ("post_execute", session.after_execute),
        ("post_run_cell", session.after_cell),
    ]


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
