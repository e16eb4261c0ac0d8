"""Where conversions happen, for one trace: from frames to sites, routes and readers."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from tfnp_magic.frames.executed import forget_syntax
from tfnp_magic.frames.rebound import may_change_route
from tfnp_magic.frames.route import Reader, Route, outside_of_tensor, reader_of, route_of
from tfnp_magic.frames.site import Label, Sources, Standpoint, stand
from tfnp_magic.frames.standing import Codes, Standing, Standings
from tfnp_magic.model import MAX_SITES, OTHER_LINES, Place, Site, Storage
from tfnp_magic.scope import inner, starter_here

if TYPE_CHECKING:
    from tfnp_magic.driving.driver import Driver
    from tfnp_magic.recorder.seen import Seen

# Identity, not value: hashing a code object reads all of it.
Key = tuple[int, ...]

_MOST_SPOTS = MAX_SITES
"""Keys that are known at a time: code that is made anew each time (`exec`) has new ones."""

_MOST_ROUTES = 256
"""Routes that are told apart at sites beyond `MAX_SITES`; then only the chokepoints are."""


@dataclasses.dataclass(slots=True)
class Spot:
    """A site with its route and reader, and the namespace of its code.

    `codes` keeps its key's code objects from being reused. Where the route `may_change`, the
    same instruction may have another one the next time: ``for f in functions: f(t)``.
    """

    number: int
    site: Site
    route: Route
    reader: Reader
    codes: tuple[CodeType | None, ...]
    names: dict[str, Any]
    may_change: bool

    @property
    def place(self) -> Place | None:
        """The innermost line that the user wrote."""
        return self.site.inner or self.site.line


class Spots:
    """The places that one trace has come by.

    Parameters
    ----------
    cell_files
        File names of the traced code, as its code objects carry them, with the number
        of the cell's lines above each; see `tfnp_magic.frames.site.Sources`.
    label
        Maps a file name to what the user calls it.
    cell_text
        The traced cell's text.
    """

    def __init__(self, cell_files: Mapping[str, int], label: Label, cell_text: str) -> None:
        self._cell_files = cell_files
        self.standings = Standings(cell_files)
        self._sources = Sources(label, cell_files, cell_text)
        self._spots: dict[Key, Spot] = {}
        self._numbers: dict[tuple[Site, Route], int] = {}
        self._lines: dict[Place, Place] = {}
        self._called_from: set[Site] = set()
        forget_syntax()

    def whereabouts(self, frame: FrameType | None, lowest: str) -> tuple[Site, Route]:
        """Where a frame stands for the user, and by which public name it came there.

        Beyond `MAX_SITES`, that is `tfnp_magic.model.OTHER_LINES`.
        """
        where = stand(frame, self._cell_files)
        site = self._site(where)
        if site not in self._called_from:
            if len(self._called_from) >= MAX_SITES:
                site = OTHER_LINES
            self._called_from.add(site)
        return site, route_at(where, frame, lowest)

    def standing(self, frame: FrameType) -> Standing:
        """Where a frame stands, as a key: quicker than `whereabouts`, while `codes_at` it live."""
        standing = self.standings.of(frame) if inner.driver is None else None
        if standing is None:
            where = stand(frame, self._cell_files)
            standing = key_of(where, "", self._driven(where))
        return standing

    def codes_at(self, frame: FrameType) -> Codes:
        """The code objects that a standing there is made of."""
        where = stand(frame, self._cell_files)
        return frame.f_code, *(f.f_code if f else None for f in where)

    def definition_of(self, code: CodeType) -> Place | None:
        """The line where a function of the user's begins; None for a library's."""
        return self._sources.definition_of(code)

    def line_of(self, frame: FrameType | None) -> Place | None:
        """The line of the traced cell that a frame stands below, or its driver's.

        The same object for the same line: a driver's line is known by its ``id()``.
        """
        line = self._site(stand(frame, self._cell_files)).line
        if line is None:
            return None
        if len(self._lines) >= MAX_SITES:
            return self._lines.get(line, OTHER_LINES.inner)
        return self._lines.setdefault(line, line)

    def place_at(self, filename: str, line: int, function: str) -> Place:
        """A line that no frame is at any more."""
        return self._sources.place_at(filename, line, function)

    def _spot(self, where: Standpoint, frame: FrameType | None, seen: Seen) -> Spot:
        lowest = seen.lowest
        key = key_of(where, lowest, self._driven(where))
        # What reads matters to a look alone; a library's file may take a second to parse.
        reading = None if isinstance(seen.storage, Storage) else outside_of_tensor(frame)
        if reading is not None and reading is not where.inner:
            key = (*key, id(reading.f_code), reading.f_lasti)
        spot = self._spots.get(key)
        if spot is not None and spot.may_change:
            key = (*key, hash(route_at(where, frame, lowest)))
            spot = self._spots.get(key)
        if spot is None:
            codes = *(f.f_code if f else None for f in where), reading.f_code if reading else None
            site, route = self._site(where), route_at(where, frame, lowest)
            number, site, told = self._told_as(site, route, lowest)
            reader = reader_of(reading, where, route)
            names, may_change = _names_of(where, frame), may_change_route(where, route.name)
            if len(self._spots) >= _MOST_SPOTS:
                self._spots.clear()  # their numbers stay what they were
                forget_syntax()
            spot = Spot(number, site, told, reader, codes, names, may_change)
            self._spots[key] = spot
        return spot

    def _told_as(self, site: Site, route: Route, lowest: str) -> tuple[int, Site, Route]:
        """What to count a conversion there as: there may be no further site, or route, for it."""
        numbers = self._numbers
        key = site, route
        is_full = len(numbers) >= MAX_SITES and key not in numbers
        if is_full or site.line is OTHER_LINES.inner:
            key = OTHER_LINES, route
            if len(numbers) >= MAX_SITES + _MOST_ROUTES and key not in numbers:
                key = OTHER_LINES, Route(lowest, route.explicit)
        return numbers.setdefault(key, len(numbers)), *key

    def _site(self, where: Standpoint) -> Site:
        driver = self._driver()
        if driver is not None:
            return self._driven_site(where, driver.line_for(self))
        if where.cell is None:
            starter = starter_here()
            return self._driven_site(where, starter.line_for(self) if starter else None)
        line = self._sources.place_of(where.cell)
        deeper = where.inner if where.inner is not where.cell else None
        return Site(line, self._sources.place_of(deeper) if deeper else None)

    def _driven(self, where: Standpoint) -> int:
        """What the line is known by that drives, or handed over, what no line of the cell called.

        Such lines are kept: see `line_of`.
        """
        driver = self._driver() or (starter_here() if where.cell is None else None)
        return 0 if driver is None else id(driver.line_for(self))

    def _driver(self) -> Driver | None:
        """What this thread works for; a trace that began on it since is nearer."""
        driver = inner.driver
        return driver if driver is not None and driver.knows(self) else None

    def _driven_site(self, where: Standpoint, line: Place | None) -> Site:
        """On a thread that works for a line, the frames show only the function that it runs."""
        deeper = self._sources.place_of(where.inner) if where.inner else None
        return Site(line, None if deeper == line else deeper)


def _names_of(where: Standpoint, frame: FrameType | None) -> dict[str, Any]:
    """The names that the user has there: a module's, or the cell's, which outlive the trace.

    Code that `exec` ran elsewhere may be the only one to hold its own.
    """
    if where.cell is not None:
        return where.cell.f_globals
    home = where.inner or frame
    names = home.f_globals if home is not None else {}
    module = sys.modules.get(str(names.get("__name__")))
    return names if getattr(module, "__dict__", None) is names else {}


def key_of(where: Standpoint, lowest: str, driven: int = 0) -> Key:
    """What a spot is known by; `driven` stands for the line that drives, if one does."""
    innermost, callee, cell = where
    return (
        id(innermost.f_code) if innermost else 0,
        innermost.f_lasti if innermost else 0,
        id(callee.f_code) if callee else 0,
        driven or (cell.f_lasti if cell else -1),
        hash(lowest) ^ (id(cell.f_code) if cell else 0),
    )


def route_at(where: Standpoint, frame: FrameType | None, lowest: str) -> Route:
    """The route of a conversion; by its lowest name where no frame is known."""
    return route_of(where, frame, lowest) if frame else Route(lowest, False)
