"""Rules of guards: what is read from a user's words, and which conversions they apply to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfnp_magic.guards import FORBID, KINDS, WARN, GuardError, allow, rules_of
from tfnp_magic.guards.allowing import is_allowed
from tfnp_magic.guards.rules import MOVES, Rule, kinds_of


def parts(rules):
    return [(rule.kind, rule.only_implicit, rule.more_than) for rule in rules]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("copy", [("copy", False, None)]),
        ("Copy", [("copy", False, None)]),
        (" copy ", [("copy", False, None)]),
        ("copy:implicit", [("copy", True, None)]),
        ("copy>1MB", [("copy", False, 1_000_000)]),
        ("copy > 1.5 GB", [("copy", False, 1_500_000_000)]),
        ("copy>=1kB", [("copy", False, 999)]),
        ("copy>0", [("copy", False, 0)]),
        ("cast:implicit>64KiB", [("cast", True, 65_536)]),
        ("alias,retrace", [("alias", False, None), ("retrace", False, None)]),
        ("alias, ,retrace,", [("alias", False, None), ("retrace", False, None)]),
        ("'copy>1MB'", [("copy", False, 1_000_000)]),
        ("move", [(kind, False, None) for kind in MOVES]),
        ("move:implicit>1", [(kind, True, 1) for kind in MOVES]),
        ("any", [(kind, False, None) for kind in KINDS]),
        ("", []),
    ],
)
def test_rules_are_read_as_they_are_written(text, found):
    assert parts(rules_of(FORBID, text)) == found


def test_several_texts_are_several_rules_and_each_knows_its_own():
    rules = rules_of(WARN, ["copy>1MB", "alias"])
    assert [(rule.action, rule.text) for rule in rules] == [(WARN, "copy>1MB"), (WARN, "alias")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("copies", "'copies' is no kind that can be guarded: they are copy, cast"),
        (
            "copy:explicit",
            "'copy:explicit': behind the colon stands `implicit`, and not `explicit`",
        ),
        ("copy>", "'copy>' is no rule: write a kind"),
        ("copy<3", "'copy<3' is no rule"),
        ("copy>-1", "'copy>-1': '-1' is no size; write 4096, 10MB"),
        (">1MB", "'>1MB' is no rule"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(text, says):
    with pytest.raises(GuardError) as raised:
        rules_of(FORBID, text)
    assert says in str(raised.value)


SIZES = st.one_of(st.none(), st.integers(0, 10**12))


@given(SIZES, SIZES, st.booleans(), st.booleans(), st.booleans())
def test_a_rule_applies_to_all_that_it_does_not_let_pass(more_than, nbytes, only, explicit, small):
    rule = Rule(FORBID, "copy", only, more_than, "copy")
    passes_as_asked_for = only and explicit
    passes_as_small = small and more_than is None
    passes_by_size = None not in (more_than, nbytes) and nbytes <= more_than
    applies = not (passes_as_asked_for or passes_as_small or passes_by_size)
    assert rule.applies(nbytes, explicit=explicit, small=small) is applies


def test_regions_add_up_and_end():
    assert not any(map(is_allowed, KINDS))
    with allow("copy"):
        with allow("move"):
            assert {kind for kind in KINDS if is_allowed(kind)} == {"copy", *MOVES}
        assert {kind for kind in KINDS if is_allowed(kind)} == {"copy"}
    with allow():
        assert all(map(is_allowed, KINDS))
    assert not any(map(is_allowed, KINDS))


def test_one_region_may_be_entered_again_and_within_itself():
    region = allow("copy")
    for _ in range(2):
        with region:
            with region:
                assert is_allowed("copy")
            assert is_allowed("copy")
        assert not is_allowed("copy")


def test_groups_stand_for_their_kinds():
    assert kinds_of(["move", "copy"]) == {"copy", *MOVES}
    with pytest.raises(GuardError, match="'moves' is no kind"):
        kinds_of(["moves"])
