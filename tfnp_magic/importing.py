"""Being told when TensorFlow, or a module, is imported for the first time during a trace."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from tfnp_magic.tracebacks import raise_again_from


def tensorflow_is_installed() -> bool:
    """Whether ``import tensorflow`` would find something; nothing is imported."""
    if "tensorflow" in sys.modules:
        return True
    try:
        return importlib.util.find_spec("tensorflow") is not None
    except (ImportError, ValueError):
        return False


class ImportWatch(importlib.abc.MetaPathFinder):
    """Calls back once a module's import is complete, and TensorFlow's is.

    Parameters
    ----------
    ready
        Called on the importing thread, after the module was executed and before the
        importing statement goes on.
    module
        What is waited for.
    """

    def __init__(self, ready: Callable[[], None], module: str = "tensorflow") -> None:
        self._ready, self._module = ready, module

    def on(self) -> None:
        """Begin watching."""
        sys.meta_path.insert(0, self)

    def off(self) -> None:
        """Stop watching; may be repeated."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the module by the finders behind us, and see its loader through."""
        if fullname != self._module:
            return None
        # Only those behind us: another trace may wait in front, and asks us.
        behind = sys.meta_path.index(self) + 1
        for finder in sys.meta_path[behind:]:
            if not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self)
                return spec
        return None

    def loaded(self) -> None:
        """The module is complete: tell, once."""
        from tfnp_magic.facts import tensorflow_is_loaded  # on demand: it imports NumPy

        self.off()
        if tensorflow_is_loaded():
            self._ready()


class _Loader(importlib.abc.Loader):
    """The module's own loader, which it gets back before it runs."""

    def __init__(self, loader: Any, watch: ImportWatch) -> None:
        self._loader, self._watch = loader, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)  # `get_source` and what else a loader may have

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        try:
            self._loader.exec_module(module)
        except BaseException as exc:
            # Without our frame, Python drops those of its import machinery, too.
            if exc.__traceback__ is not None:
                raise_again_from(exc, exc.__traceback__.tb_next)
            raise
        self._watch.loaded()
