"""What a v1 session is fed, and what it returns.

Chokepoints: ``TF_SessionRun_wrapper`` and ``TF_SessionPRun_wrapper``, attributes of
tensorflow/python/client/pywrap_tf_session.py through which ``BaseSession._run``
(tensorflow/python/client/session.py) and the callables of ``make_callable`` run a graph
(tensorflow/python/client/tf_session_helper.cc; 2.21).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import numpy as np

from tfnp_magic.facts import Span
from tfnp_magic.frames.site import forget_snapshot
from tfnp_magic.probes.allocations import ring
from tfnp_magic.probes.patch import AttributePatch, without_our_frame
from tfnp_magic.probes.reporting import report
from tfnp_magic.probes.unseen import into_tensor, out_of_tensor
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.scope import listeners

NAME = "v1 session"


def patches() -> list[AttributePatch]:
    """Both functions, which the session looks up at each call."""
    module = sys.modules["tensorflow.python.client.pywrap_tf_session"]
    return [
        AttributePatch(module, "TF_SessionRun_wrapper", _around),
        AttributePatch(module, "TF_SessionPRun_wrapper", _around),
    ]


def _around(original: Any) -> Any:
    # Both take the feeds third: (session, options or handle, feeds, fetches, …).
    def run(session: Any, options: Any, feeds: Any, *args: Any) -> Any:
        hearing = listeners()
        mark = ring.mark()
        try:
            results = original(session, options, feeds, *args)
        except BaseException as exc:
            without_our_frame(exc)
            raise
        if hearing:
            frame, left = sys._getframe(1), list(ring.since(mark) or ())
            report(NAME, hearing, frame, _tell_feeds, hearing, frame, feeds, left)
            for result in results:
                report(NAME, hearing, frame, out_of_tensor, result, "Session.run", None)
        return results

    return run


def _tell_feeds(
    hearing: list[Recorder], frame: FrameType, feeds: dict[Any, Any], left: list[Span]
) -> None:
    for given, array in _fed(feeds, frame):
        report(NAME, hearing, frame, into_tensor, given, array, "Session.run", left)


def _fed(feeds: dict[Any, Any], frame: FrameType) -> Iterator[tuple[Any, Any]]:
    """Each array that was fed, with what the user gave for it; TensorFlow's handles left out."""
    arrays = list(feeds.values())
    given = _given(frame)
    if len(given) != len(arrays):  # not called by way of `_run`: the array is all that is known
        given = arrays
    handle = sys.modules["tensorflow.python.ops.session_ops"].TensorHandle
    for value, array in zip(given, arrays, strict=True):
        if not isinstance(value, handle) and isinstance(array, np.ndarray):
            yield value, array


def _given(frame: FrameType | None) -> list[Any]:
    """Values of the feeds as the user gave them, in their order (``_run``'s ``feed_map``)."""
    for _ in range(_DEPTH):
        if frame is None:
            break
        code = frame.f_code
        if code.co_name == "_run" and "feed_map" in code.co_varnames:
            names = frame.f_locals
            try:
                return [value for _, value in names.get("feed_map", {}).values()]
            finally:
                forget_snapshot(frame, names)
        frame = frame.f_back
    return []


_DEPTH = 8
"""Frames between the chokepoint and ``_run``: five in 2.21."""
