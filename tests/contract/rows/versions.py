"""What differs between versions of NumPy and TensorFlow, by row; on the newest, nothing does."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

READ_ONLY = "copies that NumPy makes of read-only memory"

_IS_NUMPY_1 = np.lib.NumpyVersion(np.__version__) < "2.0.0"
_COPYTO_COPIES = np.lib.NumpyVersion(np.__version__) < "2.1.0"
_HAS_DLPACK = hasattr(tf.constant(0), "__dlpack__")
_HAS_FNUZ = hasattr(tf.dtypes.experimental, "float8_e4m3fnuz")

_OF_NUMPY_2 = frozenset(
    {
        "np_array_copy_none", "np_asarray_copy_true", "np_trapezoid",
        "strings_constant_string_dtype_error",
    }
)  # fmt: skip
_OF_DLPACK = frozenset(
    {"np_from_dlpack", "dlpack_np_from", "dlpack_method", "dlpack_np_from_bfloat16_error"}
)


def lacking(name: str) -> str:
    """Why these versions do not have what a row calls; empty where they have."""
    if name in _OF_NUMPY_2 and _IS_NUMPY_1:
        return "NumPy 2"
    if name in _OF_DLPACK and not _HAS_DLPACK:
        return "tensors of this TensorFlow have no `__dlpack__`"
    if "fnuz" in name and not _HAS_FNUZ:
        return "a dtype that this TensorFlow does not know"
    return ""


def hidden(name: str) -> str:
    """What hides a row in these versions alone; empty where nothing does."""
    if (_IS_NUMPY_1 and name == "np_rfft2") or (_COPYTO_COPIES and name == "np_copyto"):
        return READ_ONLY
    if tf.__version__.startswith("2.16.") and name == "tf_cross_entropy_two_arrays":
        return "one copy more is measured with TensorFlow 2.16; what makes it is not known"
    return ""
