"""The fake accelerator computes right, counts to the byte, and takes its time as a GPU does."""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.device.accelerator import Counters, control, unavailable

ROOT = pathlib.Path(__file__).parents[2]
SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((2, 1, 3), (5, 1)),
    ((3, 4), ()),
    ((), (2, 3)),
    ((), ()),
    ((1,), (0,)),
    ((0, 4), (4,)),
]
NOTHING = Counters(0, 0, 0, 0, 0, 0)
SLOW = 50_000
"""Microseconds: longer than the host needs to ask for some kernels."""


@pytest.fixture
def tf(accelerator):
    """TensorFlow, with the accelerator."""
    import tensorflow

    tensorflow.test.experimental.sync_devices()
    yield tensorflow
    tensorflow.test.experimental.sync_devices()


@pytest.fixture
def on(tf):
    """Makes a tensor on a device."""

    def on(array, device="XPU:0"):
        with tf.device(device):
            return tf.identity(tf.constant(array))

    return on


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def copies(accelerator):
    """Calls a function; its result, and the copies that it asked for."""

    def copies(function):
        before = accelerator.counters()
        result = function()
        return result, accelerator.counters().since(before)

    return copies


@pytest.fixture
def here(copies):
    """Calls a function that must leave its result on the accelerator, and copy nothing."""

    def here(function):
        result, copied = copies(function)
        assert copied == NOTHING
        assert "XPU:0" in result.backing_device
        return result.numpy()

    return here


def floats(rng, shape):
    return rng.uniform(-2, 2, shape).astype("f4")


def wait_until(condition, seconds=5):
    """Return when it holds, or after a time in which it should have come to hold."""
    end = time.perf_counter() + seconds
    while not condition() and time.perf_counter() < end:
        time.sleep(0.01)


# ---- what it is


def test_tensorflow_lists_two_devices(tf):
    names = [device.name for device in tf.config.list_logical_devices("XPU")]
    assert names == ["/device:XPU:0", "/device:XPU:1"]


def test_it_must_be_loaded_before_tensorflow_makes_its_devices(tf):
    tf.constant(0)
    with pytest.raises(RuntimeError, match="before TensorFlow makes its devices"):
        control.load.__wrapped__()


def test_asking_for_it_does_not_import_tensorflow():
    code = "import sys, tests.device.accelerator as a; a.unavailable(); print(*sys.modules)"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "tests.device.accelerator" in run.stdout.split()
    assert "tensorflow" not in run.stdout.split()


def test_it_is_unavailable_where_nothing_compiles_it(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "C++ compiler" in unavailable()


# ---- values


@pytest.mark.parametrize("operation", ["add", "subtract", "multiply"])
@pytest.mark.parametrize(("first", "second"), SHAPES)
def test_two_operands_are_broadcast(tf, on, here, rng, operation, first, second):
    a, b = floats(rng, first), floats(rng, second)
    ours = functools.partial(getattr(tf, operation), on(a), on(b))
    np.testing.assert_array_equal(here(ours), getattr(np, operation)(a, b), strict=True)


@pytest.mark.parametrize("operation", ["add", "matmul"])
def test_shapes_that_do_not_fit_are_refused_and_the_device_goes_on(tf, on, rng, operation):
    a, b = on(floats(rng, (3, 4))), on(floats(rng, (3, 5)))
    with pytest.raises(tf.errors.InvalidArgumentError):
        getattr(tf, operation)(a, b)
    np.testing.assert_array_equal((a + a).numpy(), 2 * a.numpy())


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_matrices_are_multiplied(tf, on, here, rng, transpose_a, transpose_b):
    a, b = floats(rng, (3, 4)), floats(rng, (4, 5))
    left, right = on(a.T if transpose_a else a), on(b.T if transpose_b else b)
    product = here(lambda: tf.matmul(left, right, transpose_a, transpose_b))
    np.testing.assert_allclose(product, a @ b, rtol=1e-5)


def test_relu_keeps_what_is_not_a_number(tf, on, here):
    values = on(np.array([-1, -0.0, 0, 2, np.inf, -np.inf, np.nan], "f4"))
    expected = np.array([0, 0, 0, 2, np.inf, 0, np.nan], "f4")
    np.testing.assert_array_equal(here(lambda: tf.nn.relu(values)), expected, strict=True)


@pytest.mark.parametrize("operation", ["sum", "mean"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (0, 1, 2), ()])
def test_axes_are_reduced(tf, on, here, rng, operation, keepdims, axis):
    array = floats(rng, (2, 3, 4))
    tensor, reduce = on(array), getattr(tf, f"reduce_{operation}")
    expected = getattr(np, operation)(array, axis=axis, keepdims=keepdims)
    reduced = here(lambda: reduce(tensor, axis=axis, keepdims=keepdims))
    np.testing.assert_allclose(reduced, expected, rtol=1e-5)
    assert reduced.shape == expected.shape


def test_axes_may_be_int64(tf, on, here, rng):
    array = floats(rng, (2, 3, 4))
    tensor = on(array)
    with tf.device("CPU:0"):
        axes = tf.constant([1, -1], tf.int64)
    reduced = here(lambda: tf.raw_ops.Sum(input=tensor, axis=axes))
    np.testing.assert_allclose(reduced, array.sum((1, 2)), rtol=1e-5)


def test_an_axis_that_is_not_there_is_refused(tf, on, rng):
    tensor = on(floats(rng, (2, 3)))
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.raw_ops.Sum(input=tensor, axis=[2])


@pytest.mark.parametrize("source", ["float32", "float64", "int64"])
@pytest.mark.parametrize("target", ["float32", "float64", "int64"])
def test_numbers_are_cast(tf, on, here, rng, source, target):
    array = rng.uniform(-1000, 1000, 20).astype(source)
    tensor = on(array)
    np.testing.assert_array_equal(
        here(lambda: tf.cast(tensor, target)), array.astype(target), strict=True
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_a_variable_is_updated_behind_what_the_queue_holds(tf, accelerator, on, rng, dtype):
    start, step = (rng.integers(-9, 9, 5).astype(dtype) for _ in range(2))
    with tf.device("XPU:0"):
        variable = tf.Variable(start)
    late = on(np.zeros(5, "f4"))
    first, second = on(step), on(step)
    with accelerator.held():
        late = late + late  # the updates stand behind it
        before = variable.read_value()
        variable.assign_add(first)
        variable.assign_add(second)
        between = variable.read_value()
        variable.assign_sub(first)
        assert accelerator.pending() == 4
    np.testing.assert_array_equal(before.numpy(), start)
    np.testing.assert_array_equal(between.numpy(), start + 2 * step)
    np.testing.assert_array_equal(variable.numpy(), start + step)


def test_an_operand_that_is_computed_late_reaches_the_variable(tf, accelerator, on, rng):
    array = floats(rng, 100)
    with tf.device("XPU:0"):
        variable = tf.Variable(array)
    tensor = on(array)
    with accelerator.delay_kernels(SLOW):
        variable.assign_add(tensor * tensor)
    np.testing.assert_allclose(variable.numpy(), array + array * array, rtol=1e-6)


def test_a_variable_refuses_an_operand_of_another_shape(tf, on):
    with tf.device("XPU:0"):
        variable = tf.Variable(np.zeros(3, "f4"))
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.raw_ops.AssignAddVariableOp(resource=variable.handle, value=on(np.ones(2, "f4")))
    np.testing.assert_array_equal(variable.numpy(), [0, 0, 0])


def test_what_has_no_kernel_there_runs_on_the_cpu(tf, on, copies, rng):
    array = floats(rng, 1000)
    tensor = on(array)
    squared, copied = copies(lambda: tf.square(tensor))
    assert "CPU:0" in squared.device
    assert copied == NOTHING._replace(d2h_calls=1, d2h_bytes=4000)
    np.testing.assert_array_equal(squared.numpy(), array * array)


def test_a_graph_runs_on_both_sides(tf, accelerator, on, copies, rng):
    a, b = floats(rng, (10, 20)), floats(rng, (10, 20))
    x, y = on(a), on(b)
    function = tf.function(lambda x, y: tf.reduce_sum(tf.exp(x * y) - y, 0))
    function(x, y)
    with accelerator.delay_kernels(SLOW):
        total, copied = copies(lambda: function(y, x))
    assert copied == NOTHING._replace(d2h_calls=1, d2h_bytes=800, h2d_calls=1, h2d_bytes=800)
    np.testing.assert_allclose(total.numpy(), (np.exp(b * a) - a).sum(0), rtol=1e-4)


# ---- counters


def test_a_copy_to_the_device_counts(tf, copies):
    array = np.zeros(1000, "f4")
    _, copied = copies(lambda: tf.constant(array))
    assert copied == NOTHING._replace(h2d_calls=1, h2d_bytes=4000)


def test_a_copy_to_the_host_counts_and_the_mirror_after_it_does_not(on, copies):
    tensor = on(np.zeros(1000, "f4"))
    _, copied = copies(tensor.numpy)
    assert copied == NOTHING._replace(d2h_calls=1, d2h_bytes=4000)
    _, copied = copies(tensor.numpy)
    assert copied == NOTHING


def test_a_copy_between_the_devices_counts_once(tf, on, copies, rng):
    array = floats(rng, 1000)
    tensor = on(array)
    moved, copied = copies(lambda: on(tensor, "XPU:1"))
    assert copied == NOTHING._replace(d2d_calls=1, d2d_bytes=4000)
    assert "XPU:1" in moved.backing_device
    np.testing.assert_array_equal(moved.numpy(), array)


def test_a_copy_counts_when_it_is_asked_for(tf, accelerator, on):
    """In a graph: eager reads wait for the device before they ask for a copy."""
    tensor = on(np.zeros(1000, "f4"))
    function = tf.function(lambda x: tf.exp(x + x))
    function(tensor)
    before = accelerator.counters()
    with accelerator.held():
        caller = threading.Thread(target=function, args=[tensor])
        caller.start()
        wait_until(lambda: accelerator.counters() != before)
        copied = accelerator.counters().since(before)
        assert copied == NOTHING._replace(d2h_calls=1, d2h_bytes=4000)
        assert caller.is_alive()
    caller.join()


# ---- time


def test_a_kernel_is_asked_for_at_once_and_read_when_it_is_done(accelerator, on, rng):
    array = floats(rng, 1000)
    tensor, read = on(array), []
    before = accelerator.counters()
    with accelerator.held():
        doubled = tensor + tensor
        assert accelerator.pending() == 1
        reader = threading.Thread(target=lambda: read.append(doubled.numpy()))
        reader.start()
        reader.join(0.3)
        assert reader.is_alive()
        assert not read
        # TensorFlow waits for the whole device before it asks for the copy.
        assert accelerator.counters() == before
    reader.join(10)
    np.testing.assert_array_equal(read, [array + array])
    assert accelerator.pending() == 0


def test_copies_before_the_first_kernel_go_on(tf, accelerator, rng):
    array = floats(rng, 1000)
    with accelerator.held():
        np.testing.assert_array_equal(tf.constant(array).numpy(), array)


def test_kernels_are_released_after_an_error(accelerator, on):
    tensor = on(np.zeros(3, "f4"))
    with contextlib.suppress(KeyError), accelerator.held():
        tensor = tensor + tensor
        raise KeyError
    start = time.perf_counter()
    tensor.numpy()
    assert time.perf_counter() - start < 5


def test_code_that_waits_for_the_kernels_that_it_holds_is_told(tf, accelerator, on):
    tensor = on(np.zeros(3, "f4"))

    def hold_and_wait():
        with accelerator.held(at_most=0.2):
            tensor + tensor
            tf.constant(np.zeros(3, "f4"))

    with pytest.raises(RuntimeError, match="waits for them"):
        hold_and_wait()


def test_a_read_lasts_as_long_as_the_kernels_before_it(accelerator, on):
    tensor = on(np.ones(3, "f4"))
    start = time.perf_counter()
    with accelerator.delay_kernels(200_000):
        for _ in range(3):
            tensor = tensor + tensor
    asked = time.perf_counter()
    tensor.numpy()
    assert asked - start < 0.5
    assert time.perf_counter() - start >= 0.6


def test_only_kernels_asked_for_inside_are_delayed(accelerator, on):
    tensor = on(np.ones(3, "f4"))
    with accelerator.delay_kernels(500_000):
        pass
    start = time.perf_counter()
    (tensor + tensor).numpy()
    assert time.perf_counter() - start < 0.5


def test_sync_devices_waits_for_both(tf, accelerator, on):
    tensors = [on(np.ones(3, "f4"), device) for device in ("XPU:0", "XPU:1")]
    with accelerator.delay_kernels(500_000):
        for device, tensor in enumerate(tensors):
            with tf.device(f"XPU:{device}"):
                tensor + tensor
    assert accelerator.pending() == 2
    tf.test.experimental.sync_devices()
    assert accelerator.pending() == 0


# ---- order


def test_results_stay_right_while_memory_is_used_again(tf, accelerator, rng):
    """Hundreds of buffers that die while the queue still has to read them."""
    rate, one = np.float32(3.7), np.float32(1)
    rate_there, one_there = tf.constant(rate), tf.constant(one)
    arrays = [rng.uniform(0.1, 0.9, shape).astype("f4") for shape in (7, 1000, (64, 1), (64, 64))]
    tensors = [tf.constant(array) for array in arrays]
    for step in range(400):
        which = int(rng.integers(len(arrays)))
        array, tensor = arrays[which], tensors[which]
        if step % 10 == 0:
            array = rng.uniform(0.1, 0.9, array.shape).astype("f4")
            tensor = tf.constant(array)
        with accelerator.delay_kernels(int(rng.integers(1000))):
            for _ in range(4):  # chaotic: a single wrong number does not die out
                array = rate * array * (one - array)
                tensor = rate_there * tensor * (one_there - tensor)
        arrays[which], tensors[which] = array, tensor
        if step % 7 == 0:
            np.testing.assert_array_equal(tensor.numpy(), array)
    for array, tensor in zip(arrays, tensors, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)


def test_a_copy_between_devices_waits_for_what_is_computed(accelerator, on, rng):
    array = floats(rng, 1000)
    tensor = on(array)
    with accelerator.delay_kernels(SLOW):
        moved = on(tensor + tensor, "XPU:1")
    np.testing.assert_array_equal(moved.numpy(), array + array)


def test_a_copy_between_devices_waits_for_who_still_reads_its_target(tf, accelerator, on, rng):
    array, other = floats(rng, 1000), floats(rng, 1000)
    tensor, target = on(array), on(other, "XPU:1")
    with accelerator.delay_kernels(SLOW), tf.device("XPU:1"):
        doubled = target + target
        del target  # the next buffer of its size is its own
        moved = tf.identity(tensor)
    np.testing.assert_array_equal(doubled.numpy(), other + other)
    np.testing.assert_array_equal(moved.numpy(), array)


def test_both_devices_work_at_the_same_time(tf, accelerator, on):
    tensors = [on(np.ones(3, "f4"), device) for device in ("XPU:0", "XPU:1")]
    with accelerator.delay_kernels(500_000):
        start = time.perf_counter()
        for device, tensor in enumerate(tensors):
            with tf.device(f"XPU:{device}"):
                tensor + tensor
        tf.test.experimental.sync_devices()
    assert 0.5 <= time.perf_counter() - start < 0.9


# ---- the end

ENDS = """
import tests.device.accelerator
accelerator = tests.device.accelerator.load()
import tensorflow as tf
tensors = {{}}
for device in ("XPU:0", "XPU:1"):
    with tf.device(device):
        tensors[device] = tf.identity(tf.random.uniform([100, 100]))
tf.test.experimental.sync_devices()
waits = accelerator.held(at_most=3600) if {held} else accelerator.delay_kernels(3600_000_000)
waits.__enter__()
for device, tensor in tensors.items():
    with tf.device(device):
        for _ in range(50):
            tensor = tensor + tensor
print(accelerator.pending())
"""


@pytest.mark.parametrize("held", [False, True])
def test_a_process_ends_while_kernels_wait(accelerator, held):
    command = [sys.executable, "-c", ENDS.format(held=held)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert (run.returncode, run.stdout.strip()) == (0, "100"), run.stderr
