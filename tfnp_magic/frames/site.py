"""From a running frame to the lines that a user can look up."""

from __future__ import annotations

import functools
import inspect
import linecache
import os
import sys
import sysconfig
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from tfnp_magic.cell_text.syntax import END
from tfnp_magic.model import Place

_OWN = str(Path(__file__).resolve().parents[1]) + os.sep
_INSTALLED = tuple(
    str(Path(path).resolve()) + os.sep
    for key in ("stdlib", "platstdlib", "purelib", "platlib")
    if (path := sysconfig.get_path(key))
)
_SITE_DIRECTORIES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
# Code without a file that no user typed: frozen modules, NumPy 1.26's
# "<__array_function__ internals>", functions made by the decorator package.
_GENERATED = ("<frozen", "<__array_function__", "<decorator-gen")
# AutoGraph's rewriting of a user's function: the user's own file is in no frame then.
_AUTOGRAPH = "__autograph_generated_file"


@functools.lru_cache(maxsize=4096)
def is_library(filename: str) -> bool:
    """Whether code of this file was installed rather than written by the user."""
    if filename.startswith("<"):
        return filename.startswith(_GENERATED)
    if any(part in filename for part in _SITE_DIRECTORIES):
        return True
    if _AUTOGRAPH in filename:  # lies in a temporary directory; stands for a user's function
        return False
    resolved = os.path.realpath(filename)
    return resolved.startswith((_OWN, *_INSTALLED))


def is_rewritten(filename: str) -> bool:
    """Whether it is AutoGraph's, with a function of the user's that it wrote anew."""
    return _AUTOGRAPH in filename


AMONG_TENSORFLOWS = "of_tfnp_magic.py"
"""Name of a file in TensorFlow's folder, where none is: see `probes.patch.among_tensorflows`."""


def is_own(filename: str) -> bool:
    """Whether code of this file is this package's: probes, and the trampolines they put in."""
    return filename.startswith(_OWN) or filename.endswith(AMONG_TENSORFLOWS)


class Standpoint(NamedTuple):
    """The frames that say where a crossing happened; used while they run, never kept.

    Attributes
    ----------
    inner
        The innermost frame of the user's code; None on a library's thread.
    callee
        The library's frame that `inner` called, on the way to the conversion; None
        where the user's line called compiled code directly.
    cell
        The innermost frame of the traced cell; None below no such frame.
    """

    inner: FrameType | None
    callee: FrameType | None
    cell: FrameType | None


def stand(frame: FrameType | None, cell_files: Collection[str]) -> Standpoint:
    """Walk up from the converting frame to the user's code and on to the cell."""
    inner = callee = below = None
    while frame is not None:
        filename = frame.f_code.co_filename
        if filename in cell_files:
            return Standpoint(inner, callee, frame) if inner else Standpoint(frame, below, frame)
        if inner is None and not is_library(filename):
            inner, callee = frame, below
        below = frame
        frame = frame.f_back
    return Standpoint(inner, callee, None)


def users_frame(where: Standpoint) -> FrameType | None:
    """The innermost frame of code that the user wrote as it stands, where one is known."""
    innermost = where.inner
    if innermost is not None and is_rewritten(innermost.f_code.co_filename):
        return where.cell or innermost
    return innermost


def forget_snapshot(frame: FrameType, names: Any) -> None:
    """Empty the snapshot of a function's locals that ``frame.f_locals`` made.

    Before Python 3.13 the frame keeps it, and all that is in it, until it returns. The
    names of a module's frame are no snapshot: they are its globals.
    """
    if frame.f_code.co_flags & inspect.CO_OPTIMIZED and isinstance(names, dict):
        names.clear()


Label = Callable[[str], "str | None"]
"""Maps a code object's file name to what the user calls it (``In[3]``), or None."""


class Sources:
    """Names and texts of the lines that frames are at.

    Parameters
    ----------
    label
        What the user calls a file.
    cell_files
        File names that the traced cell's code objects carry, and how many lines of the
        cell lie above each one's first: 0 for the cell itself, 2 for the body of a
        ``%%time`` that stands below ``%%interop_trace``.
    cell_text
        The cell as it was typed: Python's own copy has its magics rewritten, and the
        body of a ``%%time`` has none.
    """

    def __init__(self, label: Label, cell_files: Mapping[str, int], cell_text: str) -> None:
        self._label, self._cell_files = label, cell_files
        # Of files there is no text here: there may be several, each with its own lines.
        self._cell_lines = END.split(cell_text) if cell_text else []
        self._cell = next(iter(cell_files), "")

    def place_of(self, frame: FrameType) -> Place:
        """The line that a frame is at, with its text."""
        filename, line, function = _whereabouts(frame)
        return self._place(filename, line, function, frame.f_globals)

    def place_at(self, filename: str, line: int, function: str) -> Place:
        """A line that no frame is at, with its text."""
        return self._place(filename, line, function)

    def definition_of(self, code: CodeType) -> Place | None:
        """The line where a function of the user's begins; None for a library's."""
        filename, line, name = code.co_filename, code.co_firstlineno, _qualified_name(code)
        if is_library(filename):
            return None
        first = self._place(filename, line, name)
        if not first.code.startswith("@"):
            return first
        for further in range(1, _MOST_DECORATORS):
            place = self._place(filename, line + further, name)
            if place.code.startswith(("def ", "async def ")):
                return place
        return first

    def _place(
        self, filename: str, line: int, function: str, names: dict[str, Any] | None = None
    ) -> Place:
        above = self._cell_files.get(filename)
        if above is not None and self._cell_lines:
            filename, line = self._cell, line + above
        if above is not None and 0 < line <= len(self._cell_lines):
            text = self._cell_lines[line - 1]
        else:
            text = linecache.getline(filename, line, names)
        return Place(self._label(filename) or _readable(filename), line, function, text.strip())


_MOST_DECORATORS = 30
"""Lines of decorators, between a function's first and its ``def``, that are looked through."""


def _whereabouts(frame: FrameType) -> tuple[str, int, str]:
    """File, line and function of a frame; of the user's own, where AutoGraph rewrote it."""
    code, line = frame.f_code, frame.f_lineno or 0
    here = code.co_filename, line, _qualified_name(code)
    if _AUTOGRAPH in code.co_filename:
        return _autograph_origin(code.co_filename, line) or here
    return here


def _autograph_origin(filename: str, line: int) -> tuple[str, int, str] | None:
    """File, line and function that AutoGraph rewrote into this line, or None.

    Each rewritten function carries a map of its lines (``_PythonFnFactory.source_map``,
    tensorflow/python/autograph/pyct/transpiler.py, 2.21); without it, or in a version
    that keeps it elsewhere, the generated file itself is named.
    """
    api = sys.modules.get("tensorflow.python.autograph.impl.api")
    cache = getattr(getattr(getattr(api, "_TRANSPILER", None), "_cache", None), "_cache", None)
    for factories in list(cache.values()) if cache else ():
        for factory in list(factories.values()):
            for place, origin in (getattr(factory, "source_map", None) or {}).items():
                if place.lineno == line and place.filename == filename:
                    name = origin.function_name or "<lambda>"
                    return origin.loc.filename, origin.loc.lineno, name
    return None


def _readable(filename: str) -> str:
    try:
        relative = os.path.relpath(filename)
    except ValueError:  # another drive
        return filename
    return filename if relative.startswith(os.pardir) or filename.startswith("<") else relative


def _qualified_name(code: CodeType) -> str:
    return getattr(code, "co_qualname", code.co_name)
