"""Waiting for the first ``import tensorflow``, with a small package of that name."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import textwrap

import pytest

from tfnp_magic.importing import ImportWatch, tensorflow_is_installed


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package ``tensorflow``, found before any other; the real one is out of sight."""
    hidden = {
        name: sys.modules.pop(name)
        for name in list(sys.modules)
        if name.partition(".")[0] == "tensorflow"
    }
    finders = list(sys.meta_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(source, name="tensorflow"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text(textwrap.dedent(source))
        importlib.invalidate_caches()

    write("class Tensor: pass")
    yield write
    for name in list(sys.modules):
        if name.partition(".")[0] == "tensorflow":
            del sys.modules[name]
    sys.modules.update(hidden)
    assert sys.meta_path == finders


class Watch:
    """An `ImportWatch` that is on; notes what was there when it was told."""

    def __init__(self):
        self.told = []
        self.watch = ImportWatch(self._ready)

    def _ready(self):
        module = sys.modules["tensorflow"]
        self.told.append((hasattr(module, "Tensor"), self.watch in sys.meta_path))

    def __enter__(self):
        self.watch.on()
        return self

    def __exit__(self, *error):
        self.watch.off()


@pytest.mark.usefixtures("package")
def test_ready_is_told_once_after_the_module_ran_and_before_the_import_goes_on():
    order = []
    with Watch() as watch:
        exec("import tensorflow\norder.append(list(told))", {"order": order, "told": watch.told})
        import tensorflow  # noqa: F401
    assert watch.told == [(True, False)]
    assert order == [[(True, False)]]


@pytest.mark.parametrize(
    "statement",
    [
        "import tensorflow as tf",
        "from tensorflow import Tensor",
        "import importlib; importlib.import_module('tensorflow')",
        "import tensorflow.keras",
        "__import__('tensorflow')",
    ],
)
def test_every_way_to_import_is_noticed(package, statement):
    package("", name="tensorflow/keras")
    with Watch() as watch:
        exec(statement, {})
    assert len(watch.told) == 1


@pytest.mark.usefixtures("package")
def test_the_module_looks_as_if_nobody_had_watched():
    import tensorflow

    untouched = vars(tensorflow).copy()
    del sys.modules["tensorflow"]
    with Watch():
        tensorflow = importlib.import_module("tensorflow")
    watched = vars(tensorflow)
    assert watched.keys() == untouched.keys()
    assert type(watched["__loader__"]) is type(untouched["__loader__"])
    assert watched["__spec__"].loader is watched["__loader__"]
    assert watched["__spec__"].origin == untouched["__spec__"].origin
    for name in ("__file__", "__path__", "__package__"):
        assert watched[name] == untouched[name]


def test_the_module_sees_its_own_loader_while_it_runs(package):
    package(
        "class Tensor: pass\nloader = type(__loader__).__name__, type(__spec__.loader).__name__"
    )
    with Watch():
        tensorflow = importlib.import_module("tensorflow")
    assert tensorflow.loader == ("SourceFileLoader", "SourceFileLoader")


@pytest.mark.usefixtures("package")
def test_other_imports_are_left_to_others():
    watch = ImportWatch(lambda: None)
    assert watch.find_spec("numpy", None) is None
    assert watch.find_spec("tensorflow.keras", None) is None
    assert watch.find_spec("tensorflow_probability", None) is None


@pytest.mark.parametrize("error", ["ImportError", "KeyboardInterrupt", "ZeroDivisionError"])
def test_an_import_that_raises_does_so_and_may_be_tried_again(package, error):
    kind = {"ImportError": ImportError, "KeyboardInterrupt": KeyboardInterrupt}
    package(f"raise {error}('broken')")
    finders = list(sys.meta_path)
    with Watch() as watch:
        with pytest.raises(kind.get(error, ZeroDivisionError), match="broken") as caught:
            importlib.import_module("tensorflow")
        assert caught.value.__context__ is None
        assert "tensorflow" not in sys.modules
        assert watch.told == []
        package("class Tensor: pass  # mended")
        importlib.import_module("tensorflow")
        assert watch.told == [(True, False)]
    assert sys.meta_path == finders


def test_a_module_that_is_no_tensorflow_tells_nobody(package):
    """One without `Tensor` may be a folder of that name beside the notebook."""
    package("")
    with Watch() as watch:
        importlib.import_module("tensorflow")
    assert watch.told == []


def test_an_absent_tensorflow_is_an_import_error_as_ever(package, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    importlib.invalidate_caches()
    assert not tensorflow_is_installed()
    with Watch() as watch, pytest.raises(ModuleNotFoundError, match="No module named 'tensorflow'"):
        importlib.import_module("tensorflow")
    assert watch.told == []


@pytest.mark.usefixtures("package")
def test_to_ask_whether_it_is_installed_imports_nothing():
    assert tensorflow_is_installed()
    assert "tensorflow" not in sys.modules
    with Watch() as watch:
        assert tensorflow_is_installed()
        assert importlib.util.find_spec("tensorflow").origin.endswith("__init__.py")
    assert "tensorflow" not in sys.modules
    assert watch.told == []


@pytest.mark.usefixtures("package")
def test_two_watches_are_both_told_and_the_module_is_as_before():
    with Watch() as one, Watch() as other:
        tensorflow = importlib.import_module("tensorflow")
    assert len(one.told) == len(other.told) == 1
    assert type(tensorflow.__spec__.loader).__name__ == "SourceFileLoader"
    assert tensorflow.__loader__ is tensorflow.__spec__.loader


@pytest.mark.usefixtures("package")
def test_a_watch_that_was_taken_off_tells_nobody():
    with Watch() as watch:
        pass
    importlib.import_module("tensorflow")
    watch.watch.off()
    assert watch.told == []


@pytest.mark.usefixtures("package")
def test_a_spec_that_the_user_asks_for_has_a_loader_that_can_do_what_the_modules_own_can():
    with Watch():
        spec = importlib.util.find_spec("tensorflow")
    assert "class Tensor" in spec.loader.get_source("tensorflow")


def test_what_ready_raises_reaches_the_importing_statement(package):
    """An interrupt while the probes go in; the module is complete and stays imported."""

    def ready():
        raise KeyboardInterrupt

    watch = ImportWatch(ready)
    watch.on()
    with pytest.raises(KeyboardInterrupt):
        importlib.import_module("tensorflow")
    assert watch not in sys.meta_path
