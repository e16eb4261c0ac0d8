"""``python -m tfnp_magic script.py``: the command line in front of the script's own."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NamedTuple

from tfnp_magic import __version__
from tfnp_magic.scripts.programs import CannotRun, Program, at_path, of_module

_USAGE = """python -m tfnp_magic [options] script.py [arguments]
       python -m tfnp_magic [options] -m module [arguments]"""

_DESCRIPTION = """Run a script, or a module, as python runs it, and report what it converted
between TensorFlow tensors and NumPy arrays. The report follows on stderr; output, arguments
and exit status are the script's own."""

_CHECKS = ("sample", "all", "none")  # those of `tracing.CHECKS`, which would import NumPy

_FILES = ("output", "report", "html")
_VALUED = ("-o", "-c", "--output", "--check-values", "--report", "--html")


class _CommandLine(NamedTuple):
    """Our options, and what they stand in front of.

    Attributes
    ----------
    options
        Ours.
    is_module
        Whether ``-m`` stands behind them.
    program
        The script or module, and its arguments; empty where there is none.
    """

    options: list[str]
    is_module: bool
    program: list[str]


def main(argv: list[str]) -> None:
    """Run what stands behind our options, traced."""
    line, parser = _split(argv), _parser()
    given = parser.parse_args(line.options)
    if not line.program:
        what = "a module behind -m" if line.is_module else "a script, or -m and a module, to run"
        parser.error(f"give {what}; --help tells the options")
    files = {name: _checked_path(parser, name, getattr(given, name)) for name in _FILES}
    program = _program(parser, line)
    from tfnp_magic.scripts.tracing import Wanted, run

    run(
        program,
        Wanted(**files, quiet=given.quiet, check_values=given.check_values, graph=given.graph),
    )


def _split(argv: list[str]) -> _CommandLine:
    """Find where our options end: everything behind the script is the script's."""
    at = 0
    while at < len(argv):
        word = argv[at]
        if word == "--":
            return _CommandLine(argv[:at], False, argv[at + 1 :])
        if word == "-" or not word.startswith("-"):
            return _CommandLine(argv[:at], False, argv[at:])
        if not word.startswith("--"):
            letters, is_module, rest = _before_m(word)
            if is_module:
                ours = [*argv[:at], *([f"-{letters}"] if letters else [])]
                return _CommandLine(ours, True, [*filter(None, [rest]), *argv[at + 1 :]])
            word = f"-{letters[-1:]}"
        at += 2 if word in _VALUED else 1
    return _CommandLine(argv, False, [])


def _before_m(word: str) -> tuple[str, bool, str]:
    """Letters of options in one word; whether ``-m`` follows, and what stands behind it.

    Of a word that holds an option's value, too (``-orec.json``), there is nothing to tell.
    """
    for position, letter in enumerate(word[1:], 1):
        if letter == "m":
            return word[1:position], True, word[position + 1 :]
        if f"-{letter}" in _VALUED and position < len(word) - 1:
            return "", False, ""
    return word[1:], False, ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tfnp_magic", usage=_USAGE, description=_DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="",
        help="save the recording: `tfnp_magic.load` reads it; packed where FILE ends in .gz",
    )  # fmt: skip
    parser.add_argument("-q", "--quiet", action="store_true", help="print no report")
    parser.add_argument(
        "-c", "--check-values", metavar="HOW", default="sample", choices=_CHECKS,
        help="how many elements of a cast array to compare with what became of them: `sample` "
        "(at most 32,768 of each, the default), `all`, or `none`",
    )  # fmt: skip
    parser.add_argument(
        "-g", "--graph", action="store_true",
        help="look into graphs, too, with TensorFlow's own profiler, which costs time and memory",
    )  # fmt: skip
    parser.add_argument("--report", metavar="FILE", default="", help="write the report as text")
    parser.add_argument("--html", metavar="FILE", default="", help="write the report as a page")
    parser.add_argument("--version", action="version", version=f"tfnp_magic {__version__}")
    return parser


def _checked_path(parser: argparse.ArgumentParser, option: str, path: str) -> str:
    """The absolute path: the script may change its folder. What cannot be written is refused."""
    if not path:
        return ""
    whole = os.path.abspath(path)
    folder = os.path.dirname(whole)
    if os.path.isdir(whole):
        parser.error(f"--{option} needs the name of a file, and {path!r} is a folder")
    if not os.path.isdir(folder):
        parser.error(f"--{option}: there is no folder {folder!r}; make it first")
    if not os.access(whole if os.path.exists(whole) else folder, os.W_OK):
        parser.error(f"--{option}: {path!r} may not be written")
    return whole


def _program(parser: argparse.ArgumentParser, line: _CommandLine) -> Program:
    name, *arguments = line.program
    if line.is_module:
        return of_module(name, arguments)
    if name == "-":
        parser.error("a script that comes from stdin cannot be traced; save it in a file")
    try:
        return at_path(name, arguments)
    except CannotRun as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
