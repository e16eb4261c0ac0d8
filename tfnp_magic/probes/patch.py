"""One attribute of one owner, swapped while a trace runs and given back as found."""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

from tfnp_magic.frames.site import AMONG_TENSORFLOWS, is_own
from tfnp_magic.guards.guard import InteropError
from tfnp_magic.tracebacks import raise_again_from

_Function = TypeVar("_Function", bound=Any)

ABSENT: Final = object()
"""Stands for an attribute that the owner only inherited: giving back means deleting."""


class ForeignPatchWarning(RuntimeWarning):
    """Someone else patched a chokepoint over ours; theirs was left in place."""


class AttributePatch:
    """Swap ``owner.name`` for what ``make(original)`` returns.

    Parameters
    ----------
    owner
        A class or a module.
    name
        The attribute; it may be the owner's own or inherited.
    make
        Called with the attribute as found; returns what stands there meanwhile.

    Raises
    ------
    AttributeError
        From `on`, when the owner has no such attribute: this version of
        TensorFlow lacks the chokepoint.
    """

    def __init__(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        self.owner, self.name, self._make = owner, name, make
        self._original: Any = ABSENT
        self._found: Any = ABSENT
        self._put: Any = ABSENT

    def on(self) -> None:
        """Put ours in; the owner's own ``__dict__`` decides what giving back means."""
        original = getattr(self.owner, self.name)
        if isinstance(self.owner, type) and not _has(self.owner, self.name):
            raise AttributeError(f"{_name_of(self.owner)} has no attribute {self.name!r}")
        self._original, self._found = original, vars(self.owner).get(self.name, ABSENT)
        self._put = self._make(original)
        setattr(self.owner, self.name, self._put)

    def off(self) -> None:
        """Give the owner back; does nothing when ours is not in, and may be repeated.

        What is remembered goes last: an interrupt in here leaves a second try possible.
        Before the warning, though, which raises under ``-W error``: a second try would
        only warn again.
        """
        if self._put is ABSENT:
            return
        ours, current = self._put, vars(self.owner).get(self.name, ABSENT)
        if current is ours:
            if self._found is ABSENT:
                delattr(self.owner, self.name)
            else:
                setattr(self.owner, self.name, self._found)
        if current is not ours:
            _let_it_pass_on(ours, self._original)
        self._put = ABSENT
        if current is not ours and current is not self._found:
            _warn_of_foreign_patch(f"{_name_of(self.owner)}.{self.name}")


class CodePatch:
    """Swap the code of a function, so that references taken earlier are caught, too.

    ``tf.make_tensor_proto`` is the same function object as
    ``tensor_util.make_tensor_proto``, bound at import under many names: setting one
    module's attribute would miss the others.

    Parameters
    ----------
    function
        A Python function without free variables.
    make
        Called with a function that does what the original did; returns a callable
        of the same arguments.

    Raises
    ------
    TypeError
        When the function is no plain function without free variables.
    """

    def __init__(self, function: Any, make: Callable[[Any], Any]) -> None:
        if not isinstance(function, types.FunctionType) or function.__closure__:
            raise TypeError(f"{function!r} is not a plain function")
        self.function, self._make = function, make
        self._found: types.CodeType | None = None
        self._put: types.CodeType | None = None

    def on(self) -> None:
        """Let the function call ours, and ours a twin with the function's own code."""
        function = self.function
        self._found = function.__code__
        twin = types.FunctionType(
            self._found, function.__globals__, function.__name__, function.__defaults__
        )
        twin.__kwdefaults__ = function.__kwdefaults__
        self._put = _code_that_calls(self._make(twin))
        function.__code__ = self._put

    def off(self) -> None:
        """Give the function its own code back; nothing when ours is not in."""
        if self._put is None or self._found is None:
            return
        ours, current = self._put, self.function.__code__
        # By identity: code objects compare by value.
        if current is ours:
            self.function.__code__ = self._found
        self._put = None
        if current is not ours and current is not self._found:
            _warn_of_foreign_patch(_name_of(self.function))


def _let_it_pass_on(ours: Any, original: Any) -> None:
    """Let ours do no more than what it stands for: another tool's patch may go on calling it.

    A later trace would count by it once more, below its own.
    """
    function = ours.__func__ if isinstance(ours, staticmethod) else ours
    if isinstance(function, types.FunctionType):
        code = function.__code__
        function.__code__ = _code_that_calls(original).replace(
            co_freevars=code.co_freevars, co_filename=code.co_filename
        )


def _code_that_calls(target: Callable[..., Any]) -> types.CodeType:
    """Code of ``(*args, **kwargs)`` that calls `target`, held as a constant.

    A name in the function's globals would be visible to the user; a constant is not.
    """

    def trampoline(*args: Any, **kwargs: Any) -> Any:
        call: Any = "target"
        try:
            return call(*args, **kwargs)
        except BaseException as exc:
            if exc.__traceback__ is not None:
                drop: Any = "drop"
                drop(exc, exc.__traceback__.tb_next)
            raise

    code = trampoline.__code__
    known = {"target": target, "drop": raise_again_from}
    return code.replace(
        co_consts=tuple(
            known.get(const, const) if isinstance(const, str) else const for const in code.co_consts
        )
    )


def without_our_frame(exc: BaseException) -> None:
    """Drop the calling frame from the exception's traceback, before a bare ``raise``.

    The user's exception shows the frames that it would show untraced. Of an `InteropError`
    that was raised in here, nothing of ours is shown.
    """
    traceback = exc.__traceback__
    if traceback is None:
        return
    is_guards = isinstance(exc, InteropError) and _is_all_ours(traceback)
    raise_again_from(exc, None if is_guards else traceback.tb_next)


def _is_all_ours(traceback: TracebackType | None) -> bool:
    while traceback is not None:
        if not is_own(traceback.tb_frame.f_code.co_filename):
            return False
        traceback = traceback.tb_next
    return True


def among_tensorflows(ours: _Function) -> _Function:
    """A function of ours, under the name of a file in TensorFlow's folder.

    The ops of a graph remember which lines made them, and the message of an error in the graph
    shows those that are not TensorFlow's, by the names of their files (``_EXCLUDED_PATHS``,
    tensorflow/python/util/traceback_utils.py, 2.16 to 2.21).
    """
    python = sys.modules.get("tensorflow.python")
    folder = getattr(python, "__file__", None)
    if folder:
        file = str(Path(folder).with_name(AMONG_TENSORFLOWS))
        ours.__code__ = ours.__code__.replace(co_filename=file)
    return ours


def _has(owner: type[Any], name: str) -> bool:
    """Whether instances have it; every class has a ``__call__``, for example, of its own class."""
    # No generator: an interrupt that comes when it is given up half way is lost.
    return name in [each for kind in owner.__mro__ for each in vars(kind)]


def _name_of(owner: Any) -> str:
    return str(getattr(owner, "__qualname__", None) or getattr(owner, "__name__", owner))


def _warn_of_foreign_patch(where: str) -> None:
    warnings.warn(
        f"{where} was patched by someone else while a trace ran; theirs was left in place",
        ForeignPatchWarning,
        stacklevel=4,
    )
