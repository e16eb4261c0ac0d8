"""What meets a tensor of an accelerator in an op: tensors elsewhere, arrays, lists, scalars."""

from __future__ import annotations

from tests.device.row import Row

ANEW = "a list is converted anew each time"

ROWS = [
    Row("host_plus_device", "", "h + t"),
    Row("device_plus_host", "", "t + h"),
    Row("device_plus_host_again", "t + h", "t + h"),
    Row("device_minus_host", "", "t - h"),
    Row("fallback_of_host_and_device", "", "tf.maximum(h, t)"),
    Row("fallback_of_device_and_host", "", "tf.maximum(t, h)"),
    Row("device_plus_other", "", "t + u", accelerators=2),
    Row("other_plus_device", "", "u + t", accelerators=2),
    Row("device_plus_other_again", "t + u", "t + u", accelerators=2),
    Row("fallback_of_both", "", "tf.maximum(t, u)", accelerators=2),
    Row("device_plus_array", "", "t + F"),
    Row("array_plus_device", "", "F + t"),
    Row("device_minus_array", "", "t - F"),
    Row("device_times_array", "", "t * F"),
    Row("device_plus_array_twice", "", "t + F; r = t + F"),
    Row("add_of_device_and_array", "", "tf.add(t, F)"),
    Row("add_of_arrays", "", "tf.add(F, F)"),
    Row("square_of_array", "", "tf.square(F)"),
    Row("square_of_array_under_device", "", "with tf.device(D0):\n    r = tf.square(F)"),
    Row("square_of_array_under_cpu", "", "with tf.device('CPU:0'):\n    r = tf.square(F)"),
    Row("multiply_of_arrays", "", "tf.multiply(F, F)"),
    Row("matmul_of_arrays", "m = F.reshape(10, 100)", "tf.matmul(m, m.T)"),
    Row("maximum_of_device_and_array", "", "tf.maximum(t, F)"),
    Row("reduce_sum_of_array", "", "tf.reduce_sum(F)"),
    Row("stack_of_arrays", "", "tf.stack([F, F])"),
    Row("concat_of_device_and_array", "", "tf.concat([t, F], 0)"),
    Row("where_of_arrays", "", "tf.where(F > 0, t, F)"),
    Row("cast_of_array", "", "tf.cast(F, tf.float64)"),
    Row("array_of_other_dtype", "A = F.astype('f8')", "t + A"),
    Row("array_not_aligned", "A = aligned(np.zeros(1001, 'f4'))[1:]", "t + A"),
    Row("array_strided", "A = np.repeat(F, 2)[::2]", "t + A"),
    Row("array_of_one", "", "t + np.ones(1, 'f4')"),
    Row("list_of_one", "", "tf.add(t, [3.0])", fact=ANEW, moves=(4, 0, 0)),
    Row("list_of_one_again", "tf.add(t, [3.0])", "tf.add(t, [3.0])", fact=ANEW, moves=(4, 0, 0)),
    Row("list_of_all", "values = F.tolist()", "t + values"),
    Row("list_of_tensors", "s = on(D0, F[0])", "tf.convert_to_tensor([s, s])"),
    Row("list_of_tensors_and_numbers", "s = on(D0, F[0])", "tf.convert_to_tensor([s, 1.0])"),
    Row("tuple_of_numbers", "s = on(D0, F[:2])", "s * (2.0, 3.0)"),
    Row("numpy_scalar", "", "t + np.float32(2.5)"),
    Row("numpy_scalar_again", "x = np.float32(2.5); t + x", "t + x"),
    Row("numpy_scalar_of_double", "", "t * np.float64(2.5)"),
    Row("array_without_axes", "", "t + np.array(2.5, 'f4')"),
    Row("numpy_scalar_first", "", "np.float32(2.5) * t"),
]  # fmt: skip
