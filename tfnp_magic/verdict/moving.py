"""Whether data went to another device's memory, and what that copied."""

from __future__ import annotations

from tfnp_magic.model import Move, Storage, is_custom, is_host, kind_of_move
from tfnp_magic.verdict.claims import (
    COPY,
    INFERRED,
    NOTHING,
    OBSERVED,
    UNKNOWN,
    copied,
    shared,
    unknown,
)

KEPT = "TensorFlow had kept a copy there"
"""Why nothing moved: the tensor's mirror on that device served."""

_SAME_MEMORY = "both are host memory: the buffer is shared"


def of_input(
    device_from: str,
    device_to: str,
    nbytes: int | None,
    mirrored: bool | None,
    why: str,
    evidence: str = OBSERVED,
) -> tuple[Storage, Move]:
    """An op's input lived on another device than the op reads it on.

    Parameters
    ----------
    device_from, device_to
        Where it lived, and where the op reads it.
    nbytes
        Bytes of its elements; None where they have no fixed size or are not computed yet.
    mirrored
        Whether that device held a copy before; None where that is not known.
    why
        Why the op reads it there, in words.
    evidence
        How that is known.
    """
    if not kind_of_move(device_from, device_to):
        return shared(f"{why}; {_SAME_MEMORY}"), Move(device_from, device_to, 0, "")
    if mirrored is None:
        reason = f"{why}; whether TensorFlow had kept a copy there is not known"
        return unknown(reason), Move(device_from, device_to, None, "")
    if mirrored:
        served = Move(device_from, device_to, 0, evidence, mirror=True)
        return shared(f"{why}; {KEPT}: nothing moved", evidence), served
    move = Move(device_from, device_to, nbytes, evidence)
    if nbytes == 0:
        return NOTHING, move
    return copied(f"moved: {why}", nbytes, evidence), move


def of_device_copy(
    device_from: str, device_to: str, nbytes: int | None, same_memory: bool | None
) -> tuple[Storage, Move]:
    """A tensor was copied to a device on request, which never uses a mirror.

    Parameters
    ----------
    device_from, device_to
        Where its memory is, and the result's.
    nbytes
        Bytes of its elements.
    same_memory
        Whether both were seen to lie in one buffer; None where they could not be looked at.
    """
    if is_custom(device_from) or is_custom(device_to):
        return unknown("the custom device copies as it likes"), Move(
            device_from, device_to, None, ""
        )
    if kind_of_move(device_from, device_to):
        move = Move(device_from, device_to, nbytes, OBSERVED)
        if nbytes == 0:
            return NOTHING, move
        reason = f"copied from {device_from} to {device_to} each time: this never uses a mirror"
        return copied(reason, nbytes, OBSERVED), move
    move = Move(device_from, device_to, 0, "")
    if same_memory:
        one = device_from == device_to
        return shared("it was there: the buffer is shared" if one else _SAME_MEMORY, OBSERVED), move
    if same_memory is None:
        return _of_unseen_copy(device_from, device_to), move
    return copied("copied on the same device", nbytes, OBSERVED), move


def _of_unseen_copy(device_from: str, device_to: str) -> Storage:
    if device_from == device_to:
        return shared("it was there: the buffer is shared")
    return unknown("the memory could not be looked at")


def of_placing(
    device: str, nbytes: int | None, evidence: str = OBSERVED, *, kept: bool = False
) -> Move:
    """A value became a tensor on a device.

    Parameters
    ----------
    device
        Where the tensor lies.
    nbytes
        Bytes of its elements.
    evidence
        How it is known that it lies there.
    kept
        Whether TensorFlow had converted the same Python number before, and kept it.
    """
    if is_host(device):
        return Move("host", device, 0, "")
    if is_custom(device):
        return Move("host", device, None, "")
    if kept:
        return Move("host", device, 0, evidence, mirror=True)
    return Move("host", device, nbytes, evidence)


def of_reading(device: str, nbytes: int | None, mirrored: bool | None) -> Move:
    """A tensor was read into host memory.

    Parameters
    ----------
    device
        Where its memory is.
    nbytes
        Bytes of its elements.
    mirrored
        Whether host memory held a copy of it before; None where that is not known.
    """
    if is_host(device):
        return Move(device, "host", 0, "")
    if mirrored is None:
        return Move(device, "host", None, "")
    if mirrored:
        return Move(device, "host", 0, OBSERVED, mirror=True)
    return Move(device, "host", nbytes, OBSERVED)


def with_move(storage: Storage, move: Move) -> Storage:
    """The storage of a read, with the copy that brought the data into host memory.

    What the reader did with the data there stands in `storage`.
    """
    if is_host(move.device_from) or storage == NOTHING:
        return storage
    if move.mirror:
        return storage._replace(
            reason=f"served by TensorFlow's mirror in host memory; {storage.reason}"
        )
    if move.nbytes is None:
        reason = f"moved or served by TensorFlow's mirror, which is not known; {storage.reason}"
        kind = storage.kind if storage.kind == COPY else UNKNOWN
        return storage._replace(kind=kind, reason=reason, copied_bytes=None, copies=None)
    reason = f"moved into host memory, where TensorFlow keeps it; {storage.reason}"
    nbytes = None if storage.copied_bytes is None else storage.copied_bytes + move.nbytes
    copies = None if storage.copies is None else storage.copies + (1 if move.nbytes else 0)
    evidence = storage.evidence or INFERRED
    return Storage(COPY, evidence, reason, nbytes, copies)
