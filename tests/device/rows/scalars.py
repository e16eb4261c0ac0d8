"""Python numbers that meet tensors of an accelerator; TensorFlow keeps them on each device."""

from __future__ import annotations

from tests.device.row import Row

KINDS = {
    "float": "t + 2.5",
    "big_int": "t + 123456",
    "negative_zero": "t * -0.0",
    "infinity": "tf.minimum(t, float('inf'))",
    "nan": "t * float('nan')",
    "bool": "tf.equal(t > 0, True)",
    "first": "1.5 - t",
    "named": "tf.add(t, 3.5)",
    "fallback": "tf.maximum(t, 0.25)",
}

ONCE = "a Python number goes to the device once"

ROWS = [
    *(Row(f"scalar_{name}", "", code) for name, code in KINDS.items()),
    *(Row(f"scalar_{name}_again", code, code) for name, code in KINDS.items()),
    Row("scalar_int", "", "t + 1", fact=ONCE, moves=(4, 0, 0)),
    Row("scalar_int_again", "t + 1", "t + 1", fact=ONCE, moves=(0, 0, 0)),
    Row("scalar_after_equal_int", "t + 1", "t + 1.0"),
    Row("scalar_negative_zero_after_zero", "t * 0.0", "t * -0.0"),
    Row("scalar_for_other_device", "t + 7.5", "u + 7.5", accelerators=2),
    Row("scalar_for_host_after_device", "t + 7.5", "h + 7.5"),
    Row("scalar_for_device_after_host", "h + 7.5", "t + 7.5"),
    Row("scalar_host_under_device", "", "with tf.device(D0):\n    r = h * 7.5"),
    Row("scalar_as_complex", "z = on(D0, F.astype('c8'))", "z * 2j"),
    Row("scalar_for_double", "z = on(D0, F.astype('f8'))", "z + 1.5"),
    Row("scalar_for_int64", "z = on(D0, np.arange(10))", "z + 1"),
    Row("scalar_for_int32", "z = on(D0, np.arange(10, dtype='i4'))", "z + 1"),
    Row("scalar_string", "z = on(D0, ['a', 'b'])", "z + 'c'"),
    Row("scalar_in_a_loop", "", "r = t\nfor i in range(4):\n    r = r + float(i % 2)"),
    Row("scalar_new_in_a_loop", "", "r = t\nfor i in range(4):\n    r = r + i / 3"),
    Row("scalar_constant", "", "with tf.device(D0):\n    r = tf.constant(6.5)"),
    Row("scalar_constant_again", "with tf.device(D0): tf.constant(6.5)",
        "with tf.device(D0):\n    r = tf.constant(6.5)"),
    Row("scalar_constant_int", "", "with tf.device(D0):\n    r = tf.constant(6)"),
    Row("scalar_constant_with_dtype", "",
        "with tf.device(D0):\n    r = tf.constant(6, tf.float32)"),
    Row("scalar_constant_with_shape", "",
        "with tf.device(D0):\n    r = tf.constant(6.5, shape=(100,))"),
    Row("scalar_as_axis", "m = tf.reshape(t, (10, 100))", "tf.reduce_sum(m, 0)"),
    Row("scalar_as_exponent", "", "t ** 2"),
    Row("scalar_to_compare", "", "t > 0"),
    Row("scalar_in_place", "", "t += 4.5\nr = t"),
    Row("scalar_by_alpha", "", "tf.nn.leaky_relu(t, 0.3)"),
]  # fmt: skip
