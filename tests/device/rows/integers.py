"""int32, which TensorFlow keeps in host memory unless a cast made it on the accelerator."""

from __future__ import annotations

from tests.device.row import Row

_MADE = "r = tf.cast(t, tf.int32)"
_KEPT = "i = on(D0, F.astype('i4'))"

_OPS = {
    "identity": "tf.raw_ops.Identity(input={0})",
    "reshape": "tf.reshape({0}, [10, 100])",
    "expand_dims": "tf.expand_dims({0}, 0)",
    "add": "{0} + {0}",
    "less": "{0} < {0}",
    "square": "tf.square({0})",
    "shape": "tf.raw_ops.Shape(input={0})",
    "size_long": "tf.raw_ops.Size(input={0}, out_type=tf.int64)",
    "zeros_like": "tf.raw_ops.ZerosLike(x={0})",
    "ones_like": "tf.raw_ops.OnesLike(x={0})",
    "cast_back": "tf.cast({0}, tf.float32)",
    "gather": "tf.gather({0}, [1, 2])",
    "read": "{0}.numpy()",
    "sum_by_numpy": "np.sum({0})",
    "constant_of": "tf.constant({0})",
}

ROWS = [
    Row("int32_made_of_a_host_tensor", "", "with tf.device(D0):\n    r = tf.cast(h, tf.int32)"),
    *(
        Row(f"int32_{where}_{name}", setup, code.format(tensor))
        for where, setup, tensor in (("made", _MADE, "r"), ("kept", _KEPT, "i"))
        for name, code in _OPS.items()
    ),
    *(
        Row(f"int32_{where}_{name}_again", f"{setup}; {code.format(tensor)}", code.format(tensor))
        for where, setup, tensor in (("made", _MADE, "r"), ("kept", _KEPT, "i"))
        for name, code in _OPS.items()
    ),
    Row("int32_made_plus_kept", f"{_MADE}; {_KEPT}", "r + i"),
    Row("int32_array_cast_in_the_op", "a = F.astype('i4')",
        "with tf.device(D0):\n    r = tf.raw_ops.Cast(x=a, DstT=tf.float32)"),
    Row("int32_array_in_the_op", "a = F.astype('i4')", "tf.raw_ops.AddV2(x=a, y=a)"),
    Row("int32_variable", _MADE, "tf.Variable(r)"),
]  # fmt: skip
