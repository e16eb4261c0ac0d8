"""Where a frame stands, as a key: the quickest walk from a conversion up to the traced cell."""

from __future__ import annotations

from collections.abc import Collection
from types import CodeType, FrameType

from tfnp_magic.frames.site import is_library

_MOST_FILES = 65536
"""Files of code whose kind is remembered."""

_LIBRARYS, _USERS, _CELLS = range(3)
"""Whose code a file holds."""

Standing = tuple[int, ...]
"""Where a frame stands, by ``id()`` of code objects and their instructions."""

Codes = tuple["CodeType | None", ...]
"""Those of a standing: as long as they are kept, their numbers are not given to others."""


class Standings:
    """Frames as seen by one trace.

    Parameters
    ----------
    cell_files
        File names of the traced code, as its code objects carry them.
    """

    def __init__(self, cell_files: Collection[str]) -> None:
        self._cell_files = cell_files
        self._kinds = dict.fromkeys(cell_files, _CELLS)

    def of(self, frame: FrameType) -> Standing | None:
        """Where a frame stands; None where that is below no line of the cell.

        What is told of it depends on the frame itself, on the user's innermost one, on what
        that called, and on the cell's innermost one: on their code, and their instructions.
        """
        kinds = self._kinds
        code = frame.f_code
        kind = kinds.get(code.co_filename)
        if kind == _CELLS:
            return id(code), frame.f_lasti
        bottom, instruction, below = id(code), frame.f_lasti, 0
        walk: FrameType | None = frame
        while kind == _LIBRARYS:
            below = id(code)
            walk = walk.f_back  # type: ignore[union-attr]
            if walk is None:
                return None
            code = walk.f_code
            kind = kinds.get(code.co_filename)
        if walk is None or kind is None:
            return self._look_at(frame)
        inmost, at = id(code), walk.f_lasti
        while kind != _CELLS:
            walk = walk.f_back
            if walk is None:
                return None
            code = walk.f_code
            kind = kinds.get(code.co_filename)
            if kind is None:
                return self._look_at(frame)
        return bottom, instruction, below, inmost, at, id(code), walk.f_lasti

    def callee_of(self, frame: FrameType) -> FrameType | None:
        """The library's frame that the user called; see `site.Standpoint.callee`."""
        below, walk = None, frame
        while walk is not None and self._kinds.get(walk.f_code.co_filename) == _LIBRARYS:
            below, walk = walk, walk.f_back  # type: ignore[assignment]
        return below

    def _look_at(self, frame: FrameType) -> Standing | None:
        """The same, where some of the files are not known yet."""
        walk: FrameType | None = frame
        while walk is not None:
            filename = walk.f_code.co_filename
            if len(self._kinds) >= _MOST_FILES:
                return None
            is_cells = filename in self._cell_files
            kind = _CELLS if is_cells else _LIBRARYS if is_library(filename) else _USERS
            self._kinds[filename] = kind
            walk = walk.f_back
        return self.of(frame)
