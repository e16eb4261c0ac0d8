"""What the figures were measured on."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import pathlib
import platform

_PACKAGES = (
    ("tensorflow", "TensorFlow"), ("tensorflow_cpu", "TensorFlow (CPU)"), ("numpy", "NumPy"),
    ("keras", "Keras"), ("tfnp_magic", "tfnp_magic"),
)  # fmt: skip


def description() -> str:
    """CPU, cores, memory, system, versions and date, in one sentence."""
    versions = [
        f"{title} {version}" for name, title in _PACKAGES if (version := version_of(name)) != "?"
    ]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {_system()}, "
        f"Python {platform.python_version()}, {', '.join(versions)}; "
        f"{datetime.date.today().isoformat()}"
    )


def version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "?"


def _processor() -> str:
    try:
        facts = dict(
            (part.strip() for part in line.split(":", 1))
            for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
            if ":" in line
        )
    except OSError:
        facts = {}
    name = facts.get("model name") or platform.processor() or platform.machine()
    if "family" in name or not facts.get("model"):
        return name
    # Virtual machines may hide the name: family and model say which one it is.
    return f"{name} (family {facts.get('cpu family')}, model {facts['model']})"


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{name} ({platform.system()} {platform.release()})"
