"""Whose work a thread does: whoever started it, or handed the work to it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import multiprocessing.pool
import queue
import sys
import threading
import traceback
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.thread import _WorkItem

import pytest

from tests.unit.test_scope import Tracing, Worker, outside
from tfnp_magic import scope
from tfnp_magic.probes import carriers, threads
from tfnp_magic.scope import is_tracing, listeners, tokens_here

OWNERS = [
    threading.Thread, _WorkItem, Future, multiprocessing.pool.Pool,
    multiprocessing.pool.ThreadPool, multiprocessing.pool.ApplyResult,
]  # fmt: skip


@pytest.fixture(autouse=True)
def _given_back():
    before = [dict(vars(owner)) for owner in OWNERS]
    yield
    assert not is_tracing()
    assert [dict(vars(owner)) for owner in OWNERS] == before
    assert threads._starting == {}


@pytest.fixture
def background():
    """A thread older than the trace."""
    worker = Worker()
    yield worker
    worker.end()


@pytest.fixture
def executor():
    """A pool whose only thread is older than the trace."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        yield pool


@pytest.fixture
def thread_pool():
    """The same of `multiprocessing`."""
    with multiprocessing.pool.ThreadPool(1) as pool:
        pool.apply(int)
        yield pool


def ears(_=None):
    """Who hears, and who leaves out, where this runs."""
    return list(listeners()), outside()


def within(answers):
    """A function that answers by a queue, for what returns nothing."""
    return lambda *_: answers.put(ears())


# Who starts a thread.


def test_a_timer_of_the_cell_is_heard():
    answers = queue.Queue()
    with Tracing() as mine:
        threading.Timer(0, within(answers)).start()
        assert answers.get(timeout=5) == ([mine], [])


def test_a_thread_made_in_an_earlier_cell_belongs_to_the_one_that_starts_it():
    answers = queue.Queue()
    thread = threading.Thread(target=within(answers))
    with Tracing() as mine:
        thread.start()
        assert answers.get(timeout=5) == ([mine], [])
    thread.join()


def test_a_thread_that_the_background_starts_meanwhile_is_left_out(background):
    with Tracing() as mine:
        born = background.ask(Worker)
        assert born.ask(ears) == ([], [mine])
        born.end()


def test_a_thread_of_a_thread_of_the_cell_is_heard():
    with Tracing() as mine:
        child = Worker()
        grandchild = child.ask(Worker)
        assert grandchild.ask(ears) == ([mine], [])
        grandchild.end()
        child.end()


def test_threads_of_two_traces_do_not_mix(background):
    theirs = Tracing()
    other = background.ask(theirs.__enter__)
    born_there = background.ask(Worker)
    with Tracing() as mine:
        born_here = Worker()
        assert born_here.ask(ears) == ([mine], [other])
        assert born_there.ask(ears) == ([other], [mine])
    background.ask(lambda: (theirs.__exit__(), True))
    born_here.end()
    born_there.end()


def test_a_context_made_on_a_thread_of_the_cell_is_the_cells():
    with Tracing() as mine:
        worker = Worker()
        context = worker.ask(contextvars.copy_context)
        worker.end()
    with Tracing() as later:
        assert context.run(ears) == ([], [later])
    assert mine is not later


def test_starting_a_thread_twice_fails_as_ever():
    thread = threading.Thread(target=int)
    with Tracing():
        thread.start()
        with pytest.raises(RuntimeError, match="threads can only be started once") as caught:
            thread.start()
    assert [entry.name for entry in traceback.extract_tb(caught.tb)][1:] == ["start"]
    thread.join()


# ThreadPoolExecutor.


def test_work_of_the_cell_on_an_older_pool_is_heard(executor):
    with Tracing() as mine:
        assert executor.submit(ears).result() == ([mine], [])
        assert list(executor.map(ears, range(2))) == [([mine], [])] * 2


def test_an_older_pool_does_not_stay_with_the_cell(executor, background):
    with Tracing() as mine:
        executor.submit(ears).result()
        assert background.ask(lambda: executor.submit(ears).result()) == ([], [mine])


def test_work_of_the_background_on_a_pool_of_the_cell_is_left_out(background):
    with Tracing() as mine, ThreadPoolExecutor(1) as pool:
        assert pool.submit(ears).result() == ([mine], [])
        assert background.ask(lambda: pool.submit(ears).result()) == ([], [mine])
        assert pool.submit(ears).result() == ([mine], [])


def test_work_that_waited_since_before_the_trace_is_left_out():
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(go.wait, 5)
        waiting = pool.submit(ears)
        with Tracing() as mine:
            go.set()
            assert waiting.result() == ([], [mine])


def test_work_that_is_done_after_the_trace_is_nobodys(executor):
    go = threading.Event()
    executor.submit(go.wait, 5)
    with Tracing():
        waiting = executor.submit(ears)
    with Tracing() as later:
        go.set()
        assert waiting.result() == ([], [later])


def test_a_pools_initializer_belongs_to_whose_work_needed_the_thread(background):
    answers = queue.Queue()
    with Tracing() as mine:
        with ThreadPoolExecutor(1, initializer=within(answers)) as pool:
            pool.submit(int).result()
        with ThreadPoolExecutor(1, initializer=within(answers)) as pool:
            background.ask(lambda: pool.submit(str, True).result())
    assert answers.get() == ([mine], [])
    assert answers.get() == ([], [mine])


def test_a_callback_belongs_to_who_added_it(executor):
    go, answers = threading.Event(), queue.Queue()
    older = executor.submit(go.wait, 5)
    older.add_done_callback(within(answers))
    with Tracing() as mine:
        older.add_done_callback(within(answers))
        go.set()
        assert answers.get(timeout=5) == ([], [mine])
        assert answers.get(timeout=5) == ([mine], [])


def test_a_callback_belongs_to_who_added_it_whoever_is_at_work_where_it_runs():
    with Tracing() as outer:
        future = Future()
        owners, heard = tokens_here(), []
        future.add_done_callback(lambda _: heard.append(ears()))
        with Tracing() as inner:
            scope.inner.owners = owners
            try:
                future.add_done_callback(lambda _: heard.append(ears()))
                scope.inner.owners = ()
                future.set_result(None)
                assert ears() == ([], [outer, inner])
            finally:
                scope.inner.owners = None
    assert heard == [([outer], [inner])] * 2


def test_the_loops_pool_works_for_the_task_that_asks():
    async def main():
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, int)
        go = asyncio.Event()

        async def older():
            await go.wait()
            return await loop.run_in_executor(None, ears), await asyncio.to_thread(ears)

        task = asyncio.create_task(older())
        with Tracing() as mine:
            assert await loop.run_in_executor(None, ears) == ([mine], [])
            assert await asyncio.to_thread(ears) == ([mine], [])
            go.set()
            assert await task == (([], [mine]), ([], [mine]))

    asyncio.run(main())


def test_what_the_cell_asks_of_another_threads_loop_is_heard(background):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def ask():
        return ears()

    def from_here():
        return asyncio.run_coroutine_threadsafe(ask(), loop).result(5)

    with Tracing() as mine:
        assert from_here() == ([mine], [])
        assert background.ask(from_here) == ([], [mine])
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


# ThreadPool.


def test_work_of_the_cell_on_an_older_thread_pool_is_heard(thread_pool):
    with Tracing() as mine:
        heard = [([mine], [])] * 2
        assert thread_pool.apply(ears) == heard[0]
        assert thread_pool.apply_async(func=ears).get() == heard[0]
        assert thread_pool.map(ears, range(2)) == heard
        assert thread_pool.starmap(ears, [(1,), (2,)]) == heard
        assert list(thread_pool.imap(ears, range(2))) == heard
        assert list(thread_pool.imap_unordered(ears, range(2), chunksize=2)) == heard


def test_work_of_the_background_on_a_thread_pool_of_the_cell_is_left_out(background):
    with Tracing() as mine, multiprocessing.pool.ThreadPool(1) as pool:
        assert pool.apply(ears) == ([mine], [])
        assert background.ask(lambda: pool.apply(ears)) == ([], [mine])
        assert background.ask(lambda: pool.map(ears, [1])) == [([], [mine])]


def test_items_that_a_thread_pool_takes_from_a_generator_are_the_cells(thread_pool):
    def items():
        yield ears()

    with Tracing() as mine:
        assert list(thread_pool.imap(list, items())) == [[[mine], []]]


def caller(_=None):
    """Name of what called this, which is sent to another process."""
    return sys._getframe(1).f_code.co_name


def test_items_for_a_pool_of_processes_are_the_cells_and_its_function_is_untouched():
    with multiprocessing.pool.Pool(1) as pool:
        made = []

        def items():
            made.append(ears())
            yield -3

        with Tracing() as mine:
            assert list(pool.imap(caller, items())) == ["worker"]
            assert pool.apply(caller) == "worker"
        assert made == [([mine], [])]


def test_callbacks_of_a_thread_pool_are_the_cells(thread_pool):
    answers = queue.Queue()
    with Tracing() as mine:
        thread_pool.apply_async(int, callback=within(answers))
        thread_pool.map_async(ord, [1], error_callback=within(answers))
        assert [answers.get(timeout=5) for _ in range(2)] == [([mine], [])] * 2


# The user's work is untouched.


def fails(*_):
    raise ZeroDivisionError("theirs")


def failing_items():
    yield 1
    fails()


FAILING = {
    "submit": lambda executor, pool: executor.submit(fails).result(),
    "apply": lambda executor, pool: pool.apply(fails),
    "map": lambda executor, pool: pool.map(fails, [1]),
    "imap": lambda executor, pool: list(pool.imap(fails, [1])),
    "items": lambda executor, pool: list(pool.imap(int, failing_items())),
}


def names_in(call, *args):
    with pytest.raises(ZeroDivisionError, match="theirs") as caught:
        call(*args)
    return [entry.name for entry in traceback.extract_tb(caught.tb)][1:]


@pytest.mark.parametrize("call", FAILING.values(), ids=FAILING.keys())
def test_exceptions_show_the_frames_that_they_show_untraced(call, executor, thread_pool):
    untraced = names_in(call, executor, thread_pool)
    with Tracing():
        traced = names_in(call, executor, thread_pool)
    assert traced == untraced
    assert traced[-1] == "fails"


def test_a_failing_callback_is_logged_as_ever(executor, caplog):
    with Tracing():
        done = executor.submit(int)
        done.result()
        done.add_done_callback(fails)
    (record,) = caplog.records
    names = [entry.name for entry in traceback.extract_tb(record.exc_info[2])]
    assert names == ["add_done_callback", "fails"]


class Work:
    """Something to hand over."""

    def __call__(self, *_):
        return ears()


@pytest.mark.parametrize("kind", ["executor", "thread_pool"])
def test_work_is_kept_no_longer_than_untraced(kind, request):
    pool = request.getfixturevalue(kind)
    work = Work()
    gone = weakref.ref(work)
    with Tracing():
        if kind == "executor":
            pool.submit(work).result()
            pool.submit(int).result()  # a pool's thread holds its last work until the next
        else:
            pool.apply(work)
            pool.map(work, [1])
            pool.apply(int)
        del work
        gc.collect()
        assert gone() is None


def test_a_recorder_is_kept_by_no_work_that_waits(executor):
    go = threading.Event()
    executor.submit(go.wait, 5)
    tracing = Tracing()
    with tracing:
        waiting = executor.submit(ears)
    gone = weakref.ref(tracing.recorder)
    del tracing
    gc.collect()
    assert gone() is None
    go.set()
    assert waiting.result() == ([], [])


def test_cancelled_work_and_a_pool_that_is_shut_down_behave_as_ever(executor):
    go = threading.Event()
    with Tracing():
        executor.submit(go.wait, 5)
        waiting = executor.submit(ears)
        assert waiting.cancel()
        go.set()
        executor.shutdown()
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(ears)


def test_what_is_put_in_comes_out_with_the_last_trace():
    outer, inner = Tracing(), Tracing()
    outer.__enter__()
    inner.__enter__()
    outer.__exit__()
    assert len(carriers._in) == len(threads.patches())
    inner.__exit__()
    assert carriers._in == []
