"""Two real engines of ipyparallel, driven from a notebook with ``%%px``."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from unittest import mock

import nbformat
import pytest
from nbclient import NotebookClient

START = """\
import os, signal, time
import ipyparallel as ipp
import tfnp_magic
cluster = ipp.Cluster(n=2, controller_ip="127.0.0.1", log_level=40)
rc = cluster.start_and_connect_sync(activate=True)
view = rc[:]
pids = view.apply_sync(os.getpid)
def pull(name):
    return rc[:].pull(name, block=False)
def told(merged):
    counts = merged.by_engine().set_index("engine")["conversions"]
    return {e: (r.title, r.error, int(counts[e])) for e, r in merged.recordings.items()}
"""
# With a time after which to show progress, `%%px` waits for what engines display; it is not shown.
CELLS = {
    "start": START,
    "load": """\
%%px --progress-after=60
%load_ext tfnp_magic
import os, time
import numpy as np
import tensorflow as tf
t = tf.constant(np.arange(8.0))
""",
    "shift": "view.execute('one_cell_more = 1', targets=1, silent=False).get(); None",
    "report": """\
%%px --progress-after=60
%%interop_trace -o rec
a = t.numpy()
""",
    "merged": "print([told(tfnp_magic.merge(pull('rec'))), told(tfnp_magic.merge(rc[:]['rec']))])",
    "shown": "tfnp_magic.merge(pull('rec'))",
    "lines": "m = tfnp_magic.merge(pull('rec'))\n"
    "print(m.summary()[['line', 'code', 'route', 'count', 'engines']].values.tolist())",
    "raises": """\
%%px --progress-after=60
%%interop_trace -q -o rec
a = t.numpy()
if os.getpid() == last:
    raise ValueError("on the last engine")
b = t.numpy()
""",
    "raised": "print(told(tfnp_magic.merge(pull('rec'))))",
    "one": """\
%%px --progress-after=60 --targets 0
%%interop_trace -q -o only
a = t.numpy()
""",
    "only": "m = tfnp_magic.merge(pull('only'))\n"
    "print([told(m), list(map(str, m.absent.values()))])",
    "interrupted": """\
running = view.execute('''%%interop_trace -q -o rec
a = t.numpy()
ready = True
time.sleep(300)
''', silent=False)
while not all(map(os.path.exists, flags)) and not running.ready():  # until both are there
    time.sleep(0.05)
cluster.signal_engines_sync(signal.SIGINT)
running.wait(60)
print(told(tfnp_magic.merge(pull('rec'))))
""".replace("ready = True", "open(flag, 'w').close()"),
    "killed": """\
running = view.execute('''%%interop_trace -q -o rec
a = t.numpy()
if os.getpid() == last:
    os._exit(1)
''', silent=False)
running.wait(60)
while len(rc.ids) > 1:
    time.sleep(0.05)
m = tfnp_magic.merge(pull('rec'), engines=[0, 1])
failed = tfnp_magic.merge(running.get(return_exceptions=True)[1:])
print([told(m), list(map(str, m.absent.values())), failed.absent[0].kind])
""",
    "stop": "cluster.stop_cluster_sync()",
}


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """The outputs of all cells, by the cell's name."""
    folder = tmp_path_factory.mktemp("cluster")
    push = f"flags = [r'{folder / '0'}', r'{folder / '1'}']\n" + (
        "for engine in rc.ids:\n    rc[engine].push({'flag': flags[engine], 'last': pids[1]}).get()"
    )
    sources = {**CELLS, "start": f"{CELLS['start']}{push}"}
    cells = [nbformat.v4.new_code_cell(source) for source in sources.values()]
    environment = {
        "IPYTHONDIR": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    with mock.patch.dict(os.environ, environment):
        client = NotebookClient(
            nbformat.v4.new_notebook(cells=cells), timeout=200, allow_errors=True,
            kernel_name="python3", resources={"metadata": {"path": str(folder)}},
        )  # fmt: skip
        done = client.execute()
    outputs = {name: cell.outputs for name, cell in zip(CELLS, done.cells, strict=True)}
    for name in ("start", "load", "stop"):
        assert not [o for o in outputs[name] if o.output_type == "error"], outputs[name]
    return outputs


def printed(notebook, name):
    """What a cell printed, read back."""
    errors = [output for output in notebook[name] if output.output_type == "error"]
    assert not errors, errors[0].evalue
    text = "".join(o.text for o in notebook[name] if o.get("name") == "stdout")
    return ast.literal_eval(text)


def texts(outputs):
    """What was displayed, as text."""
    return [output.data.get("text/plain", "") for output in outputs if "data" in output]


def test_each_engine_s_report_is_shown_below_the_cell(notebook):
    reports = [text for text in texts(notebook["report"]) if "conversion" in text]
    assert sorted(text.partition(":")[0] for text in reports) == ["In[2]", "In[3]"]
    pages = [o.data.get("text/html", "") for o in notebook["report"] if "data" in o]
    assert sum("1 conversion on 1 line" in page for page in pages) == 2


def test_recordings_come_back_as_they_were_made(notebook):
    expected = {0: ("In[2]", None, 1), 1: ("In[3]", None, 1)}
    assert printed(notebook, "merged") == [expected, expected]


def test_lines_are_the_same_though_the_numbers_of_the_cells_are_not(notebook):
    assert printed(notebook, "lines") == [[2, "a = t.numpy()", "Tensor.numpy", 2, 2]]
    (text,) = texts(notebook["shown"])
    assert text.startswith("In[2] on 2 engines: 2 conversions on 1 line")
    assert "The same text is In[2] on engine 0, In[3] on engine 1." in text


def test_recording_of_an_engine_whose_cell_raised_comes_back_too(notebook):
    (error,) = (o for o in notebook["raises"] if o.output_type == "error")
    assert "ValueError" in str(error) or "AlreadyDisplayed" in error.ename
    recorded = printed(notebook, "raised")
    assert [engine[1:] for engine in recorded.values()] == [(None, 2), ("ValueError", 1)]


def test_engine_that_has_no_such_recording_is_named(notebook):
    recorded, absent = printed(notebook, "only")
    assert list(recorded) == [0]
    assert absent == ["NameError: name 'only' is not defined"]


def test_recordings_of_interrupted_engines_come_back(notebook):
    recorded = printed(notebook, "interrupted")
    assert [engine[1:] for engine in recorded.values()] == [("KeyboardInterrupt", 1)] * 2


def test_engine_that_died_is_named(notebook):
    recorded, absent, kind = printed(notebook, "killed")
    assert {engine: each[1:] for engine, each in recorded.items()} == {0: (None, 1)}
    assert absent == ["sent nothing"]
    assert kind == "EngineError"
