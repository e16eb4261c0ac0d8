"""Graphs: what moves on the way to one is seen; what moves while it runs, with `--graph`."""

from __future__ import annotations

from tests.device.row import IN_GRAPHS, Row

_KERAS = (
    "import keras; keras.utils.set_random_seed(1)\n"
    "m = keras.Sequential([keras.Input((10,)), keras.layers.Dense(3)])\n"
    "m.compile('sgd', 'mse', jit_compile=False)\n"
    "x, y = F.reshape(100, 10), np.zeros((100, 3), 'f4')\n"
)

_RELU = "f = tf.function(tf.nn.relu); f(t)"

ROWS = [
    Row("function_on_device", _RELU, "f(t)"),
    Row("function_on_device_traced", "f = tf.function(tf.nn.relu)", "f(t)"),
    Row("function_of_array", _RELU, "f(F)"),
    Row("function_of_number", "f = tf.function(lambda x, n: x * n); f(t, 1.0)",
        "f(t, np.float32(2.5))"),
    Row("function_that_captures", "f = tf.function(lambda x: x * t)", "f(t)"),
    Row("function_that_assigns", "f = tf.function(lambda x: v.assign(x)); f(t)", "f(F)"),
    Row("function_result_is_read", _RELU, "f(t).numpy()"),
    Row("function_of_host_tensor", _RELU, "f(h)", blind=IN_GRAPHS),
    Row("function_on_host", _RELU, "with tf.device('CPU:0'):\n    r = f(t)", blind=IN_GRAPHS),
    Row("function_moves_to_the_host",
        "@tf.function\n"
        "def f(x):\n"
        "    with tf.device(D0): x = x + 1.0\n"
        "    with tf.device('CPU:0'): return tf.reduce_sum(x)\n"
        "f(F)",
        "f(F)", fact="a graph moves what it needs", moves=(4000, 4000, 0), blind=IN_GRAPHS),
    Row("function_falls_back", "f = tf.function(lambda x: tf.exp(tf.square(x)) + x); f(t)", "f(t)",
        blind=IN_GRAPHS),
    Row("function_numpy_function",
        "f = tf.function(lambda x: tf.numpy_function(lambda a: a + 1, [x], tf.float32)); f(t)",
        "f(t)", blind=IN_GRAPHS),
    Row("dataset_map_under_device",
        "def f(x):\n"
        "    with tf.device(D0): return tf.exp(x + 1.0)\n"
        "ds = tf.data.Dataset.from_tensors(F).map(f)",
        "list(ds)", blind=IN_GRAPHS),
    Row("vectorized_map", "m = tf.reshape(t, (10, 100))",
        "tf.vectorized_map(lambda x: tf.exp(tf.exp(x) + x), m)", blind=IN_GRAPHS),
    Row("function_of_variable", "f = tf.function(lambda: tf.exp(v)); f()", "f()",
        blind=IN_GRAPHS),
    Row("keras_fit", f"{_KERAS}m.fit(x, y, verbose=0)", "m.fit(x, y, verbose=0)",
        blind=IN_GRAPHS),
    Row("keras_predict", f"{_KERAS}m.predict(x, verbose=0)", "m.predict(x, verbose=0)",
        blind=IN_GRAPHS),
]  # fmt: skip
