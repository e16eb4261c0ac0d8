"""Patches of a module that the traced code may import only later: they wait for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from tfnp_magic.importing import ImportWatch
from tfnp_magic.locks import new_rlock
from tfnp_magic.probes.patch import AttributePatch
from tfnp_magic.probes.reporting import ask
from tfnp_magic.scope import overhearing


class Awaited:
    """Several patches as one, which go in now or when their module is first imported.

    Parameters
    ----------
    probe
        The probe's name, for the report of a failure that comes only with the import.
    module
        Full name of the module.
    make
        Makes the patches, once the module is there.
    """

    def __init__(
        self, probe: str, module: str, make: Callable[[], Sequence[AttributePatch]]
    ) -> None:
        self._probe, self._module, self._make = probe, module, make
        self._watch = ImportWatch(self._arrived, module)
        self._lock = new_rlock()
        self._is_on = False
        self._in: list[AttributePatch] = []

    def on(self) -> None:
        """Put them in, or begin to wait."""
        with self._lock:
            self._is_on = True
            if self._module in sys.modules:
                self._put_in()
            else:
                self._watch.on()

    def off(self) -> None:
        """Take them out, and wait no longer; may be repeated."""
        self._watch.off()
        with self._lock:
            self._is_on = False
            while self._in:
                self._in[-1].off()
                self._in.pop()

    def _arrived(self) -> None:
        """The import is the user's: a failure of ours costs the recording alone."""
        ask(self._probe, overhearing(), self._put_in_if_on)

    def _put_in_if_on(self) -> None:
        with self._lock:
            if self._is_on:
                self._put_in()

    def _put_in(self) -> None:
        try:
            for patch in self._make():
                self._in.append(patch)
                patch.on()
        except BaseException:
            while self._in:
                self._in[-1].off()  # remembered until it is out: a second interrupt may come
                self._in.pop()
            raise
