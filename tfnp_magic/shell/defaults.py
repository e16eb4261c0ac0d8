"""What ``%config InteropTrace`` sets: defaults of ``%%interop_trace`` and of session mode."""

from __future__ import annotations

import warnings
from typing import Any

from traitlets import Bool, Enum, List, TraitError, Unicode
from traitlets.config import Configurable


class Rules(List):  # type: ignore[misc]
    """A list of rules as texts, which `tfnp_magic.guards.rules` can read; or one text."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the rules as a list; a `TraitError` says what is wrong with one."""
        from tfnp_magic.guards.rules import GuardError, rules_of  # on demand: few set any

        texts = super().validate(obj, [value] if isinstance(value, str) else value)
        try:
            rules_of(self.name, texts)
        except GuardError as error:
            raise TraitError(f"InteropTrace.{self.name}: {error}") from None
        return texts


class InteropTrace(Configurable):  # type: ignore[misc]
    """Defaults of ``%%interop_trace`` and of session mode; options on the magic's line win."""

    check_values = Enum(
        ("sample", "all", "none"),
        "sample",
        help="How many elements of a cast array to compare with what became of them: "
        "`sample` (at most 32,768 of each), `all`, or `none`; as -c does.",
    ).tag(config=True)
    graph = Bool(
        False,
        help="Whether to look into graphs, too, with TensorFlow's profiler; as -g does.",
    ).tag(config=True)
    quiet = Bool(
        False,
        help="Whether to show no report below a traced cell, nor a footer; as -q does.",
    ).tag(config=True)
    annotate = Bool(
        False,
        help="Whether %%interop_trace puts a copy of the cell with its figures below it; as -a "
        "does. Session mode makes no copies.",
    ).tag(config=True)
    footer = Bool(
        True,
        help="Whether session mode says in one line below a cell what it converted.",
    ).tag(config=True)
    forbid = Rules(
        Unicode(),
        help="Kinds of conversion that raise an InteropError at their line; as --forbid does.",
    ).tag(config=True)
    warn = Rules(
        Unicode(),
        help="Kinds of conversion that give an InteropWarning at their line; as --warn does.",
    ).tag(config=True)


def defaults_of(shell: Any) -> InteropTrace:
    """The defaults that the shell's configuration sets; a bad one is warned of and left out.

    What ``%config`` has set is in the shell's configuration, too, bad or not: without this, the
    extension could not be loaded again.
    """
    try:
        return InteropTrace(parent=shell)
    except TraitError:
        defaults = InteropTrace()
    for name, value in shell.config.InteropTrace.items():
        _set(defaults, name, value)
    return defaults


def _set(defaults: InteropTrace, name: str, value: Any) -> None:
    try:
        setattr(defaults, name, value)
    except TraitError as error:
        warnings.warn(f"{error} The default stays.", stacklevel=4)
