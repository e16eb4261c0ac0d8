"""Real TensorFlow with accelerators, in a process that has no other tests.

``--accelerator cuda`` measures a GPU by TensorFlow's profiler instead of the fake accelerator.
"""

from __future__ import annotations

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from tests.device import table
from tests.device.own_process import INSIDE, OwnProcess


def pytest_configure(config):
    if not config.pluginmanager.has_plugin(INSIDE):
        kind = config.getoption("--accelerator")
        folder, options = pathlib.Path(__file__).parent, ("--accelerator", kind)
        config.pluginmanager.register(OwnProcess(folder, options, _environment(kind)))


def _environment(kind):
    """GPUs hidden for the fake, and not as tests/contract hides them from itself."""
    if kind == "fake":
        return {"CUDA_VISIBLE_DEVICES": "-1"}
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "-1":
        return {"CUDA_VISIBLE_DEVICES": None}
    return {}


@pytest.fixture(scope="session")
def accelerator(pytestconfig):
    """The fake accelerator, loaded before TensorFlow looks for devices, beside two CPUs."""
    if pytestconfig.getoption("--accelerator") != "fake":
        pytest.skip("needs the fake accelerator")
    from tests.device import accelerator as fake
    from tests.device import machines

    if why := fake.unavailable():
        pytest.skip(why)
    loaded = fake.load()
    machines.split_cpu()
    return loaded


@pytest.fixture(scope="session")
def machine(request):
    """The devices that rows run on, and the oracle that knows what they moved."""
    from tests.device import machines

    if request.config.getoption("--accelerator") == "fake":
        return machines.with_fake(request.getfixturevalue("accelerator"))
    machines.split_cpu()
    if why := machines.cuda_unavailable():
        pytest.skip(why)
    return machines.with_cuda()


def pytest_terminal_summary(terminalreporter):
    table.write(terminalreporter)
