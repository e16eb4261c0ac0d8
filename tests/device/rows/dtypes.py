"""All dtypes, and all layouts of what goes to an accelerator and comes back."""

from __future__ import annotations

from tests.device.row import Row

STAYS = "int32 stays in host memory"

MAKE = {
    "float64": "F.astype('f8')",
    "float16": "F.astype('f2')",
    "int64": "np.arange(1000)",
    "int8": "np.arange(100, dtype='i1')",
    "uint8": "np.arange(200, dtype='u1')",
    "int16": "np.arange(1000, dtype='i2')",
    "uint32": "np.arange(1000, dtype='u4')",
    "bool": "F > 0",
    "complex64": "F.astype('c8')",
    "complex128": "F.astype('c16')",
    "bfloat16": "F.astype(tf.bfloat16.as_numpy_dtype)",
    "string": "np.array([b'one', b'three'])",
}

LAYOUTS = {
    "empty": "np.empty(0, 'f4')",
    "empty_with_axes": "np.empty((3, 0), 'f4')",
    "one_element": "np.ones(1, 'f4')",
    "without_axes": "np.array(1.5, 'f4')",
    "numpy_scalar": "np.float32(1.5)",
    "strided": "np.repeat(F, 2)[::2]",
    "reversed": "F[::-1]",
    "transposed": "F.reshape(10, 100).T",
    "fortran": "np.asfortranarray(F.reshape(10, 100))",
    "read_only": "np.broadcast_to(np.float32(2), (100,))",
    "not_aligned": "aligned(np.zeros(1001, 'f4'))[1:]",
    "big_endian": "F.astype('>f4')",
    "list": "F.tolist()",
    "nested_list": "[[1.0, 2.0], [3.0, 4.0]]",
    "range": "range(10)",
    "large": "np.zeros((1000, 250), 'f4')",
}

ROWS = [
    *(Row(f"put_{n}", f"A = {a}", "with tf.device(D0):\n    r = tf.constant(A)")
      for n, a in (MAKE | LAYOUTS).items()),
    *(Row(f"get_{n}", f"z = on(D0, {a})", "z.numpy()") for n, a in MAKE.items()),
    *(Row(f"get_{n}_again", f"z = on(D0, {a}); z.numpy()", "z.numpy()")
      for n, a in MAKE.items()),
    *(Row(f"get_{n}", f"z = on(D0, {LAYOUTS[n]})", "np.asarray(z)")
      for n in ("empty", "one_element", "without_axes")),
    Row("put_int32", "A = np.arange(1000, dtype='i4')",
        "with tf.device(D0):\n    r = tf.constant(A)", fact=STAYS, moves=(0, 0, 0)),
    Row("get_int32", "z = on(D0, np.arange(1000, dtype='i4'))", "z.numpy()",
        fact=STAYS, moves=(0, 0, 0)),
    Row("cpu_of_int32", "z = on(D0, np.arange(1000, dtype='i4'))", "z.cpu()"),
    Row("identity_of_int32", "z = on(D0, np.arange(1000, dtype='i4'))",
        "with tf.device(D0):\n    r = tf.identity(z)"),
    Row("add_of_int32", "z = on(D0, np.arange(1000, dtype='i4'))", "z + z"),
    Row("cast_int32_to_float", "z = on(D0, np.arange(1000, dtype='i4'))", "tf.cast(z, tf.float32)"),
    Row("cast_float_to_int32", "", "tf.cast(t, tf.int32)"),
    Row("cast_bool_to_float", "z = on(D0, F > 0)", "tf.cast(z, tf.float32)"),
    Row("cast_int64_to_float", "z = on(D0, np.arange(1000))", "tf.cast(z, tf.float32)"),
    Row("put_with_cast", "A = F.astype('f8')",
        "with tf.device(D0):\n    r = tf.constant(A, tf.float32)"),
    Row("put_with_cast_from_int", "A = np.arange(1000)",
        "with tf.device(D0):\n    r = tf.constant(A, tf.float32)"),
    Row("convert_with_cast", "A = F.astype('f8')",
        "with tf.device(D0):\n    r = tf.convert_to_tensor(A, tf.float32)"),
    Row("put_with_dtype_hint", "A = F.astype('f8')",
        "with tf.device(D0):\n    r = tf.convert_to_tensor(A, dtype_hint=tf.float32)"),
    Row("put_to_int32", "A = np.arange(1000)",
        "with tf.device(D0):\n    r = tf.constant(A, tf.int32)"),
    Row("add_of_doubles", "z = on(D0, F.astype('f8'))", "z + z"),
    Row("string_length", "z = on(D0, ['a', 'bc'])", "tf.strings.length(z)"),
]  # fmt: skip
