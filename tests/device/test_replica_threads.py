"""Replicas of a strategy run on threads of their own, for the cell that runs the strategy."""

from __future__ import annotations

import threading

from tests.contract.cells import traced_cell
from tests.device.names import namespace

CELL = "<replicas>"
CODE = (
    "def step():\n"
    "    threads.append(threading.current_thread())\n"
    "    part = h.numpy()\n"
    "    tf.distribute.get_replica_context().merge_call(lambda s: np.asarray(h))\n"
    "    return tf.constant(part)\n"
    "r = s.run(step)\n"
)


def prepared(machine):
    names = namespace(machine)
    names.update(threading=threading, threads=[])
    exec("s = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])", names)
    return names


def test_each_replica_works_for_the_cell_that_runs_them(machine):
    names = prepared(machine)
    with traced_cell(CELL, CODE) as recording:
        exec(compile(CODE, CELL, "exec"), names)
    assert len(set(names["threads"])) == 2
    assert threading.current_thread() not in names["threads"]
    # The merged call is one, on the thread that runs them.
    counts = {c.route: 0 for c in recording.ledger}
    for crossing in recording.ledger:
        counts[crossing.route] += crossing.count
    assert counts == {"Tensor.numpy": 2, "np.asarray": 1, "tf.constant": 2}
    assert {c.device_to for c in recording.ledger if c.route == "tf.constant"} == {"CPU:0", "CPU:1"}
    assert recording.left_out == 0


def test_replicas_that_another_thread_runs_meanwhile_are_left_out(machine):
    names, go, done = prepared(machine), threading.Event(), threading.Event()

    def run():
        go.wait(60)
        exec(compile(CODE, CELL, "exec"), names)
        done.set()

    earlier = threading.Thread(target=run)
    earlier.start()
    with traced_cell(CELL, CODE) as recording:
        go.set()
        assert done.wait(60)
    earlier.join()
    assert len(set(names["threads"])) == 2
    assert recording.ledger == []
    assert recording.left_out == 5
