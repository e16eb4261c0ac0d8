"""A JupyterLab of the tests' own on loopback, and pages of it in a headless Chromium.

The same server serves Notebook 7, which is an extension of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, Response

from .needs import CHROMIUM

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
APPLICATIONS = {"lab": "lab/tree/{}?reset&", "notebook": "notebooks/{}?"}
"""JupyterLab and Notebook 7, and their addresses of a notebook."""

_CHROMIUM_OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip
_SETTINGS = Path("config", "lab", "user-settings", "@jupyterlab", "apputils-extension")


class Lab:
    """A running JupyterLab whose files, settings and kernels stay below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.notebooks = directory / "notebooks"
        self.notebooks.mkdir()
        _write_kernel(directory / "share" / "kernels" / "python3")
        self._set("notification", {"fetchNews": "false", "checkForUpdates": False})
        self._token = secrets.token_hex(16)
        self.address = f"http://127.0.0.1:{_free_port()}"
        self._log = (directory / "lab.log").open("wb")
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        options = {
            "ServerApp.root_dir": self.notebooks,
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.address.rpartition(":")[2],
            "ServerApp.port_retries": 0,
            "ServerApp.allow_root": True,
            "IdentityProvider.token": self._token,
            "LabApp.extension_manager": "readonly",
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        }
        command = [sys.executable, "-m", "jupyterlab", "--no-browser"]
        command += [f"--{name}={value}" for name, value in options.items()]
        return subprocess.Popen(
            command, env=self.environment, stdout=self._log, stderr=subprocess.STDOUT
        )

    @property
    def environment(self) -> dict[str, str]:
        places = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTER_PATH": "share",
            "IPYTHONDIR": "ipython",
        }
        places = {name: str(self.directory / place) for name, place in places.items()}
        return {**os.environ, **places, "TF_CPP_MIN_LOG_LEVEL": "3"}

    def wait_until_ready(self) -> None:
        """Return when the server answers; say what it logged if it ended instead."""
        wait_until(lambda: self._process.poll() is not None or self._answers())
        assert self._process.poll() is None, Path(self._log.name).read_text(encoding="utf-8")

    def _answers(self) -> bool:
        headers = {"Authorization": f"token {self._token}"}
        request = urllib.request.Request(f"{self.address}/api/status", headers=headers)
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=10):
            return True
        return False

    def close(self) -> None:
        """End the server, which ends its kernels."""
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def write(self, name: str, cells: Sequence[str]) -> None:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, self.notebooks / name)

    def _set(self, plugin: str, settings: dict[str, object]) -> None:
        path = self.directory / _SETTINGS / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")

    def open(
        self, browser: Browser | BrowserContext, name: str, theme: str, application: str = "lab"
    ) -> Page:
        """A page with the notebook opened, whose outputs are those in the file."""
        self._set("themes", {"theme": THEMES[theme]})
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.set_viewport_size({"width": 1600, "height": 1100})
        page.goto(f"{self.address}/{APPLICATIONS[application].format(name)}token={self._token}")
        wait_for_theme(page, theme)
        page.locator(".jp-CodeCell").first.wait_for()
        return page


def start_chromium(playwright: Playwright) -> Browser:
    """Debian's Chromium, which asks nothing of the network."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=_CHROMIUM_OPTIONS)


def wait_for_theme(page: Page, theme: str) -> None:
    page.locator(f'body[data-jp-theme-name="{THEMES[theme]}"]').wait_for(state="attached")


def choose_theme(page: Page, theme: str) -> None:
    """By the menu; nothing is loaded anew but the theme's style."""
    if page.locator("body").get_attribute("data-jp-theme-name") != THEMES[theme]:
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        for label in ("Theme", THEMES[theme]):
            page.locator(".lm-Menu-itemLabel").get_by_text(label, exact=True).click()
        wait_for_theme(page, theme)


def draw_anew(page: Page) -> None:
    """Return when the page has been laid out and painted again."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def run_all_cells(page: Page) -> None:
    """By the menu, once the notebook has its kernel: before that, Lab asks for one."""
    page.get_by_text("Python 3 | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def add_cell(page: Page) -> None:
    """A new one below the last, and the cursor in it, by the keyboard."""
    page.locator(".jp-CodeCell").last.locator(".cm-content").click()
    for key in ("Escape", "b", "Enter"):
        page.keyboard.press(key)


def type_and_run(page: Page, source: str) -> None:
    """Key by key, into the cell that has the cursor; then the cursor is in the next cell."""
    for number, line in enumerate(source.split("\n")):
        if number:
            page.keyboard.press("Enter")
            page.keyboard.press("Shift+Home")  # the line's own spaces replace those of the editor
        page.keyboard.type(line)
    page.keyboard.press("Shift+Enter")


def save(page: Page) -> None:
    """By the keyboard; Lab signs what its user ran."""
    with page.expect_response(_is_saving) as answer:
        page.keyboard.press("Control+s")
    assert answer.value.ok


def _is_saving(answer: Response) -> bool:
    return answer.request.method == "PUT" and "/api/contents/" in answer.url


def outputs(page: Page, cell: int) -> Locator:
    """The outputs of a code cell, from the top down, with their prompts."""
    return page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-child")


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)


def _write_kernel(directory: Path) -> None:
    """A kernel of this interpreter, whatever the machine's own "python3" is."""
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python"}
    directory.mkdir(parents=True)
    (directory / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
