"""Python functions called by ops, Keras layers and optimizers, all eagerly."""

from __future__ import annotations

from tests.device.row import Row

_KERAS = "import keras; keras.utils.set_random_seed(1)"
_DENSE = f"{_KERAS}; x = tf.reshape(t, (10, 100)); d = keras.layers.Dense(3"

_MODEL = (
    f"{_KERAS}\n"
    "m = keras.Sequential([keras.Input((10,)), keras.layers.Dense(3)])\n"
    "m.compile('sgd', 'mse', run_eagerly=True)\n"
    "x, y = F.reshape(100, 10), np.zeros((100, 3), 'f4')\n"
)

ROWS = [
    Row("numpy_function", "", "tf.numpy_function(lambda a: a + 1, [t], tf.float32)",
        fact="numpy_function moves both ways", moves=(4000, 4000, 0)),
    Row("numpy_function_of_array", "", "tf.numpy_function(lambda a: a + 1, [F], tf.float32)"),
    Row("numpy_function_of_nothing", "",
        "tf.numpy_function(lambda: np.float32(2), [], tf.float32)"),
    Row("py_function", "", "tf.py_function(lambda x: x + x, [t], tf.float32)"),
    Row("py_function_reads", "", "tf.py_function(lambda x: x.numpy() + 1, [t], tf.float32)"),
    Row("py_function_on_host", "",
        "with tf.device('CPU:0'):\n    r = tf.py_function(lambda x: x + x, [t], tf.float32)"),
    Row("dense", f"{_DENSE}); d.build((10, 100))", "d(x)"),
    Row("dense_again", f"{_DENSE}); d(x)", "d(x)"),
    Row("dense_built_by_call", f"{_DENSE})", "d(x)"),
    Row("dense_with_relu", f"{_DENSE}, activation='relu'); d(x)", "d(x)"),
    Row("dense_with_softmax", f"{_DENSE}, activation='softmax'); d(x)", "d(x)"),
    Row("dense_of_array", f"{_DENSE}); d(x); A = F.reshape(10, 100)", "d(A)"),
    Row("dense_of_doubles", f"{_DENSE}); d(x); A = F.reshape(10, 100).astype('f8')", "d(A)"),
    Row("dense_on_host",
        "import keras; keras.utils.set_random_seed(1)\n"
        "with tf.device('CPU:0'):\n    d = keras.layers.Dense(3); d.build((10, 100))\n"
        "x = tf.reshape(t, (10, 100))", "d(x)"),
    Row("dense_weights", f"{_DENSE}); d(x)", "d.get_weights()"),
    Row("dense_set_weights", f"{_DENSE}); d(x); w = d.get_weights()", "d.set_weights(w)"),
    Row("sequential", f"{_DENSE}); m = keras.Sequential([d, keras.layers.ReLU()]); m(x)", "m(x)"),
    Row("dropout", f"{_KERAS}; d = keras.layers.Dropout(0.5); d(t)", "d(t)"),
    Row("embedding", f"{_KERAS}; d = keras.layers.Embedding(9, 3); d(np.array([1]))",
        "d(np.array([1, 2]))"),
    Row("keras_ops", f"{_KERAS}", "keras.ops.sum(t * t)"),
    Row("keras_to_numpy", f"{_KERAS}", "keras.ops.convert_to_numpy(t)"),
    Row("keras_loss", f"{_KERAS}; loss = keras.losses.MeanSquaredError()", "loss(t, t + t)"),
    Row("keras_metric", f"{_KERAS}; m = keras.metrics.Mean(); m.update_state([1.0])",
        "m.update_state(t); r = m.result()"),
    Row("sgd_step", f"{_KERAS}; o = keras.optimizers.SGD(0.1); o.build([v]); g = on(D0, F)",
        "o.apply([g], [v])"),
    Row("adam_step", f"{_KERAS}; o = keras.optimizers.Adam(); o.build([v]); g = on(D0, F)",
        "o.apply([g], [v])"),
    Row("adam_step_again",
        f"{_KERAS}; o = keras.optimizers.Adam(); o.build([v]); g = on(D0, F); o.apply([g], [v])",
        "o.apply([g], [v])"),
    Row("adam_step_with_host_gradient",
        f"{_KERAS}; o = keras.optimizers.Adam(); o.build([v])", "o.apply([h], [v])"),
    Row("training_step",
        f"{_DENSE}); d(x); o = keras.optimizers.SGD(0.1); o.build(d.trainable_variables)",
        "with tf.GradientTape() as tape:\n"
        "    y = tf.reduce_mean(tf.square(d(x)))\n"
        "g = tape.gradient(y, d.trainable_variables)\n"
        "o.apply(g, d.trainable_variables)\n"
        "r = float(y)"),
    Row("keras_train_on_batch_eagerly", _MODEL, "m.train_on_batch(x, y)"),
    Row("keras_fit_eagerly", _MODEL, "r = m.fit(x, y, verbose=0).history"),
    Row("tnp_array", "import tensorflow.experimental.numpy as tnp", "tnp.sum(tnp.asarray(F))"),
    Row("save_weights", f"{_DENSE}); d(x); import io", "[w.numpy() for w in d.weights]"),
    Row("serialize", "", "tf.io.serialize_tensor(t)"),
    Row("checkpoint", "import tempfile; f = tempfile.mkdtemp(); c = tf.train.Checkpoint(v=v)",
        "c.write(f + '/c'); import shutil; shutil.rmtree(f)"),
    Row("dlpack_of_host", "", "tf.experimental.dlpack.from_dlpack("
        "tf.experimental.dlpack.to_dlpack(h))"),
    Row("make_ndarray", "", "tf.make_tensor_proto(t)"),
    Row("constant_value", "", "tf.get_static_value(t)"),
    Row("in_thread",
        "import threading", "kept = []\nw = threading.Thread(target=lambda: kept.append(t.numpy()))"
        "\nw.start()\nw.join()\nr = kept"),
]  # fmt: skip
