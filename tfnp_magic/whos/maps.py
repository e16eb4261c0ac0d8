"""Memory of mapped files, found by what it is in the file rather than by its address.

Two maps of one file lie at different addresses and share its pages all the same. Which
address belongs to which byte of which file, the kernel tells (``/proc/self/maps``, Linux): of
files that were deleted, renamed or never had a name (`multiprocessing.shared_memory`,
``mmap.mmap(-1, n)``), too, and without touching a page. On other systems maps of one file are
not found to share.

A private map (mode ``c``) shows the file's pages until it writes to them, page by page. Which
of them it has written to is not told: so it may share with the file's other maps, and it
counts in full.

An array is known to be of a map by the arrays and memoryviews that it is a view of. Where
another library stands between (pyarrow), it is found only beside one that is known.
"""

from __future__ import annotations

import bisect
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfnp_magic import facts
from tfnp_magic.facts import Span
from tfnp_magic.whos.look import Look, Part

_FIRST_FILE = 1 << 62
"""Where files are thought to lie: beyond every address of a process."""

_LONGEST_FILE = 1 << 48

_TABLE = "/proc/self/maps"


class Stretch(NamedTuple):
    """Addresses that show a part of a file.

    Attributes
    ----------
    start, stop
        Addresses.
    offset
        Byte of the file at `start`.
    file
        Device and inode.
    is_shared
        Whether writing to it writes to the file.
    """

    start: int
    stop: int
    offset: int
    file: str
    is_shared: bool

    def goes_on_with(self, other: Stretch) -> bool:
        """Whether the other shows what follows, right behind."""
        here = (self.stop, self.offset + self.stop - self.start, *self[3:])
        return here == (other.start, *other[2:])


def located(looks: Mapping[str, Look]) -> Mapping[str, Look]:
    """Give what lies in shared maps of files one address, whichever map it is seen through.

    Parameters
    ----------
    looks
        As they were read. Where none is of a map, they are given back as they are.

    Returns
    -------
    Mapping
        The same, with such addresses in `Part.view`, which is then not to be read, and with
        `Part.shows` of private maps.
    """
    if not any(_is_mapped(part.view) for look in looks.values() for part in look.parts):
        return looks
    table = _Table(stretches())
    return {
        name: look._replace(
            parts=[table.located(part) for part in look.parts],
            mirrors=[table.located(part) for part in look.mirrors],
        )
        for name, look in looks.items()
    }


def _is_mapped(view: Any) -> bool:
    """Whether an array is a view of a map, by what it is a view of."""
    known = sys.modules.get("mmap")
    while isinstance(view, (np.ndarray, memoryview)):
        view = view.base if isinstance(view, np.ndarray) else view.obj
    return known is not None and isinstance(view, known.mmap)


def stretches() -> list[Stretch]:
    """Ask the kernel for all maps of files, by address; none where it has no such table."""
    try:
        with open(_TABLE, encoding="utf-8", errors="replace") as table:
            return _joined([found for line in table if (found := _of_line(line))])
    except OSError:
        return []


def _of_line(line: str) -> Stretch | None:
    """Read ``7f00-7f10 rw-s 00001000 fe:00 21486 /path``; None for what is of no file."""
    addresses, permissions, offset, device, inode = line.split(maxsplit=5)[:5]
    if inode == "0":
        return None
    start, stop = (int(address, 16) for address in addresses.split("-"))
    return Stretch(start, stop, int(offset, 16), f"{device} {inode}", permissions[3] == "s")


def _joined(found: Sequence[Stretch]) -> list[Stretch]:
    """Join the neighbours that one map was split into."""
    whole: list[Stretch] = []
    for stretch in found:
        if whole and whole[-1].goes_on_with(stretch):
            whole[-1] = whole[-1]._replace(stop=stretch.stop)
        else:
            whole.append(stretch)
    return whole


class _Table:
    """Finds the file behind an address."""

    def __init__(self, found: Sequence[Stretch]) -> None:
        self._found = found
        self._starts = [stretch.start for stretch in found]
        self._files: dict[str, int] = {}

    def located(self, part: Part) -> Part:
        if part.place != facts.HOST or part.view is None or not part.view.nbytes:
            return part
        span = facts.span_of_array(part.view)
        index = bisect.bisect_right(self._starts, span.start) - 1
        stretch = self._found[index] if index >= 0 else None
        if stretch is None or span.stop > stretch.stop:
            return part
        shift = self._address_of(stretch) - stretch.start
        if stretch.is_shared:
            return part._replace(view=_moved(part.view, shift))
        return part._replace(shows=Span(span.start + shift, span.stop + shift))

    def _address_of(self, stretch: Stretch) -> int:
        number = self._files.setdefault(stretch.file, len(self._files))
        return _FIRST_FILE + number * _LONGEST_FILE + stretch.offset


class _Elsewhere:
    """Stands for the same elements at another address, where there need not be any memory."""

    def __init__(self, view: np.ndarray[Any, Any], shift: int) -> None:
        self.__array_interface__ = {
            "version": 3,
            "shape": view.shape,
            "strides": view.strides,
            "typestr": f"|V{view.itemsize}",
            "data": (view.__array_interface__["data"][0] + shift, True),
        }


def _moved(view: np.ndarray[Any, Any], shift: int) -> np.ndarray[Any, Any]:
    return np.asarray(_Elsewhere(view, shift))
