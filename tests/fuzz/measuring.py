"""What one statement of a cell does with the data that crosses, as the oracle measures it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.contract.oracle import aliases, control, interposer, needles, values
from tests.contract.oracle.measure import Copy, Crossed
from tests.contract.row import Row

Run = Callable[[dict[str, Any]], None]
"""Runs a statement in a namespace."""


def measured(run: Run, space: dict[str, Any], row: Row, target: str, fresh: bool) -> dict[str, Any]:
    """Run a statement under the oracle's watch; what became of each name that crosses.

    Parameters
    ----------
    run
        Runs it; what it raises passes.
    space
        The namespace.
    row
        What crosses.
    target
        The name under which the statement leaves its value.
    fresh
        Whether that is made of new numbers: where these equal an operand's, nothing is told of
        copies.
    """
    ends = {name: space[name] for name in row.crosses}
    operands = {name: needles.operand(value) for name, value in ends.items()}
    is_native = all(_is_native(one, len(ends) > 1) for one in operands.values())
    if "([" in row.code and len({one.arrays[0].dtype for one in operands.values()}) > 1:
        run(space)  # a list of several dtypes: what TensorFlow tries first is not seen
        return {}
    meets_whole = _meets_whole_numbers(row, space)
    if not is_native or not all(_can_be_told(one, meets_whole) for one in operands.values()):
        run(space)
        return _unmeasured(row, operands, ends, space.get(target))
    wanted = needles.needles(operands)
    natives = {**space, **control.natives(row, space)} if row.works else None
    before = _contents(space, target)
    is_held = any(_holds_any(space[name], wanted) for name in _others(row, space))
    with interposer.watch([one.content for one in wanted]) as blocks:
        run(space)
    copies = [(wanted[block.needle], block) for block in blocks if block.needle is not None]
    filled = _filled(space, target, wanted, before)
    if natives is not None:
        copies = control.without(copies, _own(run, natives, wanted))
    result = space.get(target)
    # Where it is written over itself, NumPy copies it first.
    is_unchanged = before is not None and before == _contents(space, target)
    is_same = before is not None and any(aliases.aliased(one, result)[0] for one in ends.values())
    # Of several that are written over each other, the last alone can be found.
    is_overwritten = before is not None and len(operands) > 1
    several = len({n.dtype for n, _ in copies if n.cast}) > 1  # one alone can be told
    if is_unchanged or is_same or is_overwritten or several:
        return _unmeasured(row, operands, ends, result)
    if (fresh and (_holds_any(result, wanted) or is_held)) or _are_alike(operands, wanted):
        return _unmeasured(row, operands, ends, result)
    return {
        name: _crossed(row, name, one, copies, filled, ends[name], result).__dict__
        | {"aliased": None}
        | _aliased(ends[name], result)
        for name, one in operands.items()
    }


_FAR = 30_000


def _meets_whole_numbers(row: Row, space: dict[str, Any]) -> bool:
    """Whether the statement may cast to whole numbers."""
    names = set(re.findall(r"\b[a-z]+\d+\b", row.code)) & set(space)
    dtypes = [np.dtype(getattr(d, "as_numpy_dtype", d)) for n in names if (d := _dtype(space[n]))]
    return bool(re.search(r"int|'[iub]", row.code)) or any(d.kind not in "fcV" for d in dtypes)


def _dtype(value: Any) -> Any:
    return getattr(value, "dtype", None)


def _can_be_told(operand: needles.Operand, meets_whole: bool) -> bool:
    """Whether its contents are like no other's, in whatever dtype they may be."""
    arrays = operand.arrays
    # Casts have to be large enough, too, whatever their dtype.
    is_large = bool(arrays) and all(array.size >= needles.THRESHOLD for array in arrays)
    # Beyond, all numbers may become the same in a cast.
    numbers = [_finite(array) for array in arrays] if is_large else []
    if meets_whole and any(len(n) < a.size for n, a in zip(numbers, arrays, strict=False)):
        return False  # what becomes of what is not finite, differs from processor to processor
    numbers = [np.trunc(n.real) if meets_whole else n for n in numbers]
    return is_large and all(len(set(n)) > 1 and np.abs(n).max() < _FAR for n in numbers)


def _finite(array: np.ndarray) -> np.ndarray:
    numbers = array.astype("c16").ravel()
    return numbers[np.isfinite(numbers)]


def _is_native(operand: needles.Operand, has_others: bool) -> bool:
    """Whether it is in a byte order that the oracle can look for.

    What is put together with what is in another order seems to be a cast.
    """
    return all(
        array.dtype.isnative or not (has_others or array.dtype.type.__module__ == "ml_dtypes")
        for array in operand.arrays
    )


def _are_alike(operands: dict[str, needles.Operand], wanted: list[needles.Needle]) -> bool:
    """Whether two of them hold the same, in some dtype: then a copy is of nobody knows which."""
    alone = sum(len(needles.needles({name: one})) for name, one in operands.items())
    packed = sum(one.layout == "packed" for one in wanted)
    return len(operands) > 1 and alone != len(wanted) - packed


def _own(run: Run, natives: dict[str, Any], wanted: list[needles.Needle]) -> list[tuple]:
    """What the call copies of data that is at home already."""
    with interposer.watch([one.content for one in wanted]) as blocks:
        run(natives)
    return [(wanted[block.needle], block) for block in blocks if block.needle is not None]


def _contents(space: dict[str, Any], target: str) -> bytes | None:
    array = space.get(target)
    if not isinstance(array, np.ndarray):
        return None
    return array.astype(array.dtype.newbyteorder("="), copy=False).tobytes()


def _filled(
    space: dict[str, Any], target: str, wanted: list[needles.Needle], before: bytes | None
) -> list[needles.Needle]:
    """The casts that an array holds now which was there before, and did not hold them."""
    after = _contents(space, target)
    if before is None or after is None or after == before:
        return []
    return [one for one in wanted if one.cast and one.content.tobytes() == after]


def _others(row: Row, space: dict[str, Any]) -> set[str]:
    """The operands of which nothing crosses."""
    return set(re.findall(r"\b[a-z]+\d+\b", row.code)) & set(space) - set(row.crosses)


def _holds_any(result: Any, wanted: list[needles.Needle]) -> bool:
    made = {view.tobytes() for view in values.views(result)}
    return any(one.content.tobytes() in made for one in wanted)


def _crossed(row, name, operand, copies, filled, end, result) -> Crossed:
    buffers = tuple(
        Copy(needle.shares[name], needle.dtype, needle.layout, block.freed)
        for needle, block in copies
        if name in needle.shares
    )
    casts = [n.dtype for n, _ in copies if n.cast and name in n.shares]
    casts += [n.dtype for n in filled if name in n.shares]
    changed = needles.changes_values(operand.arrays, casts[0]) if casts else None
    return dataclasses.replace(
        _described(row, name, operand),
        buffers=tuple(dataclasses.asdict(one) for one in buffers),
        copies=len(buffers),
        copied_bytes=sum(one.nbytes for one in buffers),
        cast=casts[0] if casts else None,
        values_changed=changed,
    )


def _described(row: Row, name: str, operand: needles.Operand) -> Crossed:
    whole = operand.arrays[0] if len(operand.arrays) == 1 else None
    return Crossed(
        direction=row.crosses[name],
        nbytes=operand.nbytes,
        shape=None if whole is None else list(whole.shape),
        dtype=None if whole is None else whole.dtype.name,
    )


def _unmeasured(row, operands, ends, result) -> dict[str, Any]:
    return {
        name: _described(row, name, one).__dict__
        | (_aliased(ends[name], result) if (one.nbytes or 0) >= needles.THRESHOLD else _BY_CHANCE)
        for name, one in operands.items()
    }


_BY_CHANCE = {"aliased_by_address": None, "aliased_by_flip": None, "aliased": False}
"""Of small arrays: where they lie differs from run to run."""


def _aliased(end: Any, result: Any) -> dict[str, Any]:
    by_address, by_flip = aliases.aliased(end, result)
    return {
        "aliased_by_address": by_address,
        "aliased_by_flip": by_flip,
        "aliased": bool(by_address) and by_flip is not False,
    }
