"""Measures a row: the copies, casts and aliases that its call makes."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import gc
import io
import time
import types

import numpy as np

from tests.contract.oracle import aliases, control, interposer, needles, state
from tests.contract.row import Row
from tests.contract.rows import names


@dataclasses.dataclass(frozen=True)
class Copy:
    """A buffer that came to hold the data of an operand.

    Attributes
    ----------
    nbytes
        The operand's share of the buffer.
    dtype, layout
        As in `needles.Needle`.
    freed
        Whether it was gone before the call ended.
    """

    nbytes: int
    dtype: str
    layout: str
    freed: bool


@dataclasses.dataclass(frozen=True)
class Crossed:
    """What the call did with one operand. None stands for what was not measured.

    Attributes
    ----------
    direction
        As the row says.
    nbytes
        Bytes of the data that crosses.
    shape, dtype
        Of an operand that is one array.
    buffers, copies, copied_bytes
        The copies, their number and their bytes; None for data under `needles.THRESHOLD`.
        Without those that the call makes of data that is at home; see `Row.works`.
    at_most
        Whether they are only an upper bound: the call works on the data, and how much of them
        is its own doing could not be measured.
    cast
        The dtype of a copy in another dtype, or of an older array that the data was cast
        into; None if no such copy was seen.
    values_changed
        Whether that cast loses values.
    aliased_by_address, aliased_by_flip
        See `aliases.aliased`.
    """

    direction: str
    nbytes: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    buffers: tuple[Copy, ...] | None = None
    copies: int | None = None
    copied_bytes: int | None = None
    at_most: bool = False
    cast: str | None = None
    values_changed: bool | None = None
    aliased_by_address: bool | None = None
    aliased_by_flip: bool | None = None

    @property
    def aliased(self) -> bool:
        """Whether writing to one end shows at the other."""
        return bool(self.aliased_by_address) and self.aliased_by_flip is not False


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one row's call did, in one world.

    Attributes
    ----------
    world
        `aligned` or `mmapped`; see `interpose.c`.
    outcome
        `ok`, or the error that the call ended with.
    seconds
        Of the call alone.
    crossed
        Per name of `Row.crosses`.
    """

    world: str
    outcome: str
    seconds: float
    crossed: dict[str, Crossed]

    def as_json(self) -> dict:
        """Plain data; each operand's `aliased` with it."""
        plain = dataclasses.asdict(self)
        for name, one in self.crossed.items():
            plain["crossed"][name]["aliased"] = one.aliased
        return plain


def measure(row: Row, world: str) -> Measured:
    """Set the row up, run its call once under watch, and tell what it did.

    An exception of the call is its outcome; one of the setup passes, since such a row is
    wrong.

    Raises
    ------
    RuntimeError
        The process does not run in `world`.
    """
    if interposer.world() != world:
        raise RuntimeError(f"this process runs in the world {interposer.world()}, not {world}")
    with state.kept():
        space, code = prepared(row)
        return _measured(row, world, space, code)


def prepared(row: Row) -> tuple[dict, types.CodeType]:
    """A fresh namespace after the row's setup, and the row's code, which leaves `r` in it."""
    # AutoGraph looks for the module of a function that it is handed.
    space = {**names.namespace(), "__name__": "__main__"}
    exec(compile(row.setup, f"<setup of {row.name}>", "exec"), space)
    code = compiled(row.code, f"<row {row.name}>")
    if row.needs_first:
        _outcome(code, space)
        space.pop("r", None)
    return space, code


def compiled(source: str, filename: str) -> types.CodeType:
    """`source`, an expression or statements, as code that leaves its result in `r`."""
    try:
        expression = ast.parse(source, filename, "eval").body
    except SyntaxError:
        return compile(source, filename, "exec")
    target = ast.copy_location(ast.Name("r", ast.Store()), expression)
    assign = ast.copy_location(ast.Assign([target], expression), expression)
    return compile(ast.Module([assign], []), filename, "exec")


@dataclasses.dataclass(frozen=True)
class _Watched:
    """What one run left: pairs of needle and block, casts in older arrays, and how it ended."""

    copies: list[tuple[needles.Needle, interposer.Block]]
    filled: list[needles.Needle]
    outcome: str
    seconds: float


def _measured(row, world, space, code):
    ends = {name: space.get(name) for name in row.crosses}
    operands = {name: needles.operand(value) for name, value in ends.items()}
    wanted = needles.needles(operands)
    seen = _watched(code, space, wanted)
    own = _control(row, wanted) if row.works else None
    result = space.get("r")
    crossed = {
        name: dataclasses.replace(
            _described(operands[name], direction),
            **_done(row, name, operands[name], seen, own),
            **_aliased(ends[name], result),
        )
        for name, direction in row.crosses.items()
    }
    return Measured(world, seen.outcome, seen.seconds, crossed)


def _watched(code, space, wanted):
    older = [value for value in space.values() if isinstance(value, np.ndarray)]
    gc.collect()
    with interposer.watch([one.content for one in wanted]) as blocks:
        outcome, seconds = _outcome(code, space)
    copies = [(wanted[block.needle], block) for block in blocks if block.needle is not None]
    return _Watched(copies, _filled(older, wanted), outcome, seconds)


def _control(row, wanted):
    """The same call on operands that are at home already; see `control`."""
    with state.kept():
        space, code = prepared(row)
        space.update(control.natives(row, space))
        if row.needs_first:
            _outcome(code, space)
        return _watched(code, space, wanted)


def _done(row, name, operand, seen, own):
    """The operand's copies and cast, without those of the control where it could run."""
    copies, filled = seen.copies, seen.filled
    is_known = own is not None and own.outcome == "ok" and name in control.names_read(row)
    if is_known:
        copies = control.without(copies, own.copies)
        filled = [] if own.filled else filled
    casts = [one for one, _ in copies if one.cast] + filled
    copied = _copied(name, operand, copies)
    at_most = bool(copied) and row.works and not is_known
    return {**copied, **_cast(name, operand, casts), "at_most": at_most}


def _filled(older, wanted):
    """The casts that an array holds which was there before: no buffer is made for it."""
    return [
        one
        for one in wanted
        for array in older
        if one.cast and array.nbytes == one.content.nbytes and array.dtype.name == one.dtype
        if array.tobytes() == one.content.tobytes()
    ]


def _outcome(code, space):
    """Run the code; what it prints is nobody's business, though it is printed."""
    started = time.perf_counter()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, space)
        outcome = "ok"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
        del error
    return outcome, time.perf_counter() - started


def _described(operand, direction):
    whole = operand.arrays[0] if len(operand.arrays) == 1 else None
    return Crossed(
        direction=direction,
        nbytes=operand.nbytes,
        shape=None if whole is None else whole.shape,
        dtype=None if whole is None else whole.dtype.name,
    )


def _copied(name, operand, copies):
    if not operand.measurable:
        return {}
    buffers = tuple(
        Copy(needle.shares[name], needle.dtype, needle.layout, block.freed)
        for needle, block in copies
        if name in needle.shares
    )
    copied_bytes = sum(one.nbytes for one in buffers)
    return {"buffers": buffers, "copies": len(buffers), "copied_bytes": copied_bytes}


def _cast(name, operand, casts):
    dtypes = [needle.dtype for needle in casts if name in needle.shares]
    if not dtypes:
        return {}
    changed = needles.changes_values(operand.arrays, dtypes[0])
    return {"cast": dtypes[0], "values_changed": changed}


def _aliased(value, result):
    by_address, by_flip = aliases.aliased(value, result)
    return {"aliased_by_address": by_address, "aliased_by_flip": by_flip}
