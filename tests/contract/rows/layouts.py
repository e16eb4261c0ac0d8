"""Every way an array may lie in memory: made a tensor, handed to an op, used with an operator."""

from __future__ import annotations

from tests.contract.row import TO_TF, Row

FILE = "import tempfile; file = tempfile.TemporaryFile(); F().tofile(file); file.flush(); "
LAYOUTS = {
    "aligned": "a = al(F())",
    "misaligned": "a = mis(F())",
    "fortran": "a = np.asfortranarray(F())",
    "fortran_aligned": "a = al(F()).T",
    "strided": "a = F(shape=(n, 2 * n))[:, ::2]",
    "strided_rows": "a = F(shape=(2 * n, n))[::2]",
    "negative_stride": "a = F()[::-1]",
    "offset_rows": "a = al(F(shape=(n + 1, n)))[1:]",
    "offset_to_aligned": "a = al(F(shape=(n + 8, n)))[8:]",
    "inner_block": "a = F(shape=(n + 9, n + 9))[4:-5, 4:-5]",
    "axes_swapped": "a = np.swapaxes(F(shape=(60, 9, 128)), 0, 1)",
    "broadcast": "a = np.broadcast_to(F(shape=(n,)), (n, n))",
    "broadcast_column": "a = np.broadcast_to(F(shape=(n, 1)), (n, n))",
    "big_endian": "a = F('>f8')",
    "big_endian_integers": "a = I('>i8')",
    "read_only": "a = al(F()); a.flags.writeable = False",
    "read_only_misaligned": "a = mis(F()); a.flags.writeable = False",
    "mapped_read": FILE + "a = np.memmap(file, 'f8', 'r', shape=(n, n))",
    "mapped_copy_on_write": FILE + "a = np.memmap(file, 'f8', 'c', shape=(n, n))",
    "mapped_read_write": FILE + "a = np.memmap(file, 'f8', 'r+', shape=(n, n))",
    "masked": "a = np.ma.masked_array(F(), mask=F(seed=3) > 1)",
    "matrix": "a = np.asmatrix(F())",
    "subclass": "Kind = type('Kind', (np.ndarray,), {}); a = al(F()).view(Kind)",
    "field_of_records": "a = np.zeros((n, n), [('x', 'i4'), ('y', 'f8')])['y']; a[:] = F()",
    "odd_address": "a = np.empty(n * n * 8 + 1, 'u1')[1:].view('f8').reshape(n, n); a[:] = F()",
    "from_bytes": "a = np.frombuffer(F().tobytes()).reshape(n, n)",
    "five_axes": "a = F(shape=(3, 5, 7, 9, 11))",
    "singleton_axes": "a = al(F())[None, :, None]",
    "shared_twice": "base = al(F()); a = base[:]",
}
CODES = {"constant": "tf.constant(a)", "squeeze": "tf.squeeze(a)", "mul": "t * a"}
SHAPED = {"axes_swapped": "(9, 60, 128)", "five_axes": "(3, 5, 7, 9, 11)",
          "singleton_axes": "(1, n, 1, n)"}  # fmt: skip


def setup(layout: str) -> str:
    """The statements that make the array, and a tensor that it can be multiplied with."""
    if layout == "big_endian_integers":
        return f"{LAYOUTS[layout]}; t = tf.constant(I(seed=1))"
    shape = SHAPED.get(layout, "(n, n)")
    return f"{LAYOUTS[layout]}; t = T(shape={shape}, seed=1)"


ROWS = [
    *(Row(f"layout_{layout}_{name}", setup(layout), code, {"a": TO_TF})
      for layout in LAYOUTS for name, code in CODES.items()),
    *(Row(f"layout_{layout}_to_float32", setup(layout), "tf.constant(a, tf.float32)",
          {"a": TO_TF}, asked=True)
      for layout in ["aligned", "fortran", "strided", "negative_stride", "broadcast",
                     "big_endian", "mapped_read", "masked", "matrix"]),
    *(Row(f"layout_{layout}_mul_cast", setup(layout) + "; t = tf.cast(t, tf.float32)", "t * a",
          {"a": TO_TF})
      for layout in ["aligned", "fortran", "strided", "broadcast", "big_endian"]),
    Row("layout_array_interface", "a = al(F()); x = type('X', (), {'__array_interface__': "
        "a.__array_interface__})()", "tf.constant(x)", {"a": TO_TF}),
    Row("layout_array_protocol", "a = al(F()); x = type('X', (), {'__array__': "
        "lambda self, dtype=None, copy=None: a})()", "tf.constant(x)", {"a": TO_TF}),
    Row("layout_array_protocol_misaligned", "a = mis(F()); x = type('X', (), {'__array__': "
        "lambda self, dtype=None, copy=None: a})()", "tf.constant(x)", {"a": TO_TF}),
]  # fmt: skip
