"""Names of what a user wrote, from real frames of a library that we make up."""

from __future__ import annotations

import builtins
import gc
import sys
import types
import weakref

import numpy as np
import pytest

from tfnp_magic.frames.route import Route, reader_of, route_of
from tfnp_magic.frames.site import stand

from .frames import LIBRARY, MODULE, new_cell_file, run

SOURCE = '''
class Tensor:
    """Converts, whatever is done to it."""

    def _convert(self, *others):
        note()
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __matmul__ = __pow__ = __iadd__ = _convert
    __lt__ = __eq__ = __ge__ = __neg__ = __invert__ = __getitem__ = __setitem__ = _convert
    __truediv__ = __floordiv__ = __mod__ = __and__ = __or__ = __xor__ = __rshift__ = _convert
    __lshift__ = __pos__ = __ne__ = __gt__ = __le__ = _convert

    def __array__(self, dtype=None, copy=None):
        note()
        return zeros(3)

    def __contains__(self, value):
        note()
        return True

    def __iter__(self):
        note()
        return iter(())

    def __bool__(self):
        note()
        return True

    def __float__(self):
        note()
        return 1.0

    def __index__(self):
        note()
        return 1

    def __repr__(self):
        note()
        return "tensor"

    def __format__(self, spec):
        note()
        return "tensor"

    def numpy(self):
        note()


class Dense:
    kernel = 1

    def __call__(self, value):
        return value._convert()

    def predict(self, value):
        return value._convert()


def public(value):
    return _private(value)


def _private(value):
    value._convert()


def constant(value):
    value._convert()


constant._tf_api_names = ("constant", "compat.v1.a_longer.constant")


def cast(value):
    value._convert()


def wrapped_cast(value):
    return cast(value)


cast._tf_api_names = ("cast",)
wrapped_cast.__wrapped__ = cast


def keras_sum(value):
    value._convert()


keras_sum._api_export_path = "keras.ops.sum"


class Producer:
    def call(self):
        value = Tensor()
        reference = ref(value)
        value._convert()
        alive_before = reference() is not None
        del value
        alive.append((alive_before, reference() is not None))
'''


class Library:
    """The library above, and the routes of all conversions in it."""

    def __init__(self, *, keep_source=True):
        self.cell_file = new_cell_file()
        self.keep_source = keep_source
        self.routes: list[Route] = []
        self.alive: list[tuple[bool, bool]] = []
        self.names = run(
            LIBRARY, SOURCE, name="fakelib.core",
            note=self.note, zeros=np.zeros, ref=weakref.ref, alive=self.alive,
        )  # fmt: skip
        self.names |= {
            "np": np,
            "t": self.names["Tensor"](),
            "layer": self.names["Dense"](),
            "fakelib": types.SimpleNamespace(**self.names),
        }

    def note(self):
        frame = sys._getframe(1)
        self.routes.append(route_of(stand(frame, {self.cell_file}), frame, "lowest"))

    def run_cell(self, source, **names):
        names = {**self.names, **names, "note": self.note}
        return run(self.cell_file, source, keep_source=self.keep_source, **names)


def routes_of(source, **names):
    library = Library()
    library.run_cell(source, **names)
    return library.routes


BINARY = ["+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]


@pytest.mark.parametrize("operator", BINARY + COMPARISONS)
def test_an_operator_is_named_by_its_sign(operator):
    assert routes_of(f"x = t {operator} 1") == [(f"operator {operator}", False)]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("x = 1 - t", "operator -"),
        ("t += 1", "operator +="),
        ("t -= 1", "operator -="),
        ("x = -t", "operator unary -"),
        ("x = +t", "operator unary +"),
        ("x = ~t", "operator ~"),
        ("x = t[0]", "operator []"),
        ("x = t[1:2, ...]", "operator []"),
        ("t[0] = 1", "operator []="),
        ("x = 1 in t", "operator in"),
        ("x = f'{t}'", "f-string"),
        ("x = f'{t:>10}'", "f-string"),
        ("for x in t: pass", "iteration"),
        ("x = [y for y in t]", "iteration"),
        ("x = {y for y in t}", "iteration"),
        ("if t: pass", "bool"),
        ("x = t and 1", "bool"),
        ("x = 1 if t else 2", "bool"),
        ("x = [1, 2, 3][t]", "operator []"),
    ],
)
def test_syntax_converts_implicitly_under_a_name_of_its_own(source, name):
    assert routes_of(source) == [(name, False)]


@pytest.mark.parametrize(
    ("source", "name", "explicit"),
    [
        ("np.sum(t)", "np.sum", False),
        ("np.linalg.norm(t)", "np.linalg.norm", False),
        ("np.add(t, 1)", "np.add", False),
        ("np.asarray(t)", "np.asarray", True),
        ("np.array(t, dtype='f4')", "np.array", True),
        ("from numpy import asarray as a\na(t)", "np.asarray", True),
        ("import numpy.linalg as la\nla.norm(t)", "np.linalg.norm", False),
        ("float(t)", "float", True),
        ("repr(t)", "repr", False),
        ("str(t)", "str", False),
        ("print(t, end='')", "print", False),
        ("format(t)", "format", False),
        ("public(t)", "fakelib.core.public", False),
        ("constant(t)", "tf.constant", True),
        ("wrapped_cast(t)", "tf.cast", True),
        ("keras_sum(t)", "keras.ops.sum", False),
        ("layer(t)", "Dense.__call__", False),
        ("layer.predict(t)", "Dense.predict", False),
        ("t.numpy()", "Tensor.numpy", True),
        ("for x in map(float, [t]): pass", "float", False),
    ],
)
def test_a_call_is_named_by_the_public_name_of_what_was_called(source, name, explicit):
    assert routes_of(source) == [(name, explicit)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = (t - 1) * np.sum(t)", ["operator -", "np.sum", "operator *"]),
        ("x = np.sum(t) + float(t)", ["np.sum", "float"]),
        ("x = [np.sum(t) for _ in 'ab']", ["np.sum", "np.sum"]),
        ("public(\n    t\n) ; constant(t)", ["fakelib.core.public", "tf.constant"]),
    ],
)
def test_each_conversion_of_a_line_has_its_own_name(source, expected):
    assert [route.name for route in routes_of(source)] == expected


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("g(value)", "fakelib.core.public"),
        ("(lambda: public)()(value)", "fakelib.core.public"),
        ("[constant][0](value)", "tf.constant"),
        ("l(value)", "Dense.__call__"),
        ("l.predict(value)", "Dense.predict"),
        ("value.numpy()", "Tensor.numpy"),
        ("public(value)", "fakelib.core.public"),
        ("np.sum(value)", "np.sum"),
        ("value - 1", "operator -"),
    ],
)
def test_what_local_variables_hold_is_named_by_what_ran(call, name):
    source = f"def f(g, l, value):\n    return {call}\nf(public, layer, t)"
    assert [route.name for route in routes_of(source)] == [name]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("public(t)", "fakelib.core.public"),
        ("constant(t)", "tf.constant"),
        ("layer(t)", "Dense.__call__"),
        ("t.numpy()", "Tensor.numpy"),
        ("if t: pass", "bool"),
        ("float(t)", "float"),
    ],
)
def test_without_source_it_is_named_by_what_ran(source, name):
    library = Library(keep_source=False)
    library.run_cell(source)
    assert [route.name for route in library.routes] == [name]


def test_a_conversion_in_compiled_code_without_source_has_the_chokepoints_name():
    library = Library(keep_source=False)
    library.run_cell("note()")
    assert library.routes == [("lowest", False)]


def test_a_helper_of_the_users_is_named_by_what_it_wrote():
    module = "def helper(value):\n    return constant(value)"
    library = Library()
    helper = run(MODULE, module, name="features", **library.names)["helper"]
    library.run_cell("helper(t)", helper=helper)
    assert library.routes == [("tf.constant", True)]


def test_explicit_is_what_converts_by_purpose_whatever_the_class():
    source = "class Mine(Tensor): pass\nmine = Mine()\nmine.numpy()"
    assert routes_of(source) == [("Mine.numpy", True)]


# What must not happen on the way.

TOUCHY = """
class Touchy(Dense):
    @property
    def layer(self):
        touched.append("layer")
        return self

    @property
    def call(self):
        touched.append("call")
        return public

    @property
    def __name__(self):
        touched.append("__name__")
        return "touchy"

touchy = Touchy()
"""

LAZY = """
class Lazy(Dense):
    def __getattr__(self, name):
        touched.append(name)
        raise AttributeError(name)

lazy = Lazy()
"""


@pytest.mark.parametrize(
    ("call", "evaluated"),
    [
        ("touchy.call(t)", ["call"]),
        ("touchy.layer.call(t)", ["layer", "call"]),
        ("touchy.layer.layer(t)", ["layer", "layer"]),
        ("touchy.layer(t)", ["layer"]),
        ("touchy.predict(t)", []),
        pytest.param("touchy(t)", []),
    ],
)
def test_no_property_of_a_users_object_is_evaluated_to_name_a_call(call, evaluated):
    """But by the user's own code, once each."""
    touched = []
    assert len(routes_of(TOUCHY + call, touched=touched)) == 1
    assert touched == evaluated


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("lazy(t)"),
        "lazy.predict(t)",
        "lazy.__call__(t)",
        "np.sum(t)",
    ],
)
def test_a_users_getattr_is_not_asked_to_name_a_call(call):
    touched = []
    assert len(routes_of(LAZY + call, touched=touched)) == 1
    assert touched == []


@pytest.fixture
def no_collector():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "call", ["layer(value)", "l(value)", "value - 1", "np.sum(value)", "public(value)"]
)
def test_a_users_local_dies_as_soon_as_untraced(call):
    source = (
        "def f(l):\n"
        "    value = Tensor()\n"
        "    reference = ref(value)\n"
        f"    {call}\n"
        "    del value\n"
        "    dead.append(reference() is None)\n"
        "f(layer)\n"
    )
    dead = []
    assert len(routes_of(source, dead=dead)) == 1
    assert dead == [True]


@pytest.mark.usefixtures("no_collector")
def test_a_librarys_local_dies_as_soon_as_untraced():
    """Though the library's frame was asked for its ``self``."""
    library = Library()
    library.run_cell("Producer().call()")
    assert library.routes == [("Producer.call", False)]
    assert library.alive == [(True, False)]


@pytest.mark.usefixtures("no_collector")
def test_a_users_object_is_not_kept_by_the_route_of_its_call():
    library = Library()
    library.run_cell(
        "own = Dense()\nown(t)\nreference = ref(own)\ndel own\ndead = reference() is None"
    )
    names = library.run_cell(
        "own = Dense()\nown(t)\nreference = ref(own)\ndel own\ndead = reference() is None"
    )
    assert names["dead"]


def test_nothing_is_added_to_the_builtins_or_to_the_users_names():
    library = Library()
    before = set(vars(builtins))
    names = library.run_cell("constant(t)")
    assert set(vars(builtins)) == before
    assert set(names) == {*library.names, "note", "__name__", "__builtins__"}


# Readers.


class Readers(Library):
    def note(self):
        frame = sys._getframe(1).f_back
        where = stand(frame, {self.cell_file})
        self.routes.append(reader_of(frame, where, route_of(where, frame, "lowest")))


@pytest.mark.parametrize(
    ("source", "name", "plain", "copied"),
    [
        ("np.asarray(t)", "np.asarray", True, False),
        ("np.asarray(t).copy()", "np.asarray", True, True),
        ("np.asarray(t).copy", "np.asarray", True, False),
        ("np.asarray(t, 'f4')", "np.asarray", False, False),
        ("np.asarray(t, dtype='f4')", "np.asarray", False, False),
        ("np.add(t, 1)", "np.add", False, False),
    ],
)
def test_a_reader_is_the_call_in_the_innermost_frame(source, name, plain, copied):
    """Plain with one argument, and copied where the expression goes on to do so."""
    readers = Readers()
    readers.run_cell(source)
    (reader,) = readers.routes
    assert reader[:4] == (name, plain, False, copied)
    assert reader.asks == (not plain)


def test_without_a_frame_there_is_no_reader():
    nowhere = stand(None, ())
    assert reader_of(None, nowhere, Route("tf.constant", True)).name == ""
