"""How often a constant is copied while a graph is built with it, and run for the first time.

``make_tensor_proto`` makes the constant (see `tfnp_magic.probes.protos`); from there on
TensorFlow copies it in C++, from message to message. The copies are noted by
`tfnp_magic.probes.memory_copies` until the outermost of these returns, and counted then:

- ``Function._call``: a ``tf.function`` is traced and run;
- ``Function._get_concrete_function_garbage_collected``: one is only traced;
- ``StructuredFunctionWrapper.__init__``: a pipeline's function is traced; then on until
  ``DatasetV2.__init__`` has the pipeline (``Dataset.map``), and unknown where none is made
  (``Dataset.reduce``);
- ``ops._create_graph_constant``: a constant of a ``tf.Graph`` made by hand.

Source: tensorflow/python/eager/polymorphic_function/polymorphic_function.py,
tensorflow/python/data/ops/structured_function.py, dataset_ops.py, and
tensorflow/python/framework/ops.py, 2.21.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from tfnp_magic.facts import buffers_of_size
from tfnp_magic.interrupts import raised_by_signal
from tfnp_magic.locks import new_rlock
from tfnp_magic.probes.allocations import Taken
from tfnp_magic.probes.carried import Beginning, Places, Print, beginning_of, print_of
from tfnp_magic.probes.machine_code import Unsupported
from tfnp_magic.probes.memory_copies import LEAST, Entries, MemoryCopies, check_support
from tfnp_magic.probes.patch import AttributePatch, among_tensorflows, without_our_frame
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.recorder.seen import Seen
from tfnp_magic.verdict import INFERRED, OBSERVED, copied

NAME = "constants' copies"

copies = MemoryCopies()

_MOST_LOOKS = 1 << 17
"""Copies times constants that are compared at the end; it takes about a second at most."""

RUN = "while the graph was built and first run"
BUILT = "while the graph was built"
PUT = "as it was put into the graph"

_METHODS = (
    "_make_key_func", "_make_reduce_func", "_make_window_size_func", "_make_init_func",
    "_make_finalize_func", "init",
)  # fmt: skip
"""What a pipeline's ``__init__`` calls on the way to the chokepoints; the last is ours.

Source: tensorflow/python/data/ops/group_by_window_op.py and
tensorflow/python/data/experimental/ops/grouping.py, 2.21.
"""

_DEEPEST = 8

_SCRATCH = "scratch_graph"
"""Beginning of the name of a graph that Keras builds for its shapes only, and throws away.

Source: ``compute_output_spec`` (keras/src/backend/tensorflow/core.py, 3.15).
"""


def patches() -> list[AttributePatch | _Watch]:
    """What bounds the building of graphs, and the watch itself."""
    check_support()
    functions = sys.modules["tensorflow.python.eager.polymorphic_function.polymorphic_function"]
    ops = sys.modules["tensorflow.python.framework.ops"]
    structured = sys.modules["tensorflow.python.data.ops.structured_function"]
    datasets = sys.modules["tensorflow.python.data.ops.dataset_ops"]
    concrete = "_get_concrete_function_garbage_collected"
    return [
        _Watch(),
        AttributePatch(functions.Function, "_call", _around(RUN)),
        AttributePatch(functions.Function, concrete, _around(BUILT)),
        AttributePatch(ops, "_create_graph_constant", _around(PUT)),
        AttributePatch(
            structured.StructuredFunctionWrapper, "__init__", _around(BUILT, for_pipeline=True)
        ),
        AttributePatch(datasets.DatasetV2, "__init__", _around_dataset),
    ]


class _Watch:
    """Whether copies are looked for at all; nothing is redirected before there is a constant."""

    def on(self) -> None:
        """From now on, constants are counted."""
        _Building.is_wanted = True

    def off(self) -> None:
        """Give back what is redirected, though a graph may still be building on some thread."""
        _Building.is_wanted = False
        copies.off()


@dataclasses.dataclass
class Constant:
    """A constant that was baked, and whom to tell how often it was copied.

    Attributes
    ----------
    hearing
        Those who were told of it.
    seen
        What they were told.
    print
        What its content looks like.
    mark
        The moment before it was made.
    beginning
        How it was made.
    is_shared
        Whether another thread baked the same meanwhile.
    """

    hearing: list[Recorder]
    seen: Seen
    print: Print
    mark: int
    beginning: Beginning
    is_shared: bool = False


class _Building(threading.local):
    """The graph that this thread is building, the outermost one.

    Attributes
    ----------
    is_wanted
        Whether a trace is open; the same on all threads.
    depth
        How many chokepoints are running.
    when
        What the outermost of them does, in words.
    user
        Number of this building as `copies` knows it; 0 while nothing is watched for it.
    pipeline
        Number of the frame that makes a pipeline of what is built; 0 if none does.
    constants
        Those that were baked so far.
    """

    is_wanted = False
    depth = 0
    when = ""
    user = 0
    pipeline = 0
    constants: tuple[Constant, ...] = ()


_here = _Building()
_numbers = itertools.count(1)
_lock = new_rlock()  # a signal's handler may trace a function, too
_unfinished: dict[int, tuple[Constant, ...]] = {}
"""Constants of all threads that are building now."""


def _around(when: str, *, for_pipeline: bool = False) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def build(*args: Any, **kwargs: Any) -> Any:
            if not _here.depth:
                pipeline = _pipeline(sys._getframe(1)) if for_pipeline else 0
                if _here.pipeline not in (0, pipeline):
                    _quietly(_forget)  # what was to follow has not
                _here.when, _here.pipeline = when, pipeline
            _here.depth += 1
            try:
                return original(*args, **kwargs)
            except BaseException as exc:
                without_our_frame(exc)
                raise
            finally:
                _here.depth -= 1
                if not _here.depth and _here.user:
                    if not for_pipeline:
                        _quietly(_end)
                    elif not _here.pipeline:
                        _quietly(_forget)

        return among_tensorflows(build)

    return make


def _around_dataset(original: Any) -> Any:
    def init(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self, *args, **kwargs)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        finally:
            if _here.pipeline and not _here.depth:
                mine = _pipeline(sys._getframe(1)) == _here.pipeline
                _quietly(_end if mine else _forget)

    return among_tensorflows(init)


def _pipeline(frame: FrameType | None) -> int:
    """Number of the frame that makes a pipeline, of this frame and the next ones; 0 without one.

    A pipeline's ``__init__`` traces its functions, by way of methods of its own, and then
    calls that of its base classes.
    """
    found = 0
    for _ in range(_DEEPEST):
        if frame is None or frame.f_code.co_name not in ("__init__", *_METHODS):
            break
        if frame.f_code.co_name == "__init__":
            found = id(frame)
        frame = frame.f_back
    return found


def begin(nbytes: int, hearing: list[Recorder]) -> int | None:
    """A constant of about this size will be made: the present; None if it is not counted."""
    if nbytes < LEAST or not hearing or not _is_counted():
        return None
    _here.user = _here.user or next(_numbers)
    try:
        return copies.enter(_here.user)
    except Unsupported:
        _here.user = 0
        return None


def _is_counted() -> bool:
    if not _Building.is_wanted or not _here.depth:
        return False
    graph = sys.modules["tensorflow.python.framework.ops"].get_default_graph()
    # A function's graph that no chokepoint builds: who does, and until when, is not known.
    is_known = not graph.building_function or str(graph.name).startswith(_SCRATCH)
    return _here.when != PUT or is_known


def made(
    mark: int,
    hearing: list[Recorder],
    seen: Seen | None,
    nbytes: int | None,
    origin: int | None,
    taken: Taken,
) -> None:
    """A constant was made and told; that is corrected when the graph is built.

    Parameters
    ----------
    mark
        From `begin`.
    hearing, seen
        Who was told what; None if that went wrong.
    nbytes
        Of the constant's content; None for strings.
    origin
        Address of the array that it was made of; None for what is no array.
    taken
        What NumPy allocated meanwhile.
    """
    entries = copies.since(mark)
    look = None
    if seen is not None and nbytes is not None and nbytes >= LEAST and entries is not None:
        look = print_of(entries, threading.get_ident(), nbytes)
    if seen is None or look is None or entries is None or taken is None:
        if not _here.constants:
            _forget()
        return
    buffers = buffers_of_size(taken, look.nbytes)
    constant = Constant(hearing, seen, look, mark, beginning_of(look, entries, origin, buffers))
    with _lock:
        for other in _of_other_threads():
            if other.print == look:
                other.is_shared = constant.is_shared = True
        _here.constants = (*_here.constants, constant)
        _unfinished[_here.user] = _here.constants
    copies.narrow(_here.user, min(constant.print.nbytes for constant in _here.constants))


def _of_other_threads() -> Iterator[Constant]:
    for user, constants in _unfinished.items():
        if user != _here.user:
            yield from constants


def _forget() -> None:
    """What was begun is not counted after all."""
    user = _here.user
    _here.constants, _here.pipeline, _here.user = (), 0, 0
    _unfinished.pop(user, None)
    copies.leave(user)


def _end() -> None:
    """The outermost chokepoint returns: count, tell, and give the slots back."""
    try:
        _tell(_here.constants)
    finally:
        _forget()


def _quietly(step: Callable[[], None]) -> None:
    """Our own failure costs the recordings, which say so, and never the user's call."""
    hearing = {id(r): r for constant in _here.constants for r in constant.hearing}
    try:
        step()
    except Exception as error:
        if raised_by_signal(error):
            raise
        for recorder in hearing.values():
            recorder.silence(NAME, error)


def _tell(constants: tuple[Constant, ...]) -> None:
    counted = [constant for constant in constants if not constant.is_shared]
    if not counted or not copies.is_on:
        return
    first = min(constant.mark for constant in counted)
    entries = copies.since(first)
    if entries is None or len(entries) * len(counted) > _MOST_LOOKS:
        return
    alike: dict[Print, list[Constant]] = {}
    for constant in counted:
        alike.setdefault(constant.print, []).append(constant)
    all_seen = copies.saw_all_libraries()
    for look, group in alike.items():
        begun = min(constant.mark for constant in group) - first
        total = _count(look, group, entries[begun:])
        _tell_of(group, total, sure=all_seen and look.is_distinct and len(group) == 1)


def _count(look: Print, group: list[Constant], entries: Entries) -> int:
    """Copies of all the constants with this content: which is whose, nobody can tell."""
    beginnings = [constant.beginning for constant in group]
    places = Places(look, {b.source for b in beginnings if b.source is not None})
    places.follow(entries)
    return places.copies + sum(beginning.unnoted for beginning in beginnings)


def _tell_of(group: list[Constant], total: int, *, sure: bool) -> None:
    reason = f"baked into the graph as a constant, which was copied on and on {_here.when}"
    evidence = OBSERVED if sure else INFERRED
    for number, constant in enumerate(group):
        share = total // len(group) + (number < total % len(group))
        storage = copied(reason, share * constant.print.nbytes, evidence, share)
        for recorder in constant.hearing:
            recorder.correct(constant.seen, storage)
