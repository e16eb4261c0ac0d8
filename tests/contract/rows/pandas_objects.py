"""pandas objects becoming tensors, and tensors becoming pandas objects."""

from __future__ import annotations

from tests.contract.row import TO_NP, TO_TF, Row

FRAME = "df = pd.DataFrame(F())"
COLUMNS = "df = pd.DataFrame({'x': F(shape=(9000,)), 'y': F(shape=(9000,), seed=1)})"
MIXED = "df = pd.DataFrame({'x': F(shape=(9000,)), 'y': I(shape=(9000,))})"
SERIES = {
    "float64": "pd.Series(F(shape=(9000,)))", "float32": "pd.Series(F('f4', (9000,)))",
    "int64": "pd.Series(I(shape=(9000,)))", "bool": "pd.Series(V('?', (9000,)))",
    "nullable_int": "pd.Series(I(shape=(9000,)), dtype='Int64')",
    "nullable_float": "pd.Series(F(shape=(9000,)), dtype='Float64')",
    "nullable_int_missing": "pd.Series([1, None] * 450, dtype='Int64')",
    "nullable_bool": "pd.Series(V('?', (9000,)), dtype='boolean')",
    "object_strings": "pd.Series(['s%d' % i for i in range(9000)], dtype=object)",
    "strings": "pd.Series(['s%d' % i for i in range(9000)])",
    "categorical_of_numbers": "pd.Series(I(shape=(9000,))).astype('category')",
    "categorical_of_strings":
        "pd.Series(['s%d' % (i % 9) for i in range(9000)]).astype('category')",
    "sparse": "pd.Series(np.maximum(F(shape=(9000,)), 0)).astype('Sparse[float64]')",
    "strided": "pd.Series(F(shape=(18000,))[::2], copy=False)",
    "aligned": "pd.Series(al(F(shape=(9000,))), copy=False)",
    "misaligned": "pd.Series(mis(F(shape=(9000,))), copy=False)",
}  # fmt: skip
SERIES_ERRORS = {
    "object_numbers": "pd.Series(F(shape=(900,)).tolist(), dtype=object)",
    "datetime": "pd.Series(pd.date_range('2000', periods=900))",
    "timedelta": "pd.Series(pd.to_timedelta(range(900), unit='s'))",
        "objects": "pd.Series([1, 'x', None], dtype=object)",
}  # fmt: skip
READ = "t = T(shape=(9000,))"

ROWS = [
    *(Row(f"series_constant_{name}", f"s = {series}", "tf.constant(s)", {"s": TO_TF})
      for name, series in SERIES.items()),
    *(Row(f"series_constant_{name}_error", f"s = {series}", "tf.constant(s)", {})
      for name, series in SERIES_ERRORS.items()),
    Row("series_constant_cast_float32", f"s = {SERIES['float64']}", "tf.constant(s, tf.float32)",
        {"s": TO_TF}, asked=True),
    Row("series_values_constant", f"s = {SERIES['float64']}", "tf.constant(s.values)",
        {"s": TO_TF}),
    Row("series_exp", f"s = {SERIES['float64']}", "tf.exp(s)", {"s": TO_TF}),
    Row("series_squeeze", f"s = {SERIES['aligned']}", "tf.squeeze(s)", {"s": TO_TF}),
    Row("series_operator_mul", f"s = {SERIES['float64']}; t = T(shape=(9000,), seed=1)", "t * s",
        {"s": TO_TF}),
    Row("series_operator_add", f"s = {SERIES['float64']}; t = T(shape=(9000,), seed=1)", "t + s",
        {"s": TO_TF}),
    Row("series_operator_add_left_error", f"s = {SERIES['float64']}; t = T(shape=(9000,), seed=1)",
        "s + t", {"s": TO_TF}),
    Row("series_from_tensor_slices", f"s = {SERIES['float64']}",
        "tf.data.Dataset.from_tensor_slices(s)", {"s": TO_TF}),
    Row("frame_constant", FRAME, "tf.constant(df)", {"df": TO_TF}),
    Row("frame_constant_of_columns", COLUMNS, "tf.constant(df)", {"df": TO_TF}),
    Row("frame_constant_mixed", MIXED, "tf.constant(df)", {"df": TO_TF}),
    Row("frame_constant_with_strings_error", MIXED + "; df['z'] = 'text'", "tf.constant(df)", {}),
    Row("frame_convert_float32", FRAME, "tf.convert_to_tensor(df, tf.float32)", {"df": TO_TF},
        asked=True),
    Row("frame_values", FRAME, "tf.constant(df.values)", {"df": TO_TF}),
    Row("frame_to_numpy_float32", FRAME + "; a = df.to_numpy('f4')", "tf.constant(a)",
        {"a": TO_TF}),
    Row("frame_column", COLUMNS + "; s = df['x']", "tf.constant(df['x'])", {"s": TO_TF}),
    Row("frame_cast", FRAME, "tf.cast(df, tf.float32)", {"df": TO_TF}, asked=True),
    Row("frame_exp", FRAME, "tf.exp(df)", {"df": TO_TF}),
    Row("frame_operator_sub", FRAME + "; t = T(seed=1)", "t - df", {"df": TO_TF}),
    Row("frame_operator_sub_left_error", FRAME + "; t = T(seed=1)", "df - t", {}),
    Row("frame_dict_from_tensor_slices", MIXED + "; s = df['x']; u = df['y']",
        "tf.data.Dataset.from_tensor_slices(dict(df))", {"s": TO_TF, "u": TO_TF}),
    Row("frame_from_tensor_slices", FRAME, "tf.data.Dataset.from_tensor_slices(df)",
        {"df": TO_TF}),
    Row("index_constant", "s = pd.Index(I(shape=(9000,)))", "tf.constant(s)", {"s": TO_TF}),
    Row("index_range_constant", "s = pd.RangeIndex(20000); s.values", "tf.constant(s)",
        {"s": TO_TF}),
    Row("index_of_strings_constant", "s = pd.Index(['s%d' % i for i in range(900)])",
        "tf.constant(s)", {"s": TO_TF}),
    Row("index_datetime_error", "s = pd.date_range('2000', periods=900)", "tf.constant(s)", {}),
    Row("multi_index_error", "s = pd.MultiIndex.from_product([[1, 2], ['x', 'y']])",
        "tf.constant(s)", {}),
    Row("pd_array_constant", "s = pd.array(F(shape=(9000,)))", "tf.constant(s)", {"s": TO_TF}),
    Row("categorical_codes", "s = pd.Categorical(['x', 'y', 'z'] * 3000).codes",
        "tf.constant(s)", {"s": TO_TF}),
    Row("get_dummies", "s = pd.get_dummies(pd.Series(I(shape=(900,))))", "tf.constant(s)",
        {"s": TO_TF}),
    Row("frame_of_tensor", "t = T()", "pd.DataFrame(t)", {"t": TO_NP}),
    Row("frame_of_tensor_float32", "t = T()", "pd.DataFrame(t, dtype='f4')", {"t": TO_NP},
        asked=True),
    Row("frame_of_dict_of_numpy", READ, "pd.DataFrame({'x': t.numpy()})", {"t": TO_NP},
        works=True),
    Row("series_of_tensor", READ, "pd.Series(t.numpy())", {"t": TO_NP}, works=True),
    Row("series_of_array_view", READ, "pd.Series(np.asarray(t))", {"t": TO_NP}, works=True),
    Row("frame_column_assigned", COLUMNS + "; t = T(shape=(9000,), seed=2)",
        "df['z'] = t.numpy()\nr = df", {"t": TO_NP}, works=True),
    Row("series_mul_by_numpy", f"s = {SERIES['float64']}; t = T(shape=(9000,), seed=1)",
        "s * t.numpy()", {"t": TO_NP}),
]  # fmt: skip
