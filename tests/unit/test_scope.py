"""Which trace hears what happens on which thread and in which task."""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import queue
import threading
import time
import weakref

import pytest

from tfnp_magic import scope
from tfnp_magic.probes import carriers
from tfnp_magic.scope import Scope, is_tracing, listeners


class Recorder:
    """As much of one as a scope touches."""

    def line_of(self, frame):
        return None


def outside():
    """Who would count a conversion, here and now, as left out."""
    return list(getattr(listeners(), "outside", ()))


@pytest.fixture(autouse=True)
def _nobody_is_left_listening():
    assert not is_tracing()
    yield
    assert not is_tracing()
    assert scope.inner.absorbing == 0
    assert carriers._in == []
    assert contextvars.copy_context().get(scope._tokens, ()) == ()


class Tracing:
    """An open scope with its recorder."""

    def __enter__(self):
        self.recorder = Recorder()
        self.scope = Scope(self.recorder)
        self.scope.enter()
        return self.recorder

    def __exit__(self, *error):
        self.scope.leave()


class Worker:
    """A thread that answers whenever asked, on its own: who listens on it, if nothing else."""

    def __init__(self):
        self._asked, self._answers = queue.Queue(), queue.Queue()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self):
        while question := self._asked.get():
            self._answers.put(question())

    def ask(self, question):
        self._asked.put(question)
        return self._answers.get(timeout=5)

    def listeners(self):
        return self.ask(listeners)

    def end(self):
        self._asked.put(None)
        self.thread.join(timeout=5)


def test_nobody_listens_without_a_trace():
    assert listeners() == []
    assert not is_tracing()


def test_what_the_traced_code_does_itself_is_heard():
    with Tracing() as mine:
        assert is_tracing()
        assert listeners() == [mine]
        assert outside() == []


def test_after_the_end_nobody_hears():
    with Tracing():
        pass
    assert listeners() == []
    assert not listeners()


def test_leaving_may_be_repeated():
    recorder = Recorder()
    once = Scope(recorder)
    once.enter()
    once.leave()
    once.leave()
    assert listeners() == []


def test_conversions_within_a_conversion_are_part_of_it():
    with Tracing() as mine:
        scope.inner.absorbing += 1
        try:
            assert listeners() == []
        finally:
            scope.inner.absorbing -= 1
        assert listeners() == [mine]


def test_conversions_within_a_conversion_are_not_left_out_either():
    worker = Worker()

    def absorbed():
        scope.inner.absorbing += 1
        try:
            return outside(), bool(listeners())
        finally:
            scope.inner.absorbing -= 1

    with Tracing():
        assert worker.ask(absorbed) == ([], False)
    worker.end()


def test_absorbing_is_a_matter_of_one_thread():
    with Tracing() as mine:
        scope.inner.absorbing += 1
        worker = Worker()
        try:
            assert worker.listeners() == [mine]
        finally:
            scope.inner.absorbing -= 1
            worker.end()


def test_nested_traces_both_hear_what_the_inner_code_does():
    with Tracing() as outer:
        with Tracing() as inner:
            assert listeners() == [outer, inner]
            assert outside() == []
        assert listeners() == [outer]
        assert outside() == []


def test_traces_may_end_in_any_order():
    outer, inner = Tracing(), Tracing()
    outer.__enter__()
    inner.__enter__()
    outer.__exit__()
    assert listeners() == [inner.recorder]
    inner.__exit__()
    assert listeners() == []


# Threads.


def test_a_thread_older_than_the_trace_is_left_out_but_must_be_told():
    worker = Worker()
    with Tracing() as mine:
        assert worker.listeners() == []
        assert worker.ask(lambda: bool(listeners()))
        assert worker.ask(outside) == [mine]
        assert worker.ask(scope.overhearing) == []
        assert not worker.ask(lambda: bool(scope.overhearing()))
        assert listeners() == [mine]
    assert not worker.ask(lambda: bool(listeners()))
    worker.end()


def test_a_thread_born_meanwhile_is_heard_until_the_trace_ends():
    with Tracing() as mine:
        worker = Worker()
        assert worker.listeners() == [mine]
        assert worker.ask(outside) == []
    assert worker.listeners() == []
    worker.end()


def test_a_thread_born_within_the_outer_trace_is_older_than_the_inner_one():
    with Tracing() as outer:
        worker = Worker()
        with Tracing() as inner:
            assert worker.listeners() == [outer]
            assert worker.ask(outside) == [inner]
        worker.end()


def test_an_older_thread_is_heard_under_a_context_that_was_handed_over():
    asked, answers = queue.Queue(), queue.Queue()

    def work():
        answers.put(asked.get(timeout=5).run(listeners))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    with Tracing() as mine:
        asked.put(contextvars.copy_context())
        assert answers.get(timeout=5) == [mine]
    thread.join(timeout=5)


def test_a_thread_that_got_the_number_of_an_older_one_that_ended_is_heard():
    """Linux gives a thread's number out again at once; pools keep their Thread objects."""
    for _ in range(50):
        older = Worker()
        with Tracing() as mine:
            older.end()
            worker = Worker()
            heard = worker.listeners()
            worker.end()
        if worker.thread.ident == older.thread.ident:
            break
    else:
        pytest.skip("this system did not give a number out again")
    assert heard == [mine]


def test_another_context_of_the_tracing_thread_is_left_out_on_a_thread_that_is_not_pythons():
    """Made by C code or `_thread`: `threading.enumerate` does not know it."""
    answers = queue.Queue()

    def work():
        with Tracing() as mine:
            answers.put((listeners() == [mine], contextvars.Context().run(listeners)))

    _thread.start_new_thread(work, ())
    assert answers.get(timeout=5) == (True, [])
    deadline = time.monotonic() + 5
    while is_tracing() and time.monotonic() < deadline:
        time.sleep(0.001)


# Tasks.


def test_another_task_of_the_same_thread_is_left_out_and_counted():
    async def main():
        go, heard = asyncio.Event(), []

        async def other():
            await go.wait()
            heard.append((listeners(), outside()))

        task = asyncio.create_task(other())
        with Tracing() as mine:
            go.set()
            await task
            assert listeners() == [mine]
        assert heard == [([], [mine])]

    asyncio.run(main())


def test_a_task_that_the_traced_code_started_is_heard():
    async def main():
        async def born():
            await asyncio.sleep(0)
            return listeners()

        with Tracing() as mine:
            assert await asyncio.create_task(born()) == [mine]
            assert await asyncio.gather(born(), born()) == [[mine], [mine]]

    asyncio.run(main())


def test_a_task_that_outlives_the_trace_is_heard_no_more():
    async def main():
        go, heard = asyncio.Event(), []

        async def born():
            await go.wait()
            heard.append(listeners())

        with Tracing():
            task = asyncio.create_task(born())
        go.set()
        await task
        return heard

    assert asyncio.run(main()) == [[]]


def test_what_is_handed_to_another_thread_with_its_context_is_heard():
    """By `asyncio.to_thread`, on a pool whose thread may be older than the trace."""

    async def main():
        await asyncio.to_thread(int)
        with Tracing() as mine:
            assert await asyncio.to_thread(listeners) == [mine]
            loop = asyncio.get_running_loop()
            assert await loop.run_in_executor(None, listeners) == [mine]

    asyncio.run(main())


def test_a_trace_that_ends_in_another_context_ends_everywhere():
    """As when a cell's trace is stopped by the shell, in a callback of its own context."""
    tracing = Tracing()
    context = contextvars.copy_context()
    context.run(tracing.__enter__)
    assert context.run(listeners) == [tracing.recorder]
    tracing.__exit__()
    assert context.run(listeners) == []


def test_a_context_that_outlives_its_trace_keeps_no_recorder_alive():
    with Tracing() as mine:
        context = contextvars.copy_context()
    reference = weakref.ref(mine)
    del mine
    assert reference() is None
    assert context.run(listeners) == []


# Several traces at once.


def test_two_threads_that_trace_do_not_mix():
    workers = [Worker(), Worker()]
    tracings = [Tracing(), Tracing()]
    mine = [w.ask(t.__enter__) for w, t in zip(workers, tracings, strict=True)]
    for worker, own, other in zip(workers, mine, reversed(mine), strict=True):
        assert worker.listeners() == [own]
        assert worker.ask(outside) == [other]
    assert listeners() == []
    assert outside() == mine
    for worker, tracing in zip(workers, tracings, strict=True):
        worker.ask(lambda tracing=tracing: (tracing.__exit__(), True))
        worker.end()


def test_two_tasks_that_trace_do_not_mix():
    async def traced(barrier):
        with Tracing() as mine:
            await barrier()
            heard = listeners(), len(outside())
            await barrier()
            return heard == ([mine], 1)

    async def main():
        waiting = []

        async def barrier():
            waiting.append(asyncio.Event())
            if len(waiting) == 2:
                for event in waiting:
                    event.set()
                del waiting[:]
            else:
                await waiting[-1].wait()

        return await asyncio.gather(traced(barrier), traced(barrier))

    assert asyncio.run(main()) == [True, True]


class ForeignWorker(Worker):
    """A thread that Python's `threading` did not start, as TensorFlow's own are."""

    def __init__(self):
        self._asked, self._answers = queue.Queue(), queue.Queue()
        self.thread = None
        _thread.start_new_thread(self._work, ())

    def end(self):
        self._asked.put(None)


@pytest.fixture
def foreign():
    worker = ForeignWorker()
    yield worker
    worker.end()


def test_a_foreign_thread_works_for_the_only_trace(foreign):
    with Tracing() as mine:
        assert foreign.listeners() == [mine]
        assert foreign.ask(scope.tokens_here) != ()


def test_a_foreign_thread_works_for_all_traces_that_wait_for_the_innermost(foreign):
    with Tracing() as outer, Tracing() as inner:
        assert foreign.listeners() == [outer, inner]


def test_of_two_traces_side_by_side_a_foreign_thread_works_for_neither(foreign):
    worker, other = Worker(), Tracing()
    theirs = worker.ask(other.__enter__)
    with Tracing() as mine:
        assert foreign.listeners() == []
        assert foreign.ask(outside) == [theirs, mine]
    worker.ask(lambda: (other.__exit__(), True))
    worker.end()


def test_a_foreign_thread_that_somebody_looked_at_is_foreign_still(foreign):
    """`threading.current_thread` leaves a stand-in there; logging asks for it."""
    assert isinstance(foreign.ask(threading.current_thread), threading._DummyThread)
    with Tracing() as mine:
        assert foreign.listeners() == [mine]


@pytest.mark.parametrize("mine", [True, False], ids=["mine", "somebody's"])
def test_a_foreign_thread_works_for_whom_it_says(foreign, mine):
    def working():
        scope.inner.owners = tracing.scope.token * mine, 0
        try:
            return listeners(), outside()
        finally:
            scope.inner.owners = None

    tracing = Tracing()
    with tracing as recorder:
        assert foreign.ask(working) == (([recorder], []) if mine else ([], [recorder]))


def test_a_trace_within_work_for_another_is_heard_too_and_ends():
    with Tracing() as outer:
        scope.inner.owners = scope.tokens_here()
        try:
            with Tracing() as inner:
                assert listeners() == [outer, inner]
            assert listeners() == [outer]
        finally:
            scope.inner.owners = None


def test_traces_that_ended_in_another_context_do_not_pile_up():
    context = contextvars.copy_context()
    for _ in range(5):
        tracing = Tracing()
        context.run(tracing.__enter__)
        tracing.__exit__()
    assert len(context.run(scope._tokens.get)) == 1
