"""Now and then, a recording is shown in every way, and saved: nothing may fail, nor be lost."""

from __future__ import annotations

import pathlib
import tempfile

import tfnp_magic
from tfnp_magic.recording import Recording

_EVERY = 20


def broken(recording: Recording, number: int) -> list[str]:
    """What fails of a recording's views, a sentence each; most recordings are not looked at."""
    if number % _EVERY:
        return []
    found = []
    shown = [str(recording), recording._repr_html_()]
    if not all(shown):
        found.append("an empty report")
    summary, ledger = recording.summary(), recording.crossings()
    found += [
        f"{column} differs between the summary and the ledger"
        for column in ("count", "copied_bytes")
        if summary[column].sum() != ledger[column].sum()
    ]
    recording.findings(), recording.by_line(), recording.diff(recording)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "recording"
        recording.save(path)
        if tfnp_magic.load(path) != recording:
            found.append("a recording differs from what was saved of it")
    return found
