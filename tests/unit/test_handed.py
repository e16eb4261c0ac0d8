"""What the user handed over in place of the array that a library converted."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import pytest

from tfnp_magic.frames.handed import handed_instead, was_handed_as_argument

from .frames import LIBRARY, run

SOURCE = "def f(value=None, *more, **named):\n    note()\n    return value\n"


def found_by(call, converted, **names):
    """What the library's `f` was handed instead of the converted array."""
    found = []

    def note():
        frame = sys._getframe(1)
        shape, dtype = converted.shape, str(converted.dtype)
        found.append(handed_instead(id(converted), shape, dtype, frame))

    library = run(LIBRARY, SOURCE, note=note)
    eval(call, {**library, "converted": converted, "np": np, **names})
    return found[0]


@pytest.fixture
def given():
    return np.arange(6.0).reshape(2, 3)


@pytest.fixture
def converted(given):
    return given.astype(np.float32)


@pytest.mark.parametrize(
    "call",
    [
        "f(given)", "f(1, given)", "f(x=given)", "f([given])", "f({'a': given})", "f([(given,)])",
        "f(x=[1, given])", "f(given.T, given)", "f(None, 'text', given)",
    ],
)  # fmt: skip
def test_array_of_that_shape_and_of_another_dtype_is_found(call, given, converted):
    assert found_by(call, converted, given=given) is given


@pytest.mark.parametrize(
    "call",
    [
        "f(converted)",
        "f(given, converted)",
        "f(converted, given)",
        "f([given, converted])",
        "f(given, alike)",  # the one that was converted may be its copy
        "f()",
        "f(given.T)",
        "f(given[:1])",
        "f(given.ravel())",
        "f(given.tolist())",
        "f([[[given]]])",
        "f(dates)",
        "f(texts)",
        "f(objects)",
        "f(x=np.float64(2))",
    ],
)
def test_nothing_is_found_where_it_may_have_been_the_array_itself_or_no_such_is(
    call, given, converted
):
    names = {
        "given": given,
        "alike": converted.copy(),
        "dates": np.zeros((2, 3), "M8[s]"),
        "texts": np.full((2, 3), "text"),
        "objects": np.full((2, 3), None),
    }
    assert found_by(call, converted, **names) is None


def test_array_itself_is_known_by_identity_whatever_its_dtype_is_called(given):
    found = []

    def note():
        found.append(handed_instead(id(given), (2, 3), "a public name", sys._getframe(1)))

    run(LIBRARY, SOURCE, note=note)["f"](given)
    assert found == [None]


def test_the_first_that_fits_is_meant(given, converted):
    other = given.astype("i2")
    assert found_by("f(given, other)", converted, given=given, other=other) is given
    assert found_by("f(other, given)", converted, given=given, other=other) is other


def test_long_lists_are_not_searched_to_their_end(given, converted):
    many = [np.zeros(1)] * 31
    assert found_by("f([*many, given])", converted, many=many, given=given) is given
    assert found_by("f([*many, 0, given])", converted, many=many, given=given) is None


def test_nothing_is_kept_alive(converted):
    class Thing:
        pass

    thing = Thing()
    died = weakref.ref(thing)
    ended = []

    def note():
        handed_instead(id(converted), (2, 3), "float32", sys._getframe(1))

    def look():
        gc.collect()
        ended.append(died() is None)

    source = "def f(things):\n    thing = things.pop()\n    note()\n    del thing\n    look()\n"
    things = [thing]
    del thing
    run(LIBRARY, source, note=note, look=look)["f"](things)
    assert ended == [True]


def test_what_the_user_handed_over_is_not_iterated_or_asked(converted):
    asked = []

    class Sequence(list):
        def __iter__(self):
            asked.append("iter")
            return super().__iter__()

    class Thing:
        def __getattr__(self, name):
            asked.append(name)
            raise AttributeError(name)

    assert found_by("f(s, t)", converted, s=Sequence([np.zeros((2, 3))]), t=Thing()) is None
    assert asked == []


@pytest.mark.parametrize(
    ("call", "is_argument"),
    [
        ("f(given)", True),
        ("f(value=given)", True),
        ("f([given])", False),
        ("f(None, given)", False),  # it lies in the tuple of those that take the rest
        ("f(None, k=given)", False),
        ("f(given.copy())", False),
    ],
)
def test_an_argument_is_the_object_itself(call, is_argument, given):
    found = []

    def note():
        found.append(was_handed_as_argument(id(given), sys._getframe(1)))

    eval(call, {**run(LIBRARY, SOURCE, note=note), "given": given})
    assert found == [is_argument]


def test_a_local_of_the_librarys_is_no_argument(given):
    found = []

    def note():
        found.append(was_handed_as_argument(id(given), sys._getframe(1)))

    library = run(LIBRARY, "def f(value):\n    value, local = None, value\n    note()\n", note=note)
    library["f"](given)
    assert found == [False]
