"""Every dtype: made a tensor, handed to an op, read back."""

from __future__ import annotations

from tests.contract.row import TO_NP, TO_PY, TO_TF, Row

NUMPY = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
SMALL = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz", "float8_e4m3fnuz",
         "float8_e5m2fnuz", "int4", "uint4"]  # fmt: skip
ARRAYS = {kind.replace("?", "bool"): f"V('{kind}')" for kind in NUMPY} | {
    kind: f"V(ml_dtypes.{kind})" for kind in SMALL
}
CASTS = {
    "f8_to_f2": ("F()", "tf.float16"),
    "f4_to_f8": ("F('f4')", "tf.float64"), "f8_to_bfloat16": ("F()", "tf.bfloat16"),
    "f4_to_bfloat16": ("F('f4')", "tf.bfloat16"), "f8_to_i8": ("F() * 9", "tf.int64"),
    "f8_to_u1": ("F() ** 2 * 9", "tf.uint8"), "f8_to_bool": ("np.round(F())", "tf.bool"),
    "i8_to_i4": ("I()", "tf.int32"), "i8_to_i4_overflow": ("I() + 2**40", "tf.int32"),
    "i8_to_i1": ("I() + 99", "tf.int8"), "i4_to_u1": ("I('i4') - 50", "tf.uint8"),
    "i8_to_f4": ("I() + 2**30", "tf.float32"),
    "i8_to_f8": ("I() * 2**50 + 2**60 + 1", "tf.float64"),
    "bool_to_f4": ("V('?')", "tf.float32"), "f8_to_c8": ("F()", "tf.complex64"),
    "c16_to_c8": ("F('c16') * (1 + 2j)", "tf.complex64"),
    "c16_to_f8": ("F('c16') * (1 + 2j)", "tf.float64"),
    "f4_to_float8": ("F('f4')", "tf.dtypes.experimental.float8_e4m3fn"),
    "u1_to_int4": ("V('u1')", "tf.dtypes.experimental.int4"),
    "f8_to_string_error": ("F()", "tf.string"), "u8_to_i8": ("I('u8') + 2**63", "tf.int64"),
}  # fmt: skip

ROWS = [
    *(Row(f"constant_{name}", f"a = {array}", "tf.constant(a)", {"a": TO_TF})
      for name, array in ARRAYS.items()),
    *(Row(f"squeeze_{name}", f"a = al({array})", "tf.squeeze(a)", {"a": TO_TF})
      for name, array in ARRAYS.items()),
    *(Row(f"numpy_{name}", f"t = tf.constant({array})", "t.numpy()", {"t": TO_NP})
      for name, array in ARRAYS.items()),
    *(Row(f"asarray_{name}", f"t = tf.constant({array})", "np.asarray(t)", {"t": TO_NP})
      for name, array in ARRAYS.items()),
    *(Row(f"operator_eq_{name}", f"a = {array}; t = tf.constant(a[::-1])", "t == a", {"a": TO_TF})
      for name, array in ARRAYS.items() if not name.startswith(("float8", "int4", "uint4"))),
    *(Row(f"np_array_{name}", f"t = tf.constant({array})", "np.array(t)", {"t": TO_NP})
      for name, array in ARRAYS.items() if name in SMALL),
    *(Row(f"constant_cast_{name}", f"a = {array}", f"tf.constant(a, {to})",
          {} if name.endswith("error") else {"a": TO_TF}, asked=True)
      for name, (array, to) in CASTS.items()),
    *(Row(f"memoryview_{name}_error", f"t = tf.constant({ARRAYS[name]})", "memoryview(t)", {})
      for name in SMALL),
    Row("np_sum_bfloat16", "t = tf.cast(T(), tf.bfloat16)", "np.sum(t)", {"t": TO_NP}),
    Row("np_add_bfloat16", "a = F('f4'); t = tf.cast(T(seed=1), tf.bfloat16)", "np.add(a, t)",
        {"t": TO_NP}),
    Row("np_asarray_bfloat16_to_f4", "t = tf.cast(T(), tf.bfloat16)", "np.asarray(t, 'f4')",
        {"t": TO_NP}, asked=True),
    Row("np_array_bfloat16_to_f8", "t = tf.cast(T(), tf.bfloat16)", "np.array(t, 'f8')",
        {"t": TO_NP}, asked=True),
    Row("np_array_bfloat16_to_f8_once",  # before NumPy 2.0, None was no `copy`
        "t = tf.cast(T(), tf.bfloat16); once = None if np.__version__ >= '2' else False",
        "np.array(t, 'f8', copy=once)", {"t": TO_NP}, asked=True),
    *(
        Row(f"bfloat16_{name}", f"t = tf.cast(T(), tf.bfloat16); a = F('{dtype}')", code,
            {"t": TO_NP}, asked=asked)
        for dtype in ("f4", "bfloat16")
        for name, code, asked in [
            (f"written_to_{dtype}", "a[...] = t", False),
            (f"copied_to_{dtype}", "np.copyto(a, t)", False),
            (f"to_dtype_of_{dtype}", "np.asarray(t, a.dtype)", True),
            (f"array_to_dtype_of_{dtype}", "np.array(t, a.dtype)", True),
        ]
    ),
    Row("bytes_bool", "t = tf.constant(V('?'))", "bytes(t)", {"t": TO_PY}),
    Row("constant_zero_d", "a = np.array(1.2345)", "tf.constant(a)", {"a": TO_TF}),
    Row("squeeze_zero_d", "a = np.array(1.2345)", "tf.squeeze(a)", {"a": TO_TF}),
    Row("numpy_zero_d", "t = tf.constant(1.2345, tf.float64)", "t.numpy()", {"t": TO_NP}),
    Row("asarray_zero_d", "t = tf.constant(1.2345, tf.float64)", "np.asarray(t)", {"t": TO_NP}),
    Row("constant_empty", "a = np.zeros((0, 5))", "tf.constant(a)", {"a": TO_TF}),
    Row("squeeze_empty", "a = np.zeros((0, 5))", "tf.squeeze(a)", {"a": TO_TF}),
    Row("asarray_empty", "t = tf.zeros((0, 5))", "np.asarray(t)", {"t": TO_NP}),
    Row("constant_array_scalar_i1", "a = np.int8(7)", "tf.constant(a)", {"a": TO_TF}),
    Row("constant_array_scalar_bfloat16", "a = ml_dtypes.bfloat16(1.5)", "tf.constant(a)",
        {"a": TO_TF}),
    Row("constant_longdouble_error", "a = F('g')", "tf.constant(a)", {}),
    Row("constant_datetime_error", "a = np.arange(900).astype('M8[s]')", "tf.constant(a)", {}),
    Row("constant_object_of_numbers_error", "a = F(shape=(900,)).astype(object)",
        "tf.constant(a)", {}),
    Row("constant_object_of_mixed_error", "a = np.array([1, 'x', None], object)",
        "tf.constant(a)", {}),
    Row("constant_structured_error", "a = np.zeros(900, [('x', 'f8'), ('y', 'i4')])",
        "tf.constant(a)", {}),
    Row("numpy_resource_error", "t = tf.Variable(F()).handle", "t.numpy()", {}),
    Row("numpy_qint8_round_trip", "t = tf.quantization.quantize(T('f4'), -3.0, 3.0, tf.qint8)[0]",
        "t.numpy()", {"t": TO_NP}),
]  # fmt: skip
