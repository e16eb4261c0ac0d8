"""Forks, spawned processes, many threads and cancelled tasks inside of a traced block."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import multiprocessing
import os
import random
import subprocess
import sys
import textwrap
import threading
import warnings

import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic
from tests.torture.given_back import ARRAY, TENSOR, counted
from tfnp_magic import scope
from tfnp_magic.probes import probes

pytestmark = pytest.mark.usefixtures("given_back")

COPIED = tf.constant(np.ones(3))  # so small that nothing of TensorFlow's own threads is needed


def in_child(work):
    """Run `work` in a fork of this process; what it returns, as JSON, and the exit status."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks with threads
        child = os.fork()
    if child == 0:  # never back into pytest
        status = 1
        try:
            os.write(writing, json.dumps(work()).encode())
            status = 7
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        told = pipe.read()
    return json.loads(told or "null"), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_fork_in_a_traced_block_goes_on_in_both_processes():
    def work():
        COPIED.numpy()
        block.__exit__(None, None, None)
        COPIED.numpy()
        with tfnp_magic.trace() as second:
            COPIED.numpy()
        return [counted(recording), counted(second), len(scope._open), len(probes._in)]

    block = tfnp_magic.trace()
    recording = block.__enter__()
    try:
        COPIED.numpy()
        told, status = in_child(work)
        COPIED.numpy()
    finally:
        block.__exit__(None, None, None)
    assert (told, status) == ([2, 1, 0, 0], 7)
    assert counted(recording) == 2
    assert recording.lost == []


def test_a_child_that_never_ends_its_trace_exits_as_it_wants():
    with tfnp_magic.trace() as recording:
        told, status = in_child(lambda: COPIED.numpy().tolist())
    assert (told, status) == ([1, 1, 1], 7)
    assert counted(recording) == 0


@pytest.fixture
def often_switching():
    """Threads give way wherever they can, also while they hold a lock."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("often_switching")
def test_a_fork_while_other_threads_convert_leaves_the_child_able_to_trace():
    """No lock of ours may be held for good in the child, by a thread that it does not have."""
    over = threading.Event()

    def busily():
        while not over.is_set():
            COPIED.numpy()
            np.sum(COPIED)

    def work():
        faulthandler.dump_traceback_later(20, exit=True)
        with tfnp_magic.trace() as recording:
            COPIED.numpy()
        return counted(recording)

    with tfnp_magic.trace():
        threads = [threading.Thread(target=busily) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            assert [in_child(work) for _ in range(40)] == [(1, 7)] * 40
        finally:
            over.set()
            for thread in threads:
                thread.join()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_processes_works_as_untraced(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with tfnp_magic.trace() as recording, multiprocessing.get_context(method).Pool(1) as pool:
            COPIED.numpy()
            assert pool.apply(sum, ([1, 2],)) == 3
            assert pool.map(abs, range(-3, 0)) == [3, 2, 1]
    assert counted(recording) == 1


def test_what_fifty_threads_convert_at_once_is_counted_to_the_last():
    each, ready = 40, threading.Barrier(50)

    def work():
        ready.wait(60)
        for _ in range(each):
            TENSOR.numpy()
            np.asarray(TENSOR)
            TENSOR - ARRAY
            tf.constant(ARRAY)

    with tfnp_magic.trace() as recording:
        threads = [threading.Thread(target=work) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counted(recording) == 50 * each * 4
    assert recording.left_out == 0
    assert recording.lost == []


def test_traces_that_begin_and_end_on_many_threads_at_once_count_their_own():
    counts, ready = [], threading.Barrier(12)

    def work():
        ready.wait(60)
        for _ in range(10):
            with tfnp_magic.trace() as recording:
                TENSOR.numpy()
                np.asarray(TENSOR)
            counts.append(counted(recording))

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [2] * 120


def test_what_two_threads_are_forbidden_at_once_each_gets_as_its_own():
    """The error is made by one thread, and raised by C in the same."""
    wrong, ready = [], threading.Barrier(8)

    def work(name):
        ready.wait(60)
        tensor = tf.ones(1000 + name)
        for _ in range(30):
            try:
                with tfnp_magic.trace(forbid=f"cast>{name}"):
                    np.asarray(tensor, np.float64)
                wrong.append("nothing was raised")
            except tfnp_magic.InteropError as error:
                if error.crossing is None or error.crossing.nbytes != 4 * (1000 + name):
                    wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_tasks_that_are_cancelled_at_random_leave_nothing_in(times):
    rng = random.Random(5)

    async def work():
        with tfnp_magic.trace() as recording:
            for _ in range(20):
                TENSOR.numpy()
                await asyncio.sleep(0)
            return counted(recording)

    async def all_of_them():
        tasks = [asyncio.create_task(work()) for _ in range(20)]
        for _ in range(rng.randint(0, 25)):
            await asyncio.sleep(0)
            rng.choice(tasks).cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [result for result in results if not isinstance(result, asyncio.CancelledError)]

    finished = [n for _ in range(10 * times) for n in asyncio.run(all_of_them())]
    assert finished
    assert set(finished) == {20}
    assert scope._open == ()


def test_a_generator_that_is_never_finished_leaves_its_trace_with_the_collector():
    def traced():
        with tfnp_magic.trace():
            yield TENSOR.numpy()

    suspended = traced()
    next(suspended)
    assert len(scope._open) == 1
    del suspended
    assert scope._open == ()


def test_a_process_ends_as_untraced_though_a_trace_is_open():
    """Open on the main thread, on a daemon thread, and in a generator, at exit."""
    program = """
    import os, sys, threading
    import numpy as np, tensorflow as tf, tfnp_magic
    t = tf.constant(np.ones(3))
    def forever():
        with tfnp_magic.trace():
            while True: t.numpy()
    threading.Thread(target=forever, daemon=True).start()
    block = tfnp_magic.trace(); block.__enter__()
    t.numpy()
    print("done", flush=True)
    sys.exit(5)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (5, "done\n")
    assert "Traceback" not in ran.stderr
