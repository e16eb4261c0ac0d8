"""Where a statement's expression stands: alone, in a loop, a function, a thread, on a device."""

from __future__ import annotations

from typing import NamedTuple

from tests.contract.row import Row
from tests.fuzz.calls import TRUTH, Call
from tests.fuzz.genes import Picks

_TIMES = (3, 2, 12, 20)
_PLAIN = 10


_UNTOLD = {"'O'", "'U'", "'>f8'", "'bool'", "tf.string", "tf.bool"}
"""Dtypes whose elements the oracle cannot look for, or which hardly differ."""


class Written(NamedTuple):
    """A statement's text, what crosses in it, and the name of its value."""

    text: str
    row: Row | None
    target: str


def wrapped(call: Call, names: dict[str, list[str]], number: int, picks: Picks) -> Written:
    """The statement.

    Parameters
    ----------
    names
        By letter, what stands for it; several where the statement may go over them in turn.
    number
        For the names that it makes.
    """
    ways = (*[_alone] * _PLAIN, _loop, _loop, _comprehension, _function, _thread, _device)
    first = {letter: several[0] for letter, several in names.items()}
    target = f"x{number}" if call.result else first.get("w", "")
    if _may_rebind(call) and picks.once_in(8):
        target = first["t"]
    if "\n" in call.text:
        return _alone(call, first, target, number, picks)
    if any(len(several) > 1 for several in names.values()):
        return _turns(call, names, target, picks)
    return picks.one(ways)(call, first, target, number, picks)


def _may_rebind(call: Call) -> bool:
    """Whether the value can take the place of the tensor that it is made of.

    Of truth values, it would soon be one that was there before.
    """
    crosses = call.crosses or {}
    if any(sign in call.text for sign in (">", "==", "equal")):
        return False
    return (
        call.result
        and "{t}" in call.text
        and bool(crosses)
        and "t" not in crosses
        and call.kinds != TRUTH
    )


def _line(call: Call, names: dict[str, str], target: str) -> str:
    expression = call.text.format(**names)
    return f"{target} = {expression}" if call.result else expression


def _row(call, text, names: dict[str, list[str]], line=1, times=1) -> Row | None:
    if call.crosses is None:
        return None
    if set(names.get("d", []) + names.get("D", [])) & _UNTOLD:
        return None
    ends = [name for letter in call.crosses for name in set(names[letter])]
    if len(set(ends)) < len(ends):
        return None  # of one array in two places, the oracle cannot tell which was copied
    if times > 1 and "[{" in call.text:
        return None  # one conversion of several, or several: `compare` can tell it of one call
    crosses: dict[str, str] = {}
    counts: dict[str, int] = {}
    turns = max(len(names[letter]) for letter in names)
    for letter, way in call.crosses.items():
        several = names[letter] if len(names[letter]) > 1 else names[letter] * turns
        for name in several:
            crosses[name] = way
            counts[name] = counts.get(name, 0) + times * call.counts.get(letter, 1)
    return Row("fuzzed", "", text, crosses, counts, call.asked, call.works, line)


def _written(call, text, names: dict[str, str], target, line=1, times=1) -> Written:
    several = {letter: [name] for letter, name in names.items()}
    return Written(text, _row(call, text, several, line, times), target)


def _alone(call, names, target, number, picks):
    return _written(call, _line(call, names, target), names, target)


def _loop(call, names, target, number, picks):
    times = picks.one(_TIMES)
    text = f"for _ in range({times}):\n    {_line(call, names, target)}"
    return _written(call, text, names, target, 2, times)


def _comprehension(call, names, target, number, picks):
    if not call.result:
        return _alone(call, names, target, number, picks)
    times = picks.one(_TIMES)
    text = f"{target} = [{call.text.format(**names)} for _ in range({times})]"
    return _written(call, text, names, target, 1, times)


def _function(call, names, target, number, picks):
    if not call.result:
        return _alone(call, names, target, number, picks)
    letters = [letter for letter in names if letter in "abktuvowf"]
    body = call.text.format(**{**names, **{letter: letter for letter in letters}})
    text = (
        f"def g{number}({', '.join(letters)}):\n    return {body}\n"
        f"{target} = g{number}({', '.join(names[letter] for letter in letters)})"
    )
    return _written(call, text, names, target, 2)


def _thread(call, names, target, number, picks):
    if not call.result:
        return _alone(call, names, target, number, picks)
    text = f"{target} = in_thread(lambda: {call.text.format(**names)})"
    return _written(call, text, names, target)


def _device(call, names, target, number, picks):
    device = f"CPU:{picks.below(2)}"
    text = f"with tf.device('{device}'):\n    {_line(call, names, target)}"
    return _written(call, text, names, target, 2)


def _turns(call, names, target, picks):
    """A loop over several operands: one line that converts now this, now that."""
    letter = next(letter for letter, several in names.items() if len(several) > 1)
    first = {key: several[0] for key, several in names.items()} | {letter: "each"}
    times = picks.one(_TIMES)
    text = f"for each in ({', '.join(names[letter])}) * {times}:\n    {_line(call, first, target)}"
    return Written(text, _row(call, text, names | {}, 2, times), target)
