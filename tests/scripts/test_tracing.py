"""What is traced of a script that uses TensorFlow, and what the report and the file say."""

from __future__ import annotations

import signal

import tfnp_magic

from .running import plain, traced, write

LOOP = """import numpy as np
import tensorflow as tf
from beside import halved

tensor = tf.constant(np.ones(8, "f4"))
for turn in range(150):
    array = tensor.numpy()
print(halved(array))
raise ValueError("the end")
"""
BESIDE = """import tensorflow as tf


def halved(array):
    return float(tf.reduce_sum(tf.constant(array)))
"""
ENDLESS = """import os, signal, threading
import numpy as np
import tensorflow as tf

tensor = tf.constant(np.ones(3))
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
while True:
    tensor.numpy()
"""
LATER = """import threading, time
import numpy as np
import tensorflow as tf


def late():
    while threading.main_thread().is_alive():
        time.sleep(0.02)
    tf.constant(np.ones(3))


threading.Thread(target=late).start()
"""


def test_lines_of_the_script_and_of_modules_beside_it_are_told_apart(tmp_path):
    write(tmp_path, {"script.py": LOOP, "beside.py": BESIDE})
    found = traced(tmp_path, "-o", "r.json.gz", "script.py")
    expected = plain(tmp_path, "script.py")
    assert (found.status, found.out) == (expected.status, expected.out) == (1, "8.0\n")
    error, _, report = found.err.partition("\nscript.py (ended by ValueError): 15")
    begins = "Traceback (most"  # TensorFlow's own lines above it tell the time
    assert error.partition(begins)[2] == expected.err.partition(begins)[2] != ""
    assert "halved in beside.py, line 5" in report
    assert "in the loop of line 6" in report or "Tensor.numpy" in report
    recording = tfnp_magic.load(tmp_path / "r.json.gz")
    assert (recording.title, recording.source, recording.error) == ("script.py", LOOP, "ValueError")
    counts = {(c.site.line.line, c.route): c.count for c in recording.ledger}
    assert counts[5, "tf.constant"] == 1
    assert counts[7, "Tensor.numpy"] == 150
    inner = {c.site.line.line: c.site.inner and c.site.inner.source for c in recording.ledger}
    assert inner == {5: None, 7: None, 8: "beside.py"}
    assert not recording.lost


def test_module_is_traced_from_its_package_s_import_on(tmp_path):
    constant = "import numpy as np\nimport tensorflow as tf\ntf.constant(np.ones(3))\n"
    write(tmp_path, {"package/__init__.py": constant, "package/__main__.py": constant * 2})
    traced(tmp_path, "-q", "-o", "r.json", "-m", "package")
    recording = tfnp_magic.load(tmp_path / "r.json")
    assert (recording.title, recording.error) == ("package/__main__.py", None)
    lines = [(c.site.line, c.site.inner) for c in recording.ledger]
    places = [(one or other).source + f":{(one or other).line}" for one, other in lines]
    assert places == ["package/__init__.py:3", "package/__main__.py:3", "package/__main__.py:6"]
    assert [one is None for one, _ in lines] == [True, False, False]


def test_what_a_thread_converts_after_the_last_line_is_waited_for(tmp_path):
    write(tmp_path, {"script.py": LATER})
    found = traced(tmp_path, "-o", "r.json", "script.py")
    assert found.status == 0
    assert found.err.count("\nscript.py: 1 conversion") == 1
    (crossing,) = tfnp_magic.load(tmp_path / "r.json").ledger
    assert (crossing.site.line.line, crossing.route) == (9, "tf.constant")


def test_interrupt_ends_the_script_and_shows_no_frame_of_ours(tmp_path):
    write(tmp_path, {"script.py": ENDLESS})
    found = traced(tmp_path, "-o", "r.json", "script.py")
    assert found.status == -signal.SIGINT
    error, _, report = found.err.partition("\nscript.py (ended by KeyboardInterrupt): ")
    shown = error.partition("Traceback (most")[2]
    assert "tfnp_magic" not in shown
    assert shown.endswith("\nKeyboardInterrupt\n")
    assert "Tensor.numpy" in report
    assert tfnp_magic.load(tmp_path / "r.json").error == "KeyboardInterrupt"


def test_error_out_of_tensorflow_is_printed_as_without_us(tmp_path):
    write(tmp_path, {"script.py": "import tensorflow as tf\ntf.constant([[1], [2, 3]])\n"})
    begins = "Traceback (most"
    expected = plain(tmp_path, "script.py").err.partition(begins)[2]
    found = traced(tmp_path, "script.py").err.partition(begins)[2].partition("\nscript.py (")[0]
    assert found == expected != ""
