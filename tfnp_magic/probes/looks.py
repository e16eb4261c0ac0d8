"""Which reads of a tensor belong to the conversion that an earlier read began.

NumPy's compiled functions may read a tensor more than once for one conversion:
`np.dot`, `np.inner`, `np.correlate` and `np.searchsorted` ask each operand for its buffer
twice, to learn its dtype and then, a little deeper in the C stack, to read it;
`np.array([t, t])` of scalars asks for the buffer and then calls ``__float__``. Operands
that are the same tensor (`np.add(t, t)`) and iterations of a loop come from one depth.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from tfnp_magic.frames.rebound import is_argument, may_change_route
from tfnp_magic.frames.route import name_here
from tfnp_magic.frames.site import Standpoint, is_library
from tfnp_magic.lifetimes import WhileAlive
from tfnp_magic.scope import newest

_MOST = 65_536
"""Tensors that one instruction's reads are remembered of."""

_DEEPER = 560
"""Bytes of C stack by which the second request lies deeper, at most.

Measured on x86-64: 160 to 528 between the two requests of one NumPy call (NumPy 1.26 and
2.4), 592 and more between the same line called from one Python function deeper.
"""


_CALLERS = 6
"""Frames that are compared: NumPy's own Python functions take two or three of them."""


class _Looks(threading.local):
    """Reads by the instruction that is running: by tensor, how often at which stack depth.

    And which instructions of the newest trace's, by code, may call something else the next time.
    """

    def __init__(self) -> None:
        self.instruction: tuple[Any, ...] = ()
        self.unpaired: dict[int, dict[int, int]] = {}
        self.changing: WhileAlive[CodeType, dict[int, bool]] = WhileAlive()
        self.trace = 0


_looks = _Looks()


def is_second_look(tensor: Any, frame: FrameType, stack: int) -> bool:
    """Whether a request for a tensor's buffer belongs to a conversion already counted.

    Parameters
    ----------
    tensor
        The exporting tensor.
    frame
        The innermost Python frame.
    stack
        The C stack pointer at the request.
    """
    _be_at(frame)
    # Where nothing names what is called, it may be another function: most ask once.
    is_named = _looks.instruction[-1] is not None
    if is_named and _pair(tensor, lambda depth: 0 < depth - stack <= _DEEPER):
        return True
    _note(tensor, stack)
    return False


def note_look(tensor: Any, frame: FrameType, stack: int) -> None:
    """Keep in mind that a conversion began, for the reads that belong to it."""
    _be_at(frame)
    _note(tensor, stack)


def _note(tensor: Any, stack: int) -> None:
    unpaired = _looks.unpaired
    if len(unpaired) >= _MOST:
        unpaired.clear()
    depths = unpaired.setdefault(id(tensor), {})
    depths[stack] = depths.get(stack, 0) + 1


def belongs_to_last_look(tensor: Any, frame: FrameType | None) -> bool:
    """Whether ``__float__`` and its like follow the same instruction's look at the buffer."""
    if frame is None or _instruction(frame) != _looks.instruction:
        return False
    if _looks.instruction[-1] is None and is_argument(id(tensor), frame):
        return False  # in a list, `np.array` asks for it as a number, too
    return _pair(tensor, lambda depth: True)


def has_no_look(tensor: Any) -> bool:
    """Whether no look at the tensor waits for a read that belongs to it; quick to ask."""
    return not _looks.unpaired.get(id(tensor))


def _pair(tensor: Any, fits: Callable[[int], bool]) -> bool:
    """Take one unpaired look at the tensor, from a depth that fits; False without one."""
    depths = _looks.unpaired.get(id(tensor), {})
    depth = next(filter(fits, depths), None)
    if depth is None:
        return False
    depths[depth] -= 1
    if not depths[depth]:
        del depths[depth]
    return True


def _be_at(frame: FrameType) -> None:
    """Forget the reads by other instructions than the frame's current one."""
    instruction = _instruction(frame)
    if _looks.instruction != instruction:
        _looks.instruction = instruction
        _looks.unpaired.clear()


def _instruction(frame: FrameType) -> tuple[Any, ...]:
    """What runs: the newest trace, and the instructions of the frame and of its callers.

    A frame's address is given out again when it ends: the callers tell two calls apart. With
    what is called, where that may be another thing each time, ``for f in functions: f(t)``;
    None where nothing names that.
    """
    chain: list[Any] = [newest()]
    walk: FrameType | None = frame
    for _ in range(_CALLERS):
        if walk is None:
            break
        chain += (id(walk), walk.f_lasti)
        walk = walk.f_back
    if _may_change(frame):
        chain.append(name_here(frame))
    return tuple(chain)


def _may_change(frame: FrameType) -> bool:
    if is_library(frame.f_code.co_filename):
        return False
    if _looks.trace != newest():
        _looks.trace, _looks.changing = newest(), WhileAlive()
    by_instruction = _looks.changing.get(frame.f_code)
    if by_instruction is None:
        by_instruction = _looks.changing[frame.f_code] = {}
    known: bool | None = by_instruction.get(frame.f_lasti)
    if known is None:
        known = may_change_route(Standpoint(frame, None, None))
        by_instruction[frame.f_lasti] = known
    return known
