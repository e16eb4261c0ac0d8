"""Handing a user the copy of a cell that has figures behind its lines (``--annotate``)."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from IPython.display import display

from tfnp_magic.cell_text.comments import NotAnnotated, annotated, lines_above, without_comments
from tfnp_magic.cell_text.syntax import END
from tfnp_magic.views.wording import plain

if TYPE_CHECKING:
    from tfnp_magic.recording import Recording


def offer_copy(shell: Any, typed: str | None, recording: Recording) -> None:
    """Put the annotated copy of a cell below it, or in its place if it is one itself.

    In a terminal, the copy is the text of the next prompt. A sentence says why there is none.

    Parameters
    ----------
    shell
        An ``InteractiveShell`` whose cell has just ended.
    typed
        The text of that cell, or None if nobody typed it.
    recording
        What tracing it left.
    """
    try:
        copy, is_copy = _copy_of(typed, recording)
        _check_that_nothing_else_waits(shell)
    except NotAnnotated as reason:
        _say(f"Not annotated: {reason}.")
        return
    shell.set_next_input(copy, replace=is_copy)
    if recording.error and getattr(shell, "kernel", None) is not None:
        _show(copy)


def _copy_of(typed: str | None, recording: Recording) -> tuple[str, bool]:
    """The copy, and whether what was typed is one, too."""
    above = None if typed is None else lines_above(typed, recording.source)
    if typed is None or above is None:
        raise NotAnnotated("a program ran the traced code; only a cell as it was typed is copied")
    bare, copy = without_comments(typed), annotated(typed, recording, above)
    if copy == bare == typed:
        raise NotAnnotated(_why_no_comment(recording))
    return copy, bare != typed


def _why_no_comment(recording: Recording) -> str:
    if not recording.ledger:
        return "no line of this cell converted"
    lines = [crossing.site.line for crossing in recording.ledger if crossing.site.line]
    for magic in (line.code.split()[0] for line in lines if line.code.startswith("%%")):
        return f"what {magic} runs has no lines in this cell; put {magic} above %%interop_trace"
    return "what converted has no line in this cell that can have a comment"


def _check_that_nothing_else_waits(shell: Any) -> None:
    """The cell may have asked for a next one itself, as ``%load`` does: that is not ours."""
    if any(text == without_comments(text) for text in _waiting(shell)):
        raise NotAnnotated("the cell itself set the text of the next one")


def _waiting(shell: Any) -> list[str]:
    """Texts of next cells that the front end has not had yet: a kernel's, or a terminal's."""
    manager = getattr(shell, "payload_manager", None)
    payloads = manager.read_payload() if manager is not None else []
    texts = [load.get("text") for load in payloads if load.get("source") == "set_next_input"]
    return [text for text in [*texts, getattr(shell, "rl_next_input", None)] if text]


def _say(sentence: str) -> None:
    display({"text/plain": sentence}, raw=True)


def _show(copy: str) -> None:
    """The copy as an output: JupyterLab makes no new cell below one that raised."""
    title = "The annotated cell; JupyterLab puts no copy below a cell that raised:"
    text = "\n".join(plain(line) for line in END.split(copy))
    folded = f"<details><summary>{title}</summary><pre>{html.escape(text)}</pre></details>"
    display({"text/plain": f"{title}\n\n{text}", "text/html": folded}, raw=True)
