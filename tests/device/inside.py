"""Pytest plugin of the child that `tests.device.own_process` starts: sends its reports."""

from __future__ import annotations

import os

from tests.device.own_process import REPORTS_TO


class Sender:
    """Writes every report to the parent, a literal on a line each: JSON has no tuples."""

    def __init__(self, config, descriptor):
        self._config = config
        os.set_inheritable(descriptor, False)
        self._out = os.fdopen(descriptor, "w", encoding="utf-8")

    def pytest_runtest_logreport(self, report):
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        print(repr(data), file=self._out, flush=True)


def pytest_configure(config):
    config.pluginmanager.register(Sender(config, int(os.environ.pop(REPORTS_TO))))
