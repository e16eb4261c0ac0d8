"""Owners get their attributes, and functions their code, back exactly as found."""

from __future__ import annotations

import contextlib
import itertools
import traceback
import types
import warnings

import pytest

from tfnp_magic.probes.patch import (
    AttributePatch,
    CodePatch,
    ForeignPatchWarning,
    without_our_frame,
)


def returns(value):
    return ("own", value)


def raises(value):
    raise ValueError(value)


def is_interrupted(value):
    raise KeyboardInterrupt


def make_class(defines, function=returns):
    own, inherited = {"chokepoint": staticmethod(function)}, {}
    if not defines:
        own, inherited = inherited, own
    return type("Owner", (type("Base", (), inherited),), own)


def make_module(defines, function=returns):
    """A module that defines the attribute, or one whose type does."""

    class Inheriting(types.ModuleType):
        chokepoint = staticmethod(function)

    module = Inheriting("owner")
    if defines:
        module.chokepoint = function
    return module


def noted(calls):
    """A wrapper as the probes make them: the user's code first, then a note."""

    def make(original):
        def chokepoint(*args, **kwargs):
            try:
                return original(*args, **kwargs)
            finally:
                calls.append(args)

        return chokepoint

    return make


def theirs(value):
    return ("theirs", value)


def nobody(owner):
    return False


def patches_over(owner):
    owner.chokepoint = theirs
    return True


def wraps_ours(owner):
    ours = owner.chokepoint
    owner.chokepoint = lambda value: ours(value)
    return True


def assert_same(after, before):
    """The same names, bound to the very same objects."""
    assert after.keys() == before.keys()
    assert [name for name in before if after[name] is not before[name]] == []


OWNERS = [
    pytest.param(make, defines, id=f"{make.__name__[5:]} {'defines' if defines else 'inherits'}")
    for make, defines in itertools.product((make_class, make_module), (True, False))
]


@pytest.mark.parametrize(("make_owner", "defines"), OWNERS)
@pytest.mark.parametrize("user_code", [returns, raises, is_interrupted])
@pytest.mark.parametrize("somebody", [nobody, patches_over, wraps_ours])
@pytest.mark.parametrize("times_off", [1, 2])
def test_owner_is_given_back_as_found(make_owner, defines, user_code, somebody, times_off):
    """Or as somebody else left it, with one warning."""
    owner, calls = make_owner(defines, user_code), []
    before = dict(vars(owner))
    patch = AttributePatch(owner, "chokepoint", noted(calls))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        patch.on()
        with contextlib.suppress(ValueError, KeyboardInterrupt):
            vars(owner)["chokepoint"](1)
        foreign = somebody(owner)
        if foreign:
            before["chokepoint"] = vars(owner)["chokepoint"]
        for _ in range(times_off):
            patch.off()
    assert calls == [(1,)]
    assert_same(vars(owner), before)
    assert [warning.category for warning in caught] == [ForeignPatchWarning] * foreign


@pytest.mark.parametrize(("make_owner", "defines"), OWNERS)
def test_an_owner_that_somebody_put_in_order_meanwhile_needs_nothing(make_owner, defines):
    owner = make_owner(defines)
    before = dict(vars(owner))
    patch = AttributePatch(owner, "chokepoint", noted([]))
    patch.on()
    if defines:
        owner.chokepoint = before["chokepoint"]
    else:
        del owner.chokepoint
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.off()
    assert_same(vars(owner), before)


@pytest.mark.parametrize(("make_owner", "defines"), OWNERS)
def test_what_stands_there_meanwhile_does_what_the_original_did(make_owner, defines):
    owner, calls = make_owner(defines), []
    patch = AttributePatch(owner, "chokepoint", noted(calls))
    patch.on()
    chokepoint = vars(owner)["chokepoint"]
    assert chokepoint(1) == ("own", 1)
    assert calls == [(1,)]
    patch.off()
    assert owner.chokepoint(2) == ("own", 2)
    assert calls == [(1,)]


def test_patch_goes_in_again_after_it_came_out():
    owner, calls = make_class(defines=True), []
    before = dict(vars(owner))
    patch = AttributePatch(owner, "chokepoint", noted(calls))
    for _ in range(2):
        patch.on()
        vars(owner)["chokepoint"](1)
        patch.off()
    assert calls == [(1,), (1,)]
    assert dict(vars(owner)) == before


@pytest.mark.parametrize("make_owner", [make_class, make_module])
def test_an_absent_attribute_is_an_error_and_leaves_the_owner_alone(make_owner):
    owner = make_owner(True)
    before = dict(vars(owner))
    patch = AttributePatch(owner, "no_such_chokepoint", noted([]))
    with pytest.raises(AttributeError):
        patch.on()
    patch.off()
    assert dict(vars(owner)) == before


def test_a_wrapper_that_cannot_be_made_leaves_the_owner_alone():
    owner = make_class(defines=False)
    before = dict(vars(owner))

    def cannot(original):
        raise RuntimeError

    patch = AttributePatch(owner, "chokepoint", cannot)
    with pytest.raises(RuntimeError):
        patch.on()
    patch.off()
    assert dict(vars(owner)) == before


def test_an_owner_that_cannot_be_written_to_is_left_alone():
    patch = AttributePatch(int, "real", noted([]))
    with pytest.raises(TypeError):
        patch.on()
    patch.off()
    assert isinstance(vars(int)["real"], types.GetSetDescriptorType)


def test_a_warning_that_raises_does_so_once():
    """Under ``-W error``, a second try must come through, or other patches would stay in."""
    owner = make_class(defines=True)
    patch = AttributePatch(owner, "chokepoint", noted([]))
    patch.on()
    owner.chokepoint = theirs
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ForeignPatchWarning):
            patch.off()
        patch.off()
    assert vars(owner)["chokepoint"] is theirs


def test_the_warning_names_the_attribute():
    owner = make_class(defines=True)
    patch = AttributePatch(owner, "chokepoint", noted([]))
    patch.on()
    owner.chokepoint = theirs
    with pytest.warns(ForeignPatchWarning, match=r"^Owner\.chokepoint was patched"):
        patch.off()


# Code.


def make_function():
    """A plain function with all kinds of parameters, and no free variable."""
    namespace = {}
    source = (
        "def convert(value, dtype='float32', *more, name='x', **rest):\n"
        "    'Convert it.'\n"
        "    if value is None:\n"
        "        raise ValueError('nothing')\n"
        "    return (value, dtype, more, name, rest)\n"
    )
    exec(compile(source, "library.py", "exec"), namespace)
    return namespace["convert"]


def test_references_taken_before_are_caught():
    convert, calls = make_function(), []
    alias = types.SimpleNamespace(make=convert)
    patch = CodePatch(convert, noted(calls))
    patch.on()
    alias.make(1)
    patch.off()
    alias.make(2)
    assert calls == [(1,)]


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1,), {}),
        ((1, "int8"), {}),
        ((1, "int8", 2, 3), {"name": "y", "other": 4}),
        ((), {"value": 1, "dtype": "int8"}),
    ],
)
def test_a_patched_function_takes_and_gives_what_it_did(args, kwargs):
    convert = make_function()
    expected = convert(*args, **kwargs)
    patch = CodePatch(convert, noted([]))
    patch.on()
    try:
        assert convert(*args, **kwargs) == expected
        assert convert.__defaults__ == ("float32",)
        assert convert.__kwdefaults__ == {"name": "x"}
        assert (convert.__name__, convert.__doc__) == ("convert", "Convert it.")
    finally:
        patch.off()
    assert convert(*args, **kwargs) == expected


@pytest.mark.parametrize("user_code", [returns, raises, is_interrupted])
@pytest.mark.parametrize("times_off", [1, 2])
def test_a_function_gets_its_very_code_back(user_code, times_off):
    function = types.FunctionType(user_code.__code__, globals())
    before, calls = dict(vars(function)), []
    patch = CodePatch(function, noted(calls))
    patch.on()
    assert function.__code__ is not user_code.__code__
    with contextlib.suppress(ValueError, KeyboardInterrupt):
        function(1)
    for _ in range(times_off):
        patch.off()
    assert calls == [(1,)]
    assert function.__code__ is user_code.__code__
    assert vars(function) == before


def test_code_that_somebody_else_put_in_is_left_with_a_warning():
    convert = make_function()
    patch = CodePatch(convert, noted([]))
    patch.on()
    convert.__code__ = theirs.__code__
    with pytest.warns(ForeignPatchWarning, match="convert"):
        patch.off()
    assert convert.__code__ is theirs.__code__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.off()


def test_code_that_is_equal_to_ours_but_another_is_somebody_elses():
    """Code objects compare by value; whose it is shows by identity only."""
    convert = make_function()
    patch = CodePatch(convert, noted([]))
    patch.on()
    copied = convert.__code__.replace()
    assert copied == convert.__code__
    convert.__code__ = copied
    with pytest.warns(ForeignPatchWarning):
        patch.off()
    assert convert.__code__ is copied


def test_the_globals_of_a_patched_function_show_nothing_of_ours():
    convert = make_function()
    before = set(convert.__globals__)
    patch = CodePatch(convert, noted([]))
    patch.on()
    convert(1)
    assert set(convert.__globals__) == before
    patch.off()


def closure():
    free = 1

    def function():
        return free

    return function


class Callable:
    def __call__(self):
        """Not a function."""


@pytest.mark.parametrize("refused", [closure(), len, Callable(), Callable().__call__, int])
def test_only_plain_functions_without_free_variables_are_patched(refused):
    with pytest.raises(TypeError, match="not a plain function"):
        CodePatch(refused, noted([]))


def frames_of(exc):
    return [frame.name for frame in traceback.extract_tb(exc.__traceback__)]


def transparent(original):
    """A wrapper as the probes make them for functions that may raise."""

    def around(*args, **kwargs):
        try:
            return original(*args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise

    return around


def caught_from(function):
    try:
        function(None)
    except ValueError as exc:
        return exc
    raise AssertionError


def test_an_exceptions_traceback_shows_no_frame_of_ours():
    convert = make_function()
    untraced = frames_of(caught_from(convert))
    patch = CodePatch(convert, transparent)
    patch.on()
    traced = frames_of(caught_from(convert))
    patch.off()
    assert traced == untraced == ["caught_from", "convert"]


def test_an_exception_through_a_patched_attribute_shows_no_frame_of_ours():
    owner = types.ModuleType("owner")
    owner.chokepoint = make_function()
    patch = AttributePatch(owner, "chokepoint", transparent)
    patch.on()
    error = caught_from(owner.chokepoint)
    patch.off()
    assert frames_of(error) == ["caught_from", "convert"]


def test_an_exception_is_the_users_own_with_its_cause_and_context():
    cause, error = KeyError("cause"), ValueError("error")
    owner = types.ModuleType("owner")

    def fails(value):
        raise error from cause

    owner.fails = fails
    patch = AttributePatch(owner, "fails", transparent)
    patch.on()
    caught = caught_from(owner.fails)
    patch.off()
    assert caught is error
    assert caught.__cause__ is cause
    assert caught.__context__ is None
