"""Progress in a real kernel: shown while it takes long, nothing of it stays, Ctrl-C ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import Kernel, Output

MANY = "many = {number: np.zeros(2) for number in range(300_000)}"
"""What takes seconds to look at."""

EMPTY = {"text/plain": "", "text/html": ""}
SAID = ("Looking at", "Reading what")


@pytest.fixture
def impatient(kernel: Kernel) -> Iterator[Kernel]:
    """The kernel, which says at once what it would say after a second."""
    kernel.run("from tfnp_magic import tracing\ntfnp_magic.progress.PATIENCE_SECONDS = 0")
    kernel.run("long, tracing._LONG_PROFILE = tracing._LONG_PROFILE, -1")
    yield kernel
    kernel.run("tracing._LONG_PROFILE, tfnp_magic.progress.PATIENCE_SECONDS = long, 1")


def updates(outputs: list[Output]) -> list[dict[str, str]]:
    """What became of the output that progress was shown in, with its beginning."""
    return [o.data for o in outputs if o.kind == "update_display_data" or o.text.startswith(SAID)]


def test_progress_of_a_long_look_is_shown_and_leaves_nothing(impatient: Kernel) -> None:
    impatient.run(MANY)
    outcome = impatient.run("%tfnp_whos --deep -n 1")
    assert outcome.status == ("ok", "", "")
    first, *_, last = updates(outcome.outputs)
    assert first["text/plain"].startswith("Looking at objects: ")
    assert last == EMPTY
    assert outcome.kinds[0] == "display_data"
    assert "hold" in outcome.outputs[-1].text


def test_of_a_short_look_no_progress_is_shown(kernel: Kernel) -> None:
    assert kernel.run("%tfnp_whos --deep").kinds == ["display_data"]


def test_ctrl_c_ends_a_long_look_at_once_and_it_works_again(
    impatient: Kernel,
) -> None:
    impatient.run(MANY)
    interrupted: list[Output] = []

    def interrupt(output: Output) -> None:
        if not interrupted:
            interrupted.append(output)
            impatient.manager.interrupt_kernel()

    outcome = impatient.run("%tfnp_whos --deep -o table", during=interrupt)
    assert interrupted[0].text.startswith("Looking at objects: ")
    assert outcome.status == ("error", "KeyboardInterrupt", "")
    assert updates(outcome.outputs)[-1] == EMPTY
    assert outcome.kinds[-1] == "error"
    assert impatient.value("'table' in globals()") is False
    impatient.run("del many\ntfnp_magic.progress.PATIENCE_SECONDS = 1")
    shown = impatient.run("%tfnp_whos --deep")
    assert shown.kinds == ["display_data"]
    assert shown.text("display_data").startswith("2 ")


GRAPH = "f = tf.function(lambda x: tf.cast(x, tf.float16)); f(t);"


def test_reading_a_long_profile_is_told_and_leaves_only_the_report(impatient: Kernel) -> None:
    impatient.run(GRAPH)
    outcome = impatient.run("%%interop_trace --graph\nf(t);")
    assert [data.get("text/plain") for data in updates(outcome.outputs)] == [
        "Reading what graphs did",
        "",
    ]
    assert outcome.kinds[-1] == "report"
    assert len(outcome.reports) == 1


def test_of_reading_a_short_profile_nothing_is_told(kernel: Kernel) -> None:
    kernel.run(GRAPH)
    assert kernel.run("%%interop_trace --graph\nf(t);").kinds == ["report"]


def test_an_unloaded_extension_shows_no_progress(bare_kernel: Kernel) -> None:
    bare_kernel.run("from tfnp_magic import progress\n%unload_ext tfnp_magic")
    assert bare_kernel.run("with progress.of('Working', at_once=True): pass").outputs == []
