"""Real TensorFlow, in one process; every test leaves TensorFlow as it found it."""

from __future__ import annotations

import ctypes
import multiprocessing.pool
import os
import threading
from concurrent.futures import Future
from concurrent.futures.thread import _WorkItem

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pytest
import tensorflow as tf
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
from keras.src.callbacks.callback_list import CallbackList
from tensorflow.lite.python import interpreter
from tensorflow.python import pywrap_tfe
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.data.ops import (
    dataset_ops,
    from_tensor_slices_op,
    from_tensors_op,
    iterator_ops,
    structured_function,
)
from tensorflow.python.eager import context
from tensorflow.python.eager.polymorphic_function import polymorphic_function, tracing_compilation
from tensorflow.python.framework import constant_op, ops, tensor_util
from tensorflow.python.ops import gen_dataset_ops, script_ops
from tensorflow.python.profiler import profiler_v2
from tensorflow.python.training import py_checkpoint_reader

from tests.garbage import unheard
from tfnp_magic import scope
from tfnp_magic.probes import baking, carriers, probes
from tfnp_magic.probes.allocations import tables

OWNERS = [
    *ops.EagerTensor.__mro__, pywrap_tfe, context.Context, script_ops.FuncRegistry,
    py_checkpoint_reader.CheckpointReader, pywrap_tf_session, script_ops.EagerFunc,
    iterator_ops.OwnedIterator, from_tensors_op._TensorDataset,
    from_tensor_slices_op._TensorSliceDataset,
    interpreter._interpreter_wrapper.InterpreterWrapper,
    structured_function.StructuredFunctionWrapper, dataset_ops.DatasetV2,
    polymorphic_function.Function, tracing_compilation,
    gen_dataset_ops, threading.Thread, Future, _WorkItem,
    multiprocessing.pool.Pool, multiprocessing.pool.ApplyResult,
    TensorFlowTrainer, CallbackList,
]  # fmt: skip
FUNCTIONS = [
    constant_op.convert_to_eager_tensor,
    tensor_util.make_tensor_proto,
    tensor_util.MakeNdarray,
    profiler_v2.start,
]


def owners_now():
    """Everything that a probe may touch: namespaces, code objects, C slots, NumPy's malloc."""
    word = ctypes.sizeof(ctypes.c_void_p)
    buffer_procs = ctypes.c_void_p.from_address(id(ops.EagerTensor) + 20 * word).value
    return (
        {
            (owner.__name__, name): id(value)
            for owner in OWNERS
            for name, value in vars(owner).items()
            if name != "__annotations__"  # Python makes it anew when somebody asks
        },
        [id(function.__code__) for function in FUNCTIONS],
        id(ops._create_graph_constant),
        ctypes.c_void_p.from_address(buffer_procs).value,
        ctypes.c_void_p.from_address(buffer_procs + word).value,
        [ctypes.c_void_p.from_address(table + 136).value for table in tables()],
        redirected(),
    )


def redirected():
    """The libraries' slots for ``memcpy`` that are not as they were found."""
    return [
        slot
        for slot in baking.copies.slots()
        if ctypes.c_uint64.from_address(slot.address).value != slot.content
    ]


@pytest.fixture(scope="session", autouse=True)
def _warm_tensorflow():
    """The first op of a process takes the slow path, and fills TensorFlow's caches."""
    tensor = tf.constant(np.ones(3))
    _ = tensor - 1.0, tensor + 1.0, np.sum(tensor), tensor.numpy(), repr(tensor)


@pytest.fixture(autouse=True)
def _garbage_is_collected_unheard():
    with unheard():
        yield


@pytest.fixture(autouse=True)
def _owners_given_back():
    before = owners_now()
    yield
    assert scope._open == ()
    assert probes._in == []
    assert carriers._in == []
    assert owners_now() == before
