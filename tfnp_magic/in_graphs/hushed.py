"""Calls that write to the process's error stream what nobody asked for.

A notebook shows what C++ writes there below the cell that is running.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator

_STREAM = 2


@contextlib.contextmanager
def hushed(unwanted: re.Pattern[bytes]) -> Iterator[None]:
    """Drop the lines that match from what is written to the error stream meanwhile.

    What else is written there, by whichever thread, comes through when the call is over.

    Parameters
    ----------
    unwanted
        Searched for in each line.
    """
    try:
        stream = os.dup(_STREAM)
    except OSError:  # there is none
        yield
        return
    with tempfile.TemporaryFile() as written:
        try:
            os.dup2(written.fileno(), _STREAM)
            yield
        finally:
            os.dup2(stream, _STREAM)
            os.close(stream)
            written.seek(0)
            kept = b"".join(line for line in written if not unwanted.search(line))
            _write(kept)


def _write(text: bytes) -> None:
    with contextlib.suppress(OSError):  # a stream that nobody reads any more
        while text:
            text = text[os.write(_STREAM, text) :]
