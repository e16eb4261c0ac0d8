"""The calls that ran graphs while somebody looked into them, by number.

The number goes into TensorFlow's profile, with our marker around the call; see
`tfnp_magic.probes.graphs`. Calls of one function from one line have the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tfnp_magic.locks import new_lock
from tfnp_magic.model import Site

if TYPE_CHECKING:
    from types import FrameType

    from tfnp_magic.recorder.recorder import Recorder

_Key = tuple["tuple[str, ...]", "tuple[str, ...]", "tuple[tuple[int, Site], ...]"]


class Call(NamedTuple):
    """One function, or one pipeline, called from one line.

    Attributes
    ----------
    functions
        The function's name in TensorFlow's runtime; none for a pipeline.
    pipelines
        Names of the functions of the pipeline that is asked for elements; none if not known.
    sites
        The line, for each recorder that hears it, by the recorder's ``id()``.
    """

    functions: tuple[str, ...]
    pipelines: tuple[str, ...]
    sites: dict[int, Site]


class Calls:
    """Numbers calls; memory grows with the lines that make them, and not with the calls."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._numbers: dict[_Key, int] = {}
        self._calls: list[Call] = []

    def number(
        self,
        functions: tuple[str, ...],
        pipelines: tuple[str, ...],
        hearing: list[Recorder],
        frame: FrameType | None,
    ) -> int:
        """The number of a call that is about to be made.

        Parameters
        ----------
        functions, pipelines
            As in `Call`.
        hearing
            Who hears it; nobody for a call of somebody else's thread.
        frame
            The frame that makes it.
        """
        sites = tuple((id(heard), heard.whereabouts(frame, "graph")[0]) for heard in hearing)
        key = functions, pipelines, sites
        with self._lock:
            if key not in self._numbers:
                self._numbers[key] = len(self._calls)
                self._calls.append(Call(functions, pipelines, dict(sites)))
            return self._numbers[key]

    def so_far(self) -> list[Call]:
        """All calls by their numbers."""
        with self._lock:
            return list(self._calls)
