"""Calls of ``tf.function``, and the graphs that it builds for them.

Chokepoints: ``Function._call`` and ``Function._get_concrete_function_garbage_collected``
(tensorflow/python/eager/polymorphic_function/polymorphic_function.py), one of which every
use of a ``tf.function`` goes through; ``_create_concrete_function`` of ``tracing_compilation``
beside it, which builds a graph. Checked on 2.16 and 2.21, where they are the same.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from tfnp_magic.driving.function_calls import FunctionCounter, code_of, counter_of
from tfnp_magic.driving.retraces import UNKNOWN, Difference, differences, nearest
from tfnp_magic.frames.site import stand, users_frame
from tfnp_magic.guards.guard import InteropError
from tfnp_magic.probes.forms import context_differences, forms_of
from tfnp_magic.probes.patch import AttributePatch, among_tensorflows, without_our_frame
from tfnp_magic.probes.reporting import ask
from tfnp_magic.recorder.seen import clock
from tfnp_magic.scope import overhearing

if TYPE_CHECKING:
    from tfnp_magic.driving.function_calls import Entry
    from tfnp_magic.recorder.recorder import Recorder

NAME = "tf.function"

_HOME = "tensorflow.python.eager.polymorphic_function."


def patches() -> list[AttributePatch]:
    """The methods of the class, and the module's function, looked up at each call."""
    function = sys.modules[_HOME + "polymorphic_function"].Function
    compilation = sys.modules[_HOME + "tracing_compilation"]
    return [
        AttributePatch(function, "_call", _around(counts=True)),
        AttributePatch(function, "_get_concrete_function_garbage_collected", _around(counts=False)),
        AttributePatch(compilation, "_create_concrete_function", _around_building),
    ]


class _Here(threading.local):
    """What this thread is doing.

    Attributes
    ----------
    use
        The innermost use of a ``tf.function`` that somebody hears.
    building
        How many graphs are being built, one within another.
    """

    use: _Use | None = None
    building = 0


_here = _Here()

_Told = list[tuple["Recorder", FunctionCounter, "Entry"]]


class _Use:
    """One call of a ``tf.function``, while it runs, or a question for its graph."""

    __slots__ = ("code", "function", "told")

    def __init__(self, function: Any, code: CodeType, told: _Told) -> None:
        self.function, self.code, self.told = function, code, told

    def hearing(self) -> list[Recorder]:
        """Who hears it."""
        return [recorder for recorder, _, _ in self.told]

    def builds(self, options: Any) -> bool:
        """Whether a graph that is built with these options is this function's own."""
        cache = getattr(options, "function_cache", None)
        return cache is not None and cache is getattr(self.function, "_function_cache", None)


def _around(*, counts: bool) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def use(self: Any, *args: Any, **kwargs: Any) -> Any:
            outer = _here.use
            try:
                hearing = overhearing()
                if hearing:
                    _here.use = ask(NAME, hearing, _use, self, sys._getframe(1), hearing, counts)
                return original(self, *args, **kwargs)
            except BaseException as exc:
                without_our_frame(exc)
                raise
            finally:
                _here.use = outer

        return among_tensorflows(use)

    return make


def _use(function: Any, frame: FrameType, hearing: list[Recorder], counts: bool) -> _Use | None:
    code = code_of(function)
    if code is None:
        return None
    inside = _here.building > 0
    told: _Told = []
    for recorder in hearing:
        if recorder.hears(NAME):
            counter = counter_of(recorder)
            with counter.lock:
                entry = counter.entry(recorder, frame, code, inside=inside)
                if counts and not inside:
                    entry.called()
            told.append((recorder, counter, entry))
    return _Use(function, code, told)


def _around_building(original: Any) -> Any:
    def _create_concrete_function(*args: Any, **kwargs: Any) -> Any:
        use = _here.use
        options = kwargs.get("tracing_options", args[3] if len(args) > 3 else None)
        if use is not None and not use.builds(options):
            use = None
        hearing = [] if use is None else use.hearing()
        why = ask(NAME, hearing, _why, use, options, *args[:1]) if use is not None else None
        if use is not None and why is not None and why.found:
            try:
                ask(NAME, hearing, _guard, use, why.found, sys._getframe(1))
            except InteropError as exc:
                without_our_frame(exc)
                raise
        started = clock()
        _here.building += 1
        try:
            made = original(*args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            _here.building -= 1
        if use is not None:
            ask(NAME, hearing, _built, use, why, clock() - started, sys._getframe(1))
        return made

    return among_tensorflows(_create_concrete_function)


def _guard(use: _Use, found: list[Difference], frame: FrameType) -> None:
    """Raise at the user's line if the graph that is new for these reasons is forbidden."""
    for recorder, _, entry in use.told:
        if recorder.guard is not None:
            calls, users = entry.calls, users_frame(stand(frame, recorder.cell_files))
            recorder.guard.meet_retrace(calls.name, calls.site, found, users)


def _built(use: _Use, why: _Why | None, duration_ns: int, frame: FrameType) -> None:
    why = why or _Why([Difference(UNKNOWN)])
    for _, counter, entry in use.told:
        with counter.lock:
            found = why.found
            if why.is_first:
                found = counter.first_of(use.code, why.owner)
            entry.built(found, duration_ns)
        if why.is_first and found:
            _guard(use, found, frame)


class _Why:
    """Why a graph is built: as the function's first, for its Variables, or anew.

    Attributes
    ----------
    found
        What is new about it; None if it is no retrace.
    is_first
        Whether the function had no graph before.
    owner
        Class of the object whose method the function is, then.
    """

    __slots__ = ("found", "is_first", "owner")

    def __init__(
        self,
        found: list[Difference] | None = None,
        *,
        is_first: bool = False,
        owner: str | None = None,
    ) -> None:
        self.found, self.is_first, self.owner = found, is_first, owner


def _why(use: _Use, options: Any, function_type: Any = None) -> _Why:
    """Compare the new graph's type with those that the function has; no value is read."""
    earlier = list(options.function_cache._primary)
    if not earlier:
        return _Why(is_first=True, owner=_owner(use.function))
    context = sys.modules[_HOME + "function_context"].make_function_context(options.scope_type)
    own = use.function._function_type
    new = forms_of(function_type, own)
    found = nearest(
        context_differences(context, before) + differences(new, forms_of(kind, own))
        for before, kind in reversed(earlier)
    )
    if found:
        return _Why(found)
    # The first call traces twice if it made Variables: once to make them, once without.
    if all(before.scope_type != context.scope_type for before, _ in earlier):
        return _Why()
    return _Why([Difference(UNKNOWN)])


def _owner(function: Any) -> str | None:
    """Class of the object that a method was bound to by TensorFlow; None for a function."""
    wrapper = function._python_function
    # AutoGraph puts another function in place of what it converted.
    bound = getattr(wrapper, "__original_wrapped__", getattr(wrapper, "__wrapped__", None))
    target = getattr(bound, "__self__", None)
    owner = getattr(target, "target_class", None)
    return owner.__name__ if isinstance(owner, type) else None
