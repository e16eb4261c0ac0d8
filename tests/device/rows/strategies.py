"""MirroredStrategy over the accelerators, eagerly."""

from __future__ import annotations

from tests.device.row import Row

_SCOPE = "s = tf.distribute.MirroredStrategy([D0, D1])"
_VARIABLE = f"{_SCOPE}\nwith s.scope(): w = tf.Variable(F)"

ROWS = [
    Row("mirrored_run", _SCOPE, "r = s.run(lambda: t + t).values", accelerators=2),
    Row("mirrored_run_of_array", _SCOPE, "r = s.run(lambda x: tf.add(x, x), (F,)).values",
        accelerators=2),
    Row("mirrored_reduce", f"{_SCOPE}; p = s.run(lambda: t + t)",
        "s.reduce(tf.distribute.ReduceOp.SUM, p, axis=None)", accelerators=2),
    Row("mirrored_new_variable", _SCOPE, "with s.scope():\n    w = tf.Variable(F)",
        accelerators=2),
    Row("mirrored_assign", _VARIABLE, "with s.scope():\n    w.assign(F)", accelerators=2),
    Row("mirrored_assign_tensor", _VARIABLE, "with s.scope():\n    w.assign(t)", accelerators=2),
    Row("mirrored_read", _VARIABLE, "w.numpy()", accelerators=2),
    Row("mirrored_read_in_replicas", _VARIABLE, "r = s.run(lambda: w + 1.0).values",
        accelerators=2),
    Row("mirrored_local_results", f"{_SCOPE}; p = s.run(lambda: t * t)",
        "[x.numpy() for x in s.experimental_local_results(p)]", accelerators=2),
    Row("one_device", "s = tf.distribute.OneDeviceStrategy(D0)", "s.run(lambda: t + t)"),
    Row("one_device_variable", "s = tf.distribute.OneDeviceStrategy(D0)",
        "with s.scope():\n    r = tf.Variable(F)"),
]  # fmt: skip
