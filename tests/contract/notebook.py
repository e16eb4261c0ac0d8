"""Cells that run one after the other in one namespace, as in a notebook."""

from __future__ import annotations

import collections
import itertools
import linecache

import numpy as np
import tensorflow as tf

from tests.contract.cells import traced_cell
from tfnp_magic.guards import FORBID, WARN, Guard, rules_of

_numbers = itertools.count(1)


class Notebook:
    """A namespace, and cells that run in it, with or without a trace.

    Attributes
    ----------
    file, recording
        Of the last cell that was traced.
    """

    def __init__(self, **names):
        self.file = self.recording = None
        self.names = {"np": np, "tf": tf, "__name__": "__main__", **names}

    def run(self, text):
        """Run a cell that nobody traces."""
        file = f"<ipython-input-{next(_numbers)}>"
        linecache.cache[file] = (len(text), None, f"{text}\n".splitlines(True), file)
        exec(compile(text, file, "exec"), self.names)

    def trace(self, text, error=None, *, forbid=(), warn=(), **options):
        """Run a cell under a trace, and give the recording; `error` is what it must raise."""
        text = text.strip("\n")
        self.file = file = f"<cell {next(_numbers)}>"
        rules = (*rules_of(FORBID, forbid), *rules_of(WARN, warn))
        guard = Guard(rules, source=text) if rules else None
        raised = None
        with traced_cell(file, text, title="In[1]", guard=guard, **options) as recording:
            self.recording = recording
            try:
                exec(compile(text, file, "exec"), self.names)
            except Exception as exc:
                raised = exc
        if error is None and raised is not None:
            raise raised
        assert error is None or isinstance(raised, error), raised
        assert recording.lost == []
        return recording


def lines_of(site):
    """Numbers of the cell's line, and of the line within the user's function."""
    return site.line and site.line.line, site.inner and site.inner.line


def crossings(recording, direction=None):
    """Counts and bytes by direction, route, and both lines; outcomes are put together."""
    found = collections.defaultdict(lambda: (0, 0))
    for crossing in recording.ledger:
        if direction in (None, crossing.direction):
            key = crossing.direction, crossing.route, *lines_of(crossing.site)
            count, nbytes = found[key]
            found[key] = count + crossing.count, nbytes + crossing.nbytes
    return dict(found)


def share(share):
    """What a `Share` says, as a tuple."""
    return share.count, share.nbytes, share.small
