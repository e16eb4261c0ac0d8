"""The dtype that an expression names, found without calling anything of the user's."""

from __future__ import annotations

import ast
import builtins
import gc
import sys
import types
import weakref

import numpy as np
import pytest

from tfnp_magic.frames.into import CONVERTERS, dtype_in, into_of, names_dtype

from .frames import new_cell_file, run

before_313 = pytest.mark.skipif(sys.version_info >= (3, 13), reason="frames keep no snapshot")


def node_of(source):
    """The first call or subscript that is stored to."""
    return next(
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        or (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store))
    )


def dtype_of(source, frame, name="np.asarray"):
    into = into_of(node_of(source), name)
    return None if into is None else dtype_in(frame, into)


def in_cell(source, name="np.asarray", **names):
    """What is found in the frame of a cell that has these names."""
    found = []

    def here():
        found.append(dtype_of(source, sys._getframe(1), name))

    run(new_cell_file(), "here()", here=here, np=np, **names)
    return found[0]


# What the syntax says.


@pytest.mark.parametrize(
    ("source", "dtype"),
    [
        ("np.asarray(t, 'f4')", "float32"),
        ("np.asarray(t, dtype='f4')", "float32"),
        ("np.asarray(t, order='C', dtype='>i2')", ">i2"),
        ("np.asarray(t, 'float16', 'C')", "float16"),
        ("np.asarray(dtype='bool', a=t)", "bool"),
        ("np.asarray(t, np.float32)", "float32"),
        ("np.asarray(t, np.dtypes.Float32DType)", None),
        ("np.asarray(t, float)", "float64"),
        ("np.asarray(t, bool)", "bool"),
        ("np.asarray(t, complex)", "complex128"),
        ("np.asarray(t, dt)", "float16"),
        ("np.asarray(t, dtype=kind)", "uint8"),
        ("np.asarray(t, text)", "int16"),
        ("np.asarray(t, module.kind)", "uint8"),
        ("np.asarray(t, outer.module.kind)", "uint8"),
        # No dtype, or none that the syntax tells.
        ("np.asarray(t)", None),
        ("np.asarray()", None),
        ("np.asarray(t, None)", ""),
        ("np.asarray(t, dtype=None)", ""),
        ("np.asarray(t, order='C')", None),
        ("np.asarray(t, 'no such dtype')", None),
        ("np.asarray(t, 'f4,,')", None),
        ("np.asarray(t, 7)", None),
        ("np.asarray(t, str)", None),
        ("np.asarray(t, object)", None),
        ("np.asarray(t, unknown)", None),
        ("np.asarray(t, module.unknown)", None),
        ("np.asarray(t, unknown.kind)", None),
        ("np.asarray(t, a.dtype)", "float32"),
        ("np.asarray(t, a.T.dtype)", None),
        ("np.asarray(t, np.dtype('f4'))", "float32"),
        ("np.asarray(t, np.dtype(module.kind))", "uint8"),
        ("np.asarray(t, module.kind('f4'))", None),
        ("np.asarray(t, 'f4' if x else 'f8')", None),
        ("np.asarray(t, kinds[0])", None),
        ("np.asarray(t, **options)", None),
        ("np.asarray(t, *options)", None),
    ],
)
def test_dtype_is_a_constant_a_name_or_a_modules_attribute(source, dtype):
    module, outer = types.ModuleType("module"), types.ModuleType("outer")
    module.kind, outer.module = np.uint8, module
    names = {
        "module": module, "outer": outer, "dt": np.dtype("f2"), "kind": np.uint8, "text": "i2",
        "a": np.zeros(2, "f4"), "kinds": ["f4"], "options": {"dtype": "f4"}, "x": 1,
    }  # fmt: skip
    assert in_cell(source, **names) == dtype


@pytest.mark.parametrize("name", sorted(CONVERTERS))
def test_every_converter_has_a_dtype_keyword(name):
    assert in_cell("f(t, dtype='f4')", name) == "float32"


@pytest.mark.parametrize("name", ["np.sum", "np.add", "np.frombuffer", "list", "t.numpy", ""])
def test_other_calls_do_not_say_into_what_they_convert(name):
    """``np.sum(t, dtype=…)`` adds up in that dtype; ``np.frombuffer`` reads other bytes."""
    assert in_cell("f(t, 'f4')", name) is None


@pytest.mark.parametrize("source", ["t", "t + a", "a[0]", "del a[0]", "t.x"])
def test_expressions_that_are_no_calls_say_nothing(source):
    statement = ast.parse(source).body[0]
    node = getattr(statement, "value", statement)
    assert into_of(node, "np.asarray") is None
    assert into_of(None, "np.asarray") is None


@pytest.mark.parametrize("source", ["a[:] = t", "a[0], b = t, 1", "a[1:, 0] = t"])
def test_item_that_is_set_is_cast_to_the_arrays_dtype(source):
    assert in_cell(source, "ndarray.__setitem__", a=np.zeros(3, "i2")) == "int16"


@pytest.mark.parametrize("target", ["a.flat", "a[0]", "f()", "missing", "number", "holder.array"])
def test_target_that_is_no_array_by_name_says_nothing(target):
    holder = types.SimpleNamespace(array=np.zeros(2))
    assert in_cell(f"{target}[:] = t", "", a=np.zeros((3, 3)), number=3, holder=holder) is None


def test_array_of_a_module_is_a_target():
    module = types.ModuleType("module")
    module.buffer = np.zeros(3, "f2")
    assert in_cell("module.buffer[:] = t", "", module=module) == "float16"


@pytest.mark.parametrize("name", ["np.copyto", "np.put", "np.place", "np.putmask"])
def test_function_that_writes_casts_to_its_first_arguments_dtype(name):
    assert in_cell("f(a, t)", name, a=np.zeros(3, "f2")) == "float16"
    assert in_cell("f()", name) is None


# Where names are looked up.


def test_builtins_come_after_the_cells_names():
    assert in_cell("np.asarray(t, float)", float=np.dtype("i2")) == "int16"
    assert in_cell("np.asarray(t, int)") == str(np.dtype(int))


@pytest.mark.parametrize(
    ("body", "dtype"),
    [
        ("def f(dt):\n    here()\nf('f2')", "float16"),
        ("def f():\n    dt = 'f2'\n    here()\nf()", "float16"),
        (
            "def f(dt):\n    def g():\n        here()\n        return dt\n    g()\nf('f2')",
            "float16",
        ),
        ("def f(dt):\n    here()\n    return lambda: dt\nf('f2')", "float16"),
        ("def f():\n    dt = 'f2'\n    here()\n    return lambda: dt\nf()", "float16"),
        ("def f():\n    here()\n    dt = 'f2'\nf()", None),
        ("def f():\n    global dt\n    here()\ndt = 'f2'\nf()", "float16"),
        ("def f():\n    here()\ndt = 'f2'\nf()", "float16"),
        ("[here() for dt in ['f2']]", "float16"),
        ("def f(dt):\n    yield here()\nlist(f('f2'))", "float16"),
        ("(lambda dt: here())('f2')", "float16"),
    ],
)
def test_name_is_the_one_that_the_code_sees(body, dtype):
    found = []

    def here():
        found.append(dtype_of("np.asarray(t, dt)", sys._getframe(1)))

    run(new_cell_file(), body, here=here, **({} if "dt = 'f2'" in body else {"dt": "f8"}))
    assert found == [dtype]


def test_no_snapshot_of_a_functions_locals_stays_behind():
    died = []

    class Thing:
        pass

    def here():
        assert dtype_of("np.asarray(t, dt)", sys._getframe(1)) == "float16"

    def f(dt):
        thing = Thing()
        died.append(weakref.ref(thing))
        here()
        del thing
        gc.collect()
        assert died[0]() is None
        return dt

    assert f("f2") == "f2"


@before_313
@pytest.mark.parametrize("look", ["locals()", "vars()", "dir()", "eval('dt')", "exec('')"])
def test_function_that_looks_at_its_locals_is_left_alone(look):
    """It may hold the snapshot, which would be emptied under its hands."""
    found = []

    def here():
        found.append(dtype_of("np.asarray(t, dt)", sys._getframe(1)))

    source = f"def f(dt):\n    mine = {look}\n    here()\n    return mine\nkept = f('f2')"
    names = run(new_cell_file(), source, here=here)
    assert found == [None]
    if look == "locals()":
        assert names["kept"]["dt"] == "f2"


def test_modules_names_are_left_as_they_are():
    found = []

    def here():
        found.append(dtype_of("np.asarray(t, dt)", sys._getframe(1)))

    names = run(new_cell_file(), "here()", here=here, dt="f2")
    assert found == ["float16"]
    assert names["dt"] == "f2"


# Nothing of the user's runs.


class Loud:
    """Complains of whatever is asked of it, but for its type."""

    asked: list[str] = []

    def __getattribute__(self, name):
        Loud.asked.append(name)
        raise AttributeError(name)

    def __eq__(self, other):
        Loud.asked.append("==")
        return False

    __hash__ = None


@pytest.fixture
def loud():
    Loud.asked.clear()
    return Loud()


@pytest.mark.parametrize(
    "source",
    [
        "np.asarray(t, x)",
        "np.asarray(t, x.dtype)",
        "np.asarray(t, x.y.z)",
        "x.y[:] = t",
        "x[:] = t",
    ],
)
def test_attributes_of_the_users_objects_are_not_asked_for(source, loud):
    assert in_cell(source, x=loud) is None
    assert Loud.asked == []


def test_properties_and_dynamic_attributes_are_not_computed():
    computed = []

    class Config:
        @property
        def dtype(self):
            computed.append("property")

        def __getattr__(self, name):
            computed.append(name)

    assert in_cell("np.asarray(t, config.dtype)", config=Config()) is None
    assert in_cell("np.asarray(t, config.other)", config=Config()) is None
    assert computed == []


def test_modules_getattr_is_not_called():
    module, computed = types.ModuleType("module"), []
    module.__getattr__ = computed.append
    assert in_cell("np.asarray(t, module.missing)", module=module) is None
    assert computed == []


def test_string_of_the_users_own_class_is_a_dtypes_name():
    class Name(str):
        __slots__ = ()

    assert in_cell("np.asarray(t, text)", text=Name("f2")) == "float16"


def test_dtype_of_the_users_own_class_is_not_guessed():
    """NumPy would ask an object for its ``dtype``."""
    computed = []

    class Kind:
        @property
        def dtype(self):
            computed.append("dtype")
            return np.dtype("f4")

    assert in_cell("np.asarray(t, kind)", kind=Kind()) is None
    assert in_cell("np.asarray(t, Kind)", Kind=Kind) is None
    assert computed == []


def test_class_is_not_compared_by_its_metaclass():
    computed = []

    class Meta(type):
        def __eq__(cls, other):
            computed.append("==")
            return True

        __hash__ = type.__hash__

    class Kind(metaclass=Meta):
        pass

    assert in_cell("np.asarray(t, Kind)", Kind=Kind) is None
    assert computed == []


def test_arguments_are_not_asked_for_a_numpy_dtype():
    computed = []

    class Thing:
        def __getattr__(self, name):
            computed.append(name)
            return np.float32

    thing = Thing()

    def here():
        names_dtype(sys._getframe(1), node_of("f(thing)"), "float32", id(thing))

    run(new_cell_file(), "here()", here=here, thing=thing)
    assert computed == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("f(x, 'f4')", True),
        ("f(dtype=np.float32, a=x)", True),
        ("f(x, kind)", True),
        ("f(x, 'f8')", False),
        ("f(y, 'f4')", False),
        ("f('f4')", False),
        ("f(x)", False),
        ("f(x + 1, 'f4')", False),
        ("x[0] = 'f4'", False),
    ],
)
def test_call_names_the_dtype_that_what_it_is_handed_became(source, expected):
    x, found = np.zeros(3), []

    def here():
        found.append(names_dtype(sys._getframe(1), node_of(source), "float32", id(x)))

    # As TensorFlow's dtypes have it.
    kind = type("DType", (), {"as_numpy_dtype": np.float32, "__module__": "tensorflow.x"})()
    run(new_cell_file(), "here()", here=here, np=np, x=x, y=np.zeros(3), kind=kind)
    assert found == [expected]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("np.float32", "float32"), ("np.bool_", "bool"), ("np.matrix", None), ("np.sum", None)],
)
def test_scalar_type_that_is_called_is_the_dtype(name, dtype):
    assert in_cell(f"{name}(t)", name) == dtype


def test_array_method_has_the_dtype_first():
    assert in_cell("t.__array__('f2')", "Tensor.__array__") == "float16"
    assert in_cell("t.__array__(dtype='f2')", "Tensor.__array__") == "float16"
    assert in_cell("t.__array__()", "Tensor.__array__") is None


@pytest.mark.parametrize("name", ["pd.Series", "pd.DataFrame", "pd.Index"])
def test_second_argument_of_pandas_is_no_dtype(name):
    assert in_cell("f(t, 'f4')", name) is None


def test_builtin_names_are_those_of_the_interpreter():
    assert in_cell("np.asarray(t, __debug__)") is None
    assert "float" in vars(builtins)
