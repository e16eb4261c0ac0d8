"""The edges of functions, pipelines, tapes and models: what crosses there."""

from __future__ import annotations

from tests.contract.row import FROM_PY, TO_NP, TO_TF, Row

DOUBLE = "f = tf.function(lambda x: x * 2); "
SIGNATURE = (
    "f = tf.function(lambda x: x * 2, input_signature=[tf.TensorSpec([None, None], tf.float32)]); "
)
IN_GRAPH = "f = tf.function(lambda x: {body}); "
DENSE = "k = keras.layers.Dense(8); k.build((None, n)); "
SMALL_MODEL = (
    "m = keras.Sequential([keras.Input((n,)), keras.layers.Dense(8)]); m.compile('sgd', 'mse'); "
)
# A prefetched element would be made before or during the call, as it happens.
GENERATOR = """
def g():
    while True:
        yield a
x = tf.data.Dataset.from_generator(g, output_signature=tf.TensorSpec([n, n], {dtype}))
options = tf.data.Options()
options.experimental_optimization.inject_prefetch = False
x = iter(x.with_options(options))
next(x)
"""
TAPE = """
def f():
    with tf.GradientTape() as tape:
        y = tf.reduce_sum({loss})
    return tape.gradient(y, v)
"""
A, TWO = "a = F()", "a = F(); t = T(seed=1)"

FUNCTIONS = [
    Row("function_first_call", DOUBLE + A, "f(a)", {"a": TO_TF}),
    Row("function_later_call", DOUBLE + A, "f(a)", {"a": TO_TF}, needs_first=True),
    Row("function_aligned", DOUBLE + "a = al(F())", "f(a)", {"a": TO_TF}, needs_first=True),
    Row("function_keyword", DOUBLE + A, "f(x=a)", {"a": TO_TF}, needs_first=True),
    Row("function_two_arrays", "f = tf.function(lambda x, y: x * y); a = F(); b = F(seed=1)",
        "f(a, b)", {"a": TO_TF, "b": TO_TF}, needs_first=True),
    Row("function_list_of_arrays", "f = tf.function(lambda x: x[0] * x[1]); a = F(); "
        "b = F(seed=1)", "f([a, b])", {"a": TO_TF, "b": TO_TF}, needs_first=True),
    Row("function_dict_of_arrays", "f = tf.function(lambda x: x['y'] * 2); a = F()",
        "f({'y': a})", {"a": TO_TF}, needs_first=True),
    Row("function_array_scalar", DOUBLE + "a = np.float64(1.2345)", "f(a)", {"a": TO_TF},
        needs_first=True),
    Row("function_signature_float32", SIGNATURE + "a = F('f4')", "f(a)", {"a": TO_TF},
        needs_first=True),
    Row("function_signature_casts_float64", SIGNATURE + A, "f(a)", {"a": TO_TF},
        needs_first=True),
    Row("function_signature_list", SIGNATURE + "x = F('f4', (90, 90)).tolist()", "f(x)",
        {"x": FROM_PY}, needs_first=True),
    Row("function_concrete", DOUBLE + A + "; f = f.get_concrete_function("
        "tf.TensorSpec([n, n], tf.float64))", "f(a)", {"a": TO_TF}, needs_first=True),
    Row("function_jit", "f = tf.function(lambda x: x * 2, jit_compile=True); a = F()", "f(a)",
        {"a": TO_TF}, needs_first=True),
    Row("function_of_tensor", DOUBLE + "t = T()", "f(t)", {}, needs_first=True),
    Row("function_result_numpy", DOUBLE + "t = T(); t = f(t)", "t.numpy()", {"t": TO_NP}),
    Row("function_closure_traced_before", IN_GRAPH.format(body="x + a") + TWO, "f(t)", {},
        needs_first=True),
    Row("function_closure_traced_now", IN_GRAPH.format(body="x + a") + TWO, "f(t)",
        {"a": TO_TF}),
    Row("function_closure_on_fast_path", IN_GRAPH.format(body="x * a") + TWO, "f(t)",
        {"a": TO_TF}),
    Row("function_closure_transposed", IN_GRAPH.format(body="x + a.T") + TWO, "f(t)",
        {"a": TO_TF}),
    Row("function_closure_cast", IN_GRAPH.format(body="tf.constant(a, tf.float32)") + TWO,
        "f(t)", {"a": TO_TF}, asked=True),
    Row("function_closure_of_two", IN_GRAPH.format(body="x + a - b") + TWO + "; b = F(seed=2)",
        "f(t)", {"a": TO_TF, "b": TO_TF}),
    Row("function_closure_twice", IN_GRAPH.format(body="x + a - tf.exp(tf.constant(a))") + TWO,
        "f(t)", {"a": TO_TF}, {"a": 2}),
    Row("function_closure_list", IN_GRAPH.format(body="tf.constant(p, tf.float64)") +
        "p = F(shape=(9000,)).tolist(); t = T()", "f(t)", {"p": FROM_PY}, asked=True),
    Row("function_closure_concrete", IN_GRAPH.format(body="x + a") + TWO,
        "f.get_concrete_function(t)", {"a": TO_TF}),
    Row("function_closure_small", IN_GRAPH.format(body="x[:20, :200] + a") +
        "a = F(shape=(20, 200)); t = T()", "f(t)", {"a": TO_TF}),
    Row("function_cast_inside", IN_GRAPH.format(body="tf.cast(x, tf.float16)") + "t = T()",
        "f(t)", {}, needs_first=True),
    # A cast that another op then overwrites in place is hidden from the oracle: none is here.
    Row("function_cast_of_array_inside", IN_GRAPH.format(body="tf.cast(x, tf.float32)") + A,
        "f(a)", {"a": TO_TF}, needs_first=True, asked=True),
    Row("function_cast_of_array_in_inner_function", "g = tf.function(lambda x: "
        "tf.cast(x, tf.float32)); f = tf.function(lambda x: g(tf.identity(x))); a = F()", "f(a)",
        {"a": TO_TF}, needs_first=True, asked=True),
    Row("function_run_eagerly", DOUBLE + "a = F(); f = f.python_function", "f(a)", {}),
    Row("py_function_eager", "t = T()",
        "tf.py_function(lambda x: (x.numpy(), tf.exp(x))[1], [t], tf.float64)",
        {"t": TO_NP}, asked=True),
    Row("py_function_eager_array_in", A, "tf.py_function(lambda x: x * 2, [a], tf.float64)",
        {"a": TO_TF}, asked=True),
    Row("py_function_eager_returns_array", A, "tf.py_function(lambda: a, [], tf.float64)",
        {"a": TO_TF}, asked=True),
    Row("py_function_eager_returns_cast", A, "tf.py_function(lambda: a, [], tf.float32)",
        {"a": TO_TF}),
    Row("numpy_function_eager", "t = T()", "tf.numpy_function(np.sum, [t], tf.float64)",
        {"t": TO_NP}, asked=True),
    # Run eagerly, it hands the function arrays: only the result becomes a tensor.
    Row("numpy_function_eager_array_in", "a = F(); b = F(seed=1)",
        "tf.numpy_function(lambda x: b, [a], tf.float64)", {"b": TO_TF}, asked=True),
    Row("numpy_function_in_graph", IN_GRAPH.format(
        body="tf.numpy_function(np.exp, [x], tf.float64)") + "t = T()", "f(t)",
        {"t": TO_NP, "what exp returns": TO_TF}, needs_first=True),
    Row("numpy_function_in_graph_writes", IN_GRAPH.format(
        body="tf.numpy_function(lambda y: y.fill(1.5) or y, [x], tf.float64)") + "t = T()",
        "f(t)", {"t": TO_NP, "what the function returns": TO_TF}, needs_first=True),
    Row("numpy_function_in_graph_returns_array", IN_GRAPH.format(
        body="tf.numpy_function(lambda y: a, [x], tf.float64) + 1") + "a = F(); "
        "t = T(shape=(2,), seed=1)", "f(t)", {"a": TO_TF, "t": TO_NP}, needs_first=True),
    Row("py_function_in_graph_numpy", IN_GRAPH.format(
        body="tf.py_function(lambda y: (y.numpy(), tf.exp(y))[1], [x], tf.float64)") + "t = T()",
        "f(t)", {"t": TO_NP}, needs_first=True),
    Row("custom_gradient", "f = tf.custom_gradient(lambda x: (tf.exp(x), lambda g: g)); t = T()",
        "f(t)", {}),
]  # fmt: skip
PIPELINES = [
    Row("dataset_next_element_numpy", "x = iter(tf.data.Dataset.from_tensors(F())); t = next(x)",
        "t.numpy()", {"t": TO_NP}),
    Row("dataset_iteration_stays", "x = tf.data.Dataset.from_tensors(F())", "next(iter(x))", {}),
    Row("dataset_from_tensors_next", A, "next(iter(tf.data.Dataset.from_tensors(a)))",
        {"a": TO_TF}),
    Row("dataset_zip", "a = F(); x = tf.data.Dataset.range(1)",
        "tf.data.Dataset.zip((tf.data.Dataset.from_tensors(a), x))", {"a": TO_TF}),
    Row("dataset_of_two_arrays_batched", "a = F(shape=(9000,)); b = I(shape=(9000,))",
        "tf.data.Dataset.from_tensor_slices((a, b)).batch(10)", {"a": TO_TF, "b": TO_TF}),
    Row("dataset_generator", A + GENERATOR.format(dtype="tf.float64"), "next(x)", {"a": TO_TF}),
    Row("dataset_generator_cast", A + GENERATOR.format(dtype="tf.float32"), "next(x)",
        {"a": TO_TF}),
    Row("dataset_generator_aligned", "a = al(F())" + GENERATOR.format(dtype="tf.float64"),
        "next(x)", {"a": TO_TF}),
    Row("dataset_map_closure", "a = F(); x = tf.data.Dataset.range(2)", "x.map(lambda i: a)",
        {"a": TO_TF}),
    Row("dataset_filter_closure", "a = F(); x = tf.data.Dataset.range(2)",
        "x.filter(lambda i: tf.reduce_sum(a) > 0)", {"a": TO_TF}, {"a": 2}),
    Row("dataset_reduce_closure", "a = F(); x = tf.data.Dataset.range(2)",
        "x.reduce(np.int64(0), lambda i, j: i + tf.cast(tf.size(tf.constant(a)), tf.int64))",
        {"a": TO_TF}),
    Row("dataset_batch_cast_in_map", "x = tf.data.Dataset.from_tensors(T())",
        "x.map(lambda y: tf.cast(y, tf.float16))", {}),
]  # fmt: skip
TAPES = [
    Row("tape_variable_times_array", "a = F(); v = tf.Variable(F(seed=1))" +
        TAPE.format(loss="v * a"), "f()", {"a": TO_TF}, works=True),
    Row("tape_variable_plus_array", "a = F(); v = tf.Variable(F(seed=1))" +
        TAPE.format(loss="(v + a) ** 2"), "f()", {"a": TO_TF}),
    Row("tape_aligned_array", "a = al(F()); v = tf.Variable(F(seed=1))" +
        TAPE.format(loss="v * a"), "f()", {"a": TO_TF}, works=True),
    Row("tape_float32_variable", "a = F(); v = tf.Variable(F('f4', seed=1))" +
        TAPE.format(loss="v * a"), "f()", {"a": TO_TF}, works=True),
    Row("tape_output_gradients", "a = F(); v = tf.Variable(F(seed=1))\n"
        "with tf.GradientTape() as tape:\n    y = v * 2.0", "tape.gradient(y, v, a)",
        {"a": TO_TF}),
    Row("tape_apply_gradients", "a = F('f4'); v = keras.Variable(F('f4', seed=1)); "
        "x = keras.optimizers.SGD(); x.build([v])", "x.apply_gradients([(a, v)])", {"a": TO_TF},
        {"a": 2}),
    Row("tape_gradient_numpy", "v = tf.Variable(F(seed=1))" + TAPE.format(loss="v ** 2") +
        "t = f()", "t.numpy()", {"t": TO_NP}),
]  # fmt: skip
KERAS = [
    Row("keras_layer_float32", DENSE + "a = F('f4')", "k(a)", {"a": TO_TF}),
    Row("keras_layer_float64", DENSE + A, "k(a)", {"a": TO_TF}),
    Row("keras_layer_tensor", DENSE + "t = T('f4')", "k(t)", {}),
    Row("keras_layer_float16", DENSE + "a = F('f2')", "k(a)", {"a": TO_TF}),
    Row("keras_layer_list_of_arrays", "k = keras.layers.Add(); a = F('f4'); b = F('f4', seed=1)",
        "k([a, b])", {"a": TO_TF, "b": TO_TF}),
    Row("keras_embedding", "k = keras.layers.Embedding(100, 2); k.build(); a = I('i4', (90, 90))",
        "k(a)", {"a": TO_TF}, works=True),
    Row("keras_kernel_numpy", DENSE + "v = k.kernel", "k.kernel.numpy()", {"v": TO_NP}),
    Row("keras_kernel_np_sum", DENSE + "v = k.kernel", "np.sum(k.kernel)", {"v": TO_NP}),
    Row("keras_array_plus_kernel", DENSE + "v = k.kernel; a = F('f4', (n, 8))", "a + k.kernel",
        {"v": TO_NP}),
    Row("keras_kernel_plus_array", DENSE + "a = F('f4', (n, 8))", "k.kernel + a", {"a": TO_TF}),
    Row("keras_kernel_assign", DENSE + "a = F('f4', (n, 8))", "k.kernel.assign(a)", {"a": TO_TF}),
    Row("keras_kernel_assign_float64", DENSE + "a = F(shape=(n, 8))", "k.kernel.assign(a)",
        {"a": TO_TF}),
    Row("keras_get_weights", DENSE + "v, w = k.weights", "k.get_weights()",
        {"v": TO_NP, "w": TO_NP}),
    Row("keras_set_weights", DENSE + "a = F('f4', (n, 8)); b = F('f4', (8,))",
        "k.set_weights([a, b])", {"a": TO_TF, "b": TO_TF}),
    Row("keras_metric_update", "k = keras.metrics.Mean(); a = F('f4')", "k.update_state(a)",
        {"a": TO_TF}),
    Row("keras_metric_float", "k = keras.metrics.Mean(); k.update_state(1.5); t = k.result()",
        "t.numpy()", {"t": TO_NP}),
    Row("keras_loss_call", "k = keras.losses.MeanSquaredError(); a = F('f4'); b = F('f4', seed=1)",
        "k(a, b)", {"a": TO_TF, "b": TO_TF}),
    Row("keras_to_categorical", "a = V('i4', (9000,))", "keras.utils.to_categorical(a, 8)", {}),
    Row("keras_model_call", SMALL_MODEL + "a = F('f4')", "m(a)", {"a": TO_TF}),
    # What comes back has the contents of `t`, and `predict` reads it twice: once for callbacks.
    Row("keras_model_predict", SMALL_MODEL + "a = F('f4'); t = m(a)",
        "m.predict(a, batch_size=n, verbose=0)", {"a": TO_TF, "t": TO_NP}, {"t": 2},
        needs_first=True, works=True),
    Row("keras_model_predict_tensor", SMALL_MODEL + "u = T('f4'); t = m(u)",
        "m.predict(u, batch_size=n, verbose=0)", {"t": TO_NP}, {"t": 2}, needs_first=True,
        works=True),
    Row("keras_model_predict_on_batch", SMALL_MODEL + "a = F('f4'); t = m(a)",
        "m.predict_on_batch(a)", {"a": TO_TF, "t": TO_NP}, needs_first=True, works=True),
    Row("keras_model_fit", SMALL_MODEL + "a = F('f4'); b = F('f4', (n, 8), 1)",
        "m.fit(a, b, batch_size=n, verbose=0)", {"a": TO_TF, "b": TO_TF}, needs_first=True),
    Row("keras_model_fit_float64", SMALL_MODEL + "a = F(); b = F(shape=(n, 8), seed=1)",
        "m.fit(a, b, batch_size=n, verbose=0)", {"a": TO_TF, "b": TO_TF}, needs_first=True),
    Row("keras_model_fit_data_frame", SMALL_MODEL + "a = pd.DataFrame(F()); "
        "b = F('f4', (n, 8), 1)", "m.fit(a, b, batch_size=n, verbose=0)",
        {"a": TO_TF, "b": TO_TF}, needs_first=True),
    Row("keras_model_fit_data_frame_of_columns", SMALL_MODEL + "a = pd.DataFrame(F()); "
        "a[0] = a[0] + 1; a[1] = a[1] + 1; b = F('f4', (n, 8), 1)",
        "m.fit(a, b, batch_size=n, verbose=0)", {"a": TO_TF, "b": TO_TF}, needs_first=True),
    Row("keras_model_train_on_batch_float64", SMALL_MODEL + "a = F(); b = F('f4', (n, 8), 1)",
        "m.train_on_batch(a, b)", {"a": TO_TF, "b": TO_TF}, needs_first=True),
    Row("keras_model_train_on_batch_float64_first", SMALL_MODEL + "a = al(F()); "
        "b = F('f4', (n, 8), 1)", "m.train_on_batch(a, b)", {"a": TO_TF, "b": TO_TF}),
    Row("keras_model_test_on_batch_float64", SMALL_MODEL + "a = F(); b = F('f4', (n, 8), 1)",
        "m.test_on_batch(a, b)", {"a": TO_TF, "b": TO_TF}, needs_first=True),
    Row("keras_model_in_function_float64", SMALL_MODEL + "f = tf.function(lambda x: m(x)); a = F()",
        "f(a)", {"a": TO_TF}, needs_first=True),
    Row("keras_model_train_on_batch", SMALL_MODEL + "a = F('f4'); b = F('f4', (n, 8), 1)",
        "m.train_on_batch(a, b)", {"a": TO_TF, "b": TO_TF}, needs_first=True),
    Row("keras_model_evaluate", SMALL_MODEL + "a = F('f4'); b = F('f4', (n, 8), 1)",
        "m.evaluate(a, b, batch_size=n, verbose=0)", {"a": TO_TF, "b": TO_TF}, needs_first=True,
        works=True),
    Row("keras_ops_convert_to_numpy_of_variable", DENSE + "v = k.kernel",
        "keras.ops.convert_to_numpy(v)", {"v": TO_NP}),
    Row("keras_random_seed_initializer", "k = keras.initializers.Constant(1.5)", "k((n, n))", {}),
]  # fmt: skip
ROWS = [*FUNCTIONS, *PIPELINES, *TAPES, *KERAS]
