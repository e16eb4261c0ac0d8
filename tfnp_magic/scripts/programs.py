"""Running a script or a module as ``python`` runs it: in a ``__main__`` of its own.

What Python does in C for ``python script.py`` stands in CPython's Modules/main.c and
Python/pythonrun.c; a module, a directory or a zip file is run by its own `runpy`, by the function
that the interpreter itself calls for ``python -m``.
"""

from __future__ import annotations

import builtins
import dataclasses
import importlib.machinery
import os
import pkgutil
import runpy
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

_STARTED_AS = "__main__"


class CannotRun(Exception):
    """There is nothing to run; the message is the one that ``python`` gives."""


@dataclasses.dataclass(frozen=True)
class Program:
    """Something that Python can run.

    Attributes
    ----------
    title
        What a report calls it.
    argv, path0
        What ``sys.argv`` is when it begins, and ``sys.path[0]``; None leaves that as it is.
    is_folder
        Whether `path0` is the program itself: ``python -P`` needs it, too.
    file
        The file name that its code carries; empty where that cannot be told beforehand.
    run
        Runs it in the module that it is given, which stands in ``sys.modules`` then.
    read
        Gives its text; None where it has none.
    """

    title: str
    argv: list[str]
    path0: str | None
    is_folder: bool
    file: str
    run: Callable[[ModuleType], None]
    read: Callable[[], str | None]

    def begin(self) -> None:
        """Run it, as the interpreter itself would; what it raises passes untouched."""
        if self.path0 is not None:
            _put_first(self.path0, always=self.is_folder)
        sys.argv = self.argv
        main = _new_main()
        sys.modules[_STARTED_AS] = main
        self.run(main)

    def source(self) -> str:
        """Its text; empty where that is not at hand."""
        try:
            return self.read() or ""
        except (ImportError, OSError, SyntaxError, ValueError):
            return ""


def at_path(path: str, arguments: list[str]) -> Program:
    """The script at a path, or the ``__main__`` of a directory or zip file there.

    Raises
    ------
    CannotRun
        Where there is no such file, or it may not be read.
    """
    if pkgutil.get_importer(path) is not None:
        return _of_folder(path, arguments)
    return _of_script(path, arguments)


def of_module(name: str, arguments: list[str]) -> Program:
    """The module, or the package's ``__main__``, that ``python -m name`` would run."""
    spec = _spec_of(name)
    file = (spec and spec.origin) or ""
    return Program(
        title=_relative(file) if file else name,
        argv=["-m", *arguments],  # `runpy` puts the module's file there once it has found it
        path0=None,
        is_folder=False,
        file=file,
        run=lambda main: runpy._run_module_as_main(name),  # type: ignore[attr-defined]
        read=lambda: _text_of(spec),
    )


def _of_folder(path: str, arguments: list[str]) -> Program:
    whole = _absolute(path)
    importer: Any = pkgutil.get_importer(whole)
    spec = importer.find_spec(_STARTED_AS)
    return Program(
        title=_relative(spec.origin) if spec else path,
        argv=[path, *arguments],
        path0=whole,
        is_folder=True,
        file=spec.origin if spec else "",
        run=lambda main: runpy._run_module_as_main(_STARTED_AS, False),  # type: ignore[attr-defined]
        read=lambda: _text_of(spec),
    )


def _of_script(path: str, arguments: list[str]) -> Program:
    whole = _absolute(path)
    try:
        with open(whole, "rb") as file:
            content = file.read()
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        raise CannotRun(f"{sys.executable}: can't open file {whole!r}: {reason}") from None
    machinery = importlib.machinery
    compiled = os.path.splitext(path)[1] == ".pyc"
    kind = machinery.SourcelessFileLoader if compiled else machinery.SourceFileLoader
    loader = kind(_STARTED_AS, whole)

    def run(main: ModuleType) -> None:
        vars(main).update(__loader__=loader, __file__=whole, __cached__=None)
        code: Any = loader.get_code(_STARTED_AS) if compiled else _compiled(content, whole)
        exec(code, vars(main))

    return Program(
        title=path,
        argv=[path, *arguments],
        path0=os.path.dirname(os.path.realpath(whole)),
        is_folder=False,
        file=whole,
        run=run,
        read=lambda: loader.get_source(_STARTED_AS),
    )


def _compiled(content: bytes, path: str) -> Any:
    return compile(content, path, "exec", dont_inherit=True)


def _new_main() -> ModuleType:
    """A module such as Python runs a script in."""
    main = ModuleType(_STARTED_AS)
    if sys.version_info < (3, 14):
        vars(main).setdefault("__annotations__", {})
    vars(main)["__builtins__"] = builtins
    return main


def _put_first(path0: str, *, always: bool) -> None:
    """Put the script's folder where ``python -m`` has the current one; see ``python -P``."""
    is_safe = getattr(sys.flags, "safe_path", False) or sys.flags.isolated
    if not is_safe:
        sys.path[0] = path0
    elif always:
        sys.path.insert(0, path0)


def _absolute(path: str) -> str:
    """As the interpreter makes a path absolute: it leaves ``..`` where it is."""
    if os.path.isabs(path):
        return path
    if not path and sys.version_info >= (3, 11):
        return os.getcwd()
    return os.path.join(os.getcwd(), path)


def _relative(file: str) -> str:
    """The path from here, where the file lies below."""
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive
        return file
    return file if relative.startswith(os.pardir) else relative


# Finding a module's file without importing the packages that it is in: that is the program's.


def _spec_of(name: str) -> importlib.machinery.ModuleSpec | None:
    spec, path = None, None
    *packages, module = name.split(".")
    for length, package in enumerate(packages, 1):
        spec = _found(".".join(packages[:length]), path)
        if spec is None:
            path = _folders(package, sys.path if path is None else path)
        else:
            path = list(spec.submodule_search_locations or ())
    spec = _found(name, path)
    if spec is not None and spec.submodule_search_locations is None:
        return spec
    path = _folders(module, path or ()) if spec is None else spec.submodule_search_locations
    return _found(f"{name}.{_STARTED_AS}", path)


def _folders(name: str, path: Iterable[str]) -> list[str]:
    """A namespace package's: below another, no finder knows it before that one is imported."""
    return [folder for each in path if os.path.isdir(folder := os.path.join(each, name))]


def _found(name: str, path: Iterable[str] | None) -> importlib.machinery.ModuleSpec | None:
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, path)  # type: ignore[arg-type]
        except Exception:  # a finder that needs the package: the program will say what is wrong
            spec = None
        if spec is not None:
            return spec
    return None


def _text_of(spec: Any) -> str | None:
    get_source = getattr(spec and spec.loader, "get_source", None)
    return get_source(spec.name) if get_source else None
