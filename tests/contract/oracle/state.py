"""What a row may set for the whole process, given back after it."""

from __future__ import annotations

import contextlib
import gc
import os
import random


@contextlib.contextmanager
def kept():
    """Give back the settings of Python, NumPy, TensorFlow and Keras as they were."""
    with contextlib.ExitStack() as stack:
        for keep in (_directory, _random, _numpy, _tensorflow, _tensor_methods, _keras):
            stack.enter_context(keep())
        yield
    gc.collect()


@contextlib.contextmanager
def _directory():
    before = os.getcwd()
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _random():
    import numpy as np

    python, legacy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)


@contextlib.contextmanager
def _numpy():
    import numpy as np

    with np.errstate(), np.printoptions():
        yield


@contextlib.contextmanager
def _tensorflow():
    import tensorflow as tf

    config = tf.config
    eagerly = config.functions_run_eagerly()
    placement = config.get_soft_device_placement()
    try:
        yield
    finally:
        config.run_functions_eagerly(eagerly)
        config.set_soft_device_placement(placement)


@contextlib.contextmanager
def _tensor_methods():
    """`enable_numpy_behavior` has no opposite: it sets methods of a class, and globals."""
    from tensorflow.python.framework import ops, tensor
    from tensorflow.python.ops.numpy_ops import np_dtypes

    methods = dict(vars(tensor.Tensor))
    settings = [
        (ops, "_dtype_conversion_mode", ops._dtype_conversion_mode),
        (ops, "_numpy_style_slicing", ops._numpy_style_slicing),
        (np_dtypes, "_prefer_float32", np_dtypes._prefer_float32),
    ]
    try:
        yield
    finally:
        for owner, name, value in settings:
            setattr(owner, name, value)
        _restore(tensor.Tensor, methods)


def _restore(owner, members):
    for name, value in dict(vars(owner)).items():
        if name not in members:
            delattr(owner, name)
        elif value is not members[name]:
            setattr(owner, name, members[name])


@contextlib.contextmanager
def _keras():
    import keras

    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
