r"""Recordings in files: `save` keeps everything, and `load` gives back an equal recording.

The file
--------
JSON in UTF-8, in gzip where the path ends in ``.gz`` (reading looks at the content)::

    {"format": "tfnp_magic recording", "version": 1, "written_by": "0.5.0",
     "recording": {"title": "In[3]", "source": "%%interop_trace\n…", "ledger": […], …}}

``recording`` has the fields of `Recording`, and its parts those of `Crossing`, `Place`,
`Moment` and so on, as objects with the fields' names: see `tfnp_magic.plain_data`. Bytes,
nanoseconds and counts are whole numbers; ``null`` is what was not known. The source
``(other lines)``, line 0, is that of all lines beyond those that a trace tells apart
(`tfnp_magic.model.OTHER_LINES`). ``shapes`` is a list
of pairs, ``[[[32, 64], 10]]``: ten of shape (32, 64). Two halves of a surrogate pair that stood
side by side in a text come back as the one character that they stand for.

Versions
--------
A field that comes in with a default does not need a new version: files that were written
before lack it, and get the default. A field that is renamed, goes, or changes its type, its
meaning or its default does, and `VERSION` with it. A file of another version, of another
program, or that was damaged or changed by hand gives a `RecordingFileError`; no code in a file
is ever run, and no value of another type than the field's gets into a recording.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import secrets
import stat
import zlib
from collections.abc import Callable
from typing import Any, NoReturn

from tfnp_magic import __version__
from tfnp_magic.plain_data import LARGEST, Misfit, form_of
from tfnp_magic.recording import Recording

FORMAT = "tfnp_magic recording"
VERSION = 1

MOST_UNPACKED = 1_000_000_000
"""Bytes up to which a packed file is unpacked: one of a megabyte can hold so many."""

_GZIP = b"\x1f\x8b"


class RecordingFileError(ValueError):
    """A file is no recording that can be loaded; the message says why, and what to do."""


def save(recording: Recording, path: str | os.PathLike[str]) -> None:
    """Write everything into a file; what stood there before is replaced once that is complete.

    Parameters
    ----------
    recording
        A complete recording.
    path
        Where to; packed by gzip where it ends in ``.gz``.

    Raises
    ------
    TypeError
        Where it is no recording.
    ValueError
        Where a field of it was given something that does not belong there.
    OSError
        As ``open(path, "wb")`` raises it.
    """
    if not isinstance(recording, Recording):
        raise TypeError(f"save takes a Recording, and not {type(recording).__name__}")
    name = os.fsdecode(path)
    try:
        plain = form_of(Recording).to_plain(recording)
        _check(recording)
    except Misfit as misfit:
        raise ValueError(f"not saved: `recording{misfit.path}` {misfit.complaint}") from None
    document = {"format": FORMAT, "version": VERSION, "written_by": __version__}
    text = json.dumps(
        {**document, "recording": plain},
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False,
    )  # fmt: skip
    # A lone surrogate has no place in UTF-8, and stands within a text: this is JSON's escape.
    content = text.encode("utf-8", "backslashreplace")
    if name.lower().endswith(".gz"):
        content = gzip.compress(content, mtime=0)
    _write(content, os.path.realpath(name))


def load(path: str | os.PathLike[str]) -> Recording:
    """Read a recording that `Recording.save` wrote; it is equal to the one that was saved.

    Needs neither TensorFlow nor IPython, nor the machine or the files that were traced.

    Raises
    ------
    RecordingFileError
        Where the file is something else, or damaged, or of a version that cannot be read.
    OSError
        As ``open(path, "rb")`` raises it: `FileNotFoundError`, for one.
    """
    name = os.fsdecode(path)
    with open(name, "rb") as file:
        if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):
            _refuse_other(name, "it is a device, which may have no end")
        content = file.read(_LARGE)
        if not content.startswith(_GZIP):
            _check_beginning(content, name)
        content += file.read()
    if content.startswith(_GZIP):
        content = _unpacked(content, name)
    document = _parsed(content, name)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        _refuse_other(name, "it is JSON, but of something else")
    _check_version(document, name)
    try:
        if set(document) != _DOCUMENT:
            raise Misfit("has other fields than it should")
        recording = form_of(Recording).from_plain(document["recording"])
        _check(recording)
    except Misfit as misfit:
        _refuse_misfit(name, misfit, document)
    return recording


_LARGE = 1_000_000
"""Bytes from which on a file is read further only where it begins as `save` begins one."""


def _check_beginning(content: bytes, name: str) -> None:
    """Refuse a large file of something else before all of it is in memory."""
    if len(content) >= _LARGE and FORMAT.encode() not in content[:_BEGINNING]:
        _refuse_other(
            name, "it is not JSON that begins as one does, and is too large to read further"
        )


_DOCUMENT = {"format", "version", "written_by", "recording"}


def _check(recording: Recording) -> None:
    """Refuse what no type tells: a moment must be one of a crossing that is there."""
    for number, moment in enumerate(recording.moments):
        if not 0 <= moment.crossing < len(recording.ledger):
            raise Misfit("is no index of the ledger", f".moments[{number}].crossing")


# Reading.


def _unpacked(packed: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            content = file.read(min(_LARGE, MOST_UNPACKED + 1))
            _check_beginning(content, name)
            content += file.read(MOST_UNPACKED + 1 - len(content))
    except (EOFError, OSError, zlib.error) as error:
        raise RecordingFileError(
            f"{name!r} is damaged or cut off: it cannot be unpacked ({error}). {_AGAIN}"
        ) from None
    if len(content) > MOST_UNPACKED:
        raise RecordingFileError(
            f"{name!r} holds more than {MOST_UNPACKED:,} bytes: unpack it with `gunzip` first, if "
            "you trust it."
        )
    return content


_AGAIN = "Save the recording again, or take an older copy of the file."


def _parsed(content: bytes, name: str) -> Any:
    try:
        return json.loads(
            content,
            parse_int=_bounded(),
            parse_constant=_no_constant,
            object_pairs_hook=_each_once,
        )
    except RecursionError:
        _refuse_other(name, "it is nested too deeply")
    except ValueError as error:  # a number of too many digits is one, too
        if FORMAT.encode() not in content[:_BEGINNING]:
            _refuse_other(name, "it is not JSON")
        raise RecordingFileError(
            f"{name!r} is damaged or cut off: {_where(error)}. {_AGAIN}"
        ) from None


_BEGINNING = 100
"""Bytes within which a recording's file says what it is."""


def _where(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON from character {error.pos:,} on, of {len(error.doc):,}"
    return str(error)


def _bounded() -> Callable[[str], int]:
    """Read whole numbers, and refuse a file whose numbers would overflow a sum of them."""
    total = 0

    def read(digits: str) -> int:
        nonlocal total
        # Told by its length first: to read a million digits takes minutes.
        number = int(digits) if len(digits) <= _MOST_DIGITS else LARGEST + 1
        total += abs(number)
        if total > LARGEST:
            raise ValueError("its numbers are too large")
        return number

    return read


_MOST_DIGITS = len(str(-LARGEST))


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are there once: of two, readers would take different ones."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object in it has a name twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is no JSON")


# Refusing.


def _refuse_other(name: str, why: str) -> NoReturn:
    raise RecordingFileError(
        f"{name!r} is no recording of tfnp_magic: {why}. Give a file that `rec.save(path)` wrote."
    ) from None


def _check_version(document: dict[str, Any], name: str) -> None:
    version, writer = document.get("version"), _version_in(document)
    if type(version) is not int:
        _refuse_other(name, "it does not say in which version of the format")
    if version > VERSION:
        raise RecordingFileError(
            f"{name!r} was written by tfnp_magic {writer or '(a later one)'}, in format "
            f"{version}; this one ({__version__}) reads format {VERSION}: upgrade with "
            "`pip install -U tfnp_magic`."
        )
    if version < VERSION:
        which = f"`pip install tfnp_magic=={writer}`" if writer else "the one that wrote it"
        raise RecordingFileError(
            f"{name!r} was written by tfnp_magic {writer or '(an earlier one)'}, in format "
            f"{version}; this one ({__version__}) reads format {VERSION} only: load it with "
            f"{which}, or trace again."
        )


def _version_in(document: dict[str, Any]) -> str:
    """The version that wrote the file, if it looks like one: it stands in a command."""
    writer = document.get("written_by")
    is_version = isinstance(writer, str) and re.fullmatch(r"[0-9][0-9A-Za-z.+!-]{0,30}", writer)
    return str(writer) if is_version else ""


def _refuse_misfit(name: str, misfit: Misfit, document: dict[str, Any]) -> NoReturn:
    writer = _version_in(document)
    at = f"`recording{misfit.path}`" if set(document) == _DOCUMENT else "its outermost object"
    if misfit.unknown and writer and writer != __version__:
        raise RecordingFileError(
            f"{name!r} was written by tfnp_magic {writer} and has {at}, which this one "
            f"({__version__}) does not know: upgrade with `pip install -U tfnp_magic`."
        ) from None
    raise RecordingFileError(
        f"{name!r} is damaged, or was changed by hand: {at} {misfit.complaint}. {_AGAIN}"
    ) from None


# Writing.


def _write(content: bytes, path: str) -> None:
    """Replace the file at once, or leave it as it was; a pipe or a device is written to."""
    before = _mode_of(path)
    if before is not None and not stat.S_ISREG(before):
        with open(path, "wb") as file:
            file.write(content)
        return
    if before is not None:
        open(path, "r+b").close()  # a file that may not be written to is not replaced, either
    beside = os.path.join(os.path.dirname(path), f".tfnp_magic-{secrets.token_hex(8)}.tmp")
    try:
        with open(beside, "xb") as file:
            file.write(content)
        if before is not None:
            os.chmod(beside, stat.S_IMODE(before))
        os.replace(beside, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        if isinstance(error, OSError):
            error.filename, error.filename2 = path, None  # the name that the user knows
        raise


def _mode_of(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
