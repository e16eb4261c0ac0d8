"""Reading a tensor that lives on an accelerator: the first time moves it, then a mirror serves."""

from __future__ import annotations

from tests.device.row import Row

FIRST, AGAIN = "the first read moves all", "a read after that moves nothing"
ONE, HOST_COPY = "one element moves all", "copies to the host never use the mirror"

READERS = {
    "numpy": "t.numpy()",
    "private_numpy": "t._numpy()",
    "asarray": "np.asarray(t)",
    "repr": "repr(t)",
    "print": "import io; out = io.StringIO(); print(t, file=out); r = out.getvalue()",
}

OTHERS = {
    "array": "np.array(t)",
    "array_without_copy": "np.array(t, copy=False)",
    "asarray_cast": "np.asarray(t, 'f8')",
    "str": "str(t)",
    "format": "f'{t}'",
    "memoryview": "bytes(memoryview(t))",
    "np_sum": "np.sum(t)",
    "np_dot": "np.dot(t, t)",
    "np_concatenate": "np.concatenate([t, F])",
    "np_allclose": "np.allclose(t, F)",
    "np_stack_of_two": "np.stack([t, t])",
    "array_plus_by_numpy": "np.add(F, t)",
    "array_assign": "a = np.empty(1000, 'f4'); a[:] = t; r = a",
    "numpy_tolist": "t.numpy().tolist()",
    "pickle": "import pickle; r = len(pickle.dumps(t)) > 4000",
    "device_array_interface": "t.__array__()",
}

ROWS = [
    *(
        Row(f"read_{name}", "", code, fact=FIRST, moves=(0, 4000, 0))
        for name, code in READERS.items()
    ),
    *(
        Row(f"read_{name}_again", "t.numpy()", code, fact=AGAIN, moves=(0, 0, 0))
        for name, code in READERS.items()
    ),
    *(Row(f"read_{name}", "", code) for name, code in OTHERS.items()),
    *(Row(f"read_{name}_again", "np.asarray(t)", code) for name, code in OTHERS.items()),
    Row("read_four_ways", "", "t.numpy(); np.asarray(t); repr(t); r = np.sum(t)"),
    Row("read_in_a_loop", "", "for _ in range(5):\n    r = t.numpy()"),
    Row("read_each_of_a_list", "ts = [t, on(D0, F), h]", "[x.numpy() for x in ts]"),
    Row("read_a_host_tensor", "", "h.numpy()"),
    Row("read_other_device", "", "u.numpy()", accelerators=2),
    Row("index_one", "", "t[0]", fact=ONE, moves=(0, 4000, 0)),
    Row("index_one_as_float", "", "float(t[0])", fact=ONE, moves=(0, 4000, 0)),
    Row("index_in_a_loop", "", "[float(t[i]) for i in range(3)]"),
    Row("slice", "", "t[10:20]"),
    Row("slice_then_read", "", "t[10:20].numpy()"),
    Row("iterate", "s = on(D0, F[:4])", "[float(x) for x in s]"),
    Row("unpack", "s = on(D0, F[:3])", "a, b, c = s; r = [a, b, c]"),
    Row("float_of_one", "s = on(D0, F[0])", "float(s)"),
    Row("float_of_one_again", "s = on(D0, F[0]); float(s)", "float(s)"),
    Row("int_of_one", "s = on(D0, F[0])", "int(s)"),
    Row("bool_of_one", "s = on(D0, F[0])", "bool(s)"),
    Row("if_on_one", "s = on(D0, F[0])", "if s:\n    r = 1"),
    Row("complex_of_one", "s = on(D0, F[0])", "complex(s)"),
    Row("index_of_int64", "s = on(D0, np.int64(3))", "[1, 2, 3, 4][s]"),
    Row("format_number", "s = on(D0, F[0])", "f'{s:.3f}'"),
    Row("numpy_round_of_one", "s = on(D0, F[0])", "np.round(s, 2)"),
    Row("item_of_one", "s = on(D0, F[0])", "s.numpy().item()"),
    Row("bool_of_all_positive", "", "bool(tf.reduce_all(t > 0))",
        fact="a comparison read as a bool", moves=(4, 4004, 0)),
    Row("comparison_in_if", "s = on(D0, F[0])", "if s > 0.5:\n    r = 1"),
    Row("equal_in_assert", "", "assert bool(tf.reduce_all(t == t))"),
    Row("cpu", "", "t.cpu()", fact=HOST_COPY, moves=(0, 4000, 0)),
    Row("cpu_twice", "", "t.cpu(); r = t.cpu()", fact=HOST_COPY, moves=(0, 8000, 0)),
    Row("cpu_of_mirrored", "t.numpy()", "t.cpu()", fact=HOST_COPY, moves=(0, 4000, 0)),
    Row("copy_to_host", "t.numpy()", "t._copy_to_device('CPU:0')",
        fact=HOST_COPY, moves=(0, 4000, 0)),
    Row("cpu_then_numpy", "", "t.cpu().numpy()"),
]  # fmt: skip
