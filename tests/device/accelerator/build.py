"""Builds the fake accelerator's library, once per version of its sources and of TensorFlow."""

from __future__ import annotations

import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).parent
CACHE = FOLDER.parents[2] / "build" / "accelerator"
FLAGS = ["-O2", "-g", "-Wall", "-Wextra", "-fPIC", "-shared", "-pthread"]


def unavailable() -> str:
    """Why the library cannot be built here; empty where it can."""
    if not sys.platform.startswith("linux"):
        return "the fake accelerator is built for Linux"
    if compiler() is None:
        return "the fake accelerator needs a C++ compiler"
    return ""


def compiler() -> str | None:
    """The C++ compiler's path, if there is one."""
    return shutil.which("g++")


def library() -> pathlib.Path:
    """The library's path; it is compiled if its sources or TensorFlow have changed.

    Raises
    ------
    subprocess.CalledProcessError
        The compiler refused a source; it said why on its standard error.
    """
    built = CACHE / f"xpu-{_version()}.so"
    if not built.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        compile_to(built)
    return built


def compile_to(target: pathlib.Path) -> None:
    """Compile to a name of its own first: two processes may build at once."""
    sources = map(str, sorted(FOLDER.glob("*.cc")))
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        made = pathlib.Path(directory) / target.name
        command = [compiler(), *FLAGS, *sources, "-o", str(made), *_tensorflow_flags()]
        subprocess.run(command, check=True)
        made.replace(target)


def _version() -> str:
    import tensorflow as tf

    sources = [path.read_bytes() for path in sorted(FOLDER.glob("*.[ch]*"))]
    flags = " ".join([tf.version.VERSION, *FLAGS, *_tensorflow_flags()])
    return hashlib.sha256(b"".join([*sources, flags.encode()])).hexdigest()[:16]


def _tensorflow_flags() -> list[str]:
    import tensorflow as tf

    # As a system's headers: warnings about them are not for us.
    headers = [flag.replace("-I", "-isystem", 1) for flag in tf.sysconfig.get_compile_flags()]
    return [*headers, *tf.sysconfig.get_link_flags()]
