"""Python's operators between a tensor and an array, from either side."""

from __future__ import annotations

from tests.contract.row import TO_NP, TO_TF, Row

FLOATS = "a = F() ** 2; t = tf.constant(F(seed=1) ** 2)"
INTS = "a = I() + 1; t = tf.constant(I(seed=1) + 1)"
BOOLS = "a = V('?'); t = tf.constant(V('?', seed=1))"
OPERATORS = {
    "add": ("+", FLOATS), "sub": ("-", FLOATS), "mul": ("*", FLOATS), "truediv": ("/", FLOATS),
    "floordiv": ("//", INTS), "mod": ("%", INTS), "pow": ("**", FLOATS), "matmul": ("@", FLOATS),
    "and": ("&", BOOLS), "or": ("|", BOOLS), "xor": ("^", BOOLS), "eq": ("==", FLOATS),
    "ne": ("!=", FLOATS), "lt": ("<", FLOATS), "le": ("<=", FLOATS), "gt": (">", FLOATS),
    "ge": (">=", FLOATS),
}  # fmt: skip
IN_PLACE = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]
ALIGNED = ["add", "sub", "mul", "truediv", "pow", "matmul", "eq", "gt"]

CASTS = [
    ("float32", "T('f4', seed=1)", "F()"), ("float16", "T('f2', seed=1)", "F('f4')"),
    ("bfloat16", "tf.cast(T(seed=1), tf.bfloat16)", "F('f4')"), ("float64", "T(seed=1)", "F('f4')"),
    ("float64_int64", "T(seed=1)", "I() + 2**40"), ("float32_int32", "T('f4', seed=1)", "I('i4')"),
    ("int32_float64", "tf.constant(I('i4', seed=1))", "F()"),
    ("int32_int64", "tf.constant(I('i4', seed=1))", "I() + 2**40"),
    ("int64_int32", "tf.constant(I(seed=1))", "I('i4') + 1"),
    ("uint8_int64", "tf.constant(I('u1', seed=1))", "I() + 200"),
    ("complex64_float64", "tf.constant(F('c8', seed=1))", "F()"),
    ("complex64_complex128", "tf.constant(F('c8', seed=1))", "F('c16') * (1 + 2j)"),
    ("float32_bool", "T('f4', seed=1)", "V('?')"),
]  # fmt: skip

ROWS = [
    *(Row(f"operator_{name}_array_right", setup, f"t {sign} a", {"a": TO_TF},
          {"a": 2} if name == "xor" else {}) for name, (sign, setup) in OPERATORS.items()),
    *(Row(f"operator_{name}_array_left", setup, f"a {sign} t", {"a": TO_TF})
      for name, (sign, setup) in OPERATORS.items()),
    *(Row(f"operator_{name}_tensor_in_place", OPERATORS[name][1],
          f"t {OPERATORS[name][0]}= a\nr = t", {"a": TO_TF},
          {"a": 2} if name == "xor" else {}) for name in IN_PLACE),
    *(Row(f"operator_{name}_array_in_place", OPERATORS[name][1] + "; kept = a",
          f"a {OPERATORS[name][0]}= t\nr = a", {"kept": TO_TF}) for name in IN_PLACE),
    *(Row(f"operator_{name}_array_aligned", FLOATS + "; a = al(a)",
          f"t {OPERATORS[name][0]} a", {"a": TO_TF}) for name in ALIGNED),
    *(Row(f"operator_add_cast_{name}", f"a = {array}; t = {tensor}", "t + a", {"a": TO_TF})
      for name, tensor, array in CASTS),
    *(Row(f"operator_mul_cast_{name}", f"a = {array}; t = {tensor}", "t * a", {"a": TO_TF})
      for name, tensor, array in CASTS),
    Row("operator_and_cast_bool_float64", "a = np.round(F()); t = tf.constant(V('?', seed=1))",
        "t & a", {"a": TO_TF}),
    Row("operator_sub_float32_array_left", "a = F(); t = T('f4', seed=1)", "a - t", {"a": TO_TF}),
    Row("operator_add_float32_array_left", "a = F(); t = T('f4', seed=1)", "a + t", {"a": TO_TF}),
    Row("operator_add_broadcast_row", "a = F(shape=(600,)); t = T(shape=(600, 600))", "t + a",
        {"a": TO_TF}),
    Row("operator_mul_broadcast_array_larger", "a = F(); t = T(shape=(n,), seed=1)", "t * a",
        {"a": TO_TF}),
    Row("operator_mul_array_scalar_left", "a = np.float64(1.2345678901234); t = T('f4', seed=1)",
        "a * t", {"a": TO_TF}),
    Row("operator_add_array_scalar_right", "a = np.float64(1.2345678901234); t = T('f4', seed=1)",
        "t + a", {"a": TO_TF}),
    Row("operator_add_fractions_to_integers", "a = np.array([0.9, 0.9]); t = tf.constant([1, 2])",
        "t + a", {"a": TO_TF}),
    Row("operator_add_list_of_arrays", "a = F(); b = F(seed=1); t = T(seed=2)", "t + [a, b]",
        {"a": TO_TF, "b": TO_TF}),
    Row("operator_add_two_arrays_then_tensor", "a = F(); b = F(seed=1); t = T(seed=2)",
        "t + a + b", {"a": TO_TF, "b": TO_TF}),
    Row("operator_same_array_twice", "a = F(); t = T(seed=1)", "t * a - a", {"a": TO_TF},
        {"a": 2}),
    Row("operator_getitem_bool_mask", "a = V('?'); t = T(seed=1)", "t[a]", {"a": TO_TF}),
    Row("operator_lshift", "a = I() % 4; t = tf.constant(I(seed=1))", "t << a", {"t": TO_NP}),
    Row("operator_divmod", "a = I() + 1; t = tf.constant(I(seed=1))", "divmod(t, a)",
        {"t": TO_NP}),
    Row("operator_invert_is_no_crossing", BOOLS, "~t", {}),
    Row("operator_neg_is_no_crossing", FLOATS, "-t", {}),
    Row("operator_abs_is_no_crossing", "t = T()", "abs(t)", {}),
    Row("operator_tensors_only", "t = T(); u = T(seed=1)", "t + u * t", {}),
    Row("operator_shape_error", "a = F(shape=(7,)); t = T(seed=1)", "t - a", {}),
    Row("operator_string_error", "a = np.array(['x', 'y']); t = T(seed=1)", "t * a", {"t": TO_NP}),
    Row("tnp_operator_add", "a = F(); t = tnp.asarray(F(seed=1))", "t + a", {"a": TO_TF}),
]  # fmt: skip
