"""A kernel that is restarted in the middle of a traced cell: the next one begins from nothing."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import LEFT_BEHIND, Kernel

BEGIN = "%load_ext tfnp_magic\nimport numpy as np, tensorflow as tf\na = np.arange(600.0)"
ENDLESS = """
step = tf.function(lambda x: tf.numpy_function(np.sin, [x], tf.float64))
step(a)
print('runs', flush=True)
while True:
    step(a)
"""
CELL = "%%interop_trace -o rec\nt = tf.constant(a)\nb = t.numpy()\nx = t - b\n"
_AUTOGRAPHS = "__autograph_generated_file"
"""TensorFlow writes what it makes of a function, and a process that is killed leaves it there."""

CELLS = {
    "a cell": "%%interop_trace -o rec --graph" + ENDLESS,
    "a session": "%interop_trace on\n",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def kernel(files):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(files))
        kernel = Kernel()
    yield kernel
    kernel.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_after_a_restart_in_the_middle_of_a_cell_all_is_new(kernel, files, cell):
    assert kernel.run(BEGIN).status[0] == "ok"
    if "\nwhile" not in cell:
        assert kernel.run(cell).status[0] == "ok"
        cell = ENDLESS
    _run_until_it_loops(kernel, cell)
    _restart(kernel)
    assert kernel.run(BEGIN).status[0] == "ok"
    shown = kernel.run(CELL)
    assert shown.status[0] == "ok"
    assert len(shown.reports) == 1
    assert sorted((line, count) for _, line, count in kernel.ledger()) == [(2, 1), (3, 1), (4, 1)]
    assert kernel.value(LEFT_BEHIND) == [0, 0, [], [0, 0]]
    left = [path.name for path in files.rglob("*") if path.is_file()]
    assert [name for name in left if not name.startswith(_AUTOGRAPHS)] == []


def _run_until_it_loops(kernel, cell):
    asked = kernel.client.execute(cell)
    while True:
        message = kernel.client.get_iopub_msg(timeout=60)
        is_of_cell = message["parent_header"].get("msg_id") == asked
        assert not (is_of_cell and message["msg_type"] == "error"), message["content"]
        if is_of_cell and message["content"].get("text", "").startswith("runs"):
            return


def _restart(kernel):
    kernel.client.stop_channels()
    kernel.manager.restart_kernel(now=True)
    kernel.client = kernel.manager.client()
    kernel.client.start_channels()
    kernel.client.wait_for_ready(timeout=60)
