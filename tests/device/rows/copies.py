"""Moves that the user asked for by name."""

from __future__ import annotations

from tests.device.row import Row

PUT = "a constant is placed on the accelerator"
EXPLICIT = "the policy `explicit` raises before anything moves"

_POLICY = """\
policy = tf.config.experimental.get_device_policy()
tf.config.experimental.set_device_policy('explicit')
try:
    {code}
finally:
    tf.config.experimental.set_device_policy(policy)
"""

ROWS = [
    Row("put_array_under_device", "", "with tf.device(D0):\n    r = tf.constant(F)",
        fact=PUT, moves=(4000, 0, 0)),
    Row("put_array", "", "tf.constant(F)", fact=PUT, moves=(4000, 0, 0)),
    Row("put_array_by_convert", "", "tf.convert_to_tensor(F)"),
    Row("put_array_by_identity", "", "tf.identity(F)"),
    Row("put_array_under_host", "", "with tf.device('CPU:0'):\n    r = tf.constant(F)"),
    Row("put_array_on_other", "", "with tf.device(D1):\n    r = tf.constant(F)", accelerators=2),
    Row("put_list_of_numbers", "", "tf.constant([1.0, 2.0, 3.0])"),
    Row("put_list_of_int", "", "tf.constant([1, 2, 3])"),
    Row("put_list_by_convert", "", "tf.convert_to_tensor([1.0, 2.0])"),
    Row("put_array_with_full_name", "",
        "with tf.device('/job:localhost/replica:0/task:0/device:' + D0):\n    r = tf.constant(F)"),
    Row("put_array_twice", "", "tf.constant(F); r = tf.constant(F)"),
    Row("put_under_function", "", "with tf.device(lambda op: D0):\n    r = tf.constant(F)",
        raises="RuntimeError"),
    Row("host_identity_to_device", "", "with tf.device(D0):\n    r = tf.identity(h)"),
    Row("host_identity_to_device_again", "with tf.device(D0): tf.identity(h)",
        "with tf.device(D0):\n    r = tf.identity(h)"),
    Row("host_constant_to_device", "", "with tf.device(D0):\n    r = tf.constant(h)"),
    Row("device_identity_to_host", "", "with tf.device('CPU:0'):\n    r = tf.identity(t)"),
    Row("device_identity_to_host_again", "with tf.device('CPU:0'): tf.identity(t)",
        "with tf.device('CPU:0'):\n    r = tf.identity(t)"),
    Row("device_identity_to_host_then_read", "",
        "with tf.device('CPU:0'):\n    c = tf.identity(t)\nr = c.numpy()"),
    Row("device_constant_to_host", "", "with tf.device('CPU:0'):\n    r = tf.constant(t)"),
    Row("device_identity_to_other", "", "with tf.device(D1):\n    r = tf.identity(t)",
        accelerators=2),
    Row("device_identity_to_other_again", "with tf.device(D1): tf.identity(t)",
        "with tf.device(D1):\n    r = tf.identity(t)", accelerators=2),
    Row("device_identity_to_itself", "", "with tf.device(D0):\n    r = tf.identity(t)"),
    Row("copy_host_to_device", "", "h._copy_to_device(D0)"),
    Row("copy_host_to_device_twice", "", "h._copy_to_device(D0); r = h._copy_to_device(D0)"),
    Row("copy_host_to_host", "", "h._copy_to_device('CPU:0')"),
    Row("copy_device_to_itself", "", "t._copy_to_device(D0)"),
    Row("copy_device_to_other", "", "t._copy_to_device(D1)", accelerators=2),
    Row("copy_device_to_other_twice", "", "t._copy_to_device(D1); r = t._copy_to_device(D1)",
        accelerators=2),
    Row("host_cpu", "", "h.cpu()"),
    Row("round_trip", "", "with tf.device(D0):\n    d = tf.constant(F)\nr = d.numpy()"),
    Row("through_numpy_to_other", "", "with tf.device(D1):\n    r = tf.constant(t.numpy())",
        accelerators=2),
    Row("policy_raises", "", _POLICY.format(code="tf.strings.as_string(t)"),
        fact=EXPLICIT, moves=(0, 0, 0), raises="InvalidArgumentError"),
    Row("policy_lets_a_read_pass", "", _POLICY.format(code="r = t.numpy()"),
        fact=EXPLICIT, moves=(0, 4000, 0)),
    Row("policy_lets_a_copy_pass", "", _POLICY.format(code="r = t.cpu()")),
    Row("policy_raises_for_host", "",
        _POLICY.format(code="with tf.device(D0): tf.add(h, h)"), raises="InvalidArgumentError"),
]  # fmt: skip
