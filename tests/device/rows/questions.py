"""What asks a tensor on an accelerator without its data: nothing moves."""

from __future__ import annotations

from tests.device.row import Row

SAFE = "asking for shape, dtype or device moves nothing"

QUESTIONS = {
    "shape": "t.shape",
    "dtype": "t.dtype",
    "device": "t.device",
    "backing_device": "t.backing_device",
}

OTHERS = {
    "len": "len(t)",
    "ndim": "t.ndim",
    "nbytes_by_shape": "t.shape.num_elements() * t.dtype.size",
    "np_shape": "np.shape(t)",
    "is_tensor": "tf.is_tensor(t)",
    "hash_of_ref": "{t.ref(): 1}[t.ref()]",
    "rank": "tf.rank(t)",
    "tf_shape": "tf.shape(t)",
    "tf_size": "tf.size(t)",
    "convert_tensor": "tf.convert_to_tensor(t)",
    "constant_of_tensor": "tf.constant(t)",
    "stop_gradient": "tf.stop_gradient(t)",
    "variable_shape": "v.shape, v.dtype.name, v.device",
    "type_spec": "tf.type_spec_from_value(t).shape",
}

ROWS = [
    *(Row(f"ask_{n}", "", code, fact=SAFE, moves=(0, 0, 0)) for n, code in QUESTIONS.items()),
    Row("deepcopy", "import copy", "copy.deepcopy(t)", fact=SAFE, moves=(0, 0, 0)),
    Row("identity", "", "tf.identity(t)", fact="identity moves nothing", moves=(0, 0, 0)),
    Row("copy_copy", "import copy", "copy.copy(t)"),
    *(Row(f"ask_{n}", "", code) for n, code in OTHERS.items()),
]
