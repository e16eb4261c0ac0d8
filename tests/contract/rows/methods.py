"""Python reading tensors: printing, numbers, truth, iteration, and the tensor's methods."""

from __future__ import annotations

from tests.contract.row import TO_NP, TO_PY, Row

BIG, NUMBER, INTEGER = "t = T()", "t = tf.constant(1.2345)", "t = tf.constant(5)"
WHOLE = {
    "print": "print(t)", "print_end": "print(t, end='')", "repr": "repr(t)", "str": "str(t)",
    "fstring": "f'{t}'", "fstring_repr": "f'{t!r}'", "format": "format(t)",
    "str_format": "'{}'.format(t)", "percent": "'%s' % (t,)", "repr_in_list": "repr([t])",
    "memoryview": "memoryview(t)", "memoryview_cast": "memoryview(t).cast('B')",
    "memoryview_tolist": "memoryview(t).tolist()", "bytes": "bytes(t)", "bytearray": "bytearray(t)",
    "bytes_join": "b''.join([t])",
}  # fmt: skip
NUMBERS = {
    "float": "float(t)", "int": "int(t)", "bool": "bool(t)", "if": "1 if t else 2", "not": "not t",
    "and": "t and 3", "print_scalar": "print(t)", "repr_scalar": "repr(t)",
    "fstring_scalar": "f'{t}'", "math": "__import__('math').sqrt(t)", "percent_float": "'%.2f' % t",
    "any": "any([t])", "filter": "list(filter(None, [t]))",
}  # fmt: skip
INDICES = {
    "index": "__import__('operator').index(t)", "range": "range(t)", "list_getitem": "x[t]",
    "list_slice": "x[t:]", "hex": "hex(t)", "bytes_of_size": "bytes(t)",
    "format_spec_of_int": "f'{int(t):3d}'", "islice": "list(__import__('itertools').islice(x, t))",
    "chr": "chr(t)", "list_pop": "x.pop(t)", "int_equal": "int(t) == 5",
}  # fmt: skip

ROWS = [
    Row("numpy", BIG, "t.numpy()", {"t": TO_NP}),
    Row("numpy_scalar", NUMBER, "t.numpy()", {"t": TO_NP}),
    Row("numpy_twice", BIG, "(t.numpy(), t.numpy())", {"t": TO_NP}, {"t": 2}),
    Row("numpy_in_a_loop", BIG, "[t.numpy() for _ in range(3)]", {"t": TO_NP}, {"t": 3}),
    Row("numpy_on_the_second_line", BIG, "x = 1\nr = t.numpy()", {"t": TO_NP}, line=2),
    Row("numpy_on_a_continued_line", BIG, "r = (\n    1,\n    t.numpy(),\n)", {"t": TO_NP},
        line=3),
    Row("numpy_in_a_function", BIG, "def f(x):\n    return x.numpy()\nr = f(t)", {"t": TO_NP},
        line=2),
    Row("numpy_tolist", BIG, "t.numpy().tolist()", {"t": TO_NP}),
    Row("numpy_tobytes", BIG, "t.numpy().tobytes()", {"t": TO_NP}, works=True),
    Row("numpy_astype", BIG, "t.numpy().astype('f4')", {"t": TO_NP}, asked=True, works=True),
    Row("numpy_is_writable", BIG, "r = t.numpy()\nr[0] = 0", {"t": TO_NP}),
    Row("numpy_item", NUMBER, "t.numpy().item()", {"t": TO_NP}),
    Row("numpy_empty", "t = tf.zeros((0, 5))", "t.numpy()", {"t": TO_NP}),
    Row("numpy_of_a_slice", "t = T()[:100]", "t.numpy()", {"t": TO_NP}),
    Row("numpy_of_a_transposed", "t = tf.transpose(T())", "t.numpy()", {"t": TO_NP}),
    Row("private_numpy", BIG, "t._numpy()", {"t": TO_NP}),
    Row("keras_convert_to_numpy", BIG, "keras.ops.convert_to_numpy(t)", {"t": TO_NP}),
    Row("tf_get_static_value", BIG, "tf.get_static_value(t)", {"t": TO_NP}),
    Row("tensor_eval_error", BIG, "t.eval()", {}),
    *(Row(f"whole_{name}", BIG, code, {"t": TO_PY}, works=name == "bytes_join")
      for name, code in WHOLE.items()),
    *(Row(f"number_{name}", NUMBER, code, {"t": TO_PY}) for name, code in NUMBERS.items()),
    *(Row(f"index_{name}", INTEGER + "; x = list('abcdefgh')", code, {"t": TO_PY})
      for name, code in INDICES.items()),
    Row("number_complex", "t = tf.constant(1.25 + 2j)", "complex(t)", {"t": TO_PY}),
    Row("number_while", "t = tf.constant(True)", "while t:\n    break\nr = 1", {"t": TO_PY}),
    Row("number_assert", "t = tf.constant(True)", "assert t\nr = 1", {"t": TO_PY}),
    Row("print_integers", "t = tf.constant(I())", "print(t)", {"t": TO_PY}),
    Row("print_small", "t = tf.constant([1.5, 2.5])", "print(t)", {"t": TO_PY}),
    Row("print_bfloat16", "t = tf.cast(T(), tf.bfloat16)", "print(t)", {"t": TO_PY}),
    Row("print_strings", "t = tf.constant(['s%d' % i for i in range(9000)])", "print(t)",
        {"t": TO_PY}),
    Row("print_in_an_exception", BIG, "str(ValueError(t))", {"t": TO_PY}),
    Row("print_tensor_numpy", BIG, "print(t.numpy())", {"t": TO_NP}),
    Row("print_variable", "v = tf.Variable(F())", "print(v)", {"v": TO_PY}),
    Row("repr_variable", "v = tf.Variable(F())", "repr(v)", {"v": TO_PY}),
    Row("tf_print_stays", BIG, "tf.print(t, output_stream='file:///dev/null')", {}),
    Row("number_round_error", NUMBER, "round(t)", {}),
    Row("number_format_spec", NUMBER, "f'{t:.2f}'", {"t": TO_PY}),
    Row("bool_of_many_error", BIG, "bool(t)", {"t": TO_PY}),
    Row("if_of_many_error", "t = T() > 0", "1 if t else 2", {"t": TO_PY}),
    Row("list_repeat_error", INTEGER, "['x'] * t", {}),
    Row("int_of_many_error", BIG, "int(t)", {"t": TO_PY}),
    Row("index_of_a_float_error", NUMBER, "range(t)", {}),
    Row("hash_error", NUMBER, "hash(t)", {}),
    Row("len", BIG, "len(t)", {}),
    Row("iteration", BIG, "for x in t:\n    break\nr = x", {}),
    Row("iteration_of_all", BIG, "r = [x for x in t]", {}),
    Row("iteration_to_floats", "t = tf.unstack(T(shape=(20,)))[7]", "[float(x) for x in [t]]",
        {"t": TO_PY}),
    Row("unpacking", "t = tf.constant([1.5, 2.5])", "x, y = t\nr = x", {}),
    Row("enumerate", BIG, "r = [i for i, x in enumerate(t)]", {}),
    Row("list_of_tensor", BIG, "list(t)", {}),
    Row("set_of_refs", BIG, "{t.ref()}", {}),
    Row("attributes", BIG, "(t.shape, t.dtype, t.device, t.ndim)", {}),
    Row("slicing", BIG, "t[5:50, None]", {}),
    Row("ellipsis", BIG, "t[..., 0]", {}),
    Row("sum_builtin", "t = T(shape=(20,))", "sum(t)", {}),
    Row("json_error", BIG, "__import__('json').dumps(t)", {}),
    Row("struct_pack", NUMBER, "__import__('struct').pack('f', t)", {"t": TO_PY}),
    Row("hashlib", BIG, "__import__('hashlib').sha1(t)", {"t": TO_PY}),
    Row("file_write", BIG, "open('/dev/null', 'wb').write(t)", {"t": TO_PY}),
]  # fmt: skip
