"""Whose conversions are whose: threads, pools and tasks, with exact counts on both sides."""

from __future__ import annotations

import asyncio
import multiprocessing.pool
import os
import queue
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic
from tests.contract.cells import traced_cell
from tfnp_magic.views.wording import remarks

ARRAY = np.ones(1000, np.float32)
TENSOR = tf.constant(ARRAY)
SCALAR = tf.constant(2.0)
VARIABLE = tf.Variable(ARRAY)


GRAPH = tf.function(lambda x: tf.numpy_function(lambda y: y + 1, [x], tf.float32))
GENERATED = tf.data.Dataset.from_generator(
    lambda: iter([ARRAY] * 5), output_signature=tf.TensorSpec((1000,), tf.float32)
)


class Background:
    """A thread that is told what to do by a queue of the user's: so it is nobody's work."""

    def __init__(self):
        self._asked, self._answers = queue.Queue(), queue.Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        while (work := self._asked.get()) is not None:
            try:
                self._answers.put((work(), None))
            except Exception as error:
                self._answers.put((None, error))

    def do(self, work):
        self._asked.put(work)
        result, error = self._answers.get(timeout=60)
        if error is not None:
            raise error
        return result

    def end(self):
        self._asked.put(None)
        self._thread.join(10)


@pytest.fixture
def background():
    """A thread of an earlier cell."""
    thread = Background()
    yield thread
    thread.end()


def counted(recording):
    """Conversions in the ledger, by route."""
    counts = {}
    for crossing in recording.ledger:
        counts[crossing.route] = counts.get(crossing.route, 0) + crossing.count
    return counts


def total(recording):
    return sum(crossing.count for crossing in recording.ledger)


def read(_=None):
    return TENSOR.numpy()


# What is left out.


def hundred_and_eighty():
    for _ in range(100):
        TENSOR.numpy()
    for _ in range(50):
        np.asarray(TENSOR)
    for _ in range(30):
        TENSOR - ARRAY
    for _ in range(1000):
        TENSOR + TENSOR


def test_what_an_earlier_cells_thread_converts_is_left_out_and_the_report_says_how_much(background):
    with tfnp_magic.trace() as recording:
        background.do(hundred_and_eighty)
        TENSOR.numpy()
    assert counted(recording) == {"Tensor.numpy": 1}
    assert recording.left_out == 180
    assert (
        "Left out: 180 conversions of threads or tasks that this code did not start."
    ) in remarks(recording)


ONE_CALL = {
    "numpy": lambda: TENSOR.numpy(),
    "asarray": lambda: np.asarray(TENSOR),
    "dot": lambda: np.dot(TENSOR, TENSOR),
    "add": lambda: np.add(TENSOR, TENSOR),
    "scalars": lambda: np.array([SCALAR, SCALAR]),
    "bytes": lambda: bytes(TENSOR),
    "repr": lambda: repr(TENSOR),
    "float": lambda: float(SCALAR),
    "constant": lambda: tf.constant(ARRAY),
    "list of arrays": lambda: tf.stack([ARRAY, ARRAY]),
    "list of numbers": lambda: tf.constant([1, 2]),
    "op argument": lambda: TENSOR * ARRAY,
    "Python number": lambda: TENSOR * 2.0,
    "reduce": lambda: tf.reduce_sum(ARRAY),
    "Variable": lambda: np.asarray(VARIABLE),
    "assign": lambda: VARIABLE.assign(ARRAY),
    "cast at once": lambda: tf.cast(ARRAY, tf.float64),
    "proto": lambda: tf.make_ndarray(tf.make_tensor_proto(ARRAY)),
    "dlpack": lambda: tf.experimental.dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(TENSOR)),
    "device copy": lambda: TENSOR.cpu(),
    "numpy_function": lambda: tf.numpy_function(lambda x: x + 1, [TENSOR], tf.float32),
    "graph that calls back": lambda: GRAPH(TENSOR),
    "generator": lambda: list(GENERATED),
    "nothing": lambda: TENSOR + TENSOR,
    "a tensor of a tensor": lambda: tf.constant(TENSOR),
}


@pytest.mark.parametrize("call", ONE_CALL.values(), ids=ONE_CALL.keys())
def test_as_many_conversions_are_left_out_as_would_have_been_listed(call, background):
    call()
    with tfnp_magic.trace() as own:
        call()
    with tfnp_magic.trace() as other:
        background.do(call)
    assert other.left_out == total(own)
    assert own.left_out == total(other) == other.housekeeping == 0
    assert own.lost == other.lost == []


def test_a_conversion_that_fails_is_not_left_out(background):
    def fails():
        for value in ([[1.0], [1.0, 2.0]], np.array([object()])):
            with pytest.raises(ValueError, match=r"[Cc]onvert"):
                tf.constant(value)

    with tfnp_magic.trace() as recording:
        background.do(fails)
    assert (recording.left_out, total(recording)) == (0, 0)


def test_what_many_threads_convert_at_once_is_left_out_to_the_last():
    threads = [Background() for _ in range(4)]
    finished = queue.Queue()

    def many():
        for _ in range(500):
            TENSOR.numpy()
        finished.put(True)

    with tfnp_magic.trace() as recording:
        for thread in threads:
            thread._asked.put(many)
        for _ in threads:
            finished.get(timeout=60)
    for thread in threads:
        thread.end()
    assert (recording.left_out, total(recording)) == (2000, 0)


def test_what_nobody_traces_is_left_out_of_nothing(background):
    with tfnp_magic.trace() as recording:
        pass
    background.do(read)
    assert recording.left_out == 0


# Whose work it is.


def test_work_of_this_cell_on_a_pool_of_an_earlier_one_counts(background):
    with ThreadPoolExecutor(2) as executor, multiprocessing.pool.ThreadPool(2) as pool:
        list(executor.map(abs, range(8)))
        pool.map(abs, range(8))
        with tfnp_magic.trace() as recording:
            executor.submit(TENSOR.numpy).result()
            list(executor.map(read, range(10)))
            pool.apply(TENSOR.numpy)
            pool.map(read, range(10))
            list(pool.imap_unordered(read, range(10)))
            background.do(lambda: executor.submit(read).result())
            background.do(lambda: pool.map(read, range(3)))
    assert counted(recording) == {"Tensor.numpy": 32}
    assert recording.left_out == 4


def test_work_of_an_earlier_cells_thread_on_a_pool_of_this_one_does_not_count(background):
    with tfnp_magic.trace() as recording:
        with ThreadPoolExecutor(1) as executor:
            executor.submit(read).result()
            background.do(lambda: executor.submit(read).result())
        background.do(lambda: threading.Timer(0, read).run())
        thread = background.do(lambda: Background())
        thread.do(read)
        thread.end()
    assert counted(recording) == {"Tensor.numpy": 1}
    assert recording.left_out == 3


def test_joblibs_threads_work_for_the_cell():
    joblib = pytest.importorskip("joblib")
    with joblib.Parallel(2, backend="threading") as parallel:
        parallel(joblib.delayed(abs)(i) for i in range(4))
        with tfnp_magic.trace() as recording:
            parallel(joblib.delayed(read)() for _ in range(10))
    assert counted(recording) == {"Tensor.numpy": 10}
    assert recording.left_out == 0


def test_the_line_that_a_pools_thread_runs_is_the_cells():
    text = "def one(x):\n    return x.numpy()\nresults = list(executor.map(one, tensors))"
    with ThreadPoolExecutor(2) as executor:
        executor.submit(int).result()
        with traced_cell("<threads-cell>", text) as recording:
            exec(
                compile(text, "<threads-cell>", "exec"),
                {"executor": executor, "tensors": [TENSOR] * 5},
            )
    (crossing,) = recording.ledger
    assert (crossing.count, crossing.site.line.line) == (5, 2)


def test_pools_within_a_function_that_a_graph_calls_work_for_the_cell():
    with ThreadPoolExecutor(1) as executor:
        executor.submit(int).result()

        def inside(x):
            return executor.submit(x.numpy).result()

        @tf.function
        def graph(x):
            return tf.py_function(inside, [x], tf.float32)

        graph(TENSOR)
        with tfnp_magic.trace() as recording:
            graph(TENSOR)
    assert counted(recording)["Tensor.numpy"] == 1
    assert recording.left_out == 0


# Keras and tf.distribute.


class Batches(keras.utils.PyDataset):
    """Four batches, each read out of a tensor, by Keras's worker threads."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.threads = []

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.threads.append(threading.current_thread())
        batch = TENSOR.numpy().reshape(100, 10)
        return batch, batch[:, :1]


@pytest.fixture(scope="module")
def model():
    model = keras.Sequential([keras.layers.Input((10,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    model.fit(np.ones((4, 10), np.float32), np.ones((4, 1), np.float32), verbose=0)
    return model


def reads_of_batches(recording):
    """How often ``__getitem__`` read its tensor, as far as the recording has it."""
    return sum(c.count for c in recording.ledger if c.route == "Tensor.numpy")


def test_keras_workers_work_for_the_cell_that_fits(model):
    batches = Batches(workers=2, max_queue_size=2)
    with tfnp_magic.trace() as recording:
        model.fit(batches, epochs=2, verbose=0)
    assert len(batches.threads) >= 8
    assert threading.main_thread() not in batches.threads[-4:]
    assert reads_of_batches(recording) == len(batches.threads)
    assert recording.left_out == 0


def test_keras_workers_of_an_earlier_cells_thread_are_left_out(model, background):
    batches = Batches(workers=2, max_queue_size=2)
    with tfnp_magic.trace() as recording:
        background.do(lambda: model.fit(batches, epochs=1, verbose=0))
    assert recording.ledger == []
    assert recording.left_out >= len(batches.threads) >= 4


def test_replicas_work_for_the_cell_that_runs_them(background):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    threads = []

    def step():
        threads.append(threading.current_thread())
        TENSOR.numpy()
        tf.constant(ARRAY)
        tf.distribute.get_replica_context().merge_call(lambda strategy: np.asarray(TENSOR))

    strategy.run(step)
    with tfnp_magic.trace() as recording:
        strategy.run(step)
        background.do(lambda: strategy.run(step))
    assert threading.main_thread() not in threads
    assert counted(recording) == {"Tensor.numpy": 1, "tf.constant": 1, "np.asarray": 1}
    assert recording.left_out == 3


# Tasks.


async def read_after(event):
    await event.wait()
    for _ in range(3):
        TENSOR.numpy()
        await asyncio.sleep(0)


def test_tasks_of_the_cell_count_and_older_ones_do_not():
    async def main():
        go, never = asyncio.Event(), asyncio.Event()
        older = asyncio.create_task(read_after(go))
        with tfnp_magic.trace() as recording:
            go.set()
            await asyncio.gather(read_after(go), read_after(go), older)
            await asyncio.to_thread(read)
            await asyncio.get_running_loop().run_in_executor(None, read)
            later = asyncio.create_task(read_after(never))
            await asyncio.sleep(0)
        never.set()
        await later
        return recording

    recording = asyncio.run(main())
    assert counted(recording) == {"Tensor.numpy": 8}
    assert recording.left_out == 3


# Several traces at once.


def test_two_threads_that_trace_at_once_do_not_mix():
    barrier, recordings = threading.Barrier(2, timeout=60), {}

    def traced(name, number):
        with tfnp_magic.trace() as recordings[name]:
            barrier.wait()
            with ThreadPoolExecutor(2) as executor:
                list(executor.map(read, range(number)))
            for _ in range(number):
                TENSOR - ARRAY
            barrier.wait()

    threads = [threading.Thread(target=traced, args=pair) for pair in (("one", 20), ("two", 30))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(recordings["one"]) == {"Tensor.numpy": 20, "operator -": 20}
    assert counted(recordings["two"]) == {"Tensor.numpy": 30, "operator -": 30}
    assert (recordings["one"].left_out, recordings["two"].left_out) == (60, 40)


def test_two_tasks_that_trace_at_once_do_not_mix():
    async def traced(number):
        with tfnp_magic.trace() as recording:
            await asyncio.sleep(0)
            for _ in range(number):
                TENSOR.numpy()
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)
        return recording

    async def main():
        return await asyncio.gather(traced(5), traced(7))

    five, seven = asyncio.run(main())
    assert (counted(five), five.left_out) == ({"Tensor.numpy": 5}, 7)
    assert (counted(seven), seven.left_out) == ({"Tensor.numpy": 7}, 5)


def test_one_pool_serves_two_traces_at_once_and_each_has_its_own():
    barrier, recordings = threading.Barrier(2, timeout=60), {}
    with ThreadPoolExecutor(1) as executor:

        def traced(number):
            with tfnp_magic.trace() as recordings[number]:
                barrier.wait()
                list(executor.map(read, range(number)))
                barrier.wait()

        threads = [threading.Thread(target=traced, args=(number,)) for number in (6, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {number: total(one) for number, one in recordings.items()} == {6: 6, 9: 9}
    assert {number: one.left_out for number, one in recordings.items()} == {6: 9, 9: 6}


# TensorFlow may come later.

_IMPORTED_LATER = """
    import queue, threading
    from concurrent.futures import ThreadPoolExecutor
    import tfnp_magic

    def worker(asked):
        while (work := asked.get()) is not None:
            work[0]()
            work[1].set()

    def ask(asked, work):
        done = threading.Event()
        asked.put((work, done))
        done.wait(60)

    older = queue.Queue()
    threading.Thread(target=worker, args=(older,)).start()
    with tfnp_magic.trace() as recording:
        own = queue.Queue()
        threading.Thread(target=worker, args=(own,)).start()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(int).result()
            import tensorflow as tf
            tensor = tf.constant([1.0, 2.0])
            pool.submit(tensor.numpy).result()
            ask(own, tensor.numpy)
            ask(older, tensor.numpy)
            ask(older, lambda: pool.submit(tensor.numpy).result())
    own.put(None)
    older.put(None)
    reads = sum(c.count for c in recording.ledger if c.route == "Tensor.numpy")
    print("counted", reads, recording.left_out)
"""


def test_threads_that_started_before_tensorflow_was_imported_are_told_apart():
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_IMPORTED_LATER)],
        capture_output=True,
        text=True,
        timeout=300,
        env=dict(os.environ, CUDA_VISIBLE_DEVICES="-1"),
    )
    assert "counted 2 2" in out.stdout, out.stderr


# Lines.

HELPER = "def helper(tensor):\n    return tensor.numpy()\n"

HANDED_OVER = {
    "executor": "with ThreadPoolExecutor(2) as pool:\n    list(pool.map(work, tensors))",
    "submit": "with ThreadPoolExecutor(2) as pool:\n"
    "    [pool.submit(work, each).result() for each in tensors]",
    "thread": "for each in tensors:\n    Thread(target=work, args=(each,)).start()",
    "pool": "with ThreadPool(2) as pool:\n    pool.map(work, tensors)",
    "older_executor": "# older\nlist(older.map(work, tensors))",
}


@pytest.mark.parametrize("name", HANDED_OVER)
@pytest.mark.parametrize("what", ["helper", "np.asarray"])
def test_work_without_a_line_of_the_cell_is_told_at_the_line_that_handed_it_over(name, what):
    """A helper of another file, and a function of NumPy's own, which has no line at all."""
    names = {"np": np}
    exec(compile(HELPER, "<earlier>", "exec"), names)
    with ThreadPoolExecutor(2) as older:
        list(older.map(str, range(4)))
        before = set(threading.enumerate())
        space = {
            "work": eval(what, names), "tensors": [TENSOR, tf.identity(TENSOR)], "older": older,
            "Thread": threading.Thread, "ThreadPoolExecutor": ThreadPoolExecutor,
            "ThreadPool": multiprocessing.pool.ThreadPool,
        }  # fmt: skip
        with traced_cell("<handed over>", HANDED_OVER[name]) as recording:
            exec(compile(HANDED_OVER[name], "<handed over>", "exec"), space)
            for thread in set(threading.enumerate()) - before:
                if name == "thread":
                    thread.join(10)
    assert recording.lost == []
    assert sum(crossing.count for crossing in recording.ledger) == 2
    for site in {crossing.site for crossing in recording.ledger}:
        assert site.line.line == 2
        inner = None if site.inner is None else (site.inner.source, site.inner.line)
        assert inner == (("<earlier>", 2) if what == "helper" else None)


def test_lambda_of_the_cell_is_told_at_its_own_line():
    text = "work = lambda tensor: tensor.numpy()\nwith ThreadPoolExecutor(2) as pool:\n" + (
        "    list(pool.map(work, [t, t]))"
    )
    with traced_cell("<own line>", text) as recording:
        exec(
            compile(text, "<own line>", "exec"),
            {"t": TENSOR, "ThreadPoolExecutor": ThreadPoolExecutor},
        )
    (crossing,) = recording.ledger
    assert (crossing.count, crossing.site.line.line, crossing.site.inner) == (2, 1, None)
