"""What the user may write as limits, and what is said of anything else."""

from __future__ import annotations

import numpy as np
import pytest

from tfnp_magic.testing import limits
from tfnp_magic.testing.limits import BYTES, LIMITS, LimitError, limits_of


def read(*positional, **named):
    return limits_of("here", positional, named)


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_is_a_number(name):
    assert read(**{name: 3}) == {name: 3}


@pytest.mark.parametrize("name", LIMITS)
def test_bytes_may_be_written_with_a_unit_and_counts_may_not(name):
    if LIMITS[name].unit == BYTES:
        assert read(**{name: "1.5 kB"}) == {name: 1500}
    else:
        with pytest.raises(LimitError, match=f"here: {name} is a number, 0 or more, and not '1kB'"):
            read(**{name: "1kB"})


def test_numbers_of_numpy_are_numbers():
    assert read(max_moves=np.int64(2)) == {"max_moves": 2}


def test_none_is_no_limit():
    assert read(max_moves=None, max_copies=1) == {"max_copies": 1}


@pytest.mark.parametrize("value", [-1, 1.5, True, "ten", "-1", [], "1e6", float("nan")])
@pytest.mark.parametrize("name", ["max_copied", "max_copies"])
def test_what_is_no_limit_is_said_with_what_is(name, value):
    with pytest.raises(LimitError) as caught:
        read(**{name: value})
    assert str(caught.value).startswith(f"here: {name} is ")
    assert f"and not {value!r}." in str(caught.value)
    assert_names_all(str(caught.value))


def test_unknown_names_are_said_with_the_known():
    with pytest.raises(LimitError, match=r"^here: 'max_copy' is no limit\. ") as caught:
        read(max_copy=1)
    assert_names_all(str(caught.value))


def test_an_unknown_name_is_an_error_also_without_a_limit():
    with pytest.raises(LimitError, match="'max_copy' is no limit"):
        read(max_copy=None)


def test_arguments_without_a_name_are_an_error():
    with pytest.raises(LimitError, match=r"^here: '1MB' has no name\. ") as caught:
        read("1MB", max_copies=1)
    assert_names_all(str(caught.value))


def test_every_limit_is_documented():
    text = __import__("inspect").getsource(limits)
    assert [name for name in LIMITS if f"``{name}``" not in text] == []


def assert_names_all(message):
    assert [name for name in LIMITS if name not in message] == []
    assert "\n" not in message
