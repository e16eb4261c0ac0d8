"""From genes to a cell: each statement is run as soon as it is written, so that most can."""

from __future__ import annotations

import contextlib
import io
import re
import string
import warnings
from typing import Any

import numpy as np

from tests.fuzz import operands, running
from tests.fuzz.calls import RAISING, Call
from tests.fuzz.genes import Gene, Picks
from tests.fuzz.measuring import measured
from tests.fuzz.program import Program, Statement
from tests.fuzz.wrapping import Written, wrapped

_FILTERS = ("always", "always", "default", "error")
_STEMS = {"b": "a", "w": "a", "k": "a", "u": "t", "s": "t", "n": "v"}
"""How names begin, where not with the letter that they stand for."""

_RAISING = {call.text for call in RAISING}


class Writer:
    """Writes one cell.

    Parameters
    ----------
    whole
        Bytes that choose what concerns the whole cell.
    is_watched
        Whether the oracle is there to measure.
    """

    def __init__(self, whole: bytes, is_watched: bool) -> None:
        picks = Picks(whole)
        self._filter, self._shape = picks.one(_FILTERS), picks.one(operands.SHAPES)
        self._is_watched, self._space = is_watched, running.namespace()
        self._own = set(self._space)
        self._statements: list[Statement] = []
        self._number, self._raises = 0, False

    def write(self, genes: list[Gene]) -> Program:
        """The cell."""
        with running.fresh(), _quiet(self._filter):
            for gene in genes:
                self._add(gene.call, Picks(gene.picks))
                if self._raises:
                    break
        return Program(tuple(self._statements), self._filter, self._raises)

    def _add(self, call: Call, picks: Picks) -> None:
        names: dict[str, list[str]] = {}
        for letter in _letters(call.text):
            stands = self._standing_for(letter, call, names, picks)
            if stands is None:
                return
            names[letter] = [stands]
        self._vary(call, names, picks)
        self._number += 1
        written = wrapped(call, names, self._number, picks)
        error = self._run(written, call.fresh)
        if error is not None:
            self._keep_error(written, call, picks)

    def _standing_for(self, letter, call, names, picks) -> str | None:
        if letter in "Ddip":
            return _constant(letter, picks)
        anchor = self._anchor(letter, call, names)
        there = [name for name in self._names() if self._fits(name, letter, call, anchor, picks)]
        if there and not picks.once_in(4):
            return picks.one(there[::-1])
        self._number += 1
        name = f"{_STEMS.get(letter, letter)}{self._number}"
        made = operands.made(
            letter, anchor, self._shape, call.kinds, call.small, self._number, picks
        )
        error = self._run(Written(f"{name} = {made}", None, name), False)
        return None if error is not None else name

    def _anchor(self, letter, call, names) -> Any:
        """What the operand should be like: the first array or tensor of the statement."""
        if letter in "sfqron":
            return None
        first = next((each[0] for key, each in names.items() if key in "abtuvw"), None)
        return None if first is None else self._space[first]

    def _fits(self, name, letter, call, anchor, picks) -> bool:
        value = self._space[name]
        if not operands.fits(letter, value, call.kinds, call.small):
            return False
        return anchor is None or operands.alike(value, anchor, letter not in "k")

    def _vary(self, call: Call, names: dict[str, list[str]], picks: Picks) -> None:
        """Now and then, several operands in turn."""
        if not call.crosses or not picks.once_in(10):
            return
        letter = next(iter(call.crosses))
        shape = self._space[names[letter][0]].shape
        others = [
            name
            for name in self._names()
            if operands.fits(letter, self._space[name], call.kinds, call.small)
            and tuple(self._space[name].shape) == tuple(shape)
            and all(name not in several for several in names.values())
        ]
        names[letter] += others[:3]

    def _names(self) -> list[str]:
        return [name for name in self._space if name not in self._own and name not in ("_", "each")]

    def _run(self, written: Written, fresh: bool) -> Exception | None:
        """Run it, and add it to the cell if that goes well."""
        line = sum(one.height for one in self._statements) + 1
        text = "\n".join([*(one.text for one in self._statements), written.text])
        code = running.compiled(written.text, text, line)

        def run(space):
            exec(code, space)

        told: dict[str, Any] = {}
        before = dict(self._space)
        try:
            if written.row is not None and self._is_watched and not self._is_masks(written):
                told = measured(run, self._space, written.row, written.target, fresh)
            else:
                run(self._space)
        except Exception as error:
            self._space.clear()
            self._space.update(before)
            return error.with_traceback(None)
        self._statements.append(Statement(written.text, written.row, told))
        return None

    def _is_masks(self, written: Written) -> bool:
        """Whether a masked array is among the operands: it has operators of its own."""
        there = re.findall(r"\b[a-z]+\d+\b", written.text)
        return any(isinstance(self._space.get(name), np.ma.MaskedArray) for name in there)

    def _keep_error(self, written: Written, call: Call, picks: Picks) -> None:
        """Now and then the cell ends with it, or catches it."""
        seldom = 2 if call.text in _RAISING else 5
        if not picks.once_in(seldom):
            return
        if picks.once_in(2):
            text = "\n".join(f"    {line}" for line in written.text.split("\n"))
            caught = f"x{self._number}"
            text = f"try:\n{text}\nexcept Exception as error:\n    {caught} = repr(error)"
            self._run(Written(text, None, caught), False)
        else:
            self._statements.append(Statement(written.text))
            self._raises = True


def _letters(text: str) -> list[str]:
    """The letters in braces, each once, in order."""
    return list(dict.fromkeys(name for _, name, _, _ in string.Formatter().parse(text) if name))


def _constant(letter: str, picks: Picks) -> str:
    if letter == "D":
        return f"tf.{picks.one(operands.TENSORFLOWS)}"
    if letter == "d":
        return repr(picks.one(operands.NUMPYS))
    return repr(picks.below(5)) if letter == "i" else repr(picks.below(40) / 8)


@contextlib.contextmanager
def _quiet(filter_: str):
    with warnings.catch_warnings(record=True), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter(filter_)
        yield
