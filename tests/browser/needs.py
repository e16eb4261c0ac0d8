"""What a browser test needs; without it, the test's module is skipped, which says why."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def need(*packages: str) -> None:
    """Skip the module that calls this where a package is not installed, or Chromium."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    missing += [] if CHROMIUM else ["chromium"]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}", allow_module_level=True)
