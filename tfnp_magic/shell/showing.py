"""Where a shell shows progress: in a cell's output, or on a terminal's last line.

Loading the extension imports this, so what is dear to import is imported when it is needed.
"""

from __future__ import annotations

import shutil
import sys
from typing import Any, TextIO

from tfnp_magic.progress import Opener, Outlet


def opener_of(shell: Any) -> Opener:
    """Tell where a shell shows progress: `progress.show_through` takes the answer."""
    in_notebook = getattr(shell, "kernel", None) is not None

    def opened() -> Outlet | None:
        if in_notebook:
            return CellOutput()
        return TerminalLine(sys.stderr) if sys.stderr.isatty() else None

    return opened


class CellOutput:
    """One output of the cell that is running, renewed with each text, and empty in the end.

    A notebook cannot take back one output, only all that a cell has. Empty HTML has no height in
    JupyterLab, where an empty text has that of a line; of no data at all nbconvert complains.
    """

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, text: str) -> None:
        """Show the text instead of the one before."""
        if self._handle is None:
            from IPython.display import DisplayHandle

            self._handle = DisplayHandle()
            self._handle.display({"text/plain": text}, raw=True)
        else:
            self._handle.update({"text/plain": text}, raw=True)

    def clear(self) -> None:
        """Empty the output."""
        if self._handle is not None:
            self._handle.update({"text/plain": "", "text/html": ""}, raw=True)


class TerminalLine:
    """The last line of a terminal, over which the next text is written.

    Parameters
    ----------
    stream
        Of a terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._columns = 0

    def show(self, text: str) -> None:
        """Write the text over the one before; cut, for a line that wraps stays."""
        from tfnp_magic.views.wording import cut, width_of

        text = cut(text, max(shutil.get_terminal_size().columns - 1, 1))
        columns = width_of(text)
        blanks = " " * (self._columns - columns)
        self._columns = max(columns, self._columns)  # first: an interrupt may come in between
        self._write(f"\r{text}{blanks}")
        self._columns = columns

    def clear(self) -> None:
        """Leave the line empty, and the cursor at its beginning."""
        if self._columns:
            self._write(f"\r{' ' * self._columns}\r")
            self._columns = 0

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
