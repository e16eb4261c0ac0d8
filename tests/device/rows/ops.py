"""Ops on a tensor of an accelerator: with a kernel there nothing moves, without one it does."""

from __future__ import annotations

from tests.device.row import Row

FALLBACK = "an op without a kernel there moves its inputs once"

WITH_KERNELS = {
    "add": "t + t",
    "subtract": "t - t",
    "multiply": "t * t",
    "relu": "tf.nn.relu(t)",
    "reduce_sum": "tf.reduce_sum(t)",
    "reduce_mean": "tf.reduce_mean(t)",
    "cast_to_double": "tf.cast(t, tf.float64)",
    "cast_to_int64": "tf.cast(t, tf.int64)",
}

OTHERS = {
    "exp": "tf.exp(t)",
    "negative": "-t",
    "divide": "t / t",
    "power": "t ** 2.0",
    "matmul_operator": "tf.reshape(t, (10, 100)) @ tf.reshape(t, (100, 10))",
    "chain_on_device": "tf.reduce_sum(tf.nn.relu(t * t - t))",
    "chain_falls_back_and_returns": "tf.square(t) + t",
    "chain_of_fallbacks": "tf.exp(tf.square(t))",
    "fallback_of_two_inputs": "tf.maximum(t, t * t)",
    "cast_to_half": "tf.cast(t, tf.float16)",
    "cast_to_same": "tf.cast(t, tf.float32)",
    "saturate_cast": "tf.saturate_cast(t, tf.int32)",
    "argmax": "tf.argmax(t)",
    "sort": "tf.sort(t)",
    "top_k": "tf.math.top_k(t, 3)",
    "cumsum": "tf.cumsum(t)",
    "clip": "tf.clip_by_value(t, 0.0, 1.0)",
    "stack": "tf.stack([t, t])",
    "concat": "tf.concat([t, t], 0)",
    "concat_with_host": "tf.concat([t, h], 0)",
    "add_n": "tf.add_n([t, t, t])",
    "where": "tf.where(t > 0, t, -t)",
    "where_indices": "tf.where(t > 0)",
    "gather": "tf.gather(t, [1, 2, 3])",
    "gather_nd": "tf.gather_nd(t, [[1], [2]])",
    "reshape": "tf.reshape(t, (10, 100))",
    "expand_dims": "tf.expand_dims(t, 0)",
    "squeeze": "tf.squeeze(tf.reshape(t, (1, 1000)))",
    "transpose": "tf.transpose(tf.reshape(t, (10, 100)))",
    "boolean_mask": "tf.boolean_mask(t, t > 0)",
    "boolean_mask_by_array": "tf.boolean_mask(t, F > 0)",
    "unique": "tf.unique(t)",
    "split": "tf.split(t, 4)",
    "unstack": "tf.unstack(tf.reshape(t, (4, 250)))",
    "tile": "tf.tile(t, [2])",
    "pad": "tf.pad(t, [[1, 1]])",
    "scatter_update": "tf.tensor_scatter_nd_update(t, [[0]], [1.0])",
    "softmax": "tf.nn.softmax(t)",
    "einsum": "tf.einsum('i,i->', t, t)",
    "norm": "tf.norm(t)",
    "as_string": "tf.strings.as_string(t[:3])",
    "print": "tf.print(t, output_stream='file://' + __import__('os').devnull)",
    "debug_equal": "tf.debugging.assert_equal(t, t)",
    "debug_finite": "tf.debugging.assert_all_finite(t, 'not finite')",
    "debug_shape": "tf.debugging.assert_shapes([(t, (1000,))])",
    "debug_rank": "tf.debugging.assert_rank(t, 1)",
    "debug_positive_fails": "tf.debugging.assert_positive(t)",
    "map_fn": "tf.map_fn(lambda x: x * x, t[:3])",
    "while_loop": "tf.while_loop(lambda x: tf.reduce_sum(x) < 9e3, lambda x: [x + x], [t * t])",
    "cond": "tf.cond(tf.reduce_sum(t * t) > 1.0, lambda: t + t, lambda: t)",
    "ragged_from_row_lengths": "tf.RaggedTensor.from_row_lengths(t, [400, 600])",
    "ragged_from_rows_to_list": "tf.RaggedTensor.from_row_lengths(t[:4], [1, 3]).to_list()",
    "sparse_from_dense": "tf.sparse.from_dense(t)",
    "sparse_to_dense": "tf.sparse.to_dense(tf.SparseTensor([[1]], t[:1], [5]))",
}

RAISING = {"debug_positive_fails": "InvalidArgumentError"}

MAKERS = {
    "zeros": "tf.zeros(1000)",
    "ones": "tf.ones((10, 10))",
    "fill": "tf.fill([1000], 3.0)",
    "zeros_like": "tf.zeros_like(t)",
    "ones_like": "tf.ones_like(t)",
    "range": "tf.range(10)",
    "range_of_floats": "tf.range(0.0, 5.0, 0.5)",
    "linspace": "tf.linspace(0.0, 1.0, 11)",
    "one_hot": "tf.one_hot([0, 1, 2], 3)",
    "eye": "tf.eye(3)",
    "random_normal": "tf.random.normal((1000,))",
    "random_stateless": "tf.random.stateless_uniform((1000,), seed=(1, 2))",
    "sequence_mask": "tf.sequence_mask([1, 2], 3)",
}

ROWS = [
    *(Row(f"op_{name}", "", code) for name, code in WITH_KERNELS.items()),
    Row("op_square", "", "tf.square(t)", fact=FALLBACK, moves=(0, 4000, 0)),
    Row("op_square_again", "tf.square(t)", "tf.square(t)", fact=FALLBACK, moves=(0, 0, 0)),
    Row("op_square_after_read", "t.numpy()", "tf.square(t)"),
    Row("op_square_then_read", "", "tf.square(t); r = t.numpy()"),
    Row("op_square_of_made", "m = t + t", "tf.square(m)"),
    Row("op_square_on_other", "", "tf.square(u)", accelerators=2),
    Row("op_square_under_cpu", "", "with tf.device('CPU:0'):\n    r = tf.square(t)"),
    Row("op_add_under_cpu", "", "with tf.device('CPU:0'):\n    r = t + t"),
    Row("op_add_host_under_device", "", "with tf.device(D0):\n    r = h + h"),
    Row("op_add_host_under_device_again", "with tf.device(D0): h + h",
        "with tf.device(D0):\n    r = h + h"),
    Row("op_add_under_other", "", "with tf.device(D1):\n    r = t + t", accelerators=2),
    Row("op_add_under_other_again", "with tf.device(D1): t + t",
        "with tf.device(D1):\n    r = t + t", accelerators=2),
    *(Row(f"op_{name}", "", code, raises=RAISING.get(name, "")) for name, code in OTHERS.items()),
    *(Row(f"make_{name}", "", code) for name, code in MAKERS.items()),
    *(
        Row(f"make_{name}_under_device", "", f"with tf.device(D0):\n    r = {MAKERS[name]}")
        for name in ("zeros", "fill", "range", "range_of_floats", "linspace", "random_normal")
    ),
    Row("op_raises_after_moving", "", "tf.concat([t, tf.zeros((2, 2))], 0)",
        raises="InvalidArgumentError"),
    Row("op_raises_on_device", "m = tf.reshape(t, (10, 100))", "tf.matmul(m, m)",
        raises="InvalidArgumentError"),
    Row("gradient_on_device", "",
        "with tf.GradientTape() as tape:\n    tape.watch(t)\n    y = tf.reduce_sum(t * t)\n"
        "r = tape.gradient(y, t)"),
    Row("gradient_with_fallback", "",
        "with tf.GradientTape() as tape:\n    tape.watch(t)\n    y = tf.reduce_sum(tf.exp(t))\n"
        "r = tape.gradient(y, t)"),
    Row("gradient_of_variable", "",
        "with tf.GradientTape() as tape:\n    y = tf.reduce_sum(tf.square(v) * t)\n"
        "r = tape.gradient(y, v)"),
    Row("gradient_of_matmul", "m = tf.reshape(t, (10, 100))",
        "with tf.GradientTape() as tape:\n    tape.watch(m)\n"
        "    y = tf.reduce_sum(tf.matmul(m, m, transpose_b=True))\nr = tape.gradient(y, m)"),
    Row("second_gradient", "",
        "with tf.GradientTape() as outer:\n    outer.watch(t)\n"
        "    with tf.GradientTape() as tape:\n        tape.watch(t)\n"
        "        y = tf.reduce_sum(t * t * t)\n    g = tape.gradient(y, t)\n"
        "r = outer.gradient(g, t)"),
    Row("jacobian", "s = on(D0, F[:3])",
        "with tf.GradientTape(persistent=True) as tape:\n    tape.watch(s)\n    y = s * s\n"
        "r = tape.jacobian(y, s, experimental_use_pfor=False)"),
]  # fmt: skip
