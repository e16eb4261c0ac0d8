"""Which line of one text is which line of another that was edited out of it. Pure.

Lines are compared bare: without indentation, without a comment at their end, such as the
figures of ``--annotate``, and without the options of ``%%interop_trace``.
"""

from __future__ import annotations

import difflib
import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from tfnp_magic.cell_text.comments import MARK, OURS

Key = TypeVar("Key", bound=Hashable)
Text = TypeVar("Text")

SIMILAR = 0.6
"""Ratio of `difflib.SequenceMatcher` from which on two lines are one that was edited."""

_MOST_COMPARED = 300
"""Characters of two lines that are compared: the time grows with their product."""

_MOST_READ = 2000
"""Characters of a line up to which a comment is looked for."""


def bare(line: str) -> str:
    """The line without indentation, comment, and options of the magic."""
    text = line.strip()
    if text.startswith(_MAGIC):
        return _MAGIC
    if len(text) > _MOST_READ:
        return text
    code = _CODE.match(text)
    return code[0].rstrip() if code else text


_MAGIC = "%%interop_trace"
_CODE = re.compile(r"""(?:[^#'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|['"])*""")
"""What stands before a comment: a ``#`` within quotes begins none."""


def without_figures(line: str) -> str:
    """The line without a comment of ``--annotate``: its figures are of an older run."""
    end = len(bare(line))
    if MARK not in line[end:] or line.startswith(_MAGIC):
        return line
    return line[:end] + OURS.sub("", line[end:]).rstrip()


class Pairs(NamedTuple):
    """Numbers of lines before, with those of the same lines after.

    Attributes
    ----------
    same
        Lines whose text is the same, and be it that they stand elsewhere now.
    edited
        Lines whose text is similar.
    """

    same: dict[int, int]
    edited: dict[int, int]


def edited_lines(
    before: Mapping[int, str],
    after: Mapping[int, str],
    wanted: tuple[Collection[int], Collection[int]],
) -> Pairs:
    """Pair the lines of two texts.

    Parameters
    ----------
    before, after
        Bare lines by number, ascending; those that hold nothing are in no pair.
    wanted
        The lines of either that are asked for: no others are compared for similarity.
    """
    before = {line: text for line, text in before.items() if text}
    after = {line: text for line, text in after.items() if text}
    ordered = in_order(before, after)
    same = {**ordered, **anywhere(*rest(before, after, ordered))}

    def worth(one: int, other: int) -> bool:
        return one in wanted[0] or other in wanted[1]

    edited: dict[int, int] = {}
    for gap in _gaps(before, after, ordered):
        edited.update(similar(*rest(*gap, same), worth))

    def of_one_name(one: int, other: int) -> bool:
        target = _target(before[one])
        return bool(target) and target == _target(after[other]) and worth(one, other)

    # What was edited on its way out of a loop still assigns to the same name.
    edited.update(similar(*rest(before, after, {**same, **edited}), of_one_name))
    return Pairs(same, edited)


def in_order(before: Mapping[Key, str], after: Mapping[Key, str]) -> dict[Key, Key]:
    """Pair equal texts that follow one another alike, as many as there are."""
    keys, others = list(before), list(after)
    texts = list(before.values()), list(after.values())
    pairs: dict[Key, Key] = {}
    for block in difflib.SequenceMatcher(None, *texts, autojunk=False).get_matching_blocks():
        ends = block.a + block.size, block.b + block.size
        pairs.update(zip(keys[block.a : ends[0]], others[block.b : ends[1]], strict=True))
    return pairs


def anywhere(before: Mapping[Key, Hashable], after: Mapping[Key, Hashable]) -> dict[Key, Key]:
    """Pair what is equal wherever it stands, the first with the first."""
    waiting: dict[Hashable, list[Key]] = {}
    for key, what in reversed(list(after.items())):
        waiting.setdefault(what, []).append(key)
    return {key: waiting[what].pop() for key, what in before.items() if waiting.get(what)}


def similar(
    before: Mapping[Key, str],
    after: Mapping[Key, str],
    worth: Callable[[Key, Key], bool] = lambda one, other: True,
) -> dict[Key, Key]:
    """Pair similar texts, the most similar first, as far as their order stays the same.

    Of very many, those are compared that stand at about the same place: the time would grow
    with the square.

    Parameters
    ----------
    before, after
        Texts in their order.
    worth
        Whether these two are to be compared.
    """
    keys, others = list(before), list(after)
    taken: list[tuple[int, int]] = []
    for _, at, to in sorted(_candidates(list(before.items()), list(after.items()), worth)):
        if all((at < one and to < other) or (at > one and to > other) for one, other in taken):
            taken.append((at, to))
    return {keys[at]: others[to] for at, to in taken}


def _candidates(
    before: list[tuple[Key, str]],
    after: list[tuple[Key, str]],
    worth: Callable[[Key, Key], bool],
) -> Iterator[tuple[float, int, int]]:
    """Positions of two texts that are similar, behind how unlike they are."""
    few = len(before) * len(after) <= _FEW**2
    near = len(before) + len(after) if few else _FEW
    matcher = difflib.SequenceMatcher(None, autojunk=False)
    for to, (other, text) in enumerate(after):
        matcher.set_seq2(text[:_MOST_COMPARED])
        for at in range(max(0, to - near), min(len(before), to + near)):
            key, text = before[at]
            if worth(key, other):
                matcher.set_seq1(text[:_MOST_COMPARED])
                if (ratio := _ratio(matcher)) >= SIMILAR:
                    yield -ratio, at, to


_FEW = 30
"""Lines in a row of which each is compared with each."""


def _ratio(matcher: difflib.SequenceMatcher[str]) -> float:
    """How similar its two texts are; 0 where bounds that are told sooner say that they are not."""
    if matcher.real_quick_ratio() < SIMILAR or matcher.quick_ratio() < SIMILAR:
        return 0.0
    return matcher.ratio()


def rest(
    before: Mapping[Key, Text], after: Mapping[Key, Text], pairs: Mapping[Key, Key]
) -> tuple[dict[Key, Text], dict[Key, Text]]:
    """What is in no pair yet."""
    paired = set(pairs.values())
    return (
        {key: text for key, text in before.items() if key not in pairs},
        {key: text for key, text in after.items() if key not in paired},
    )


def _gaps(
    before: Mapping[int, str], after: Mapping[int, str], ordered: Mapping[int, int]
) -> Iterator[tuple[dict[int, str], dict[int, str]]]:
    """What stands between lines that are the same: a piece before, and what replaced it."""
    lines, others = sorted(before), sorted(after)
    ends = [(-1, -1), *sorted(ordered.items()), (float("inf"), float("inf"))]
    for (first, other_first), (last, other_last) in itertools.pairwise(ends):
        piece = lines[bisect_right(lines, first) : bisect_left(lines, last)]
        new = others[bisect_right(others, other_first) : bisect_left(others, other_last)]
        if piece and new:
            yield {line: before[line] for line in piece}, {line: after[line] for line in new}


def _target(text: str) -> str:
    """What the line assigns to; empty where it does not."""
    found = _ASSIGNED.match(text)
    return found[1].rstrip() if found else ""


_ASSIGNED = re.compile(r"([\w.,*\[\] ]+)=(?!=)")
