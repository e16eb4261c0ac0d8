"""tf.data with tensors of accelerators: made of them, iterated, and prefetched to them."""

from __future__ import annotations

from tests.device.row import Row

ROWS = [
    Row("dataset_of_array", "", "tf.data.Dataset.from_tensor_slices(F)"),
    Row("dataset_of_device_tensor", "", "tf.data.Dataset.from_tensor_slices(t)"),
    Row("dataset_of_one_device_tensor", "", "tf.data.Dataset.from_tensors(t)"),
    Row("dataset_of_host_tensor", "", "tf.data.Dataset.from_tensor_slices(h)"),
    Row("dataset_iterate", "ds = tf.data.Dataset.from_tensor_slices(F).batch(500)", "list(ds)"),
    Row("dataset_iterate_as_numpy",
        "ds = tf.data.Dataset.from_tensor_slices(F).batch(500)", "list(ds.as_numpy_iterator())"),
    Row("dataset_iterate_device_tensor",
        "ds = tf.data.Dataset.from_tensor_slices(t).batch(500)", "list(ds)"),
    Row("dataset_iterate_under_device", "ds = tf.data.Dataset.from_tensor_slices(F).batch(500)",
        "with tf.device(D0):\n    r = list(ds)"),
    Row("dataset_iterate_and_add", "ds = tf.data.Dataset.from_tensor_slices(F).batch(1000)",
        "[x + t for x in ds]"),
    Row("dataset_iterate_and_put", "ds = tf.data.Dataset.from_tensor_slices(F).batch(500)",
        "with tf.device(D0):\n    r = [tf.identity(x) for x in ds]"),
    Row("dataset_from_generator", "", "list(tf.data.Dataset.from_generator("
        "lambda: iter([F]), output_signature=tf.TensorSpec((1000,))))"),
    Row("dataset_map_of_device_tensor", "",
        "list(tf.data.Dataset.from_tensors(F).map(lambda x: x + t))"),
    Row("dataset_prefetch_to_device",
        "ds = tf.data.Dataset.from_tensors(F)"
        ".apply(tf.data.experimental.prefetch_to_device('/' + D0))",
        "list(ds)"),
    Row("dataset_copy_to_device",
        "ds = tf.data.Dataset.from_tensors(F)"
        ".apply(tf.data.experimental.copy_to_device('/' + D0))",
        "list(ds)"),
    Row("dataset_prefetch", "ds = tf.data.Dataset.from_tensors(F).prefetch(1)", "list(ds)"),
]  # fmt: skip
