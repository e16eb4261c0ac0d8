"""Builds the preloaded library of the oracle, once per version of its source."""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).with_name("interpose.c")
CACHE = pathlib.Path(__file__).parents[3] / "build" / "oracle"
FLAGS = [
    *("-O2", "-g", "-Wall", "-Wextra", "-fPIC", "-shared", "-pthread"),
    # A compiler that knows malloc and memcpy would call them from their own definitions.
    *("-fno-builtin", "-fno-tree-loop-distribute-patterns"),
]


def unavailable() -> str:
    """Why the library cannot be built here; empty where it can."""
    if not sys.platform.startswith("linux") or not os.confstr("CS_GNU_LIBC_VERSION"):
        return "the oracle interposes glibc"
    if compiler() is None:
        return "the oracle needs a C compiler"
    return ""


def compiler() -> str | None:
    """The C compiler's path, if there is one."""
    return shutil.which("cc") or shutil.which("gcc")


def library() -> pathlib.Path:
    """The library's path; it is compiled if its source has changed.

    Raises
    ------
    subprocess.CalledProcessError
        The compiler refused the source; it said why on its standard error.
    """
    source = SOURCE.read_bytes() + " ".join(FLAGS).encode()
    built = CACHE / f"interpose-{hashlib.sha256(source).hexdigest()[:16]}.so"
    if not built.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        compile_to(built)
    return built


def compile_to(target: pathlib.Path) -> None:
    """Compile to a name of its own first: two processes may build at once."""
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        made = pathlib.Path(directory) / target.name
        subprocess.run([compiler(), *FLAGS, str(SOURCE), "-o", str(made), "-ldl"], check=True)
        made.replace(target)
