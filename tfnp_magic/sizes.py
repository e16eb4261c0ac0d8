"""Numbers of bytes as people write them."""

from __future__ import annotations

import re

_UNITS = {
    "": 1, "b": 1, "byte": 1, "bytes": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "k": 10**3, "m": 10**6, "g": 10**9,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", re.IGNORECASE)


class SizeError(ValueError):
    """A text that is no size; the message is one sentence for the user."""


def nbytes_of(text: str) -> int:
    """Read ``4096``, ``10MB``, ``1.5 GB``, ``512KiB`` as bytes.

    Raises
    ------
    SizeError
        For anything else.
    """
    match = _SIZE.fullmatch(text)
    if match is None or match[2].casefold() not in _UNITS:
        raise SizeError(f"{text!r} is no size; write 4096, 10MB, 1.5GB or 64MiB.")
    return round(float(match[1]) * _UNITS[match[2].casefold()])
