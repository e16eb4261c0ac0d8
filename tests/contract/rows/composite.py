"""Tensors of several parts: ragged, sparse, TensorArray, IndexedSlices; and strings."""

from __future__ import annotations

from tests.contract.row import FROM_PY, TO_NP, TO_PY, TO_TF, Row

RAGGED = "a = F(shape=(n * n,)); s = np.array([0, 5, 900, n * n])"
SPARSE = "a = F(shape=(9000,)); i = np.stack([np.arange(9000), np.arange(9000)], 1)"
READ_RAGGED = (
    "t = T(shape=(n * n,)); x = tf.RaggedTensor.from_row_lengths(t, [263] * 263); s = x.row_splits"
)
READ_SPARSE = (
    "t = T(shape=(9000,)); u = tf.constant(np.stack([np.arange(9000)] * 2, 1)); "
    "x = tf.SparseTensor(u, t, [9000, 9000]); s = x.dense_shape"
)
ARRAY = "a = F(); x = tf.TensorArray(tf.float64, 2, clear_after_read=False)"
TEXT = "a = np.array(['s%d' % i for i in range(9000)])"
READ_TEXT = "t = tf.constant(['s%d' % i for i in range(9000)])"
BOTH = {"a": TO_TF, "i": TO_TF}

ROWS = [
    Row("ragged_from_row_splits", RAGGED, "tf.RaggedTensor.from_row_splits(a, s)",
        {"a": TO_TF, "s": TO_TF}),
    Row("ragged_from_row_lengths", "a = F(shape=(n * n,)); s = np.full(n, n)",
        "tf.RaggedTensor.from_row_lengths(a, s)", {"a": TO_TF, "s": TO_TF}),
    Row("ragged_from_uniform_row_length", "a = F(shape=(45000,))",
        "tf.RaggedTensor.from_uniform_row_length(a, 9000)", {"a": TO_TF}),
    Row("ragged_from_tensor", "a = F(shape=(5, 9000))",
        "tf.RaggedTensor.from_tensor(a)", {"a": TO_TF}),
    Row("ragged_constant", "x = [F(shape=(900,)).tolist(), [1.5, 2.5]]", "tf.ragged.constant(x)",
        {"x": FROM_PY}),
    Row("ragged_numpy", READ_RAGGED, "x.numpy()", {"t": TO_NP, "s": TO_NP}),
    Row("ragged_flat_values", READ_RAGGED, "x.flat_values.numpy()", {"t": TO_NP}),
    Row("ragged_to_list", READ_RAGGED, "x.to_list()", {"t": TO_NP, "s": TO_NP}),
    Row("ragged_to_tensor_stays", READ_RAGGED, "x.to_tensor()", {}),
    Row("ragged_add_array", READ_RAGGED + "; a = np.float64(1.25)", "x + a", {"a": TO_TF}),
    Row("ragged_stack_arrays", "a = F(shape=(9000,)); b = F(shape=(500,), seed=1)",
        "tf.ragged.stack([a, b])", {"a": TO_TF, "b": TO_TF}),
    Row("sparse_tensor", SPARSE, "tf.SparseTensor(i, a, [9000, 9000])", BOTH),
    Row("sparse_from_dense", "a = F()", "tf.sparse.from_dense(a)", {"a": TO_TF},
        works=True),
    Row("sparse_values_numpy", READ_SPARSE, "x.values.numpy()", {"t": TO_NP}),
    Row("sparse_indices_numpy", READ_SPARSE, "x.indices.numpy()", {"u": TO_NP}),
    Row("sparse_dense_matmul", "a = F(shape=(9000, 5), seed=1); " + READ_SPARSE,
        "tf.sparse.sparse_dense_matmul(x, a)", {"a": TO_TF}),
    Row("sparse_multiply", "a = np.float64(1.25); " + READ_SPARSE, "x * a",
        {"a": TO_TF, "s": TO_NP}),
    Row("sparse_print", READ_SPARSE, "print(x)", {"t": TO_PY, "u": TO_PY, "s": TO_PY}),
    Row("indexed_slices", "a = F(); i = np.arange(n)", "tf.IndexedSlices(a, i)", {}),
    Row("indexed_slices_to_tensor", "a = F(); i = np.arange(n)",
        "tf.convert_to_tensor(tf.IndexedSlices(tf.constant(a), tf.constant(i), "
        "tf.constant([n, n])))", BOTH),
    Row("indexed_slices_values", "t = T(); x = tf.IndexedSlices(t, tf.range(n))",
        "x.values.numpy()", {"t": TO_NP}),
    Row("tensor_array_write", ARRAY, "x.write(0, a)", {"a": TO_TF}),
    Row("tensor_array_unstack", "a = F(); x = tf.TensorArray(tf.float64, n)", "x.unstack(a)",
        {"a": TO_TF}),
    Row("tensor_array_write_cast", "a = F(); x = tf.TensorArray(tf.float32, 2)",
        "x.write(0, a)", {"a": TO_TF}),
    Row("tensor_array_read_numpy", "t = T(); x = tf.TensorArray(tf.float64, 2, "
        "clear_after_read=False).write(0, t)", "x.read(0).numpy()", {"t": TO_NP}),
    Row("tensor_array_read_stays", "t = T(); x = tf.TensorArray(tf.float64, 2, "
        "clear_after_read=False).write(0, t)", "x.read(0)", {}),
    Row("strings_constant", TEXT, "tf.constant(a)", {"a": TO_TF}),
    Row("strings_constant_object", TEXT + "; a = a.astype(object)", "tf.constant(a)",
        {"a": TO_TF}),
    Row("strings_constant_bytes", TEXT + "; a = a.astype('S')", "tf.constant(a)", {"a": TO_TF}),
    Row("strings_constant_string_dtype_error", TEXT + "; a = a.astype(np.dtypes.StringDType())",
        "tf.constant(a)", {}),
    Row("strings_operator_add", TEXT + "; t = tf.constant(a)", "t + a", {"a": TO_TF}),
    Row("strings_operator_eq", TEXT + "; t = tf.constant(a)", "t == a", {"a": TO_TF}),
    Row("strings_numpy", READ_TEXT, "t.numpy()", {"t": TO_NP}),
    Row("strings_numpy_scalar", "t = tf.constant('text' * 9000)", "t.numpy()", {"t": TO_NP}),
    Row("strings_asarray", READ_TEXT, "np.asarray(t)", {"t": TO_NP}),
    Row("strings_np_unique", READ_TEXT, "np.unique(t)", {"t": TO_NP}),
    Row("strings_repr", READ_TEXT, "repr(t)", {"t": TO_PY}),
    Row("strings_memoryview", READ_TEXT, "memoryview(t)", {"t": TO_PY}),
    Row("strings_strip", "a = np.array([' s%d ' % i for i in range(9000)])", "tf.strings.strip(a)",
        {"a": TO_TF}),
    Row("strings_lookup", "a = np.array(['s%d' % i for i in range(900)]); "
        "x = keras.layers.StringLookup(vocabulary=['s1', 's2'])", "x(a)", {"a": TO_TF}),
]  # fmt: skip
