"""What a statement of a random cell may do, and which of its operands cross then.

The letters in braces stand for names of the cell, by kind:

a, b  arrays of numbers; b is of a's shape
w     an array that can be written to
k     an array of truth values
o     an array whose dtype TensorFlow lacks, or of objects, text, records
t, u  tensors
s     a tensor of one number
v     a variable
f, q  a `tf.function`, a `tf.data` pipeline
r     a weak reference
n     any name
D, d  a dtype, as TensorFlow and as NumPy write it
i, p  a small whole number, a fraction, of Python's
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.contract.row import TO_NP, TO_PY, TO_TF

COPYTO_READS = np.lib.NumpyVersion(np.__version__) >= "2.1.0"
"""Before, `numpy.copyto` copies read-only memory, which no probe sees; contract rows have it."""


@dataclasses.dataclass(frozen=True)
class Call:
    """One thing that a statement may do.

    Attributes
    ----------
    text
        The expression, or the whole statement if it has no `result`.
    crosses
        Direction by letter; None where nothing is known.
    counts
        How often a letter crosses, where that is not once.
    asked, works
        As in `tests.contract.row.Row`.
    result
        Whether the statement keeps the expression's value under a name.
    kinds
        Kinds of dtype (as NumPy's ``dtype.kind``) that the operands should have.
    fresh
        Whether the value is made of new numbers, which may equal an operand's by chance.
    small
        Whether the operands should be small.
    """

    text: str
    crosses: dict[str, str] | None = None
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    asked: bool = False
    works: bool = False
    result: bool = True
    kinds: str = ""
    fresh: bool = False
    small: bool = False


def _into(*texts, letters="a", **options):
    crosses = dict.fromkeys(letters, TO_TF)
    return [Call(text, crosses, **options) for text in texts]


def _from(*texts, letters="t", way=TO_NP, **options):
    crosses = dict.fromkeys(letters, way)
    return [Call(text, crosses, **options) for text in texts]


def _inside(*texts, **options):
    return [Call(text, {}, **options) for text in texts]


def _other(*texts, **options):
    return [Call(text, **options) for text in texts]


NUMBERS, FLOATS, WHOLE, TRUTH = "fhiu", "fh", "iu", "b"

ENTERING = [
    *_into("tf.constant({a})", "tf.convert_to_tensor({a})", "tf.squeeze({a})", "tf.Variable({a})",
           "tf.expand_dims({a}, 0)", "tf.stop_gradient({a})", "tf.reshape({a}, [-1])",
           "tf.identity({a})", "tf.raw_ops.Identity(input={a})", "tf.ensure_shape({a}, {a}.shape)"),
    *_into("tf.constant({a}, {D})", "tf.cast({a}, {D})", "tf.convert_to_tensor({a}, {D})",
           asked=True),
    *_into("tf.square({a})", "tf.abs({a})", "tf.negative({a})", kinds=NUMBERS, fresh=True),
    *_into("tf.exp({a})", "tf.tanh({a})", kinds=FLOATS, fresh=True),
    *_into("tf.reduce_sum({a})", counts={"a": 2}, kinds=NUMBERS),
    *_into("tf.size({a})", "tf.shape({a})", "tf.zeros_like({a})"),
    *_into("[g({a}) for g in (tf.identity, tf.constant, tf.squeeze)]", counts={"a": 3}),
    *_into("tf.transpose({a})", works=True),
    *_into("tf.stack([{a}, {b}])", "tf.constant([{a}, {b}])", letters="ab", kinds="biufc"),
    *_into("tf.add({a}, {b})", "tf.multiply({a}, {b})", "tf.equal({a}, {b})", letters="ab",
           kinds=NUMBERS, fresh=True),
]  # fmt: skip

OPERATING = [
    *(call for sign in ("+", "-", "*", ">", "==") for call in
      _into(f"{{t}} {sign} {{a}}", f"{{a}} {sign} {{t}}", kinds=NUMBERS, fresh=True)),
    *_into("{t} / {a}", "{a} / {t}", kinds=FLOATS, fresh=True),
    *_into("{t} - {a}", "{t} * {a}", "{t} + {a}", kinds=NUMBERS, fresh=True),
    *_into("{t} // {a}", "{t} % {a}", kinds=WHOLE, fresh=True),
    *_into("{t} & {a}", "{a} | {t}", kinds=TRUTH, fresh=True),
    *_into("{v} - {a}", "{v} * {a}", "{a} + {v}", kinds=NUMBERS, fresh=True),
    *_into("tf.add({t}, {a})", "tf.maximum({t}, {a})", kinds=NUMBERS, fresh=True),
    *_into("tf.where({t} > 0, {t}, {a})", kinds=NUMBERS, fresh=True, works=True),
    *_into("tf.where({k}, {t}, {u})", letters="k", fresh=True, works=True),
    *_into("{v}.assign({a})", "{v}.assign_add({a})", "{v}.assign_sub({a})", kinds=NUMBERS,
           fresh=True),
    *_into("{t} - {a} * {t}", kinds=NUMBERS, fresh=True),
    *_into("{t} - {a} - {b}", letters="ab", kinds=NUMBERS, fresh=True),
]  # fmt: skip

LEAVING = [
    *_from("{t}.numpy()", "{t}.numpy()", "np.asarray({t})", "np.asarray({t})", "np.array({t})",
           "np.ascontiguousarray({t})", "np.asfortranarray({t})", "np.copy({t})",
           "np.require({t}, requirements='W')", "np.ma.masked_array({t})", "np.transpose({t})",
           "np.reshape({t}, -1)", "np.ravel({t})", "np.squeeze({t})", "np.expand_dims({t}, 0)",
           "np.from_dlpack({t})", "{t}.__array__()", "np.array({t}, copy=None)"),
    *_from("np.asarray({t}, {d})", "np.array({t}, {d})", "{t}.__array__(dtype_of({d}))",
           asked=True),
    *_from("np.sum({t})", "np.mean({t})", "np.max({t})", "np.square({t})", "np.cumsum({t})",
           "np.negative({t})", kinds=NUMBERS, fresh=True, works=True),
    *_from("np.isnan({t})", "np.exp({t})", kinds=FLOATS, fresh=True, works=True),
    *_from("np.sort({t})", kinds=NUMBERS, works=True),
    *_from("np.add({t}, {a})", "np.multiply({a}, {t})", "np.maximum({t}, {a})",
           "np.less({t}, {a})", "np.concatenate([{t}, {a}])", "np.stack([{a}, {t}])",
           "np.where({k}, {t}, {a})", kinds=NUMBERS, fresh=True, works=True),
    *_from("np.add({t}, {u})", letters="tu", kinds=NUMBERS, fresh=True, works=True),
    *_from("np.add({t}, {t})", counts={"t": 2}, kinds=NUMBERS, fresh=True, works=True),
    *_from("{w}[...] = {t}", *(["np.copyto({w}, {t})"] if COPYTO_READS else []), result=False,
           kinds=NUMBERS),
    *_from("{v}.numpy()", "np.asarray({v})", "np.array({v})", letters="v"),
    *_from("np.sum({v})", letters="v", kinds=NUMBERS, fresh=True, works=True),
    *_from("[g({t}) for g in (np.asarray, np.array, np.copy)]", "[fs[i]({t}) for i in (0, 1, 0)]",
           counts={"t": 3}),
    *_from("[g({t}) for g in (np.sum, np.max)]", counts={"t": 2}, kinds=NUMBERS, fresh=True,
           works=True),
    *_from("read_twice({t})", counts={"t": 2}),
    *_from("repr({t})", "str({t})", "memoryview({t})", "bytes({t})", "f'{{{t}}}'", way=TO_PY),
    *_from("print({t})", way=TO_PY, result=False),
    *_from("{t}.numpy().tolist()", small=True),
]  # fmt: skip

INSIDE = [
    *_inside("{a}[::2]", "{a}.T", "{a}[::-1]", "{a}[1:]", "{a}.copy()", "{a}.astype({d})",
             "{a}.view(Kind)", "{a}.reshape(-1)", "{a} * 2", "{a}[..., None]",
             "np.asfortranarray({a})", "np.broadcast_to({a}, (2, *{a}.shape))",
             "np.ma.masked_array({a})", "{a}.view('u1')",
             "{a}.astype({a}.dtype.newbyteorder())", "np.add({a}, {b})"),
    *_inside("{w} += 1", "{w}[:1] = 0", "{w} *= 2", "{a}.flags.writeable = False",
             "{w}.sort()", result=False),
    *_inside("{t} * {u}", "{t} + {u}", "{t} + 1", "-{t}", "tf.reduce_sum({t})", "{v} + 1",
             kinds=NUMBERS, fresh=True),
    *_inside("{t}[::2]", "{t}[{i}:]", "tf.transpose({t})", "tf.cast({t}, {D})",
             "tf.reshape({t}, [-1])", "tf.identity({t})", "{v}.value()", "tf.zeros_like({t})",
             "tf.squeeze({t})", "np.ndim({t})", "np.shape({t})"),
]  # fmt: skip

_TAPE = """with tf.GradientTape() as tape:
    {head}
g = tape.gradient(y, {x})"""

OTHERS = [
    *_other("{t} ^ {a}", kinds=TRUTH),
    *_other("tf.constant({o})", "{t} * {o}", "np.add({t}, {o})", "tf.squeeze({o})",
            "tf.cast({o}, {D})", "tf.constant(({p}, 2.5, {i}))", "{t} * {p}", "{p} + {t}",
            "tf.constant({p}, {D})", "np.asarray({t}).astype({d})", "{a}[{i}]", "tf.unstack({t})"),
    # In a list, a matrix never comes to an end for TensorFlow: each row of one is one.
    *_other("tf.constant(np.asmatrix({a}))", "{t} - np.asmatrix({a})"),
    *_other("float({s})", "int({s})", "bool({s})", "{a}[:{s}]", "range({s})", "'%s' % {s}",
            "1 if {s} > 0 else 2", "round(float({s}), 2)", "[x for x in {t}]", "{t}.numpy().sum()"),
    *_other("tf.function(lambda x: x * 2, autograph=False)",
            "tf.function(lambda x: x + {a}, autograph=False)",
            "tf.function(lambda x, y=1: tf.reduce_sum(x) * y, autograph=False)",
            "tf.function(lambda x: tf.numpy_function(np.sin, [x], x.dtype), autograph=False)",
            "tf.function(lambda x: tf.cast(x, {D}), reduce_retracing=True, autograph=False)"),
    *_other("{f}({t})", "{f}({t})", "{f}({a})", "{f}({a})", "{f}({p})", "{f}({i})", "{f}({v})",
            "{f}.experimental_get_tracing_count()"),
    *_other("tf.numpy_function(np.sin, [{t}], {t}.dtype)", "tf.py_function(abs, [{t}], {t}.dtype)",
            "tf.py_function(lambda x: x.numpy() * 2, [{a}], {D})"),
    *_other("tf.data.Dataset.from_tensors({a})", "tf.data.Dataset.from_tensor_slices({a}).batch(9)",
            "tf.data.Dataset.from_tensor_slices({t})"),
    *_other("[np.sum(x) for x in {q}.take(3)]", "next(iter({q}))", "[x.numpy() for x in {q}]",
            "list({q}.take(2).as_numpy_iterator())", "{q}.map(lambda x: x + x)"),
    *_other(_TAPE.format(head="y = {v} * {a}", x="{v}"),
            _TAPE.format(head="tape.watch({t}); y = tf.reduce_sum({t} - {a})", x="{t}"),
            "if {s} > 0:\n    x = {t}.numpy()\nelse:\n    x = {t} - {a}",
            "class Holder:\n    x = {t}.numpy()",
            "try:\n    {t} - F('f4', (5, 7))\nexcept Exception as error:\n    e = str(error)",
            "with warnings.catch_warnings():\n    warnings.simplefilter('error')\n"
            "    x = np.array({t}, {d})", result=False, kinds=FLOATS),
    *_other("np.random.rand()", "random.random()", "tf.random.uniform(())", "tf.random.normal([2])",
            "tf.random.shuffle({t})", "np.random.permutation({t})[:1]", "tf.nn.dropout({t}, 0.5)"),
    *_other("sys.getrefcount({a})", "sys.getrefcount({t})", "weakref.ref({t})", "weakref.ref({a})",
            "{r}() is None", "{a}.flags", "{t} is {u}"),
    *_other("del {n}", "np.divide({t}, 0)", "np.log({w}, out={w})", "warnings.warn('by hand')",
            "np.add({w}, {t}, out={w})",
            result=False, kinds=FLOATS),
    # Misaligned memory that comes by DLPack ends the process (a check of TensorFlow's, 2.21).
    *_other("tf.experimental.dlpack.from_dlpack(placed({a}).__dlpack__())",
            "np.from_dlpack({t}.numpy())", "tf.experimental.dlpack.to_dlpack({t})",
            "tf.make_ndarray(tf.make_tensor_proto({a}))", "tf.nest.flatten([{t}, {a}])"),
]  # fmt: skip

RAISING = _other(
    "tf.reshape({t}, [7, 11])", "{t} - F('f4', (5, 7))", "np.asarray({t})[0, 0, 0, 0, 0]",
    "1 / 0", "{t}.nope", "{t} @ tf.zeros((2, 3))", "tf.constant(object())", "bool({t})",
    "np.asarray({t}).fill(1)", "np.add({t}, F('f4', (5, 7)))", "int('x' * len({t}.shape))",
    "{v}.assign(F('f4', (5, 7)))", "tf.constant([{a}, [1, 2, 3]])",
    "np.array({t}, copy=False, dtype={d})",
    "tf.numpy_function(lambda x: 1 / 0, [{t}], tf.float32)",
    "tf.py_function(lambda x: [][1], [{t}], tf.float32)", "undefined + {t}",
    "list(tf.data.Dataset.from_generator(lambda: iter([{a}, None]), tf.float32))",
)  # fmt: skip

WEIGHTED = [*ENTERING * 4, *OPERATING * 4, *LEAVING * 4, *INSIDE * 3, *OTHERS * 2, *RAISING * 3]
"""The calls as often as they are taken."""
