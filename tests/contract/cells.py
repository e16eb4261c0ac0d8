"""Code under a trace of its own, as a cell whose lines can be looked up."""

from __future__ import annotations

import contextlib
import linecache
import sys

from tfnp_magic.tracing import Trace


def statement(expression):
    """What to run for an expression, whose value is then ``r``, so that its syntax is found.

    Before Python 3.11 `executing` compares bytecode with that of a module, which has statements.
    """
    return expression if sys.version_info >= (3, 11) else f"r = {expression}"


@contextlib.contextmanager
def traced_cell(file, text, title="row", source=None, label=None, **options):
    """Trace what runs inside; the recording is complete once it is left, however that is.

    Parameters
    ----------
    file, text
        File name of the cell's code, and the code.
    title, source, label, options
        As in `Trace`; the source is the text unless told.
    """
    linecache.cache[file] = (len(text), None, f"{text}\n".splitlines(True), file)
    trace = Trace({file: 0}, title, text if source is None else source, label, **options)
    trace.start()
    try:
        yield trace.recording
    finally:
        trace.stop()
