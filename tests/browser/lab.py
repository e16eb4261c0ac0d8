"""A JupyterLab of the tests' own on loopback, and pages of it in a headless Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Locator, Page, Playwright, Response

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}

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
        self._address = f"http://127.0.0.1:{_free_port()}"
        self._log = (directory / "lab.log").open("wb")
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        options = {
            "ServerApp.root_dir": self.notebooks,
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self._address.rpartition(":")[2],
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
        request = urllib.request.Request(f"{self._address}/api/status", headers=headers)
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

    @contextlib.contextmanager
    def executing(self, name: str) -> Iterator[None]:
        """Run a notebook in its file, not in Lab, while the block runs; nobody signs it."""
        command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--inplace"]
        command += ["--ExecutePreprocessor.timeout=60"]
        with subprocess.Popen(
            [*command, self.notebooks / name],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            yield
            said, _ = process.communicate()
        assert process.returncode == 0, said.decode()

    def _set(self, plugin: str, settings: dict[str, object]) -> None:
        path = self.directory / _SETTINGS / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")

    def open(self, browser: Browser, name: str, theme: str) -> Page:
        """A page with the notebook opened, whose outputs are those in the file."""
        self._set("themes", {"theme": THEMES[theme]})
        page = browser.new_page(viewport={"width": 1600, "height": 1100})
        page.set_default_timeout(60_000)
        page.goto(f"{self._address}/lab/tree/{name}?reset&token={self._token}")
        page.locator(f'body[data-jp-theme-name="{THEMES[theme]}"]').wait_for(state="attached")
        page.locator(".jp-CodeCell").first.wait_for()
        return page


def start_chromium(playwright: Playwright) -> Browser:
    """Debian's Chromium, which asks nothing of the network."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=_CHROMIUM_OPTIONS)


def run_all_cells(page: Page) -> None:
    """By the menu, once the notebook has its kernel: before that, Lab asks for one."""
    page.get_by_text("Python 3 | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


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
