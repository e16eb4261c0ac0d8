"""A script does with us in front of it what it does with plain Python: the same runs, compared."""

from __future__ import annotations

import io
import zipfile

import pytest

from .running import NOTHING, plain, traced, write

ECHO = "import sys\nprint(sys.argv, repr(sys.stdin.read()))\n"
NAMES = """import sys
names = {k: v for k, v in globals().items() if k not in ("sys", "__builtins__")}
print({k: type(v).__name__ if "object at" in repr(v) else v for k, v in names.items()})
print(type(__builtins__), sys.argv, sys.path[0], sys.modules["__main__"].__dict__ is globals())
"""
HOOKED = "import sys\ndef hook(*args):\n    {does}\nsys.excepthook = hook\n1 / 0"
POOL = """import multiprocessing as mp
def f(x): return x * x, __name__
if __name__ == "__main__":
    with mp.get_context({method!r}).Pool(1) as pool: print(pool.map(f, [1, 2]))
"""
PACKAGE = {
    "package/__init__.py": "print('imported', __name__)\nV = 1\n",
    "package/__main__.py": "from . import V\nfrom .other import W\nprint(V, W, __package__)\n",
    "package/other.py": "W = 2\n",
    "package/deep/__init__.py": "",
    "package/deep/raises.py": "from ..other import W\nprint(__spec__.name)\n1 / 0\n",
    "broken/__init__.py": "1 / 0\n",
    "broken/module.py": "",
    "space/below/module.py": "print(__name__, __file__)\n",
    "folder/__main__.py": NAMES,
}


def _zipped():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("__main__.py", "import sys, beside\nprint(sys.argv, __file__)\n1 / 0\n")
        file.writestr("beside.py", "")
    return content.getvalue()


SCRIPTS = {
    "falls_off_its_end": "print('hi')",
    "exits_0": "import sys; sys.exit(0)",
    "exits_3": "import sys; print('x'); sys.exit(3)",
    "exits_negative": "raise SystemExit(-1)",
    "exits_true": "raise SystemExit(True)",
    "exits_with_text": "import sys; sys.exit('bye é')",
    "exits_with_a_tuple": "raise SystemExit((1, 2))",
    "raises": "def f():\n    return 1 / 0\n"
    "try:\n    f()\nexcept Exception as e:\n    raise OSError() from e",
    "raises_a_base_exception": "raise BaseException('b')",
    "is_interrupted": "raise KeyboardInterrupt",
    "is_interrupted_by_a_signal": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "is_terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "leaves_at_once": "import os; print('x', flush=True); os._exit(5)",
    "has_a_syntax_error": "def f(:\n",
    "imports_what_is_not_there": "import no_such_module",
    "has_a_hook": HOOKED.format(does="print('hook', args[2].tb_frame.f_code.co_name)"),
    "has_a_hook_that_raises": HOOKED.format(does="raise OSError()"),
    "has_a_hook_that_exits": HOOKED.format(does="sys.exit(7)"),
    "has_no_hook": "import sys\ndel sys.excepthook\n1 / 0",
    "pickles": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)",
    "spawns": POOL.format(method="spawn"),
    "forks": POOL.format(method="fork"),
    "forks_by_itself": "import os\np = os.fork()\nif p: os.waitpid(p, 0)\nprint('end', bool(p))",
    "is_latin_1": "# -*- coding: latin-1 -*-\nprint(ascii('é'))\n".encode("latin-1"),
    "begins_with_a_bom": b"\xef\xbb\xbfprint('bom')\n",
    "warns": "import warnings\nwarnings.warn('d', DeprecationWarning)\nwarnings.warn('u')\n1 is 1",
    "starts_a_thread": "import threading, time\ndef f():\n    time.sleep(0.2)\n    print('later')\n"
    "threading.Thread(target=f).start()\nprint('main')",
    "has_a_thread_that_outlives_main": "import threading, time\nmain = threading.main_thread()\n"
    "def f():\n    while main.is_alive(): time.sleep(0.02)\n    print('later')\n"
    "threading.Thread(target=f).start()",
    "leaves_work_to_a_pool": "from concurrent.futures import ThreadPoolExecutor as P\nimport time\n"
    "P(1).submit(lambda: (time.sleep(0.2), print('work')))\nprint('main')",
    "registers_at_exit": "import atexit\natexit.register(print, 'at exit')\nprint('main')",
    "lowers_the_limit_of_recursion": "import sys\nsys.setrecursionlimit(100)\nprint(1)",
    "closes_stderr": "import sys\nsys.stderr.close()\nprint(1)",
    "asks_for_its_source": "from inspect import *\ndef f(): pass\nprint(getsource(f), getfile(f))",
    "annotates": "'''doc'''\nx: int = 3\nprint(__doc__, __annotations__)",
    "is_future": "from __future__ import annotations\nx: nothing = 3\nprint(__annotations__)",
    "needs_a_module_beside_it": "import calendar\nprint(calendar.X)",
}  # fmt: skip
WITHOUT_REPORT = {"is_terminated", "leaves_at_once", "closes_stderr"}
"""Ended by the system, before anything can be told; or there is nobody to tell it to."""


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_does_what_it_does_without_us(name, tmp_path):
    write(tmp_path, {"script.py": SCRIPTS[name], "calendar.py": "X = 'mine'"})
    expected, found = plain(tmp_path, "script.py"), traced(tmp_path, "script.py")
    assert (found.status, found.out) == (expected.status, expected.out)
    error, report, rest = found.err.partition(f"\nscript.py: {NOTHING}")
    assert error == expected.err
    assert bool(report) == (name not in WITHOUT_REPORT)
    assert rest.count("\n") <= 1


COMMANDS = [
    ["echo.py", "a", "-q", "-o", "x", "--", "-m", "--help", ""],
    ["./echo.py"],
    ["names.py"],
    ["./names.py", "x"],
    ["folder/../names.py"],
    ["link.py"],
    ["folder", "x"],
    ["./folder/"],
    ["code.zip", "x"],
    ["empty"],
    ["empty.zip"],
    [""],
    ["nowhere.py"],
    ["nowhere/names.py"],
    ["-m", "names", "-q"],
    ["-mnames", "x"],
    ["-m", "package", "x"],
    ["-m", "package.deep.raises"],
    ["-m", "package.deep"],
    ["-m", "package.nowhere"],
    ["-m", "nowhere.nowhere"],
    ["-m", "nowhere"],
    ["-m", "broken"],
    ["-m", "broken.module"],
    ["-m", "space.below.module"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_command_line_means_what_it_means_without_us(words, tmp_path):
    files = {"echo.py": ECHO, "names.py": NAMES, "code.zip": _zipped(), "empty/x": "", **PACKAGE}
    write(tmp_path, files)
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as file:
        file.writestr("x", "")
    (tmp_path / "link.py").symlink_to(tmp_path / "folder" / "__main__.py")
    expected = plain(tmp_path, *words, stdin="typed")
    assert traced(tmp_path, "-q", *words, stdin="typed") == expected


def test_script_that_may_not_be_read_is_told_as_python_tells_it(tmp_path):
    (tmp_path / "folder.py").symlink_to(
        tmp_path / "folder.py"
    )  # a loop: root may not read it, either
    found = traced(tmp_path, "folder.py")
    assert found == plain(tmp_path, "folder.py")
    assert found.status == 2


def test_interpreter_s_own_options_hold(tmp_path):
    write(tmp_path, {"folder/script.py": "import sys\nprint(sys.path[0], __debug__)\nassert 0\n"})
    words = ("-O", "-P") if hasattr(__import__("sys").flags, "safe_path") else ("-O",)
    expected = plain(tmp_path, *words, "folder/script.py")
    assert expected.status == 0
    found = plain(tmp_path, *words, "-m", "tfnp_magic", "-q", "folder/script.py")
    assert found == expected


def test_settings_made_before_numpy_is_imported_are_heard(tmp_path):
    """Thread counts are read while NumPy loads: before the script, nothing of ours loads it."""
    write(
        tmp_path,
        {"script.py": "import sys\nprint('numpy' in sys.modules, 'pandas' in sys.modules)"},
    )
    assert traced(tmp_path, "-q", "script.py").out == "False False\n"
