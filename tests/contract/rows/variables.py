"""Variables: making them, assigning to them, reading them."""

from __future__ import annotations

from tests.contract.row import FROM_PY, TO_NP, TO_TF, Row

A = "a = F()"
VA = "a = F(); v = tf.Variable(F(seed=1))"
V32 = "a = F(); v = tf.Variable(F('f4', seed=1))"
ROWS_OF = (
    "v = tf.Variable(F(shape=(900, 90), seed=1)); i = np.arange(600)[::-1].copy(); "
    "a = F(shape=(600, 90))"
)

ROWS = [
    Row("variable", A, "tf.Variable(a)", {"a": TO_TF}),
    Row("variable_aligned", "a = al(F())", "tf.Variable(a)", {"a": TO_TF}),
    Row("variable_float32", A, "tf.Variable(a, dtype=tf.float32)", {"a": TO_TF}, asked=True),
    Row("variable_of_callable", A, "tf.Variable(lambda: a)", {"a": TO_TF}),
    Row("variable_of_tensor", "t = T()", "tf.Variable(t)", {}),
    Row("variable_of_integers", "a = I()", "tf.Variable(a)", {"a": TO_TF}),
    Row("variable_of_strings", "a = np.array(['s%d' % i for i in range(9000)])",
        "tf.Variable(a)", {"a": TO_TF}),
    Row("keras_variable", "a = F('f4')", "keras.Variable(a)", {"a": TO_TF}),
    Row("keras_variable_of_float64", A, "keras.Variable(a)", {"a": TO_TF}),
    Row("variable_assign", VA, "v.assign(a)", {"a": TO_TF}),
    Row("variable_assign_aligned", VA + "; a = al(a)", "v.assign(a)", {"a": TO_TF}),
    Row("variable_assign_float64_to_float32", V32, "v.assign(a)", {"a": TO_TF}),
    Row("variable_assign_floats_to_int32", "a = F(); v = tf.Variable(I('i4'))", "v.assign(a)",
        {"a": TO_TF}),
    Row("variable_assign_tensor", "t = T(); v = tf.Variable(F(seed=1))", "v.assign(t)", {}),
    Row("variable_assign_list", "x = F(shape=(9000,)).tolist(); v = tf.Variable(tf.zeros(9000))",
        "v.assign(x)", {"x": FROM_PY}),
    Row("variable_assign_scalar", "x = 1.2345678901234; v = tf.Variable(0.5)", "v.assign(x)",
        {"x": FROM_PY}),
    Row("variable_assign_shape_error", "a = F(shape=(7,)); v = tf.Variable(F(seed=1))",
        "v.assign(a)", {"a": TO_TF}),
    Row("variable_assign_add", VA, "v.assign_add(a)", {"a": TO_TF}),
    Row("variable_assign_add_cast", V32, "v.assign_add(a)", {"a": TO_TF}),
    Row("variable_assign_sub", VA, "v.assign_sub(a)", {"a": TO_TF}),
    Row("variable_slice_assign", "a = F(shape=(100, n)); v = tf.Variable(F(seed=1))",
        "v[:100].assign(a)", {"a": TO_TF}),
    Row("variable_scatter_update", ROWS_OF, "v.scatter_nd_update(i[:, None], a)",
        {"i": TO_TF, "a": TO_TF}),
    Row("variable_scatter_nd_add", ROWS_OF, "v.scatter_nd_add(i[:, None], a)",
        {"i": TO_TF, "a": TO_TF}),
    Row("variable_scatter_slices", ROWS_OF, "v.scatter_update(tf.IndexedSlices(a, i))",
        {"i": TO_TF, "a": TO_TF}),
    Row("variable_batch_scatter", ROWS_OF, "v.scatter_add(tf.IndexedSlices(tf.constant(a), i))",
        {"i": TO_TF, "a": TO_TF}),
    Row("variable_sparse_read", ROWS_OF, "v.sparse_read(i)", {"i": TO_TF}),
    Row("variable_gather", ROWS_OF, "tf.gather(v, i)", {"i": TO_TF}),
    Row("variable_gather_nd", ROWS_OF, "v.gather_nd(i[:, None])", {"i": TO_TF}),
    Row("variable_read_value", "v = tf.Variable(F())", "v.read_value()", {}),
    Row("variable_value", "v = tf.Variable(F())", "v.value()", {}),
    Row("variable_numpy", "v = tf.Variable(F())", "v.numpy()", {"v": TO_NP}),
    Row("variable_numpy_in_function", "v = tf.Variable(F())",
        "def f():\n    return v.numpy()\nr = f()", {"v": TO_NP}, line=2),
    Row("variable_array_protocol", "v = tf.Variable(F())", "v.__array__()", {"v": TO_NP}),
    Row("variable_np_asarray_float32", "v = tf.Variable(F())", "np.asarray(v, dtype='f4')",
        {"v": TO_NP}, asked=True),
    Row("variable_np_mean", "v = tf.Variable(F())", "np.mean(v)", {"v": TO_NP}),
    Row("variable_np_concatenate", VA, "np.concatenate([a, v])", {"v": TO_NP}),
    Row("variable_setitem", VA, "a[:] = v\nr = a", {"v": TO_NP}),
    Row("variable_add", VA, "v + a", {"a": TO_TF}),
    Row("variable_sub", VA, "v - a", {"a": TO_TF}),
    Row("variable_mul", VA, "v * a", {"a": TO_TF}),
    Row("variable_mul_aligned", VA + "; a = al(a)", "v * a", {"a": TO_TF}),
    Row("variable_mul_cast", V32, "v * a", {"a": TO_TF}),
    Row("variable_matmul", VA, "v @ a", {"a": TO_TF}),
    Row("variable_radd", VA, "a + v", {"a": TO_TF}),
    Row("variable_rsub", VA, "a - v", {"a": TO_TF}),
    Row("variable_gt", VA, "v > a", {"a": TO_TF}),
    Row("variable_iadd_error", VA, "v += a\nr = v", {}),
    Row("variable_python_scalar", "v = tf.Variable(F('f4')); x = 1.2345678901234", "v * x",
        {"x": FROM_PY}),
    Row("variable_float", "v = tf.Variable(1.2345)", "float(v.numpy())", {"v": TO_NP}),
    Row("variable_exp", "v = tf.Variable(F())", "tf.exp(v)", {}),
    Row("variable_load_and_eval_error", "v = tf.Variable(F())", "v.eval()", {}),
]  # fmt: skip
