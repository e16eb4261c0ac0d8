"""What probes see becomes crossings: one per site, route and outcome."""

from __future__ import annotations

import sys
import threading
import weakref

import numpy as np
import pytest

from tfnp_magic.model import (
    HOUSEKEEPING_ARRAY,
    HOUSEKEEPING_PYTHON,
    MAX_SHAPES,
    NUMPY_TO_TENSORFLOW,
    PYTHON_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    TENSORFLOW_TO_PYTHON,
    Storage,
)
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import Seen
from tfnp_magic.recording import Recording
from tfnp_magic.verdict import of_dropped_view, of_kept_view

from .frames import LIBRARY, MODULE, new_cell_file, run

COPIED = Storage("copy", "observed", "copied", 40, 1)
SHARED = Storage("view", "observed", "shares memory", 0, 0)


def seen(direction=NUMPY_TO_TENSORFLOW, storage=COPIED, **facts):
    """A float32 array of 10 elements that was copied, unless told."""
    usual = {
        "lowest": "tf.lowest",
        "shape": (10,),
        "dtype_from": "float32",
        "dtype_to": "float32",
        "device_from": "host",
        "device_to": "CPU:0",
        "nbytes": 40,
        "duration_ns": 100,
    }
    return Seen(direction=direction, storage=storage, **{**usual, **facts})


class Traced:
    """A recorder, a cell, and a library whose functions convert as they are told."""

    def __init__(self):
        self.cell_file = new_cell_file()
        self.recording = Recording(title="In[3]")
        self.recorder = Recorder(self.recording, {self.cell_file: 0}, {self.cell_file: "In[3]"}.get)
        source = (
            "def convert(what, value=None): note(what)\n"
            "def constant(what, value=None): note(what)\n"
            "constant._tf_api_names = ('constant',)\n"
        )
        self.names = run(LIBRARY, source, name="fakelib", note=self.note)

    def note(self, what):
        self.recorder.see(sys._getframe(1), what)

    def run_cell(self, source, **names):
        """Run it, and give the complete ledger."""
        names = run(self.cell_file, source, **{**self.names, "seen": seen, **names})
        ledger = self.recorder.finish().ledger
        del names  # alive until here, as a notebook's are
        return ledger


def ledger_of(source, **names):
    return Traced().run_cell(source, **names)


# Aggregation.


def test_conversions_at_one_site_add_up():
    (crossing,) = ledger_of("for _ in range(1000):\n    convert(seen())")
    assert crossing.count == 1000
    assert (crossing.nbytes, crossing.copied_bytes, crossing.duration_ns) == (
        40_000,
        40_000,
        100_000,
    )
    assert crossing.shapes == {(10,): 1000}
    assert (crossing.route, crossing.explicit) == ("fakelib.convert", False)
    assert (crossing.storage, crossing.evidence, crossing.reason) == COPIED[:3]
    assert crossing.site.line == ("In[3]", 2, "<module>", "convert(seen())")
    assert crossing.site.inner is None


@pytest.mark.parametrize(
    "other",
    [
        {"storage": SHARED},
        {"storage": Storage("copy", "inferred", "copied", 40, 1)},
        {"storage": Storage("copy", "observed", "copied twice", 40, 1)},
        {"direction": TENSORFLOW_TO_NUMPY},
        {"dtype_from": "float64"},
        {"dtype_to": "float64"},
        {"device_from": "GPU:0"},
        {"device_to": "GPU:0"},
    ],
    ids=str,
)
def test_what_differs_in_its_outcome_has_a_row_of_its_own(other):
    source = "for each in (seen(), seen(**other), seen()):\n    convert(each)"
    one, another = ledger_of(source, other=other)
    assert (one.count, another.count) == (2, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"shape": (2, 5)},
        {"nbytes": 80},
        {"duration_ns": 7},
        {"storage": Storage("copy", "observed", "copied", 80, 1)},
        {"lowest": "tf.lowest"},
    ],
    ids=str,
)
def test_what_differs_in_numbers_only_shares_a_row(other):
    source = "for each in (seen(), seen(**other)):\n    convert(each)"
    (crossing,) = ledger_of(source, other=other)
    assert crossing.count == 2


def test_each_line_and_each_call_of_a_line_has_its_row():
    ledger = ledger_of("convert(seen()); constant(seen())\nconvert(seen())")
    assert [(crossing.site.line.line, crossing.route) for crossing in ledger] == [
        (1, "fakelib.convert"),
        (1, "tf.constant"),
        (2, "fakelib.convert"),
    ]


def test_calls_alike_on_one_line_share_a_row():
    (crossing,) = ledger_of("convert(seen()); convert(seen())")
    assert crossing.count == 2


def test_a_helper_called_from_two_lines_has_a_row_for_each():
    traced = Traced()
    helper = run(MODULE, "def helper(what):\n    convert(what)", **traced.names)["helper"]
    one, other = traced.run_cell("helper(seen())\nhelper(seen())", helper=helper)
    assert (one.site.line.line, other.site.line.line) == (1, 2)
    assert one.site.inner == other.site.inner
    assert one.site.inner == (MODULE, 2, "helper", "convert(what)")


def test_the_ledger_is_in_the_order_in_which_sites_were_reached():
    source = "def late():\n    convert(seen())\n\nconstant(seen())\nlate()\nconstant(seen())"
    assert [crossing.site.line.line for crossing in ledger_of(source)] == [4, 2, 6]


def test_without_a_frame_a_crossing_has_no_place_and_the_lowest_name():
    traced = Traced()
    traced.recorder.see(None, seen())
    (crossing,) = traced.recorder.finish().ledger
    assert crossing.site == (None, None)
    assert (crossing.route, crossing.explicit) == ("tf.lowest", False)


def test_shapes_are_kept_up_to_a_limit_and_the_rest_is_counted():
    source = "for n in [*range(30), 0, 1, 29]:\n    convert(seen(shape=(n,)))"
    (crossing,) = ledger_of(source)
    assert crossing.count == 33
    assert list(crossing.shapes) == [(n,) for n in range(MAX_SHAPES)]
    assert crossing.shapes[0,] == crossing.shapes[1,] == 2
    assert sum(crossing.shapes.values()) + crossing.other_shapes == 33


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_part_that_is_unknown_makes_the_sum_unknown(position):
    parts = [seen() for _ in range(3)]
    parts[position] = seen(
        nbytes=None, duration_ns=None, storage=Storage("copy", "observed", "copied", None, None)
    )
    (crossing,) = ledger_of("for each in parts: convert(each)", parts=parts)
    assert crossing.count == 3
    assert (crossing.nbytes, crossing.copied_bytes, crossing.duration_ns) == (None, None, None)


# Casts and directions.


@pytest.mark.parametrize(
    ("function", "more", "direction", "cast"),
    [
        ("convert", "", NUMPY_TO_TENSORFLOW, "silent"),
        ("convert", ", 'float32'", NUMPY_TO_TENSORFLOW, "silent"),
        ("constant", ", 'float32'", NUMPY_TO_TENSORFLOW, "explicit"),
        ("constant", "", NUMPY_TO_TENSORFLOW, "silent"),
        ("convert", "", TENSORFLOW_TO_NUMPY, "silent"),
        ("convert", "", PYTHON_TO_TENSORFLOW, "none"),
        ("convert", "", TENSORFLOW_TO_PYTHON, "none"),
    ],
)
def test_a_cast_is_explicit_where_a_call_that_converts_says_into_what(
    function, more, direction, cast
):
    source = f"{function}(seen(direction, dtype_from='float64', nbytes=80){more})"
    (crossing,) = ledger_of(source, direction=direction)
    assert crossing.cast == cast


def test_the_same_dtype_is_no_cast():
    (crossing,) = ledger_of("convert(seen())")
    assert crossing.cast == "none"


def test_what_python_itself_reads_goes_to_python():
    source = "class T:\n    def __repr__(self):\n        return ''\n"
    traced = Traced()
    library = run(
        LIBRARY,
        "class Tensor:\n"
        "    def __repr__(self):\n"
        "        note(seen(TENSORFLOW_TO_NUMPY))\n"
        "        return ''\n",
        note=traced.note, seen=seen, TENSORFLOW_TO_NUMPY=TENSORFLOW_TO_NUMPY,
    )  # fmt: skip
    (crossing,) = traced.run_cell(source + "print(t, end='')", t=library["Tensor"]())
    assert (crossing.route, crossing.direction) == ("print", TENSORFLOW_TO_PYTHON)


# Housekeeping.

SMALL = HOUSEKEEPING_ARRAY
THING = object()


@pytest.mark.parametrize(
    ("call", "counted"),
    [
        ("convert(seen(PYTHON, nbytes=64))", True),
        ("convert(seen(PYTHON, nbytes=65))", False),
        ("constant(seen(PYTHON, nbytes=4))", False),
        ("convert(seen(PYTHON, nbytes=None))", False),
        ("convert(seen(nbytes=8))", True),
        ("convert(seen(nbytes=9))", False),
        ("constant(seen(nbytes=8))", False),
        ("convert(seen(nbytes=8, identity=id(THING)), THING)", False),
        ("convert(seen(nbytes=8, identity=id(THING)), [THING])", False),
        ("convert(seen(PYTHON, nbytes=8, identity=id(THING)), THING)", True),
        ("note(seen(nbytes=8))", False),
    ],
)
def test_small_things_that_nobody_asked_for_are_only_counted(call, counted):
    """Python values up to 64 bytes; a library's own arrays up to 8, unless handed over."""
    assert (HOUSEKEEPING_PYTHON, HOUSEKEEPING_ARRAY) == (64, 8)
    traced = Traced()
    ledger = traced.run_cell(call, PYTHON=PYTHON_TO_TENSORFLOW, THING=THING)
    assert (len(ledger), traced.recording.housekeeping) == ((0, 1) if counted else (1, 0))


def test_housekeeping_is_summed():
    traced = Traced()
    traced.run_cell("for _ in 'abc': convert(seen(nbytes=8))")
    assert (traced.recording.housekeeping, traced.recording.housekeeping_bytes) == (3, 24)


# Looks that wait.


class Look:
    """A look at memory through an array, judged by whether somebody kept that."""

    def __init__(self, array):
        self.reference = weakref.ref(array)
        self.readers = []

    def values_as(self, dtype):
        return None

    def wait(self):
        pass

    def way(self, reader):
        return None

    def judge(self, reader, target):
        self.readers.append(reader.name)
        if self.reference() is None:
            return of_dropped_view(False, 40, None)
        return of_kept_view(True, False)


def look(array, looks):
    looks.append(Look(array))
    return seen(TENSORFLOW_TO_NUMPY, looks[-1])


LOOKING = (
    "def asarray(looks):\n"
    "    array = np.zeros(10)\n"
    "    note(look(array, looks))\n"
    "    return array\n"
)


class Looking(Traced):
    def __init__(self):
        super().__init__()
        self.looks = []
        self.names |= run(LIBRARY, LOOKING, note=self.note, look=look, np=np, name="fakelib")
        self.names |= {"looks": self.looks, "judged": self.judged}

    def judged(self):
        return sum(len(look.readers) for look in self.looks)


@pytest.mark.parametrize(
    ("source", "evidence"),
    [
        ("kept = asarray(looks)", "observed"),
        ("kept = asarray(looks)[2:]", "observed"),
        ("asarray(looks)", "inferred"),
        ("total = asarray(looks).sum()", "inferred"),
        ("kept = asarray(looks); del kept", "inferred"),
    ],
)
def test_a_look_is_a_view_that_was_kept_or_dropped(source, evidence):
    (crossing,) = Looking().run_cell(source)
    assert (crossing.storage, crossing.evidence) == ("view", evidence)


def test_a_look_is_judged_when_another_instruction_converts():
    looking = Looking()
    source = (
        "kept = asarray(looks)\nbefore = judged()\nconvert(seen())\nafter = judged()\ndel kept\n"
    )
    names = {}
    looking.names["names"] = names
    one, _ = looking.run_cell(source + "names.update(before=before, after=after)")
    assert names == {"before": 0, "after": 1}
    assert one.evidence == "observed"


def test_a_look_is_judged_at_the_end_at_the_latest_and_once():
    looking = Looking()
    (crossing,) = looking.run_cell("asarray(looks)")
    looking.recorder.finish()
    assert looking.judged() == crossing.count == 1


def test_the_looks_of_one_instruction_wait_for_each_other():
    """As of `np.add(t, u)`, which holds what it made of the first until it has the last."""
    looking = Looking()
    library = (
        "def add(looks):\n"
        "    arrays = [np.zeros(10), np.zeros(10)]\n"
        "    for array in arrays: note(look(array, looks))\n"
        "    waiting = judged()\n"
        "    return waiting\n"
    )
    add = run(LIBRARY, library, note=looking.note, look=look, np=np, judged=looking.judged)["add"]
    names = {}
    (crossing,) = looking.run_cell("names['waiting'] = add(looks)", add=add, names=names)
    assert names == {"waiting": 0}
    assert (crossing.count, crossing.evidence) == (2, "inferred")


def test_in_a_loop_of_one_line_a_bounded_number_of_looks_waits():
    looking = Looking()
    library = (
        "def iterate(looks):\n"
        "    for _ in range(500): note(look(np.zeros(1), looks)); most(len(looks) - judged())\n"
    )
    waiting = []
    iterate = run(
        LIBRARY, library, note=looking.note, look=look, np=np,
        judged=looking.judged, most=waiting.append,
    )["iterate"]  # fmt: skip
    (crossing,) = looking.run_cell("iterate(looks)", iterate=iterate)
    assert max(waiting) <= 65
    assert crossing.count == 500


def test_looks_of_other_threads_are_judged_at_the_end_too():
    looking = Looking()
    source = (
        "def work():\n"
        "    kept.append(asarray(looks))\n"
        "thread = Thread(target=work)\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    kept = []
    (crossing,) = looking.run_cell(source, Thread=threading.Thread, kept=kept)
    assert (crossing.count, crossing.evidence) == (1, "observed")


def test_the_reader_is_told_to_the_look():
    looking = Looking()
    looking.run_cell("note(look(array, looks))", look=look, array=np.zeros(3))
    (reader,) = looking.looks[0].readers
    assert reader.endswith("Traced.note")


# Our own failures.


def test_a_probe_that_failed_is_silenced_and_says_so_once():
    traced = Traced()
    assert traced.recorder.hears("one")
    for _ in range(3):
        traced.recorder.silence("one", ValueError("no"))
    traced.recorder.silence("other", KeyError("k"))
    assert not traced.recorder.hears("one")
    assert traced.recorder.hears("a third")
    first, second = traced.recording.lost
    assert first.startswith("the one probe failed (ValueError: no); ")
    assert second.startswith("the other probe failed (KeyError: 'k'); ")


def test_what_was_left_out_is_in_the_recording_at_the_end():
    traced = Traced()
    traced.recorder.left_out += 2
    assert traced.recorder.finish().left_out == 2


def test_threads_add_up_without_loss():
    traced = Traced()
    source = (
        "def work():\n"
        "    for _ in range(300):\n"
        "        convert(seen())\n"
        "threads = [Thread(target=work) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
    )
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        (crossing,) = traced.run_cell(source, Thread=threading.Thread)
    finally:
        sys.setswitchinterval(interval)
    assert (crossing.count, crossing.nbytes) == (1200, 48_000)
