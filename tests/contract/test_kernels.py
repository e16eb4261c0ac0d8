"""Which arguments kernels have in host memory, as TensorFlow lists its kernels."""

from __future__ import annotations

import pytest
import tensorflow as tf

from tfnp_magic.kernels import argument_at, arguments_of, has_kernel, kernel_of

F32, I32, I64 = (int(dtype.as_datatype_enum) for dtype in (tf.float32, tf.int32, tf.int64))


@pytest.mark.parametrize(
    ("op", "device", "inputs", "results", "on_host"),
    [
        ("Reshape", "GPU:0", (F32, I64), (F32,), {"shape"}),
        ("Reshape", "GPU:0", (I32, I32), (I32,), {"tensor", "shape", "output"}),
        ("Reshape", "CPU:0", (F32, I64), (F32,), {"shape"}),
        ("Less", "XPU:1", (I32, I32), (0,), {"x", "y", "z"}),
        ("Range", "CPU:0", (F32, F32, F32), (F32,), {"start", "limit", "delta"}),
        ("Square", "CPU:0", (F32,), (F32,), set()),
        ("Square", "XPU:0", (F32,), (F32,), set()),
        ("NoSuchOp", "CPU:0", (F32,), (F32,), set()),
    ],
)
def test_arguments_in_host_memory_are_the_kernels(op, device, inputs, results, on_host):
    assert kernel_of(op, device, inputs, results).on_host == on_host


def test_what_kernels_disagree_on_is_not_said_where_no_dtype_tells_them_apart():
    assert kernel_of("Less", "XPU:0", (I32, I32), (0,)).on_host
    assert not kernel_of("ConcatV2", "CPU:0", (0, 0), (0,)).on_host - {"axis"}


def test_op_has_a_kernel_for_a_device_by_its_dtypes():
    assert has_kernel("Square", "CPU:0", frozenset({("T", F32)}))
    assert not has_kernel("Square", "XPU:0", frozenset({("T", F32)}))
    assert has_kernel("Square", "XPU:0", frozenset({("T", I32)}))  # in host memory
    assert not has_kernel("NoSuchOp", "CPU:0", frozenset())


@pytest.mark.parametrize(
    ("position", "number", "name"),
    [(0, 2, "values"), (1, 2, "axis"), (0, 4, "values"), (2, 4, "values"), (3, 4, "axis"),
     (0, 1, "axis")],
)  # fmt: skip
def test_tensors_of_a_list_are_one_input_also_when_they_come_one_by_one(position, number, name):
    assert argument_at("ConcatV2", position, number)[0] == name


def test_input_of_a_graph_or_of_two_lists_cannot_be_told():
    assert argument_at("__inference_f_1", 0, 1) is None
    assert len(arguments_of("IdentityN").lists) == 1
    assert argument_at("BatchFunction", 0, 5) is None
