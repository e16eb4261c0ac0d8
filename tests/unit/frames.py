"""Code that runs under a file name of our choice, as a cell's, a module's or a library's."""

from __future__ import annotations

import ast
import itertools
import linecache

LIBRARY = "/opt/env/lib/python3/site-packages/fakelib/core.py"
MODULE = "/home/someone/project/features.py"

_CELLS = "/tmp/ipykernel_"

_numbers = itertools.count(1)


def new_cell_file():
    """A name as ipykernel gives it; a new one each time, for sources are cached by name."""
    return f"{_CELLS}{next(_numbers)}/1234.py"


def run(filename, source, *, name="__main__", keep_source=True, **names):
    """Execute source as if it stood in that file; gives its namespace."""
    if keep_source:
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    namespace = {"__name__": name, **names}
    for part in _parts(filename, ast.parse(source)):
        exec(compile(part, filename, "exec"), namespace)
    return namespace


def _parts(filename, tree):
    """What is compiled apart: IPython compiles each statement of a cell for itself."""
    if not filename.startswith(_CELLS):
        return [tree]
    return [ast.Module([statement], []) for statement in tree.body]
