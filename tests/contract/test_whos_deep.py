"""Looking inside of what names hold: all is found and called rightly, and nothing is touched."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import enum
import gc
import sys
import types
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.ops import ops_of
from tfnp_magic import whos
from tfnp_magic.whos import deep as looking_deep
from tfnp_magic.whos import take_inventory
from tfnp_magic.whos.deep import Walk
from tfnp_magic.whos.readers import is_known, known_types


def through(**namespace):
    """Give all that a walk through the namespace finds: by what to type for it."""
    known = known_types()
    walk = Walk(lambda thing: is_known(thing, known), lambda _: None)
    found = dict(walk.through(sorted(namespace.items())))
    also = [(name, found[first]) for first, names in walk.also.items() for name in names]
    for name, thing in [*found.items(), *also]:
        assert eval(name, dict(namespace)) is thing, name
    return found


def deep(**namespace):
    return take_inventory(namespace, deep=True)


Pair = collections.namedtuple("Pair", "left right")


@dataclasses.dataclass
class Record:
    values: object
    _cache: object = None


@dataclasses.dataclass(slots=True)
class Slotted:
    values: object


class Plain:
    def __init__(self, **held):
        vars(self).update(held)


class Named(list):
    """A list with an attribute of its own."""


def named(*elements, **held):
    made = Named(elements)
    vars(made).update(held)
    return made


def objects(*elements, shape):
    made = np.empty(shape, object)
    for index, element in zip(np.ndindex(shape), elements, strict=True):
        made[index] = element
    return made


class Colour(enum.Enum):
    RED = 1


class Untrue(tuple):
    """A tuple that looks like a named one."""

    _fields = ("left",)
    __slots__ = ()


class Hiding:
    """A property stands before the attribute of its name."""

    def __init__(self, held):
        vars(self)["held"] = held

    @property
    def held(self):
        return None


A, B = np.zeros(3), np.ones(4)
CONTAINERS = [
    ([A], "x[0]"),
    ((1, "a", A), "x[2]"),
    ([*range(10_000), A], "x[10000]"),
    ([[1], [2, A]], "x[1][1]"),
    (Pair(1, A), "x.right"),
    ({"w": A}, "x['w']"),
    ({"it's": A}, 'x["it\'s"]'),
    ({"größe": A}, "x['größe']"),
    ({"\x1b[31m": A}, r"x['\x1b[31m']"),
    ({3: A}, "x[3]"),
    ({None: 1, (1, "a"): A}, "x[(1, 'a')]"),
    ({True: A}, "x[True]"),
    ({0.5: A}, "x[0.5]"),
    ({float("inf"): A}, "list(x.values())[0]"),
    ({"k" * 100: A}, "list(x.values())[0]"),
    ({10**5000: A}, "list(x.values())[0]"),
    ({Colour.RED: 1, Plain(): A}, "list(x.values())[1]"),
    (collections.OrderedDict(w=A), "x['w']"),
    (collections.defaultdict(list, w=[A]), "x['w'][0]"),
    (collections.deque([1, A]), "x[1]"),
    ({Plain(held=A)}, "list(x)[0].held"),
    (frozenset([Plain(held=A)]), "list(x)[0].held"),
    (Record(A), "x.values"),
    (Record(1, A), "x._cache"),
    (Slotted(A), "x.values"),
    (types.SimpleNamespace(a=A), "x.a"),
    (collections.ChainMap({}, {"w": A}), "x.maps[1]['w']"),
    (collections.UserDict(w=A), "x.data['w']"),
    (collections.UserList([1, A]), "x.data[1]"),
    (Untrue([1, A]), "x[1]"),
    (Hiding(A), "vars(x)['held']"),
    (Plain(a=Plain(b=A)), "x.a.b"),
    (Plain(**{"not a name": A, "class": 1}), "vars(x)['not a name']"),
    (named(1, A), "x[1]"),
    (named(1, of_its_own=A), "x.of_its_own"),
    (objects(None, A, shape=2), "x[1]"),
    (objects(1, 2, 3, A, shape=(2, 2)), "x[1, 1]"),
    (objects(A, shape=()), "x[()]"),
]


@pytest.mark.parametrize(("thing", "name"), CONTAINERS, ids=[name for _, name in CONTAINERS])
def test_what_is_inside_is_called_by_what_to_type_for_it(thing, name):
    found = through(x=thing)
    found.pop("x", None)  # an array of objects is listed itself
    assert {name: id(member) for name, member in found.items()} == {name: id(A)}


LEAVES = st.sampled_from([1, "text", None, Colour.RED, np.float32])
NESTED = st.recursive(
    st.builds(np.zeros, st.just(2)) | LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(collections.deque),
        st.dictionaries(st.text(max_size=3) | st.integers() | st.floats(), inner, max_size=4),
        st.builds(Pair, inner, inner),
        st.builds(Record, inner, inner),
        st.builds(Slotted, inner),
        st.builds(Plain, a=inner, _b=inner),
    ),
    max_leaves=20,
)


def arrays_in(thing):
    """Find all arrays by plain recursion."""
    if isinstance(thing, np.ndarray):
        return {id(thing)}
    if isinstance(thing, dict):
        inside = thing.values()
    elif isinstance(thing, (list, tuple, collections.deque)):
        inside = thing
    elif isinstance(thing, Slotted):
        inside = [thing.values]
    else:
        inside = vars(thing).values() if isinstance(thing, (Record, Plain)) else []
    return {each for member in inside for each in arrays_in(member)}


@settings(max_examples=100, deadline=None)
@given(NESTED, NESTED)
def test_everything_is_found_and_can_be_typed(x, y):
    found = through(x=x, y=y)
    assert {id(thing) for thing in found.values()} == arrays_in(x) | arrays_in(y)


def test_names_come_first_and_nearer_ones_before_those_further_in():
    assert list(through(a=[[A]], b=[B])) == ["b[0]", "a[0][0]"]
    assert list(through(a=[A], b=A)) == ["b"]


def test_a_circle_is_gone_round_once():
    around = [A]
    around += [around, {"again": around}]
    assert list(through(around=around)) == ["around[0]"]


def test_a_very_deep_list_is_no_matter():
    nested = [A]
    for _ in range(5_000):
        nested = [nested]
    known = known_types()
    walk = Walk(lambda thing: is_known(thing, known), lambda _: None)
    (found,) = walk.through([("x", nested)])
    assert found == ("x" + "[0]" * 5_001, A)


# ---- what is shared ---------------------------------------------------------------------


def test_one_object_is_one_row_with_its_other_names():
    found = deep(a=A, params={"w": [A, A]}, pair=Pair(A, 1))
    (row,) = found.rows
    assert (row.name, row.also) == ("a", ("pair.left", "params['w'][0]"))
    assert sum(found.held.values()) == A.nbytes
    assert "= pair.left, params['w'][0]" in repr(found)
    assert found.to_frame()["also"].tolist() == ["pair.left, params['w'][0]"]


def test_two_names_of_one_object_stay_two_rows():
    found = deep(a=A, b=A, c=[A])
    assert [(row.name, row.group, row.also) for row in found.rows] == [
        ("a", 1, ("c[0]",)),
        ("b", 1, ()),
    ]


def test_a_member_that_shares_memory_with_a_name_is_of_one_group_with_it():
    t = tf.range(100.0)
    found = deep(t=t, views=[np.asarray(t), np.zeros(2)])
    assert [group.names for group in found.groups] == [("t", "views[0]")]
    assert found.held == {"host": 400 + 16}
    assert "1 name and 2 members of others hold 416 B" in repr(found)


def test_a_writable_member_is_warned_of():
    room = np.zeros(464, np.uint8)
    array = room[-room.ctypes.data % 64 :][:400].view(np.float32)
    found = deep(t=tf.squeeze(array), data={"batch": array})
    said = " ".join(repr(found).split())
    assert "Warning: data['batch'] is writable; writing there can change t." in said
    assert "W!" in said


def test_members_are_chosen_by_kind_size_and_name_like_names():
    namespace = {"data": [np.zeros(1000), tf.ones(3)], "other": [np.zeros(1)]}
    every = take_inventory(namespace, ["data"], deep=True)
    assert [row.name for row in every.rows] == ["data[0]", "data[1]"]
    big = take_inventory(namespace, kinds=["ndarray"], least=100, deep=True)
    assert [row.name for row in big.rows] == ["data[0]"]


def test_rows_are_in_the_order_of_their_numbers():
    found = deep(x=[np.zeros(1) for _ in range(12)])
    assert [row.name for row in found.rows] == [f"x[{n}]" for n in range(12)]


def test_without_it_a_container_is_refused_with_the_way_to_look_into_it():
    with pytest.raises(whos.InventoryError, match=r"^'x' is no tensor .* dict; --deep looks into"):
        take_inventory({"x": {"a": A}}, ["x"])
    with pytest.raises(whos.InventoryError, match=r"of type int\.$"):
        take_inventory({"x": 1}, ["x"])


# ---- TensorFlow and Keras ---------------------------------------------------------------


class Layered(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable([1.0])
        self.listed = [tf.Variable(2.0)]
        self.named = {"a": tf.Variable(1.0), "deeper": {"b": tf.Variable(1.0)}}
        self.pair = (tf.Variable(1.0), 3)
        self._hidden = tf.Variable(1.0)
        self.array = np.zeros(2)


def test_all_of_a_module_is_found():
    module = Layered()
    found = through(module=module)
    assert set(found) == {
        "module.w", "module.listed[0]", "module.named['a']", "module.named['deeper']['b']",
        "module.pair[0]", "module._hidden", "module.array",
    }  # fmt: skip
    variables = {id(variable) for variable in module.variables}
    assert variables <= {id(thing) for thing in found.values()}


def test_what_tensorflow_made_of_a_module_is_looked_into_too(tmp_path):
    tf.saved_model.save(Layered(), str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    assert {"loaded.w", "loaded.listed[0]", "loaded.named['a']"} <= set(through(loaded=loaded))
    checkpoint = tf.train.Checkpoint(module=Layered())
    assert "checkpoint.module.w" in through(checkpoint=checkpoint)
    assert "generator._state_var" in through(generator=tf.random.Generator.from_seed(1))


def test_layers_within_a_layer_are_called_by_its_attributes():
    attention = keras.layers.MultiHeadAttention(2, 2)
    attention(tf.ones((1, 2, 4)), tf.ones((1, 2, 4)))
    assert {"attention._query_dense.kernel", "attention._output_dense.bias"} <= set(
        through(attention=attention)
    )


def sequential():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3),
            keras.layers.Dropout(0.1),
            keras.layers.BatchNormalization(),
        ]
    )


def functional():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3)(inputs)
    return keras.Model(inputs, [hidden, sequential()(inputs)])


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [keras.layers.Dense(2), keras.layers.Dense(2)]
        self.heads = {"a": keras.layers.Dense(1)}
        self.scale = self.add_weight(shape=(2,))
        self._own = self.add_weight(shape=(2,), trainable=False)
        self.table = np.zeros(3)

    def call(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        return self.heads["a"](inputs * self.scale)


def subclassed():
    model = Subclassed()
    model(tf.ones((1, 4)))
    return model


MODELS = [sequential, functional, subclassed]


def state_of(model):
    """Ids of all Variables that a model, its optimizer and its metrics have."""
    variables = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return {id(variable) for variable in variables}


@pytest.mark.parametrize("make", MODELS)
def test_all_variables_of_a_compiled_model_are_found_and_can_be_typed(make):
    model = make()
    model.compile("adam", "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    found = through(model=model)
    assert state_of(model) <= {id(thing) for thing in found.values()}
    assert not any(row.kind == "SymbolicTensor" for row in deep(model=model).rows)


def test_variables_of_a_model_are_called_as_one_would_type_them():
    model = sequential()
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    assert set(through(model=model)) == {
        *(f"model.layers[0].{name}" for name in ("kernel", "bias")),
        "model.layers[1].seed_generator.state",
        *(
            f"model.layers[2].{name}"
            for name in ("beta", "gamma", "moving_mean", "moving_variance")
        ),
        "model.optimizer.iterations",
        "model.optimizer.learning_rate",
        *(
            f"model.optimizer._{name}[{n}]"
            for name in ("momentums", "velocities")
            for n in range(4)
        ),
        "model._loss_tracker.total",
        "model._loss_tracker.count",
    }
    assert {"subclassed.blocks[0].kernel", "subclassed.heads['a'].bias", "subclassed.table"} <= set(
        through(subclassed=subclassed())
    )


def test_a_layer_that_has_a_name_is_called_by_it():
    model = sequential()
    found = through(model=model, dense=model.layers[0])
    assert "dense.kernel" in found
    assert not {name for name in found if name.startswith("model.layers[0]")}


def test_a_layer_whose_kernel_is_computed_gives_the_variable_below():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.layers[0].enable_lora(1)
    found = through(model=model)
    assert "model.layers[0]._kernel" in found
    assert "model.layers[0].kernel" not in found


def test_a_model_that_is_not_built_is_not_built_by_looking():
    model, layer = keras.Sequential([keras.layers.Dense(3)]), keras.layers.LSTM(2)
    optimizer = keras.optimizers.Adam()
    before = [dict(vars(each)) for each in (model, layer)]
    found = deep(model=model, layer=layer, optimizer=optimizer)
    assert {row.name for row in found.rows} == {
        "layer.cell.seed_generator.state",
        "optimizer.iterations",
        "optimizer.learning_rate",
    }
    assert not model.built
    assert not layer.built
    assert [dict(vars(each)) for each in (model, layer)] == before


@pytest.fixture
def everything():
    model = sequential()
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    namespace = {f"x{number}": thing for number, (thing, _) in enumerate(CONTAINERS)}
    metric = keras.metrics.Mean()
    return {**namespace, "model": model, "module": Layered(), "t": [tf.ones(3)], "metric": metric}


def test_looking_inside_runs_no_op_and_imports_nothing(everything):
    modules = set(sys.modules)
    assert ops_of(lambda: take_inventory(everything, deep=True)) == []
    assert set(sys.modules) == modules


def test_looking_inside_keeps_nothing_alive(everything):
    known = known_types()
    walk = Walk(lambda thing: is_known(thing, known), lambda _: None)
    gc.collect()
    before = {name: sys.getrefcount(thing) for name, thing in everything.items()}
    found = take_inventory(everything, deep=True)
    for _ in walk.through(everything.items()):
        pass
    assert {name: sys.getrefcount(thing) for name, thing in everything.items()} == before
    held = Plain(a=np.zeros(3), t=tf.zeros(3))
    found = deep(held=held)
    gone = [weakref.ref(held.a), weakref.ref(held.t)]
    gc.disable()
    try:
        del held
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()
    assert len(found.rows) == 2


# ---- nothing of the user's runs ---------------------------------------------------------


class ToldOff(Exception):
    pass


def told_off(*_, **__):
    raise ToldOff


class TouchyDict(dict):
    __iter__ = __len__ = __getitem__ = __contains__ = items = keys = values = told_off
    __getattribute__ = __repr__ = __bool__ = __eq__ = told_off
    __hash__ = None


class TouchyList(list):
    __iter__ = __len__ = __getitem__ = __getattribute__ = __bool__ = __eq__ = told_off


class TouchyTuple(tuple):
    __iter__ = __len__ = __getitem__ = __getattribute__ = __bool__ = __eq__ = told_off
    __slots__ = ()


class TouchyObject:
    def __init__(self, held):
        object.__getattribute__(self, "__dict__")["held"] = held

    __getattribute__ = __getattr__ = __iter__ = __len__ = __bool__ = __eq__ = told_off
    __dir__ = told_off
    __hash__ = None


class TouchyKey:
    __repr__ = __eq__ = __str__ = told_off

    def __hash__(self):
        return 1


class TouchyMeta(type):
    __eq__ = __iter__ = __len__ = __getattribute__ = __instancecheck__ = told_off
    __hash__ = None


class OfTouchyMeta(metaclass=TouchyMeta):
    pass


class Properties:
    """Each property would tell."""

    def __init__(self):
        self.held = A

    @property
    def other(self):
        raise ToldOff


TOUCHY = {
    "dict": (TouchyDict(w=A), {"x['w']"}),
    "list": (TouchyList([A]), {"x[0]"}),
    "tuple": (TouchyTuple([A]), {"x[0]"}),
    "object": (TouchyObject(A), {"x.held"}),
    "key": ({TouchyKey(): A}, {"list(x.values())[0]"}),
    "metaclass": ([OfTouchyMeta(), OfTouchyMeta, A], {"x[2]"}),
    "properties": (Properties(), {"x.held"}),
}


@pytest.mark.parametrize(("thing", "names"), TOUCHY.values(), ids=TOUCHY)
def test_no_code_of_the_users_runs(thing, names):
    assert {row.name for row in deep(x=thing).rows} == names


class Lazy(types.ModuleType):
    def __getattr__(self, name):
        raise ToldOff


def test_no_module_is_asked_for_what_it_would_load():
    lazy = Lazy("lazy")
    del lazy.__dict__["__loader__"]
    kind = type("Held", (), {"__module__": "lazy"})
    sys.modules["lazy"] = lazy
    try:
        assert not deep(lazy=lazy, held=kind()).rows
    finally:
        del sys.modules["lazy"]


def test_objects_of_libraries_are_not_looked_into():
    """What an object of a library's is made of is not the user's to type."""
    assert not deep(x=argparse.Namespace(a=A)).rows


# ---- how much ---------------------------------------------------------------------------


def test_plain_values_are_passed_over_without_a_look_at_each():
    looked = []
    walk = Walk(lambda thing: looked.append(thing), lambda _: None)
    values = {"ints": list(range(1_000_000)), "words": dict.fromkeys("abcdef", 1.5)}
    assert list(walk.through(values.items())) == []
    assert len(looked) < 10
    assert walk.remarks == []


def test_that_there_were_too_many_objects_is_said(monkeypatch):
    monkeypatch.setattr(looking_deep, "MOST_OBJECTS", 100)
    found = deep(records=[[n, np.zeros(1)] for n in range(200)], z=np.zeros(1))
    assert found.remarks == (
        "Not all was looked at: looking ended after 100 objects inside of others, in records. "
        "Name what to look into.",
    )
    assert "Not all was looked at" in repr(found)
    assert "Not all was looked at" in found._repr_html_()
    assert [row.name for row in found.rows] == ["z"]
    assert not deep(records=[[n, np.zeros(1)] for n in range(50)]).remarks


@pytest.mark.parametrize("values", [list(range(100_000)), dict.fromkeys(range(100_000))])
def test_that_there_were_too_many_values_is_said(monkeypatch, values):
    monkeypatch.setattr(looking_deep, "MOST_VALUES", 50_000)
    (remark,) = deep(values=values, z=np.zeros(1)).remarks
    assert "after 50,000 plain values, in values." in remark
    assert not deep(values=list(range(50_000))).remarks


def test_that_something_changed_meanwhile_is_said():
    changing = {"a": [], "b": A}
    known = known_types()

    def listed(thing):
        changing["c" * len(changing)] = 1
        return is_known(thing, known)

    walk = Walk(listed, lambda _: None)
    list(walk.through([("changing", changing)]))
    assert walk.remarks == ["Not all was looked at: changing changed meanwhile."]


def test_an_interrupt_reaches_the_user_and_the_next_look_is_whole():
    namespace = {"x": [np.zeros(1) for _ in range(10)]}

    def interrupted(_):
        raise KeyboardInterrupt

    known = known_types()
    walk = Walk(lambda thing: is_known(thing, known), interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(walk.through(namespace.items()))
    assert not walk._containers
    assert len(take_inventory(namespace, deep=True).rows) == 10
